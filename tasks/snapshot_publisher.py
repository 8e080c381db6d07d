"""When analysts get a new snapshot: often while a night is young, and never so often that copying is the main work."""

from __future__ import annotations

import time
from pathlib import Path

from warehouse.snapshot import publish_snapshot

LEAST_SHARE = 20  # a copy may take one part in so many of the time


class SnapshotPublisher:
    """Publishes snapshots of one warehouse.

    Args:
        warehouse: the writer's database.
        snapshot: the readers'.
    """

    def __init__(self, warehouse: Path, snapshot: Path) -> None:
        self._warehouse, self._snapshot = warehouse, snapshot
        self._due_s = 0.0

    def publish_if_due(self) -> None:
        """After a load; the caller holds the writer's lock."""
        if time.monotonic() >= self._due_s:
            self.publish()

    def publish(self) -> None:
        """Now, if the database was written since the last snapshot, be it by a night that was killed before its own."""
        if not self._is_behind():
            return
        began_s = time.monotonic()
        publish_snapshot(self._warehouse, self._snapshot)
        ended_s = time.monotonic()
        self._due_s = ended_s + LEAST_SHARE * (ended_s - began_s)

    def _is_behind(self) -> bool:
        if not self._warehouse.exists():
            return False
        if not self._snapshot.exists():
            return True
        return self._snapshot.stat().st_mtime_ns < self._warehouse.stat().st_mtime_ns
