"""Backfills: stored history that is measured anew with the promoted release, as rows."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb

# Trials of a time that a release did not measure.
TO_MEASURE = """
SELECT trial_manifest.trial_id
FROM trial_manifest
JOIN session USING (session_id)
LEFT JOIN release_run ON release_run.trial_id = trial_manifest.trial_id AND release_run.release_id = $release
WHERE NOT is_retired AND release_run.trial_id IS NULL AND session_date BETWEEN $since AND $until
ORDER BY session_date DESC, trial_manifest.trial_id
"""

# How many trials of a backfill's time its release measured since it began: those that were there before. What a night
# measures for the first time is none of it, nor is a run that is loaded again.
MEASURED = """
WITH first_load AS (
    SELECT run_number, trial_id, min(loaded_at) AS loaded_at
    FROM load_record
    JOIN run USING (run_number)
    GROUP BY run_number, trial_id
)
SELECT count(*)
FROM release_run
JOIN first_load USING (run_number)
JOIN trial_manifest ON trial_manifest.trial_id = release_run.trial_id
JOIN session USING (session_id)
WHERE release_run.release_id = backfill.release_id
AND session_date BETWEEN backfill.since AND backfill.until AND first_load.loaded_at >= backfill.begun_at
AND release_run.trial_id IN (SELECT trial_id FROM first_load WHERE loaded_at < backfill.begun_at)
"""


def to_measure(connection: duckdb.DuckDBPyConnection, release_id: str, *, since: date, until: date) -> list[str]:
    """The trials of a time that a release did not measure yet, the newest first."""
    rows = connection.execute(TO_MEASURE, {"release": release_id, "since": since, "until": until}).fetchall()
    return [str(trial) for (trial,) in rows]


def begin_backfill(
    connection: duckdb.DuckDBPyConnection, release_id: str, *, since: date, until: date, who: str
) -> int:
    """Record a backfill, or go on with the one of the same release and time that was interrupted; its number."""
    values = [release_id, since, until]
    rows = connection.execute(
        "SELECT max(backfill_number) FROM backfill WHERE release_id = ? AND since = ? AND until = ? "
        "AND ended_at IS NULL",
        values,
    ).fetchall()
    if rows[0][0] is not None:
        return int(rows[0][0])
    (number,) = connection.execute("SELECT coalesce(max(backfill_number), 0) + 1 FROM backfill").fetchall()[0]
    connection.execute("INSERT INTO backfill VALUES (?, ?, ?, ?, ?, now(), 0, 0, 0, NULL)", [number, *values, who])
    return int(number)


def note_backfilled(
    connection: duckdb.DuckDBPyConnection, number: int, *, failed: int, left_out: int, is_over: bool
) -> None:
    """Record how a backfill stands after a turn; what it measured is counted, also that of a turn that was killed."""
    connection.execute(
        f"UPDATE backfill SET measured = ({MEASURED}), failed = ?, left_out = ?, ended_at = if(?, now(), NULL) "  # noqa: S608
        "WHERE backfill_number = ?",
        [failed, left_out, is_over, number],
    )


def backfills(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Every backfill, in order, as JSON has it."""
    connection.execute(
        "SELECT backfill_number AS number, release.name AS release, since::VARCHAR AS since, until::VARCHAR AS until, "
        "who, begun_at::VARCHAR AS begun_at, measured, failed, left_out, ended_at::VARCHAR AS ended_at "
        "FROM backfill JOIN release USING (release_id) ORDER BY backfill_number"
    )
    names = [str(column[0]) for column in connection.description or ()]
    return [dict(zip(names, row, strict=True)) for row in connection.fetchall()]
