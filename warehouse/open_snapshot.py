"""A snapshot that is kept open for many short answers: what a server of pages holds.

Opening a snapshot takes longer than most answers, and so does finding the rows of some teams: both are done once for
each publication. A new one is opened once nobody reads the old one, so that never two take memory; answers that are
asked for meanwhile wait for that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb

from warehouse.connection import named_damage
from warehouse.limits import Limits, within_limits
from warehouse.team_rows import WHOLE, Teams, opened_for_all_teams, read_as, restricted

LONGEST_WAIT_S = 5.0  # for the answers that still read the old snapshot; then it is read once more
MOST_AT_ONCE = 4  # each uses every core; more would all be slower, and take more memory

T = TypeVar("T")


@dataclass(frozen=True)
class Version:
    """Of a snapshot: each publication is another.

    Attributes:
        inode: of the file.
        published_ns: Unix time.
    """

    inode: int
    published_ns: int

    @property
    def published(self) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self.published_ns / 1e9, UTC)


def newest_version(snapshot: Path) -> Version | None:
    """Of the file that has the name now; None where there is none."""
    if not snapshot.is_file():
        return None
    found = snapshot.stat()
    return Version(found.st_ino, found.st_mtime_ns)


class OpenSnapshot:
    """The newest snapshot of a home.

    Args:
        file: the snapshot.
        limits: of each answer.
    """

    def __init__(self, file: Path, limits: Limits) -> None:
        self._file, self._limits = file, limits
        self._opened = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._version: Version | None = None
        self._catalogs: dict[tuple[str, ...], str] = {}
        self._kept: dict[Teams, dict[Hashable, Any]] = {}
        self._readers = 0
        self._changed = threading.Condition()
        self._turns = threading.BoundedSemaphore(MOST_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; no answer is under way."""
        self._close()

    def answer(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, teams: Teams = None) -> tuple[T, Version]:
        """What `work` reads, and the version that it read: an older one than `newest` while others still read that.

        Args:
            work: reads a connection.
            teams: whose rows it reads; None: every row.

        Raises:
            WarehouseError: there is no snapshot, or it is damaged; what `work` raises.
            QueryLimitError: it took too long or too much memory.
        """
        versions: list[Version] = []

        def timed(connection: duckdb.DuckDBPyConnection) -> T:
            assert self._version is not None
            versions.append(self._version)
            with named_damage(self._file):
                return work(connection)

        with self._turns:
            return within_limits(self._reading(teams), timed, self._limits), versions[0]

    def kept(self, teams: Teams) -> dict[Hashable, Any]:
        """What answers from the rows of teams leave for those after them: a new version has none.

        It is asked for while an answer is read, as the version stays the same then.
        """
        return self._kept.setdefault(teams, {})

    def close(self) -> None:
        """Close it; an answer opens it again."""
        with self._changed:
            self._close()

    def newest(self) -> Version | None:
        """Of the file that has the name now; None where there is none."""
        return newest_version(self._file)

    @contextmanager
    def _reading(self, teams: Teams) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._changed:
            if self._connection is None or self._version != self.newest():
                self._changed.wait_for(lambda: not self._readers, LONGEST_WAIT_S)
                self._reopen()
            assert self._connection is not None
            cursor = self._connection.cursor()
            self._readers += 1
        try:
            read_as(cursor, self._catalog(teams))
            yield cursor
        finally:
            cursor.close()
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def _catalog(self, teams: Teams) -> str:
        """Where the rows of teams are; made with the first answer of a version that reads them."""
        if teams is None:
            return WHOLE
        with self._changed:
            if teams not in self._catalogs:
                assert self._connection is not None
                with named_damage(self._file), closing(self._connection.cursor()) as cursor:
                    self._catalogs[teams] = restricted(cursor, teams)
            return self._catalogs[teams]

    def _reopen(self) -> None:
        """Open the newest, unless somebody reads the old one still, or another thread has done so meanwhile."""
        newest = self.newest()
        if self._connection is not None and (self._readers or self._version == newest):
            return
        self._close()
        self._connection = self._opened.enter_context(
            opened_for_all_teams(self._file, memory_gb=self._limits.memory_gb)
        )
        self._version = newest

    def _close(self) -> None:
        self._connection = self._version = None
        self._catalogs, self._kept = {}, {}
        self._opened.close()
