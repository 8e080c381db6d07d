"""Metrics of the posture in squats: how far the trunk leans and the hips shift to a side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from biopose.analysis.angle_errors import sd_of_sum
from biopose.analysis.body_geometry import (
    TRUNK_LEAN,
    frontal_knee_deg,
    frontal_knee_slopes,
    lacking,
    of_both_sides,
    to_the_right,
    trunk_lean_deg,
)
from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.definitions import unknown_metric
from biopose.analysis.extremes import peak
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Metric

POSE = ("pelvis_tilt", "pelvis_list", "lumbar_extension")


def squat_posture(motion: Motion) -> Iterator[Metric]:
    """Greatest lean, shift of the hips and frontal-plane angle of each knee over the frames that can be trusted.

    Null with the reason where the camera moves, since the vertical is not known, or where markers are missing.

    Args:
        motion: of squats.
    """
    if motion.world_unknown:
        yield from (unknown_metric(name, reason=motion.world_unknown) for name in ("trunk_lean_peak", "hip_shift_peak"))
        for side in SIDES:
            yield unknown_metric("knee_frontal_angle_peak", side=side, reason=motion.world_unknown)
        return
    if not motion.trusted.any():
        return
    if reason := lacking(motion, of_both_sides("hip", "shoulder")):
        yield unknown_metric("trunk_lean_peak", reason=reason)
    else:
        values = trunk_lean_deg(motion), sd_of_sum(motion, TRUNK_LEAN)
        yield from _peak(motion, "trunk_lean_peak", *values, rests_on=POSE)
    legs = [*of_both_sides("hip_flexion", "hip_adduction", "knee_angle"), *POSE[:2]]
    yield from _hip_shift(motion, legs)
    for side in SIDES:
        if reason := lacking(motion, of_both_sides("hip", "knee", "ankle")):
            yield unknown_metric("knee_frontal_angle_peak", side=side, reason=reason)
        else:
            values = frontal_knee_deg(motion, side), sd_of_sum(motion, frontal_knee_slopes(motion, side))
            yield from _peak(motion, "knee_frontal_angle_peak", *values, rests_on=legs, side=side)


def _hip_shift(motion: Motion, legs: Sequence[str]) -> Iterator[Metric]:
    """Of the middle of the hips from the middle of the ankles, along the line of the ankles; its sign is kept."""
    if reason := lacking(motion, of_both_sides("hip", "ankle")):
        yield unknown_metric("hip_shift_peak", reason=reason)
        return
    hips_m, ankles_m = (
        (motion.points_m[f"{joint}_l"] + motion.points_m[f"{joint}_r"]) / 2 for joint in ("hip", "ankle")
    )
    shift_m = ((hips_m - ankles_m) * to_the_right(motion, "ankle")).sum(axis=1)
    # An error of one leg's adduction moves the hips' middle by half of what it moves that leg's own.
    lever = np.radians((hips_m - ankles_m)[:, 1])
    sd_m = sd_of_sum(motion, {"hip_adduction_l": lever / 2, "hip_adduction_r": -lever / 2, "pelvis_list": lever})
    farthest = np.where(motion.trusted & np.isfinite(shift_m), np.abs(shift_m), -1.0).argmax()
    sign = -1.0 if shift_m[farthest] < 0 else 1.0
    for one in _peak(motion, "hip_shift_peak", sign * shift_m, sd_m, rests_on=legs):
        yield one if one.value is None else replace(one, value=sign * one.value)


def _peak(
    motion: Motion,
    name: str,
    values: FloatArray,
    sd: FloatArray,
    *,
    rests_on: Sequence[str],
    side: Side | None = None,
) -> Iterator[Metric]:
    """The greatest of a quantity (T,) that rests on coordinates, as `extremes.peak` finds that of a coordinate."""
    gaps = motion.not_determined(rests_on)
    one = replace(
        motion,
        coordinates={name: values},
        coordinate_sd={name: sd},
        undetermined={name: gaps} if gaps.any() else {},
    )
    yield from peak(one, np.ones(len(motion), dtype=np.bool_), name, (name,), side=side or "none")
