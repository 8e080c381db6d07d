"""The tables at the head of a person's part of the report: measurement, athlete, camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from biopose.outputs.untrusted import UNTRUSTED_QUALITY

SEGMENTS = {
    "height_m": "height",
    "thigh_m": "thigh",
    "shank_m": "shank",
    "upper_arm_m": "upper arm",
    "forearm_m": "forearm",
    "hip_width_m": "between the hips",
    "shoulder_width_m": "between the shoulders",
}
QUALITY_ROWS = {
    "quality": ("quality, 0 to 1", "{:.2f}"),
    "reprojection_px": ("reprojection error, px", "{:.1f}"),
    "marker_error_mm": ("marker error, mm", "{:.1f}"),
    "confidence": ("keypoint confidence", "{:.2f}"),
    "seen_fraction": ("share of keypoints or markers seen", "{:.2f}"),
}
CAPTION = f"Median (central 90 % of frames). Untrusted: frames of a quality below {UNTRUSTED_QUALITY}."
MARKER_METHODS = {
    "marker_ik": "inverse kinematics on the scaled model",
    "marker_neurik": "the network NeurIK",
    "keypoint_ik": "inverse kinematics from keypoints",
}
CAMERA_SOURCES = {
    "given": "given with the video",
    "metadata": "read from the video's metadata",
    "estimate": "estimated",
}


@dataclass(frozen=True)
class Row:
    """A value with its label; the detail is shown smaller behind it."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Card:
    """A small table."""

    title: str
    rows: list[Row]
    caption: str


def cards_of(person: Mapping[str, Any], *, refinement: str | None, entered_height_m: float | None = None) -> list[Card]:
    """The cards of a person.

    Args:
        person: the entry in summary.json.
        refinement: what the refinement gained, where there was one.
        entered_height_m: of the athlete, as far as known; the fitted body has its own.
    """
    athlete = _athlete(person["body"], entered_height_m)
    return [_measurement(person, refinement), athlete, _camera(person["camera"])]


def marker_cards(recording: Mapping[str, Any], person: Mapping[str, Any]) -> list[Card]:
    """The cards of an athlete of whom markers were recorded.

    Args:
        recording: the entry in summary.json.
        person: likewise.
    """
    frames, body = person["frames"], person["body"]
    rows = [
        Row("frames", f"{frames} ({person['start_s']:.2f} to {person['end_s']:.2f} s)"),
        Row("method", MARKER_METHODS[recording["method"]]),
        Row("markers fitted", f"{len(person['markers_used'])} of {recording['markers']}"),
        _count("untrusted", person["frames_untrusted"], frames),
        *_quality_rows(person),
    ]
    athlete = [Row("height", f"{100 * body['height_m']:.1f} cm"), Row("mass of the model", f"{body['mass_kg']:.1f} kg")]
    return [
        Card("Measurement", rows, CAPTION),
        Card("Athlete", athlete, "The height as given; it scales segments without markers."),
    ]


def _measurement(person: Mapping[str, Any], refinement: str | None) -> Card:
    frames = person["frames"]
    rows = [
        Row("frames", f"{frames} ({person['start_s']:.2f} to {person['end_s']:.2f} s)"),
        _count("person detected in", person["frames_seen"], frames),
        _count("untrusted", person["frames_untrusted"], frames),
    ]
    rows += _quality_rows(person)
    if refinement:
        rows.append(Row("refinement", refinement))
    return Card("Measurement", rows, CAPTION)


def _quality_rows(person: Mapping[str, Any]) -> list[Row]:
    rows = []
    for name, (label, form) in QUALITY_ROWS.items():
        if (spread := person["quality"].get(name)) and spread["median"] is not None:
            low, median, high = (form.format(spread[percentile]) for percentile in ("p5", "median", "p95"))
            rows.append(Row(label, median, f"({low} to {high})"))
    return rows


def _athlete(body: Mapping[str, float], entered_height_m: float | None) -> Card:
    entered = [] if entered_height_m is None else [Row("height as entered", f"{100 * entered_height_m:.1f} cm")]
    rows = [Row(label, f"{100 * body[name]:.1f} cm") for name, label in SEGMENTS.items() if name in body]
    rows.insert(1, Row("mass of the body model", f"{body['mass_kg']:.1f} kg"))
    return Card(
        "Athlete",
        [*entered, *rows],
        "Height of the fitted body; lengths between its joint centres, mean of both sides.",
    )


def _camera(camera: Mapping[str, Any]) -> Card:
    (fx, fy), (cx, cy) = camera["focal_px"], camera["centre_px"]
    field_of_view_deg = 2 * np.degrees(np.arctan(camera["width_px"] / (2 * fx)))
    rows = [
        Row("focal length", f"{fx:.0f} px" if abs(fx / fy - 1) < 1e-3 else f"{fx:.0f} × {fy:.0f} px"),
        Row("uncertainty", f"± {100 * camera['focal_sd']:.0f} %" if camera["focal_sd"] else "taken as exact"),
        Row("source", CAMERA_SOURCES[camera["source"]]),
        Row("horizontal field of view", f"{field_of_view_deg:.0f}°"),
        Row("principal point", f"{cx:.0f}, {cy:.0f} px"),
        Row("lens distortion", "yes" if any(camera["distortion"]) else "none assumed"),
    ]
    return Card("Camera", rows, "± is one standard deviation; the relative uncertainty of depth is the same.")


def _count(label: str, count: int, total: int) -> Row:
    return Row(label, str(count), f"({100 * count / total:.0f} %)")
