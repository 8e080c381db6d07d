"""`--home`, which every orchestrated command takes."""

from pathlib import Path

import click

with_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that holds all state; else BIOPOSE_HOME, else ./biopose-home.",
)
