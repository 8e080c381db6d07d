"""How far events and jump heights lie from those of force plates, or from known ones.

The nearest of our events of the same foot and kind within MATCH_S is compared, one further away is missed; an event of
the plates counts if it is within the recording by EDGE_S.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from biopose.analysis.body_points import Side
from biopose.analysis.force_plates import PlateContact, flight_between, nearest_foot
from biopose.analysis.free_fall import GRAVITY_M_S2
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Event, Metric
from biopose.analysis.trial_analysis import analyse_motion
from biopose.evaluation.event_methods import moments_by_method

EDGE_S, MATCH_S = 0.1, 0.1
OURS = "BioPose"
SDS_OF_95 = 1.96


@dataclass
class Differences:
    """Of our moments from the plates', in seconds.

    Attributes:
        seconds: ours less the plates'.
        covered: whether each is within our 95 % interval.
        missed: events of the plates that have none of ours.
    """

    seconds: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    missed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """n, missed, and where there are any: mae_ms, max_ms, bias_ms, coverage95."""
        result: dict[str, Any] = {"n": len(self.seconds), "missed": self.missed}
        if self.seconds:
            ms = 1e3 * np.array(self.seconds)
            result |= {"mae_ms": float(np.abs(ms).mean()), "max_ms": float(np.abs(ms).max())}
            result |= {"bias_ms": float(ms.mean())}
        if self.covered:
            result["coverage95"] = float(np.mean(self.covered))
        return result


@dataclass(frozen=True)
class PlateEvents:
    """What force plates tell of a trial, in seconds of a clock.

    Attributes:
        of_feet: foot_strike or foot_off, side and time of the events that are well within the recording.
        flight: take-off and landing of the longest flight; None without one.
    """

    of_feet: tuple[tuple[str, Side, float], ...]
    flight: tuple[float, float] | None

    @classmethod
    def of(cls, motion: Motion, contacts: Sequence[PlateContact]) -> PlateEvents:
        """Of contacts on the clock of a motion, and in its frame, which tells the side of each."""
        found: list[tuple[str, Side, float]] = []
        for contact in contacts:
            side = nearest_foot(contact, motion.time_s, motion.foot_points_m)
            for name, time_s in (("foot_strike", contact.on_s), ("foot_off", contact.off_s)):
                if time_s is not None and motion.time_s[0] + EDGE_S <= time_s <= motion.time_s[-1] - EDGE_S:
                    found.append((name, side, time_s))
        return cls(tuple(found), flight_between(contacts))

    def since(self, start_s: float) -> PlateEvents:
        """The same on a clock that begins at a time of this one."""
        of_feet = tuple((name, side, time_s - start_s) for name, side, time_s in self.of_feet)
        flight = None if self.flight is None else (self.flight[0] - start_s, self.flight[1] - start_s)
        return PlateEvents(of_feet, flight)


@dataclass
class EventErrors:
    """Everything that is compared with the plates, pooled over trials."""

    all: Differences = field(default_factory=Differences)
    by_event: dict[str, Differences] = field(default_factory=dict)
    by_method: dict[str, dict[str, Differences]] = field(default_factory=dict)
    jumps: list[tuple[float, float, float]] = field(default_factory=list)  # ours, its sd, the plates', in metres
    jumps_missed: int = 0

    def add(self, motion: Motion, plates: PlateEvents, *, activity: str, methods: bool = True) -> None:
        """Compare a trial.

        Args:
            motion: measured.
            plates: their events on the same clock.
            activity: walk or drop_jump.
            methods: whether walking is also compared by other published methods.
        """
        events, metrics = analyse_motion(motion, activity=activity)
        for name, side, time_s in plates.of_feet:
            ours = [event for event in events if (event.event, event.side) == (name, side)]
            for differences in (self.all, self.by_event.setdefault(f"{activity}: {name}", Differences())):
                _compare(differences, ours, time_s)
        if activity != "walk":
            self._add_jump(events, metrics, plates.flight)
        elif methods:
            self._add_methods(motion, plates.of_feet)

    def _add_methods(self, motion: Motion, expected: Sequence[tuple[str, Side, float]]) -> None:
        for side in motion.foot_points_m:
            for method, moments in moments_by_method(motion, side).items():
                for name in ("foot_strike", "foot_off"):
                    ours = [Event(name, side, time_s, 0, None) for kind, time_s in moments if kind == name]
                    differences = self.by_method.setdefault(f"walk: {name}", {}).setdefault(method, Differences())
                    for kind, foot, time_s in expected:
                        if (kind, foot) == (name, side):
                            _compare(differences, ours, time_s)

    def _add_jump(self, events: Sequence[Event], metrics: Sequence[Metric], flight: tuple[float, float] | None) -> None:
        if flight is None:
            return
        for name, time_s in zip(("take_off", "landing"), flight, strict=True):
            ours = [event for event in events if event.event == name]
            _compare(self.by_event.setdefault(f"drop_jump: {name} of the body", Differences()), ours, time_s)
        heights = {one.metric: one for one in metrics}
        if (found := heights.get("jump_height_flight")) is None or found.value is None or found.sd is None:
            self.jumps_missed += 1
            return
        self.jumps.append((found.value, found.sd, GRAVITY_M_S2 * (flight[1] - flight[0]) ** 2 / 8))

    def events_dict(self) -> dict[str, Any]:
        """Of all events of feet, by event, and by method."""
        return self.all.as_dict() | {
            "by_event": {name: differences.as_dict() for name, differences in self.by_event.items()},
            "by_method": {
                event: {method: differences.as_dict() for method, differences in methods.items()}
                for event, methods in self.by_method.items()
            },
        }

    def jump_dict(self) -> dict[str, Any]:
        """Of the heights by flight time: n, missed, and where there are any mae_m, p90_m, max_m, coverage95."""
        result: dict[str, Any] = {"n": len(self.jumps), "missed": self.jumps_missed}
        if self.jumps:
            ours_m, sd_m, plates_m = np.array(self.jumps).T
            off_m = np.abs(ours_m - plates_m)
            result |= {
                "mae_m": float(off_m.mean()),
                "p90_m": float(np.quantile(off_m, 0.9)),
                "max_m": float(off_m.max()),
            }
            result["coverage95"] = float(np.mean(off_m <= SDS_OF_95 * sd_m))
        return result


def _compare(differences: Differences, ours: Sequence[Event], time_s: float) -> None:
    nearest = min(ours, key=lambda event: abs(event.time_s - time_s), default=None)
    if nearest is None or abs(nearest.time_s - time_s) > MATCH_S:
        differences.missed += 1
        return
    differences.seconds.append(nearest.time_s - time_s)
    if nearest.sd_s is not None:
        differences.covered.append(bool(abs(nearest.time_s - time_s) <= SDS_OF_95 * nearest.sd_s))
