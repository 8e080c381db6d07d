"""`biopose query`: named queries or SQL on the warehouse."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import json
import math
import os
import stat
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from biopose.cli.given_options import refuse_unused
from biopose.io.files import OWNER_ALONE
from flows.cli.home_option import refuse_inside_home, with_home, with_teams

if TYPE_CHECKING:
    import polars as pl

    from tasks.settings import Settings
    from warehouse.limits import Limits
    from warehouse.team_rows import Teams

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
@click.option(
    "--time-limit-s", default=60.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Stop after that."
)
@click.option(
    "--memory-limit-gb",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Stop where it would take more memory, the result included.",
)
@with_teams
@with_home
def query(
    name: str | None,
    params: tuple[str, ...],
    sql: str | None,
    list_: bool,
    format_: str,
    out: Path | None,
    time_limit_s: float,
    memory_limit_gb: float,
    teams: tuple[str, ...],
    home: Path | None,
) -> None:
    """Query the warehouse, by the name of a query or in SQL; it is read-only.

    Queries read the last snapshot, which an ingest renews as it goes; they never wait for it. Your own queries appear
    beside ours: files of SQL in HOME/queries, or in the folder that BIOPOSE_QUERIES names.

    Who can read the home's files owns all teams' data, so without --team all teams are read. With it, SQL names no
    table of another team, and `norms` are of the other teams alone, in groups of five athletes or more.

    \b
    Examples:
      biopose query --list
      biopose query trials_of_session --param session=blue/2026-11-25-jumps
      biopose query change_over_time --param athlete=blue/ann --param metric=knee_flexion_peak --out change.txt
      biopose query --sql "SELECT activity, count(*) AS trials FROM trial GROUP BY activity"
      biopose query athletes --team blue
    """
    from tasks.settings import Settings
    from warehouse.limits import Limits

    settings = Settings.load(home)
    if list_:
        refuse_unused(
            "with --list", "name", "params", "sql", "format_", "out", "time_limit_s", "memory_limit_gb", "teams"
        )
        click.echo("\n".join(_listed(settings)))
        return
    if (name is None) == (sql is None):
        raise click.UsageError("give the name of a query, or --sql, or --list")
    if sql is not None and params:
        raise click.UsageError("--param belongs to a named query; with --sql write the values there")
    if format_ == "parquet" and out is None:
        raise click.UsageError("--format parquet needs --out")
    if out is not None:
        refuse_inside_home(out, settings.home)
    limits = Limits(time_s=time_limit_s, memory_gb=memory_limit_gb)
    result = _result(settings, name, _pairs(params), sql, teams or None, limits)
    _record(settings, name, _pairs(params), result, teams or None, is_export=out is not None)
    if result.is_empty():
        click.echo(_no_row(settings, name, params), err=True)
    _write(result, format_, out)


def _no_row(settings: Settings, name: str | None, params: tuple[str, ...]) -> str:
    """That the answer has no row, and why, as far as the query's file says it."""
    from warehouse.query import known_query

    empty = f"{name}: no row with {', '.join(params)}" if params else "the answer has no row"
    why = known_query(name, settings.queries).no_rows if name is not None else ""
    return f"{empty}: {why}" if why else empty


def _result(
    settings: Settings, name: str | None, given: dict[str, str], sql: str | None, teams: Teams, limits: Limits
) -> pl.DataFrame:
    """The answer; ^C and a limit end the process at once, even where the database does not heed them."""
    from warehouse.errors import WarehouseError
    from warehouse.limits import still_running
    from warehouse.query import run_query, run_sql

    try:
        if sql is not None:
            return run_sql(settings.snapshot, sql, teams=teams, limits=limits)
        return run_query(settings.snapshot, str(name), given, own=settings.queries, teams=teams, limits=limits)
    except (WarehouseError, KeyboardInterrupt) as error:
        message = "" if isinstance(error, KeyboardInterrupt) else str(error)
        if still_running():
            print(f"Error: {message}" if message else "Aborted!", file=sys.stderr, flush=True)
            os._exit(1)  # the interpreter would wait for the database's threads
        if message:
            raise click.ClickException(message) from error
        raise


def _record(
    settings: Settings, name: str | None, given: dict[str, str], result: pl.DataFrame, teams: Teams, *, is_export: bool
) -> None:
    """In the audit log, whom the answer is about; SQL itself may hold names, and stays out."""
    from tasks.answered_people import people_in
    from tasks.audit import AuditLog
    from tasks.user_name import user_name

    what = "SQL" if name is None else f"query {name}"
    people = people_in(result, given, teams=teams)
    AuditLog(settings.home).append(user_name(), "export" if is_export else "query", what, people)


def _pairs(params: tuple[str, ...]) -> dict[str, str]:
    from biopose.io.trajectories import duplicates

    pairs = [param.partition("=") for param in params]
    if wrong := [param for param, (_, equals, _) in zip(params, pairs, strict=True) if not equals]:
        raise click.UsageError(f"--param {wrong[0]}: expected NAME=VALUE")
    if twice := duplicates(name for name, _, _ in pairs):
        raise click.UsageError(f"--param {twice[0]} is given more than once; give one value")
    return {name: value for name, _, value in pairs}


def _listed(settings: Settings) -> list[str]:
    from warehouse.errors import WarehouseError
    from warehouse.named_query import named_queries

    try:
        queries = named_queries(settings.queries)
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    lines = []
    for named in queries.values():
        lines.append(f"{named.name}\n    {named.description}")
        lines += [f"    A row is {named.grain}"] if named.grain else []
        lines += [f"    {named.note}"] if named.note else []
        for parameter in named.parameters:
            default = "" if parameter.default is None else f"; else {parameter.default}"
            lines.append(f"    --param {parameter.name}=...  {parameter.meaning}{default}")
        lines += [f"    Example: biopose query {named.name} {named.example}"] if named.example else []
    return lines


def _write(result: pl.DataFrame, format_: str, out: Path | None) -> None:
    text = "" if format_ == "parquet" else _text(result, format_)
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    with _opened_for_owner(out) as file:
        if format_ == "parquet":
            result.write_parquet(file)
        else:
            file.write((text if text.endswith("\n") else text + "\n").encode("utf-8"))


def _opened_for_owner(out: Path) -> BinaryIO:
    """A file that nobody else can read, as in a home: it holds people's data; a device or pipe is opened as it is."""
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ALONE)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        try:
            os.fchmod(descriptor, OWNER_ALONE)  # it may have been there, open to others
        except PermissionError:  # somebody else's, or on a file system without permissions, such as a USB stick's
            click.echo(f"Note: {out}: its permissions cannot be changed, so others may be able to read it.", err=True)
    return os.fdopen(descriptor, "wb")


def _text(result: pl.DataFrame, format_: str) -> str:
    if format_ == "csv":
        from warehouse.csv import csv_text
        from warehouse.errors import QueryError

        try:
            return csv_text(result)
        except QueryError as error:
            raise click.ClickException(str(error)) from error
    if format_ == "json":
        return json.dumps(_plain(result.to_dicts()))
    return _table(result)


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
