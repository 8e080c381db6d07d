"""Queries of a snapshot: named ones, whose parameters are bound and never pasted into SQL, and a user's own SQL.

A named query is a file; its first comment lines are a description and its parameters, a line each:

    -- One metric of one athlete, month by month.
    -- athlete: team/athlete
    -- since: first session date = 1900-01-01        what follows the = is the default
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from warehouse.connection import opened_for_reading
from warehouse.errors import QueryError

FOLDER = Path(__file__).parent / "queries"
PARAMETER = re.compile(r"^(\w+): (.*?)(?: = (.*))?$")
COLUMN = re.compile(r"column of (\w+)")
NUMERIC = ("FLOAT", "DOUBLE")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a named query.

    Attributes:
        name: without the $.
        meaning: description.
        default: None where it is required.
    """

    name: str
    meaning: str
    default: str | None


@dataclass(frozen=True)
class NamedQuery:
    """A query with a name."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str


def named_queries() -> dict[str, NamedQuery]:
    """All named queries, by name."""
    return {file.stem: _read(file) for file in sorted(FOLDER.glob("*.sql"))}


def run_query(snapshot: Path, name: str, given: Mapping[str, str]) -> pl.DataFrame:
    """Run a named query.

    Args:
        snapshot: the readers' database.
        name: of the query.
        given: parameters by name; they are bound as values, whatever they contain.

    Raises:
        NoWarehouseError: there is no snapshot yet.
        QueryError: there is no such query, or a parameter is missing, unknown or of the wrong kind.
    """
    queries = named_queries()
    if name not in queries:
        raise QueryError(f"{name}: no such query; there are {', '.join(queries)}")
    query = queries[name]
    known = {parameter.name for parameter in query.parameters}
    values = {p.name: p.default for p in query.parameters if p.default is not None} | dict(given)
    if unknown := sorted(set(given) - known):
        raise QueryError(f"{name}: has no parameter {', '.join(unknown)}; {_usage(query)}")
    if missing := sorted(known - set(values)):
        raise QueryError(f"{name}: {', '.join(missing)} is missing; {_usage(query)}")
    with opened_for_reading(snapshot) as connection:
        for parameter in query.parameters:
            _check_column(connection, parameter, values[parameter.name])
        return _run(connection, query.sql, values)


def run_sql(snapshot: Path, sql: str) -> pl.DataFrame:
    """Run a user's own SQL, which can read the warehouse and nothing else.

    Raises:
        NoWarehouseError: there is no snapshot yet.
        QueryError: the SQL is invalid, or does more than read.
    """
    with opened_for_reading(snapshot) as connection:
        return _run(connection, sql, {})


def folder_of_trial(snapshot: Path, trial_id: str) -> str:
    """Folder of the files of a trial's current run, relative to home.

    Raises:
        NoWarehouseError: there is no snapshot yet.
        QueryError: there is no such trial.
    """
    with opened_for_reading(snapshot) as connection:
        found = connection.execute(
            "SELECT artifacts FROM trial JOIN run ON run_number = current_run_number WHERE trial.trial_id = ?",
            [trial_id],
        ).fetchone()
    if found is None:
        raise QueryError(f"{trial_id}: no such trial; `biopose query trials` lists them")
    return str(found[0])


def _run(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, str]) -> pl.DataFrame:
    try:
        relation = connection.sql(sql, params=dict(values)) if values else connection.sql(sql)
        if relation is None:
            raise QueryError("this SQL returns no rows; a SELECT is needed")
        return relation.pl()
    except duckdb.Error as error:
        raise QueryError(" ".join(str(error).split())) from error
    except pl.exceptions.PolarsError as error:
        raise QueryError(
            "the result has a column of a type that cannot be shown, such as an interval; cast it to VARCHAR"
        ) from error


def _check_column(connection: duckdb.DuckDBPyConnection, parameter: Parameter, value: str) -> None:
    """A parameter whose meaning begins with `column of` a table must be one of its numeric columns."""
    found = COLUMN.match(parameter.meaning)
    if found is None:
        return
    described = connection.execute(f"DESCRIBE {found[1]}").fetchall()
    if value not in {name for name, type_, *_ in described if type_ in NUMERIC}:
        raise QueryError(
            f"{parameter.name}: {found[1]} has no column {value} of numbers; expected a {parameter.meaning}"
        )


def _usage(query: NamedQuery) -> str:
    listed = [p.name + ("" if p.default is None else f" (else {p.default})") for p in query.parameters]
    return f"it takes {', '.join(listed)}" if listed else "it takes none"


def _read(file: Path) -> NamedQuery:
    sql = file.read_text(encoding="utf-8")
    description, *others = [line[3:] for line in sql.splitlines() if line.startswith("-- ")]
    found = [PARAMETER.match(line) for line in others]
    return NamedQuery(file.stem, description, tuple(Parameter(*m.groups()) for m in found if m), sql)
