"""An athlete: the trend of each metric, left against right, and against the squad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from biopose.rendering.curve_strip import BAND_SD
from biopose.report.metric_tables import in_brackets, metric_place
from biopose.report.trend import Series, Session, trend
from flows.pages.reader import Reader, Row
from flows.pages.templates import address

KINDS = {"right": "right", "left": "left", "none": "midline"}
SHOWN_TRIALS = 40


def athlete(read: Reader, asked: Mapping[str, str], *, athlete_id: str, offline: bool = False) -> dict[str, Any]:
    """An athlete's metrics of one activity.

    Args:
        read: the snapshot.
        asked: activity; else the one with the most trials. since and until, days: the part of the trends that is drawn.
        athlete_id: as team/athlete.
        offline: of a report: no point of a trend is a link.

    Raises:
        UnknownNameError: there is no such athlete, or activity.
        QueryError: since or until is no day.
    """
    trials = read.rows("trials", athlete=athlete_id)[::-1]
    counts = {row["activity"]: 0 for row in trials}
    for row in trials:
        counts[row["activity"]] += 1
    activity = asked.get("activity") or max(counts, key=lambda name: counts[name])
    period = {name: asked[name] for name in ("since", "until") if asked.get(name)}
    sessions = read.rows("change_over_time", athlete=athlete_id, activity=activity, **period)
    return {
        "has_trends": len({row["session_id"] for row in sessions}) > 1,
        "title": athlete_id,
        "athlete_id": athlete_id,
        "activity": activity,
        "activities": counts,
        "period": period,
        "metrics": _metrics(read, sessions, athlete_id=athlete_id, activity=activity, offline=offline),
        "unknown": read.rows("unknown_metrics", athlete=athlete_id, activity=activity),
        "trials": [row for row in trials if row["activity"] == activity][:SHOWN_TRIALS],
        "trial_count": counts.get(activity, 0),
    }


def detectable_changes(read: Reader, *, team: str, activity: str) -> dict[tuple[str, str, str], float]:
    """The smallest detectable change by metric, side and method; of several cameras the largest counts."""
    largest: dict[tuple[str, str, str], float] = {}
    for row in read.shared_rows("reliability", team=team, activity=activity):
        if row["smallest_detectable_change"] is not None:
            key = row["metric"], row["side"], row["method"]
            largest[key] = max(largest.get(key, 0.0), row["smallest_detectable_change"])
    return largest


def _metrics(
    read: Reader, sessions: list[Row], *, athlete_id: str, activity: str, offline: bool
) -> list[dict[str, Any]]:
    """Each metric with its sides and its plot, the activity's own first."""
    squad = {
        (row["metric"], row["side"], row["method"]): row
        for row in read.rows("athlete_vs_squad", athlete=athlete_id, activity=activity)
    }
    detectable = detectable_changes(read, team=athlete_id.partition("/")[0], activity=activity)
    differences = {
        (row["metric"], row["method"]): row
        for row in read.rows("side_difference", athlete=athlete_id, activity=activity)
    }
    series: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in sessions:
        series.setdefault((row["metric"], row["method"]), {}).setdefault(row["side"], []).append(row)
    several = len({method for _, method in series}) > 1
    metrics = []
    for (name, method), by_side in sorted(series.items(), key=lambda pair: (metric_place(pair[0][0]), pair[0])):
        sides = [
            _side(
                side,
                rows,
                squad.get((name, side, method)),
                detectable.get((name, side, method)),
                offline=offline,
            )
            for side, rows in sorted(by_side.items(), key=lambda pair: list(KINDS).index(pair[0]))
        ]
        unit = next(iter(by_side.values()))[0]["unit"]
        title = f"{name.replace('_', ' ')}{in_brackets(str(unit))}{f' by {method}' if several else ''}"
        plot = trend(title, [side["series"] for side in sides])
        metrics.append(
            {"name": name, "method": method if several else None, "unit": unit, "sides": sides}
            | {"difference": differences.get((name, method)), "plot": Markup(plot)}  # noqa: S704 - escaped there
        )
    return metrics


def _side(
    side: str, rows: list[Row], against: Row | None, detectable: float | None, *, offline: bool
) -> dict[str, Any]:
    """A side's newest session, its change, and what it is compared with."""
    band = None
    if against is not None and against["squad_robust_sd"] is not None:
        band = tuple(against["squad_median"] + sign * against["squad_robust_sd"] for sign in (-1, 1))
    sessions = [
        Session(
            row["session_date"],
            row["mean_value"],
            None if row["measurement_sd"] is None else BAND_SD * row["measurement_sd"],
            row["session_id"],
            "" if offline else address("/questions/trials_of_session", session=row["session_id"]),
            row["releases"] or "",
        )
        for row in rows
    ]
    name = "" if side == "none" else side
    return {
        "side": name,
        "last": rows[-1],
        "detectable": detectable,
        "squad": against,
        "series": Series(KINDS[side], name, sessions, band, detectable),
    }
