"""The one writer of a home's warehouse: loads trials one after another and publishes snapshots for readers."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import duckdb

from warehouse.archive import archive_frames, remove_unlisted
from warehouse.deleted import DeletedTrial, deleted_trials, published_deleted_trials
from warehouse.derive import DerivedSessions, remove_outdated, store_derived
from warehouse.errors import WarehouseBusyError, WarehouseError
from warehouse.load import LoadedRuns, load_trial, loaded_runs, published_runs
from warehouse.retire import Reassigned, Retired, reassign_trials, retire_people, retire_trials
from warehouse.snapshot import publish_snapshot

PATIENCE_S = 60.0
BUSY_POLL_S = 1.0
LARGEST_PUBLISHING_SHARE = 1 / 20  # of the time, so that copying never becomes the main work as the database grows
LEAST_BETWEEN_S = 20.0  # two snapshots: readers open each anew, and lose what they had of the last

T = TypeVar("T")


class WarehouseWriter:
    """Writes one database; any thread of the process may call it.

    Where another process has the database open, it is waited for once; as long as it stays open after that, each call
    fails at once, so that a run goes on measuring and a later run loads.

    Args:
        warehouse: the database, made with the first trial.
        snapshot: the copy that readers open.
        patience_s: how long another process is waited for.
        least_between_s: between two snapshots while trials are loaded.
    """

    def __init__(
        self,
        warehouse: Path,
        snapshot: Path,
        *,
        patience_s: float = PATIENCE_S,
        least_between_s: float = LEAST_BETWEEN_S,
    ) -> None:
        self._warehouse, self._snapshot = warehouse, snapshot
        self._least_between_s = least_between_s
        self._patience_s = self._left_s = patience_s
        self._lock = Lock()
        self._next_snapshot_s = 0.0
        self._is_behind = False

    def load(self, record: Mapping[str, Any], folder: Path) -> None:
        """Load one trial in one transaction; publish a snapshot if the last one is old enough.

        Else the caller publishes it later: `due_in_s` and `publish_if_due`.

        Args:
            record: as `warehouse.load.load_trial` takes it.
            folder: of the trial's Parquet files.

        Raises:
            WarehouseBusyError: another process has the database open.
            ContractError: a file does not fit the tables.
        """
        with self._lock:
            self._once_free(lambda: load_trial(self._warehouse, record, folder))
            self._is_behind = True
            if time.monotonic() >= self._next_snapshot_s:
                self._publish()

    @property
    def due_in_s(self) -> float | None:
        """In how many seconds `publish_if_due` publishes; None where readers have every trial that was loaded."""
        return max(self._next_snapshot_s - time.monotonic(), 0.0) if self._is_behind else None

    def publish_if_due(self) -> None:
        """Publish what was loaded too soon after the last snapshot, once that is old enough.

        Call it where this process has the database open nowhere else. Where it fails, such as while another process has
        the database open, it is due again after a while, and `publish` raises why.
        """
        with self._lock:
            if self.due_in_s == 0.0:
                try:
                    self._publish()
                except (WarehouseError, OSError, duckdb.Error):
                    self._next_snapshot_s = time.monotonic() + self._least_between_s

    def retire(self, named: Mapping[str, Collection[str]], *, there: Collection[str] = ()) -> list[Retired]:
        """Retire what manifests no longer name; both as `warehouse.retire.retire_trials` takes them.

        Raises:
            WarehouseBusyError: another process has the database open.
        """
        with self._lock:
            return self._once_free(lambda: retire_trials(self._warehouse, named, there=there))

    def retire_people(self, athletes: Collection[str], *, trials: Collection[str] = ()) -> dict[str, int]:
        """Retire every trial of people; all as `warehouse.retire.retire_people` has it.

        Raises:
            WarehouseBusyError: another process has the database open.
        """
        with self._lock:
            return self._once_free(lambda: retire_people(self._warehouse, athletes, trials=trials))

    def reassign_trials(self, named: Mapping[str, str]) -> list[Reassigned]:
        """Store trials as those of whom manifests name; all as `warehouse.retire.reassign_trials` has it.

        Raises:
            WarehouseBusyError: another process has the database open.
        """
        with self._lock:
            return self._once_free(lambda: reassign_trials(self._warehouse, named))

    def loaded_runs(self, release_id: str) -> LoadedRuns:
        """What of a release is loaded; as the snapshot has it, where another process has the database open."""
        with self._lock:
            try:
                return loaded_runs(self._warehouse, release_id)
            except WarehouseBusyError:
                return published_runs(self._snapshot, release_id)

    def deleted_trials(self) -> list[DeletedTrial]:
        """The trials that were deleted; as the snapshot has it, where another process has the database open."""
        with self._lock:
            try:
                return deleted_trials(self._warehouse)
            except WarehouseBusyError:
                return published_deleted_trials(self._snapshot)

    def store_derived(self, derived: DerivedSessions) -> None:
        """Store derived rows, as `warehouse.derive.store_derived` does.

        Raises:
            WarehouseBusyError: another process has the database open.
        """
        with self._lock:
            self._once_free(lambda: store_derived(self._warehouse, derived))

    def remove_outdated(self) -> int:
        """Delete derived rows of what is no longer there; of how many sessions.

        Raises:
            WarehouseBusyError: another process has the database open.
        """
        with self._lock:
            return self._once_free(lambda: remove_outdated(self._warehouse))

    def archive(self, *, from_frames: int) -> int:
        """Move frames to Parquet files where there are enough; as `warehouse.archive.archive_frames` has it.

        Raises:
            WarehouseBusyError: another process has the database open.
            WarehouseError: the home's path does not allow it.
        """
        with self._lock:
            return self._once_free(lambda: archive_frames(self._warehouse, from_frames=from_frames))

    def publish(self) -> None:
        """Publish a snapshot if the last one is not what the database is, whichever process wrote or damaged them.

        Raises:
            WarehouseBusyError: another process has the database open.
        """
        with self._lock:
            self._once_free(self._publish)

    def _once_free(self, call: Callable[[], T]) -> T:
        """The call's result; while another process has the database open, it is repeated as long as patience lasts."""
        while True:
            try:
                result = call()
            except WarehouseBusyError:
                if self._left_s <= 0:
                    raise
                time.sleep(BUSY_POLL_S)
                self._left_s -= BUSY_POLL_S
            else:
                self._left_s = self._patience_s
                return result

    def _publish(self) -> None:
        if not self._warehouse.exists():
            return
        start_s = time.monotonic()
        publish_snapshot(self._warehouse, self._snapshot)
        self._is_behind = False
        remove_unlisted(self._warehouse)
        end_s = time.monotonic()
        self._next_snapshot_s = end_s + max((end_s - start_s) / LARGEST_PUBLISHING_SHARE, self._least_between_s)
