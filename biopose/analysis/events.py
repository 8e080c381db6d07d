"""Events of a trial, each with its side and a standard deviation in seconds.

Foot strike and foot off of each foot: those beside a flight come from the free fall of the centre of mass and the order
in which the feet meet and leave the ground, all others from the foot velocity algorithm of gait, in running and
sprinting foot off from the knee's greatest extension (`gait_events`). Take-off and landing
of the body, the top of its flight (peak) and the lowest points of the centre of mass before and after (lowest_point)
belong to flights; the flight of a drop jump that ends on a lower level begins with box_take_off. Deepest knee flexions
belong to squats and jumps, stride_foot_contact, external_rotation_peak and release to throws, ball_strike to kicks
(`throws`, `kicks`). A standard deviation holds the error of the method against force plates, the errors of the
measured motion and the frame interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from biopose.analysis.body_points import OTHER, SIDES, Side
from biopose.analysis.derivatives import vertex_s, vertex_sd_s
from biopose.analysis.flights import Flight
from biopose.analysis.gait_events import LEAST_NOISE_DEG, foot_strike, running_strike, running_toe_off, toe_off
from biopose.analysis.gait_metrics import RUNNING
from biopose.analysis.kicks import kick_events
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.stance import AIR, STANDS, States
from biopose.analysis.tables import Event
from biopose.analysis.throws import throw_events

JUMPS = ("countermovement_jump", "drop_jump")
WITH_JUMPS = (*JUMPS, "other")
WITH_KNEE_BENDS = ("squat", *JUMPS)
LEAST_PROMINENCE_DEG = 20.0  # of a peak of knee flexion
LEAST_INTERVAL_S = 0.3
LEVEL_M = 0.1  # a flight from a box, or onto one, changes the level by more
SAME_EVENT_S = 0.15  # a foot's change of state this near to its event at a flight is that event
LOWEST_WITHIN_S = 1.0  # of take-off or landing, the lowest point of the centre of mass
LEAST_DEPTH_M = 0.02  # of a lowest point: less is standing still
METHODS = {
    ("foot_strike", False): foot_strike,
    ("foot_strike", True): running_strike,
    ("foot_off", False): toe_off,
    ("foot_off", True): running_toe_off,
}
EXTREMES = ("peak", "lowest_point", "peak_knee_flexion", "external_rotation_peak", "release", "ball_strike")


def find_events(
    motion: Motion, states: Mapping[Side, States], flights: Sequence[Flight], *, activity: str
) -> list[Event]:
    """All events of a trial in order of time.

    Args:
        motion: the trial.
        states: by `foot_states`.
        flights: by `find_flights`.
        activity: of the manifest; jumps, squats, throws and kicks have events of their own.
    """
    running = activity in RUNNING
    events = [event for side in SIDES for event in _foot_events(motion, states, flights, side, running=running)]
    for flight in flights:
        events += _flight_events(motion, flight, flights, activity=activity)
    if activity in WITH_KNEE_BENDS:
        nowhere = motion.not_determined([f"knee_angle_{side[0]}" for side in SIDES])
        events += [_peak_of_knees(motion, frame) for frame in knee_flexion_peaks(motion) if not nowhere[frame]]
    if activity == "throw":
        events += [_event(motion, *one) for one in throw_events(motion, _in_order(events))]
    if activity == "kick":
        events += [_event(motion, *one) for one in kick_events(motion)]
    unique = {(event.event, event.side, event.frame_index): event for event in events}
    return _in_order(unique.values())


def _in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.time_s, event.event, event.side))


def knee_flexion_peaks(motion: Motion) -> list[int]:
    """Frames of the peaks of knee flexion, averaged over both knees."""
    if len(motion) < 3:
        return []
    from scipy.signal import find_peaks  # takes long to load, and a trial of another activity needs no peaks

    distance = max(1, round(LEAST_INTERVAL_S / motion.interval_s))
    return [int(i) for i in find_peaks(knee_flexion_deg(motion), prominence=LEAST_PROMINENCE_DEG, distance=distance)[0]]


def knee_flexion_deg(motion: Motion) -> FloatArray:
    """(T,) of both knees, on average."""
    return np.asarray(np.mean([motion.joint_deg("knee_angle", side) for side in SIDES], axis=0))


def begins_from_box(flight: Flight) -> bool:
    """Whether it ends on a level lower than that from which it began."""
    return flight.level_change_m < -LEVEL_M


def _foot_events(
    motion: Motion, states: Mapping[Side, States], flights: Sequence[Flight], side: Side, *, running: bool
) -> list[Event]:
    events = []
    own, other = states[side], states[OTHER[side]]
    for frame in (np.flatnonzero(np.diff(own)) + 1).tolist():
        before, after = own[frame - 1], own[frame]
        if {before, after} == {STANDS, AIR}:  # a state that begins or ends unobserved has no event
            name: Literal["foot_strike", "foot_off"] = "foot_strike" if after == STANDS else "foot_off"
            # Of a runner, too, a step with both feet on the ground is walked.
            runs = running and other[frame if after == AIR else frame - 1] != STANDS
            of_foot = METHODS[name, runs]
            time_s, sd_s = _at_flight(motion, flights, side, frame, name) or of_foot(motion, side, frame)
            events.append(_event(motion, name, side, time_s, sd_s))
    return events


def _at_flight(
    motion: Motion, flights: Sequence[Flight], side: Side, frame: int, name: Literal["foot_strike", "foot_off"]
) -> tuple[float, float] | None:
    """Time and standard deviation of a foot's event at the start or end of a flight; None where no flight is near."""
    for flight in flights:
        fall = flight.fall
        feet, sd_s = (flight.on_s, fall.landing_sd_s) if name == "foot_strike" else (flight.off_s, fall.take_off_sd_s)
        if side in feet and abs(feet[side] - motion.time_s[frame]) <= SAME_EVENT_S:
            return feet[side], sd_s
    return None


def _flight_events(motion: Motion, flight: Flight, flights: Sequence[Flight], *, activity: str) -> list[Event]:
    fall = flight.fall
    take_off = "box_take_off" if activity == "drop_jump" and begins_from_box(flight) else "take_off"
    events = [
        _event(motion, take_off, "both", fall.take_off_s, fall.take_off_sd_s),
        _event(motion, "landing", "both", fall.landing_s, fall.landing_sd_s),
    ]
    if activity in WITH_JUMPS:
        if fall.take_off_s < fall.peak_s < fall.landing_s:
            events.append(_event(motion, "peak", "both", fall.peak_s, fall.peak_sd_s))
        earlier_s = max([f.landing_s for f in flights if f.landing_s < fall.take_off_s], default=-np.inf)
        later_s = min([f.take_off_s for f in flights if f.take_off_s > fall.landing_s], default=np.inf)
        before = (max(earlier_s, fall.take_off_s - LOWEST_WITHIN_S), fall.take_off_s)
        after = (fall.landing_s, min(later_s, fall.landing_s + LOWEST_WITHIN_S))
        for low_s, high_s in (before, after):
            events += _lowest_point(motion, low_s, high_s, noise_m=fall.noise_m)
    return events


def _lowest_point(motion: Motion, low_s: float, high_s: float, *, noise_m: float) -> list[Event]:
    """The lowest point of the centre of mass between two times; none where it lies at either end or is shallow."""
    frames = np.flatnonzero((motion.time_s > low_s) & (motion.time_s < high_s))
    if len(frames) < 3:
        return []
    height_m = motion.center_of_mass_m[:, 1]
    lowest = int(frames[height_m[frames].argmin()])
    shallow = min(height_m[frames[0]], height_m[frames[-1]]) - height_m[lowest] < LEAST_DEPTH_M
    if lowest in (frames[0], frames[-1]) or shallow or motion.body_undetermined[lowest - 1 : lowest + 2].any():
        return []
    sd_s = vertex_sd_s(height_m, motion.time_s, lowest, least_noise=noise_m)
    return [_event(motion, "lowest_point", "both", vertex_s(height_m, motion.time_s, lowest), sd_s)]


def _peak_of_knees(motion: Motion, frame: int) -> Event:
    knees_deg = knee_flexion_deg(motion)
    sd_s = vertex_sd_s(knees_deg, motion.time_s, frame, least_noise=LEAST_NOISE_DEG)
    return _event(motion, "peak_knee_flexion", "both", vertex_s(knees_deg, motion.time_s, frame), sd_s)


def _event(motion: Motion, name: str, side: Literal["left", "right", "both"], time_s: float, sd_s: float) -> Event:
    """An event and its frame: the first of the new state, of an extreme the nearest."""
    return Event(name, side, time_s, int(motion.frame_index[_frame(motion.time_s, name, time_s)]), float(sd_s))


def _frame(time_s: FloatArray, name: str, at_s: float) -> int:
    after = int(np.searchsorted(time_s, at_s - 1e-9).clip(0, len(time_s) - 1))
    if name in EXTREMES and after and at_s - time_s[after - 1] < time_s[after] - at_s:
        return after - 1
    return after
