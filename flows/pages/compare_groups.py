"""Two groups of trials, such as sessions, teams or releases; their mean curves with bands and significant spans."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from biopose.analysis.metrics import GAIT
from biopose.report.angle_panels import MIN_SPAN_DEG
from biopose.report.svg import Curve, Panel
from flows.curve_groups import ORDER, SHOWN, GroupComparison, compare_groups, counted_curves, group_cycles
from flows.pages.compare import COORDINATES, columns_of
from flows.pages.percent_plot import PERCENT, asked_part, percent_plot
from flows.pages.reader import Reader
from tasks.audit import NOBODY, People
from warehouse.errors import QueryError, QueryLimitError

ALPHA = 0.05
ANY = "any"
FILTERS = {"team": ANY, "session": ANY, "athlete": ANY, "trial": ANY, "since": "", "until": "", "release": SHOWN}
Group = dict[str, str]


@dataclass(frozen=True, eq=False)
class SideComparison:
    """The groups' curves of one side of a coordinate.

    Attributes:
        column: such as knee_angle_r_deg.
        side: right, left, or empty where the coordinate has none.
        of: the comparison.
    """

    column: str
    side: str
    of: GroupComparison


def compare_chosen(read: Reader, asked: Mapping[str, str]) -> dict[str, Any]:
    """Two groups' curves of a coordinate, a panel for each side.

    Args:
        read: the snapshot.
        asked: activity and coordinate; FILTERS of each group, such as first_team and second_since; from and to, the
            per cents between which curves are drawn, whereas they are compared as a whole.
    """
    groups = [{name: asked.get(f"{kind}_{name}") or FILTERS[name] for name in FILTERS} for kind in ORDER]
    page: dict[str, Any] = {
        "title": "Compare two groups",
        "groups": dict(zip(ORDER, groups, strict=True)),
        "activity": asked.get("activity", ""),
        "coordinate": asked.get("coordinate", "knee_angle"),
        "coordinates": COORDINATES,
        "from": asked.get("from", ""),
        "to": asked.get("to", ""),
        "offered": {name: read.choices("cycle_curves", name) for name in ("activity", *FILTERS)},
        "error": "",
        "sides": [],
        "counted": counted_curves,
        "people": NOBODY,
        "alpha": ALPHA,
    }
    if not page["activity"]:
        return page
    try:
        part = asked_part(asked)
        sides = _sides(read, page["coordinate"], page["activity"], groups)
    except QueryLimitError:
        raise
    except (QueryError, ValueError) as error:
        return page | {"error": str(error)}
    athletes = sorted({name for side in sides for name in side.of.athletes})
    return page | {
        "described": [_described(group) for group in groups],
        "sides": [_drawn(side, page["activity"], groups, part) for side in sides],
        "people": People(athletes=tuple(athletes)),
    }


def _sides(read: Reader, coordinate: str, activity: str, groups: list[Group]) -> list[SideComparison]:
    if coordinate not in COORDINATES:
        raise QueryError(f"coordinate: found {coordinate!r}; there are {', '.join(COORDINATES)}")
    chosen = [{name: value for name, value in group.items() if value != FILTERS[name]} for group in groups]
    if chosen[0] == chosen[1]:
        raise QueryError("both groups are the same; choose two teams, sessions, athletes, trials, periods or releases")
    of_two_releases = groups[0]["release"] != groups[1]["release"]
    found = []
    columns = columns_of(coordinate)
    of_groups = [
        group_cycles(read.frame, [column for column, _ in columns], {"activity": activity, **group}) for group in chosen
    ]
    for (column, side), *cycles in zip(columns, *of_groups, strict=True):
        for kind, of_group in zip(ORDER, cycles, strict=True):
            if not of_group["is_whole"].any():
                raise QueryError(
                    f"the {kind} group has no {side + ' ' if side else ''}{activity.replace('_', ' ')} of which "
                    f"{COORDINATES[coordinate]} is known from 0 to 100 %"
                )
        compared = compare_groups(*cycles, alpha=ALPHA, of_two_releases=of_two_releases)
        found.append(SideComparison(column, side, compared))
    return found


def _drawn(side: SideComparison, activity: str, groups: list[Group], part: slice) -> dict[str, Any]:
    """What the template shows of a side."""
    compared = side.of
    spans = [] if compared.found is None else compared.found.spans
    significant = np.zeros(len(PERCENT), bool)
    for span in spans:
        significant |= (span.start <= PERCENT) & (span.end >= PERCENT)
    name = COORDINATES[side.column.removesuffix("_deg").removesuffix("_r").removesuffix("_l")]
    title = f"{name}{f', {side.side}' if side.side else ''}"
    of = "stride" if activity in GAIT else "trial"
    curves = [
        Curve(kind, short, of.mean(axis=0), of.std(axis=0, ddof=1) if len(of) > 1 else None)
        for kind, short, of in zip(ORDER, ("1st", "2nd"), compared.curves, strict=True)
    ]
    plots = [percent_plot(Panel(f"{title} (°)", curves, least_span=MIN_SPAN_DEG), significant, part=part, of=of)]
    if compared.found is not None:
        level = np.full(len(PERCENT), compared.found.threshold)
        limits = [Curve("limit", "", level), Curve("limit", "", -level)]
        t = Curve("midline", "t", compared.found.t)
        plots.append(
            percent_plot(Panel(f"{title}: t, second minus first", [t, *limits]), significant, part=part, of=of)
        )
    return {
        "title": title,
        "of": compared,
        "counted": counted_curves([len(one) for one in compared.curves], compared.unit, paired=compared.paired),
        "spans": spans,
        "plots": plots,
        "command": _command(side.column, activity, groups),
    }


def _described(group: Group) -> str:
    """A group's filters as text."""
    given = [group[name] for name in ("team", "session", "athlete", "trial") if group[name] != ANY] or ["everybody"]
    days = " ".join(f"{word} {group[name]}" for word, name in (("from", "since"), ("to", "until")) if group[name])
    release = [] if group["release"] == SHOWN else [f"as {group['release']} measured"]
    return ", ".join([*given, *([days] if days else []), *release])


def _command(column: str, activity: str, groups: list[Group]) -> str:
    """The same on the command line, which also writes JSON."""
    parts = ["biopose", "compare", column, "--activity", activity]
    for kind, group in zip(ORDER, groups, strict=True):
        given = {name: value for name, value in group.items() if value != FILTERS[name]} or {"since": "1900-01-01"}
        parts += [part for name, value in given.items() for part in (f"--{kind}", f"{name}={value}")]
    return shlex.join(parts)
