"""`biopose evaluate`: accuracy on reference recordings."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click

from biopose.cli.command_line import (
    EXISTING,
    FOLDER,
    Commands,
    as_json,
    progress_bar,
    show,
    with_evaluated_method,
    with_threads,
)
from biopose.cli.given_options import refuse_unused
from biopose.reconstruction.method_names import MethodName

with_data = click.option(
    "--data", required=True, type=FOLDER, help="The reference recordings (the folder that holds mocap/ and multiview/)."
)
with_trials = click.option("--trial", "trials", multiple=True, help="Only this trial; may be given several times.")
with_film = click.option(
    "--film", type=click.Path(file_okay=False, path_type=Path), help="Keeps film and detections; else the assets."
)


def _known_trials(trials: tuple[str, ...], known: list[str]) -> list[str]:
    """The trials that were asked for, each once; all known ones where none was."""
    if unknown := [name for name in trials if name not in known]:
        raise click.BadParameter(f"no {', '.join(unknown)} there; known are {', '.join(known)}", param_hint="--trial")
    return list(dict.fromkeys(trials)) or known


@click.group(cls=Commands)
def evaluate() -> None:
    """Measure the accuracy on reference recordings.

    \b
    Example:
      biopose evaluate lab --data ../shared/data
    """


@evaluate.command()
@with_data
@with_trials
@click.option(
    "--part",
    type=click.Choice(["a", "b", "both"]),
    default="both",
    show_default=True,
    help="(a) from the real markers, (b) from rendered video of the expert's motion.",
)
@click.option("--keep", type=FOLDER, help="Keep part (b)'s rendered clips in this folder.")
@with_evaluated_method
@with_threads
@as_json
def lab(
    data: Path,
    trials: tuple[str, ...],
    part: str,
    keep: Path | None,
    method: MethodName,
    threads: int,
    json_: bool,
) -> None:
    """Against an expert's angles, from real markers and from rendered video.

    Part (a): our scaling and our inverse kinematics from the markers, and both solvers on the expert's own model;
    metrics against those of the expert's angles, and whether our 95 % intervals hold these; when feet strike and leave
    the ground and how high the person jumps, against force plates.
    Part (b): the expert's motion on a body, rendered from three cameras and measured from pixels: angles, metrics,
    events and jumps as in (a). All sixteen trials are 48 clips, half a minute each. Of one drop jump and one walk also
    the error budget and the mirror test: some minutes more.

    \b
    Examples:
      biopose evaluate lab --data ../shared/data
      biopose evaluate lab --part b --trial walking1 --keep clips --data ../shared/data
    """
    if part == "a":
        refuse_unused("with --part a, which measures no video", "keep", "method")
    from biopose.evaluation.events import activity_of, evaluate_events, event_lines
    from biopose.evaluation.lab_markers import evaluate_lab_a, lab_a_lines, lab_trials
    from biopose.evaluation.metric_errors import metric_lines

    names = _known_trials(trials, lab_trials(data / "mocap" / "lab"))
    result: dict[str, Any] = {}
    lines: list[str] = []
    if part != "b":
        with progress_bar(len(names), label="Trials", json_=json_) as bar:
            result["lab_a"] = evaluate_lab_a(data, threads=threads, trials=names, progress=lambda _: bar.update(1))
        result["metrics"] = result["lab_a"].pop("metrics")
        lines += lab_a_lines(result["lab_a"]) + metric_lines(result["metrics"])
        if any(activity_of(name) for name in names):
            found = evaluate_events(data, threads=threads, trials=names)
            result |= {key: found[key] for key in ("contacts", "jump")}
            lines += event_lines(found, "markers")
    if part != "a":
        from biopose.evaluation.lab_rendering import VIEWS
        from biopose.evaluation.lab_video import evaluate_lab_b, lab_b_lines

        with progress_bar(len(names) * len(VIEWS), label="Clips", json_=json_) as bar:
            result["lab_b"] = evaluate_lab_b(
                data, trials=names, method=method, threads=threads, keep=keep, progress=lambda _: bar.update(1)
            )
        of_pixels = {"pixels": result["lab_b"].pop("metrics")}
        result["metrics"] = result.get("metrics", {}) | of_pixels
        lines += lab_b_lines(result["lab_b"]) + metric_lines(of_pixels)
        found = {key: {"pixels": result["lab_b"].pop(key)} for key in ("events", "jump")}
        if found["events"]["pixels"]["n"]:
            contacts = {key: found["events"]["pixels"][key] for key in ("mae_ms", "max_ms")}
            result["contacts"] = result.get("contacts", {}) | {"pixels": contacts}
            result["jump"] = result.get("jump", {}) | found["jump"]
            lines += event_lines(found, "pixels")
        causes, more = _causes(data, names, height_m=result["lab_b"]["height_m"], method=method, threads=threads)
        result |= causes
        lines += more
    show(result, json_=json_, lines=lambda: lines)


def _causes(
    data: Path, names: Sequence[str], *, height_m: float, method: MethodName, threads: int
) -> tuple[dict[str, Any], list[str]]:
    """Error budget and mirror test, with their lines, of the first trial of each activity whose feet come and go.

    Empty where there is none.
    """
    from biopose.evaluation.budget import budget_lines, evaluate_budget
    from biopose.evaluation.events import activity_of
    from biopose.evaluation.film_events import lab_on_film
    from biopose.evaluation.mirror import evaluate_mirror, mirror_lines

    by_activity = {activity: name for name in reversed(names) if (activity := activity_of(name))}
    if not by_activity:
        return {}, []
    with tempfile.TemporaryDirectory() as folder:
        film = lab_on_film(data, trials=list(by_activity.values()), threads=threads)
        budget = evaluate_budget(film, folder=Path(folder), method=method, threads=threads)
        videos = sorted(Path(folder).glob("*.mp4"))
        mirror = evaluate_mirror(videos, height_m=height_m, method=method, threads=threads)
    return {"budget": budget, "mirror": mirror}, [*budget_lines(budget), *mirror_lines(mirror)]


@evaluate.command()
@with_data
@with_trials
@click.option(
    "--source",
    type=click.Choice(["markers", "pixels", "synthetic"]),
    default="markers",
    show_default=True,
    help="Real markers; film of their motion, front, oblique and side; film of synthetic jumps and walks.",
)
@with_film
@click.option("--jumps", default=20, show_default=True, type=click.IntRange(0), help="Number of synthetic jumps.")
@with_threads
@as_json
def events(
    data: Path,
    trials: tuple[str, ...],
    source: Literal["markers", "pixels", "synthetic"],
    film: Path | None,
    jumps: int,
    threads: int,
    json_: bool,
) -> None:
    """Foot strikes, foot offs and jump heights against force plates.

    From the joint kinematics that our inverse kinematics gives on the expert's model, walking also by other published
    methods; or from film, which is rendered and perceived once, half a minute a clip. The constants of events from film
    are chosen on synthetic jumps and walks, whose events are known.

    \b
    Examples:
      biopose evaluate events --data ../shared/data
      biopose evaluate events --source pixels --trial DJ1 --data ../shared/data --json
    """
    from biopose.evaluation.events import evaluate_events, event_lines, event_trials

    if source == "markers":
        refuse_unused("with --source markers, which films nothing", "film")
    if source != "synthetic":
        refuse_unused(f"with --source {source}", "jumps")
    else:
        refuse_unused("with --source synthetic", "trials")
    names = _known_trials(trials, event_trials(data / "mocap" / "lab"))
    if source == "markers":
        with progress_bar(len(names), label="Trials", json_=json_) as bar:
            result = evaluate_events(data, threads=threads, trials=names, progress=lambda _: bar.update(1))
    else:
        from biopose.evaluation.film_events import evaluate_film_events, lab_on_film, synthetic_on_film

        clips = lab_on_film(data, trials=names, threads=threads)
        if source == "synthetic":
            clips = synthetic_on_film(data, jumps=jumps)
        with progress_bar(clips.clips, label="Clips", json_=json_) as bar:
            result = evaluate_film_events(
                clips, source=source, folder=film, threads=threads, progress=lambda _: bar.update(1)
            )
    show(result, json_=json_, lines=lambda: event_lines(result, source))


@evaluate.command()
@with_data
@with_trials
@with_film
@with_threads
@as_json
def budget(data: Path, trials: tuple[str, ...], film: Path | None, threads: int, json_: bool) -> None:
    """How the error on film of the laboratory's motions falls when one stage is replaced by the truth.

    Keypoints without error; the camera's own focal length; no low-pass filter; inverse kinematics instead of NeurIK.

    \b
    Example:
      biopose evaluate budget --trial DJ1 --trial walking1 --data ../shared/data
    """
    from biopose.evaluation.budget import budget_lines, evaluate_budget
    from biopose.evaluation.events import event_trials
    from biopose.evaluation.film_events import lab_on_film

    names = _known_trials(trials, event_trials(data / "mocap" / "lab"))
    clips = lab_on_film(data, trials=names, threads=threads)
    with progress_bar(clips.clips, label="Clips", json_=json_) as bar:
        result = evaluate_budget(clips, folder=film, threads=threads, progress=lambda _: bar.update(1))
    show({"budget": result}, json_=json_, lines=lambda: budget_lines(result))


@evaluate.command()
@with_data
@with_trials
@click.option(
    "--source",
    type=click.Choice(["pixels", "synthetic"]),
    default="synthetic",
    show_default=True,
    help="Film of synthetic jumps, on which deviations are decided; of the laboratory's motions.",
)
@with_film
@click.option("--jumps", default=12, show_default=True, type=click.IntRange(1), help="Number of synthetic jumps.")
@with_threads
@as_json
def intervals(
    data: Path,
    trials: tuple[str, ...],
    source: Literal["pixels", "synthetic"],
    film: Path | None,
    jumps: int,
    threads: int,
    json_: bool,
) -> None:
    """Whether the 95 % intervals of angles from film hold their errors, coordinate by coordinate.

    \b
    Examples:
      biopose evaluate intervals --data ../shared/data
      biopose evaluate intervals --source pixels --trial DJ1 --data ../shared/data
    """
    from biopose.evaluation.film_events import lab_on_film, postures_on_film
    from biopose.evaluation.film_intervals import evaluate_intervals, interval_lines

    if source == "synthetic":
        refuse_unused("with --source synthetic", "trials")
        clips = postures_on_film(jumps=jumps)
    else:
        from biopose.evaluation.events import event_trials

        refuse_unused("with --source pixels", "jumps")
        clips = lab_on_film(data, trials=_known_trials(trials, event_trials(data / "mocap" / "lab")), threads=threads)
    with progress_bar(clips.clips, label="Clips", json_=json_) as bar:
        result = evaluate_intervals(clips, folder=film, threads=threads, progress=lambda _: bar.update(1))
    show({"intervals": {source: result}}, json_=json_, lines=lambda: interval_lines(result))


@evaluate.command()
@click.argument("videos", nargs=-1, required=True, type=EXISTING)
@click.option("--height-m", required=True, type=click.FloatRange(0.5, 2.5), help="Of the largest person in each video.")
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
@with_data
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
@with_data
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
@with_data
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
@with_data
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
