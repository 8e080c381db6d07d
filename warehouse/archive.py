"""Frames as Parquet files beside the database, which reads them in place: `kinematics_of_every_run` shows both.

    HOME/kinematics/month=2026-11/1-500-0123456789abcdef.parquet     by month of the session and numbers of the runs

So a snapshot is no copy of them. The database lists a file relative to its own folder, so that a home can be moved; a
hash of the content is in the file's name, so that a name never has two contents. A file is written whole, then listed
in the transaction that deletes its frames from the table. One that is not listed is of a process that was killed, or
was replaced, and is removed once a snapshot is published that does not list it either.
"""

# ruff: noqa: S608 - the SQL is put together from our own names and numbers
from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.connection import ARCHIVE, WRITTEN_FRAMES, opened_for_writing, transaction
from warehouse.errors import WarehouseError
from warehouse.migrate import renew_frames_view
from warehouse.rewrite import rewrite
from warehouse.snapshot import flush

PART_FRAMES = 1_000_000  # of a file, unless one run has more
HASH_DIGITS = 16
PARTIAL = ".partial-"
# A trial is read by decoding the group of rows that it is in: DuckDB's own 122,880 take four times as long. Smaller
# ones gain little more, and each costs the reader of all trials.
FORMAT = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 30720"
FREE_SHARE = 0.5  # of the database's blocks, from which it is rewritten

RECENT_RUNS = f"""
SELECT strftime(session_date, '%Y-%m') AS month, run_number, recent.frames
FROM (SELECT run_number, count(*) AS frames FROM {WRITTEN_FRAMES} GROUP BY run_number) AS recent
JOIN run USING (run_number)
JOIN trial_manifest USING (trial_id)
JOIN session USING (session_id)
ORDER BY month, run_number
"""


@dataclass(frozen=True)
class ListedFile:
    """A file of frames that a database lists.

    Attributes:
        name: relative to the database's folder.
        frames: its rows.
        size_bytes: of the file.
    """

    name: str
    frames: int
    size_bytes: int


def archive_frames(database: Path, *, from_frames: int, part_frames: int = PART_FRAMES) -> int:
    """Move the frames of the table into files, once there are enough; then make the database as small as its rows.

    Killed at any moment, each run's frames are in the table or in a listed file; the next call goes on.

    Args:
        database: the writer's; nothing is done where there is none.
        from_frames: that the table must hold.
        part_frames: about how many go into a file.

    Returns:
        How many frames were moved.

    Raises:
        WarehouseBusyError: another process has it open.
        WarehouseError: the path of the home has a comma, which DuckDB takes as the end of a folder's name.
    """
    if not database.is_file():
        return 0
    moved = 0
    with opened_for_writing(database) as connection:
        if _count(connection, f"SELECT count(*) FROM {WRITTEN_FRAMES}") >= from_frames:
            if "," in str(database.parent):
                raise WarehouseError(
                    f"{database.parent}: has a comma in its path, so that its frames cannot be kept as Parquet; move "
                    "the home to a folder without one, or raise BIOPOSE_PARQUET_FROM_FRAMES"
                )
            for month, runs in list(_parts(connection, part_frames)):
                moved += _move(connection, database.parent, month, runs)
        connection.execute("CHECKPOINT")
        is_hollow = bool(listed_files(connection)) and _free_share(connection) > FREE_SHARE
    if is_hollow:
        rewrite(database)
    return moved


def write_file(connection: duckdb.DuckDBPyConnection, home: Path, month: str, frames: str) -> str | None:
    """Write frames into a file and list it with its runs; call it in a transaction.

    Args:
        connection: of the database in `home`.
        home: the database's folder.
        month: of the sessions, such as 2026-11.
        frames: SQL that selects them, with the columns of the table.

    Returns:
        Its name; None where there is no frame.
    """
    folder = home / ARCHIVE / f"month={month}"
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{PARTIAL}frames"
    connection.execute(f"COPY ({frames}) TO {_quoted(partial)} ({FORMAT})")
    source = f"read_parquet({_quoted(partial)}, hive_partitioning = false)"
    first, last, count = connection.execute(
        f"SELECT min(run_number), max(run_number), count(*) FROM {source}"
    ).fetchall()[0]
    if not count:
        partial.unlink()
        return None
    with partial.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()[:HASH_DIGITS]
    file = folder / f"{first}-{last}-{digest}.parquet"
    flush(partial)
    partial.replace(file)
    flush(folder)
    name = str(file.relative_to(home))
    connection.execute("INSERT OR IGNORE INTO kinematics_file VALUES (?, ?, ?)", [name, count, file.stat().st_size])
    connection.execute(
        "INSERT OR REPLACE INTO archived_run "
        f"SELECT DISTINCT run_number, ? FROM read_parquet({_quoted(file)}, hive_partitioning = false)",
        [name],
    )
    return name


def erase_from_files(connection: duckdb.DuckDBPyConnection, home: Path, runs: Collection[int]) -> None:
    """Write each file that has frames of these runs anew without them; call it in a transaction.

    The files that were replaced are removed by `remove_unlisted`, after a snapshot is published.
    """
    affected = connection.execute(
        "SELECT DISTINCT file FROM archived_run WHERE run_number = ANY(?) ORDER BY 1", [list(runs)]
    ).fetchall()
    listed = ", ".join(map(str, sorted(runs)))
    for (name,) in affected:
        connection.execute("DELETE FROM kinematics_file WHERE file = ?", [name])
        source = f"read_parquet({_quoted(home / name)}, hive_partitioning = false)"
        month = Path(name).parent.name.removeprefix("month=")
        write_file(connection, home, month, f"SELECT * FROM {source} WHERE run_number NOT IN ({listed})")
    connection.execute("DELETE FROM archived_run WHERE run_number = ANY(?)", [list(runs)])
    if affected:
        renew_frames_view(connection)


def listed_files(connection: duckdb.DuckDBPyConnection) -> list[ListedFile]:
    """The files of frames that a database lists."""
    return [ListedFile(*row) for row in connection.execute("FROM kinematics_file ORDER BY file").fetchall()]


def remove_unlisted(database: Path) -> int:
    """Remove the files that the database does not list; call it when the published snapshot lists none of them either.

    Returns:
        How many.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    home = database.parent
    if not (home / ARCHIVE).is_dir():
        return 0
    with opened_for_writing(database) as connection:
        listed = {home / file.name for file in listed_files(connection)}
    unlisted = [path for path in (home / ARCHIVE).rglob("*") if path.is_file() and path not in listed]
    for path in unlisted:
        path.unlink()
    return len(unlisted)


def _parts(connection: duckdb.DuckDBPyConnection, part_frames: int) -> Iterator[tuple[str, list[int]]]:
    """A month and the numbers of runs that go into one file, in the order of both."""
    rows = connection.execute(RECENT_RUNS).fetchall()
    runs: list[int] = []
    total = 0
    for (month, run, frames), (following, *_) in zip(rows, [*rows[1:], (None,)], strict=True):
        runs.append(run)
        total += frames
        if total >= part_frames or following != month:
            yield month, runs
            runs, total = [], 0


def _move(connection: duckdb.DuckDBPyConnection, home: Path, month: str, runs: list[int]) -> int:
    """Move the frames of some runs from the table to a file; how many."""
    listed = ", ".join(map(str, runs))
    chosen = f"FROM {WRITTEN_FRAMES} WHERE run_number BETWEEN {runs[0]} AND {runs[-1]} AND run_number IN ({listed})"
    with transaction(connection):
        write_file(connection, home, month, f"SELECT * {chosen}")
        (deleted,) = connection.execute(f"DELETE {chosen}").fetchall()[0]
        renew_frames_view(connection)
    return int(deleted)


def _free_share(connection: duckdb.DuckDBPyConnection) -> float:
    """Of the database's blocks, those without content."""
    free, total = connection.execute("SELECT free_blocks, total_blocks FROM pragma_database_size()").fetchall()[0]
    return float(free / max(total, 1))


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(connection.execute(sql).fetchall()[0][0])


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
