"""`biopose evaluate lab`, `events`, `budget` and `intervals`: on the laboratory's recordings, and film like theirs."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click

from biopose.cli.command_line import (
    FOLDER,
    as_json,
    progress_bar,
    show,
    with_evaluated_method,
    with_reference_data,
    with_threads,
)
from biopose.cli.given_options import refuse_unused
from biopose.errors import TrackingError
from biopose.reconstruction.method_names import MethodName

with_trials = click.option("--trial", "trials", multiple=True, help="Only this trial; may be given several times.")
with_film = click.option(
    "--film", type=click.Path(file_okay=False, path_type=Path), help="Keeps film and detections; else the assets."
)


def _known_trials(trials: tuple[str, ...], known: list[str]) -> list[str]:
    """The trials that were asked for, each once; all known ones where none was."""
    if unknown := [name for name in trials if name not in known]:
        raise click.BadParameter(f"no {', '.join(unknown)} there; known are {', '.join(known)}", param_hint="--trial")
    return list(dict.fromkeys(trials)) or known


@click.command()
@with_reference_data
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

    Empty where there is none; causes_unknown says why where nobody is found.
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
        try:
            found = evaluate_budget(film, folder=Path(folder), method=method, threads=threads)
            videos = [one for one in sorted(Path(folder).glob("*.mp4")) if one.stem not in found["refused"]]
            mirror = evaluate_mirror(videos, height_m=height_m, method=method, threads=threads)
        except TrackingError as error:
            return {"causes_unknown": str(error)}, [f"No error budget and mirror test: {error}"]
    return {"budget": found["budget"], "mirror": mirror}, [*budget_lines(found), *mirror_lines(mirror)]


@click.command()
@with_reference_data
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


@click.command()
@with_reference_data
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
    show(result, json_=json_, lines=lambda: budget_lines(result))


@click.command()
@with_reference_data
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
