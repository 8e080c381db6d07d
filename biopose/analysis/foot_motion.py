"""How fast the feet move, over the ground or over a treadmill's belt."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biopose.analysis.body_points import Side
from biopose.analysis.derivatives import derivative
from biopose.analysis.measured_trial import FloatArray

RESTS_UP_TO_M_S = 0.4  # of a foot's slowest point
MOVES_FROM_M_S = 0.8  # likewise: the other end of the hysteresis
SPEED_WINDOW_S = 0.03
LOWEST = 0.1  # quantile of a point's heights
LOW_M, LEVEL_M_S = 0.02, 0.15  # of points that a treadmill may carry


def foot_speeds_m_s(points_m: Mapping[Side, FloatArray], time_s: FloatArray) -> dict[Side, FloatArray]:
    """By side, (T,) of the foot's slowest point, over the ground or a treadmill's belt.

    Args:
        points_m: by side, (T, P, 3) points of the foot, y up.
        time_s: (T,) increasing.
    """
    velocities = _velocities_m_s(points_m, time_s)
    belt = _belt_velocity_m_s(points_m, velocities)
    return {side: np.linalg.norm(velocity - belt, axis=-1).min(axis=1) for side, velocity in velocities.items()}


def belt_velocity_m_s(points_m: Mapping[Side, FloatArray], time_s: FloatArray) -> FloatArray:
    """(3,) velocity of a treadmill's belt: the median of the foot points in contact, which are low and move level.

    Zeros where these points are still, as on the ground, or do not agree.

    Args:
        points_m: by side, (T, P, 3) points of the foot, y up.
        time_s: (T,) increasing.
    """
    return _belt_velocity_m_s(points_m, _velocities_m_s(points_m, time_s))


def _velocities_m_s(points_m: Mapping[Side, FloatArray], time_s: FloatArray) -> dict[Side, FloatArray]:
    return {
        side: derivative(points, time_s, order=1, degree=1, half_window_s=SPEED_WINDOW_S)
        for side, points in points_m.items()
    }


def _belt_velocity_m_s(points_m: Mapping[Side, FloatArray], velocities: Mapping[Side, FloatArray]) -> FloatArray:
    usual = []
    for side, velocity in velocities.items():
        heights_m = points_m[side][..., 1]
        low = heights_m < np.quantile(heights_m, LOWEST, axis=0) + LOW_M
        usual.append(velocity[low & (np.abs(velocity[..., 1]) < LEVEL_M_S)])
    carried = np.concatenate(usual)
    if not len(carried):
        return np.zeros(3)
    middle = np.median(carried, axis=0) * [1, 0, 1]
    agree = np.median(np.linalg.norm(carried - middle, axis=1)) < RESTS_UP_TO_M_S / 2
    return np.asarray(middle if agree and np.linalg.norm(middle) > RESTS_UP_TO_M_S else np.zeros(3))
