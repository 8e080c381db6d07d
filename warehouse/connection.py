"""Opening the database: for the one writer, or for reading a snapshot."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseBusyError, WarehouseError, no_home
from warehouse.migrate import migrate, require_current
from warehouse.quantiles import add_quantiles

Configuration = dict[str, str | bool | int | float | list[str]]
CONFIGURATION: Configuration = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
MEMORY_GB = 2.0
ARCHIVE = "kinematics"  # the folder of Parquet files beside a database, see `warehouse.archive`
WRITTEN_FRAMES = "recent_kinematics"  # the table of the frames that are in no such file
DAMAGE = (duckdb.IOException, duckdb.SerializationException, duckdb.FatalException)
REMEDY = "`biopose ingest INBOX` publishes it anew"
HELD = "Could not set lock on file"  # of DuckDB's message
HOLDER = re.compile(r"held in (?P<program>\S+) \(PID (?P<pid>\d+)\)")  # likewise
# Of files that never change, for many answers; a cursor has only the global settings.
KEPT_FOOTERS = "SET GLOBAL parquet_metadata_cache = true"
# What is read as Arrow is small, or its largest columns are numbers: copying it takes less than planning twice.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", category=UserWarning)
QUIET = "SET enable_progress_bar = false"  # after two seconds it writes to stdout, into what a program reads there


@contextmanager
def opened_for_writing(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database with the current schema, created if it does not exist.

    Raises:
        WarehouseBusyError: another process has it.
        WarehouseError: it is no database, or cannot be opened.
        MigrationError: it was written by a newer version.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(database, CONFIGURATION, read_only=False)
    try:
        connection.execute(QUIET)
        migrate(connection)
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that the block changes, or nothing."""
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


@contextmanager
def opened_for_reading(
    database: Path, *, sealed: bool = True, memory_gb: float = MEMORY_GB
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that no process writes to, such as a snapshot.

    Args:
        database: the file.
        sealed: whether SQL can reach no other file and change no setting; nor does it write temporary files then.
        memory_gb: how much memory a sealed database may take.

    Raises:
        NoWarehouseError: it does not exist.
        WarehouseBusyError: a process has it open for writing.
        WarehouseError: it is damaged, or of an earlier version.
        MigrationError: it was written by a newer version.
    """
    if not database.is_file():
        raise no_home(database.parent)
    connection = _connect(database, CONFIGURATION | (_sealing(memory_gb) if sealed else {}), read_only=True)
    try:
        add_quantiles(connection)
        with suppress(duckdb.InvalidInputException):  # locked: another thread has it open, too
            connection.execute(QUIET)
            connection.execute(KEPT_FOOTERS)
            if sealed:
                _seal(connection, database)
                connection.execute("SET lock_configuration = true")
        with named_damage(database):
            require_current(connection, database)
        yield connection
    finally:
        connection.close()


def attached_for_reading(database: Path, catalog: str, *, memory_gb: float) -> duckdb.DuckDBPyConnection:
    """A database in memory to which one that no process writes to is attached; SQL can reach no other file.

    Args:
        database: exists.
        catalog: the name that it is attached by.
        memory_gb: how much memory both may take.

    Raises:
        WarehouseBusyError: a process has it open for writing.
        WarehouseError: it is no database, or damaged.
    """
    connection = duckdb.connect(":memory:", config=dict(CONFIGURATION | _sealing(memory_gb) | _beside(database)))
    try:
        with _opening_errors(database, read_only=True):
            connection.execute(f"ATTACH '{str(database).replace(chr(39), 2 * chr(39))}' AS {catalog} (READ_ONLY)")
        connection.execute(KEPT_FOOTERS)
        _seal(connection, database)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def named_damage(database: Path) -> Iterator[None]:
    """What DuckDB reports of a file that is cut off or overwritten becomes an error with the remedy.

    Raises:
        WarehouseError: the file is damaged.
    """
    try:
        yield
    except DAMAGE as error:
        raise WarehouseError(f"{database}: is damaged: {' '.join(str(error).split())}; {REMEDY}") from error


def _seal(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    """Let SQL reach no file but the warehouse's own Parquet files."""
    connection.execute(f"SET allowed_directories = {_allowed(database)}")
    connection.execute("SET enable_external_access = false")


def _allowed(database: Path) -> str:
    """The folder of Parquet files, as the view names it and as DuckDB finds it, as a list of SQL."""
    folder = str(database.parent / ARCHIVE).replace("'", "''")
    return f"['{ARCHIVE}/', '{folder}/']"


def _sealing(memory_gb: float) -> Configuration:
    return {"temp_directory": "", "memory_limit": f"{memory_gb:g}GB"}


def _connect(database: Path, configuration: Configuration, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    with _opening_errors(database, read_only=read_only):
        return duckdb.connect(str(database), read_only=read_only, config=dict(configuration | _beside(database)))


def _beside(database: Path) -> Configuration:
    """Parquet files are listed relative to the database.

    DuckDB looks in the working directory before: harmless, as a name has a hash of its content.
    """
    return {"file_search_path": str(database.parent)}


@contextmanager
def _opening_errors(database: Path, *, read_only: bool) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        if HELD in str(error):
            raise WarehouseBusyError(f"{database}: {_holder(str(error))} has it open; close it there") from error
        remedy = f"; {REMEDY}" if read_only else ""
        raise WarehouseError(f"{database}: cannot be opened: {' '.join(str(error).split())}{remedy}") from error


def _holder(message: str) -> str:
    """The process that holds a database, as far as DuckDB's message names it."""
    found = HOLDER.search(message)
    return f"process {found['pid']} ({Path(found['program']).name})" if found else "another process"
