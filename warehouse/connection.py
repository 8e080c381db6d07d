"""Opening the database: for the one writer, or for reading a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.errors import NoWarehouseError, WarehouseBusyError
from warehouse.migrate import migrate

Configuration = dict[str, str | bool | int | float | list[str]]
CONFIGURATION: Configuration = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
QUIET = "SET enable_progress_bar = false"  # after two seconds it writes to stdout, into what a program reads there


@contextmanager
def opened_for_writing(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database with the present schema, made if it is not there.

    Raises:
        WarehouseBusyError: another process has it.
        MigrationError: it was written by a newer version.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(database), config=dict(CONFIGURATION))
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise WarehouseBusyError(f"{database}: another process has it open; wait for its end") from error
        raise
    try:
        connection.execute(QUIET)
        migrate(connection)
        yield connection
    finally:
        connection.close()


@contextmanager
def opened_for_reading(database: Path, *, sealed: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that nobody writes to, such as a snapshot.

    Args:
        database: the file.
        sealed: whether SQL can reach no other file and change no setting.

    Raises:
        NoWarehouseError: it is not there.
    """
    if not database.is_file():
        raise NoWarehouseError(f"{database}: there is no warehouse yet; `biopose ingest INBOX` makes it")
    sealing: Configuration = {"enable_external_access": "false"} if sealed else {}
    connection = duckdb.connect(str(database), read_only=True, config=CONFIGURATION | sealing)
    try:
        connection.execute(QUIET)
        if sealed:
            connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()
