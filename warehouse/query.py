"""Queries of a snapshot: named ones, whose parameters are bound and never pasted into SQL, and a user's own SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from contextlib import nullcontext
from pathlib import Path

import duckdb
import polars as pl

from warehouse.connection import DAMAGE, named_damage
from warehouse.errors import QueryError, UnknownNameError, WarehouseError
from warehouse.limits import Limits, memory_limit_error, within_limits
from warehouse.named_query import NamedQuery, named_queries
from warehouse.nearest import nearest_names, suggestion
from warehouse.parameters import check_trial, check_value, is_name
from warehouse.team_rows import Teams, check_sql, opened_for_teams, reading_other_teams

DEFAULT_LIMITS = Limits()
EXPLAIN = duckdb.StatementType.EXPLAIN
WRITING = {
    getattr(duckdb.StatementType, name)
    for name in (
        *("COPY", "EXPORT", "COPY_DATABASE", "ATTACH", "PREPARE", "EXECUTE"),
        *("DELETE", "INSERT", "UPDATE", "MERGE_INTO", "ALTER"),  # refused by DuckDB, too: of a view, for being one
    )
}
WRITING_WORD = re.compile(r"\b(copy|export|attach|execute)\b", re.IGNORECASE)  # EXPLAIN ANALYZE does what it explains


def run_query(
    snapshot: Path,
    name: str,
    given: Mapping[str, str],
    *,
    own: Path | None = None,
    teams: Teams = None,
    limits: Limits = DEFAULT_LIMITS,
) -> pl.DataFrame:
    """Run a named query.

    Args:
        snapshot: the readers' database.
        name: of the query.
        given: parameters by name; they are bound as values, whatever they contain.
        own: a team's folder of queries.
        teams: whose rows are read; None: every row.
        limits: of time and memory.

    Raises:
        NoWarehouseError: there is no snapshot yet.
        QueryError: there is no such query or team, or a parameter is missing, unknown or not what it expects; a name
            that the warehouse does not have is named with the nearest ones.
        QueryLimitError: it took too long or too much memory.
    """
    query = known_query(name, own)
    values = _values(query, given)
    return answer(snapshot, lambda connection: _run_checked(connection, query, values, set()), limits, teams=teams)


def run_query_on(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    given: Mapping[str, str],
    *,
    own: Path | None = None,
    known: set[Hashable] | None = None,
) -> pl.DataFrame:
    """Run a named query on a snapshot that is open.

    Args:
        connection: reads the snapshot.
        name: of the query.
        given: parameters by name.
        own: a team's folder of queries.
        known: names that were found on the same snapshot and rows; they are not looked up again, and those that are
            found now are added.

    Raises:
        QueryError: as of `run_query`.
    """
    query = known_query(name, own)
    return _run_checked(connection, query, _values(query, given), set() if known is None else known)


def run_sql(snapshot: Path, sql: str, *, teams: Teams = None, limits: Limits = DEFAULT_LIMITS) -> pl.DataFrame:
    """Run a user's own SQL, which can read the warehouse, or the rows of some teams in it, and nothing else.

    Raises:
        NoWarehouseError: there is no snapshot yet.
        QueryError: the SQL is invalid, or does more than read.
        QueryLimitError: it took too long or too much memory.
    """
    return answer(snapshot, lambda connection: run_sql_on(connection, sql), limits, teams=teams)


def run_sql_on(connection: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    """Run a user's own SQL on a snapshot that is open.

    Raises:
        QueryError: as of `run_sql`.
    """
    return _run(connection, sql, {})


def folder_of_trial(snapshot: Path, trial_id: str, *, teams: Teams = None) -> str:
    """Folder of the files of a trial's current run, relative to home; of some teams alone, or of all.

    Raises:
        NoWarehouseError: there is no snapshot yet.
        QueryError: there is no such trial.
    """
    with opened_for_teams(snapshot, teams) as connection, named_damage(snapshot):
        check_trial(connection, trial_id)
        found = connection.execute("SELECT artifacts FROM trial WHERE trial_id = ?", [trial_id]).fetchall()
    return str(found[0][0])


def answer(
    snapshot: Path,
    work: Callable[[duckdb.DuckDBPyConnection], pl.DataFrame],
    limits: Limits,
    *,
    teams: Teams = None,
) -> pl.DataFrame:
    """What `work` reads of a snapshot, within limits; once more where another was published while it was opened.

    Args:
        snapshot: the readers' database.
        work: reads a connection.
        limits: of time and memory.
        teams: whose rows are read; None: every row.

    Raises:
        WarehouseError: there is no snapshot, or it is damaged; what `work` raises.
    """
    before = _identity(snapshot)
    try:
        with named_damage(snapshot):
            return within_limits(opened_for_teams(snapshot, teams, memory_gb=limits.memory_gb), work, limits)
    except WarehouseError as error:
        if isinstance(error, QueryError) or _identity(snapshot) == before:
            raise
    with named_damage(snapshot):
        return within_limits(opened_for_teams(snapshot, teams, memory_gb=limits.memory_gb), work, limits)


def _identity(snapshot: Path) -> int | None:
    """Of the file that has the name now; each publication is another."""
    return snapshot.stat().st_ino if snapshot.exists() else None


def known_query(name: str, own: Path | None = None) -> NamedQuery:
    """A named query.

    Raises:
        QueryError: there is no such query; the nearest names are in the message.
    """
    queries = named_queries(own)
    if name not in queries:
        raise UnknownNameError(
            f"{name}: there is no such query; {suggestion(name, queries)}; `biopose query --list` has all",
            kind="query",
            nearest=nearest_names(name, queries),
        )
    return queries[name]


def _values(query: NamedQuery, given: Mapping[str, str]) -> dict[str, str]:
    """Every parameter's value, or its default."""
    known = {parameter.name for parameter in query.parameters}
    values = query.defaults | dict(given)
    if unknown := sorted(set(given) - known):
        raise QueryError(f"{query.name}: has no parameter {', '.join(unknown)}; {_usage(query)}")
    if missing := sorted(known - set(values)):
        raise QueryError(f"{query.name}: {', '.join(missing)} is missing; {_usage(query)}")
    return values


def _run_checked(
    connection: duckdb.DuckDBPyConnection, query: NamedQuery, values: Mapping[str, str], known: set[Hashable]
) -> pl.DataFrame:
    """Its answer, after each value was checked."""
    with reading_other_teams(connection) if query.is_of_other_teams else nullcontext():
        try:
            for parameter in query.parameters:
                checked = (query.is_of_other_teams, parameter, values[parameter.name])
                if checked not in known:
                    check_value(connection, parameter, values[parameter.name])
                    known.update([checked] if is_name(parameter) else [])
        except duckdb.Error as error:  # of a table that a team's own file names
            raise QueryError(f"{query.file}: {_line(error)}") from error
        if query.is_ours:
            return _run(connection, query.sql, values, is_ours=True)
        return _run(connection, query.sql, values, where=f"{query.file}: ")


def _run(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    values: Mapping[str, str],
    *,
    is_ours: bool = False,
    where: str = "",
) -> pl.DataFrame:
    """The answer of SQL, which is checked before it runs unless it is ours: that reads its own catalog alone.

    Args:
        connection: reads the snapshot.
        sql: a SELECT.
        values: of its parameters.
        is_ours: whether it comes with BioPose.
        where: begins the message of an error in it.
    """
    try:
        if not is_ours:
            check_sql(connection, sql)
            _check_only_reads(connection, sql)
            relation = connection.sql(sql, params=dict(values)) if values else connection.sql(sql)
        else:
            return _planned_once(connection, sql, values)
        if relation is None:
            raise QueryError("this SQL returns no rows; a SELECT is needed")
        _check_no_table_as_column(connection, relation)
        return relation.pl()
    except duckdb.OutOfMemoryException as error:
        raise memory_limit_error(connection) from error
    except DAMAGE:
        raise
    except duckdb.Error as error:
        raise QueryError(where + _line(error)) from error
    except pl.exceptions.PolarsError as error:
        raise QueryError(
            "the result has a column of a type that cannot be shown, such as an interval; cast it to VARCHAR"
        ) from error


def _planned_once(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, str]) -> pl.DataFrame:
    """The answer of a SELECT of ours; a relation is planned when it is made and again when it is read."""
    table = connection.execute(sql, dict(values)).to_arrow_table()
    answered = pl.from_arrow(table)
    assert isinstance(answered, pl.DataFrame)
    return answered


def _check_only_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """A snapshot is read-only and sealed, but for the folder of the warehouse's own Parquet files."""
    for statement in connection.extract_statements(sql):
        if statement.type in WRITING or (statement.type == EXPLAIN and WRITING_WORD.search(statement.query)):
            raise QueryError("queries are read-only, and this SQL does more than read; a SELECT is needed")


def _check_no_table_as_column(connection: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation) -> None:
    """DuckDB takes a table's name in place of a column for its whole rows: `SELECT trial FROM trial`."""
    rows = {name: type_ for name, type_ in zip(relation.columns, relation.types, strict=True) if type_.id == "struct"}
    of_table = "SELECT column_name FROM information_schema.columns WHERE table_name = ? ORDER BY ordinal_position"
    for name, type_ in rows.items():
        columns = [column for column, _ in type_.children]
        if columns == [column for (column,) in connection.execute(of_table, [name]).fetchall()]:
            first = suggestion(f"{name}_id", columns)
            raise QueryError(f"{name} is a table, not a column; {first}; SELECT * has all: {', '.join(columns)}")


def _line(error: duckdb.Error) -> str:
    return " ".join(str(error).split())


def _usage(query: NamedQuery) -> str:
    listed = [p.name + ("" if p.default is None else f" (else {p.default})") for p in query.parameters]
    return f"it takes {', '.join(listed)}" if listed else "it takes none"
