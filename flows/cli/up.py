"""`biopose up`: the servers, the worker and the schedule of the nightly ingestion, in one command."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from flows.cli.exposure_options import refuse_exposure, with_exposure
from flows.cli.home_option import with_home

if TYPE_CHECKING:
    from flows.serving.exposure import Exposure


def _time_zone(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """Refuse an unknown time zone."""
    try:
        if name:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise click.BadParameter(f"{name!r} is no time zone; expected one such as Europe/Berlin or UTC") from error
    return name


def _cron(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    """Refuse a schedule of other than five fields; Prefect checks the rest."""
    if text is not None and len(text.split()) != 5:
        raise click.BadParameter(
            f"{text!r} has {len(text.split())} fields; expected minute, hour, day, month, weekday, such as '0 4 * * *'"
        )
    return text


PORT = click.IntRange(1, 65535)


@click.command()
@click.option(
    "--inbox", type=click.Path(file_okay=False, path_type=Path), help="Where sessions arrive (BIOPOSE_INBOX)."
)
@with_home
@click.option("--cron", callback=_cron, help="When the nightly ingest starts; else as in prefect.yaml.")
@click.option("--timezone", callback=_time_zone, help="Of --cron; else as in prefect.yaml.")
@click.option("--prefect-port", type=PORT, help="Of the Prefect server (BIOPOSE_PREFECT_PORT, 4200).")
@click.option("--mlflow-port", type=PORT, help="Of the MLflow server (BIOPOSE_MLFLOW_PORT, 5000).")
@click.option("--pages-port", type=PORT, help="Of the pages (BIOPOSE_PAGES_PORT, 4300).")
@with_exposure
def up(
    inbox: Path | None,
    home: Path | None,
    cron: str | None,
    timezone: str | None,
    prefect_port: int | None,
    mlflow_port: int | None,
    pages_port: int | None,
    exposure: Exposure,
) -> None:
    """Serve the nightly ingestion until ^C.

    Starts a Prefect server and a worker with the schedule of prefect.yaml, an MLflow server, and the pages of `serve`.
    One that dies is restarted; ^C stops all. Their state is kept in home, their logs in its folder logs. Open the
    address that is printed: the page About links to Prefect and MLflow, whose login the file prefect/login of home
    holds.

    All are for this machine alone (127.0.0.1). With --host other machines reach the pages, as `serve` describes; that
    needs users (`biopose user add`). Prefect and MLflow stay on 127.0.0.1: ssh -L 4200:127.0.0.1:4200 THIS-MACHINE.
    Where BIOPOSE_MLFLOW_TRACKING_URI is the address of an MLflow server (http, https), that is used and none started.

    The schedule is in local time. Where clocks change, an hour is missing on one day and another happens twice; a
    schedule that falls into it is reported with the addresses. 04:00 exists once on every day in every time zone.

    \b
    Examples:
      biopose up --inbox /data/inbox --home /data/biopose
      biopose up --cron "30 5 * * *" --timezone Europe/Berlin --prefect-port 4201
      biopose up --home /data/biopose --host 10.0.0.7 --public-name biopose.club.example
    """
    from flows.serving.supervisor import serve
    from tasks.settings import Settings

    settings = Settings.load(
        home, inbox=inbox, prefect_port=prefect_port, mlflow_port=mlflow_port, pages_port=pages_port
    )
    refuse_exposure(exposure, settings)
    serve(settings, exposure=exposure, cron=cron, timezone=timezone, echo=click.echo)
