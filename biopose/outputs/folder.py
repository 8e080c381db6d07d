"""The folder that a measured video becomes.

DIR/overlay.mp4  report.html  summary.json
DIR/coordinates.mot  markers.trc  scaled.osim  trial.parquet        one person; of several each has a folder
DIR/person_0/coordinates.mot ...  DIR/person_1/...                  named by their number
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from biopose.measurement import PersonMeasurement
from biopose.outputs.overlay import write_overlay
from biopose.outputs.report import write_report
from biopose.outputs.summary import summary_of, write_summary
from biopose.outputs.trial import write_trial
from biopose.vision.video import VideoInfo, read_frames

OVERLAY, REPORT, SUMMARY = "overlay.mp4", "report.html", "summary.json"
WORST_FRAMES = 5
APART_S = 0.3  # two frames nearer than this show the same trouble


def write_outputs(
    people: Sequence[PersonMeasurement],
    *,
    video: Path,
    out: Path,
    info: VideoInfo,
    settings: Mapping[str, Any],
    versions: Mapping[str, Any],
    start_s: float | None = None,
    end_s: float | None = None,
    recorded_rate_hz: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Path]:
    """Write everything about a measured video; each file whole or not at all.

    Args:
        people: at least one, each with another number.
        video: the file that was measured; it is read again for the overlay.
        out: the folder, made if need be; files of these names in it are replaced.
        info: about the video.
        settings: what the measurement was asked to do; can be JSON.
        versions: of the code and of every network, with their weights' sha256; can be JSON.
        start_s: where in the video the measurement began, as it is played; the overlay begins there too.
        end_s: where it ended.
        recorded_rate_hz: of a slow-motion video, as it was given to the measurement.
        progress: called with 1 after each frame of the overlay.

    Returns:
        The files: the overlay and the report first.

    Raises:
        ValueError: nobody was measured, or two people have one number.
        VideoError: the video cannot be read any more.
    """
    numbers = [one.track.person for one in people]
    if not people or len(set(numbers)) < len(numbers):
        raise ValueError(f"people {numbers}; expected at least one, each with another number")
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for one in people:
        folder = out if len(people) == 1 else out / f"person_{one.track.person}"
        folder.mkdir(exist_ok=True)
        files.append(write_trial(one, folder, settings=settings, versions=versions))
    keep = [(place, frame) for place, one in enumerate(people) for frame in worst_frames(one)]
    frames = read_frames(video, start_s=start_s, end_s=end_s, recorded_rate_hz=recorded_rate_hz, keep_readable=True)
    rate_hz = recorded_rate_hz or info.nominal_rate_hz
    kept = write_overlay(people, frames, out / OVERLAY, rate_hz=rate_hz, keep=keep, progress=progress)
    names = [[file.relative_to(out).as_posix() for file in own] for own in files]
    summary = summary_of(people, names, video=video, info=info, settings=settings, versions=versions)
    write_summary(summary, out / SUMMARY)
    write_report(people, summary, kept, out / REPORT)
    return [out / OVERLAY, out / REPORT, out / SUMMARY, *(file for own in files for file in own)]


def worst_frames(one: PersonMeasurement) -> list[int]:
    """Indices of the frames that ask most for a look, in order of time: the worst of each stretch of trouble.

    Worst is the lowest quality; where that was not judged, the highest reprojection error.
    """
    quality = one.quality.get("quality")
    if quality is None:
        quality = -one.quality.get("reprojection_px", np.zeros(len(one.track)))
    chosen: list[int] = []
    for row in np.argsort(np.nan_to_num(quality, nan=-np.inf), kind="stable").tolist():
        if all(abs(one.track.time_s[row] - one.track.time_s[other]) >= APART_S for other in chosen):
            chosen.append(row)
        if len(chosen) == WORST_FRAMES:
            break
    return [int(one.track.frame_indices[row]) for row in sorted(chosen)]
