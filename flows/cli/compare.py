"""`biopose compare`: the curves of two sessions, athletes, cohorts or releases, and where they differ significantly."""

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
    from biopose.analysis.curve_comparison import CurveComparison
    from flows.curve_groups import GroupComparison


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

    COORDINATE is a column of the view curve, such as knee_angle_r_deg. Groups are chosen by team, session, athlete,
    trial, since and until, or release. In gait strides of the coordinate's own side are compared, else whole trials. An
    athlete's cycles are averaged first, so that each athlete counts once; athletes of both groups are compared with
    themselves, and the others are then left out and counted. Where both groups are of one athlete, the cycles
    themselves are compared. Two releases are compared on the trials that both measured.

    \b
    Examples:
      biopose compare knee_angle_r_deg --activity walk --first team=blue --second team=red
      biopose compare knee_angle_r_deg --activity walk --first session=blue/before --second session=blue/after --json
      biopose compare knee_angle_r_deg --activity walk --first release=keypoint_fit-1a2b --second release=mqhmr-3c4d
    """
    from flows.curve_groups import SHOWN, compare_groups, group_cycles
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
        groups = [
            group_cycles(lambda name, given: of_home.query(name, **given), [coordinate], one)[0] for one in filters
        ]
        athletes = {athlete for group in groups for athlete in group["athlete_id"]}
        people = People(athletes=tuple(sorted(athletes)))
        AuditLog(of_home.folder).append(user_name(), "query", f"compare {coordinate}", people)
        releases = {one.get("release", SHOWN) for one in filters}
        result = _as_result(compare_groups(*groups, alpha=alpha, of_two_releases=len(releases) == 2), alpha)
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


def _as_result(found: GroupComparison, alpha: float) -> dict[str, Any]:
    """As JSON.

    Raises:
        ValueError: the groups cannot be judged.
    """
    if found.found is None:
        raise ValueError(found.notes[-1])
    return {
        "compared": f"{found.unit}s",
        "paired": found.paired,
        "curves": [len(one) for one in found.curves],
        "cycles": list(found.cycles),
        "alpha": alpha,
        **_as_dict(found.found),
        "mean_curves": [one.mean(axis=0).tolist() for one in found.curves],
        "notes": list(found.notes),
    }


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
    from flows.curve_groups import counted_curves

    compared = counted_curves(result["curves"], result["compared"].removesuffix("s"), paired=result["paired"])
    lines = [
        f"{coordinate}: {compared}; {counted_curves(result['cycles'], 'cycle', paired=False)}",
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
