"""`biopose export`: a trial's files in the formats of other programs."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.cli.command_line import as_json, show
from flows.cli.home_option import refuse_inside_home, with_home, with_teams


@click.command()
@click.argument("trial")
@click.option(
    "--format",
    "formats",
    default="trc,mot,osim",
    show_default=True,
    help="Of trc, mot, osim, c3d, glb, parquet, csv and, of trials with force plates, forces; with commas between.",
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the files.")
@with_teams
@with_home
@as_json
def export(trial: str, formats: str, out: Path, teams: tuple[str, ...], home: Path | None, json_: bool) -> None:
    """Export the current run of TRIAL, named team/session/trial.

    A .glb holds the body and the skeleton, animated, for 3D viewers: metres, y up.

    \b
    Examples:
      biopose export blue/2026-11-25-jumps/jump1 --format trc,mot,osim,c3d --out jump1
      biopose export blue/2026-11-25-jumps/jump1 --format glb --out jump1
    """
    from biopose.outputs.export import export_trial
    from tasks.audit import AuditLog, People
    from tasks.settings import Settings
    from tasks.user_name import user_name
    from warehouse.errors import WarehouseError
    from warehouse.query import folder_of_trial

    settings = Settings.load(home)
    refuse_inside_home(out, settings.home)
    try:
        folder = settings.home / folder_of_trial(settings.snapshot, trial, teams=teams or None)
        AuditLog(settings.home).append(user_name(), "export", f"files {formats}", People(trials=(trial,)))
        files = export_trial(folder, out, [name.strip() for name in formats.split(",")], name=trial.rpartition("/")[2])
    except (WarehouseError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    show({"files": [str(file) for file in files]}, json_=json_, lines=lambda: [str(file) for file in files])
