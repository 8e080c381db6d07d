"""`biopose query`: named queries or SQL on the warehouse."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.given_options import refuse_unused
from flows.cli.home_option import with_home

if TYPE_CHECKING:
    import polars as pl

LONGEST_CELL = 1_000_000  # characters: none is cut
FORMATS = ("table", "csv", "json", "parquet")


@click.command()
@click.argument("name", required=False)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the named query.")
@click.option("--sql", help="A SELECT of your own; it can read the warehouse and nothing else.")
@click.option("--list", "list_", is_flag=True, help="List the named queries and their parameters.")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True, help="Of the result."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the result there.")
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
    """Query the warehouse, by the name of a query or in SQL; it is read-only.

    Queries read the last snapshot, which an ingest renews as it goes; they never wait for it.

    \b
    Examples:
      biopose query --list
      biopose query trials_of_session --param session=blue/2026-11-25-jumps
      biopose query athlete_trend --param athlete=blue/ann --param metric=knee_flexion_peak --format csv --out trend.csv
      biopose query --sql "SELECT activity, count(*) AS trials FROM trial GROUP BY activity"
    """
    from tasks.settings import Settings
    from warehouse.errors import WarehouseError
    from warehouse.query import run_query, run_sql

    if list_:
        refuse_unused("with --list", "name", "params", "sql", "format_", "out")
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
        result = run_sql(snapshot, sql) if sql is not None else run_query(snapshot, str(name), _pairs(params))
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    if result.is_empty() and params:
        click.echo(f"{name}: no row has {', '.join(params)}", err=True)
    _write(result, format_, out)


def _pairs(params: tuple[str, ...]) -> dict[str, str]:
    from biopose.io.trajectories import duplicates

    pairs = [param.partition("=") for param in params]
    if wrong := [param for param, (_, equals, _) in zip(params, pairs, strict=True) if not equals]:
        raise click.UsageError(f"--param {wrong[0]}: expected NAME=VALUE")
    if twice := duplicates(name for name, _, _ in pairs):
        raise click.UsageError(f"--param {twice[0]} is given more than once; give one value")
    return {name: value for name, _, value in pairs}


def _listed() -> list[str]:
    from warehouse.query import named_queries

    lines = []
    for named in named_queries().values():
        lines.append(f"{named.name}\n    {named.description}")
        for parameter in named.parameters:
            default = "" if parameter.default is None else f"; else {parameter.default}"
            lines.append(f"    --param {parameter.name}=...  {parameter.meaning}{default}")
    return lines


def _write(result: pl.DataFrame, format_: str, out: Path | None) -> None:
    if format_ == "parquet":
        assert out is not None
        with out.open("wb") as file:  # so that a folder that is not there is named
            result.write_parquet(file)
        return
    text = _text(result, format_)
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        out.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


def _text(result: pl.DataFrame, format_: str) -> str:
    if format_ == "csv":
        return _csv(result)
    if format_ == "json":
        return json.dumps(_plain(result.to_dicts()))
    return _table(result)


def _csv(result: pl.DataFrame) -> str:
    from polars.exceptions import ComputeError

    try:
        return result.write_csv()
    except ComputeError as error:
        raise click.ClickException("a cell of CSV holds no list, struct or bytes; take --format json") from error


def _plain(value: Any) -> Any:
    """As JSON has it: an integral decimal is an integer, NaN is null, a date is a string."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _table(result: pl.DataFrame) -> str:
    """A Markdown table of all rows and columns; null is spelled, an empty text is empty."""
    import polars as pl

    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN",
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        tbl_cell_numeric_alignment="RIGHT",
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=LONGEST_CELL,
        fmt_table_cell_list_len=-1,
    ):
        return str(result)
