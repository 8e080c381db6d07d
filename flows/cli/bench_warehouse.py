"""`biopose bench warehouse`: loading, publishing and querying, as the table of frames grows."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.cli.command_line import FOLDER, as_json, show


@click.command("warehouse")
@click.option(
    "--rows",
    "sizes",
    multiple=True,
    default=(1_000_000, 3_000_000, 10_000_000),
    show_default=True,
    type=click.IntRange(6_000),
    help="Rows of kinematics in the database; once for each size.",
)
@click.option(
    "--archived",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Rows of kinematics in Parquet files, besides; 100000000 take 9 GB and a quarter of an hour on two cores.",
)
@click.option(
    "--folder", type=FOLDER, help="Where the scratch files go, 1.5 kB a row; else the system's temporary folder."
)
@as_json
def bench_warehouse(sizes: tuple[int, ...], archived: int, folder: Path | None, json_: bool) -> None:
    """The warehouse at several sizes.

    Synthetic trials fill one database, more for each size; at each size loading, publishing, deriving and every named
    query are timed and extrapolated to a billion rows. With --archived another home has that many frames as Parquet.
    The last lines compare the sizes: bytes and seconds to write and derive, peak memory, and the queries that take
    longer than they are meant to: 1 s in the database, 3 s over Parquet.

    \b
    Examples:
      biopose bench warehouse
      biopose bench warehouse --rows 100000 --rows 300000 --json
      biopose bench warehouse --rows 10000000 --archived 100000000 --folder /data/scratch
    """
    from flows.bench.warehouse import measure_warehouse, warehouse_lines

    result = measure_warehouse(sizes, folder, archived=archived)
    show({"warehouse": result}, json_=json_, lines=lambda: warehouse_lines(result))
