"""Trials that are deleted: not shown from then on, restorable as long as their runs are kept, then removed for good.

A deleted trial is a retired one (`warehouse.retire`) with a row that says so. The row has the recording's hash and
stays when the runs are removed, so that the same recording is not measured again, and another under the same name is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from warehouse.archive import erase_from_files
from warehouse.connection import opened_for_reading, opened_for_writing, transaction
from warehouse.errors import QueryError
from warehouse.nearest import suggestion
from warehouse.releases import refresh_current
from warehouse.retire import retire
from warehouse.rewrite import rewrite

# The recording of a trial that is shown, or would be once a release is promoted that measured it.
SHOWN = """
WITH last_run AS (SELECT trial_id, max(run_number) AS run_number FROM release_run GROUP BY trial_id)
SELECT trial.trial_id, trial.session_id, trial.is_retired, run.video_sha256, trial.athlete_id
FROM trial_manifest AS trial
LEFT JOIN last_run USING (trial_id)
JOIN run ON run.run_number = coalesce(trial.current_run_number, last_run.run_number)
ORDER BY trial.trial_id
"""
DELETED = (
    "SELECT trial_id, video_sha256, deleted_at, who, is_restorable FROM deleted_trial ORDER BY trial_id, deleted_at"
)
# Deleted trials of earlier versions whose runs were removed: whose they were nothing says.
OF_UNKNOWN = """
SELECT count(*)
FROM deleted_trial
WHERE athlete_id IS NULL AND trial_id NOT IN (FROM trial_manifest SELECT trial_id)
"""
SUPERSEDED = """
SELECT run.run_number, run.artifacts
FROM run
LEFT JOIN load_record USING (run_number)
WHERE
    run.run_number NOT IN (FROM release_run SELECT run_number)
    AND run.run_number NOT IN (FROM trial_manifest SELECT current_run_number WHERE current_run_number IS NOT NULL)
    AND NOT EXISTS (
        FROM deleted_trial AS gone WHERE gone.trial_id = run.trial_id AND gone.video_sha256 = run.video_sha256
    )
GROUP BY run.run_number, run.artifacts
HAVING coalesce(max(loaded_at) < $before, true)
ORDER BY run.run_number
"""
OVERDUE = """
SELECT run.run_number, run.artifacts
FROM run
JOIN deleted_trial USING (trial_id, video_sha256)
WHERE deleted_at < $before
ORDER BY run.run_number
"""


@dataclass(frozen=True)
class DeletedTrial:
    """A trial that was deleted.

    Attributes:
        trial_id: its id.
        video_sha256: of the recording that it was deleted with.
        deleted_at: when.
        who: did it.
        is_restorable: whether its runs are kept, and nobody in it withdrew consent.
    """

    trial_id: str
    video_sha256: str
    deleted_at: datetime
    who: str
    is_restorable: bool


@dataclass(frozen=True)
class Changed:
    """What was asked for, by whether there was something to do.

    Attributes:
        now: ids of the trials that were changed.
        before: of those that were as asked for already, as by a process that was killed.
    """

    now: tuple[str, ...]
    before: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """The ids of both."""
        return (*self.now, *self.before)


@dataclass(frozen=True)
class OldRun:
    """A run whose time is over.

    Attributes:
        number: of the run.
        folder: of its files, relative to home.
        is_deleted: whether its trial was deleted; else no release shows it any more.
    """

    number: int
    folder: str
    is_deleted: bool


def delete_trials(database: Path, names: Collection[str], *, who: str) -> Changed:
    """Delete trials, or all of a session; done again, it changes nothing.

    Args:
        database: of the writer.
        names: team/session/trial or team/session.
        who: does it.

    Returns:
        The ids of the trials that are shown no longer, and of those that had been deleted before.

    Raises:
        QueryError: there is no such trial or session that is shown; the message has the nearest; nothing is changed.
        WarehouseBusyError: another process has it open.
    """
    with opened_for_writing(database) as connection, transaction(connection):
        rows = connection.execute(SHOWN).fetchall()
        there = {str(trial): (sha, athlete) for trial, _, is_retired, sha, athlete in rows if not is_retired}
        sessions: dict[str, list[str]] = {}
        for trial, session, is_retired, *_ in rows:
            if not is_retired:
                sessions.setdefault(str(session), []).append(str(trial))
        kept = _restorable(connection)
        chosen: dict[str, None] = {}
        before: dict[str, None] = {}
        for name in names:
            if name in there or name in sessions:
                chosen.update(dict.fromkeys(sessions.get(name, [name])))
            elif gone := _named(name, kept):
                before.update(dict.fromkeys(gone))
            else:
                hidden = any(name in (trial, session) for trial, session, *_ in rows)
                raise QueryError(_unknown(name, [*there, *sessions], hidden=hidden))
        retire(connection, list(chosen))
        for trial in chosen:
            sha256, athlete = there[trial]
            connection.execute(
                "INSERT OR REPLACE INTO deleted_trial VALUES (?, ?, now(), ?, true, ?)", [trial, sha256, who, athlete]
            )
    return Changed(tuple(chosen), tuple(before))


def restore_trials(database: Path, names: Collection[str]) -> Changed:
    """Show trials again that were deleted, or all of a session; each shows what it showed, or what is promoted since.

    Returns:
        The ids of the trials that are shown again, and of those that had been shown before.

    Raises:
        QueryError: it is not there, or its runs are removed, or another recording is shown under its name.
        WarehouseBusyError: another process has it open.
    """
    with opened_for_writing(database) as connection, transaction(connection):
        kept = _restorable(connection)
        rows = connection.execute("SELECT trial_id FROM trial_manifest WHERE NOT is_retired ORDER BY 1").fetchall()
        shown = [str(trial) for (trial,) in rows]
        restored: dict[str, None] = {}
        before: dict[str, None] = {}
        for name in names:
            if found := _named(name, kept):
                restored.update(dict.fromkeys(found))
            elif found := _named(name, shown):
                before.update(dict.fromkeys(found))
            else:
                there = f"under this name; {suggestion(name, kept)}" if kept else "here: `biopose delete --list`"
                raise QueryError(f"{name}: no deleted trial can be restored {there}")
        if taken := sorted(restored.keys() & set(shown)):
            raise QueryError(f"{taken[0]}: another recording is shown under this name; delete that one first")
        for trial in restored:
            connection.execute("DELETE FROM deleted_trial WHERE trial_id = ? AND is_restorable", [trial])
            connection.execute("UPDATE trial_manifest SET is_retired = false WHERE trial_id = ?", [trial])
            refresh_current(connection, trial)
    return Changed(tuple(restored), tuple(before))


def deleted_trials(database: Path) -> list[DeletedTrial]:
    """Every trial that was deleted, whether it can be restored or not; none where there is no database.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    if not database.is_file():
        return []
    with opened_for_writing(database) as connection:
        return _deleted(connection)


def published_deleted_trials(snapshot: Path) -> list[DeletedTrial]:
    """The same of a snapshot."""
    with opened_for_reading(snapshot) as connection:
        return _deleted(connection)


def deleted_of_unknown_athlete(database: Path) -> int:
    """How many deleted trials are of nobody known, so that no erasure finds them.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    with opened_for_writing(database) as connection:
        return int(connection.execute(OF_UNKNOWN).fetchall()[0][0])


def old_runs(
    connection: duckdb.DuckDBPyConnection, *, deleted_before: datetime, superseded_before: datetime
) -> list[OldRun]:
    """The runs whose time is over.

    Args:
        connection: to a database or a snapshot.
        deleted_before: of deleted trials, those deleted before.
        superseded_before: of runs that no release shows any more, since the trial was measured anew, those that were
            loaded before.
    """
    asked = ((OVERDUE, deleted_before, True), (SUPERSEDED, superseded_before, False))
    return [
        OldRun(int(number), str(folder), is_deleted)
        for sql, before, is_deleted in asked
        for number, folder in connection.execute(sql, {"before": before}).fetchall()
    ]


def remove_runs(database: Path, runs: Collection[OldRun]) -> None:
    """Remove every row of runs, and trials, athletes and sessions that have no run left.

    Where a deleted trial's runs are among them the file is rewritten, so that no byte of them stays. Their frames in
    Parquet files go with the files, which `warehouse.archive.remove_unlisted` removes after a snapshot is published.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    numbers = [run.number for run in runs]
    with opened_for_writing(database) as connection, transaction(connection):
        of_deleted = connection.execute(
            "UPDATE deleted_trial SET is_restorable = false WHERE EXISTS (FROM run "
            "WHERE run.trial_id = deleted_trial.trial_id AND run.video_sha256 = deleted_trial.video_sha256 "
            "AND list_contains($numbers, run_number)) RETURNING trial_id",
            {"numbers": numbers},
        ).fetchall()
        erase_from_files(connection, database.parent, numbers)  # else a later run with such a number had their frames
        tables = connection.execute(
            "SELECT table_name FROM duckdb_columns() JOIN duckdb_tables() USING (table_name) "
            "WHERE column_name = 'run_number' AND NOT duckdb_tables.internal ORDER BY table_name = 'run'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(
                f"DELETE FROM {table} WHERE list_contains($numbers, run_number)",  # noqa: S608 - our own names
                {"numbers": numbers},
            )
        connection.execute("DELETE FROM trial_manifest WHERE trial_id NOT IN (FROM run SELECT trial_id)")
        connection.execute("DELETE FROM athlete WHERE athlete_id NOT IN (FROM trial_manifest SELECT athlete_id)")
        connection.execute("DELETE FROM session WHERE session_id NOT IN (FROM trial_manifest SELECT session_id)")
    if of_deleted:
        rewrite(database)


def _deleted(connection: duckdb.DuckDBPyConnection) -> list[DeletedTrial]:
    return [DeletedTrial(*row) for row in connection.execute(DELETED).fetchall()]


def _restorable(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The ids of the deleted trials that can be restored."""
    return [one.trial_id for one in _deleted(connection) if one.is_restorable]


def _named(name: str, trials: list[str]) -> list[str]:
    """Those of the trials that are a name's: the trial itself, or all of the session."""
    return [trial for trial in trials if name in (trial, trial.rpartition("/")[0])]


def _unknown(name: str, names: list[str], *, hidden: bool) -> str:
    if hidden:
        return f"{name} is hidden already: retired by its manifest or for consent, or deleted for good"
    return f"there is no trial or session {name!r}; {suggestion(name, names)}"
