"""Acts in processes that are killed at a statement, or after a time, on copies of a home."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

from warehouse import connection as warehouse_connection

KILLED = "killed"
DATABASES = (".db", ".duckdb")  # and their logs are written in place; every other file of a home is replaced as a whole
HARMLESS = ("SELECT", "FROM", "SET", "DESCRIBE", "PRAGMA")


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
    (shutil.copy2 if any(kind in Path(source).name for kind in DATABASES) else os.link)(source, target)


def in_a_process(work: Callable[[], Any], *, after_s: float | None = None) -> Any:
    """The result of `work` in a process forked for it; KILLED where it ended at a write, or after so many seconds."""
    reading, writing = os.pipe()
    if (process := os.fork()) == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(writing)
    killing = Timer(after_s or 0.0, partial(os.kill, process, signal.SIGKILL))
    if after_s is not None:
        killing.start()
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    killing.cancel()  # while the process is not waited for, its number is no other's
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
