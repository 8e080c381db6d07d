"""`biopose compare`: the curves of two sessions, athletes or cohorts, and where they differ significantly."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import as_json, show
from flows.cli.home_option import with_home, with_teams

if TYPE_CHECKING:
    import polars as pl

    from biopose.analysis.curve_comparison import CurveComparison
    from warehouse.api import Home

POINTS = 101
CYCLE = ("athlete_id", "trial_id", "side", "phase_number")
OF_ONE_ATHLETE = (
    "cycles of one athlete are compared, as if each were independent of the others: the result is about this athlete, "
    "and a session's own conditions are part of the difference"
)


@click.command()
@click.argument("coordinate")
@click.option("--first", multiple=True, required=True, metavar="KEY=VALUE", help="Of one group: a filter, or several.")
@click.option("--second", multiple=True, required=True, metavar="KEY=VALUE", help="Of the other, likewise.")
@click.option("--activity", required=True, help="Of both groups, such as walk.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Probability that curves without a difference show any span.",
)
@with_teams
@with_home
@as_json
def compare(
    coordinate: str,
    first: tuple[str, ...],
    second: tuple[str, ...],
    activity: str,
    alpha: float,
    teams: tuple[str, ...],
    home: Path | None,
    json_: bool,
) -> None:
    """Compare a COORDINATE's curves of two groups by one-dimensional statistical parametric mapping.

    COORDINATE is a column of the view curve, such as knee_angle_r_deg. Groups are chosen by team, session, athlete or
    trial. In gait strides of the coordinate's own side are compared, else whole trials. An athlete's cycles are
    averaged first, so that each athlete counts once; athletes of both groups are compared with themselves, and the
    others are then left out and counted. Where both groups are of one athlete, the cycles themselves are compared.

    \b
    Examples:
      biopose compare knee_angle_r_deg --activity walk --first team=blue --second team=red
      biopose compare knee_angle_r_deg --activity walk --first session=blue/before --second session=blue/after --json
    """
    from tasks.audit import AuditLog, People
    from tasks.settings import Settings
    from tasks.user_name import user_name
    from warehouse.api import open_home
    from warehouse.errors import WarehouseError

    filters = [
        {**_pairs(given, option), "activity": activity} for option, given in (("--first", first), ("--second", second))
    ]
    try:
        of_home = open_home(Settings.load(home).home, teams=teams or None)
        groups = [_cycles(of_home, coordinate, one) for one in filters]
        athletes = {athlete for group in groups for athlete in group["athlete_id"]}
        people = People(athletes=tuple(sorted(athletes)))
        AuditLog(of_home.folder).append(user_name(), "query", f"compare {coordinate}", people)
        result = _compared(*groups, alpha=alpha)
    except (WarehouseError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    show({"coordinate": coordinate, **result}, json_=json_, lines=lambda: _lines(coordinate, result))


def _pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    if wrong := [one for one in given if "=" not in one]:
        raise click.UsageError(f"{option} {wrong[0]}: expected KEY=VALUE, such as session=blue/2026-11-25-walks")
    pairs = [(key, value) for key, _, value in (one.partition("=") for one in given)]
    times = Counter(["activity", *(key for key, _ in pairs)])  # which has an option of its own
    if repeated := [key for key in times if times[key] > 1]:
        raise click.UsageError(f"{option}: {repeated[0]} is given {times[repeated[0]]} times; expected once")
    return dict(pairs)


def _cycles(home: Home, coordinate: str, filters: dict[str, str]) -> pl.DataFrame:
    """A row a cycle: CYCLE, its curve, and whether that is known from 0 to 100 %."""
    import polars as pl

    from warehouse.nearest import suggestion

    curves = home.curves(**filters)
    known = [name for name in curves.columns if name.endswith(("_deg", "_m")) and "_sd_" not in name]
    if coordinate not in known:
        raise ValueError(f"{coordinate}: there is no such coordinate; {suggestion(coordinate, known)}")
    side = "left" if coordinate.removesuffix("_deg").removesuffix("_m").endswith("_l") else "right"
    of_side = curves.filter(pl.col("side").is_in(["none", side])).sort(*CYCLE, "percent")
    listed = of_side.group_by(CYCLE, maintain_order=True).agg(pl.col(coordinate).alias("curve"))
    whole = (pl.col("curve").list.len() == POINTS) & (pl.col("curve").list.drop_nulls().list.len() == POINTS)
    return listed.with_columns(whole.alias("is_whole"))


def _compared(first: pl.DataFrame, second: pl.DataFrame, *, alpha: float) -> dict[str, Any]:
    import numpy as np

    from biopose.analysis.curve_comparison import compare_curves

    if common := first.join(second, on=CYCLE, how="semi").height:
        raise ValueError(f"{common} cycles are in both groups; choose groups without a common cycle")
    groups = [frame.filter("is_whole") for frame in (first, second)]
    athletes = [list(dict.fromkeys(frame["athlete_id"])) for frame in groups]
    notes = [
        f"{len(whole) - len(kept)} cycles of the {name} group are left out, which are not known from 0 to 100 %"
        for name, whole, kept in zip(("first", "second"), (first, second), groups, strict=True)
        if len(kept) < len(whole)
    ]
    both = [one for one in athletes[0] if one in athletes[1]]
    alone = athletes[0] == athletes[1] and len(both) == 1
    paired = bool(both) and not alone
    if alone:
        curves = [np.array(frame["curve"].to_list()) for frame in groups]
        notes.append(OF_ONE_ATHLETE)
    else:
        chosen = [both, both] if paired else athletes
        left_out = [one for one in {*athletes[0], *athletes[1]} if paired and one not in both]
        notes += [f"{len(left_out)} athletes are in one group alone and left out"] if left_out else []
        curves = [_means(frame, names) for frame, names in zip(groups, chosen, strict=True)]
    found = compare_curves(*curves, paired=paired, alpha=alpha)
    return {
        "compared": "cycles" if alone else "athletes",
        "paired": paired,
        "curves": [len(one) for one in curves],
        "cycles": [len(frame) for frame in groups],
        "alpha": alpha,
        **_as_dict(found),
        "mean_curves": [one.mean(axis=0).tolist() for one in curves],
        "notes": notes,
    }


def _means(frame: pl.DataFrame, athletes: list[str]) -> Any:
    """(N, 101) the mean curve of each athlete's cycles."""
    import numpy as np
    import polars as pl

    own = [np.array(frame.filter(pl.col("athlete_id") == one)["curve"].to_list()).mean(axis=0) for one in athletes]
    return np.array(own).reshape(len(own), POINTS)


def _as_dict(found: CurveComparison) -> dict[str, Any]:
    return {
        "threshold_t": found.threshold,
        "degrees_of_freedom": found.degrees_of_freedom,
        "fwhm_percent": found.fwhm,
        "spans": [asdict(span) for span in found.spans],
        "t": found.t.tolist(),
    }


def _lines(coordinate: str, result: dict[str, Any]) -> list[str]:
    unit = "degrees" if coordinate.endswith("_deg") else "m"
    how = "each compared with themselves" if result["paired"] else "as groups"
    lines = [
        f"{coordinate}: {' and '.join(map(str, result['curves']))} {result['compared']}, {how}; "
        f"{' and '.join(map(str, result['cycles']))} cycles",
        f"significant where |t| exceeds {result['threshold_t']:.2f} ({result['alpha']:g} two-sided, "
        f"{result['degrees_of_freedom']} degrees of freedom, smoothness {result['fwhm_percent']:.0f} % of the cycle)",
    ]
    for span in result["spans"]:
        verb = "higher" if span["mean_difference"] > 0 else "lower"
        p = f"p {span['p']:.3f}" if span["p"] >= 0.001 else "p below 0.001"
        lines.append(
            f"  {span['start']:.0f} to {span['end']:.0f} %: the second group is "
            f"{abs(span['mean_difference']):.2f} {unit} {verb} on average, {p}"
        )
    return [*lines, *([] if result["spans"] else ["  no significant difference"]), *result["notes"]]
