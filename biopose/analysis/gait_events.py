"""Foot strike and toe-off of gait to a fraction of a frame: the foot velocity algorithm; others in running.

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

In running a foot leaves the ground when its knee is most extended: of five methods this one agreed best with force
plates, within 4.9 ms over ground and 5.2 ms on a treadmill, 40 runners at 3.35 m/s (Fellin et al. 2010, J Sci Med Sport
13:646). In three toe-offs of a recorded jog (CMU's 02_03) it lies 8, -16 and 3 ms from the moment at which the centre
of mass begins to fall freely; the foot velocity algorithm is later by 25 ms on average, the toe's greatest vertical
acceleration (Leitch et al. 2011, Gait Posture 33:130) earlier by 11 ms and its greatest vertical jerk (Handsaker et al.
2016, J Biomech 49:4128) by 37 ms. These two differentiate the toe's height two and three times, for which the noise of
video is too large. A runner's foot sinks fastest long before it strikes; that it does at the height at which it rests.
A step of which the other foot still stands is walked, whatever the activity.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from biopose.analysis import along_view
from biopose.analysis.body_points import Side
from biopose.analysis.derivatives import derivative, vertex_s, vertex_sd_s
from biopose.analysis.foot_clearance import frame_at, met_ground_running_s
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion

VELOCITY_WINDOW_S = 0.03
OFF_LATER_S = 0.029
STRIKE_SD_S, OFF_SD_S = 0.014, 0.012  # against force plates, above; they differ from recording to recording
BEFORE_S, AFTER_S = 0.15, 0.06  # of the change of state, in which a strike's fastest sinking is looked for
# On film of a recorded walk at 30 Hz, oblique and from the side, against its own events. Where somebody walks along the
# view, the swinging foot's approach looks like sinking, and hides its rise: toe-offs were found 90 to 160 ms late.
FILM_STRIKE_SD_S, FILM_OFF_SD_S, ALONG_VIEW_SD_S = 0.022, 0.03, 0.075
# Of the knee's greatest extension against the toe's leaving the ground in running: the above, and other speeds.
EXTENSION_SD_S, FILM_EXTENSION_SD_S = 0.01, 0.015
MET_BEFORE_S, RESTS_S = 0.05, 0.1  # of where the foot seems to rest: it meets the ground before, and rests after
EXTENDED_BEFORE_S, EXTENDED_AFTER_S = 0.1, 0.05  # of where the foot seems to leave, in which it is looked for
LEAST_NOISE_DEG = 0.5  # of an angle from frame to frame
STATE_SD_S = 0.03  # of an event that is estimated from the foot's state alone


def foot_strike(motion: Motion, side: Side, frame: int) -> tuple[float, float]:
    """Time and standard deviation of the strike after which a foot rests from a frame on.

    Args:
        motion: the trial.
        side: of the foot.
        frame: the first in which it rests.
    """
    if along_view.shows_way(motion):
        return _along_view(motion, frame, along_view.strike_s(motion, side, frame), along_view.STRIKE_SD_S)
    found_s = _extreme_s(motion, side, frame, sign=-1, before_s=BEFORE_S, after_s=AFTER_S)
    return _dated(motion, frame, found_s, _sd_s(motion, STRIKE_SD_S, FILM_STRIKE_SD_S))


def toe_off(motion: Motion, side: Side, frame: int) -> tuple[float, float]:
    """Time and standard deviation of the toe-off after which a foot does not rest from a frame on.

    Args:
        motion: the trial.
        side: of the foot.
        frame: the first in which it does not rest.
    """
    if along_view.shows_way(motion):
        return _along_view(motion, frame, along_view.off_s(motion, side, frame), along_view.OFF_SD_S)
    found_s = _extreme_s(motion, side, frame, sign=1, before_s=BEFORE_S, after_s=AFTER_S)
    later_s = None if found_s is None else found_s + OFF_LATER_S
    return _dated(motion, frame, later_s, _sd_s(motion, OFF_SD_S, FILM_OFF_SD_S))


def running_strike(motion: Motion, side: Side, frame: int) -> tuple[float, float]:
    """Time and standard deviation of the strike in running after which a foot rests from a frame on.

    It meets the ground where it comes to the height at which it rests then, as at the end of a flight.

    Args:
        motion: the trial.
        side: of the foot.
        frame: the first in which it rests.
    """
    rests_s = motion.time_s[frame]
    rests = np.arange(frame, frame_at(motion.time_s, rests_s + RESTS_S))
    met = met_ground_running_s(motion, side, rests, near=frame_at(motion.time_s, rests_s - MET_BEFORE_S))
    time_s, sd_s = met or (None, STATE_SD_S)
    return _dated(motion, frame, time_s, sd_s)


def running_toe_off(motion: Motion, side: Side, frame: int) -> tuple[float, float]:
    """Time and standard deviation of the toe-off in running after which a foot does not rest from a frame on.

    Args:
        motion: the trial.
        side: of the foot.
        frame: the first in which it does not rest.
    """
    time_s, sd_s = knee_extended_s(motion, side, float(motion.time_s[frame])) or (None, STATE_SD_S)
    return _dated(motion, frame, time_s, sd_s)


def knee_extended_s(motion: Motion, side: Side, near_s: float) -> tuple[float, float] | None:
    """When a knee is most extended near a time, and the standard deviation of the toe-off in running that it gives.

    None where it extends and bends nowhere near, or is interpolated there.

    Args:
        motion: the trial.
        side: of the knee.
        near_s: when the foot seems to leave the ground.
    """
    name = f"knee_angle_{side[0]}"
    extension_deg, time_s = -motion.coordinates[name], motion.time_s
    near = (time_s >= near_s - EXTENDED_BEFORE_S) & (time_s <= near_s + EXTENDED_AFTER_S)
    turns = np.zeros(len(motion), dtype=np.bool_)
    turns[1:-1] = (extension_deg[1:-1] > extension_deg[:-2]) & (extension_deg[1:-1] >= extension_deg[2:])
    found = np.flatnonzero(near & turns & ~motion.not_determined([name]))
    if not len(found):
        return None
    frame = int(found[extension_deg[found].argmax()])
    usual_sd_s = _sd_s(motion, EXTENSION_SD_S, FILM_EXTENSION_SD_S)
    sd_s = vertex_sd_s(extension_deg, time_s, frame, least_noise=LEAST_NOISE_DEG)
    return vertex_s(extension_deg, time_s, frame), float(np.hypot(usual_sd_s, sd_s))


def _along_view(motion: Motion, frame: int, found_s: float | None, sd_s: float) -> tuple[float, float]:
    """Of an event along the view; where it is not found, the foot's state alone tells it."""
    return _dated(motion, frame, found_s, ALONG_VIEW_SD_S if found_s is None else sd_s)


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
