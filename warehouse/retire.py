"""Trials that are kept but not shown: their manifest no longer names them, or who is in them withdrew consent.

They are current again once they are loaded again. A retired trial has no current run, so that no view and no query
finds rows of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.connection import opened_for_writing, transaction

# Of each trial that is not retired, the session, whether it is current, and what was measured: two trials that agree in
# the latter are one recording. A trial without a current run is there, too: a promotion or a rollback may show it.
STORED = """
WITH last_run AS (SELECT trial_id, max(run_number) AS run_number FROM release_run GROUP BY trial_id)
SELECT
    trial.trial_id,
    session_id,
    current_run_number IS NOT NULL,
    [video_sha256, athlete_id, coalesce(start_s, 0)::VARCHAR, coalesce(end_s, -1)::VARCHAR]
FROM trial_manifest AS trial
LEFT JOIN last_run USING (trial_id)
JOIN run ON run.run_number = coalesce(current_run_number, last_run.run_number)
WHERE NOT is_retired
ORDER BY trial.trial_id
"""


REASSIGN = (
    "INSERT INTO athlete SELECT * REPLACE ($now AS athlete_id) FROM athlete WHERE athlete_id = $before "
    "ON CONFLICT DO NOTHING",
    "UPDATE trial_manifest SET athlete_id = $now, description_sha256 = NULL WHERE trial_id = $trial",
    "UPDATE deleted_trial SET athlete_id = $now WHERE trial_id = $trial AND athlete_id = $before",
)


@dataclass(frozen=True)
class Retired:
    """A trial that is no longer current.

    Attributes:
        trial_id: its id.
        renamed_to: the trial that measures the same part of the same video; None where there is none.
    """

    trial_id: str
    renamed_to: str | None


def retire_trials(
    database: Path, named: Mapping[str, Collection[str]], *, there: Collection[str] = ()
) -> list[Retired]:
    """Retire the trials that the manifests of their sessions no longer name.

    A trial of a session that is not there any more is retired, too, where a named trial measures the same part of the
    same video: the session was renamed.

    Args:
        database: of the writer; nothing is done where there is none.
        named: by session_id, the ids of all trials that its manifest names.
        there: further sessions whose manifests are still there.

    Returns:
        Those that were current; trials that no promoted release measured are retired, too.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    if not (named and database.is_file()):
        return []
    with opened_for_writing(database) as connection:
        rows = [
            (str(trial), str(session), bool(is_current), tuple(what))
            for trial, session, is_current, what in connection.execute(STORED).fetchall()
        ]
        known = {
            what: trial for trial, session, is_current, what in rows if is_current and trial in named.get(session, ())
        }
        retired = [
            (Retired(trial, known.get(what)), is_current)
            for trial, session, is_current, what in rows
            if (trial not in named[session] if session in named else session not in there and what in known)
        ]
        retire(connection, [one.trial_id for one, _ in retired])
    return [one for one, was_current in retired if was_current]


def retire_people(database: Path, athletes: Collection[str], *, trials: Collection[str] = ()) -> dict[str, int]:
    """Retire every trial of people who must not be shown; those that were deleted cannot be restored from then on.

    Args:
        database: of the writer; nothing is done where there is none.
        athletes: ids team/athlete.
        trials: ids of further trials.

    Returns:
        How many trials ceased to be current, by athlete.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    if not ((athletes or trials) and database.is_file()):
        return {}
    with opened_for_writing(database) as connection:
        rows = connection.execute(
            "SELECT trial_id, athlete_id, current_run_number IS NOT NULL FROM trial_manifest "
            "WHERE NOT is_retired AND (athlete_id = ANY(?) OR trial_id = ANY(?))",
            [list(athletes), list(trials)],
        ).fetchall()
        retire(connection, [trial for trial, *_ in rows])
        connection.execute(
            "UPDATE deleted_trial SET is_restorable = false WHERE trial_id = ANY($trials) OR trial_id IN "
            "(FROM trial_manifest SELECT trial_id WHERE athlete_id = ANY($athletes)) OR athlete_id = ANY($athletes)",
            {"trials": list(trials), "athletes": list(athletes)},
        )
    return dict(Counter(athlete for _, athlete, was_current in rows if was_current))


@dataclass(frozen=True)
class Reassigned:
    """Trials that were stored as somebody else's.

    Attributes:
        before: team/athlete, as whose they were stored.
        now: team/athlete, whose they are.
        trials: how many.
        left: how many more are stored as those of `before`.
    """

    before: str
    now: str
    trials: int
    left: int


def reassign_trials(database: Path, named: Mapping[str, str]) -> list[Reassigned]:
    """Store trials as those of whom manifests name, so that hiding and erasing that person reaches them.

    What is loaded is stored so by that; this is for trials that are not measured, such as after consent was withdrawn.

    Args:
        database: of the writer; nothing is done where there is none.
        named: by trial_id, team/athlete.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    if not (named and database.is_file()):
        return []
    moved: Counter[tuple[str, str]] = Counter()
    with opened_for_writing(database) as connection, transaction(connection):
        rows = connection.execute(
            "SELECT trial_id, athlete_id FROM trial_manifest WHERE trial_id = ANY(?)", [list(named)]
        ).fetchall()
        for trial, before in rows:
            if (now := named[trial]) != before:
                moved[before, now] += 1
                values = {"trial": trial, "before": before, "now": now}
                for sql in REASSIGN:
                    connection.execute(sql, {name: value for name, value in values.items() if f"${name}" in sql})
        left = dict(connection.execute("SELECT athlete_id, count(*) FROM trial_manifest GROUP BY 1").fetchall())
        connection.execute(
            "DELETE FROM athlete WHERE athlete_id = ANY(?)", [[one for one, _ in moved if one not in left]]
        )
    return [Reassigned(before, now, trials, left.get(before, 0)) for (before, now), trials in moved.items()]


def retire(connection: duckdb.DuckDBPyConnection, trials: list[str]) -> None:
    """Show trials no longer, nor keep what was derived from them and others of their sessions.

    `biopose cohort` derives the sessions anew, from the trials that are shown.
    """
    if trials:
        for table in ("derived_session_curve", "session_refresh"):
            connection.execute(
                f"DELETE FROM {table} WHERE session_id IN "  # noqa: S608 - our own names
                "(FROM trial_manifest SELECT session_id WHERE trial_id = ANY(?))",
                [trials],
            )
        connection.execute(
            "UPDATE trial_manifest SET is_retired = true, current_run_number = NULL, current_release_id = NULL "
            "WHERE trial_id = ANY(?)",
            [trials],
        )
