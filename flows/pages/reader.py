"""What a page reads: answers of named queries on the snapshot that is open."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import polars as pl

from warehouse.errors import QueryError
from warehouse.parameters import choices
from warehouse.query import known_query, run_query_on
from warehouse.team_rows import Teams

MOST_CHOICES = 2_000
NAMES = "names"  # of what is kept: those that were found to be there
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Reader:
    """An open snapshot, for one page.

    Attributes:
        connection: to the snapshot.
        queries: a team's own folder of named queries, for the pages that offer them; all others read ours alone.
        teams: whose rows the connection has; None: all.
        kept: what pages that read the same rows share, as `OpenSnapshot.kept` has it.
    """

    connection: duckdb.DuckDBPyConnection
    queries: Path
    teams: Teams = None
    kept: dict[Hashable, Any] = field(default_factory=dict)

    def frame(self, name: str, given: Mapping[str, str] | None = None, *, own: Path | None = None) -> pl.DataFrame:
        """The answer of a named query, of ours unless a team's own folder is given.

        Raises:
            QueryError: there is no such query, or a parameter is not what it expects.
        """
        return run_query_on(self.connection, name, given or {}, own=own, known=self.kept.setdefault(NAMES, set()))

    def choices(self, name: str, parameter: str, *, own: Path | None = None) -> list[str]:
        """The values that a parameter of a named query can take, its default first; pages share them.

        Raises:
            QueryError: there is no such query, or its file names a table that the warehouse does not have.
        """
        query = known_query(name, own)
        found = {one.name: one for one in query.parameters}[parameter]
        try:
            return self._shared(found, lambda: choices(self.connection, found, most=MOST_CHOICES))
        except duckdb.Error as error:
            raise QueryError(f"{query.file}: {' '.join(str(error).split())}") from error

    def rows(self, name: str, **given: str) -> list[Row]:
        """Likewise, a dictionary a row."""
        return self.frame(name, given).to_dicts()

    def shared_rows(self, name: str, **given: str) -> list[Row]:
        """Likewise, of a question that many pages ask, such as about a whole team: asked once for each snapshot."""
        return self._shared((name, tuple(sorted(given.items()))), lambda: self.rows(name, **given))

    def _shared(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self.kept:
            self.kept[key] = make()
        found: T = self.kept[key]
        return found
