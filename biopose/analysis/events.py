"""Events of a trial: feet that strike and leave the ground, take-offs and landings, deepest knee flexions.

A foot's events are timed midway between the frames before and after. Their standard deviation is that of the frame
interval alone, dt / sqrt(12) for an event anywhere within it; how well contact is recognised is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import SIDES, Motion, Side
from biopose.analysis.stance import AIR, STANDS, Flight, States, crossing_s
from biopose.analysis.tables import Event

JUMPS = ("countermovement_jump", "drop_jump")
WITH_KNEE_BENDS = ("squat", *JUMPS)
LEAST_PROMINENCE_DEG = 20.0  # of a peak of knee flexion
LEAST_INTERVAL_S = 0.3


def find_events(motion: Motion, states: dict[str, States], flights: Sequence[Flight], *, activity: str) -> list[Event]:
    """All events of a trial in order of time.

    Args:
        motion: the trial.
        states: by `foot_states`.
        flights: by `flights`.
        activity: of the manifest; jumps and squats have peaks of knee flexion.
    """
    events = [event for side in SIDES for event in _foot_events(motion, states[side], side)]
    for flight in flights:
        events.append(_event(motion, "take_off", "both", flight.first, flight.take_off_s))
        events.append(_event(motion, "landing", "both", flight.landing, flight.landing_s))
    if activity in WITH_KNEE_BENDS:
        events += [
            _event(motion, "peak_knee_flexion", "both", i, float(motion.time_s[i])) for i in knee_flexion_peaks(motion)
        ]
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


def _foot_events(motion: Motion, states: States, side: Side) -> list[Event]:
    events = []
    for frame in (np.flatnonzero(np.diff(states)) + 1).tolist():
        before, after = states[frame - 1], states[frame]
        if {before, after} == {STANDS, AIR}:  # a state that begins or ends unobserved has no event
            name = "foot_strike" if after == STANDS else "foot_off"
            events.append(_event(motion, name, side, frame, crossing_s(motion, frame)))
    return events


def _event(motion: Motion, name: str, side: Literal["left", "right", "both"], frame: int, time_s: float) -> Event:
    sd_s = motion.interval_s / np.sqrt(12)
    return Event(name, side, time_s, int(motion.frame_index[frame]), float(sd_s))
