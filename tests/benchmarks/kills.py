"""Acts in processes that are killed at a statement or after a time, on copies of a home; and processes of an ingest."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import psutil

from flows.serving.programs import PREFECT_APPLICATION
from warehouse import connection as warehouse_connection

KILLED = "killed"
IN_PLACE = (".db", ".duckdb", ".jsonl")  # such files, and databases' logs; every other of a home is replaced as a whole
POLL_S = 0.002
LATEST_S = 120.0
EVERY = "all processes"
HARMLESS = ("SELECT", "FROM", "SET", "DESCRIBE", "PRAGMA")


VICTIMS: dict[str, Callable[[psutil.Process, Path], list[psutil.Process]]] = {
    "flow process": lambda flow, _: [flow],
    "Ray actor": lambda flow, _: named(flow, "ray::PerceptionActor"),
    "Dask worker": lambda flow, _: forked_workers(flow),
    "Prefect server": lambda flow, _: named(flow, PREFECT_APPLICATION),
    EVERY: lambda flow, _: [flow, *flow.children(recursive=True)],
    "loader in a transaction": lambda flow, home: [flow] if _in_transaction(home) else [],
}


class Writes:
    """Counts writes, and kills the process before the one whose turn it is.

    Args:
        allowed: before that.
    """

    def __init__(self, allowed: int) -> None:
        self.allowed, self.done = allowed, 0

    def __call__(self) -> None:
        if self.done == self.allowed:
            os.kill(os.getpid(), signal.SIGKILL)
        self.done += 1

    def count_statements(self) -> None:
        """Count every statement that changes a warehouse, from now on."""
        connect = warehouse_connection._connect

        def counted(database: Path, configuration: Any, *, read_only: bool) -> Any:
            found = connect(database, configuration, read_only=read_only)
            return found if read_only else CountedConnection(found, self)

        warehouse_connection._connect = counted  # type: ignore[assignment]


class CountedConnection:
    """A connection whose changes are counted."""

    def __init__(self, connection: Any, before: Writes) -> None:
        self._connection, self._before = connection, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if not sql.lstrip().upper().startswith(HARMLESS):
            self._before()
        return self._connection.execute(sql, *values)


@contextmanager
def copied(home: Path, *without: str) -> Iterator[Path]:
    """A copy of a home for the block, cheap: files that are never written in place are linked."""
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        ignored = shutil.ignore_patterns("logs", "dask", *without)
        yield Path(shutil.copytree(home, Path(scratch) / "home", ignore=ignored, copy_function=_copy))


def _copy(source: str, target: str) -> None:
    (shutil.copy2 if any(kind in Path(source).name for kind in IN_PLACE) else os.link)(source, target)


def kill_process(process: int) -> None:
    """Kill -9."""
    os.kill(process, signal.SIGKILL)


def in_a_process(
    work: Callable[[], Any], *, after_s: float | None = None, kill: Callable[[int], None] = kill_process
) -> Any:
    """The result of `work` in a process forked for it; KILLED where it ended at a write, or was killed.

    Args:
        work: what it does.
        after_s: when `kill` is called, unless it ended before.
        kill: is given the process's id; by default it kills that process, but it may kill another that serves it.
    """
    reading, writing = os.pipe()
    if (process := os.fork()) == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(writing)
    killing = Timer(after_s or 0.0, partial(kill, process))
    if after_s is not None:
        killing.start()
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    killing.cancel()
    if after_s is not None:
        killing.join()  # while the process is not waited for, its number is no other's
    exit_code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if exit_code == -signal.SIGKILL:
        return KILLED
    return json.loads(text) if exit_code == 0 else {"failed": exit_code}


def seconds_of(work: Callable[[], Any]) -> float:
    """How long `work` takes in a process forked for it."""
    began_s = time.monotonic()
    in_a_process(work)
    return time.monotonic() - began_s


def import_ahead(work: Callable[[], Any]) -> None:
    """Import what `work` imports, so that the processes that are forked for it begin at once."""

    def modules() -> list[str]:
        work()
        return sorted(sys.modules)

    for name in in_a_process(modules):
        with suppress(ImportError):
            importlib.import_module(name)


def kill(process: subprocess.Popen[str], home: Path, *, victim: str, after_s: float = 0.0) -> float:
    """Kill -9 one process, or all, at the first chance after a time; when, in seconds; nan if the ingest had ended."""
    began_s = time.monotonic()
    flow = psutil.Process(process.pid)
    while process.poll() is None and time.monotonic() - began_s < LATEST_S:
        if time.monotonic() - began_s >= after_s and (found := VICTIMS[victim](flow, home)):
            for one in found if victim == EVERY else found[:1]:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            return time.monotonic() - began_s
        time.sleep(POLL_S)
    return float("nan")


def named(ancestor: psutil.Process, text: str) -> list[psutil.Process]:
    """The descendants whose command lines hold a text."""
    found = []
    for child in ancestor.children(recursive=True):
        try:
            if text in " ".join(child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def forked_workers(flow: psutil.Process) -> list[psutil.Process]:
    """Dask's workers: forked from one process that is the flow's own child, and look like it."""
    return [child for child in named(flow, "multiprocessing.forkserver") if child.ppid() != flow.pid]


def _in_transaction(home: Path) -> bool:
    """The write-ahead log is there and grows only while a transaction is being written."""
    log = home / "warehouse.duckdb.wal"
    try:
        return log.stat().st_size > 0
    except FileNotFoundError:
        return False
