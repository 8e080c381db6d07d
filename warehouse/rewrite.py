"""A database written anew, row by row, so that its file holds no byte of a row that was deleted, and no free block."""

from __future__ import annotations

from pathlib import Path

from warehouse.connection import opened_for_writing
from warehouse.content import stored_rows
from warehouse.errors import WarehouseError
from warehouse.snapshot import flush

PARTIAL = ".rewritten-"


def rewrite(database: Path) -> None:
    """Put a copy of the database, made row by row, in its place.

    Raises:
        WarehouseBusyError: another process has it open.
        WarehouseError: the copy holds other rows than the database, which stays.
    """
    partial = database.with_name(PARTIAL + database.name)
    for leftover in (partial, partial.with_name(partial.name + ".wal")):
        leftover.unlink(missing_ok=True)
    with opened_for_writing(database) as connection:
        name = connection.execute("SELECT current_database()").fetchall()[0][0]
        connection.execute(f"ATTACH '{str(partial).replace(chr(39), 2 * chr(39))}' AS rewritten")
        connection.execute(f'COPY FROM DATABASE "{name}" TO rewritten')
        connection.execute("DETACH rewritten")
        connection.execute("CHECKPOINT")
    copied, stored = stored_rows(partial), stored_rows(database)
    if differing := sorted(dict(copied.items() ^ stored.items())):
        raise WarehouseError(
            f"{partial}: holds other rows of {', '.join(differing)} than {database}, which stays as it is; try again"
        )
    flush(partial)
    partial.replace(database)
    flush(database.parent)
