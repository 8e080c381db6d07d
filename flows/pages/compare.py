"""Two trials: their curves over each other, from 0 to 100 per cent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from biopose.report.angle_panels import MIN_SPAN_DEG, PANELS
from biopose.report.metric_tables import metric_place
from biopose.report.svg import Curve, Panel
from flows.pages.body import has_body
from flows.pages.percent_plot import PERCENT, PHASES, PercentPlot, asked_part, percent_plot
from flows.pages.reader import Reader, Row
from flows.pages.trial_files import TrialFiles

KINDS = ("first", "second")
# The names of angles: a coordinate without its side.
COORDINATES = {name.removesuffix("_"): title for titles in PANELS.values() for name, title in titles.items()}
SIDELESS = frozenset(name for titles in PANELS.values() for name in titles if not name.endswith("_"))


def compare(read: Reader, asked: Mapping[str, str], *, home: Path) -> dict[str, Any]:
    """The curves, metrics and bodies of two trials.

    Args:
        read: the snapshot.
        asked: first and second, as team/session/trial; from and to, the per cents between which curves are drawn.
        home: the folder that holds all state.

    Raises:
        UnknownNameError: there is no such trial.
        QueryError: as of `asked_part`.
    """
    names = [asked.get(kind, "") for kind in KINDS]
    page: dict[str, Any] = {
        "title": "Compare two trials",
        "first": names[0],
        "second": names[1],
        "from": asked.get("from", ""),
        "to": asked.get("to", ""),
        "trials": read.choices("trial_description", "trial"),
        "plots": {},
        "metrics": [],
    }
    if not all(names):
        return page
    part = asked_part(asked)
    described = [read.rows("trial_description", trial=name)[0] for name in names]
    tables = [read.frame("curves_of_trial", {"trial": name}) for name in names]
    unknown = [name for name, table in zip(names, tables, strict=True) if table.is_empty()]
    have_bodies = all(has_body(TrialFiles(home, one["artifacts"]), one) for one in described)
    return page | {
        "described": described,
        "plots": _plots(tables, part),
        "metrics": _metrics(read, names),
        "without_curves": unknown,
        "bodies": names if have_bodies else [],
        "common_events": _common_events(read, names) if have_bodies else [],
    }


def _common_events(read: Reader, names: list[str]) -> list[Row]:
    """When each event that both trials have is first in each, in the order of the first trial."""
    first, second = (
        {(row["event"], row["side"]): row["time_s"] for row in reversed(read.rows("events_of_trial", trial=name))}
        for name in names
    )
    common = sorted(first.keys() & second.keys(), key=lambda key: first[key])
    return [{"name": key[0], "side": key[1], "first_s": first[key], "second_s": second[key]} for key in common]


def _metrics(read: Reader, names: list[str]) -> list[dict[str, Any]]:
    """Rows of the metrics that both have, the activity's own first."""
    first, second = (
        {(row["metric"], row["side"]): row for row in read.rows("metrics_of_trial", trial=name)} for name in names
    )
    common = sorted(first.keys() & second.keys(), key=lambda key: (metric_place(key[0]), key))
    return [{"first": first[key], "second": second[key]} for key in common]


def _plots(tables: list[pl.DataFrame], part: slice) -> dict[str, list[PercentPlot]]:
    of = compared_phases(tables)
    return {
        group: [percent_plot(panel, part=part, of=of) for panel in panels]
        for group, panels in comparison_panels(tables).items()
    }


def compared_phases(tables: list[pl.DataFrame]) -> str:
    """What lasts from 0 to 100 per cent: stride, trial, or either.

    Args:
        tables: of the query curves_of_trial.
    """
    of = {"trial" if side == "none" else "stride" for table in tables for side in table["side"].unique()}
    return of.pop() if len(of) == 1 else PHASES


def comparison_panels(tables: list[pl.DataFrame]) -> dict[str, list[Panel]]:
    """The curves of two trials over each other, a panel for each side of an angle, by group of coordinates.

    Args:
        tables: of the query curves_of_trial.
    """
    by_side = [{side: _of_side(table, side) for side in ("", "right", "left")} for table in tables]
    groups = {}
    for group, titles in PANELS.items():
        drawn = [
            _panel(f"{title}{f', {side}' if side else ''} (°)", column, [of[side] for of in by_side])
            for name, title in titles.items()
            for column, side in columns_of(name.removesuffix("_"))
            if all(column in table.columns for table in tables)
        ]
        groups[group] = [panel for panel in drawn if panel is not None]
    return {group: panels for group, panels in groups.items() if panels}


def columns_of(coordinate: str) -> list[tuple[str, str]]:
    """The columns of curve that an angle of COORDINATES has, with their sides; "" for one without a side."""
    if coordinate in SIDELESS:
        return [(f"{coordinate}_deg", "")]
    return [(f"{coordinate}_r_deg", "right"), (f"{coordinate}_l_deg", "left")]


def _of_side(table: pl.DataFrame, side: str) -> pl.DataFrame:
    """In gait the rows of the strides of a coordinate's own side, or of the right's; otherwise of the trial."""
    return table.filter(pl.col("side").is_in(["none", side or "right"]))


def _panel(title: str, column: str, tables: list[pl.DataFrame]) -> Panel | None:
    curves = [
        Curve(kind, name, values)
        for kind, name, table in zip(KINDS, ("1st", "2nd"), tables, strict=True)
        if (values := _values(table, column)) is not None
    ]
    if len(curves) < len(tables):
        return None
    return Panel(title, curves, least_span=MIN_SPAN_DEG)


def _values(table: pl.DataFrame, column: str) -> np.ndarray | None:
    """(101,) of one side's rows; None where no value is known."""
    values = np.full(len(PERCENT), np.nan)
    values[table["percent"].to_numpy()] = table[column].cast(pl.Float64).to_numpy()
    return values if np.isfinite(values).any() else None
