"""Curves of the leg's angles with a cursor at the time of the video's frame.

A light band behind a curve is the angle's 95 % interval, where its standard deviation is known.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biopose.io.trajectories import CoordinateTrajectories, FloatArray
from biopose.rendering.drawing import Colour, draw_dot

CURVES = {"hip_flexion": "hip flexion", "knee_angle": "knee flexion", "ankle_angle": "ankle dorsiflexion"}
RIGHT_COLOUR, LEFT_COLOUR = "#d1495b", "#2e6f9e"
LEFT_DASHES = (0, (4, 1.2))  # so that both of two equal curves are visible
SIDE_COLOURS: dict[str, Colour] = {"r": (209, 73, 91), "l": (46, 111, 158)}
PAGE_S = 12.0  # duration that the strip shows at once
DPI = 100
MAX_TICKS = 5  # of time: more would overlap
MIN_MARGIN_DEG = 2.0
BAND_SD = 1.96  # standard deviations to each side of a curve: 95 %
BAND_OPACITY = 0.2


class CurveStrip:
    """A panel whose curves are drawn once a page; each frame adds the cursor."""

    def __init__(
        self,
        coordinates: CoordinateTrajectories,
        coordinate_sd: FloatArray | None = None,
        *,
        width_px: int,
        height_px: int,
    ) -> None:
        """Prepare the pages.

        Args:
            coordinates: (T, Q) radians.
            coordinate_sd: (T, Q) standard deviations, radians, NaN where one is not known; None where none is.
            width_px: of the panel.
            height_px: of the panel.
        """
        self._time_s = coordinates.time_s
        columns = [f"{name}_{side}" for name in CURVES for side in SIDE_COLOURS]
        self._angles_deg = _degrees(coordinates, coordinates.values, columns)
        unknown = np.full_like(coordinates.values, np.nan)
        self._sd_deg = _degrees(coordinates, unknown if coordinate_sd is None else coordinate_sd, columns)
        self._size = width_px, height_px
        duration = coordinates.time_s[-1] - coordinates.time_s[0]
        self._pages = max(1, int(np.ceil(duration / (1.25 * PAGE_S))))
        self._page_s = duration / self._pages if duration > 0 else 1.0
        self._page = -1
        self._background = np.empty((0, 0, 3), dtype=np.uint8)
        self._axes_px: list[tuple[float, float, float, float]] = []
        self._limits_deg: list[tuple[float, float]] = []

    def draw(self, time_s: float) -> NDArray[np.uint8]:
        """The panel (height_px, width_px, 3) at a time; outside the recording the cursor is left out."""
        first, last = self._time_s[[0, -1]]
        page = int(np.clip((time_s - first) / self._page_s, 0, self._pages - 1))
        if page != self._page:
            self._draw_page(page)
        pixels = self._background.copy()
        if first <= time_s <= last:
            self._put_cursor(pixels, time_s)
        return pixels

    def _put_cursor(self, pixels: NDArray[np.uint8], time_s: float) -> None:
        start = self._time_s[0] + self._page * self._page_s
        for name, (left, top, right, bottom), (low, high) in zip(CURVES, self._axes_px, self._limits_deg, strict=True):
            x = left + (time_s - start) / self._page_s * (right - left)
            column = slice(max(round(x), 0), round(x) + 1)
            pixels[round(top) : round(bottom), column] = (60, 60, 60)
            for side, colour in SIDE_COLOURS.items():
                angle = np.interp(time_s, self._time_s, self._angles_deg[f"{name}_{side}"])
                draw_dot(pixels, x, bottom - (angle - low) / (high - low) * (bottom - top), colour, radius_px=3.5)

    def _draw_page(self, page: int) -> None:
        width, height = self._size
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        all_axes = figure.subplots(len(CURVES), 1, sharex=True)
        start_s = self._time_s[0] + page * self._page_s
        for axes, (name, title) in zip(all_axes, CURVES.items(), strict=True):
            self._draw_curves(axes, name, start_s)
            axes.set_title(f"{title} (°)", fontsize=8, loc="left", pad=2)
        for x, side, colour in ((0.88, "right", RIGHT_COLOUR), (1.0, "left", LEFT_COLOUR)):
            position = {"ha": "right", "va": "bottom", "transform": all_axes[0].transAxes}
            all_axes[0].text(x, 1.0, side, color=colour, fontsize=8, **position)
        all_axes[-1].set_xlabel("time (s)", fontsize=7, labelpad=1)
        figure.subplots_adjust(42 / width, 34 / height, 1 - 10 / width, 1 - 20 / height, hspace=0.34)
        canvas.draw()
        self._background = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
        self._page = page
        boxes = [axes.get_window_extent() for axes in all_axes]
        self._axes_px = [(box.x0 - 0.5, height - box.y1 - 0.5, box.x1 - 0.5, height - box.y0 - 0.5) for box in boxes]
        self._limits_deg = [axes.get_ylim() for axes in all_axes]

    def _draw_curves(self, axes: Axes, name: str, start_s: float) -> None:
        """Both sides' curve from a time on; the limits are those of the whole recording, so that pages compare."""
        end_s = start_s + self._page_s
        first, last = np.searchsorted(self._time_s, [start_s, end_s])
        rows = slice(max(0, first - 1), last + 1)
        for side, colour, dashes in (("r", RIGHT_COLOUR, "-"), ("l", LEFT_COLOUR, LEFT_DASHES)):
            angle_deg, sd_deg = self._angles_deg[f"{name}_{side}"], self._sd_deg[f"{name}_{side}"]
            draw_band(axes, self._time_s[rows], angle_deg[rows], sd_deg[rows], colour=colour)
            axes.plot(self._time_s[rows], angle_deg[rows], color=colour, linewidth=1.3, linestyle=dashes)
        low, high = self._extent_deg(name)
        margin = max(0.06 * (high - low), MIN_MARGIN_DEG)
        axes.set(xlim=(start_s, end_s), ylim=(low - margin, high + margin))
        axes.locator_params(axis="x", nbins=MAX_TICKS)
        axes.tick_params(labelsize=7, length=2)
        axes.grid(color="0.9", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)

    def _extent_deg(self, name: str) -> tuple[float, float]:
        """Least and greatest of both sides' curves and bands."""
        angle_deg, sd_deg = (
            np.concatenate([values[f"{name}_{side}"] for side in SIDE_COLOURS])
            for values in (self._angles_deg, self._sd_deg)
        )
        reach_deg = BAND_SD * np.nan_to_num(sd_deg)
        return float(np.nanmin(angle_deg - reach_deg)), float(np.nanmax(angle_deg + reach_deg))


def draw_band(axes: Axes, time_s: FloatArray, angle_deg: FloatArray, sd_deg: FloatArray, *, colour: str) -> None:
    """The 95 % interval behind a curve, where its standard deviation is known."""
    if np.isfinite(sd_deg).any():
        low_deg, high_deg = angle_deg - BAND_SD * sd_deg, angle_deg + BAND_SD * sd_deg
        # Rasterized: a vector outline of each frame of an hour is more than a browser displays.
        axes.fill_between(
            time_s, low_deg, high_deg, color=colour, alpha=BAND_OPACITY, linewidth=0, zorder=1, rasterized=True
        )


def _degrees(coordinates: CoordinateTrajectories, values: FloatArray, names: list[str]) -> dict[str, FloatArray]:
    """(T,) degrees of each name, from values (T, Q) in radians whose columns are those of the coordinates."""
    return {name: np.degrees(values[:, coordinates.names.index(name)]) for name in names}
