"""Metrics of the posture in squats: how far the trunk leans and the hips shift to a side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from biopose.analysis.angle_errors import Slopes, person_sd_of_sum, sd_of_sum, varying_sd_of_sum
from biopose.analysis.body_geometry import (
    TRUNK_LEAN,
    UP,
    ankle_slopes,
    frontal_knee_deg,
    frontal_knee_slopes,
    lacking,
    of_both_sides,
    to_the_right,
    trunk_lean_deg,
)
from biopose.analysis.body_points import SIDES
from biopose.analysis.definitions import unknown_metric
from biopose.analysis.extremes import Curve, peak
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Metric

LEAST_WIDTH_M = 0.1  # between the ankles: less, and their line has no direction
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
    everywhere = np.ones(len(motion), dtype=np.bool_)
    if reason := lacking(motion, of_both_sides("hip", "shoulder")):
        yield unknown_metric("trunk_lean_peak", reason=reason)
    else:
        lean = _curve(motion, trunk_lean_deg(motion), TRUNK_LEAN, POSE)
        yield from peak(motion, everywhere, "trunk_lean_peak", lean)
    legs = [*of_both_sides("hip_flexion", "hip_adduction", "knee_angle"), *POSE[:2]]
    yield from _hip_shift(motion, legs)
    for side in SIDES:
        if reason := lacking(motion, of_both_sides("hip", "knee", "ankle")):
            yield unknown_metric("knee_frontal_angle_peak", side=side, reason=reason)
        else:
            knee = _curve(motion, frontal_knee_deg(motion, side), frontal_knee_slopes(motion, side), legs)
            yield from peak(motion, everywhere, "knee_frontal_angle_peak", knee, side=side)


def _hip_shift(motion: Motion, legs: Sequence[str]) -> Iterator[Metric]:
    """Of the middle of the hips from the middle of the ankles, along the line of the ankles; its sign is kept."""
    if reason := lacking(motion, of_both_sides("hip", "ankle")):
        yield unknown_metric("hip_shift_peak", reason=reason)
        return
    curve = _curve(motion, hip_shift_m(motion), hip_shift_slopes(motion), legs)
    yield from peak(motion, np.ones(len(motion), dtype=np.bool_), "hip_shift_peak", curve, either_sign=True)


def hip_shift_m(motion: Motion) -> FloatArray:
    """(T,) how far the middle of the hips lies to the right of that of the ankles, along the line of the ankles."""
    return np.asarray((_from_ankles_m(motion) * to_the_right(motion, "ankle")).sum(axis=1))


def _from_ankles_m(motion: Motion) -> FloatArray:
    hips_m, ankles_m = (
        (motion.points_m[f"{joint}_l"] + motion.points_m[f"{joint}_r"]) / 2 for joint in ("hip", "ankle")
    )
    return np.asarray(hips_m - ankles_m)


def hip_shift_slopes(motion: Motion) -> Slopes:
    """By how much the hips' shift changes with each coordinate, metres a degree.

    An ankle that moves along the line of the ankles moves their middle by half as much; one that moves across turns
    the line, behind which the hips are. The pelvis's tilt and rotation turn hips and ankles together.
    """
    across_m = motion.points_m["ankle_r"] - motion.points_m["ankle_l"]
    width_m = np.linalg.norm(across_m[:, [0, 2]], axis=1).clip(min=LEAST_WIDTH_M)
    along = to_the_right(motion, "ankle")
    ahead = np.cross(UP, along)
    ahead_of_line = (_from_ankles_m(motion) * ahead).sum(axis=1) / width_m
    slopes: dict[str, FloatArray | float] = {}
    for side, sign in zip(SIDES, (-1, 1), strict=True):
        turning = ankle_slopes(motion, side, ahead)
        for name, moved_m in ankle_slopes(motion, side, along).items():
            if name not in ("pelvis_tilt", "pelvis_rotation"):
                slopes[name] = slopes.get(name, 0.0) - moved_m / 2 + sign * ahead_of_line * turning[name]
    return slopes


def _curve(motion: Motion, values: FloatArray, slopes: Slopes, rests_on: Sequence[str]) -> Curve:
    """A quantity (T,) that changes with coordinates, and rests on these or others."""
    sds = sd_of_sum(motion, slopes), varying_sd_of_sum(motion, slopes)
    return Curve(values, *sds, rests_on, person_sd_of_sum(motion, slopes))
