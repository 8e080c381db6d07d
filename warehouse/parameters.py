"""Parameters of named queries, and the check of their values: an unknown name is an error, never an empty table.

What is expected stands at the beginning of a parameter's meaning:

    one of TABLE.COLUMN        a value that the column holds
    column of TABLE            a numeric column of the table
    measured column of TABLE   likewise, with its standard deviation in a column beside it
    date                       a day such as 2026-11-25
    number, whole number       perhaps with a least value, or both ends: whole number, 5 or more; number, 0 to 1
"""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass
from typing import Literal

import duckdb

from warehouse.errors import QueryError, UnknownNameError
from warehouse.nearest import nearest_names, suggestion

VALUE = re.compile(r"one of (\w+)\.(\w+)")
COLUMN = re.compile(r"(measured )?column of (\w+)")
NUMBER = re.compile(r"(whole )?number(?:, (-?[\d.]+) (?:or more|to (-?[\d.]+)))?\b")
LARGEST_WHOLE = 2**31 - 1  # that an INTEGER holds
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
        most = float(found[3] or (LARGEST_WHOLE if found[1] else math.inf))
        _check_number(parameter, value, whole=bool(found[1]), least=float(found[2] or -math.inf), most=most)
    elif re.match(r"date\b", parameter.meaning):
        _check_date(parameter, value)


def is_name(parameter: Parameter) -> bool:
    """Whether a parameter expects a name that the warehouse has, of a column or in one: there are only so many."""
    return any(kind.match(parameter.meaning) for kind in (VALUE, COLUMN))


@dataclass(frozen=True)
class Expectation:
    """What a parameter expects, for a form.

    Attributes:
        kind: choice, of what the warehouse has; number; date; or text.
        whole: of a number.
        least: of a number; None where there is none.
    """

    kind: Literal["choice", "number", "date", "text"]
    whole: bool = False
    least: float | None = None


def expectation(parameter: Parameter) -> Expectation:
    """What a parameter expects, by the beginning of its meaning."""
    if VALUE.match(parameter.meaning) or COLUMN.match(parameter.meaning):
        return Expectation("choice")
    if found := NUMBER.match(parameter.meaning):
        return Expectation("number", bool(found[1]), float(found[2]) if found[2] else None)
    return Expectation("date" if re.match(r"date\b", parameter.meaning) else "text")


def choices(connection: duckdb.DuckDBPyConnection, parameter: Parameter, *, most: int) -> list[str]:
    """The values that a parameter can take, its default first and at most `most` others; none where it is no choice."""
    default = [] if parameter.default is None else [parameter.default]
    if found := COLUMN.match(parameter.meaning):
        return default + _numeric_columns(connection, found[2], measured=bool(found[1]))
    if found := VALUE.match(parameter.meaning):
        names = connection.execute(
            f"SELECT DISTINCT {found[2]}::VARCHAR AS name FROM {found[1]} "  # noqa: S608 - of a query's file
            f"WHERE {found[2]} IS NOT NULL ORDER BY name LIMIT {most}"
        ).fetchall()
        return default + [name for (name,) in names]
    return []


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
    default = [] if parameter.default is None else [parameter.default]
    known_names = default + [name for (name,) in names if name is not None]
    raise UnknownNameError(
        f"{parameter.name}: the warehouse has no {parameter.name} {value!r}; {suggestion(value, known_names)}",
        kind=parameter.name,
        nearest=nearest_names(value, known_names),
    )


def _check_column(
    connection: duckdb.DuckDBPyConnection, parameter: Parameter, value: str, *, table: str, measured: bool
) -> None:
    numeric = _numeric_columns(connection, table, measured=measured)
    if value not in numeric:
        beside = " with a standard deviation" if measured else ""
        raise QueryError(
            f"{parameter.name}: {table} has no column {value!r} of numbers{beside}; expected a {parameter.meaning}; "
            + suggestion(value, numeric)
        )


def _numeric_columns(connection: duckdb.DuckDBPyConnection, table: str, *, measured: bool) -> list[str]:
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    numeric = [name for name, type_, *_ in described if type_ in NUMERIC]
    if not measured:
        return numeric
    return [name for name in numeric if (sd := UNIT.sub(r"_sd_\1", name)) != name and sd in numeric]


def _check_number(parameter: Parameter, value: str, *, whole: bool, least: float, most: float) -> None:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and least <= number <= most and (not whole or number == int(number))):
        raise QueryError(f"{parameter.name}: found {value!r}; expected a {parameter.meaning}")


def _check_date(parameter: Parameter, value: str) -> None:
    try:
        datetime.date.fromisoformat(value)
    except ValueError as error:
        raise QueryError(
            f"{parameter.name}: found {value!r}; expected a {parameter.meaning}; write it as 2026-11-25"
        ) from error
