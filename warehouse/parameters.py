"""Parameters of named queries, and the check of their values: an unknown name is an error, never an empty table.

What is expected stands at the beginning of a parameter's meaning:

    one of TABLE.COLUMN        a value that the column holds
    column of TABLE            a numeric column of the table
    measured column of TABLE   likewise, with its standard deviation in a column beside it
    date                       a day such as 2026-11-25
    number, whole number       perhaps with a least value: whole number, 5 or more
"""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass

import duckdb

from warehouse.errors import QueryError
from warehouse.nearest import suggestion

VALUE = re.compile(r"one of (\w+)\.(\w+)")
COLUMN = re.compile(r"(measured )?column of (\w+)")
NUMBER = re.compile(r"(whole )?number(?:, (-?[\d.]+) or more)?\b")
NUMERIC = ("FLOAT", "DOUBLE")
UNIT = re.compile(r"_(deg|m)$")
CANDIDATES = 500  # difflib compares these; DuckDB finds them among however many


@dataclass(frozen=True)
class Parameter:
    """A parameter of a named query.

    Attributes:
        name: without the $.
        meaning: what is expected.
        default: None where it is required.
    """

    name: str
    meaning: str
    default: str | None


def check_value(connection: duckdb.DuckDBPyConnection, parameter: Parameter, value: str) -> None:
    """Raise where a value is not what its parameter expects; a default is always right.

    Raises:
        QueryError: naming the parameter, the value and the nearest names or what is expected.
    """
    if value == parameter.default:
        return
    if found := VALUE.match(parameter.meaning):
        _check_known(connection, parameter, value, table=found[1], column=found[2])
    elif found := COLUMN.match(parameter.meaning):
        _check_column(connection, parameter, value, table=found[2], measured=bool(found[1]))
    elif found := NUMBER.match(parameter.meaning):
        _check_number(parameter, value, whole=bool(found[1]), least=float(found[2] or -math.inf))
    elif re.match(r"date\b", parameter.meaning):
        _check_date(parameter, value)


def check_trial(connection: duckdb.DuckDBPyConnection, trial_id: str) -> None:
    """Raise a QueryError with the nearest trials where there is no such trial."""
    _check_known(connection, Parameter("trial", "", None), trial_id, table="trial", column="trial_id")


def _check_known(
    connection: duckdb.DuckDBPyConnection, parameter: Parameter, value: str, *, table: str, column: str
) -> None:
    # the names are of a query's file, and DuckDB knows no parameters in their place
    known = connection.execute(f"SELECT 1 FROM {table} WHERE {column} = $1 LIMIT 1", [value]).fetchall()  # noqa: S608
    if known:
        return
    names = connection.execute(
        f"SELECT name FROM (SELECT DISTINCT {column}::VARCHAR AS name FROM {table}) "  # noqa: S608
        f"ORDER BY ends_with(name, '/' || $1) DESC, jaro_winkler_similarity(name, $1) DESC, name LIMIT {CANDIDATES}",
        [value],
    ).fetchall()
    raise QueryError(
        f"{parameter.name}: the warehouse has no {parameter.name} {value!r}; "
        + suggestion(value, [name for (name,) in names if name is not None])
    )


def _check_column(
    connection: duckdb.DuckDBPyConnection, parameter: Parameter, value: str, *, table: str, measured: bool
) -> None:
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    numeric = [name for name, type_, *_ in described if type_ in NUMERIC]
    if measured:
        numeric = [name for name in numeric if (sd := UNIT.sub(r"_sd_\1", name)) != name and sd in numeric]
    if value not in numeric:
        beside = " with a standard deviation" if measured else ""
        raise QueryError(
            f"{parameter.name}: {table} has no column {value!r} of numbers{beside}; expected a {parameter.meaning}; "
            + suggestion(value, numeric)
        )


def _check_number(parameter: Parameter, value: str, *, whole: bool, least: float) -> None:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= least and (not whole or number == int(number))):
        raise QueryError(f"{parameter.name}: found {value!r}; expected a {parameter.meaning}")


def _check_date(parameter: Parameter, value: str) -> None:
    try:
        datetime.date.fromisoformat(value)
    except ValueError as error:
        raise QueryError(
            f"{parameter.name}: found {value!r}; expected a {parameter.meaning}; write it as 2026-11-25"
        ) from error
