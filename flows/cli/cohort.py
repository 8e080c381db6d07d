"""`biopose cohort`: bring up to date what is derived from all trials."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from contextlib import nullcontext, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path

import click

from biopose.cli.command_line import as_json, show
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import refuse_without_warehouse, with_home


@click.command()
@with_home
@as_json
def cohort(home: Path | None, json_: bool) -> None:
    """Compute the mean curves of sessions that changed, so that queries about cohorts are fast.

    Every ingest ends with it. It changes no answer: what is not computed yet, or no longer right, a query computes
    itself. From BIOPOSE_PARQUET_FROM_FRAMES frames on, by default a million, it also moves the frames of the database
    into Parquet files in HOME/kinematics, which queries read in place.

    \b
    Examples:
      biopose cohort
      biopose cohort --home /data/biopose --json
    """
    from flows.serving.ingest_server import ingest_server
    from tasks.settings import Settings

    settings = Settings.load(home)
    refuse_without_warehouse(settings)
    with as_one_line(), ingest_server(settings, partial(click.echo, err=True)) as wait_until_ready:
        from flows.cohort import cohort as flow

        wait_until_ready()
        with redirect_stdout(StringIO()) if json_ else nullcontext():
            account = flow(home=str(settings.home))
    line = f"mean curves of {account['sessions']} sessions computed, of {account['removed']} removed"
    show(account, json_=json_, lines=lambda: [line])
