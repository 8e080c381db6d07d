"""`biopose export`: a trial's files in the formats of other programs."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from biopose.cli.command_line import as_json, show
from biopose.cli.given_options import refuse_unused
from flows.cli.home_option import refuse_inside_home, with_home, with_teams

if TYPE_CHECKING:
    from biopose.io.up_axis import UpAxis


@click.command()
@click.argument("trial")
@click.option(
    "--format",
    "formats",
    default="trc,mot,osim",
    show_default=True,
    help="Of trc, mot, osim, c3d, glb, bvh, parquet, csv, xlsx and, of trials with force plates, forces; with commas "
    "between.",
)
@click.option("--units", type=click.Choice(["m", "mm"]), default="m", show_default=True, help="Of length in a .c3d.")
@click.option(
    "--up", type=click.Choice(["y", "z"]), default="y", show_default=True, help="The vertical axis of a .c3d."
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the files.")
@with_teams
@with_home
@as_json
def export(
    trial: str,
    formats: str,
    units: Literal["m", "mm"],
    up: UpAxis,
    out: Path,
    teams: tuple[str, ...],
    home: Path | None,
    json_: bool,
) -> None:
    """Export the current run of TRIAL, named team/session/trial.

    A .glb holds the body and the skeleton, animated, for 3D viewers: metres, y up. A .bvh holds the skeleton for
    animation programs: centimetres, y up. A .c3d has the events, too. An .xlsx has the sheets metrics, events and
    kinematics.

    A model of your own, with muscles, say, is solved from the virtual markers by `biopose ik --markers jump1/jump1.trc
    --model mine.osim --out mine.mot`; it needs markers of these names, which the exported .osim has on its segments.

    \b
    Examples:
      biopose export blue/2026-11-25-jumps/jump1 --format trc,mot,osim,c3d --out jump1
      biopose export blue/2026-11-25-jumps/jump1 --format glb,bvh,xlsx --out jump1
      biopose export blue/2026-11-25-jumps/jump1 --format c3d --units mm --up z --out jump1
    """
    from tasks.audit import AuditLog, People
    from tasks.settings import Settings
    from tasks.user_name import user_name
    from warehouse.errors import WarehouseError
    from warehouse.query import folder_of_trial

    wanted = [name.strip() for name in formats.split(",")]
    if "c3d" not in wanted:
        refuse_unused("without --format c3d", "units", "up")
    settings = Settings.load(home)
    refuse_inside_home(out, settings.home)
    try:
        folder = settings.home / folder_of_trial(settings.snapshot, trial, teams=teams or None)
        AuditLog(settings.home).append(user_name(), "export", f"files {formats}", People(trials=(trial,)))
        from biopose.outputs.export import C3DOptions, export_trial  # takes long to load: after what is quickly refused

        options = C3DOptions(units=units, up=up)
        files = export_trial(folder, out, wanted, name=trial.rpartition("/")[2], c3d=options)
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    show({"files": [str(file) for file in files]}, json_=json_, lines=lambda: [str(file) for file in files])
