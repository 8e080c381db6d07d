"""The library's commands. Heavy modules are imported by the command that needs them: --help answers at once."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import click

from biopose.cli.assets import assets
from biopose.cli.bench import bench
from biopose.cli.command_line import Commands
from biopose.cli.convert import convert
from biopose.cli.evaluate import evaluate
from biopose.cli.ik import ik
from biopose.cli.measure import measure
from biopose.cli.people import people
from biopose.cli.scale import scale


@click.group(cls=Commands)
@click.version_option(package_name="biopose")
def cli() -> None:
    """Joint kinematics that a biomechanist accepts, from video and from markers.

    \b
    The shell completes commands and options with this line in ~/.bashrc, or, with zsh_source, in ~/.zshrc:
      eval "$(_BIOPOSE_COMPLETE=bash_source biopose)"

    \b
    Example:
      biopose scale --markers static.trc --height-m 1.78 --mass-kg 72 --out scaled.osim
      biopose ik --markers jump.trc --model scaled.osim --out jump.mot
    """


for command in (assets, people, measure, scale, ik, convert, evaluate, bench):
    cli.add_command(command)
