"""Refreshing what is derived from all trials, in Dask and only for what changed; and keeping old frames as Parquet.

The calls read the published snapshot and return their rows; the one writer stores them, a batch a transaction. Killed
at any moment, what is stored is right, and the next run does the rest: what is to be done follows from the content of
the warehouse alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.dask_pool import joined, while_workers_live
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter
from warehouse.connection import opened_for_reading
from warehouse.derive import DerivedSessions, derive_sessions, derive_sessions_on, sessions_to_derive

if TYPE_CHECKING:
    import duckdb
    from distributed import Client

BATCH_FRAMES = 400_000  # of one call: seconds, and some hundred MB of memory
BETWEEN_LINES_S = 5.0  # of the log, at least, while sessions are derived


@dataclass(frozen=True)
class Refreshed:
    """What a refresh changed.

    Attributes:
        sessions: whose mean curves were computed.
        removed: sessions whose derived rows were deleted, as they have no current run any more.
        archived_frames: that were moved from the database to Parquet files.
    """

    sessions: int
    removed: int
    archived_frames: int


def refresh(settings: Settings, writer: WarehouseWriter, log: Callable[[str], None]) -> Refreshed:
    """Bring derived tables up to date with the published snapshot, move frames to Parquet once there are many; publish.

    Args:
        settings: of the home; its lock is held.
        writer: of the home, whose snapshot is published.
        log: called with a line for each thing that was done; of sessions seldom, and with the last.

    Raises:
        WarehouseBusyError: another process has the database open.
        NoWarehouseError: there is no snapshot yet.
        BioposeError: no scheduler responds at settings.dask_address, or it has no workers any more.
    """
    todo = sessions_to_derive(settings.snapshot)
    done, next_line_s = 0, 0.0
    for derived in _derived(settings, _batches(todo)):
        writer.store_derived(derived)
        done += len(derived.contents)
        if (now_s := time.monotonic()) >= next_line_s or done == len(todo):
            log(f"  derived      mean curves of {done} of {len(todo)} sessions")
            next_line_s = now_s + BETWEEN_LINES_S
    removed = writer.remove_outdated()
    moved = writer.archive(from_frames=settings.parquet_from_frames)
    if moved:
        log(f"  archived     {moved} frames are in Parquet files now, which queries read in place")
    if done or removed or moved:
        writer.publish()
    return Refreshed(done, removed, moved)


def _batches(todo: Mapping[str, int]) -> list[list[str]]:
    """Sessions in their order, as many to a batch as have BATCH_FRAMES."""
    batches: list[list[str]] = []
    left = 0
    for session, frames in todo.items():
        if left <= 0:
            batches.append([])
            left = BATCH_FRAMES
        batches[-1].append(session)
        left -= frames
    return batches


def _derived(settings: Settings, batches: Sequence[Sequence[str]]) -> Iterator[DerivedSessions]:
    """Each batch as Dask has computed it, no more of them at once than can run: they are held in memory."""
    if not batches:
        return
    with _cluster(settings) as (derive, at_once):
        for first in range(0, len(batches), at_once):
            yield from derive(batches[first : first + at_once])


@contextmanager
def _cluster(
    settings: Settings,
) -> Iterator[tuple[Callable[[Sequence[Sequence[str]]], Sequence[DerivedSessions]], int]]:
    """What derives batches at the same time, and how many: threads, which DuckDB keeps busy, or a cluster's workers."""
    if settings.dask_address:
        with joined(settings.dask_address) as client:
            yield partial(_derived_there, client, settings.snapshot), max(sum(client.nthreads().values()), 1)
    else:
        with opened_for_reading(settings.snapshot) as connection:
            yield partial(_derived_here, connection, settings.cores), settings.cores


def _derived_here(
    connection: duckdb.DuckDBPyConnection, cores: int, batches: Sequence[Sequence[str]]
) -> Sequence[DerivedSessions]:
    from dask.base import compute
    from dask.delayed import delayed

    derive = delayed(lambda batch: derive_sessions_on(connection, batch), pure=False)  # a connection has no token
    derived: tuple[DerivedSessions, ...] = compute(*map(derive, batches), scheduler="threads", num_workers=cores)
    return derived


def _derived_there(client: Client, snapshot: Path, batches: Sequence[Sequence[str]]) -> Sequence[DerivedSessions]:
    calls = client.get_executor(pure=False)

    async def results() -> list[DerivedSessions]:
        futures = [asyncio.wrap_future(calls.submit(derive_sessions, snapshot, batch)) for batch in batches]
        return await asyncio.gather(*(while_workers_live(client, call, is_here=False) for call in futures))

    return asyncio.run(results())
