"""`biopose bench`: speed, as ratios within one run."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.cli.command_line import EXISTING, Commands, as_json, show, with_threads


@click.group(cls=Commands)
def bench() -> None:
    """Measure the speed, as ratios within one run.

    \b
    Example:
      biopose bench ik
    """


@bench.command("ik")
@click.option("--markers", type=EXISTING, help="A trial; a synthetic motion of the default model if none is given.")
@click.option("--model", type=EXISTING, help="The scaled .osim of the trial's person.")
@click.option("--opensim-frames", default=200, show_default=True, type=click.IntRange(1), help="Frames OpenSim solves.")
@as_json
def bench_ik(markers: Path | None, model: Path | None, opensim_frames: int, json_: bool) -> None:
    """Inverse kinematics: ours against OpenSim's.

    Both on one core; then ours on one core against two.

    \b
    Examples:
      biopose bench ik
      biopose bench ik --markers walking1.trc --model hand_scaled.osim
    """
    from biopose.evaluation.ik_benchmark import bench_ik as measure
    from biopose.evaluation.ik_benchmark import ik_lines

    if (markers is None) != (model is None):
        raise click.UsageError("--markers and --model go together")
    result = measure(markers, model, opensim_frames=opensim_frames)
    show({"ik": result}, json_=json_, lines=lambda: ik_lines(result))


@bench.command("measure")
@click.argument("video", required=False, type=EXISTING)
@click.option(
    "--against",
    type=click.Choice(["sports2d"]),
    help="Compare with this tool, installed by pinned version beside the assets: the whole command of either, in turn.",
)
@click.option(
    "--frames",
    "lengths",
    multiple=True,
    type=click.IntRange(1),
    help="Instead, measure one person in the video repeated to about so many frames, without an overlay; once for each "
    "length.",
)
@with_threads
@as_json
def bench_measure(video: Path | None, against: str | None, lengths: tuple[int, ...], threads: int, json_: bool) -> None:
    """Measure a video, from file to overlay and report, stage by stage.

    \b
    Examples:
      biopose bench measure
      biopose bench measure race.mp4
      biopose bench measure --against sports2d
      biopose bench measure --frames 200 --frames 2000 --frames 20000
    """
    if lengths:
        from biopose.evaluation.length_benchmark import bench_lengths, length_lines

        if against:
            raise click.UsageError("--frames and --against exclude each other")
        by_length = bench_lengths(lengths, clip=video, threads=threads, report=lambda line: click.echo(line, err=True))
        show({"lengths": by_length}, json_=json_, lines=lambda: length_lines(by_length))
        return
    from biopose.evaluation.measure_benchmark import bench_measure as measure_speed
    from biopose.evaluation.measure_benchmark import measure_lines

    result = measure_speed(video, threads=threads)
    lines = measure_lines(result)
    if against:
        from biopose.evaluation.measure_benchmark import SAMPLE_HEIGHT_M, clip_of
        from biopose.evaluation.peer_benchmark import against_lines, bench_against_sports2d

        compared = bench_against_sports2d(
            clip_of(video), height_m=SAMPLE_HEIGHT_M, threads=threads, report=lambda line: click.echo(line, err=True)
        )
        result, lines = result | compared, lines + against_lines(compared)
    show({"measure": result}, json_=json_, lines=lambda: lines)
