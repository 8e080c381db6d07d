"""How fast the feet move, over the ground or over a treadmill's belt."""

from __future__ import annotations

import numpy as np

from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.derivatives import derivative
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion

RESTS_UP_TO_M_S = 0.4  # of a foot's slowest point
SPEED_WINDOW_S = 0.03
LOWEST = 0.1  # quantile of a point's heights
LOW_M, LEVEL_M_S = 0.02, 0.15  # of points that a treadmill may carry


def foot_speed_m_s(motion: Motion, side: Side) -> FloatArray:
    """(T,) of the foot's slowest point, over the ground or a treadmill's belt."""
    velocity = _velocity_m_s(motion, side) - belt_velocity_m_s(motion)
    return np.asarray(np.linalg.norm(velocity, axis=-1).min(axis=1))


def belt_velocity_m_s(motion: Motion) -> FloatArray:
    """(3,) how a treadmill carries the feet: the usual velocity of points that are low and neither rise nor sink.

    Zeros where these points are still, as on the ground, or do not agree.
    """
    usual = []
    for side in SIDES:
        velocity, heights_m = _velocity_m_s(motion, side), motion.foot_points_m[side][..., 1]
        low = heights_m < np.quantile(heights_m, LOWEST, axis=0) + LOW_M
        usual.append(velocity[low & (np.abs(velocity[..., 1]) < LEVEL_M_S)])
    carried = np.concatenate(usual)
    if not len(carried):
        return np.zeros(3)
    middle = np.median(carried, axis=0) * [1, 0, 1]
    agree = np.median(np.linalg.norm(carried - middle, axis=1)) < RESTS_UP_TO_M_S / 2
    return np.asarray(middle if agree and np.linalg.norm(middle) > RESTS_UP_TO_M_S else np.zeros(3))


def _velocity_m_s(motion: Motion, side: Side) -> FloatArray:
    return derivative(motion.foot_points_m[side], motion.time_s, order=1, degree=1, half_window_s=SPEED_WINDOW_S)
