"""How fast the feet move, over the ground or over a treadmill's belt."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import Side
from biopose.analysis.derivatives import derivative
from biopose.analysis.measured_trial import FloatArray

RESTS_UP_TO_M_S = 0.4  # of a foot's slowest point
MOVES_FROM_M_S = 0.8  # likewise: the other end of the hysteresis
SPEED_WINDOW_S = 0.03
LOWEST = 0.1  # quantile of a point's heights
LOW_M, LEVEL_M_S = 0.02, 0.15  # of points that a treadmill may carry
BELT_WINDOW_S, BELT_STEP_S = 0.75, 0.25  # half of the time over which a belt's speed is taken, and between these times
FOOT_ADVANCE = 0.25  # of the belt's speed: feet that come farther its way, on the whole, are carried by no belt
SAME_WAY = 0.9  # cosine of the angle between two belts, or one belt at two times

Velocities = Mapping[Side, FloatArray]


def foot_speeds_m_s(points_m: Mapping[Side, FloatArray], time_s: FloatArray) -> dict[Side, FloatArray]:
    """By side, (T,) of the foot's slowest point, over the ground or a treadmill's belt.

    Args:
        points_m: by side, (T, P, 3) points of the foot, y up.
        time_s: (T,) increasing.
    """
    velocities = _velocities_m_s(points_m, time_s)
    belts = _belt_velocities_m_s(points_m, velocities, time_s)
    return {
        side: np.linalg.norm(velocity - belts[side][:, None], axis=-1).min(axis=1)
        for side, velocity in velocities.items()
    }


def belt_velocities_m_s(points_m: Mapping[Side, FloatArray], time_s: FloatArray) -> dict[Side, FloatArray]:
    """By side, (T, 3) velocity of the treadmill's belt under the foot: the median of foot points that it carries.

    These are low and move level. If they agree there is one belt of one speed, else one under either foot whose speed
    changes slowly, as on a split-belt treadmill, or on one that is started or sped up. Zeros where these points are
    still, as on the ground, or do not agree.

    Args:
        points_m: by side, (T, P, 3) points of the foot, y up.
        time_s: (T,) increasing.
    """
    return _belt_velocities_m_s(points_m, _velocities_m_s(points_m, time_s), time_s)


def _velocities_m_s(points_m: Mapping[Side, FloatArray], time_s: FloatArray) -> dict[Side, FloatArray]:
    return {
        side: derivative(points, time_s, order=1, degree=1, half_window_s=SPEED_WINDOW_S)
        for side, points in points_m.items()
    }


def _belt_velocities_m_s(
    points_m: Mapping[Side, FloatArray], velocities: Velocities, time_s: FloatArray
) -> dict[Side, FloatArray]:
    carried = {side: _carried(points_m[side], velocities[side]) for side in velocities}
    belts = _of_one_speed(carried, velocities)
    if belts is None or any(_moves(one) for one in belts.values()):
        varying = _of_varying_speed(carried, velocities, time_s)
        if varying is not None and (belts is None or _apart_m_s(belts, varying) > RESTS_UP_TO_M_S / 2):
            return varying
    return belts or {side: np.zeros((len(time_s), 3)) for side in velocities}


def _carried(points_m: FloatArray, velocity: FloatArray) -> NDArray[np.bool_]:
    """(T, P) the points of a foot that are low and move level."""
    heights_m = points_m[..., 1]
    low = heights_m < np.quantile(heights_m, LOWEST, axis=0) + LOW_M
    return np.asarray(low & (np.abs(velocity[..., 1]) < LEVEL_M_S))


def _of_one_speed(carried: Mapping[Side, NDArray[np.bool_]], velocities: Velocities) -> dict[Side, FloatArray] | None:
    """The median of all points that are carried, zeros if it is that of the ground; None where they do not agree."""
    together = np.concatenate([velocity[carried[side]] for side, velocity in velocities.items()])
    if not len(together):
        return None
    middle = np.median(together, axis=0) * [1, 0, 1]
    if np.median(np.linalg.norm(together - middle, axis=1)) >= RESTS_UP_TO_M_S / 2:
        return None
    belt = middle if np.linalg.norm(middle) > RESTS_UP_TO_M_S else np.zeros(3)
    return {side: np.tile(belt, (len(velocity), 1)) for side, velocity in velocities.items()}


def _of_varying_speed(
    carried: Mapping[Side, NDArray[np.bool_]], velocities: Velocities, time_s: FloatArray
) -> dict[Side, FloatArray] | None:
    """Each foot's belt through time; None where the points do not agree with it, or feet do not come back over it."""
    belts = {side: _running_median(velocity, carried[side], time_s) for side, velocity in velocities.items()}
    moving = [one for belt in belts.values() if belt is not None for one in belt[_moving(belt)]]
    if not moving or any(belt is None or not _moves(belt) for belt in belts.values()):
        return None
    way = np.mean(moving, axis=0) / np.linalg.norm(np.mean(moving, axis=0))
    if min(one @ way / np.linalg.norm(one) for one in moving) < SAME_WAY:
        return None
    for side, velocity in velocities.items():
        belt = belts[side]
        assert belt is not None
        off = np.linalg.norm((velocity - belt[:, None])[carried[side]], axis=-1)
        advance_m_s = np.median(velocity, axis=1).mean(axis=0) @ way
        if np.median(off) >= RESTS_UP_TO_M_S / 2 or advance_m_s > FOOT_ADVANCE * (belt @ way).mean():
            return None
    return {side: belt for side, belt in belts.items() if belt is not None}


def _running_median(velocity: FloatArray, carried: NDArray[np.bool_], time_s: FloatArray) -> FloatArray | None:
    """(T, 3) horizontal, of the points that are carried, of BELT_WINDOW_S to either side; None where there are none."""
    frames, _ = np.nonzero(carried)
    found_m_s, found_s = velocity[carried] * [1, 0, 1], time_s[frames]
    at_s = np.arange(time_s[0], time_s[-1] + BELT_STEP_S, BELT_STEP_S)
    first, last = np.searchsorted(found_s, [at_s - BELT_WINDOW_S, at_s + BELT_WINDOW_S])
    there = np.flatnonzero(last > first)
    if not len(there):
        return None
    medians = np.stack([np.median(found_m_s[first[i] : last[i]], axis=0) for i in there])
    return np.stack([np.interp(time_s, at_s[there], column) for column in medians.T], axis=1)


def _moving(belt: FloatArray) -> NDArray[np.bool_]:
    """(T,) when a belt (T, 3) moves faster than a foot that rests may."""
    return np.asarray(np.linalg.norm(belt, axis=1) > RESTS_UP_TO_M_S)


def _moves(belt: FloatArray) -> bool:
    return bool(_moving(belt).any())


def _apart_m_s(belts: Velocities, others: Velocities) -> float:
    """The most by which belts (T, 3) differ."""
    return max(float(np.linalg.norm(belt - others[side], axis=1).max()) for side, belt in belts.items())
