"""`biopose evaluate`: accuracy on reference recordings; on the laboratory's, see `evaluate_lab`."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from biopose.cli.command_line import (
    EXISTING,
    FOLDER,
    Commands,
    Height,
    as_json,
    progress_bar,
    show,
    with_evaluated_method,
    with_reference_data,
    with_threads,
)
from biopose.cli.evaluate_lab import budget, events, intervals, lab
from biopose.cli.given_options import refuse_unused
from biopose.reconstruction.method_names import MethodName


@click.group(cls=Commands)
def evaluate() -> None:
    """Measure the accuracy on reference recordings.

    \b
    Example:
      biopose evaluate lab --data ../shared/data
    """


for command_ in (lab, events, budget, intervals):
    evaluate.add_command(command_)


@evaluate.command()
@click.argument("videos", nargs=-1, required=True, type=EXISTING)
@click.option("--height-m", required=True, type=Height(), help="Of the largest person in each video.")
@with_evaluated_method
@with_threads
@as_json
def mirror(videos: tuple[Path, ...], height_m: float, method: MethodName, threads: int, json_: bool) -> None:
    """Whether a video's mirror image gives mirrored angles: the method's handedness, without any reference.

    Each video and its mirror image, written without loss, are measured alike; the angles of the largest person are
    compared, right with left.

    \b
    Example:
      biopose evaluate mirror walk.mp4 --height-m 1.75
    """
    from biopose.evaluation.mirror import evaluate_mirror, mirror_lines

    with progress_bar(len(videos), label="Videos", json_=json_) as bar:
        result = evaluate_mirror(
            videos, height_m=height_m, method=method, threads=threads, progress=lambda _: bar.update(1)
        )
    show({"mirror": result}, json_=json_, lines=lambda: mirror_lines(result))


@evaluate.command()
@with_reference_data
@click.option("--with-intrinsics", is_flag=True, help="Give the method the calibration's intrinsics.")
@with_evaluated_method
@with_threads
@as_json
def balance(data: Path, with_intrinsics: bool, method: MethodName, threads: int, json_: bool) -> None:
    """From real video of a person on a beam, each of four cameras alone.

    \b
    Example:
      biopose evaluate balance --data ../shared/data
    """
    from biopose.evaluation.balance import CAMERAS, balance_lines, evaluate_balance

    with progress_bar(len(CAMERAS), label="Cameras", json_=json_) as bar:
        result = evaluate_balance(
            data, with_intrinsics=with_intrinsics, method=method, threads=threads, progress=lambda _: bar.update(1)
        )
    show({"balance": result}, json_=json_, lines=lambda: balance_lines(result))


@evaluate.command()
@with_reference_data
@with_threads
@as_json
def keypoints(data: Path, threads: int, json_: bool) -> None:
    """From 3D keypoints of a person on a beam, beside two other solutions of the same keypoints.

    \b
    Example:
      biopose evaluate keypoints --data ../shared/data
    """
    from biopose.evaluation.keypoints import evaluate_keypoints, keypoint_lines

    result = evaluate_keypoints(data, threads=threads)
    show({"keypoints": result}, json_=json_, lines=lambda: keypoint_lines(result))


@evaluate.command()
@click.option("--shapes", default=200, show_default=True, type=click.IntRange(1), help="Bodies drawn.")
@click.option("--poses", default=50, show_default=True, type=click.IntRange(1), help="Poses of each.")
@with_threads
@as_json
def consistency(shapes: int, poses: int, threads: int, json_: bool) -> None:
    """From coordinates to the body's markers and back.

    Shapes are drawn from a population's, poses from the joints' ranges.

    \b
    Example:
      biopose evaluate consistency --shapes 20
    """
    from biopose.evaluation.consistency import consistency_lines, evaluate_consistency

    with progress_bar(shapes, label="Shapes", json_=json_) as bar:
        result = evaluate_consistency(shapes=shapes, poses=poses, threads=threads, progress=bar.update)
    show({"consistency": result}, json_=json_, lines=lambda: consistency_lines(result))


@evaluate.command()
@click.option("--motion", required=True, type=FOLDER, help="CMU's motion capture: .asf and .amc files.")
@click.option("--tracks", default=20, show_default=True, type=click.IntRange(1), help="Number of synthetic tracks.")
@click.option("--frames", default=60, show_default=True, type=click.IntRange(2), help="Frames of each, at 30 Hz.")
@click.option("--varied", is_flag=True, help="Vary the motion as for training; else it is as recorded.")
@as_json
def projected(motion: Path, tracks: int, frames: int, varied: bool, json_: bool) -> None:
    """The keypoint fit on synthetic tracks.

    Recorded motion and people that training never saw, projected through drawn cameras, with a keypoint network's
    errors. The fit's constants are chosen here, never on recordings of the other evaluations.

    \b
    Example:
      biopose evaluate projected --motion ../shared/data/mocap/cmu --tracks 10
    """
    from biopose.evaluation.projected import evaluate_projected, projected_lines

    with progress_bar(tracks, label="Tracks", json_=json_) as bar:
        result = evaluate_projected(motion, tracks=tracks, frames=frames, varied=varied, progress=bar.update)
    show({"projected": result}, json_=json_, lines=lambda: projected_lines(result))


@evaluate.command()
@with_reference_data
@click.option(
    "--part",
    type=click.Choice(["mqhmr", "neurik", "both"]),
    default="both",
    show_default=True,
    help="MQ-HMR on images, NeurIK on markers.",
)
@click.option("--images", default=5120, show_default=True, type=click.IntRange(1), help="Number of images.")
@click.option(
    "--trials", default=24, show_default=True, type=click.IntRange(1), help="Number of synthetic marker trials."
)
@click.option(
    "--clip-shards", default=3, show_default=True, type=click.IntRange(0), help="Number of shards of 16 recorded clips."
)
@click.option(
    "--shards",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that keeps images and clips; else beside the assets.",
)
@click.option("--weights", type=EXISTING, help="Weights of the part's network; the shipped ones if none are given.")
@with_threads
@as_json
def synthetic(
    data: Path,
    part: str,
    images: int,
    trials: int,
    clip_shards: int,
    shards: Path | None,
    weights: Path | None,
    threads: int,
    json_: bool,
) -> None:
    """MQ-HMR and NeurIK on synthetic people and motions held out from training.

    Images are rendered the first time, about twenty a second, and clips are recorded through MQ-HMR, about ten frames a
    second; both are kept. NeurIK is compared with batched inverse kinematics on the same markers.

    \b
    Examples:
      biopose evaluate synthetic --data ../shared/data
      biopose evaluate synthetic --part neurik --data ../shared/data --clip-shards 0
      biopose evaluate synthetic --part mqhmr --data ../shared/data --weights runs/mqhmr/mqhmr.safetensors
    """
    if weights and part == "both":
        raise click.UsageError("--weights belong to one network: choose it with --part mqhmr or --part neurik")
    if part == "neurik":
        refuse_unused("with --part neurik", "images")
    if part == "mqhmr":
        refuse_unused("with --part mqhmr", "trials", "clip_shards")
    chosen: dict[str, Any] = {} if weights is None else {"weights": weights}
    result: dict[str, Any] = {}
    lines: list[str] = []
    if part != "neurik":
        from biopose.evaluation.synthetic import evaluate_synthetic, synthetic_lines

        with progress_bar(images, label="Images", json_=json_) as bar:
            result |= evaluate_synthetic(
                data, images=images, folder=shards, processes=threads, progress=bar.update, **chosen
            )
        lines += synthetic_lines(result)
    if part != "mqhmr":
        from biopose.evaluation.neurik import comparison_lines, evaluate_neurik

        found = evaluate_neurik(data, shards, trials=trials, clip_shards=clip_shards, processes=threads, **chosen)
        result |= found
        lines += comparison_lines(found["neurik"])
    show({"synthetic": result}, json_=json_, lines=lambda: lines)


@evaluate.command("all")
@with_reference_data
@with_threads
@as_json
@click.pass_context
def all_(context: click.Context, data: Path, threads: int, json_: bool) -> None:
    """All evaluations against reference recordings: lab, balance, synthetic, one after another.

    With --json each prints its object on a line of its own.

    \b
    Example:
      biopose evaluate all --data ../shared/data
    """
    for command in (lab, balance, synthetic):
        if not json_:
            click.echo(f"== {command.name}")
        context.invoke(command, data=data, threads=threads, json_=json_)
