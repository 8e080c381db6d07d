"""Foot strike and toe-off of somebody who walks along the view, from what the image shows of heel and toe.

There a foot's way is nearly all along the view and hides its rise, so that the vertical velocity of the foot's centre,
which gives gait's events elsewhere, shows the way. But a foot that swings moves over the ground by metres a second.
Towards the camera its heel rises in the image until the foot leaves the ground, sinks from then on, and stops as it
strikes; its toe seems to rest before, since it is raised while it comes nearer. Away from the camera it is the toe that
starts with the swing, rises in the image until the heel strikes, and sinks as the foot comes down flat; the heel seems
to rest in between, since it sinks while it goes away.

Constants: towards the camera on film of two recorded walks (CMU's 02_01 and 02_02) on two bodies each, 30 Hz, from the
front. There 36 strikes and toe-offs are all found, strikes with a standard deviation of 24 ms about their mean and
toe-offs of 19 ms; before, a third was missed. On film the heel, which the foot hides, seems to stop late. Away from the
camera on the keypoints of these walks, projected with errors of 3 pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.derivatives import crossing_s, derivative, vertex_s
from biopose.analysis.foot_motion import RESTS_UP_TO_M_S, SPEED_WINDOW_S
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion

HEEL, BIG_TOE = 0, -1  # of a foot's points
# What a foot's way along the view errs by more than its way across it: a pixel is so much larger on the ground.
NOISE_FACTOR = 2.5
MOVES_M_S = NOISE_FACTOR * RESTS_UP_TO_M_S
DIRECTION_WINDOW_S = 0.5  # half of the time in which the feet's way, away or nearer, is measured
STOPS_AFTER_S, STOPS_BEFORE_S = 0.25, 0.05  # of where the foot seems to rest, in which the heel stops
TURNS_BEFORE_S, TURNS_AFTER_S = 0.2, 0.1
HEEL_TURNS_LATER_S, TOE_STARTS_EARLIER_S = 0.04, 0.035  # than the toe leaves the ground
HEEL_STOPS_LATER_S, TOE_TURNS_EARLIER_S = 0.054, 0.02  # than the heel strikes
STRIKE_SD_S, OFF_SD_S = 0.03, 0.03


def shows_way(motion: Motion) -> bool:
    """Whether the way along the view of every point of both feet is known (`image_motion`)."""
    return motion.along_view and all(motion.foot_points_m[side][..., 2].any(axis=0).all() for side in SIDES)


def hides_contacts(motion: Motion) -> bool:
    """Whether the view is along somebody's way, and from so low that the feet's way is not known either."""
    return motion.along_view and not shows_way(motion)


def way_speed_m_s(motion: Motion, side: Side) -> FloatArray:
    """(T,) of a foot, as much smaller as it errs more: away that of its toe, nearer that of its slowest point."""
    toe_m_s = np.linalg.norm(_velocity_m_s(motion, side, BIG_TOE), axis=-1)
    return np.where(_goes_away(motion), toe_m_s, motion.foot_speed_m_s[side]) / NOISE_FACTOR


def advance_m(motion: Motion, side: Side, start: int, end: int) -> float:
    """How far a foot's toe moves along the view from one frame to before another."""
    toe_m = motion.foot_points_m[side][start:end, BIG_TOE, 2]
    return abs(float(toe_m[-1] - toe_m[0]))


def strike_s(motion: Motion, side: Side, frame: int) -> float | None:
    """When the heel stops, or away by the toe's highest place in the image, near where the foot seems to rest.

    Args:
        motion: the trial, along the view.
        side: of the foot.
        frame: the first in which it seems to rest.

    Returns:
        None where the heel does not stop, or the toe does not turn.
    """
    if _goes_away(motion)[frame]:
        near = _near(motion, frame, before_s=TURNS_BEFORE_S, after_s=TURNS_AFTER_S)
        turns_s = _highest_s(motion, side, BIG_TOE, near)
        return None if turns_s is None else turns_s + TOE_TURNS_EARLIER_S
    near = _near(motion, frame, before_s=STOPS_BEFORE_S, after_s=STOPS_AFTER_S)
    moves, speed_m_s = _moves(motion, side, HEEL)
    stopped = near[1:][~moves[near[1:]] & moves[near[:-1]]]
    if not len(stopped):
        return None
    return crossing_s(speed_m_s, motion.time_s, MOVES_M_S, frame=int(stopped[0])) - HEEL_STOPS_LATER_S


def off_s(motion: Motion, side: Side, frame: int) -> float | None:
    """When the foot leaves the ground: by the heel's highest place in the image, or away by when the toe starts.

    Args:
        motion: the trial, along the view.
        side: of the foot.
        frame: the first in which it does not seem to rest.

    Returns:
        None where the heel does not turn, or the toe does not start.
    """
    near = _near(motion, frame, before_s=TURNS_BEFORE_S, after_s=TURNS_AFTER_S)
    if not _goes_away(motion)[frame]:
        turns_s = _highest_s(motion, side, HEEL, near)
        return None if turns_s is None else turns_s - HEEL_TURNS_LATER_S
    moves, speed_m_s = _moves(motion, side, BIG_TOE)
    started = near[1:][moves[near[1:]] & ~moves[near[:-1]]]
    if not len(started):
        return None
    return crossing_s(speed_m_s, motion.time_s, MOVES_M_S, frame=int(started[-1])) + TOE_STARTS_EARLIER_S


def _highest_s(motion: Motion, side: Side, point: int, near: NDArray[np.intp]) -> float | None:
    """When a point is highest in the image, of some frames; None where that is at their ends."""
    up_m = motion.foot_points_m[side][:, point, 1]
    highest = int(near[up_m[near].argmax()])
    return None if highest in (near[0], near[-1]) else vertex_s(up_m, motion.time_s, highest)


def _moves(motion: Motion, side: Side, point: int) -> tuple[NDArray[np.bool_], FloatArray]:
    """(T,) whether a point moves over the ground, and its speed."""
    speed_m_s = np.linalg.norm(_velocity_m_s(motion, side, point), axis=-1)
    return speed_m_s > MOVES_M_S, speed_m_s


def _velocity_m_s(motion: Motion, side: Side, point: int) -> FloatArray:
    point_m = motion.foot_points_m[side][:, point]
    return derivative(point_m, motion.time_s, order=1, degree=1, half_window_s=SPEED_WINDOW_S)


def _goes_away(motion: Motion) -> NDArray[np.bool_]:
    """(T,) whether the feet go away from the camera."""
    toes_m = np.stack([motion.foot_points_m[side][:, BIG_TOE, 2] for side in SIDES], axis=1)
    speed_m_s = derivative(toes_m, motion.time_s, order=1, degree=1, half_window_s=DIRECTION_WINDOW_S)
    return np.asarray(speed_m_s.mean(axis=1) > 0)


def _near(motion: Motion, frame: int, *, before_s: float, after_s: float) -> NDArray[np.intp]:
    since_s = motion.time_s - motion.time_s[frame]
    return np.flatnonzero((since_s >= -before_s) & (since_s <= after_s))
