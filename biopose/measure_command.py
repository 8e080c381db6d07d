"""`biopose measure`: from one video to a folder of results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biopose.fitting.person import Athlete
from biopose.measure import Measurement, MeasureOptions, Models, Progress, measure_video
from biopose.outputs.folder import write_outputs
from biopose.versions import versions
from biopose.vision.athlete import Choice
from biopose.vision.intrinsics import intrinsics
from biopose.vision.video_probe import probe_video


@dataclass(frozen=True)
class MeasureSummary:
    """What a person or a program is told at the end."""

    measurement: Measurement
    files: list[Path]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        m = self.measurement
        people = [
            {
                "person": one.track.person,
                "frames": len(one.track),
                "start_s": float(one.track.time_s[0]),
                "end_s": float(one.track.time_s[-1]),
                "quality": float(one.quality["quality"].mean()),
                "notes": list(one.notes),
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
        """For a person."""
        m = self.measurement
        spent = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in m.seconds.items())
        lines = [f"{m.frame_count} frames, {len(m.people)} measured ({spent})"]
        for one in m.people:
            low = one.quality["quality"].mean()
            lines.append(
                f"  person {one.track.person}: {len(one.track)} frames from {one.track.time_s[0]:.2f} s, mean quality "
                f"{low:.2f} (of 1)"
            )
        lines += [f"  note: {note}" for note in dict.fromkeys(n for one in m.people for n in one.notes)]
        return [*lines, "Look at:", *(f"  {path}" for path in self.files)]


def measure_file(
    video: Path,
    athletes: list[Athlete],
    options: MeasureOptions,
    out: Path,
    *,
    threads: int,
    progress: Progress,
) -> MeasureSummary:
    """Measure and write.

    Args:
        video: the file.
        athletes: what is known of the people.
        options: choices.
        out: the folder.
        threads: for the networks.
        progress: told the stage, how many of its frames are done and how many there are.
    """
    measurement = measure_video(
        video, athletes, options=options, models=Models.load(threads=threads), progress=progress
    )
    done = 0

    def tell(frames: int) -> None:
        nonlocal done
        done += frames
        progress("overlay", done, measurement.frame_count)

    settings = {"athletes": [asdict(a) for a in athletes], **json.loads(json.dumps(asdict(options)))}
    files = write_outputs(
        measurement.people,
        video=video,
        out=out,
        info=measurement.info,
        settings=settings,
        versions=versions(),
        start_s=options.start_s,
        end_s=options.end_s,
        recorded_rate_hz=options.recorded_rate_hz,
        progress=tell,
    )
    return MeasureSummary(measurement, files)


def options_of(
    video: Path,
    *,
    heights_m: Sequence[float],
    mass_kg: float | None = None,
    sex: str | None = None,
    choice: str = "largest",
    activity: str = "other",
    focal_px: float | None = None,
    horizontal_fov_deg: float | None = None,
    distortion: str | None = None,
    recorded_rate_hz: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    keep_readable: bool = False,
) -> tuple[list[Athlete], MeasureOptions]:
    """What the command line says, checked.

    Raises:
        ValueError: contradictory or impossible values.
        VideoError: the camera is described but the video cannot be opened.
    """
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise ValueError(f"--end-s {end_s:g} is not after --start-s {start_s:g}")
    camera = None
    if focal_px or horizontal_fov_deg or distortion:
        info = probe_video(video)
        camera = intrinsics(
            width_px=info.width_px,
            height_px=info.height_px,
            focal_px=focal_px,
            horizontal_fov_deg=horizontal_fov_deg,
            distortion=None if distortion is None else [float(part) for part in distortion.split(",")],
            metadata=info.metadata,
        )
    options = MeasureOptions(
        choice=athlete_choice(choice),
        camera=camera,
        activity=activity,
        start_s=start_s,
        end_s=end_s,
        recorded_rate_hz=recorded_rate_hz,
        keep_readable=keep_readable,
    )
    return [Athlete(height_m=h, mass_kg=mass_kg, sex=sex) for h in heights_m], options


def athlete_choice(text: str) -> Choice:
    """largest, central, all, or a box as left,top,right,bottom in pixels.

    Raises:
        ValueError: if it is none of these.
    """
    if text in ("largest", "central", "all"):
        return text  # type: ignore[return-value]
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not largest, central, all or a box left,top,right,bottom in pixels") from None
    return (left, top, right, bottom)
