"""Curves of the leg's angles with a cursor at the time of the video's frame.

A light band behind a curve is the angle's 95 % interval, where its standard deviation is known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.io.trajectories import CoordinateTrajectories, FloatArray
from biopose.rendering.drawing import (
    DARK,
    TEXT_MARGIN_PX,
    Colour,
    draw_area,
    draw_dot,
    draw_line,
    draw_text,
    text_size_px,
)
from biopose.rendering.ticks import ticks

CURVES = {"hip_flexion": "hip flexion", "knee_angle": "knee flexion", "ankle_angle": "ankle dorsiflexion"}
SIDE_COLOURS: dict[str, Colour] = {"r": (209, 73, 91), "l": (46, 111, 158)}
PAGE_S = 12.0  # duration that the strip shows at once
MAX_TICKS, MAX_LEVELS = 5, 3  # of time, of degrees: more would overlap
LINE_PX = 1.8
DASHES_PX = {"r": None, "l": (7.2, 2.2)}  # so that both of two equal curves are visible
GRID, AXES, CURSOR = (229, 229, 229), (100, 100, 100), (60, 60, 60)
TITLE_PX, TICK_PX = 11, 10  # of the fonts
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX, GAP_PX = 42, 10, 20, 34, 20  # around and between the axes
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
        x = float(self._x_px(np.array(time_s)))
        for index, (name, (_, top, _, bottom)) in enumerate(zip(CURVES, self._axes_px, strict=True)):
            pixels[round(top) : round(bottom), int(x + 0.5)] = CURSOR
            for side, colour in SIDE_COLOURS.items():
                angle_deg = np.interp(time_s, self._time_s, self._angles_deg[f"{name}_{side}"])
                draw_dot(pixels, x, float(self._y_px(index, np.array(angle_deg))), colour, radius_px=3.5)

    def _draw_page(self, page: int) -> None:
        width, height = self._size
        pixels = np.full((height, width, 3), 255, dtype=np.uint8)
        each = (height - TOP_PX - BOTTOM_PX - GAP_PX * (len(CURVES) - 1)) / len(CURVES)
        tops = [TOP_PX + index * (each + GAP_PX) for index in range(len(CURVES))]
        self._axes_px = [(float(LEFT_PX), top, float(width - RIGHT_PX), top + each) for top in tops]
        self._limits_deg = [self._limits_of(name) for name in CURVES]
        self._page = page
        for index, (name, title) in enumerate(CURVES.items()):
            left, top, _, _ = self._axes_px[index]
            self._draw_axes(pixels, index, with_times=index == len(CURVES) - 1)
            self._draw_curves(pixels, index, name)
            _put_text(pixels, f"{title} (°)", left, top - TITLE_PX - 5, size_px=TITLE_PX, align=0.0, below=True)
        right, above = width - RIGHT_PX, TOP_PX - TITLE_PX - 5
        for x, side, title in ((right - 38, "r", "right"), (right, "l", "left")):
            _put_text(pixels, title, x, above, SIDE_COLOURS[side], size_px=TITLE_PX, align=1.0, below=True)
        middle = (LEFT_PX + width - RIGHT_PX) / 2
        _put_text(pixels, "time (s)", middle, height - 3, size_px=TICK_PX, align=0.5, below=False)
        self._background = pixels

    def _draw_axes(self, pixels: NDArray[np.uint8], index: int, *, with_times: bool) -> None:
        """Grid, ticks and axes, on whole pixels."""
        left, top, right, bottom = (round(edge) for edge in self._axes_px[index])
        low, high = self._limits_deg[index]
        start_s = self._time_s[0] + self._page * self._page_s
        for level in ticks(low, high, most=MAX_LEVELS):
            y = float(self._y_px(index, np.array(level)))
            pixels[round(y), left:right] = GRID
            _put_text(pixels, f"{level:g}", left - 3, y + TICK_PX / 2, size_px=TICK_PX, align=1.0, below=False)
        for second in ticks(start_s, start_s + self._page_s, most=MAX_TICKS):
            x = float(self._x_px(np.array(second)))
            pixels[top:bottom, min(round(x), right - 1)] = GRID
            if with_times:
                _put_text(pixels, f"{second:g}", x, bottom + 4, size_px=TICK_PX, align=0.5, below=True)
        pixels[top:bottom, left] = AXES
        pixels[bottom, left:right] = AXES

    def _draw_curves(self, pixels: NDArray[np.uint8], index: int, name: str) -> None:
        """Both sides' curves and bands; the limits are those of the whole recording, so that pages compare."""
        left, top, right, bottom = (round(edge) for edge in self._axes_px[index])
        start_s = self._time_s[0] + self._page * self._page_s
        first, last = np.searchsorted(self._time_s, [start_s, start_s + self._page_s])
        rows = slice(max(0, first - 1), last + 1)
        inside = pixels[top:bottom, left:right]
        for side, colour in SIDE_COLOURS.items():
            angle_deg, sd_deg = self._angles_deg[f"{name}_{side}"][rows], self._sd_deg[f"{name}_{side}"][rows]
            x = self._x_px(self._time_s[rows]) - left
            low, high = (self._y_px(index, angle_deg + sign * BAND_SD * sd_deg) - top for sign in (-1, 1))
            draw_area(inside, x, low, high, colour, opacity=BAND_OPACITY)
            line = np.stack([x, self._y_px(index, angle_deg) - top], axis=1)
            draw_line(inside, line, colour, width_px=LINE_PX, dashes_px=DASHES_PX[side])

    def _x_px(self, time_s: FloatArray) -> FloatArray:
        left, _, right, _ = self._axes_px[0]
        x_px: FloatArray = left + (time_s - self._time_s[0] - self._page * self._page_s) / self._page_s * (right - left)
        return x_px

    def _y_px(self, index: int, angle_deg: FloatArray) -> FloatArray:
        _, top, _, bottom = self._axes_px[index]
        low, high = self._limits_deg[index]
        y_px: FloatArray = bottom - (angle_deg - low) / (high - low) * (bottom - top)
        return y_px

    def _limits_of(self, name: str) -> tuple[float, float]:
        low, high = self._extent_deg(name)
        margin = max(0.06 * (high - low), MIN_MARGIN_DEG)
        return low - margin, high + margin

    def _extent_deg(self, name: str) -> tuple[float, float]:
        """Least and greatest of both sides' curves and bands."""
        angle_deg, sd_deg = (
            np.concatenate([values[f"{name}_{side}"] for side in SIDE_COLOURS])
            for values in (self._angles_deg, self._sd_deg)
        )
        reach_deg = BAND_SD * np.nan_to_num(sd_deg)
        return float(np.nanmin(angle_deg - reach_deg)), float(np.nanmax(angle_deg + reach_deg))


def _put_text(
    pixels: NDArray[np.uint8],
    text: str,
    x_px: float,
    y_px: float,
    colour: Colour = DARK,
    *,
    size_px: int,
    align: float,
    below: bool,
) -> None:
    """Draw a text without a box; align is the share of its width that lies left of x_px; it is below or above y_px."""
    width, height = text_size_px(text, size_px)
    left, top = x_px - align * width - TEXT_MARGIN_PX, y_px - (0 if below else height) - TEXT_MARGIN_PX
    draw_text(pixels, text, left, top, colour, size_px=size_px, background=0.0)


def _degrees(coordinates: CoordinateTrajectories, values: FloatArray, names: list[str]) -> dict[str, FloatArray]:
    """(T,) degrees of each name, from values (T, Q) in radians whose columns are those of the coordinates."""
    return {name: np.degrees(values[:, coordinates.names.index(name)]) for name in names}
