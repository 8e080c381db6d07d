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
        self._is_behind = False

    def publish_if_due(self) -> None:
        """After a load; the caller holds the writer's lock."""
        self._is_behind = True
        if time.monotonic() >= self._due_s:
            self.publish()

    def publish(self) -> None:
        """Now, if anything was loaded since."""
        if not self._is_behind and self._snapshot.exists():
            return
        began_s = time.monotonic()
        publish_snapshot(self._warehouse, self._snapshot)
        ended_s = time.monotonic()
        self._due_s = ended_s + LEAST_SHARE * (ended_s - began_s)
        self._is_behind = False
