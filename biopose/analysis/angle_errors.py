"""How errors of coordinates add up: what is constant through a trial is shared, the rest is not.

The constant errors are those of `biopose.skeleton.constant_errors`: the pelvis's tilt turns hip flexion and lumbar
extension the other way, and both sides err alike, so that they cancel in some sums. What varies is taken as independent
between coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.skeleton.constant_errors import PELVIS_TILT, TURNED_WITH_PELVIS, without_side

Slopes = Mapping[str, "FloatArray | float"]


def sd_of_sum(motion: Motion, slopes: Slopes) -> FloatArray:
    """(T,) standard deviation of a sum of coordinates, each times a slope.

    Args:
        motion: the trial.
        slopes: of each coordinate, (T,) or of all frames.
    """
    return np.hypot(varying_sd_of_sum(motion, slopes), _constant_sd_of_sum(motion, slopes))


def varying_sd_of_sum(motion: Motion, slopes: Slopes) -> FloatArray:
    """(T,) likewise, of what varies through the trial alone: for the change from one frame to another."""
    return np.asarray(np.linalg.norm([slope * motion.varying_sd[name] for name, slope in slopes.items()], axis=0))


def _constant_sd_of_sum(motion: Motion, slopes: Slopes) -> FloatArray:
    """(T,) of the independent errors: the pelvis's, and of each joint what is its own."""
    shares: dict[str, FloatArray | float] = {}
    for coordinate, slope in slopes.items():
        name = without_side(coordinate)
        shares[name] = shares.get(name, 0.0) + slope
        if name in TURNED_WITH_PELVIS:
            shares[PELVIS_TILT] = shares.get(PELVIS_TILT, 0.0) - slope
    own_sd = {without_side(name): motion.constant_sd.get(name, 0.0) for name in (*slopes, PELVIS_TILT)}
    for name in own_sd.keys() & set(TURNED_WITH_PELVIS):
        own_sd[name] = float(np.sqrt(max(own_sd[name] ** 2 - own_sd[PELVIS_TILT] ** 2, 0.0)))
    parts = [np.broadcast_to(share * own_sd[name], len(motion)) for name, share in shares.items()]
    return np.asarray(np.linalg.norm(parts, axis=0))
