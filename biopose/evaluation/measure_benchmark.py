"""Speed and memory of measuring a video, stage by stage."""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from biopose.assets import asset
from biopose.io.files import sha256_of
from biopose.pipeline import Clip, Models, Subject, Trial, analyse, measure
from biopose.tracking.subject_choice import Choice

SAMPLE_CLIP = "clips/sports2d_demo.mp4"
SAMPLE_HEIGHT_M = 1.65  # of the clip's first person, as its makers give it; the others' heights are unknown


def bench_measure(video: Path | None, *, threads: int) -> dict[str, Any]:
    """Measure everybody in a video, and the largest person alone, files written and overlay drawn.

    Args:
        video: None takes the sample clip.
        threads: for the networks.

    Returns:
        frames_per_s end to end for everybody; seconds by stage; people and frames; one_person_frames_per_s; peak_mb.
    """
    clip = clip_of(video)
    everybody = _timed(clip, "all", threads=threads)
    one = _timed(clip, "largest", threads=threads)
    return {
        "video_sha256": sha256_of(clip),
        **everybody,
        "one_person_frames_per_s": one["frames_per_s"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def clip_of(video: Path | None) -> Path:
    """The clip to measure; None is the sample clip.

    Raises:
        ModelError: it was not fetched.
    """
    return video or asset(SAMPLE_CLIP)


def _timed(clip: Path, choice: Choice, *, threads: int) -> dict[str, Any]:
    trial = Trial(Clip(clip), (Subject(SAMPLE_HEIGHT_M, person=choice),))
    began = perf_counter()
    models = Models.load(threads=threads)
    measurement = measure(trial, models=models)
    measured_s = perf_counter() - began
    with tempfile.TemporaryDirectory() as out:
        analyse(
            measurement.people,
            trial,
            Path(out),
            settings={},
            versions=models.files.versions(),
            cross_check_frames=models.method.cross_check_frames,
        )
    total = perf_counter() - began
    stages = measurement.seconds | {"analyse": total - measured_s, "all, with loading": total}
    return {
        "frames": measurement.frame_count,
        "people": len(measurement.people),
        "seconds": stages,
        "frames_per_s": measurement.frame_count / total,
    }


def measure_lines(result: dict[str, Any]) -> list[str]:
    """The result as text."""
    return [
        f"{result['frames']} frames, {result['people']} people, overlay and report included",
        f"  {result['frames_per_s']:.2f} frames/s for everybody, {result['one_person_frames_per_s']:.2f} for one",
        *(f"  {stage:<20}{seconds:8.1f} s" for stage, seconds in result["seconds"].items()),
        f"  peak memory         {result['peak_mb']:8.0f} MB",
    ]
