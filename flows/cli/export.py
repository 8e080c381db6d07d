"""`biopose export`: a trial's files in the formats of other programs."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from biopose.cli.command_line import EXISTING, as_json, progress_bar, show, with_quiet
from biopose.cli.given_options import refuse_unused
from biopose.cli.ik import SOME_FRAMES_UNSOLVED
from biopose.io.files import written_whole
from flows.cli.home_option import refuse_inside_home, with_home, with_teams

if TYPE_CHECKING:
    from biopose.cli.marker_summaries import IKSummary
    from biopose.io.up_axis import UpAxis

OF_MODEL = ("mot", "osim")  # what a user's own model replaces


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
@click.option(
    "--model", type=EXISTING, help="Your own .osim, with muscles, say: its angles from the virtual markers as the .mot."
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the files.")
@with_teams
@with_home
@with_quiet
@as_json
def export(
    trial: str,
    formats: str,
    units: Literal["m", "mm"],
    up: UpAxis,
    model: Path | None,
    out: Path,
    teams: tuple[str, ...],
    home: Path | None,
    json_: bool,
) -> None:
    """Export the current run of TRIAL, named team/session/trial.

    A .glb holds the body and the skeleton, animated, for 3D viewers: metres, y up. A .bvh holds the skeleton for
    animation programs: centimetres, y up. A .c3d has the events, too. An .xlsx has the sheets metrics, events and
    kinematics.

    With --model the trial is solved again on a model of your own from its virtual markers, as `biopose ik` does: the
    .mot is of that model, and the .osim a copy of it. It needs markers of these names, scaled to the athlete; the .osim
    that is exported without --model has them on its segments. Where frames are not solved the exit code is 3.

    \b
    Examples:
      biopose export blue/2026-11-25-jumps/jump1 --format trc,mot,osim,c3d --out jump1
      biopose export blue/2026-11-25-jumps/jump1 --format glb,bvh,xlsx --out jump1
      biopose export blue/2026-11-25-jumps/jump1 --format c3d --units mm --up z --out jump1
      biopose export blue/2026-11-25-jumps/jump1 --format trc,mot,osim --model mine.osim --out jump1
    """
    from tasks.audit import AuditLog, People
    from tasks.settings import Settings
    from tasks.user_name import user_name
    from warehouse.errors import WarehouseError
    from warehouse.query import folder_of_trial

    wanted = [name.strip() for name in formats.split(",")]
    if "c3d" not in wanted:
        refuse_unused("without --format c3d", "units", "up")
    if model is not None and "mot" not in wanted:
        raise click.UsageError("--model has no effect without --format mot, which is solved on it")
    settings, name = Settings.load(home), trial.rpartition("/")[2]
    refuse_inside_home(out, settings.home)
    try:
        folder = settings.home / folder_of_trial(settings.snapshot, trial, teams=teams or None)
        AuditLog(settings.home).append(user_name(), "export", f"files {formats}", People(trials=(trial,)))
        from biopose.outputs.export import C3DOptions, export_trial  # takes long to load: after what is quickly refused

        options = C3DOptions(units=units, up=up)
        of_trial = [one for one in wanted if model is None or one not in OF_MODEL]
        files = export_trial(folder, out, of_trial, name=name, c3d=options) if of_trial else []
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    result: dict[str, Any] = {"files": [str(file) for file in files]}
    lines, is_complete = [str(file) for file in files], True
    if model is not None:
        solved = _solve_on(model, folder, out, name, json_=json_)
        copied = [str(_copy(model, out / f"{name}.osim"))] if "osim" in wanted else []
        result |= {"files": [*result["files"], solved.out, *copied], "solved": solved.as_dict()}
        lines, is_complete = [*lines, *solved.lines(), *copied], not solved.incomplete
    show(result, json_=json_, lines=lambda: lines)
    if not is_complete:
        raise click.exceptions.Exit(SOME_FRAMES_UNSOLVED)


def _solve_on(model: Path, folder: Path, out: Path, name: str, *, json_: bool) -> IKSummary:
    """The angles of a user's model from a trial's virtual markers, as OUT/NAME.mot, for its owner alone."""
    from biopose.cli.marker_files import solve_files
    from biopose.outputs.file_names import MARKERS

    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{name}.mot"
    with progress_bar(0, label="Solving", json_=json_) as bar, written_whole(target, owner_alone=True) as unfinished:
        solved = solve_files(
            folder / MARKERS,
            model,
            unfinished,
            weights=None,
            solver="biopose",
            limits="clamped",
            threads=1,
            progress=bar,
        )
    return replace(solved, out=str(target))


def _copy(model: Path, target: Path) -> Path:
    if not (target.exists() and target.samefile(model)):
        with written_whole(target, owner_alone=True) as partial:
            shutil.copyfile(model, partial)
    return target
