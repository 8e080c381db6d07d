"""Erasing an athlete: every row of theirs, and the bytes that those rows had in the file.

A DELETE leaves a row's bytes in the file until something else is written over them. So the database is copied into a
new file, row by row, which then takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.archive import erase_from_files
from warehouse.connection import opened_for_writing, transaction
from warehouse.errors import QueryError
from warehouse.nearest import suggestion
from warehouse.rewrite import rewrite

ERASED = "erased"  # in place of an id
COMPARED = (("rollout", "comparison"), ("rollout_transition", "why"), ("release_act", "why"))
# Also those whose runs are removed already: no manifest is kept of them, and the name may be somebody else's by now.
TRIALS = (
    "SELECT trial_id FROM trial_manifest WHERE athlete_id = $athlete UNION "
    "SELECT trial_id FROM deleted_trial WHERE athlete_id = $athlete AND trial_id NOT IN "
    "(FROM trial_manifest SELECT trial_id)"
)
ATHLETES = "SELECT athlete_id FROM athlete UNION FROM deleted_trial SELECT athlete_id WHERE athlete_id IS NOT NULL"
RUNS = f"SELECT run_number FROM run WHERE trial_id IN ({TRIALS})"  # noqa: S608 - our own names, as everywhere below
ROLLOUTS = f"SELECT rollout_number FROM rollout_trial WHERE trial_id IN ({TRIALS})"  # noqa: S608
# The columns that lead to an athlete, the surest first: a table that has one holds rows of theirs.
CONDITIONS = {
    "run_number": f"run_number IN ({RUNS})",
    "trial_id": f"trial_id IN ({TRIALS})",
    "athlete_id": "athlete_id = $athlete",
    "session_id": "session_id IN (SELECT session_id FROM trial_manifest WHERE athlete_id = $athlete)",  # derived rows
}
DELETED = f"coalesce(athlete_id = $athlete, trial_id IN ({TRIALS}))"  # of deleted_trial; whose it is may not be known
# Deleted last, in this order: what precedes is found through them.
DESCRIBED = ("run", "deleted_trial", "trial_manifest", "athlete")


@dataclass(frozen=True)
class AthleteRows:
    """What a warehouse holds of an athlete.

    Attributes:
        athlete_id: team/athlete.
        trial_ids: of their trials, retired ones included.
        run_ids: of every measurement of these.
        folders: of the measurements' files, relative to home.
        video_sha256: of the videos that show them.
        own_video_sha256: those of which no trial of anybody else was measured.
        longer_ids: of others, that begin with one of these or hold it, as blue/s/jump10 holds blue/s/jump1.
        rows: by table, how many, and the frames in Parquet files; what has none is left out.
    """

    athlete_id: str
    trial_ids: tuple[str, ...]
    run_ids: tuple[str, ...]
    folders: tuple[str, ...]
    video_sha256: tuple[str, ...]
    own_video_sha256: tuple[str, ...]
    longer_ids: tuple[str, ...]
    rows: dict[str, int]


def athlete_rows(database: Path, athlete_id: str) -> AthleteRows:
    """What a warehouse holds of an athlete.

    Args:
        database: the writer's.
        athlete_id: team/athlete.

    Raises:
        QueryError: it knows no such athlete; the message has the nearest names.
        WarehouseBusyError: another process has it open.
    """
    with opened_for_writing(database) as connection:
        known = {name for (name,) in connection.execute(ATHLETES).fetchall()}
        if athlete_id not in known:
            raise QueryError(f"there is no athlete {athlete_id!r}; {suggestion(athlete_id, known)}")

        def column(sql: str) -> tuple[str, ...]:
            rows = connection.execute(sql, {"athlete": athlete_id} if "$athlete" in sql else None).fetchall()
            return tuple(sorted({str(value) for (value,) in rows}))

        theirs, trials = CONDITIONS["trial_id"], column(TRIALS)
        videos, others = (
            column(
                f"SELECT video_sha256 FROM run WHERE {negated} {theirs} UNION "  # noqa: S608
                f"SELECT video_sha256 FROM deleted_trial WHERE {negated} {DELETED}"
            )
            for negated in ("", "NOT")
        )
        counts = {
            table: _count(connection, table, condition, athlete_id) for table, condition in _tables(connection).items()
        }
        counts["archived_frames"] = _count(
            connection, "archived_run JOIN run USING (run_number)", theirs, athlete_id, what="coalesce(sum(frames), 0)"
        )
        return AthleteRows(
            athlete_id=athlete_id,
            trial_ids=trials,
            run_ids=column(f"SELECT run_id FROM run WHERE {theirs}"),  # noqa: S608
            folders=column(f"SELECT artifacts FROM run WHERE {theirs}"),  # noqa: S608
            video_sha256=videos,
            own_video_sha256=tuple(sha for sha in videos if sha not in others),
            longer_ids=_longer_ids(connection, (athlete_id, *trials)),
            rows={table: count for table, count in counts.items() if count},
        )


def run_folders(database: Path) -> set[str]:
    """The folders of all runs, relative to home.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    with opened_for_writing(database) as connection:
        return {str(folder) for (folder,) in connection.execute("SELECT artifacts FROM run").fetchall()}


def runs_of_videos(database: Path, video_sha256: tuple[str, ...]) -> dict[str, str]:
    """The folders of all runs of these videos, relative to home, each with its trial's id.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    with opened_for_writing(database) as connection:
        rows = connection.execute(
            "SELECT artifacts, trial_id FROM run WHERE list_contains($videos, video_sha256)",
            {"videos": list(video_sha256)},
        ).fetchall()
    return {str(folder): str(trial) for folder, trial in rows}


def erase_athlete(database: Path, athlete_id: str) -> None:
    """Delete every row of an athlete, and the sessions in which nobody else was measured; rewrite the file.

    The differences of releases that they are among go, too: `tasks.release_offsets` computes them without them.

    An athlete who is not there is no error: an erasure that was interrupted is run again.

    Raises:
        WarehouseBusyError: another process has it open.
        WarehouseError: the rewritten file holds other rows than the database; the database stays.
    """
    with opened_for_writing(database) as connection:
        tables = _tables(connection)
        with transaction(connection):
            _erase_from_comparisons(connection, athlete_id)
            connection.execute(
                f"DELETE FROM release_offset WHERE rollout_number IN ({ROLLOUTS})",  # noqa: S608
                {"athlete": athlete_id},
            )
            runs = connection.execute(RUNS, {"athlete": athlete_id}).fetchall()
            erase_from_files(connection, database.parent, [run for (run,) in runs])
            for table in (*(name for name in tables if name not in DESCRIBED), *DESCRIBED):
                connection.execute(f"DELETE FROM {table} WHERE {tables[table]}", {"athlete": athlete_id})  # noqa: S608
            connection.execute("DELETE FROM session WHERE session_id NOT IN (SELECT session_id FROM trial_manifest)")
    rewrite(database)


def _tables(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The tables that hold rows of athletes, each with the condition of one athlete's rows.

    Tables are found by their columns, so that one that a later version adds is not forgotten.
    """
    columns = connection.execute(
        "SELECT table_name, list(column_name) FROM duckdb_columns() JOIN duckdb_tables() USING (table_name) "
        "WHERE NOT duckdb_tables.internal GROUP BY table_name ORDER BY table_name"
    ).fetchall()
    conditions = {
        str(table): next((condition for column, condition in CONDITIONS.items() if column in names), None)
        for table, names in columns
    }
    known = {table: condition for table, condition in conditions.items() if condition and table != "session"}
    return known | {
        "run": CONDITIONS["trial_id"],
        "trial_manifest": CONDITIONS["athlete_id"],
        "deleted_trial": DELETED,
    }


def _erase_from_comparisons(connection: duckdb.DuckDBPyConnection, athlete_id: str) -> None:
    """Take the ids of a person out of what rollouts compared and decided; the numbers of the decision stay."""
    trials = [str(trial) for (trial,) in connection.execute(TRIALS, {"athlete": athlete_id}).fetchall()]
    ids = {athlete_id, *trials}
    longest_first = sorted(ids.union(_longer_ids(connection, ids)), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    for table, column in COMPARED:
        found = connection.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()  # noqa: S608
        for (text,) in found:
            without = pattern.sub(lambda match: ERASED if match[0] in ids else match[0], text)
            if without != text:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", [without, text])  # noqa: S608


def _longer_ids(connection: duckdb.DuckDBPyConnection, ids: Collection[str]) -> tuple[str, ...]:
    """The ids of others that hold one of these within them."""
    rows = connection.execute(
        f"{ATHLETES} UNION SELECT trial_id FROM trial_manifest UNION SELECT trial_id FROM deleted_trial"  # noqa: S608
    ).fetchall()
    return tuple(sorted(longer for (longer,) in rows if longer not in ids and any(one in longer for one in ids)))


def _count(
    connection: duckdb.DuckDBPyConnection, table: str, condition: str, athlete_id: str, *, what: str = "count(*)"
) -> int:
    sql = f"SELECT {what} FROM {table} WHERE {condition}"  # noqa: S608
    return int(connection.execute(sql, {"athlete": athlete_id}).fetchall()[0][0])
