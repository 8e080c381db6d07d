"""`biopose measure`: from one video to a folder of results."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

from biopose.body.anny import Body
from biopose.cli.freed_memory import return_freed_memory
from biopose.outputs.file_names import OVERLAY, QUALITY
from biopose.pipeline import (
    METHODS,
    RECONSTRUCT,
    Clip,
    Measurement,
    Models,
    Progress,
    Subject,
    Trial,
    analyse,
    measure,
)
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from biopose.tracking.subject_choice import Choice
from biopose.video.probe import check_image_size, probe_video


@dataclass(frozen=True)
class MeasureSummary:
    """The result of a measurement, as JSON and as text.

    Attributes:
        measurement: who was measured.
        files: written.
        trial: what was asked for.
    """

    measurement: Measurement
    files: list[Path]
    trial: Trial

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        from biopose.outputs.summary import untrusted  # was loaded beside the networks

        m = self.measurement
        people = [
            {
                "person": one.track.person,
                "height_m": self.trial.height_m_of(one.track.person),
                "frames": len(one.track),
                "frames_untrusted": int(untrusted(one).sum()),
                "start_s": float(one.track.time_s[0]),
                "end_s": float(one.track.time_s[-1]),
                "quality": float(one.quality["quality"].mean()),
                "notes": list(one.notes),
                "refinement": one.refinement and asdict(one.refinement),
            }
            for one in m.people
        ]
        return {
            "frames": m.frame_count,
            "people": people,
            "seconds": m.seconds,
            "camera_moves": m.camera_motion.moves,
            "files": [str(path) for path in self.files],
        }

    def lines(self) -> list[str]:
        """As text."""
        from biopose.outputs.summary import untrusted  # was loaded beside the networks
        from biopose.rendering.person_labels import person_labels

        m = self.measurement
        spent = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in m.seconds.items())
        people = "1 person" if len(m.people) == 1 else f"{len(m.people)} people"
        lines = [f"{m.frame_count} frame{'s' * (m.frame_count != 1)}, {people} measured ({spent})"]
        labels = person_labels(m.people, [self.trial.height_m_of(one.track.person) for one in m.people])
        for one, label in zip(m.people, labels, strict=True):
            quality, time_s = one.quality["quality"].mean(), one.track.time_s
            lines.append(
                f"  {label}, {time_s[0]:.2f} to {time_s[-1]:.2f} s, mean quality {quality:.2f} of 1; "
                f"{untrusted(one).sum()} of {len(one.track)} frames are not to be trusted"
            )
            if one.refinement:
                lines.append(f"    refinement: {one.refinement.sentence}")
        lines += self._heights()
        lines += [sentence for path in self.files if path.name == QUALITY for sentence in _recognised(path)]
        lines += [f"  note: {note}" for note in dict.fromkeys(n for one in m.people for n in one.notes)]
        return [*lines, "Look at:", *(f"  {path}" for path in self.files)]

    def _heights(self) -> list[str]:
        """How the people took the heights; nothing where one person was measured."""
        people = self.measurement.people
        if len(people) < 2 or self.trial.subjects[0].person != "all":
            return []
        compare = f"; compare {OVERLAY}" if any(path.name == OVERLAY for path in self.files) else ""
        lines = [
            f"  heights: by the people's size in the image, the largest first, as `biopose people` shows it{compare}"
        ]
        further = [str(one.track.person) for one in people if one.track.person >= len(self.trial.subjects)]
        if further:
            lines.append(f"  heights: the last --height-m was used for person {', '.join(further)} too")
        return lines


def _recognised(quality: Path) -> list[str]:
    """What somebody's motion looks like, where no activity was given."""
    import pyarrow.parquet as pq  # was loaded beside the networks

    from biopose.analysis.activity_recognition import recognition_sentence

    whose = f"{quality.parent.name.replace('_', ' ')}: " if quality.parent.name.startswith("person_") else ""
    with pq.ParquetFile(quality) as file:  # `read_table` would load what reads data sets: a tenth of a second
        sentence = recognition_sentence(file.read())
    return [f"  {whose}{sentence}"] if sentence else []


def measure_file(
    trial: Trial,
    out: Path,
    *,
    threads: int,
    method: MethodName = DEFAULT_METHOD,
    models: Models | None = None,
    overlay: bool = True,
    overlay_height_px: int | None = None,
    blur_bystanders: bool = False,
    progress: Progress,
) -> MeasureSummary:
    """Measure and write.

    Args:
        trial: to be measured.
        out: the folder.
        threads: of everything that runs on a CPU.
        method: of measuring.
        models: of the method, which stay loaded; None loads them for this file alone, which needs less memory.
        overlay: whether the overlay is drawn.
        overlay_height_px: its height; None for the video's, within bounds.
        blur_bystanders: whether pictures show all but the measured people blurred.
        progress: called with the stage, its frames done and their total.
    """
    if overlay and find_spec("vtkmodules") is None:
        raise ModuleNotFoundError("No module named 'vtkmodules'", name="vtkmodules")

    def shown(stage: str, frames: int, total: int) -> None:
        if overlay and stage == RECONSTRUCT.name:  # not before: the images that wait for the networks need the memory
            _load_renderer_beside()
        progress(stage, frames, total)

    loaded = models or Models.load(METHODS[method], threads=threads)
    measurement = measure(trial, models=loaded, progress=shown)
    versions = loaded.files.versions()
    del loaded
    if overlay:  # it needs as much memory as they did
        return_freed_memory()
    done = 0

    def drawn(frames: int) -> None:
        nonlocal done
        done += frames
        progress("overlay", done, measurement.frame_count)

    settings = {"method": method, **json.loads(json.dumps(asdict(trial), default=str))}
    del settings["clip"]["video"]  # the summary names it; where it lies is no setting
    files = analyse(
        measurement.people,
        trial,
        out,
        settings=settings,
        versions=versions,
        cross_check_frames=METHODS[method].cross_check_frames,
        overlay=overlay,
        overlay_height_px=overlay_height_px,
        blur_bystanders=blur_bystanders,
        progress=drawn,
    )
    return MeasureSummary(measurement, files, trial)


@cache
def _load_renderer_beside() -> None:
    """Load VTK, and prepare the mesh that is drawn, while people are fitted; once."""

    def load() -> None:
        return_freed_memory()  # of the images and networks before it, or both would be held
        with suppress(Exception):  # is raised again where it draws
            import_module("biopose.rendering.overlay")
            import_module("biopose.rendering.posed_mesh").drawn_mesh(Body.load())

    Thread(target=load, name="load renderer", daemon=True).start()


def trial_of(
    video: Path,
    *,
    heights_m: Sequence[float],
    mass_kg: float | None = None,
    sex: str | None = None,
    choices: Sequence[str] = ("largest",),
    activity: str = "other",
    focal_px: float | None = None,
    horizontal_fov_deg: float | None = None,
    distortion: str | None = None,
    recorded_rate_hz: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    keep_readable: bool = False,
) -> Trial:
    """The command line's options, checked.

    Raises:
        ValueError: contradictory or impossible values.
        VideoError: the camera is described but the video cannot be opened.
    """
    _check_finite(
        mass_kg=mass_kg,
        focal_px=focal_px,
        horizontal_fov_deg=horizontal_fov_deg,
        recorded_hz=recorded_rate_hz,
        start_s=start_s,
        end_s=end_s,
    )
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise ValueError(f"--end-s {end_s:g} is not after --start-s {start_s:g}")
    people = [athlete_choice(choice) for choice in choices]
    if people == ["all"]:
        people *= len(heights_m)
    elif len(heights_m) != len(people):
        raise ValueError(
            f"{len(heights_m)} times --height-m, but --athlete {' --athlete '.join(choices)} measures "
            f"{len(people)} {'person' if len(people) == 1 else 'people'}; give one height for each, in the same order"
        )
    clip = Clip(
        video,
        start_s=start_s,
        end_s=end_s,
        recorded_rate_hz=recorded_rate_hz,
        keep_readable=keep_readable,
        focal_px=focal_px,
        horizontal_fov_deg=horizontal_fov_deg,
        distortion=None if distortion is None else _coefficients(distortion),
    )
    if focal_px is not None or horizontal_fov_deg is not None or distortion is not None:
        clip.camera(probe_video(video))
    subjects = tuple(
        Subject(height_m=height_m, mass_kg=mass_kg, sex=sex, person=person)
        for height_m, person in zip(heights_m, people, strict=True)
    )
    return Trial(clip, subjects, activity=activity)


def athlete_choice(text: str) -> Choice:
    """largest, central, all, a person's number, a point as x,y,seconds, or a box as left,top,right,bottom in pixels.

    Raises:
        ValueError: if it is none of these.
    """
    if text in ("largest", "central", "all"):
        return text  # type: ignore[return-value]
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 3 and all(map(math.isfinite, numbers)):
        x_px, y_px, time_s = numbers
        return (x_px, y_px, time_s)
    if len(numbers) != 4:
        raise ValueError(
            f"--athlete {text!r} is not largest, central, all, a number that `biopose people` prints, a point "
            "x,y,seconds or a box left,top,right,bottom in pixels"
        )
    left, top, right, bottom = numbers
    if not (left < right < math.inf and top < bottom < math.inf):
        raise ValueError(f"--athlete {text}: a box is left,top,right,bottom with left < right and top < bottom")
    return (left, top, right, bottom)


def check_request(trial: Trial, out: Path) -> None:
    """Check a request before any work is done for it.

    Raises:
        ValueError: a folder that cannot be written to, or a person whom no body resembles.
        VideoError: the video cannot be opened, or is too small to show anybody.
        ModelError: the body's asset is missing or broken.
    """
    video = trial.clip.video
    _check_folder(video, out)
    check_image_size(probe_video(video))
    body = Body.load()
    for subject in trial.subjects:
        _check_body(subject, body)


def _check_folder(video: Path, out: Path) -> None:
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise ValueError(f"--out {out}: {there} is a file; give a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"--out {out}: the folder {there} cannot be written to; allow it or give another")
    if (out / OVERLAY).exists() and (out / OVERLAY).samefile(video):
        raise ValueError(f"--out {out}: its {OVERLAY} is the video to measure and would be lost; give another folder")


def _check_body(athlete: Subject, body: Body) -> None:
    try:
        athlete.phenotype(body)
    except ValueError as error:
        if athlete.mass_kg is None:
            given, remedy = "", "nobody of that height can be measured"
        else:
            given, remedy = f" with --mass-kg {athlete.mass_kg:g}", "correct it, or omit --mass-kg"
        raise ValueError(f"--height-m {athlete.height_m:g}{given}: {error}; {remedy}") from error


def _check_finite(**options: float | None) -> None:
    for option, value in options.items():
        if value is not None and not math.isfinite(value):
            raise ValueError(f"--{option.replace('_', '-')} {value}: expected a number")


def _coefficients(distortion: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in distortion.split(","))
    except ValueError:
        raise ValueError(f"--distortion {distortion!r}: expected numbers k1,k2,p1,p2,k3 with commas between") from None
