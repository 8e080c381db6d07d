"""Panels of joint angles over time; a light band is an angle's 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence

from biopose.rendering.curve_strip import BAND_SD
from biopose.report.svg import Curve, FloatArray, Panel

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


def angle_panels(names: Sequence[str], values_deg: FloatArray, sd_deg: FloatArray | None) -> dict[str, list[Panel]]:
    """A panel for each angle, both sides in one, by group of coordinates.

    Args:
        names: of the coordinates, without units.
        values_deg: (T, coordinates).
        sd_deg: likewise, their standard deviations; None where they are not known.
    """
    groups = {
        group: [
            Panel(f"{title} (°)", [_angle(side, names, values_deg, sd_deg) for side in sides], least_span=MIN_SPAN_DEG)
            for name, title in titles.items()
            if (sides := _sides(name, names))
        ]
        for group, titles in PANELS.items()
    }
    return {group: panels for group, panels in groups.items() if panels}


def _angle(side: tuple[str, str], names: Sequence[str], values_deg: FloatArray, sd_deg: FloatArray | None) -> Curve:
    column, kind = side
    index = names.index(column)
    reach = None if sd_deg is None else BAND_SD * sd_deg[:, index]
    return Curve(kind, "" if kind == "midline" else kind, values_deg[:, index], reach)


def _sides(name: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Column and side of each that exists."""
    if not name.endswith("_"):
        return [(name, "midline")] if name in names else []
    sides = ((f"{name}r", "right"), (f"{name}l", "left"))
    return [side for side in sides if side[0] in names]
