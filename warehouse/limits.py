"""Limits of a query: of time and memory, and ^C, which ends it within a second.

DuckDB heeds an interruption between two blocks of rows, and some functions take minutes for one block. So the query
runs in a thread of its own, and who waits for it never waits longer than a moment after it was interrupted. DuckDB's
own limit of memory leaves out what functions on lists and text allocate, and the result; so the process is watched.
"""

from __future__ import annotations

import atexit
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import duckdb
import psutil

from warehouse.connection import MEMORY_GB
from warehouse.errors import QueryLimitError

POLL_S = 0.05
GRACE_S = 0.5  # after an interruption
EXIT_GRACE_S = 10.0  # for queries that were stopped, before the interpreter exits
ROOM_GB = 0.5  # beyond the limit, for what DuckDB counts otherwise

STOPPED_AT_MEMORY = "stopped at {}, its limit of memory; narrow the query, or raise --memory-limit-gb"

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """Of one query.

    Attributes:
        time_s: after which it is stopped.
        memory_gb: that it may take, its result included.
    """

    time_s: float = 60.0
    memory_gb: float = MEMORY_GB


def within_limits(
    opened: AbstractContextManager[duckdb.DuckDBPyConnection],
    work: Callable[[duckdb.DuckDBPyConnection], T],
    limits: Limits,
) -> T:
    """The result of `work` on a connection that is opened for it and closed after it.

    Raises:
        QueryLimitError: it took too long or too much memory.
        KeyboardInterrupt: ^C.
    """
    query = _Query(opened, work)
    query.start()
    try:
        _wait(query, limits)
    except BaseException:
        query.stop()
        raise
    return query.result()


def memory_limit_error(connection: duckdb.DuckDBPyConnection) -> QueryLimitError:
    """Of a query that reached DuckDB's own limit of memory, whose message advises settings that are sealed here."""
    (limit,) = connection.execute("SELECT current_setting('memory_limit')").fetchall()[0]
    return QueryLimitError(STOPPED_AT_MEMORY.format(limit))


def still_running() -> bool:
    """Whether a query that was stopped has not ended yet: DuckDB did not heed the interruption."""
    return bool(_running())


def _running() -> list[_Query[Any]]:
    return [thread for thread in threading.enumerate() if isinstance(thread, _Query)]


@atexit.register
def _await_running() -> None:
    """An interpreter that exits while a thread is inside DuckDB is aborted: a query that was stopped ends before."""
    end_s = time.monotonic() + EXIT_GRACE_S
    for query in _running():
        query.interrupt_until(end_s)


def _wait(query: _Query[T], limits: Limits) -> None:
    process = psutil.Process()
    began_s, before = time.monotonic(), process.memory_info().rss
    while not query.done.wait(POLL_S):
        if time.monotonic() - began_s > limits.time_s:
            raise QueryLimitError(
                f"stopped after {limits.time_s:g} s, its limit of time; narrow the query, or raise --time-limit-s"
            )
        if process.memory_info().rss - before > (limits.memory_gb + ROOM_GB) * 1e9:
            raise QueryLimitError(STOPPED_AT_MEMORY.format(f"{limits.memory_gb:g} GB"))


class _Query(threading.Thread, Generic[T]):
    """A thread that opens a connection, works and closes it; daemonic, so that it keeps no process alive."""

    def __init__(
        self,
        opened: AbstractContextManager[duckdb.DuckDBPyConnection],
        work: Callable[[duckdb.DuckDBPyConnection], T],
    ) -> None:
        super().__init__(name="query", daemon=True)
        self._opened, self._work = opened, work
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._result: list[T] = []
        self._error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        """Work; what comes of it is kept for `result`."""
        try:
            with self._opened as connection:
                self._connection = connection
                try:
                    self._result.append(self._work(connection))
                finally:
                    self._connection = None
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()

    def stop(self) -> None:
        """Ask DuckDB to stop, and wait for a moment; if it has not ended then, it is asked on in the background."""
        self.interrupt_until(time.monotonic() + GRACE_S)
        if self.is_alive():
            threading.Thread(target=self.interrupt_until, args=(math.inf,), name="interruption", daemon=True).start()

    def interrupt_until(self, end_s: float) -> None:
        """Interrupt the query until it has ended: DuckDB forgets an interruption that comes before it has begun."""
        while self.is_alive() and time.monotonic() < end_s:
            if (connection := self._connection) is not None:
                with suppress(duckdb.Error):  # closed meanwhile
                    connection.interrupt()
            self.join(POLL_S)

    def result(self) -> T:
        """What the work returned; what it raised is raised."""
        self.join()  # an interpreter that exits while a thread frees DuckDB's objects is aborted
        if self._error is not None:
            raise self._error
        return self._result[0]
