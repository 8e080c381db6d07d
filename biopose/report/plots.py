"""The report's plots, as inline SVG.

The background of untrusted frames is grey. A light band is an angle's 95 % interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from biopose.outputs.marker_trial import MarkerMeasurement
from biopose.outputs.summary import untrusted
from biopose.reconstruction.measurement import FOOT_POINTS, PersonMeasurement
from biopose.rendering.curve_strip import BAND_SD
from biopose.report.svg import Curve, Panel, Strip, figure

MIN_SPAN_DEG = 10.0  # of an axis: less would magnify noise

# Groups of panels: coordinate to title; a name that ends in "_" stands for both sides.
PANELS: dict[str, dict[str, str]] = {
    "Lower limb": {
        "hip_flexion_": "hip flexion",
        "hip_adduction_": "hip adduction",
        "hip_rotation_": "hip internal rotation",
        "knee_angle_": "knee flexion",
        "ankle_angle_": "ankle dorsiflexion",
        "subtalar_angle_": "subtalar inversion",
        "mtp_angle_": "toe flexion",
    },
    "Pelvis, trunk and neck": {
        "pelvis_tilt": "pelvis tilt",
        "pelvis_list": "pelvis list",
        "pelvis_rotation": "pelvis rotation",
        "lumbar_extension": "trunk extension",
        "lumbar_bending": "trunk bending",
        "lumbar_rotation": "trunk rotation",
        "neck_flexion": "neck extension",
        "neck_bending": "neck bending",
        "neck_rotation": "neck rotation",
    },
    "Upper limb": {
        "arm_flex_": "shoulder flexion",
        "arm_add_": "shoulder adduction",
        "arm_rot_": "shoulder rotation",
        "elbow_flex_": "elbow flexion",
        "pro_sup_": "forearm pronation",
        "wrist_flex_": "wrist flexion",
        "wrist_dev_": "wrist deviation",
    },
}
QUALITY_PANELS = {
    "quality": "quality (0 to 1)",
    "reprojection_px": "reprojection error (px)",
    "marker_error_mm": "marker error, root mean square (mm)",
    "confidence": "keypoint confidence",
    "seen_fraction": "share of keypoints or markers seen",
}
Measured = PersonMeasurement | MarkerMeasurement
QUALITY_TITLE = "Quality of each frame"


@dataclass(frozen=True)
class Plots:
    """A person's plots as SVG.

    Attributes:
        angles: by group of coordinates.
        quality: of each frame.
    """

    angles: dict[str, str]
    quality: str

    @classmethod
    def of(cls, one: PersonMeasurement) -> Plots:
        """All of a person's from video."""
        return cls(angle_plots(one), quality_plot(one))

    @classmethod
    def of_markers(cls, one: MarkerMeasurement) -> Plots:
        """All of an athlete's from markers."""
        return cls(angle_plots(one), _figure(QUALITY_TITLE, _quality_panels(one), one))


def angle_plots(one: Measured) -> dict[str, str]:
    """SVG of each group of coordinates; those that the skeleton lacks are left out."""
    groups = {group: _angle_panels(one, panels) for group, panels in PANELS.items()}
    return {group: _figure(group, panels, one) for group, panels in groups.items() if panels}


def has_bands(one: Measured) -> bool:
    """Whether the standard deviation of some angle is known."""
    return one.coordinate_sd is not None and bool(np.isfinite(one.coordinate_sd).any())


def quality_plot(one: PersonMeasurement) -> str:
    """SVG of each frame's quality metrics and of the feet's contact with the ground."""
    strips = [
        Strip(name.split("_")[0], name.replace("_", " "), one.contact[:, index])
        for index, name in enumerate(FOOT_POINTS)
    ]
    return _figure(QUALITY_TITLE, [*_quality_panels(one), Panel("on the ground (probability)", strips=strips)], one)


def _quality_panels(one: Measured) -> list[Panel]:
    return [
        Panel(title, [Curve("midline", "", one.quality[name])], from_zero=True)
        for name, title in QUALITY_PANELS.items()
        if name in one.quality
    ]


def _figure(title: str, panels: Sequence[Panel], one: Measured) -> str:
    return figure(title, panels, one.coordinates.time_s, untrusted(one))


def _angle_panels(one: Measured, panels: dict[str, str]) -> list[Panel]:
    drawn = {title: _sides(name, one.coordinates.names) for name, title in panels.items()}
    return [
        Panel(f"{title} (°)", [_angle(one, *side) for side in sides], least_span=MIN_SPAN_DEG)
        for title, sides in drawn.items()
        if sides
    ]


def _angle(one: Measured, column: str, kind: str) -> Curve:
    index = one.coordinates.names.index(column)
    sd = None if one.coordinate_sd is None else BAND_SD * np.degrees(one.coordinate_sd[:, index])
    name = "" if kind == "midline" else kind
    return Curve(kind, name, np.degrees(one.coordinates.values[:, index]), sd)


def _sides(name: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Column and side of each that exists."""
    if not name.endswith("_"):
        return [(name, "midline")] if name in names else []
    sides = ((f"{name}r", "right"), (f"{name}l", "left"))
    return [side for side in sides if side[0] in names]
