"""Opening the database: for the one writer, or for reading a snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.errors import NoWarehouseError, WarehouseBusyError, WarehouseError
from warehouse.migrate import migrate

Configuration = dict[str, str | bool | int | float | list[str]]
CONFIGURATION: Configuration = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
HELD = "Could not set lock on file"  # of DuckDB's message
HOLDER = re.compile(r"held in (?P<program>\S+) \(PID (?P<pid>\d+)\)")  # likewise
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
def opened_for_reading(database: Path, *, sealed: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that no process writes to, such as a snapshot.

    Args:
        database: the file.
        sealed: whether SQL can reach no other file and change no setting.

    Raises:
        NoWarehouseError: it does not exist.
        WarehouseBusyError: a process has it open for writing.
        WarehouseError: it is no database, or cannot be opened.
    """
    if not database.is_file():
        raise NoWarehouseError(f"{database}: there is no warehouse yet; `biopose ingest INBOX` makes it")
    sealing: Configuration = {"enable_external_access": "false"} if sealed else {}
    connection = _connect(database, CONFIGURATION | sealing, read_only=True)
    try:
        connection.execute(QUIET)
        if sealed:
            connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def _connect(database: Path, configuration: Configuration, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(database), read_only=read_only, config=dict(configuration))
    except duckdb.IOException as error:
        if HELD in str(error):
            raise WarehouseBusyError(f"{database}: {_holder(str(error))} has it open; close it there") from error
        raise WarehouseError(f"{database}: cannot be opened: {' '.join(str(error).split())}") from error


def _holder(message: str) -> str:
    """The process that holds a database, as far as DuckDB's message names it."""
    found = HOLDER.search(message)
    return f"process {found['pid']} ({Path(found['program']).name})" if found else "another process"
