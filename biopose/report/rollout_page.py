"""The page to decide on a rollout by: what a candidate release changes, for whom, by how much, and its worst trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from biopose.analysis.criterion_text import interval_text, value_text
from biopose.analysis.definitions import DEFINITIONS
from biopose.io.files import written_whole
from biopose.report.messages import commands
from biopose.report.page import environment
from biopose.report.svg import Curve, Panel, figure

TEMPLATE = "rollout.html.j2"
ADDED: Mapping[str, Any] = {"notes": (), "reference": (), "cost": {"trials": 0}}  # that earlier comparisons lack


@dataclass(frozen=True, eq=False)
class WorstTrial:
    """A trial whose two measurements differ most.

    Attributes:
        trial_id: its id.
        time_s: (T,) of the frames that both have.
        coordinates: by column, such as knee_angle_r_deg, (T, 2) of champion and candidate.
        overlays: addresses of the overlay videos of champion and candidate, relative to the page; empty where one
            is gone, such as pruned.
    """

    trial_id: str
    time_s: NDArray[np.float64]
    coordinates: Mapping[str, NDArray[np.float64]]
    overlays: tuple[str, ...]


def write_rollout_page(path: Path, status: Mapping[str, Any], worst: Sequence[WorstTrial]) -> Path:
    """Write the page, whole or not at all.

    Args:
        path: the .html to write.
        status: of a rollout that was compared, as `biopose rollout status --json` prints it.
        worst: the trials to show curves of.
    """
    rollout = status["rollout"]
    comparison = {**ADDED, **rollout["comparison"]}
    page = (
        environment()
        .get_template(TEMPLATE)
        .render(
            rollout=rollout,
            decision=comparison["decision"],
            comparison=comparison,
            units={name: definition.unit.removeprefix("1") for name, definition in DEFINITIONS.items()},
            costs=_cost_rows(comparison["cost"]),
            offsets=_offset_tables(rollout, comparison["coordinates"]),
            acts=[act for act in status["acts"] if act["against_the_gate"]],
            notes=[commands(note) for note in comparison["notes"]],
            judged=[_judged_row(one) for one in comparison["decision"]["judged"]],
            worst=[{"trial_id": one.trial_id, "overlays": one.overlays, "plots": _plots(one)} for one in worst],
        )
    )
    with written_whole(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")
    return path


def _judged_row(one: Mapping[str, Any]) -> dict[str, Any]:
    """A criterion as the page has it."""
    bounds = [
        text
        for bound, text in (
            (one["low"], f"above {_typeset(value_text(one['low'], one['unit']))}"),
            (one["high"], f"below {_typeset(value_text(one['high'], one['unit']))}"),
        )
        if bound is not None
    ]
    more = f": {one['more_trials']} more" if one["more_trials"] else ""
    return {
        "name": one["name"],
        "mean": _typeset(value_text(one["mean"], one["unit"])),
        "interval": _typeset(interval_text(one["low_end"], one["high_end"], one["unit"])),
        "margin": ", ".join(bounds),
        "sample": _sample(one),
        "verdict": one["verdict"] + more,
        "is_main": one["verdict"] == "fail" or not one["may_only_fail"],
        "note": "can only stop a candidate" if one["may_only_fail"] else "",
    }


def _sample(one: Mapping[str, Any]) -> str:
    """How many trials, and of how many athletes where that is known."""
    athletes = f" ({one['athletes']} athlete{'' if one['athletes'] == 1 else 's'})" if one["athletes"] else ""
    return f"{one['trials']}{athletes}"


def _cost_rows(cost: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What both cost, as the page has it; nothing where it is not known."""
    if not cost["trials"]:
        return []
    named = (("processor seconds per frame", "frame_s", ".3f"), ("peak memory, MB", "peak_mb", ".0f"))
    return [(name, *(format(cost[key][which], digits) for which in (0, 1))) for name, key, digits in named]


def _offset_tables(
    rollout: Mapping[str, Any], coordinates: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Measured offsets between the releases as the page has them: of metrics, and of coordinates."""
    names = {one["coordinate"] for one in coordinates}
    of_metrics: list[dict[str, str]] = []
    of_coordinates: list[dict[str, str]] = []
    for one in rollout["offsets"]:
        unit = one["unit"].removeprefix("1")
        row = {
            "quantity": one["quantity"],
            "mean": _typeset(value_text(one["mean_difference"], unit)),
            "interval": _typeset(interval_text(one["low"], one["high"], unit)),
            "sample": _sample(one),
        }
        (of_coordinates if one["quantity"] in names else of_metrics).append(row)
    return of_metrics, of_coordinates


def _plots(one: WorstTrial) -> list[Markup]:
    """A plot a column, so that a phone shows them below each other."""
    panels = [
        Panel(
            column.rpartition("_")[0].replace("_", " ") + " (deg)",
            [Curve("left", "champion", values[:, 0]), Curve("right", "candidate", values[:, 1])],
        )
        for column, values in one.coordinates.items()
    ]
    trusted = np.zeros(len(one.time_s), bool)
    return [Markup(figure(one.trial_id, [panel], one.time_s, trusted, columns=1)) for panel in panels]  # noqa: S704


def _typeset(text: str) -> str:
    """Numbers with a minus sign that is one."""
    return text.replace("-", "\N{MINUS SIGN}")
