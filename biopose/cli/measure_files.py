"""`biopose measure` of several files: one folder of results each, with models that are loaded once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from biopose.cli.freed_memory import return_freed_memory
from biopose.cli.measure_file import check_request, measure_file
from biopose.cli.people_csv import PersonRow, read_people_csv, rows_of
from biopose.errors import BioposeError
from biopose.io.file_names import is_video
from biopose.pipeline import METHODS, Models, Progress, Trial
from biopose.reconstruction.method_names import MethodName

TrialOf = Callable[..., Trial]


@dataclass(frozen=True)
class Request:
    """A file to measure.

    Attributes:
        video: of it.
        out: folder of its results.
        trial: makes what is to be measured; raises what is wrong with the file.
    """

    video: Path
    out: Path
    trial: Callable[[], Trial]


@dataclass(frozen=True)
class Result:
    """How a file ended.

    Attributes:
        request: of it.
        seconds: that it took.
        found: what `biopose measure --json` prints of one file; None where it failed. The measurement itself is not
            kept, so that memory does not grow with the files.
        error: why it failed; "" where it did not.
    """

    request: Request
    seconds: float
    found: dict[str, Any] | None = None
    error: str = ""

    @property
    def message(self) -> str:
        """The error with the file's name."""
        video = str(self.request.video)
        return self.error if self.error.startswith(video) else f"{video}: {self.error}"

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "video": str(self.request.video),
            "out": str(self.request.out),
            **({"error": self.error} if self.found is None else self.found),
        }


def files_of(given: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The videos among files and the files of folders, and what was left out of these.

    Raises:
        ValueError: a file is given twice, or a folder holds no video.
    """
    videos: list[Path] = []
    left_out: list[Path] = []
    for path in given:
        if not path.is_dir():
            videos.append(path)
            continue
        there = sorted(one for one in path.iterdir() if not one.name.startswith("."))
        own = [one for one in there if one.is_file() and is_video(one.name)]
        if not own:
            raise ValueError(f"{path}: holds no video; expected files such as jump.mp4 or race.mov")
        videos += own
        left_out += [one for one in there if one not in own]
    if twice := [path for path, count in Counter(video.absolute() for video in videos).items() if count > 1]:
        raise ValueError(f"{twice[0]} is given twice; give it once")
    return videos, left_out


def requests_of(videos: Sequence[Path], out: Path, *, people: Path | None, trial_of: TrialOf) -> list[Request]:
    """What is to be measured of each file, and where its results go: OUT/NAME, with the suffix where two would be one.

    Args:
        videos: to measure.
        out: folder of all results.
        people: people.csv; None where all files have the same options.
        trial_of: makes a file's trial; takes the file and, of people.csv, heights_m, choices and activity.

    Raises:
        FileFormatError: people.csv is wrong.
    """
    rows = rows_of(read_people_csv(people), videos, people) if people else {}
    stems = Counter(video.stem for video in videos)
    names = [video.stem if stems[video.stem] == 1 else video.name for video in videos]
    repeated = Counter(names)
    return [
        Request(
            video,
            out / (name if repeated[name] == 1 else f"{name}_{number}"),
            lambda video=video: _trial(video, rows.get(video), trial_of),  # type: ignore[misc]
        )
        for number, (video, name) in enumerate(zip(videos, names, strict=True))
    ]


def measure_files(
    requests: Sequence[Request],
    *,
    method: MethodName,
    threads: int,
    overlay: bool,
    overlay_height_px: int | None,
    blur_bystanders: bool,
    progress: Progress,
    begin: Callable[[str], None],
) -> Iterator[Result]:
    """Measure one after the other; what is wrong with one stops no other, but a missing model stops all.

    Args:
        requests: at least one.
        method: of measuring.
        threads: of everything that runs on a CPU.
        overlay: whether overlays are drawn.
        overlay_height_px: their height; None: as for one file.
        blur_bystanders: in overlays, all but the measured people.
        progress: called with the stage, its frames done and their total.
        begin: called with a line as each file begins.

    Raises:
        ModelError: an asset is missing or broken.
    """
    models: Models | None = None
    for number, request in enumerate(requests, start=1):
        begin(f"{number} of {len(requests)}: {request.video}")
        began_s = time.monotonic()
        try:
            trial = request.trial()
            check_request(trial, request.out)
        except (BioposeError, ValueError, OSError) as error:
            yield Result(request, time.monotonic() - began_s, error=str(error))
            continue
        models = models or Models.load(METHODS[method], threads=threads)
        try:
            summary = measure_file(
                trial,
                request.out,
                method=method,
                threads=threads,
                models=models,
                overlay=overlay,
                overlay_height_px=overlay_height_px,
                blur_bystanders=blur_bystanders,
                progress=progress,
            )
        except (BioposeError, ValueError, OSError) as error:
            models.check_loaded()  # what is missing for one file is missing for all
            yield Result(request, time.monotonic() - began_s, error=str(error))
        else:
            found = summary.as_dict()
            del summary
            yield Result(request, time.monotonic() - began_s, found)
        return_freed_memory()


def table_lines(results: Sequence[Result]) -> list[str]:
    """The results as a table, a line a file, and the errors below."""
    rows = [("file", "people", "frames", "quality", "untrusted", "seconds", "results")]
    rows += [(one.request.video.name, *_numbers(one), f"{one.seconds:.1f}", str(one.request.out)) for one in results]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*lines, *(f"failed: {one.message}" for one in results if one.error)]


def _numbers(one: Result) -> tuple[str, str, str, str]:
    if one.found is None:
        return ("failed", "", "", "")
    people = one.found["people"]
    quality = sum(person["quality"] for person in people) / len(people)
    bad = sum(person["frames_untrusted"] for person in people)
    return str(len(people)), str(one.found["frames"]), f"{quality:.2f}", str(bad)


def _trial(video: Path, rows: Sequence[PersonRow] | None, trial_of: TrialOf) -> Trial:
    if rows is None:
        return trial_of(video)
    activity = {} if rows[0].activity is None else {"activity": rows[0].activity}
    heights, choices = [row.height_m for row in rows], [row.athlete for row in rows]
    trial = trial_of(video, heights_m=heights, choices=choices, **activity)
    subjects = tuple(
        replace(subject, mass_kg=row.mass_kg, sex=row.sex) for subject, row in zip(trial.subjects, rows, strict=True)
    )
    return replace(trial, subjects=subjects)
