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

On film the heights' noise is larger. There the velocity is that of a longer time, the toe-off's of a line, which turns
before the fastest rise, and of its extremes that counts for more which is nearer to the usual time before the foot's
change of state. On film of two recorded walks (CMU's 02_01 and 02_02) on two bodies, oblique and from the side, at 30
and 60 Hz, it differs from the motion's own strikes by 0 +- 14 ms (36) and from its toe-offs by -41 +- 15 ms (45), at
either rate alike. With the window of markers, which holds five frames whatever their rate, toe-offs were off by 26 ms
on average at 60 Hz, oblique, up to 114, and strikes up to 120.

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

from dataclasses import dataclass
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
# Where somebody walks along the view, the swinging foot's approach looks like sinking, and hides its rise: toe-offs
# were found 90 to 160 ms late.
ALONG_VIEW_SD_S = 0.075


@dataclass(frozen=True)
class VelocityMethod:
    """How an event follows from the extreme of the vertical velocity of the foot's centre.

    Attributes:
        half_window_s: of the velocity.
        degree: of its polynomial.
        before_s: of the change of state, in which the extreme is looked for.
        after_s: likewise.
        usual_s: before the change of state at which the extreme usually is, and the time from there after which one
            counts for less by half of the velocity's extent; None where all count alike.
        later_s: the event than the extreme.
        sd_s: standard deviation of the event.
    """

    half_window_s: float = VELOCITY_WINDOW_S
    degree: int = 3
    before_s: float = BEFORE_S
    after_s: float = AFTER_S
    usual_s: tuple[float, float] | None = None
    later_s: float = 0.0
    sd_s: float = STRIKE_SD_S


STRIKE, OFF = VelocityMethod(), VelocityMethod(later_s=OFF_LATER_S, sd_s=OFF_SD_S)
# Their deviations hold those of the motion's own events from force plates, too.
FILM_STRIKE = VelocityMethod(0.067, before_s=0.18, after_s=0.12, usual_s=(0.032, 0.08), sd_s=0.02)
FILM_OFF = VelocityMethod(0.067, degree=1, before_s=0.19, after_s=0.11, usual_s=(0.041, 0.12), later_s=0.041, sd_s=0.02)
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
    return _by_velocity(motion, side, frame, FILM_STRIKE if motion.of_film else STRIKE, sign=-1)


def toe_off(motion: Motion, side: Side, frame: int) -> tuple[float, float]:
    """Time and standard deviation of the toe-off after which a foot does not rest from a frame on.

    Args:
        motion: the trial.
        side: of the foot.
        frame: the first in which it does not rest.
    """
    if along_view.shows_way(motion):
        return _along_view(motion, frame, along_view.off_s(motion, side, frame), along_view.OFF_SD_S)
    return _by_velocity(motion, side, frame, FILM_OFF if motion.of_film else OFF, sign=1)


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
    return _dated(motion, frame, time_s, least_running_sd_s(motion, sd_s))


def running_toe_off(motion: Motion, side: Side, frame: int) -> tuple[float, float]:
    """Time and standard deviation of the toe-off in running after which a foot does not rest from a frame on.

    Args:
        motion: the trial.
        side: of the foot.
        frame: the first in which it does not rest.
    """
    time_s, sd_s = knee_extended_s(motion, side, float(motion.time_s[frame])) or (None, STATE_SD_S)
    return _dated(motion, frame, time_s, least_running_sd_s(motion, sd_s))


def least_running_sd_s(motion: Motion, sd_s: float) -> float:
    """Standard deviation of a runner's event: along the view neither a foot's height nor its rest is seen well.

    There strikes and toe-offs of a recorded run (CMU's 02_03), on film from the front, were 26 to 170 ms off.
    """
    return max(sd_s, ALONG_VIEW_SD_S) if motion.along_view else sd_s


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
    usual_sd_s = least_running_sd_s(motion, FILM_EXTENSION_SD_S if motion.of_film else EXTENSION_SD_S)
    sd_s = vertex_sd_s(extension_deg, time_s, frame, least_noise=LEAST_NOISE_DEG)
    return vertex_s(extension_deg, time_s, frame), float(np.hypot(usual_sd_s, sd_s))


def _along_view(motion: Motion, frame: int, found_s: float | None, sd_s: float) -> tuple[float, float]:
    """Of an event along the view; where it is not found, from the foot's state alone."""
    return _dated(motion, frame, found_s, ALONG_VIEW_SD_S if found_s is None else sd_s)


def _by_velocity(
    motion: Motion, side: Side, frame: int, method: VelocityMethod, *, sign: Literal[-1, 1]
) -> tuple[float, float]:
    """Of an event near a change of state, by the extreme of the velocity, or where that is not found by the state."""
    velocity = sign * centre_velocity_m_s(motion, side, method)
    since_s = motion.time_s - motion.time_s[frame]
    near = np.flatnonzero((since_s >= -method.before_s) & (since_s <= method.after_s))
    if method.usual_s is not None:
        usual_s, away_s = method.usual_s
        velocity = velocity - np.ptp(velocity[near]) / 2 * ((since_s + usual_s) / away_s) ** 2
    extreme = int(near[velocity[near].argmax()])
    inside = extreme not in (near[0], near[-1])
    found_s = vertex_s(velocity, motion.time_s, extreme) + method.later_s if inside else None
    return _dated(motion, frame, found_s, ALONG_VIEW_SD_S if motion.along_view else method.sd_s)


def centre_velocity_m_s(motion: Motion, side: Side, method: VelocityMethod) -> FloatArray:
    """(T,) vertical velocity of the foot's centre, midway between the heel and the first metatarsal head met from it.

    That is the fifth, which lies hindmost, as in the recordings from which the constants are: the toes rise later.
    """
    points_m = motion.foot_points_m[side]
    from_heel_m = np.linalg.norm(points_m - points_m[:, :1], axis=-1).mean(axis=0)
    metatarsal = int(np.argmax(from_heel_m > from_heel_m.max() / 2))
    centre_m = (points_m[:, 0, 1] + points_m[:, metatarsal, 1]) / 2
    return derivative(centre_m, motion.time_s, order=1, degree=method.degree, half_window_s=method.half_window_s)


def _dated(motion: Motion, frame: int, time_s: float | None, sd_s: float) -> tuple[float, float]:
    """An event's time and deviation: the method's, the frame interval, and the frames about it that are not trusted.

    Within a frame interval, and within frames that are not trusted, an event may lie anywhere: it is uniform there.
    """
    if time_s is None:
        sd_s, time_s = max(sd_s, STATE_SD_S), float(motion.time_s[frame - 1] + motion.time_s[frame]) / 2
    anywhere_s = np.array([motion.interval_s, motion.untrusted_about_s(time_s)])
    return time_s, float(np.sqrt(sd_s**2 + (anywhere_s**2).sum() / 12))
