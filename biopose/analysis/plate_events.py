"""Events on force plates in place of those from kinematics: where a foot's contact is measured, it is not estimated.

A contact belongs to the foot that is nearest to the centre of pressure, unless both are near: of two feet on one plate
the force does not tell which came or left. A foot that unloads a plate without moving, as in sitting, stays on it, and
one that rolls from a plate onto the next or onto the floor stays down. Plates that are loaded while the foot on them
moves as in the air are of another trial, on another clock or not zeroed: no moment of them is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from biopose.analysis.body_points import Side
from biopose.analysis.flights import Flight
from biopose.analysis.foot_motion import MOVES_FROM_M_S, RESTS_UP_TO_M_S, SPEED_WINDOW_S
from biopose.analysis.force_plates import (
    SHORTEST_S,
    PlateContact,
    feet_apart_m,
    nearest_foot,
    plate_contacts,
    stances_s,
)
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Event
from biopose.io.force_plates import ForcePlates

METHOD = "force plate"
STRIKE, OFF = "foot_strike", "foot_off"
SAME_S = 0.1  # a plate's moment this near to an event from kinematics is the same event
AWAY_M = 0.35  # a foot further than this from the centre of pressure is not on the plate
BOTH_RATIO = 2.5  # the other foot is on the plate, too, where it is less than so many times as far from it
SWING_S = 0.3  # before a contact or after it, in which the foot moves
IN_AIR_S = 2 * SPEED_WINDOW_S  # of a contact, for which the foot may seem to move: its speed is blurred at either end
THRESHOLD_SD_S = 0.001  # of the moment, for the threshold's choice


@dataclass(frozen=True)
class PlateMoments:
    """Moments at which feet come onto plates and leave them.

    Attributes:
        on_s: by side, in order.
        off_s: likewise.
        sd_s: standard deviation of each.
        contacts: that were found.
        unattributed: of them, those of which it is not known whose foot it is.
        contradicted: of them, those in which the foot moves as in the air.
    """

    on_s: Mapping[Side, Sequence[float]]
    off_s: Mapping[Side, Sequence[float]]
    sd_s: float
    contacts: int
    unattributed: int
    contradicted: int = 0

    @property
    def refused(self) -> bool:
        """Whether half or more of the contacts of one foot are contradicted: on_s and off_s are empty then."""
        return self.contradicted > 0 and 2 * self.contradicted >= self.contacts - self.unattributed

    def notes(self) -> list[str]:
        """What is wrong with the plates."""
        if not self.refused:
            return []
        return [
            f"FORCES: in {self.contradicted} of {self.contacts} contacts the plates are loaded while the foot on them "
            "moves as in the air: are they of this trial, on its clock, and zeroed? They are not used, and events are "
            "those of the markers"
        ]


def plate_moments(motion: Motion, plates: ForcePlates) -> PlateMoments:
    """The moments within a recording of both.

    Args:
        motion: the trial.
        plates: as recorded, on the same clock and in the same room.
    """
    on_s: dict[Side, list[float]] = {"left": [], "right": []}
    off_s: dict[Side, list[float]] = {"left": [], "right": []}
    contacts = [c for c in plate_contacts(plates) if motion.time_s[0] <= c.middle_s <= motion.time_s[-1]]
    of_one = [contact for contact in contacts if _is_of_one_foot(motion, contact)]
    sides = [nearest_foot(contact, motion.time_s, motion.foot_points_m) for contact in of_one]
    contradicted = sum(is_in_air(motion, contact, side) for contact, side in zip(of_one, sides, strict=True))
    interval_s = float(np.median(np.diff(plates.time_s))) if len(plates.time_s) > 1 else 0.0
    sd_s = float(np.hypot(interval_s / np.sqrt(12), THRESHOLD_SD_S))
    moments = PlateMoments(on_s, off_s, sd_s, len(contacts), len(contacts) - len(of_one), contradicted)
    if moments.refused:
        return moments
    first_s, last_s = plates.time_s[0] + SHORTEST_S, plates.time_s[-1] - SHORTEST_S
    for side in on_s:
        for start_s, end_s in stances_s([contact for contact, own in zip(of_one, sides, strict=True) if own == side]):
            for at_s, before_s, found in ((start_s, SWING_S, on_s), (end_s, 0.0, off_s)):
                if at_s is not None and first_s <= at_s <= last_s and _foot_moves(motion, side, at_s - before_s):
                    found[side].append(at_s)
    return moments


def is_in_air(motion: Motion, contact: PlateContact, side: Side) -> bool:
    """Whether a foot moves for longer than IN_AIR_S while it loads a plate.

    Args:
        motion: the trial.
        contact: on a plate.
        side: of the foot.
    """
    frames = (motion.time_s >= contact.first_s) & (motion.time_s <= contact.last_s)
    moves = motion.foot_speed_m_s[side][frames] >= MOVES_FROM_M_S
    return bool(moves.mean() * (contact.last_s - contact.first_s) > IN_AIR_S) if len(moves) else False


def _foot_moves(motion: Motion, side: Side, start_s: float) -> bool:
    """Whether a foot moves within SWING_S from a time on: one may unload a plate and stay on it."""
    frames = (motion.time_s >= start_s) & (motion.time_s <= start_s + SWING_S)
    speed_m_s = motion.foot_speed_m_s[side][frames]
    return bool(len(speed_m_s) and np.nanmax(speed_m_s) > RESTS_UP_TO_M_S)


def _is_of_one_foot(motion: Motion, contact: PlateContact) -> bool:
    near_m, far_m = sorted(feet_apart_m(contact, motion.time_s, motion.foot_points_m).values())
    return near_m <= AWAY_M and far_m >= min(BOTH_RATIO * near_m, AWAY_M)


def flights_on_plates(flights: Sequence[Flight], moments: PlateMoments) -> tuple[Flight, ...]:
    """Flights whose take-off, landing or both are those of the plates, where every foot's is."""
    return tuple(_landing(_take_off(flight, moments), moments) for flight in flights)


def _take_off(flight: Flight, moments: PlateMoments) -> Flight:
    off_s = _nearest(flight.off_s, moments.off_s)
    if off_s is None or max(off_s.values()) >= flight.landing_s:
        return flight
    fall = replace(flight.fall, take_off_s=max(off_s.values()), take_off_sd_s=moments.sd_s)
    return replace(flight, fall=fall, off_s=off_s)


def _landing(flight: Flight, moments: PlateMoments) -> Flight:
    on_s = _nearest(flight.on_s, moments.on_s)
    if on_s is None or min(on_s.values()) <= flight.take_off_s:
        return flight
    fall = replace(flight.fall, landing_s=min(on_s.values()), landing_sd_s=moments.sd_s)
    return replace(flight, fall=fall, on_s=on_s)


def _nearest(feet_s: Mapping[Side, float], plates_s: Mapping[Side, Sequence[float]]) -> dict[Side, float] | None:
    """Of each foot the plate's moment; None unless each has one."""
    found: dict[Side, float] = {}
    for side, at_s in feet_s.items():
        near = [moment for moment in plates_s[side] if abs(moment - at_s) <= SAME_S]
        if not near:
            return None
        found[side] = min(near, key=lambda moment: abs(moment - at_s))
    return found


def events_on_plates(events: Sequence[Event], moments: PlateMoments, motion: Motion) -> list[Event]:
    """Foot strikes and foot offs of the plates, each in place of the same event from kinematics, in order of time.

    Where kinematics has no such event, the plates' is left out if the foot stands on the floor before or after it.
    Take-off and landing of the whole body that the plates gave are marked as theirs.
    """
    found = list(events)
    for at_s, name, side in sorted(_by_name(moments)):
        of_foot = [e for e in found if e.side == side and e.event in (STRIKE, OFF)]
        same = [e for e in of_foot if e.event == name and abs(e.time_s - at_s) <= SAME_S]
        if not same and _is_beside_plate(name, at_s, of_foot):
            continue
        frame = int(np.searchsorted(motion.time_s, at_s - 1e-9).clip(0, len(motion) - 1))
        one = Event(name, side, at_s, int(motion.frame_index[frame]), moments.sd_s, METHOD)
        found = [*(e for e in found if e not in same), one]
    of_plates = {at_s for times in (moments.on_s, moments.off_s) for by in times.values() for at_s in by}
    found = [replace(e, method=METHOD) if e.side == "both" and e.time_s in of_plates else e for e in found]
    return sorted(found, key=lambda e: (e.time_s, e.event, e.side))


def _by_name(moments: PlateMoments) -> Iterator[tuple[float, str, Side]]:
    for name, by_side in ((STRIKE, moments.on_s), (OFF, moments.off_s)):
        for side, times_s in by_side.items():
            yield from ((at_s, name, side) for at_s in times_s)


def _is_beside_plate(name: str, at_s: float, of_foot: Sequence[Event]) -> bool:
    """Whether the foot stands before it comes onto the plate, or after it has left it: on the floor beside."""
    if name == STRIKE:
        before = [e for e in of_foot if e.time_s < at_s]
        return bool(before) and max(before, key=lambda e: e.time_s).event == STRIKE
    after = [e for e in of_foot if e.time_s > at_s]
    return bool(after) and min(after, key=lambda e: e.time_s).event == OFF
