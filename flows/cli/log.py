"""`biopose log`: the account of ingest runs, wherever they were started from."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from biopose.cli.command_line import as_json, show
from flows.cli.home_option import refuse_without_home, with_home

if TYPE_CHECKING:
    from tasks.ingest_log import LoggedRun
    from tasks.settings import Settings


@click.command()
@click.option(
    "--night", type=click.DateTime(["%Y-%m-%d"]), help="All runs that began on this day (UTC); by default the last run."
)
@with_home
@as_json
def log(night: datetime.datetime | None, home: Path | None, json_: bool) -> None:
    """Show what ingest runs did: by the schedule of `biopose up`, by `biopose ingest`, or by a Prefect server.

    Each has when and how it was started, how it ended or how far it is, and the lines that it printed.

    \b
    Examples:
      biopose log --home /data/biopose
      biopose log --night 2026-11-25
    """
    from tasks.ingest_log import logged_runs
    from tasks.settings import Settings

    settings = Settings.load(home)
    refuse_without_home(settings)
    day = None if night is None else night.date()
    runs = logged_runs(settings, night=day)
    if not runs:
        when = "" if day is None else f" that began on {day} (UTC)"
        raise click.ClickException(f"{settings.logs}: there is no ingest run{when}; `biopose ingest INBOX` begins one")
    shown = runs if day is not None else runs[-1:]
    show(
        {"runs": [{"state": run.state(settings), "records": list(run.records)} for run in shown]},
        json_=json_,
        lines=lambda: [line for run in shown for line in _lines(run, settings)],
    )


def _lines(run: LoggedRun, settings: Settings) -> list[str]:
    first = run.records[0]
    return [
        f"{run.began:%Y-%m-%d %H:%M:%S} UTC, by {first['started_by']}, inbox {first['inbox']}",
        f"  {run.state(settings)}",
        *run.lines,
    ]
