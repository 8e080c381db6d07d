"""The report's plots, as self-contained SVG.

The background of untrusted frames is grey. A light band is an angle's 95 % interval.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biopose.outputs.summary import untrusted
from biopose.reconstruction.measurement import FOOT_POINTS, PersonMeasurement
from biopose.rendering.curve_strip import LEFT_COLOUR, LEFT_DASHES, RIGHT_COLOUR, draw_band

MIDLINE_COLOUR = "#3a7d6b"  # not grey, which marks untrusted frames
UNTRUSTED_GREY = "0.88"
COLUMNS = 3
MIN_SPAN_DEG = 10.0  # of an axis: less would magnify noise
DASHES = {"left": LEFT_DASHES}
PANEL_IN = (3.7, 1.75)  # width, height
DPI = 200  # of the images inside a plot, such as bands

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
    "confidence": "keypoint confidence",
    "seen_fraction": "share of keypoints detected",
}
FOOT_COLOURS = dict(zip(FOOT_POINTS, (LEFT_COLOUR, LEFT_COLOUR, RIGHT_COLOUR, RIGHT_COLOUR), strict=True))


def angle_plots(one: PersonMeasurement) -> dict[str, str]:
    """SVG of each group of coordinates; those that the skeleton lacks are left out."""
    return {group: svg for group, panels in PANELS.items() if (svg := _angle_plot(one, panels))}


def has_bands(one: PersonMeasurement) -> bool:
    """Whether the standard deviation of some angle is known."""
    return one.coordinate_sd is not None and bool(np.isfinite(one.coordinate_sd).any())


def quality_plot(one: PersonMeasurement) -> str:
    """SVG of each frame's quality metrics and of the feet's contact with the ground."""
    names = [name for name in QUALITY_PANELS if name in one.quality]
    figure, all_axes = _panels(len(names) + 1)
    for axes, name in zip(all_axes, names, strict=False):
        axes.plot(one.track.time_s, one.quality[name], color=MIDLINE_COLOUR, linewidth=1.0)
        axes.set_ylim(bottom=0)
        axes.set_title(QUALITY_PANELS[name], fontsize=9, loc="left")
    _draw_contact(one, all_axes[len(names)])
    for axes in all_axes:
        _shade_untrusted(axes, one)
    return _svg(figure)


def _angle_plot(one: PersonMeasurement, panels: dict[str, str]) -> str:
    coordinates, time_s = one.coordinates, one.track.time_s
    present = {name: title for name, title in panels.items() if _sides(name, coordinates.names)}
    if not present:
        return ""
    figure, all_axes = _panels(len(present))
    for axes, (name, title) in zip(all_axes, present.items(), strict=True):
        for column, colour, label in _sides(name, coordinates.names):
            index = coordinates.names.index(column)
            angle_deg = np.degrees(coordinates.values[:, index])
            if one.coordinate_sd is not None:
                draw_band(axes, time_s, angle_deg, np.degrees(one.coordinate_sd[:, index]), colour=colour)
            axes.plot(time_s, angle_deg, color=colour, linewidth=1.2, label=label, linestyle=DASHES.get(label, "-"))
        _widen(axes)
        axes.set_title(f"{title} (°)", fontsize=9, loc="left")
        _shade_untrusted(axes, one)
    if len(all_axes[0].lines) > 1:
        all_axes[0].legend(fontsize=7, frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.02, 0.98))
    return _svg(figure)


def _widen(axes: Axes) -> None:
    low, high = axes.get_ylim()
    missing = max(0.0, MIN_SPAN_DEG - (high - low))
    axes.set_ylim(low - missing / 2, high + missing / 2)


def _sides(name: str, names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Column, colour and label of each side that exists."""
    if not name.endswith("_"):
        return [(name, MIDLINE_COLOUR, "")] if name in names else []
    sides = ((f"{name}r", RIGHT_COLOUR, "right"), (f"{name}l", LEFT_COLOUR, "left"))
    return [side for side in sides if side[0] in names]


def _draw_contact(one: PersonMeasurement, axes: Axes) -> None:
    """The probability that each part of the feet is on the ground: darker is higher."""
    edges = _edges(one.track.time_s)
    for index, name in enumerate(FOOT_POINTS):
        colour = matplotlib.colors.LinearSegmentedColormap.from_list("", ["white", FOOT_COLOURS[name]])
        bounds = [index - 0.4, index + 0.4]
        # Rasterized: vector shapes for each frame of an hour are more than a browser displays.
        axes.pcolormesh(edges, bounds, one.contact[:, index][None], cmap=colour, vmin=0, vmax=1, rasterized=True)
    axes.set_yticks(range(len(FOOT_POINTS)), [name.replace("_", " ") for name in FOOT_POINTS], fontsize=7)
    axes.set_title("on the ground (probability)", fontsize=9, loc="left")
    axes.grid(visible=False)


def _edges(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T + 1,) the bounds between frames."""
    step = np.diff(time_s).mean() if len(time_s) > 1 else 1.0
    middles = (time_s[1:] + time_s[:-1]) / 2
    edges: NDArray[np.float64] = np.concatenate([[time_s[0] - step / 2], middles, [time_s[-1] + step / 2]])
    return edges


def _shade_untrusted(axes: Axes, one: PersonMeasurement) -> None:
    edges = _edges(one.track.time_s)
    for start, stop in runs(untrusted(one)):
        axes.axvspan(edges[start], edges[stop], color=UNTRUSTED_GREY, linewidth=0, zorder=0)


def runs(flags: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """Start and stop (exclusive) of each stretch of true flags."""
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return zip(bounds[::2].tolist(), bounds[1::2].tolist(), strict=True)


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    rows = -(-count // COLUMNS)
    width, height = PANEL_IN[0] * COLUMNS, PANEL_IN[1] * rows
    figure = Figure(figsize=(width, height), dpi=DPI)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    # Margins in inches: matplotlib's automatic layout takes longer than all drawing.
    figure.subplots_adjust(0.45 / width, 0.42 / height, 1 - 0.1 / width, 1 - 0.3 / height, wspace=0.2, hspace=0.42)
    used = list(grid.flat)[:count]
    for axes in list(grid.flat)[count:]:
        axes.remove()
    for index, axes in enumerate(used):
        axes.tick_params(labelsize=7, length=2)
        axes.grid(color="0.92", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.005)
        if index + COLUMNS >= count:
            axes.set_xlabel("time (s)", fontsize=8)
    return figure, used


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "biopose"}):
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    return stream.getvalue()
