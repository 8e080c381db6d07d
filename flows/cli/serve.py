"""`biopose serve`: the pages of a home."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.exposure_options import refuse_exposure, with_exposure
from flows.cli.home_option import with_home

if TYPE_CHECKING:
    from flows.serving.exposure import Exposure


@click.command()
@with_home
@click.option("--port", type=click.IntRange(1, 65535), help="Of the pages (BIOPOSE_PAGES_PORT, 4300).")
@with_exposure
def serve(
    home: Path | None,
    port: int | None,
    exposure: Exposure,
) -> None:
    """Serve the pages of a home until ^C: last night, squad, athletes, trials, questions, models.

    They are read-only and read the snapshot that an ingest renews as it loads. A home without users answers this
    machine alone; from another, reach it through a tunnel: ssh -L 4300:127.0.0.1:4300 THIS-MACHINE.

    `biopose user add` gives people access. Everybody then signs in with a token, and sees the rows and files of their
    teams; on other addresses than loopback nothing is served before that. Sessions last twelve hours. Instead of
    tokens, a reverse proxy that knows the users can give their names in a header. `biopose audit` shows who saw whom.

    \b
    Examples:
      biopose serve --home /data/biopose
      biopose serve --host 10.0.0.7 --public-name biopose.club.example
      biopose serve --host 10.0.0.7 --proxy-header X-Remote-User --proxy-address 10.0.0.5
    """
    from flows.pages.server import serve_pages
    from tasks.settings import Settings

    settings = Settings.load(home, pages_port=port)
    refuse_exposure(exposure, settings)
    for note in exposure.notes:
        click.echo(note)
    serve_pages(settings, exposure=exposure, echo=click.echo)
