"""`biopose quarantine`: the trials in quarantine, the reasons, and the commands to retry them."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from biopose.cli.command_line import as_json, show
from flows.cli.home_option import refuse_without_home, with_home


@click.command()
@with_home
@as_json
def quarantine(home: Path | None, json_: bool) -> None:
    """List the trials that could not be processed.

    A trial leaves quarantine when its video or manifest changes and it is measured, or with `biopose ingest --retry`.

    \b
    Example:
      biopose quarantine --home /data/biopose
    """
    from tasks.quarantine import Quarantine
    from tasks.settings import Settings

    settings = Settings.load(home)
    refuse_without_home(settings)
    records = list(Quarantine(settings.quarantine))
    show(
        {"quarantined": [asdict(record) for record in records]},
        json_=json_,
        lines=lambda: (
            [
                line
                for r in records
                for line in (f"{r.name}  {r.kind} in {r.stage}, since {r.since}", f"  {r.message}", f"  {r.retry}")
            ]
            or ["Nothing is in quarantine."]
        ),
    )
