"""`--home`, which every orchestrated command takes, and the refusal to write among its files."""

from pathlib import Path

import click

with_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that holds all state; else BIOPOSE_HOME, else ./biopose-home.",
)


def refuse_inside_home(out: Path, home: Path) -> None:
    """Raise a usage error where `out` lies in the home, whatever links lead there, or is a file of it by another name.

    Args:
        out: what is to be written.
        home: whose files are BioPose's own.
    """
    inside = out.resolve().is_relative_to(home.resolve())
    files = home.iterdir() if out.is_file() and home.is_dir() else iter(())
    if inside or any(file.is_file() and out.samefile(file) for file in files):
        raise click.UsageError(f"--out {out} is in the home {home}, whose files are BioPose's own; write elsewhere")
