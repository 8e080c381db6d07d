"""A copy of the database for analysts, so that readers and the writer never wait for each other.

DuckDB lets no process read what another has open for writing. So the writer publishes copies, each moved into place
by one rename: a reader that has the old one open continues to read it, and no reader sees half a copy. Whether the
copy is the database is decided by their content, never by a clock. DuckDB numbers its checkpoints in the file's first
blocks, so two versions differ there, and comparing them ends at once.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from warehouse.connection import opened_for_writing
from warehouse.errors import WarehouseError

PARTIAL = ".partial-"
COMPARED_BYTES = 1 << 20


def publish_snapshot(database: Path, snapshot: Path) -> bool:
    """Copy the database, consistently, and move the copy into place, unless the snapshot is the same already.

    Args:
        database: the writer's; it is held open, so that no other process writes meanwhile.
        snapshot: the readers'; a partial copy of a killed publication is removed.

    Returns:
        Whether it was copied: not where the snapshot's bytes are the database's.

    Raises:
        WarehouseBusyError: another process writes.
        WarehouseError: the copy is not as long as the database.
    """
    partial = snapshot.with_name(PARTIAL + snapshot.name)
    partial.unlink(missing_ok=True)
    with opened_for_writing(database) as connection:
        connection.execute("CHECKPOINT")
        # One handle for both: closing any handle of the file would end DuckDB's own lock on it.
        with database.open("rb") as source:
            if _same_bytes(source, snapshot):
                return False
            with partial.open("wb") as target:
                _copy(source, target)
        if (copied := partial.stat().st_size) != (expected := database.stat().st_size):
            raise WarehouseError(f"{partial}: has {copied} bytes of {expected}; the old snapshot stays")
    flush(partial)
    partial.replace(snapshot)
    flush(snapshot.parent)
    return True


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy a whole file, in the kernel where that can: a fifth of the time, and some file systems only share blocks."""
    size, offset = os.fstat(source.fileno()).st_size, 0
    with suppress(AttributeError, OSError):  # such as macOS, or a file system that cannot
        while offset < size and (copied := os.copy_file_range(source.fileno(), target.fileno(), size - offset, offset)):
            offset += copied
    if offset < size:
        source.seek(0)
        target.seek(0)
        shutil.copyfileobj(source, target, COMPARED_BYTES)


def _same_bytes(first: BinaryIO, second: Path) -> bool:
    if not second.is_file() or os.fstat(first.fileno()).st_size != second.stat().st_size:
        return False
    with second.open("rb") as other:
        while block := first.read(COMPARED_BYTES):
            if block != other.read(COMPARED_BYTES):
                return False
    return True


def flush(path: Path) -> None:
    """To the disk, so that a power cut loses neither the copy nor its name."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
