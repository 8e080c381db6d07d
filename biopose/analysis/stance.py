"""When each foot stands and when it is in the air, from joint kinematics.

A foot stands while its slowest point (heel, metatarsals or toes) hardly moves: from heel strike to toe-off some point
of a foot on the ground rests (Ghoussayni et al. 2004, Gait Posture 20:266, with one threshold for all points).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.along_view import advance_m, shows_way, way_speed_m_s
from biopose.analysis.body_points import OTHER, SIDES, Side
from biopose.analysis.flights import Flight
from biopose.analysis.foot_clearance import is_raised
from biopose.analysis.foot_motion import MOVES_FROM_M_S, RESTS_UP_TO_M_S
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion, runs

STANDS, AIR, UNKNOWN = 1, 0, -1
SHORTEST_AIR_S = 0.15  # of one foot: a sprinter's swing lasts 0.25 s, a flight of 0.15 s is a jump of 3 cm
SHORTEST_STANCE_S = 0.06  # a sprinter's lasts 0.09 s
ALL_THE_WHILE = 0.9  # of a foot's rest; in a walker's stance the other foot stands for a third of it
FALSE_SHARE = 0.7  # of the other foot's way, of a swing that is none

States = NDArray[np.int8]


def foot_states(
    motion: Motion,
    flights: Sequence[Flight],
    *,
    running: bool = False,
    in_air_s: Sequence[tuple[float, float]] = (),
) -> dict[Side, States]:
    """By side, (T,) STANDS, AIR or UNKNOWN; in the air during flights and standing after them, whatever the feet do.

    Args:
        motion: the trial.
        flights: by `find_flights`.
        running: whether a contact may be as short as SHORTEST_STANCE_S, as in running and sprinting.
        in_air_s: from when to when nobody stands, besides: at the top of a jump a foot may move as slowly as one that
            does.
    """
    states = {}
    for side in SIDES:
        known = motion.foot_observed[side] & (motion.world_unknown is None)
        of_foot_m_s = way_speed_m_s(motion, side) if shows_way(motion) else motion.foot_speed_m_s[side]
        speed_m_s = np.where(known, of_foot_m_s, np.nan)
        for flight in flights:
            speed_m_s[(motion.time_s > flight.take_off_s) & (motion.time_s < flight.landing_s)] = np.inf
            if (on_s := flight.on_s.get(side)) is not None:
                landed = (motion.time_s >= on_s) & (motion.time_s < on_s + SHORTEST_STANCE_S) & known
                speed_m_s[landed] = 0.0
        for start_s, end_s in in_air_s:
            speed_m_s[(motion.time_s >= start_s) & (motion.time_s <= end_s)] = np.inf
        states[side] = stance(speed_m_s, interval_s=motion.interval_s, running=running)
    if shows_way(motion) and not running:
        states = {side: _without_false_swings(motion, states, side) for side in SIDES}
    return {side: _without_raised(motion, states, side) for side in SIDES}


def _without_false_swings(motion: Motion, states: Mapping[Side, States], side: Side) -> States:
    """Of two feet that seem to swing together, which come along the view, the one that comes far less ahead stands on.

    From behind a foot hides its toe, which may seem to go ahead while the other foot swings past.
    """
    own, other = states[side].copy(), states[OTHER[side]]
    beside = list(runs(other == AIR))
    for start, end in runs(own == AIR):
        if start == 0 or end == len(own) or not own[start - 1] == STANDS == own[end]:
            continue
        with_it = [(a, b) for a, b in beside if min(b, end) - max(a, start) > (end - start) / 2]
        if any(
            advance_m(motion, side, start, end) < FALSE_SHARE * advance_m(motion, OTHER[side], *one) for one in with_it
        ):
            own[start:end] = STANDS
    return own


def _without_raised(motion: Motion, states: Mapping[Side, States], side: Side) -> States:
    """A foot that is held still above the other one, on which somebody stands all the while, does not stand.

    On the next stair it does: there the other foot leaves the ground in its stance.
    """
    own, other = states[side].copy(), states[OTHER[side]]
    for start, end in runs(own == STANDS):
        if (other[start:end] == STANDS).mean() > ALL_THE_WHILE and is_raised(motion, side, np.arange(start, end)):
            own[start:end] = AIR
    return own


def stance(speed_m_s: FloatArray, *, interval_s: float, running: bool = False) -> States:
    """A foot's state from the speed of its slowest point: with hysteresis, implausibly short states removed.

    Args:
        speed_m_s: (T,) NaN where it is not known.
        interval_s: from frame to frame.
        running: whether a gap of SHORTEST_STANCE_S in a swing may hide a contact, and stays UNKNOWN.

    Returns:
        (T,) STANDS, AIR or UNKNOWN.
    """
    states = np.empty(len(speed_m_s), dtype=np.int8)
    state = UNKNOWN
    for frame, speed in enumerate(speed_m_s):
        if np.isnan(speed):
            state = UNKNOWN
        elif speed <= RESTS_UP_TO_M_S or speed >= MOVES_FROM_M_S:
            state = STANDS if speed <= RESTS_UP_TO_M_S else AIR
        elif state == UNKNOWN:
            state = STANDS if speed < (RESTS_UP_TO_M_S + MOVES_FROM_M_S) / 2 else AIR
        states[frame] = state
    hides_contact_s = SHORTEST_STANCE_S if running else SHORTEST_AIR_S  # a walker's contact is no shorter than that
    for short, between, shortest_s in (
        (UNKNOWN, (STANDS,), SHORTEST_AIR_S),
        (UNKNOWN, (AIR,), hides_contact_s),
        (AIR, (STANDS, UNKNOWN), SHORTEST_AIR_S),
        (STANDS, (AIR, UNKNOWN), SHORTEST_STANCE_S),
    ):
        least_frames = shortest_s / interval_s if interval_s else 0.0
        states = _without_short(states, short, between=between, least_frames=least_frames)
    return states


def hidden_strikes(states: States, *, interval_s: float) -> list[tuple[int, int]]:
    """First frame and end of each stretch of unknown states, within the recording, with an unknown number of strikes.

    A foot strikes once between air and stance, and not between stance and air, unless there is time for another step.

    Args:
        states: (T,) by `stance`.
        interval_s: from frame to frame.
    """
    ends = ((STANDS, AIR), (AIR, STANDS))
    return [
        (start, end)
        for start, end in _unknown_inside(states)
        if (states[start - 1], states[end]) not in ends or not _is_short(start, end, interval_s)
    ]


def single_hidden_strikes(states: States, *, interval_s: float) -> list[tuple[int, int]]:
    """First frame and end of each stretch of unknown states in which a foot strikes exactly once.

    Args:
        states: (T,) by `stance`.
        interval_s: from frame to frame.
    """
    return [
        (start, end)
        for start, end in _unknown_inside(states)
        if (states[start - 1], states[end]) == (AIR, STANDS) and _is_short(start, end, interval_s)
    ]


def _unknown_inside(states: States) -> list[tuple[int, int]]:
    return [(start, end) for start, end in runs(states == UNKNOWN) if start > 0 and end < len(states)]


def _is_short(start: int, end: int, interval_s: float) -> bool:
    """Whether there is no time for another step."""
    return (end - start) * interval_s <= SHORTEST_AIR_S + SHORTEST_STANCE_S


def _without_short(states: States, value: int, *, between: Sequence[int], least_frames: float) -> States:
    """Runs of a value that are too short between two runs of one of some other values become that."""
    states = states.copy()
    for start, end in runs(states == value):
        inside = start > 0 and end < len(states)
        alike = inside and states[start - 1] == states[end] and states[end] in between
        if alike and end - start < least_frames - 1e-6:
            states[start:end] = states[end]
    return states
