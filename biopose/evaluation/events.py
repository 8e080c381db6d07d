"""Events against force plates: when feet strike and leave the ground, and how high somebody jumps.

From markers: our inverse kinematics of the laboratory's recordings on the expert's model (hand_scaled.osim) with the
expert's marker weights; the events are those of `biopose.analysis`. The truth is the vertical force on the plates. An
event of the plates counts if it is within the recording by EDGE_S; the nearest of our events of the same foot and kind
within MATCH_S is compared, one further away is missed. Constants of the methods were chosen on other recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from biopose.analysis.force_plates import PlateContact, flight_between, nearest_foot, plate_contacts
from biopose.analysis.free_fall import GRAVITY_M_S2
from biopose.analysis.motion import Motion, motion_of_coordinates
from biopose.analysis.tables import Event, Metric
from biopose.analysis.trial_analysis import analyse_motion
from biopose.errors import BioposeError
from biopose.evaluation.event_methods import moments_by_method
from biopose.io.force_plates import read_force_plates
from biopose.io.ik_setup import read_ik_setup
from biopose.io.trc import read_trc
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim

PLATES = "_grf.mot"
ACTIVITIES = {"DJ": "drop_jump", "walking": "walk"}  # of the trials whose feet come and go, by their names' beginnings
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


@dataclass
class EventErrors:
    """Everything that is compared with the plates, pooled over trials."""

    all: Differences = field(default_factory=Differences)
    by_event: dict[str, Differences] = field(default_factory=dict)
    by_method: dict[str, dict[str, Differences]] = field(default_factory=dict)
    jumps: list[tuple[float, float, float]] = field(default_factory=list)  # ours, its sd, the plates', in metres
    jumps_missed: int = 0

    def add(self, motion: Motion, contacts: Sequence[PlateContact], *, activity: str) -> None:
        """Compare a trial.

        Args:
            motion: measured.
            contacts: on the plates, on the same clock and in the same frame.
            activity: walk or drop_jump.
        """
        events, metrics = analyse_motion(motion, activity=activity)
        expected = _expected(motion, contacts)
        for name, side, time_s in expected:
            ours = [event for event in events if (event.event, event.side) == (name, side)]
            for differences in (self.all, self.by_event.setdefault(f"{activity}: {name}", Differences())):
                _compare(differences, ours, time_s)
        if activity == "walk":
            self._add_methods(motion, expected)
        else:
            self._add_jump(events, metrics, contacts)

    def _add_methods(self, motion: Motion, expected: Sequence[tuple[str, str, float]]) -> None:
        for side in motion.foot_points_m:
            for method, moments in moments_by_method(motion, side).items():
                for name in ("foot_strike", "foot_off"):
                    ours = [Event(name, side, time_s, 0, None) for kind, time_s in moments if kind == name]
                    differences = self.by_method.setdefault(f"walk: {name}", {}).setdefault(method, Differences())
                    for kind, foot, time_s in expected:
                        if (kind, foot) == (name, side):
                            _compare(differences, ours, time_s)

    def _add_jump(self, events: Sequence[Event], metrics: Sequence[Metric], contacts: Sequence[PlateContact]) -> None:
        flight = flight_between(contacts)
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


def evaluate_events(
    data: Path, *, threads: int = 2, trials: Sequence[str] | None = None, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Events from markers against force plates.

    Args:
        data: the reference recordings; mocap/lab is read.
        threads: of inverse kinematics.
        trials: names; all that have events of feet if None.
        progress: called with the name of each trial before it.

    Returns:
        events.markers: mae_ms, max_ms, bias_ms, coverage95, n, missed over all events of feet, the same by_event, and
        by_method for walking; contacts.markers: mae_ms and max_ms of these; jump.markers: mae_m, p90_m, coverage95.

    Raises:
        BioposeError: there is no such recording.
    """
    lab = data / "mocap" / "lab"
    expert, errors = read_osim(lab / "hand_scaled.osim"), EventErrors()
    for trial in event_trials(lab) if trials is None else trials:
        if (activity := activity_of(trial)) is None:
            continue
        if progress:
            progress(trial)
        motion = _motion_from_markers(lab, trial, expert, threads=threads)
        errors.add(motion, _contacts(lab / f"{trial}{PLATES}"), activity=activity)
    events = errors.events_dict()
    contacts = {key: events[key] for key in ("mae_ms", "max_ms") if key in events}
    return {"events": {"markers": events}, "contacts": {"markers": contacts}, "jump": {"markers": errors.jump_dict()}}


def event_trials(lab: Path) -> list[str]:
    """Names of the trials with force plates in which feet come and go.

    Raises:
        BioposeError: there is none.
    """
    names = sorted(path.name.removesuffix(PLATES) for path in lab.glob(f"*{PLATES}"))
    trials = [name for name in names if activity_of(name)]
    if not trials:
        raise BioposeError(f"{lab}: no *{PLATES} of drop jumps or walking here; --data names the folder with mocap/lab")
    return trials


def activity_of(trial: str) -> str | None:
    """Of a trial in which feet come and go, by its name; None of others."""
    return next((activity for start, activity in ACTIVITIES.items() if trial.startswith(start)), None)


def event_lines(result: dict[str, Any]) -> list[str]:
    """As text: a row an event, then a row a method, then the jumps' heights."""
    events, jump = result["events"]["markers"], result["jump"]["markers"]
    lines = [
        "Events from markers (our inverse kinematics on the expert's model) against force plates, in milliseconds",
        f"{'':48}{'mean':>8}{'largest':>9}{'bias':>8}{'in 95 %':>9}{'n':>5}{'missed':>8}",
        _row("all events of feet", events),
        *(_row(f"  {name}", row) for name, row in events["by_event"].items()),
    ]
    for event, methods in events["by_method"].items():
        lines += [f"{event}, by method"]
        lines += [_row(f"  {OURS}", events["by_event"][event])] if event in events["by_event"] else []
        lines += [_row(f"  {method}", row) for method, row in methods.items()]
    if "mae_m" in jump:
        lines.append(
            f"Jump height by flight time against that on the plates: mean {1e3 * jump['mae_m']:.0f} mm, 90 % within "
            f"{1e3 * jump['p90_m']:.0f} mm, largest {1e3 * jump['max_m']:.0f} mm; in 95 %: {jump['coverage95']:.2f}; "
            f"{jump['n']} jumps, {jump['missed']} missed"
        )
    return lines


def _row(name: str, row: dict[str, Any]) -> str:
    numbers = [row.get(key, float("nan")) for key in ("mae_ms", "max_ms", "bias_ms")]
    covered = f"{row['coverage95']:9.2f}" if "coverage95" in row else f"{'-':>9}"
    return f"{name:48}{numbers[0]:8.1f}{numbers[1]:9.1f}{numbers[2]:8.1f}{covered}{row['n']:5d}{row['missed']:8d}"


def _motion_from_markers(lab: Path, trial: str, expert: Skeleton, *, threads: int) -> Motion:
    markers = read_trc(lab / f"{trial}.trc")
    known = set(expert.marker_names) & set(markers.names)
    weights = read_ik_setup(lab / f"{trial}_expert_ik_setup.xml").marker_weights or {}
    weights = {name: weight for name, weight in weights.items() if name in known}
    return motion_of_coordinates(
        expert, inverse_kinematics(expert, markers, weights=weights, threads=threads).coordinates
    )


def _contacts(path: Path) -> list[PlateContact]:
    plates = read_force_plates(path)
    return plate_contacts(plates) if plates else []


def _expected(motion: Motion, contacts: Sequence[PlateContact]) -> list[tuple[str, str, float]]:
    """foot_strike or foot_off, side and time of the plates' events that are well within the recording."""
    found: list[tuple[str, str, float]] = []
    for contact in contacts:
        side = nearest_foot(contact, motion.time_s, motion.foot_points_m)
        for name, time_s in (("foot_strike", contact.on_s), ("foot_off", contact.off_s)):
            if time_s is not None and motion.time_s[0] + EDGE_S <= time_s <= motion.time_s[-1] - EDGE_S:
                found.append((name, side, time_s))
    return found


def _compare(differences: Differences, ours: Sequence[Event], time_s: float) -> None:
    nearest = min(ours, key=lambda event: abs(event.time_s - time_s), default=None)
    if nearest is None or abs(nearest.time_s - time_s) > MATCH_S:
        differences.missed += 1
        return
    differences.seconds.append(nearest.time_s - time_s)
    if nearest.sd_s is not None:
        differences.covered.append(bool(abs(nearest.time_s - time_s) <= SDS_OF_95 * nearest.sd_s))
