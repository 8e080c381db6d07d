"""Events against force plates: when feet strike and leave the ground, and how high somebody jumps.

From markers: our inverse kinematics of the laboratory's recordings on the expert's model (hand_scaled.osim) with the
expert's marker weights; the events are those of `biopose.analysis`. The truth is the vertical force on the plates.
Constants of the methods were chosen on other recordings. From film: `film_events`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from biopose.analysis.force_plates import PlateContact, plate_contacts
from biopose.analysis.motion import motion_of_coordinates
from biopose.errors import BioposeError
from biopose.evaluation.event_errors import OURS, EventErrors, PlateEvents
from biopose.evaluation.ground_errors import ground_lines
from biopose.io.force_plates import read_force_plates
from biopose.io.ik_setup import read_ik_setup
from biopose.io.trajectories import CoordinateTrajectories
from biopose.io.trc import read_trc
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim

PLATES = "_grf.mot"
ACTIVITIES = {"DJ": "drop_jump", "walking": "walk"}  # of the trials whose feet come and go, by their names' beginnings


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
        motion = motion_of_coordinates(expert, solved_from_markers(lab, trial, expert, threads=threads))
        contacts = contacts_in(lab / f"{trial}{PLATES}")
        errors.add(motion, PlateEvents.of(motion, contacts), activity=activity)
    events = errors.events_dict()
    of_contacts = {key: events[key] for key in ("mae_ms", "max_ms") if key in events}
    return {
        "events": {"markers": events},
        "contacts": {"markers": of_contacts},
        "jump": {"markers": errors.jump_dict()},
    }


def contacts_in(path: Path) -> list[PlateContact]:
    """The contacts on the force plates of a recording; none without plates."""
    plates = read_force_plates(path)
    return plate_contacts(plates) if plates else []


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


TITLES = {
    "markers": "Events from markers (our inverse kinematics, the expert's model) against force plates, in milliseconds",
    "pixels": "Events from film of the laboratory's motions against force plates, in milliseconds",
    "synthetic": "Events from film of synthetic jumps and recorded walks against their own, in milliseconds",
}


def event_lines(result: dict[str, Any], source: str) -> list[str]:
    """As text: a row an event; of film the same by view, of markers a row a method; then the jumps' heights.

    Args:
        result: of this source.
        source: of TITLES.
    """
    events, jump = result["events"][source], result["jump"][source]
    lines = [
        TITLES[source],
        f"{'':48}{'mean':>8}{'largest':>9}{'bias':>8}{'in 95 %':>9}{'n':>5}{'missed':>8}",
        *_rows("all events of feet", events),
    ]
    for view, of_view in events.get("by_view", {}).items():
        lines += _rows(f"from {view}", of_view)
    for event, methods in events["by_method"].items():
        lines += [f"{event}, by method"]
        lines += [_row(f"  {OURS}", events["by_event"][event])] if event in events["by_event"] else []
        lines += [_row(f"  {method}", row) for method, row in methods.items()]
    lines += [_jump_line(jump, "all")] if "mae_m" in jump else []
    lines += [_jump_line(of_view, view) for view, of_view in jump.get("by_view", {}).items() if "mae_m" in of_view]
    lines += ground_lines(result, source)
    lines += [f"Nobody was found in {clip}" for clip in result.get("refused", [])]
    return lines


def _rows(name: str, events: dict[str, Any]) -> list[str]:
    return [_row(name, events), *(_row(f"  {name}", row) for name, row in events["by_event"].items())]


def _jump_line(jump: dict[str, Any], which: str) -> str:
    return (
        f"Jump height by flight time against the true one, {which}: mean {1e3 * jump['mae_m']:.0f} mm, 90 % within "
        f"{1e3 * jump['p90_m']:.0f} mm, largest {1e3 * jump['max_m']:.0f} mm; in 95 %: {jump['coverage95']:.2f}; "
        f"{jump['n']} jumps, {jump['missed']} missed"
    )


def _row(name: str, row: dict[str, Any]) -> str:
    numbers = [row.get(key, float("nan")) for key in ("mae_ms", "max_ms", "bias_ms")]
    covered = f"{row['coverage95']:9.2f}" if "coverage95" in row else f"{'-':>9}"
    return f"{name:48}{numbers[0]:8.1f}{numbers[1]:9.1f}{numbers[2]:8.1f}{covered}{row['n']:5d}{row['missed']:8d}"


def solved_from_markers(lab: Path, trial: str, expert: Skeleton, *, threads: int) -> CoordinateTrajectories:
    """Our inverse kinematics of a trial on the expert's model with the expert's marker weights."""
    markers = read_trc(lab / f"{trial}.trc")
    known = set(expert.marker_names) & set(markers.names)
    weights = read_ik_setup(lab / f"{trial}_expert_ik_setup.xml").marker_weights or {}
    weights = {name: weight for name, weight in weights.items() if name in known}
    return inverse_kinematics(expert, markers, weights=weights, threads=threads).coordinates
