"""Foot strike and toe-off of gait to a fraction of a frame: the foot velocity algorithm.

The foot's centre, midway between heel and metatarsals, sinks fastest at foot strike and rises fastest just before
toe-off (O'Connor et al. 2007, Gait Posture 25:469). Of the methods for kinematics this one agreed best with force
plates on recordings that are not used for evaluation: 21 strikes and 13 toe-offs on a split-belt treadmill (the
recording that comes with gaitalytics 0.2.2) and 3 and 2 on another (that of GaitAnalysisToolKit 0.2.0), difference in
milliseconds as mean and standard deviation, each extreme looked for within 80 ms of the plate's moment:

    foot strike   foot velocity (O'Connor 2007)            -4 +- 11   -22 +- 3
                  heel farthest ahead (Zeni 2008)         -28 +- 10   -50 +- 2
                  heel's vertical acceleration
                  (Hreljac & Marshall 2000)               -56 +- 42   -59 +- 0
    toe-off       foot velocity                           -31 +- 6    -28 +- 1
                  toe farthest behind (Zeni 2008)         -21 +- 6    -16 +- 1
                  toe's forward acceleration
                  (Hreljac & Marshall 2000)                +3 +- 9    +32 +- 0

Toe-off is OFF_LATER_S after the fastest rise: the differences of both recordings agree in it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from biopose.analysis.body_points import Side
from biopose.analysis.derivatives import derivative, vertex_s
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion

VELOCITY_WINDOW_S = 0.03
OFF_LATER_S = 0.029
STRIKE_SD_S, OFF_SD_S = 0.014, 0.012  # against force plates, above; they differ from recording to recording
BEFORE_S, AFTER_S = 0.15, 0.06  # of the change of state, in which a strike's fastest sinking is looked for
# On film of a recorded walk at 30 Hz, oblique and from the side, against its own events. Where somebody walks along the
# view, the swinging foot's approach looks like sinking, and hides its rise: toe-offs were found 90 to 160 ms late.
FILM_STRIKE_SD_S, FILM_OFF_SD_S, ALONG_VIEW_SD_S = 0.022, 0.03, 0.075
STATE_SD_S = 0.03  # of an event that is estimated from the foot's state alone


def foot_strike(motion: Motion, side: Side, frame: int) -> tuple[float, float]:
    """Time and standard deviation of the strike after which a foot rests from a frame on.

    Args:
        motion: the trial.
        side: of the foot.
        frame: the first in which it rests.
    """
    found_s = _extreme_s(motion, side, frame, sign=-1, before_s=BEFORE_S, after_s=AFTER_S)
    return _dated(motion, frame, found_s, _sd_s(motion, STRIKE_SD_S, FILM_STRIKE_SD_S))


def toe_off(motion: Motion, side: Side, frame: int) -> tuple[float, float]:
    """Time and standard deviation of the toe-off after which a foot does not rest from a frame on.

    Args:
        motion: the trial.
        side: of the foot.
        frame: the first in which it does not rest.
    """
    found_s = _extreme_s(motion, side, frame, sign=1, before_s=BEFORE_S, after_s=AFTER_S)
    later_s = None if found_s is None else found_s + OFF_LATER_S
    return _dated(motion, frame, later_s, _sd_s(motion, OFF_SD_S, FILM_OFF_SD_S))


def _sd_s(motion: Motion, of_markers_s: float, of_film_s: float) -> float:
    if not motion.of_film:
        return of_markers_s
    return ALONG_VIEW_SD_S if motion.along_view else of_film_s


def centre_velocity_m_s(motion: Motion, side: Side) -> FloatArray:
    """(T,) vertical velocity of the foot's centre, midway between the heel and the first metatarsal head met from it.

    That is the fifth, which lies hindmost, as in the recordings from which the constants are: the toes rise later.
    """
    points_m = motion.foot_points_m[side]
    from_heel_m = np.linalg.norm(points_m - points_m[:, :1], axis=-1).mean(axis=0)
    metatarsal = int(np.argmax(from_heel_m > from_heel_m.max() / 2))
    centre_m = (points_m[:, 0, 1] + points_m[:, metatarsal, 1]) / 2
    return derivative(centre_m, motion.time_s, order=1, degree=3, half_window_s=VELOCITY_WINDOW_S)


def _extreme_s(
    motion: Motion, side: Side, frame: int, *, sign: Literal[-1, 1], before_s: float, after_s: float
) -> float | None:
    """When the centre's vertical velocity is extreme near a frame; None where that is at the end of the search."""
    velocity = sign * centre_velocity_m_s(motion, side)
    near = np.flatnonzero(
        (motion.time_s >= motion.time_s[frame] - before_s) & (motion.time_s <= motion.time_s[frame] + after_s)
    )
    extreme = int(near[velocity[near].argmax()])
    if extreme in (near[0], near[-1]):
        return None
    return vertex_s(velocity, motion.time_s, extreme)


def _dated(motion: Motion, frame: int, time_s: float | None, sd_s: float) -> tuple[float, float]:
    """An event's time and deviation: the method's, the frame interval, and the frames about it that are not trusted.

    Within a frame interval, and within frames that are not trusted, an event may lie anywhere: it is uniform there.
    """
    if time_s is None:
        sd_s, time_s = max(sd_s, STATE_SD_S), float(motion.time_s[frame - 1] + motion.time_s[frame]) / 2
    anywhere_s = np.array([motion.interval_s, motion.untrusted_about_s(time_s)])
    return time_s, float(np.sqrt(sd_s**2 + (anywhere_s**2).sum() / 12))
