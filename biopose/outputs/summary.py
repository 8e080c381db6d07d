"""A summary of a measurement: the metrics of summary.json, which the report shows too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biopose.io.files import written_whole
from biopose.outputs.marker_trial import MarkerMeasurement
from biopose.outputs.trial import body_scales, body_size
from biopose.outputs.untrusted import UNTRUSTED_QUALITY
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.video.frames import VideoInfo


def summary_of(
    people: Sequence[PersonMeasurement],
    files: Sequence[Sequence[str]],
    *,
    video: Path,
    info: VideoInfo,
    settings: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that summary.json holds; NaN becomes None, as JSON has no NaN.

    Args:
        people: who was measured.
        files: of each person, relative to the folder of summary.json.
        video: the file.
        info: about it.
        settings: what the measurement was asked to do; can be JSON.
        versions: of code and networks; can be JSON.
    """
    facts = ("width_px", "height_px", "nominal_rate_hz", "duration_s", "codec")
    return {
        "video": {"name": video.name} | {name: getattr(info, name) for name in facts},
        "people": [person_summary(one) | {"files": list(own)} for one, own in zip(people, files, strict=True)],
        "settings": dict(settings),
        "versions": dict(versions),
    }


def person_summary(one: PersonMeasurement) -> dict[str, Any]:
    """One person's metrics."""
    track = one.track
    return {
        "person": track.person,
        **_frames_summary(one, track.time_s),
        "frames_seen": int(track.detected.sum()),
        "first_frame": int(track.frame_indices[0]),
        "rate_hz": _known(track.rate_hz),
        "body": body_size(one.person),
        "body_scales": body_scales(one.person),
        "camera": asdict(one.camera),
        "refinement": one.refinement and asdict(one.refinement),
    }


def marker_summary(
    one: MarkerMeasurement,
    files: Sequence[str],
    *,
    recording: str,
    height_m: float,
    settings: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that summary.json of a recording of markers holds.

    Args:
        one: the measurement.
        files: relative to the folder of summary.json.
        recording: name of the file.
        height_m: of the athlete.
        settings: as of `summary_of`.
        versions: likewise.
    """
    time_s = one.coordinates.time_s
    return {
        "recording": {
            "name": recording,
            "markers": len(one.markers.names),
            "rate_hz": one.markers.rate_hz if len(time_s) > 1 else None,
            "force_plates": len(one.plates.names) if one.plates else 0,
            "method": one.method,
        },
        "people": [
            {
                **_frames_summary(one, time_s),
                "body": {"height_m": height_m, "mass_kg": round(one.skeleton.mass_kg, 3)},
                "body_scales": dict(one.body_scales),
                "markers_used": list(one.used),
                "files": list(files),
            }
        ],
        "settings": dict(settings),
        "versions": dict(versions),
    }


def _frames_summary(one: PersonMeasurement | MarkerMeasurement, time_s: NDArray[np.float64]) -> dict[str, Any]:
    """What every summary has of a person's frames, however they were recorded."""
    return {
        "frames": len(time_s),
        "frames_untrusted": int(untrusted(one).sum()),
        "start_s": float(time_s[0]),
        "end_s": float(time_s[-1]),
        "quality": {name: spread(values) for name, values in one.quality.items()},
        "notes": list(one.notes),
    }


def untrusted(one: PersonMeasurement | MarkerMeasurement) -> NDArray[np.bool_]:
    """(T,) the frames that cannot be relied on; none where the quality is not known."""
    quality = one.quality.get("quality")
    if quality is None:
        return np.zeros(len(one.coordinates.time_s), dtype=np.bool_)
    return ~(quality >= UNTRUSTED_QUALITY)


def spread(values: NDArray[np.float64]) -> dict[str, float | None]:
    """Median and the central 90 % of what is known."""
    known = values[np.isfinite(values)]
    if not len(known):
        return {"median": None, "p5": None, "p95": None}
    p5, median, p95 = np.percentile(known, [5, 50, 95]).round(4).tolist()
    return {"median": median, "p5": p5, "p95": p95}


def write_summary(summary: Mapping[str, Any], path: Path) -> Path:
    """Write summary.json, whole or not at all."""
    with written_whole(path) as partial:
        partial.write_text(json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False), encoding="utf-8")
    return path


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None
