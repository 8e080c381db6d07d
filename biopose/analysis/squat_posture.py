"""Metrics of the posture in squats: how far the trunk leans and the hips shift to a side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from biopose.analysis.angle_errors import Slopes, person_sd_of_sum, sd_of_sum, varying_sd_of_sum
from biopose.analysis.body_geometry import (
    LEG,
    TRUNK_LEAN,
    UP,
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
    hips_m, ankles_m = (
        (motion.points_m[f"{joint}_l"] + motion.points_m[f"{joint}_r"]) / 2 for joint in ("hip", "ankle")
    )
    shift_m = ((hips_m - ankles_m) * to_the_right(motion, "ankle")).sum(axis=1)
    curve = _curve(motion, shift_m, _hip_shift_slopes(motion, hips_m - ankles_m), legs)
    yield from peak(motion, np.ones(len(motion), dtype=np.bool_), "hip_shift_peak", curve, either_sign=True)


def _hip_shift_slopes(motion: Motion, from_ankles_m: FloatArray) -> Slopes:
    """By how much the hips' shift changes with each coordinate, metres a degree.

    An error of one leg's adduction or rotation moves the hips' middle by half of what it moves that leg's ankle; one of
    its flexion moves the ankle forwards or backwards, and turns the line of the ankles, behind which the hips are.
    """
    across_m = motion.points_m["ankle_r"] - motion.points_m["ankle_l"]
    width_m = np.linalg.norm(across_m[:, [0, 2]], axis=1).clip(min=LEAST_WIDTH_M)
    behind = (from_ankles_m * np.cross(UP, to_the_right(motion, "ankle"))).sum(axis=1) / width_m
    slopes = {"pelvis_list": np.radians(from_ankles_m[:, 1])}
    for side, sign in zip(SIDES, (1, -1), strict=True):
        letter = side[0]
        hip_m, knee_m, ankle_m = (motion.points_m[f"{joint}_{letter}"] for joint in LEG)
        bent_m = np.linalg.norm(knee_m - ankle_m, axis=1) * np.sin(np.radians(motion.joint_deg("knee_angle", side)))
        in_degrees = sign * np.radians(1.0)
        slopes[f"hip_adduction_{letter}"] = in_degrees * from_ankles_m[:, 1] / 2
        slopes[f"hip_rotation_{letter}"] = in_degrees * bent_m / 2
        slopes[f"hip_flexion_{letter}"] = in_degrees * behind * (hip_m - ankle_m)[:, 1]
        slopes[f"knee_angle_{letter}"] = in_degrees * behind * (knee_m - ankle_m)[:, 1]
    return slopes


def _curve(motion: Motion, values: FloatArray, slopes: Slopes, rests_on: Sequence[str]) -> Curve:
    """A quantity (T,) that changes with coordinates, and rests on these or others."""
    sds = sd_of_sum(motion, slopes), varying_sd_of_sum(motion, slopes)
    return Curve(values, *sds, rests_on, person_sd_of_sum(motion, slopes))
