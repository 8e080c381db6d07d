"""Nights: how much each measured with a release, what its trials are like, and what the watch of a rollout found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

WATCH = "watch"  # who did what no person did
OF_PREDICTION = ("refinement_mirror_disagreement_deg", "refinement_prediction_sd_mm")  # MQ-HMR's, where there is one
QUALITY = ("mean_quality", "median_confidence", "untrusted_share", *OF_PREDICTION)

# Of a release, the newest trials; of the watched, those alone that were loaded since it is in use.
TRIALS = f"""
SELECT
    trial_manifest.trial_id, athlete_id, session_date,
    {", ".join(f"max(value) FILTER (name = '{name}') AS {name}" for name in QUALITY)}
FROM release_run
JOIN trial_manifest USING (trial_id)
JOIN session USING (session_id)
JOIN quality_of_every_run AS quality ON quality.run_number = release_run.run_number
WHERE release_run.release_id = $release AND NOT is_retired AND recording = 'video'
    AND ($loaded_since IS NULL OR release_run.run_number IN (
        SELECT run_number FROM load_record WHERE loaded_at >= $loaded_since
    ))
    AND ($recorded_since IS NULL OR session_date >= $recorded_since)
GROUP BY ALL
ORDER BY session_date DESC, trial_manifest.trial_id
LIMIT $most
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class MeasuredCount:
    """What a night measured with a release.

    Attributes:
        release_id: of the release.
        stored: trials that were measured and loaded.
        failed: trials that could not be measured: quarantined, or failed by an error that nobody foresaw.
    """

    release_id: str
    stored: int
    failed: int


@dataclass(frozen=True)
class WatchedNight:
    """What was found after a night.

    Attributes:
        night: its number.
        verdict: on the whole.
        judged: each criterion, as JSON has it.
        noted_at: when.
    """

    night: int
    verdict: str
    judged: list[dict[str, Any]]
    noted_at: datetime


def add_night(connection: duckdb.DuckDBPyConnection, counts: Sequence[MeasuredCount]) -> int:
    """Record a night with what it measured; its number. Call it in a transaction."""
    (number,) = connection.execute("SELECT coalesce(max(night_number), 0) + 1 FROM night").fetchall()[0]
    for one in counts:
        values = [number, one.release_id, one.stored, one.failed]
        connection.execute("INSERT INTO night VALUES (?, ?, ?, ?, now())", values)
    return int(number)


def failed_of(
    connection: duckdb.DuckDBPyConnection, release_id: str, *, since: datetime | None = None
) -> tuple[int, int]:
    """Trials that could not be measured with a release, and all that were tried, in its recorded nights."""
    rows = connection.execute(
        "SELECT coalesce(sum(failed), 0), coalesce(sum(stored + failed), 0) FROM night "
        "WHERE release_id = $release AND ($since IS NULL OR ended_at >= $since)",
        {"release": release_id, "since": since},
    ).fetchall()
    return int(rows[0][0]), int(rows[0][1])


def trials_of(
    connection: duckdb.DuckDBPyConnection,
    release_id: str,
    *,
    most: int,
    loaded_since: datetime | None = None,
    recorded_since: Any = None,
) -> list[Mapping[str, Any]]:
    """The newest videos of a release: trial_id, athlete_id, session_date, and each of QUALITY.

    Args:
        connection: of the warehouse.
        release_id: that measured them.
        most: of them.
        loaded_since: those alone that were loaded since then.
        recorded_since: the first date of their sessions.
    """
    values = {"release": release_id, "most": most, "loaded_since": loaded_since, "recorded_since": recorded_since}
    connection.execute(TRIALS, values)
    names = [str(column[0]) for column in connection.description or ()]
    return [dict(zip(names, row, strict=True)) for row in connection.fetchall()]


def note_watched(
    connection: duckdb.DuckDBPyConnection,
    rollout: int,
    night: int,
    *,
    verdict: str,
    judged: Sequence[Mapping[str, Any]],
) -> None:
    """Record what the watch found after a night."""
    values = [rollout, night, verdict, json.dumps(list(judged))]
    connection.execute("INSERT INTO rollout_night VALUES (?, ?, ?, ?, now())", values)


def watched_nights(
    connection: duckdb.DuckDBPyConnection, rollout: int, *, since: datetime | None = None
) -> list[WatchedNight]:
    """What the watch of a rollout found, night by night."""
    rows = connection.execute(
        "SELECT night_number, verdict, judged, noted_at FROM rollout_night WHERE rollout_number = $rollout "
        "AND ($since IS NULL OR noted_at >= $since) ORDER BY night_number",
        {"rollout": rollout, "since": since},
    ).fetchall()
    return [WatchedNight(night, verdict, json.loads(judged), noted) for night, verdict, judged, noted in rows]
