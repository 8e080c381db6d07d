"""The folder of results of a measured video.

DIR/overlay.mp4  report.html  summary.json  metrics.csv             overlay.mp4 unless none is asked for
DIR/coordinates.mot  markers.trc  scaled.osim  trial.parquet        one person; of several each has a folder
DIR/kinematics.parquet  events.parquet  metrics.parquet  quality.parquet
DIR/person_0/coordinates.mot ...  DIR/person_1/...                  named by their number
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from biopose.analysis.trial_analysis import (
    ANALYSIS_FILES,
    METRICS_CSV,
    TrialAnalysis,
    analyse_trial,
    write_metrics_csv,
)
from biopose.outputs.file_names import FORCES, OVERLAY, REPORT, TRIAL_FILES
from biopose.outputs.summary import summary_of, write_summary
from biopose.outputs.trial import write_trial
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.kept_frame import KeptFrame
from biopose.rendering.overlay_layout import overlay_layout
from biopose.report.page import write_report
from biopose.report.plots import Plots
from biopose.video.frames import VideoInfo, read_frames

SUMMARY = "summary.json"
PERSON_FILES = (*TRIAL_FILES, *ANALYSIS_FILES)
PEOPLE_AT_ONCE = 2  # whose files are written beside the overlay
WORST_FRAMES = 5
MIN_GAP_S = 0.3  # two frames nearer than this show the same fault


def write_outputs(
    people: Sequence[PersonMeasurement],
    *,
    video: Path,
    out: Path,
    info: VideoInfo,
    activity: str,
    cross_check_frames: int,
    settings: Mapping[str, Any],
    versions: Mapping[str, Any],
    start_s: float | None = None,
    end_s: float | None = None,
    recorded_rate_hz: float | None = None,
    heights_m: Sequence[float] | None = None,
    overlay: bool = True,
    overlay_height_px: int | None = None,
    blur_bystanders: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Path]:
    """Write everything about a measured video, or, where anything goes wrong, nothing.

    Args:
        people: at least one, each with another number.
        video: the file that was measured; it is read again for the overlay.
        out: the folder, made if need be; what an earlier measurement left in it is replaced, other files stay.
        info: about the video.
        activity: decides which events and metrics there are.
        cross_check_frames: of each person, that OpenSim's own inverse kinematics solves, too.
        settings: what the measurement was asked to do; can be JSON.
        versions: of the code and of every network, with their weights' sha256; can be JSON.
        start_s: where in the video the measurement began, as it is played; the overlay begins there too.
        end_s: where it ended.
        recorded_rate_hz: of a slow-motion video, as it was given to the measurement.
        heights_m: of each person, as given for the measurement, for the overlay.
        overlay: whether overlay.mp4 is drawn; without it the report has no images of the worst frames.
        overlay_height_px: of the overlay; None for that of `overlay_layout`.
        blur_bystanders: whether overlay and report show all but the measured people blurred.
        progress: called with 1 after each frame of the overlay.

    Returns:
        The files: the overlay, where there is one, and the report first.

    Raises:
        ValueError: nobody was measured, or two people have one number.
        VideoError: the video cannot be read any more.
    """
    asked, video, out = out, video.absolute(), out.absolute()  # OpenSim changes the working folder for moments
    numbers = [one.track.person for one in people]
    if not people or len(set(numbers)) < len(numbers):
        raise ValueError(f"people {numbers}; expected at least one, each with another number")
    names = [_trial_names(one, alone=len(people) == 1) for one in people]
    keep = [(index, frame) for index, one in enumerate(people) for frame in worst_frames(one)]
    with all_or_nothing(out) as folder, _people_beside() as beside:
        in_turn = Lock()
        written = [
            beside.submit(
                _write_person,
                one,
                (folder / own[0]).parent,
                in_turn=in_turn,
                activity=activity,
                cross_check_frames=cross_check_frames,
                settings=settings,
                versions=versions,
            )
            for one, own in zip(people, names, strict=True)
        ]
        kept = [KeptFrame(index, frame) for index, frame in keep]
        if overlay:
            from biopose.rendering.overlay import write_overlay  # loads VTK

            layout = overlay_layout(people[0].camera, height_px=overlay_height_px)
            frames = read_frames(
                video,
                start_s=start_s,
                end_s=end_s,
                recorded_rate_hz=recorded_rate_hz,
                keep_readable=True,
                size_px=layout.video_px,
                warn=lambda _: None,  # was reported when the video was measured
            )
            kept = write_overlay(
                people,
                frames,
                folder / OVERLAY,
                rate_hz=info.real_rate_hz(recorded_rate_hz),
                heights_m=heights_m,
                height_px=overlay_height_px,
                blur_bystanders=blur_bystanders,
                keep=keep,
                progress=_unless_failed(written, progress),
            )
        analyses, plots = zip(*(one.result() for one in written), strict=True)
        people = [replace(one, notes=(*one.notes, *of.notes)) for one, of in zip(people, analyses, strict=True)]
        summary = summary_of(people, names, video=video, info=info, settings=settings, versions=versions)
        write_metrics_csv(folder / METRICS_CSV, list(zip(numbers, analyses, strict=True)))
        write_summary(summary, folder / SUMMARY)
        shown = OVERLAY if overlay else None
        write_report(
            people,
            summary,
            kept,
            folder / REPORT,
            analyses=analyses,
            plots=plots,
            activity=activity,
            heights_m=heights_m,
            overlay=shown,
        )
    once = (*((OVERLAY,) if overlay else ()), REPORT, SUMMARY, METRICS_CSV)
    return [asked / name for name in (*once, *(name for own in names for name in own))]


@contextmanager
def _people_beside() -> Iterator[ThreadPoolExecutor]:
    """Threads that write people's files; after an error nobody else's are begun."""
    with ThreadPoolExecutor(PEOPLE_AT_ONCE) as beside:
        try:
            yield beside
        except BaseException:
            beside.shutdown(wait=False, cancel_futures=True)
            raise


def _unless_failed(written: Sequence[Future[Any]], progress: Callable[[int], None]) -> Callable[[int], None]:
    """The progress of the overlay, which ends with the error of a person whose files could not be written."""

    def advance(frames: int) -> None:
        for one in written:
            if one.done():
                one.result()
        progress(frames)

    return advance


def _write_person(
    one: PersonMeasurement,
    folder: Path,
    *,
    in_turn: Lock,
    activity: str,
    cross_check_frames: int,
    settings: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> tuple[TrialAnalysis, Plots]:
    """Write a person's files; the plots are made while OpenSim solves frames in a process of its own.

    Trials are written in turn, since writing a model holds the interpreter: the first person's frames are then solved
    while the next one's files are written.
    """
    folder.mkdir(exist_ok=True)
    with in_turn:
        write_trial(one, folder, settings=settings, versions=versions)
    with ThreadPoolExecutor(1) as beside:
        plots = beside.submit(Plots.of, one)
        analysis = analyse_trial(folder, activity=activity, cross_check_frames=cross_check_frames)
        return analysis, plots.result()


def _trial_names(one: PersonMeasurement, *, alone: bool) -> list[str]:
    """A person's files, relative to the folder."""
    return [name if alone else f"person_{one.track.person}/{name}" for name in PERSON_FILES]


@contextmanager
def all_or_nothing(out: Path) -> Iterator[Path]:
    """A temporary folder to write to: its files replace those of `out` when the block ends without an error.

    It lies in `out`, so that files are moved within one file system. After an error a new `out` is removed.
    """
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=out) as name:
            folder = Path(name)
            yield folder
            _remove_earlier(out)
            for path in sorted(folder.rglob("*")):
                target = out / path.relative_to(folder)
                target.mkdir(exist_ok=True) if path.is_dir() else path.replace(target)
    except BaseException:
        if is_new and not any(out.iterdir()):
            out.rmdir()
        raise


def _remove_earlier(out: Path) -> None:
    """Remove an earlier measurement's files: where it had more people, some would not be replaced."""
    for name in (OVERLAY, REPORT, SUMMARY, METRICS_CSV, *PERSON_FILES, FORCES):
        (out / name).unlink(missing_ok=True)
    for folder in out.glob("person_[0-9]*"):
        for name in PERSON_FILES:
            (folder / name).unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def worst_frames(one: PersonMeasurement) -> list[int]:
    """Indices of the frames of the lowest quality, at least MIN_GAP_S from each other, in order of time.

    Where quality is not known, those of the highest reprojection error.
    """
    quality = one.quality.get("quality")
    if quality is None:
        quality = -one.quality.get("reprojection_px", np.zeros(len(one.track)))
    chosen: list[int] = []
    for row in np.argsort(np.nan_to_num(quality, nan=-np.inf), kind="stable").tolist():
        if all(abs(one.track.time_s[row] - one.track.time_s[other]) >= MIN_GAP_S for other in chosen):
            chosen.append(row)
        if len(chosen) == WORST_FRAMES:
            break
    return [int(one.track.frame_indices[row]) for row in sorted(chosen)]
