"""When each foot stands and when it is in the air, and the flights between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import SIDES, Motion

STANDS, AIR, UNKNOWN = 1, 0, -1
STANCE_FROM, AIR_UP_TO = 0.6, 0.4  # contact probabilities of the hysteresis
SHORTEST_AIR_S = 0.15  # of one foot: a sprinter's swing lasts 0.25 s, a flight of 0.15 s is a jump of 3 cm
SHORTEST_STANCE_S = 0.06  # a sprinter's lasts 0.09 s
SHORTEST_FLIGHT_S = 0.05  # of a run
LONGEST_FLIGHT_S = 1.2  # a jump of 1.8 m
GRAVITY_M_S2 = 9.81
LEAST_OF_PARABOLA = 0.5  # of the rise above the chord in free fall, that the pelvis must reach

States = NDArray[np.int8]


@dataclass(frozen=True)
class Flight:
    """Both feet in the air.

    Attributes:
        first: frame in which both feet are in the air for the first time.
        landing: the first frame after in which a foot stands again.
        take_off_s: time of leaving the ground.
        landing_s: time of coming back.
        rise_m: how much higher the lower foot is at landing than at take-off.
    """

    first: int
    landing: int
    take_off_s: float
    landing_s: float
    rise_m: float

    @property
    def duration_s(self) -> float:
        """From take-off to landing."""
        return self.landing_s - self.take_off_s


def foot_states(motion: Motion) -> dict[str, States]:
    """By side, (T,) STANDS, AIR or UNKNOWN."""
    return {side: stance(motion.contact[side], interval_s=motion.interval_s) for side in SIDES}


def stance(probability: FloatArray, *, interval_s: float) -> States:
    """A foot's state from its contact probability: with hysteresis, implausibly short states removed.

    Args:
        probability: (T,) NaN where it is not known.
        interval_s: from frame to frame.

    Returns:
        (T,) STANDS, AIR or UNKNOWN.
    """
    states = np.empty(len(probability), dtype=np.int8)
    state = UNKNOWN
    for frame, chance in enumerate(probability):
        if np.isnan(chance):
            state = UNKNOWN
        elif chance >= STANCE_FROM or chance <= AIR_UP_TO:
            state = STANDS if chance >= STANCE_FROM else AIR
        elif state == UNKNOWN:
            state = STANDS if chance >= 0.5 else AIR
        states[frame] = state
    for short, shortest_s in ((UNKNOWN, SHORTEST_AIR_S), (AIR, SHORTEST_AIR_S), (STANDS, SHORTEST_STANCE_S)):
        states = _without_short(states, short, least_frames=shortest_s / interval_s if interval_s else 0.0)
    return states


def crossing_s(motion: Motion, frame: int) -> float:
    """When the state changed that is new in a frame: midway from the frame before."""
    return float(motion.time_s[frame - 1] + motion.time_s[frame]) / 2


def flights(motion: Motion, states: dict[str, States]) -> list[Flight]:
    """Each time that both feet leave the ground, the pelvis falls freely and a foot lands."""
    in_air = np.all([states[side] == AIR for side in SIDES], axis=0)
    on_ground = np.any([states[side] == STANDS for side in SIDES], axis=0)
    found = []
    for first, end in _runs(in_air):
        if first == 0 or end == len(motion) or not (on_ground[first - 1] and on_ground[end]):
            continue
        lowest_m = np.minimum(*(motion.foot_height_m[side] for side in SIDES))
        rise_m = float(lowest_m[end] - lowest_m[first - 1])
        flight = Flight(first, end, crossing_s(motion, first), crossing_s(motion, end), rise_m)
        if SHORTEST_FLIGHT_S <= flight.duration_s <= LONGEST_FLIGHT_S and _is_ballistic(motion, flight):
            found.append(flight)
    return found


def _is_ballistic(motion: Motion, flight: Flight) -> bool:
    """Whether the pelvis follows a parabola of free fall between take-off and landing."""
    times = [flight.take_off_s, (flight.take_off_s + flight.landing_s) / 2, flight.landing_s]
    start_m, middle_m, end_m = np.interp(times, motion.time_s, motion.coordinates["pelvis_ty"])
    expected_m = GRAVITY_M_S2 * flight.duration_s**2 / 8
    return bool(middle_m - (start_m + end_m) / 2 >= LEAST_OF_PARABOLA * expected_m)


def _without_short(states: States, value: int, *, least_frames: float) -> States:
    """Runs of a value that are too short between two runs of one other value become that."""
    states = states.copy()
    for start, end in _runs(states == value):
        inside = start > 0 and end < len(states)
        if inside and end - start < least_frames - 1e-6 and states[start - 1] == states[end]:
            states[start:end] = states[end]
    return states


def _runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First frame and end of each run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
