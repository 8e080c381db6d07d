"""A copy of the database for analysts, so that readers and the writer never wait for each other.

DuckDB lets no process read what another has open for writing. So the writer publishes copies, each moved into place
by one rename: a reader that has the old one open continues to read it, and no reader sees half a copy.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from warehouse.connection import opened_for_writing

PARTIAL = ".partial-"


def publish_snapshot(database: Path, snapshot: Path) -> None:
    """Copy the database, consistently, and move the copy into place.

    Args:
        database: the writer's; it is held open, so that no other process writes meanwhile.
        snapshot: the readers'; a partial copy of a killed publication is removed.

    Raises:
        WarehouseBusyError: another process writes.
    """
    partial = snapshot.with_name(PARTIAL + snapshot.name)
    partial.unlink(missing_ok=True)
    with opened_for_writing(database) as connection:
        connection.execute("CHECKPOINT")
        shutil.copyfile(database, partial)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(snapshot)
