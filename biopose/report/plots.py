"""The report's plots, as inline SVG; the background of untrusted frames is grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from biopose.outputs.marker_trial import MarkerMeasurement
from biopose.outputs.summary import untrusted
from biopose.reconstruction.measurement import FOOT_POINTS, PersonMeasurement
from biopose.report.angle_panels import angle_panels
from biopose.report.svg import Curve, Panel, Strip, figure

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
    sd_deg = None if one.coordinate_sd is None else np.degrees(one.coordinate_sd)
    groups = angle_panels(one.coordinates.names, np.degrees(one.coordinates.values), sd_deg)
    return {group: _figure(group, panels, one) for group, panels in groups.items()}


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
