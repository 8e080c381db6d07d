"""`biopose trend`: how a metric changes over time in a cohort, by a linear mixed model."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import as_json, show
from flows.cli.home_option import with_home

if TYPE_CHECKING:
    import polars as pl

    from warehouse.api import Home

DAY = click.DateTime(["%Y-%m-%d"])
DAYS_A_WEEK = 7.0


@click.command()
@click.argument("metric")
@click.option("--activity", required=True, help="Of the trials, such as countermovement_jump.")
@click.option("--team", help="Only this team's athletes; else all.")
@click.option("--side", type=click.Choice(["left", "right", "none"]), help="Only this side; else each by itself.")
@click.option("--method", help="Only what this method measured; needed where there are several.")
@click.option("--since", type=DAY, help="Of the first session.")
@click.option("--until", type=DAY, help="Of the last session.")
@with_home
@as_json
def trend(
    metric: str,
    activity: str,
    team: str | None,
    side: str | None,
    method: str | None,
    since: datetime | None,
    until: datetime | None,
    home: Path | None,
    json_: bool,
) -> None:
    """What a METRIC changes by in a week, over athletes whose sessions are repeated, by a linear mixed model.

    Each session counts once, by the mean of its trials. Athletes differ in level and, where five have three or more
    sessions, in their slopes; sessions are weighed by the measurement's deviations and what else they vary by; cameras
    and releases have offsets of their own. Fewer than five athletes with two sessions are refused. What is odd about
    the fit is printed.

    \b
    Examples:
      biopose trend jump_height --activity countermovement_jump --team blue
      biopose trend knee_flexion_peak --activity squat --side left --since 2026-09-01 --json
    """
    from biopose.errors import BioposeError
    from tasks.audit import AuditLog, People
    from tasks.settings import Settings
    from tasks.user_name import user_name
    from warehouse.api import open_home
    from warehouse.errors import WarehouseError

    filters = {"metric": metric, "activity": activity} | ({"team": team} if team else {})
    try:
        of_home = open_home(Settings.load(home).home)
        rows = _of_one_method(_chosen(_rows(of_home, filters), side, since, until), method)
        people = People(athletes=tuple(sorted(rows["athlete_id"].unique())))
        AuditLog(of_home.folder).append(user_name(), "query", f"trend {metric}", people)
        result = {"metric": metric, "activity": activity, "method": rows["method"][0], "unit": rows["unit"][0]}
        result["sides"] = _sides(rows)
    except (BioposeError, WarehouseError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    show(result, json_=json_, lines=lambda: _lines(result))


def _rows(home: Home, filters: dict[str, str]) -> pl.DataFrame:
    """A row a trial and side whose value is known, with its method, camera and release."""
    described = home.trials(**{name: value for name, value in filters.items() if name != "metric"})
    rows = home.metrics(**filters).drop_nulls("value")
    return rows.join(described.select("trial_id", "method", "camera", "release"), on="trial_id")


def _chosen(rows: pl.DataFrame, side: str | None, since: datetime | None, until: datetime | None) -> pl.DataFrame:
    import polars as pl

    if side:
        rows = rows.filter(pl.col("side") == side)
    if since:
        rows = rows.filter(pl.col("session_date") >= since.date())
    if until:
        rows = rows.filter(pl.col("session_date") <= until.date())
    if rows.is_empty():
        raise ValueError(
            "no trial has a known value of this metric, activity, side and time; `biopose query trials` lists"
        )
    return rows


def _of_one_method(rows: pl.DataFrame, method: str | None) -> pl.DataFrame:
    import polars as pl

    from warehouse.nearest import suggestion

    counts = dict(sorted(rows["method"].value_counts().rows()))
    if method is None and len(counts) > 1:
        listed = ", ".join(f"{name} ({count} values)" for name, count in counts.items())
        raise ValueError(f"several methods measured this, which cannot be mixed: {listed}; choose one by --method")
    if method is not None and method not in counts:
        raise ValueError(f"--method {method}: it measured none of this; {suggestion(method, counts)}")
    return rows if method is None else rows.filter(pl.col("method") == method)


def _sides(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Each side's change, or why there is none.

    Raises:
        ValueError: there is none of any side.
    """
    from biopose.analysis.change_model import change_over_time

    found: list[dict[str, Any]] = []
    reasons = []
    for (side,), of_side in sorted(rows.group_by("side"), key=lambda pair: str(pair[0][0])):
        try:
            change = change_over_time(_means(of_side))
        except ValueError as error:
            reasons.append(str(error) if side == "none" else f"{side}: {error}")
            found.append({"side": side, "judgement": "no estimate", "reason": str(error)})
        else:
            found.append({"side": side, "judgement": change.judgement, **asdict(change)})
    if len(reasons) == len(found):
        raise ValueError("; ".join(reasons))
    return found


def _means(rows: pl.DataFrame) -> Any:
    """Of each athlete's sessions: as if the trials of a session shared their errors.

    Without constant_sd, the error that is the same in every session of an athlete: it is in the athlete's level.
    """
    import polars as pl

    from biopose.analysis.change_model import SessionMeans

    variance = pl.col("sd") ** 2 - pl.col("constant_sd").fill_null(0.0) ** 2
    way = pl.format("{}, camera {}", "release", "camera").unique().sort().str.join(" and ")
    sessions = (
        rows.group_by("athlete_id", "session_date", "session_id")
        .agg(
            pl.col("value").mean(),
            pl.when(pl.col("sd").is_null().any()).then(None).otherwise(variance.mean().sqrt()).alias("sd"),
            way.alias("way"),
        )
        .sort("athlete_id", "session_date", "session_id")
    )
    days = (sessions["session_date"] - sessions["session_date"].min()).dt.total_days()
    return SessionMeans(
        athletes=sessions["athlete_id"].to_list(),
        weeks=days.to_numpy() / DAYS_A_WEEK,
        values=sessions["value"].to_numpy(),
        sds=sessions["sd"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        measured=sessions["way"].to_list(),
    )


def _lines(result: dict[str, Any]) -> list[str]:
    """A sentence a side, and what was assumed."""
    lines = [f"{result['metric']} in {result['activity']}, measured by {result['method']}"]
    for one in result["sides"]:
        name = "" if one["side"] == "none" else f"{one['side']}: "
        if "reason" in one:
            lines.append(f"  {name}no estimate: {one['reason']}")
            continue
        unit = {"1": "", "deg": " degrees"}.get(result["unit"], f" {result['unit']}")
        lines.append(
            f"  {name}{one['per_week']:+.3g}{unit} a week (95 % interval {one['low']:+.3g} to {one['high']:+.3g}): "
            f"{one['judgement']}; {one['athletes']} athletes, {one['sessions']} sessions over {one['weeks']:.0f} weeks"
        )
        lines += [f"    {note}" for note in one["notes"]]
    return lines
