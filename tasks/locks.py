"""Locks of a folder between processes; the operating system frees each one however its process ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from biopose.errors import BioposeError

LockName = Literal["ingest", "night", "rollout", "training", "up", "mlflow", "backup", "users"]
HELD: dict[LockName, str] = {
    "ingest": "an ingest or a rollout is at work here (process {pid}); wait for its end, or stop it: nothing is lost",
    "night": "another ingest is at work here (process {pid}); wait for its end, or stop it: nothing is lost",
    "rollout": "a rollout or a backfill is at work here (process {pid}); wait for its end, or stop it: nothing is "
    "lost, and run again it goes on",
    "training": "a training is at work here (process {pid}); wait for its end, or stop it: nothing is lost",
    "up": "another `biopose up` serves it already (process {pid}); stop that one first",
    "backup": "another `biopose backup` writes here (process {pid}); wait for its end",
    "users": "process {pid} has changed the users for {wait_s:.0f} s; wait for its end, or stop it",
    "mlflow": "process {pid} has held the model registry for {wait_s:.0f} s; wait for its end, or stop it",
}


@contextmanager
def exclusive(folder: Path, name: LockName = "ingest", *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold a folder's lock for the block.

    Args:
        folder: made if need be.
        name: of the lock; a folder can have several.
        wait_s: how long to wait for another process that holds it.

    Raises:
        BioposeError: another process holds it; the message has its process id and what to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    lock = FileLock(path, timeout=wait_s, fallback_to_soft=False)  # a soft lock would outlive a killed process
    try:
        lock.acquire()
    except Timeout:
        pid = path.read_text().strip() or "unknown"
        raise BioposeError(f"{folder}: {HELD[name].format(pid=pid, wait_s=wait_s)}") from None
    try:
        path.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def holder(folder: Path, name: LockName) -> str | None:
    """The id of the process that holds a folder's lock, "unknown" at worst; None where it is free."""
    if not (path := folder / f"{name}.lock").exists():
        return None
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return path.read_text().strip() or "unknown"
    lock.release()
    return None
