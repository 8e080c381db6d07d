"""`biopose doctor`: what works on this machine and in a home, what is missing, and what to do."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import os
from pathlib import Path

import click

from biopose.cli.command_line import FOLDER, as_json
from biopose.cli.doctor import examine, report


@click.command()
@click.option(
    "--home",
    type=FOLDER,
    help="Examine this home, too: permissions, space, warehouse, files, leftovers; else BIOPOSE_HOME, once there.",
)
@as_json
def doctor(home: Path | None, json_: bool) -> None:
    """Report what works here, what is missing and how to get it.

    The exit code is 1 where something is broken that the installed groups, or the home's next night, need; a group
    that is not installed is listed with the command that installs it.

    \b
    Examples:
      biopose doctor
      biopose doctor --home /data/biopose
    """
    findings = examine()
    if home is None and (named := os.environ.get("BIOPOSE_HOME")) and Path(named).is_dir():
        home = Path(named)
    if home is not None:
        from tasks.home_health import examine_home
        from tasks.settings import Settings

        findings += examine_home(Settings.load(home))
    report(findings, json_=json_)
