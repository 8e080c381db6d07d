"""A copy of the database for analysts, so that readers and the writer never wait for each other.

DuckDB lets no process read what another has open for writing. So the writer publishes copies, each swapped in by one
rename: who has the old one open goes on reading it, who opens the next gets the new one, and nobody sees half a copy.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from warehouse.connection import opened_for_writing

PARTIAL = ".partial-"


def publish_snapshot(database: Path, snapshot: Path) -> None:
    """Copy the database, whole and consistent, and swap the copy in.

    Args:
        database: the writer's; nobody else writes meanwhile, since it is held open.
        snapshot: the readers'; what a publication that was killed left beside it is removed.

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
