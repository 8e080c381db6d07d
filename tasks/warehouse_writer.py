"""The one writer of a home's warehouse: loads trials one after another and publishes snapshots for readers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

LARGEST_PUBLISHING_SHARE = 1 / 20  # of the time, so that copying never becomes the main work as the database grows


class WarehouseWriter:
    """Writes one database; any thread of the process may call it.

    Args:
        warehouse: the database, made with the first trial.
        snapshot: the copy that readers open.
    """

    def __init__(self, warehouse: Path, snapshot: Path) -> None:
        self._warehouse, self._snapshot = warehouse, snapshot
        self._lock = Lock()
        self._next_snapshot_s = 0.0

    def load(self, record: Mapping[str, Any], folder: Path) -> None:
        """Load one trial in one transaction; publish a snapshot if the last one is old enough.

        Args:
            record: as `warehouse.load.load_trial` takes it.
            folder: of the trial's Parquet files.

        Raises:
            WarehouseBusyError: another process writes.
            ContractError: a file does not fit the tables.
        """
        with self._lock:
            load_trial(self._warehouse, record, folder)
            if time.monotonic() >= self._next_snapshot_s:
                self._publish()

    def publish(self) -> None:
        """Publish a snapshot if the database is newer than the last one, whichever process wrote it.

        Raises:
            WarehouseBusyError: another process writes.
        """
        with self._lock:
            self._publish()

    def _publish(self) -> None:
        if not self._is_ahead():
            return
        start_s = time.monotonic()
        publish_snapshot(self._warehouse, self._snapshot)
        end_s = time.monotonic()
        self._next_snapshot_s = end_s + (end_s - start_s) / LARGEST_PUBLISHING_SHARE

    def _is_ahead(self) -> bool:
        """Whether the database was written after the snapshot."""
        if not self._warehouse.exists():
            return False
        if not self._snapshot.exists():
            return True
        return self._snapshot.stat().st_mtime_ns < self._warehouse.stat().st_mtime_ns
