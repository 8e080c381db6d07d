"""`biopose query`: questions to the warehouse."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.cli.home_option import with_home

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("table", "csv", "json", "parquet")


@click.command()
@click.argument("name", required=False)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the named query.")
@click.option("--sql", help="A SELECT of your own; it can read the warehouse and nothing else.")
@click.option("--list", "list_", is_flag=True, help="Say which named queries there are and what they take.")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True, help="Of the answer."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer there.")
@with_home
def query(
    name: str | None,
    params: tuple[str, ...],
    sql: str | None,
    list_: bool,
    format_: str,
    out: Path | None,
    home: Path | None,
) -> None:
    """Ask the warehouse, by the name of a query or in SQL; nothing can be changed.

    The answer is of the last snapshot, which an ingestion renews as it goes; asking never waits for it.

    \b
    Examples:
      biopose query --list
      biopose query trials_of_session --param session=blue/2026-11-25-jumps
      biopose query athlete_trend --param athlete=blue/ann --param metric=knee_flexion_peak --format csv --out trend.csv
      biopose query --sql "SELECT activity, count(*) AS trials FROM trial GROUP BY activity"
    """
    from tasks.settings import Settings
    from warehouse.errors import WarehouseError
    from warehouse.query import ask, ask_sql

    if list_:
        click.echo("\n".join(_listed()))
        return
    if (name is None) == (sql is None):
        raise click.UsageError("give the name of a query, or --sql, or --list")
    if sql is not None and params:
        raise click.UsageError("--param belongs to a named query; with --sql write the values there")
    if format_ == "parquet" and out is None:
        raise click.UsageError("--format parquet needs --out")
    snapshot = Settings.load(home).snapshot
    try:
        answer = ask_sql(snapshot, sql) if sql is not None else ask(snapshot, str(name), _pairs(params))
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    _show(answer, format_, out)


def _pairs(params: tuple[str, ...]) -> dict[str, str]:
    pairs = [param.partition("=") for param in params]
    if wrong := [param for param, (_, equals, _) in zip(params, pairs, strict=True) if not equals]:
        raise click.UsageError(f"--param {wrong[0]}: expected NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _listed() -> list[str]:
    from warehouse.query import named_queries

    lines = []
    for named in named_queries().values():
        lines.append(f"{named.name}\n    {named.question}")
        for parameter in named.parameters:
            default = "" if parameter.default is None else f"; else {parameter.default}"
            lines.append(f"    --param {parameter.name}=...  {parameter.meaning}{default}")
    return lines


def _show(answer: pl.DataFrame, format_: str, out: Path | None) -> None:
    if format_ == "parquet":
        assert out is not None
        with out.open("wb") as file:  # so that a folder that is not there is named
            answer.write_parquet(file)
        return
    text = _text(answer, format_)
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        out.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


def _text(answer: pl.DataFrame, format_: str) -> str:
    if format_ == "csv":
        return _csv(answer)
    if format_ == "json":
        return json.dumps(_plain(answer.to_dicts()))
    return _table(answer)


def _csv(answer: pl.DataFrame) -> str:
    from polars.exceptions import ComputeError

    try:
        return answer.write_csv()
    except ComputeError as error:
        raise click.ClickException("a cell of CSV holds no list, struct or bytes; take --format json") from error


def _plain(value: Any) -> Any:
    """What JSON holds: a sum of integers is one, what is no number is null, a date is text."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _table(answer: pl.DataFrame) -> str:
    """Columns as wide as their cells, numbers to the right; null is empty."""
    columns = [[name, *map(_cell, answer[name].to_list())] for name in answer.columns]
    widths = [max(map(len, column)) for column in columns]
    is_number = [dtype.is_numeric() for dtype in answer.dtypes]
    lines = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, is_number, strict=True)
        ).rstrip()
        for row in zip(*columns, strict=True)
    ]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([*lines[:1], rule, *lines[1:]])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
