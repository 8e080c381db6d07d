"""How errors of coordinates add up: some are shared, and cancel in a difference or add up in a sum.

The constant errors are those of `biopose.skeleton.constant_errors`: the pelvis's tilt turns hip flexion and lumbar
extension the other way, and both sides err alike. What varies through the trial is shared likewise in the sagittal
plane: on film of ten synthetic jumps the errors of tilt and hip flexion correlate by -0.91, those of tilt and lumbar
extension by -0.92, of both knees by 0.82, both hips 0.96, both ankles 0.98, about each trial's mean. All else is taken
as independent. What film does not show of the pelvis's tilt is in the deviation of hip flexion alone, since the tilt's
own holds it: in a sum with the tilt, such as the thigh's inclination, which film does show, it cancels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.skeleton.constant_errors import PELVIS_TILT, TURNED_WITH_PELVIS, constant_sd_rad, without_side

UNSEEN_TILT = "unseen_tilt"  # of a person's pelvis, on film

Slopes = Mapping[str, "FloatArray | float"]

# Of a coordinate's varying error: with which it is shared, and its correlation with that.
SHARED: Mapping[str, tuple[str, float]] = {
    PELVIS_TILT: (PELVIS_TILT, 1.0),
    **dict.fromkeys(TURNED_WITH_PELVIS, (PELVIS_TILT, -0.9)),
    "knee_angle": ("knee_angle", 0.9),
    "ankle_angle": ("ankle_angle", 0.9),
}


def sd_of_sum(motion: Motion, slopes: Slopes) -> FloatArray:
    """(T,) standard deviation of a sum of coordinates, each times a slope.

    Args:
        motion: the trial.
        slopes: of each coordinate, (T,) or of all frames.
    """
    return np.hypot(varying_sd_of_sum(motion, slopes), _constant_sd_of_sum(motion, slopes))


def varying_sd_of_sum(motion: Motion, slopes: Slopes) -> FloatArray:
    """(T,) likewise, of what varies through the trial alone: for the change from one frame to another."""
    parts = []
    for coordinate, slope in slopes.items():
        error = slope * motion.varying_sd[coordinate]
        shared, correlation = SHARED.get(without_side(coordinate), ("", 0.0))
        parts += [(shared, correlation * error), (coordinate, np.sqrt(1 - correlation**2) * error)]
    return _of_independent(parts, len(motion))


def person_sd_of_sum(motion: Motion, slopes: Slopes) -> FloatArray:
    """(T,) likewise, of what is the same in every trial of a person: of the constant errors, those of the frames.

    Without that of an angle that film does not show, which differs from trial to trial as the angle does.
    """
    names = list(motion.constant_sd)
    of_frames = dict(zip(names, np.degrees(constant_sd_rad(names)).tolist(), strict=True))
    constant_sd = {name: min(sd, of_frames[name]) for name, sd in motion.constant_sd.items()}
    return _constant_sd_of_sum(replace(motion, constant_sd=constant_sd), slopes)


def _constant_sd_of_sum(motion: Motion, slopes: Slopes) -> FloatArray:
    parts, unseen_sd = list[tuple[str, FloatArray | float]](), 0.0
    pelvis_sd = motion.constant_sd.get(PELVIS_TILT, 0.0)
    of_frames = np.degrees(constant_sd_rad(list(slopes))).tolist()
    for (coordinate, slope), frames_sd in zip(slopes.items(), of_frames, strict=True):
        name, own_sd = without_side(coordinate), motion.constant_sd.get(coordinate, 0.0)
        if name in TURNED_WITH_PELVIS:
            parts.append((PELVIS_TILT, -slope * pelvis_sd))
            if (tilt_sd := _beyond(own_sd, frames_sd)) > 0:
                parts.append((UNSEEN_TILT, -slope * tilt_sd))
                own_sd, unseen_sd = frames_sd, tilt_sd
            own_sd = _beyond(own_sd, pelvis_sd)
        parts.append((name, slope * own_sd))
    if PELVIS_TILT in slopes:
        parts.append((UNSEEN_TILT, slopes[PELVIS_TILT] * unseen_sd))
    return _of_independent(parts, len(motion))


def _beyond(sd: float, part_sd: float) -> float:
    """What is left of a standard deviation without an independent part of it."""
    return float(np.sqrt(max(sd**2 - part_sd**2, 0.0)))


def _of_independent(parts: Iterable[tuple[str, FloatArray | float]], frames: int) -> FloatArray:
    """(T,) standard deviation of the sum of errors; those of one name are the same error."""
    sums: dict[str, FloatArray | float] = {}
    for name, part in parts:
        sums[name] = sums.get(name, 0.0) + part
    return np.asarray(np.linalg.norm([np.broadcast_to(one, frames) for one in sums.values()], axis=0))
