"""`biopose serve`: the pages of a home."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from flows.cli.home_option import with_home

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@with_home
@click.option("--port", type=click.IntRange(1, 65535), help="Of the pages (BIOPOSE_PAGES_PORT, 4300).")
@click.option("--host", default=LOOPBACK[0], show_default=True, help="An address of this machine alone.")
def serve(home: Path | None, port: int | None, host: str) -> None:
    """Serve the pages of a home until ^C: last night, squad, athletes, trials, questions, models.

    They are read-only, read the snapshot that an ingest renews as it loads, and answer this machine alone. From another
    machine, reach them through a tunnel: ssh -L 4300:127.0.0.1:4300 THIS-MACHINE.

    \b
    Examples:
      biopose serve --home /data/biopose
      biopose serve --home demo-output/home --port 4301
    """
    if host not in LOOPBACK:
        raise click.UsageError(
            f"--host {host}: pages have no users and passwords yet, so they are served to this machine alone; "
            "leave --host out, and from elsewhere use ssh -L 4300:127.0.0.1:4300 THIS-MACHINE"
        )
    from flows.pages.server import serve_pages
    from tasks.settings import Settings

    serve_pages(Settings.load(home, pages_port=port), host=host, echo=click.echo)
