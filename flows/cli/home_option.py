"""`--home`, which every orchestrated command takes, and the refusal to write among its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tasks.settings import Settings

with_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that holds all state; else BIOPOSE_HOME, else ./biopose-home.",
)

with_teams = click.option(
    "--team",
    "teams",
    multiple=True,
    metavar="TEAM",
    help="Read as this team, or as several: no row of another is read. Else as the home's owner, who reads all.",
)


def refuse_without_warehouse(settings: Settings) -> None:
    """Raise an error where the folder is no home in which something is stored; nothing is made there."""
    if not settings.warehouse.is_file():
        raise _no_home(settings)


def refuse_without_home(settings: Settings) -> None:
    """Raise an error where the folder does not exist, as after a misspelt --home; it may be empty yet."""
    if not settings.home.is_dir():
        raise _no_home(settings)


def _no_home(settings: Settings) -> click.ClickException:
    from warehouse.errors import no_home

    return click.ClickException(str(no_home(settings.home)))


def refuse_inside_home(out: Path, home: Path, *, option: str = "--out") -> None:
    """Raise a usage error where `out` lies in the home, whatever links lead there, or is a file of it by another name.

    Args:
        out: what is to be written.
        home: whose files are BioPose's own.
        option: that gives it.
    """
    inside = out.resolve().is_relative_to(home.resolve())
    files = home.iterdir() if out.is_file() and home.is_dir() else iter(())
    if inside or any(file.is_file() and out.samefile(file) for file in files):
        raise click.UsageError(f"{option} {out} is in the home {home}, whose files are BioPose's own; write elsewhere")
