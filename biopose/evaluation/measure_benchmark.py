"""Speed and memory of measuring a video, stage by stage."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from biopose.assets import asset
from biopose.io.checkpoint import sha256_of
from biopose.pipeline import Measurement

SAMPLE_CLIP = "clips/sports2d_demo.mp4"
SAMPLE_HEIGHT_M = 1.65  # of the clip's first person, as its makers give it; the others' heights are unknown

Measure = Callable[[Path, str], Measurement]


def bench_measure(video: Path | None, measure: Measure) -> dict[str, Any]:
    """Measure everybody in a video, and the largest person alone.

    Args:
        video: None takes the sample clip.
        measure: measures a video and writes its files; is given the video and which people, all or largest.

    Returns:
        frames_per_s end to end for everybody; seconds by stage; people and frames; one_person_frames_per_s; peak_mb.
    """
    clip = video or asset(SAMPLE_CLIP)
    everybody = _timed(clip, "all", measure)
    one = _timed(clip, "largest", measure)
    return {
        "video_sha256": sha256_of(clip),
        **everybody,
        "one_person_frames_per_s": one["frames_per_s"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _timed(clip: Path, people: str, measure: Measure) -> dict[str, Any]:
    start = perf_counter()
    measurement = measure(clip, people)
    total_s = perf_counter() - start
    return {
        "frames": measurement.frame_count,
        "people": len(measurement.people),
        "seconds": measurement.seconds | {"all, with loading": total_s},
        "frames_per_s": measurement.frame_count / total_s,
    }


def measure_lines(result: dict[str, Any]) -> list[str]:
    """The result as text."""
    return [
        f"{result['frames']} frames, {result['people']} people, overlay and report included",
        f"  {result['frames_per_s']:.2f} frames/s for everybody, {result['one_person_frames_per_s']:.2f} for one",
        *(f"  {stage:<20}{seconds:8.1f} s" for stage, seconds in result["seconds"].items()),
        f"  peak memory         {result['peak_mb']:8.0f} MB",
    ]
