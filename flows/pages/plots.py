"""Single plots of the pages, for `biopose plot`: curves of a trial, the trend of a metric, two trials' curves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import numpy as np
import polars as pl

from biopose.report.plot_file import captioned
from biopose.report.svg import COLUMNS, Panel, figure
from flows.pages.athlete import athlete
from flows.pages.compare import COORDINATES, compared_phases, comparison_panels
from flows.pages.percent_plot import PERCENT
from flows.pages.reader import Reader
from flows.pages.report import LIMITS
from flows.pages.trial import read_frames
from tasks.settings import Settings
from warehouse.errors import QueryError, UnknownNameError
from warehouse.nearest import nearest_names, suggestion
from warehouse.open_snapshot import OpenSnapshot
from warehouse.team_rows import Teams

T = TypeVar("T")


def curve_plot(
    settings: Settings, trial_id: str, coordinates: Collection[str], *, start: str, end: str, teams: Teams = None
) -> str:
    """Curves of a trial's angles over time, as SVG.

    Args:
        settings: of the home.
        trial_id: team/session/trial.
        coordinates: of COORDINATES.
        start: second of the video at which they begin; "" for the trial's first.
        end: likewise, the last.
        teams: whose rows are read; None: every row.

    Raises:
        QueryError: there is no such trial or coordinate, or no frame between start and end.
    """
    frames = _read(settings, lambda read: read_frames(read, {"from": start, "to": end}, trial_id=trial_id), teams)
    panels = _chosen(frames.groups, coordinates)
    drawn = figure(trial_id, panels, frames.time_s, frames.untrusted, columns=min(len(panels), COLUMNS))
    return captioned(drawn, [trial_id])


def trend_plot(settings: Settings, athlete_id: str, metric: str, *, activity: str, teams: Teams = None) -> str:
    """The trend of an athlete's metric over sessions, as SVG.

    Args:
        settings: of the home.
        athlete_id: team/athlete.
        metric: such as jump_height.
        activity: "" for that of the most trials.
        teams: whose rows are read; None: every row.

    Raises:
        QueryError: there is no such athlete, activity or metric.
    """
    asked = {"activity": activity}
    page = _read(settings, lambda read: athlete(read, asked, athlete_id=athlete_id, offline=True), teams)
    plots = {str(one["name"]): str(one["plot"]) for one in page["metrics"]}
    if metric not in plots:
        others = [name for name in page["activities"] if name != page["activity"]]
        elsewhere = f" (--activity has {', '.join(others)}, too)" if others else ""
        _refuse(metric, plots, f"{athlete_id} has no such metric of {page['activity']}{elsewhere}", kind="metric")
    return captioned(plots[metric], [f"{athlete_id}, {str(page['activity']).replace('_', ' ')}"])


def comparison_plot(
    settings: Settings, first: str, second: str, coordinates: Collection[str], *, teams: Teams = None
) -> str:
    """The curves of two trials over each other, from 0 to 100 per cent, as SVG.

    Args:
        settings: of the home.
        first: team/session/trial.
        second: likewise.
        coordinates: of COORDINATES; a panel for each side.
        teams: whose rows are read; None: every row.

    Raises:
        QueryError: there is no such trial or coordinate, or the trials have no such curve in common.
    """

    def curves(read: Reader) -> list[pl.DataFrame]:
        for name in (first, second):
            read.rows("trial_description", trial=name)
        return [read.frame("curves_of_trial", {"trial": name}) for name in (first, second)]

    tables = _read(settings, curves, teams)
    chosen = _chosen(comparison_panels(tables), coordinates)
    none = np.zeros(len(PERCENT), bool)
    title = f"{first} and {second}"
    of = f"% of the {compared_phases(tables)}"
    drawn = figure(title, chosen, PERCENT, none, columns=min(len(chosen), COLUMNS), time_title=of)
    return captioned(drawn, [f"1st {first}", f"2nd {second}"])


def _read(settings: Settings, work: Callable[[Reader], T], teams: Teams) -> T:
    with OpenSnapshot(settings.snapshot, LIMITS) as snapshot:
        found, _ = snapshot.answer(lambda connection: work(Reader(connection, settings.queries, teams)), teams=teams)
    return found


def _chosen(groups: Mapping[str, Sequence[Panel]], coordinates: Collection[str]) -> list[Panel]:
    """The panels of these coordinates; a panel's title begins with the coordinate's."""
    for name in coordinates:
        if name not in COORDINATES:
            _refuse(name, COORDINATES, "there is no such coordinate", kind="coordinate")
    titles = {COORDINATES[name] for name in coordinates}
    panels = [panel for drawn in groups.values() for panel in drawn if panel.title.removesuffix(" (°)") in titles]
    sides = [panel for drawn in groups.values() for panel in drawn if panel.title.rpartition(",")[0] in titles]
    if not (panels or sides):
        raise QueryError(f"no curve of {', '.join(coordinates)} is known")
    return [*panels, *sides]


def _refuse(name: str, known: Collection[str], message: str, *, kind: str) -> None:
    raise UnknownNameError(
        f"{name}: {message}; {suggestion(name, known)}", kind=kind, nearest=nearest_names(name, known)
    )
