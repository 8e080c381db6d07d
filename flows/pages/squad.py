"""A squad: its athletes, and the metrics that changed for real."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from flows.pages.reader import Reader, Row

PERIOD = datetime.timedelta(days=27)  # with the last day, four weeks
COLUMNS = {
    "athlete": "athlete",
    "changes": "real changes",
    "sessions": "sessions",
    "trials": "trials",
    "last": "last session",
    "quality": "quality",
}
KEYS = {
    "changes": lambda row: len(row["changes"]),
    "athlete": lambda row: row["athlete_id"],
    "sessions": lambda row: row["sessions"],
    "trials": lambda row: row["trials"],
    "last": lambda row: row["last_session"],
    "quality": lambda row: -1.0 if row["mean_quality"] is None else row["mean_quality"],
}
DEFAULT_SORT = "-changes"
TOO_FEW, OTHERWISE = "not enough sessions", "measured otherwise"
UNDECIDED = (TOO_FEW, OTHERWISE)
SHOWN_CHANGES = 5  # of an athlete


def squad(read: Reader, asked: Mapping[str, str]) -> dict[str, Any]:
    """Athletes with what changed since a day, as the query `before_after` judges it.

    Args:
        read: the snapshot.
        asked: team, activity and since, all optional; sort: a column, with - before it in falling order.
    """
    team, activity = asked.get("team") or "any", asked.get("activity") or "any"
    athletes = read.rows("athletes", team=team, activity=activity)
    since = asked.get("since") or default_since(row["last_session"] for row in athletes)
    compared = read.rows("before_after", date=since, team=team, activity=activity)
    changes: dict[str, list[Row]] = {row["athlete_id"]: [] for row in athletes}
    decided = {row["athlete_id"] for row in compared if row["judgement"] not in UNDECIDED}
    for row in compared:
        if row["judgement"] == "real":
            changes[row["athlete_id"]].append(row)
    sort = asked.get("sort", "")
    sort = sort if sort.lstrip("-") in KEYS else DEFAULT_SORT
    rows = [
        row | {"changes": _largest_first(changes[row["athlete_id"]]), "is_decided": row["athlete_id"] in decided}
        for row in athletes
    ]
    rows.sort(key=lambda row: row["athlete_id"])
    rows.sort(key=KEYS[sort.lstrip("-")], reverse=sort.startswith("-"))
    return {
        "title": "Squad" if team == "any" else f"Squad {team}",
        "athletes": rows,
        "teams": read.choices("athletes", "team"),
        "activities": read.choices("athletes", "activity"),
        "team": team,
        "activity": activity,
        "since": since,
        "sort": sort,
        "columns": COLUMNS,
        "shown_changes": SHOWN_CHANGES,
        "compared": len(compared),
        "otherwise": sum(row["judgement"] == OTHERWISE for row in compared),
        "undecided": sum(row["judgement"] == TOO_FEW for row in compared),
    }


def default_since(days: Iterable[datetime.date]) -> str:
    """The first day of the four weeks up to the last session."""
    return (max(days, default=datetime.date.today()) - PERIOD).isoformat()


def _largest_first(changes: list[Row]) -> list[Row]:
    """By how far a change lies from its interval's nearer end to 0, relative to the interval."""
    return sorted(changes, key=lambda row: -abs(row["change"]) / max(row["change_high"] - row["change_low"], 1e-12))
