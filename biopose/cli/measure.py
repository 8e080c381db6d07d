"""`biopose measure`: from one video to a folder of results, or from several to a folder each."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.analysis.opensim_process import start_ahead
from biopose.cli.command_line import (
    EXISTING,
    Existing,
    Height,
    StageBars,
    as_json,
    is_quiet,
    show,
    with_method,
    with_quiet,
    with_threads,
)
from biopose.cli.freed_memory import share_heaps
from biopose.cli.given_options import refuse_unused
from biopose.errors import BioposeError
from biopose.io.loading import without_garbage_collection
from biopose.reconstruction.method_names import MethodName

if TYPE_CHECKING:
    from biopose.trial import Trial

SOME_FAILED = 3  # the exit code for "part of the input could not be processed, the rest is stored"


@click.command()
@click.argument("videos", nargs=-1, required=True, metavar="VIDEO...", type=Existing())
@click.option(
    "--height-m",
    "heights_m",
    multiple=True,
    type=Height(),
    help="The athlete's height, 0.5 to 2.6 m; with several --athlete once for each, in the same order; with --athlete "
    "all in the order of `biopose people`, the largest in the image first, the last applying to all further people. "
    "Where it is not given it is asked for on a terminal.",
)
@click.option(
    "--people",
    type=EXISTING,
    help="In place of --height-m, --mass-kg, --sex and --athlete, a .csv with a row a person: file, height_m and, "
    "where known, athlete, mass_kg, sex, activity.",
)
@click.option("--mass-kg", type=click.FloatRange(10, 300), help="The athlete's mass; everybody's with --athlete all.")
@click.option("--sex", type=click.Choice(["male", "female"]), help="The athlete's sex; everybody's with --athlete all.")
@click.option(
    "--athlete",
    "athletes",
    multiple=True,
    default=("largest",),
    show_default=True,
    help="Who is measured; once for each person: largest, central, a number that `biopose people` prints, a point "
    "x,y,seconds on the person (in pixels and real time, as `biopose people` shows it) or a box left,top,right,bottom "
    "around them. Or all.",
)
@click.option(
    "--activity",
    type=click.Choice(
        ["walk", "run", "sprint", "squat", "countermovement_jump", "drop_jump", "throw", "kick", "other"]
    ),
    default="other",
    show_default=True,
    help="Sets the low-pass filter's cut-off, and the events and metrics that are computed.",
)
@click.option("--focal-px", type=click.FloatRange(min=1.0), help="The camera's focal length, where it is known.")
@click.option(
    "--horizontal-fov-deg", type=click.FloatRange(1.0, 170.0), help="The camera's field of view, where it is known."
)
@click.option("--distortion", help="Lens distortion k1,k2,p1,p2,k3 in OpenCV's order.")
@click.option(
    "--recorded-hz",
    type=click.FloatRange(min=1.0),
    help="Frame rate at which slow motion was recorded; overrules what the file states.",
)
@click.option("--start-s", type=click.FloatRange(min=0.0), help="Begin at this second of the file.")
@click.option("--end-s", type=click.FloatRange(min=0.0), help="End at this second of the file.")
@click.option("--keep-readable", is_flag=True, help="Measure the readable beginning of a damaged file.")
@click.option(
    "--no-overlay",
    is_flag=True,
    help="Draw no overlay.mp4, which saves its time; the report then lists the worst frames without their images.",
)
@click.option(
    "--overlay-height",
    "overlay_height_px",
    type=click.IntRange(240, 2160),
    help="Height of overlay.mp4 in pixels; by default the video's, at most 720, so that the overlay is at most 1280 "
    "wide, but at least 480.",
)
@click.option(
    "--blur-bystanders",
    is_flag=True,
    help="Blur all but the measured people in overlay.mp4 and report.html; not who stands before or behind them.",
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@with_method
@with_threads
@with_quiet
@as_json
def measure(
    videos: tuple[Path, ...],
    heights_m: tuple[float, ...],
    people: Path | None,
    mass_kg: float | None,
    sex: str | None,
    athletes: tuple[str, ...],
    activity: str,
    focal_px: float | None,
    horizontal_fov_deg: float | None,
    distortion: str | None,
    recorded_hz: float | None,
    start_s: float | None,
    end_s: float | None,
    keep_readable: bool,
    no_overlay: bool,
    overlay_height_px: int | None,
    blur_bystanders: bool,
    out: Path,
    method: MethodName,
    threads: int,
    json_: bool,
) -> None:
    """From a video to joint angles, or from several videos, or a folder of them.

    Several files, or a folder, give a folder of results each, OUT/NAME, and a table; models are loaded once. The
    options apply to all, or --people has them of each file. What is wrong with one file stops no other: the exit code
    is then 3.

    With --athlete all, people are numbered by their size in the image, summed over the frames in which they are
    detected, the largest first, and take the heights in this order: `biopose people` shows it before. Or choose each
    person with --athlete, and give the heights in the same order. The result and overlay.mp4 show each person's number
    and height.

    Writes coordinates.mot, markers.trc, scaled.osim, trial.parquet, events and metrics (for several people, a folder
    each), metrics.csv, summary.json, overlay.mp4 and report.html.

    \b
    Examples:
      biopose measure jump.mp4 --height-m 1.78 --out jump
      biopose measure race.mov --height-m 1.83 --height-m 1.71 --athlete all --activity sprint --out race
      biopose measure race.mov --athlete 2 --height-m 1.83 --athlete 640,400,1.5 --height-m 1.71 --out race
      biopose measure slow.mp4 --height-m 1.65 --recorded-hz 240 --focal-px 1450 --out slow
      biopose measure jump.mp4 --height-m 1.78 --overlay-height 1080 --out jump
      biopose measure match.mp4 --height-m 1.78 --no-overlay --out match
      biopose measure monday --people people.csv --out measured
      biopose measure jump1.mp4 jump2.mp4 --height-m 1.78 --activity drop_jump --out jumps --quiet
    """
    if no_overlay and overlay_height_px is not None:
        raise click.UsageError("--overlay-height has no effect with --no-overlay; give one of them")
    if no_overlay and blur_bystanders:
        raise click.UsageError("--blur-bystanders has no effect with --no-overlay; give one of them")
    if people is not None:
        refuse_unused("with --people, which has it of each file", "heights_m", "mass_kg", "sex", "athletes")
    elif not heights_m:
        heights_m = (_asked_height_m(json_=json_),)
    # Before numpy is loaded: its small matrices gain nothing from threads, which keep both cores busy waiting. Nor do
    # the overlay's small images, where Mesa renders them in software.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("LP_NUM_THREADS", "0")
    atexit.register(gc.freeze)  # else the interpreter's end looks for garbage among all objects: half a second
    share_heaps()
    start_ahead(2 if athletes == ("all",) else min(len(athletes), 2))  # beside the loading of torch
    with without_garbage_collection():
        from biopose.cli.measure_file import check_request, measure_file, trial_of

    make_trial = partial(
        trial_of,
        heights_m=heights_m,
        mass_kg=mass_kg,
        sex=sex,
        choices=athletes,
        activity=activity,
        focal_px=focal_px,
        horizontal_fov_deg=horizontal_fov_deg,
        distortion=distortion,
        recorded_rate_hz=recorded_hz,
        start_s=start_s,
        end_s=end_s,
        keep_readable=keep_readable,
    )
    drawing: dict[str, Any] = {
        "overlay": not no_overlay,
        "overlay_height_px": overlay_height_px,
        "blur_bystanders": blur_bystanders,
    }
    bars = StageBars(json_=json_)
    if len(videos) > 1 or videos[0].is_dir() or people is not None:
        _measure_several(videos, out, people, make_trial, bars, json_, method=method, threads=threads, **drawing)
        return
    try:
        trial = make_trial(videos[0])
        check_request(trial, out)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    summary = measure_file(trial, out, method=method, threads=threads, progress=bars, **drawing)
    bars.close()
    show(summary.as_dict(), json_=json_, lines=summary.lines)


def _asked_height_m(*, json_: bool) -> float:
    """The height of the athlete in every file, asked for once where somebody is there to answer."""
    if json_ or is_quiet() or not sys.stdin.isatty():
        raise click.UsageError("Missing option '--height-m': give it, or --people with a .csv that has the heights.")
    height_m: float = click.prompt("Height in metres of the athlete in every file", type=Height(), err=True)
    return height_m


def _measure_several(
    given: tuple[Path, ...],
    out: Path,
    people: Path | None,
    make_trial: Callable[..., Trial],
    bars: StageBars,
    json_: bool,
    **options: Any,
) -> None:
    """Measure each file; the exit code is 3 where some failed, 1 where all did."""
    from biopose.cli.measure_files import files_of, measure_files, requests_of, table_lines

    try:
        videos, left_out = files_of(given)
        requests = requests_of(videos, out, people=people, trial_of=make_trial)
        for request in requests:
            with suppress(BioposeError):  # of this file alone, which is reported when its turn comes
                request.trial()
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for path in left_out:
        click.echo(f"left out, no video: {path}", err=True)

    def begin(line: str) -> None:
        bars.close()
        if not (json_ or is_quiet()):
            click.echo(line, err=True)

    results = list(measure_files(requests, progress=bars, begin=begin, **options))
    bars.close()
    show({"results": [one.as_dict() for one in results]}, json_=json_, lines=lambda: table_lines(results))
    failed = [one for one in results if one.error]
    if is_quiet() and not json_:
        for one in failed:
            click.echo(f"Error: {one.message}", err=True)
    if failed:
        raise click.exceptions.Exit(SOME_FAILED if len(failed) < len(results) else 1)
