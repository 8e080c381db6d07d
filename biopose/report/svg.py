"""Panels of curves over time as one inline SVG; its colours and fonts are those of style.css."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from biopose.rendering.ticks import ticks
from biopose.report.screen_points import column_extremes, line_rows, merged, stretches

FloatArray = NDArray[np.float64]

COLUMNS = 3
PANEL_PX = 344.0, 168.0  # width, height
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 42.0, 8.0, 24.0, 32.0  # from a panel's edge to its axes
MOST_X_TICKS, MOST_Y_TICKS = 6, 5
LEVELS = 10  # of darkness in a strip
STRIP_SHARE = 0.8  # of the distance between strips that a strip fills
LETTER_PX = 6.0  # of a name
MIN_MARGIN = 0.05  # of the vertical axis beyond the curves


@dataclass(frozen=True, eq=False)
class Curve:
    """A value over time.

    Attributes:
        kind: right, left or midline: a class of style.css.
        name: for the description.
        values: (T,); NaN where it is not known.
        reach: (T,) half the width of the band behind it; NaN where it is not known, None without a band.
    """

    kind: str
    name: str
    values: FloatArray
    reach: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Strip:
    """A probability over time, shown by darkness.

    Attributes:
        kind: as of a `Curve`.
        name: at the axis.
        values: (T,) 0 to 1.
    """

    kind: str
    name: str
    values: FloatArray


@dataclass(frozen=True, eq=False)
class Panel:
    """One plot: curves, or strips above each other.

    Attributes:
        title: with the unit.
        curves: drawn in their order.
        strips: from below.
        from_zero: the vertical axis begins at 0.
        least_span: of the vertical axis: less would magnify noise.
    """

    title: str
    curves: Sequence[Curve] = ()
    strips: Sequence[Strip] = ()
    from_zero: bool = False
    least_span: float = 0.0


def figure(
    title: str,
    panels: Sequence[Panel],
    time_s: FloatArray,
    untrusted: NDArray[np.bool_],
    *,
    columns: int = COLUMNS,
    time_title: str = "time (s)",
    shade: str = "untrusted",
) -> str:
    """The panels in rows, as an <svg> element that reads itself out by its title and description.

    Each panel's group has the pixels of its axes and their first and last time as attributes, for a cursor.

    Args:
        title: of the figure.
        panels: at least one.
        time_s: (T,) increasing.
        untrusted: (T,) frames whose background is grey.
        columns: of panels.
        time_title: of the horizontal axis: time (s), or % of a stride or trial.
        shade: what the grey background stands for: a class of plot.css.
    """
    axis = _TimeAxis(time_s)
    shades = merged((axis.edges_px[start], axis.edges_px[stop]) for start, stop in stretches(untrusted))
    width, height = columns * PANEL_PX[0], -(-len(panels) // columns) * PANEL_PX[1]
    description = _description(panels, time_s, untrusted, time_title, shade)
    parts = [
        f'<svg class="plot" role="img" aria-label="{escape(title)}" viewBox="0 0 {width:g} {height:g}">',
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>",
    ]
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        place = f"translate({column * PANEL_PX[0] + LEFT_PX:g} {row * PANEL_PX[1] + TOP_PX:g})"
        parts.append(f'<g class="panel" transform="{place}" {axis.attributes}>')
        title_below = time_title if index + columns >= len(panels) else ""
        parts += _panel(panel, axis, shades, time_title=title_below, shade=shade)
        if index == 0:
            parts += _legend(panel, axis.width_px)
        parts.append("</g>")
    return "".join([*parts, "</svg>"])


class _TimeAxis:
    """Times as horizontal pixels of the axes."""

    def __init__(self, time_s: FloatArray) -> None:
        self.width_px = PANEL_PX[0] - LEFT_PX - RIGHT_PX
        step = np.diff(time_s).mean() if len(time_s) > 1 else 1.0
        self._start_s = time_s[0] - step / 2
        self._px_per_s = self.width_px / (time_s[-1] + step / 2 - self._start_s)
        middles = (time_s[1:] + time_s[:-1]) / 2
        self.x_px = self.at(time_s)
        self.edges_px = self.at(np.concatenate([[time_s[0] - step / 2], middles, [time_s[-1] + step / 2]]))
        self.attributes = (
            f'data-width="{self.width_px:g}" data-height="{PANEL_PX[1] - TOP_PX - BOTTOM_PX:g}" '
            f'data-from="{self._start_s:.6g}" data-to="{self._start_s + self.width_px / self._px_per_s:.6g}"'
        )
        self.ticks = ticks(float(time_s[0]), float(time_s[-1]), most=MOST_X_TICKS)

    def at(self, time_s: FloatArray) -> FloatArray:
        """Pixels of times."""
        x_px: FloatArray = (time_s - self._start_s) * self._px_per_s
        return x_px


def _panel(
    panel: Panel, axis: _TimeAxis, shades: Sequence[tuple[float, float]], *, time_title: str, shade: str
) -> list[str]:
    height = PANEL_PX[1] - TOP_PX - BOTTOM_PX
    parts = [f'<path class="{shade}" d="{_boxes(shades, 0.0, height)}"/>'] if shades else []
    parts.append(f'<text class="title" y="-7">{escape(panel.title)}</text>')
    if panel.strips:
        parts += _strips(panel.strips, axis, height)
    else:
        low, high = _limits(panel)
        scale = height / (high - low)
        levels = ticks(low, high, most=MOST_Y_TICKS)
        rows = [(height - (level - low) * scale, tick_text(level)) for level in levels]
        parts.append(f'<path class="grid" d="{"".join(f"M0 {y:.1f}h{axis.width_px:g}" for y, _ in rows)}"/>')
        parts += [f'<text class="tick y" x="-5" y="{y + 3:.1f}">{text}</text>' for y, text in rows]
        for curve in panel.curves:
            parts += _curve(curve, axis.x_px, lambda values: height - (values - low) * scale)
    columns = [(x, tick_text(second)) for x, second in zip(axis.at(np.array(axis.ticks)), axis.ticks, strict=True)]
    if not panel.strips:
        parts.append(f'<path class="grid" d="{"".join(f"M{x:.1f} 0v{height:g}" for x, _ in columns)}"/>')
    parts += [f'<text class="tick x" x="{x:.1f}" y="{height + 12:g}">{text}</text>' for x, text in columns]
    parts.append(f'<path class="axes" d="M0 0v{height:g}h{axis.width_px:g}"/>')
    if time_title:
        parts.append(f'<text class="tick x" x="{axis.width_px / 2:g}" y="{height + 25:g}">{escape(time_title)}</text>')
    return parts


def _limits(panel: Panel) -> tuple[float, float]:
    """Of the vertical axis: around all curves and bands."""
    lows = [curve.values - (0 if curve.reach is None else np.nan_to_num(curve.reach)) for curve in panel.curves]
    highs = [curve.values + (0 if curve.reach is None else np.nan_to_num(curve.reach)) for curve in panel.curves]
    known = np.concatenate([values[np.isfinite(values)] for values in (*lows, *highs)])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    margin = MIN_MARGIN * (high - low)
    low, high = (0.0, max(high, 0.0) + margin) if panel.from_zero else (low - margin, high + margin)
    missing = max(0.0, max(panel.least_span, 1e-6) - (high - low))
    return (low, high + missing) if panel.from_zero else (low - missing / 2, high + missing / 2)


def _curve(curve: Curve, x_px: FloatArray, y_of: Callable[[FloatArray], FloatArray]) -> list[str]:
    parts = []
    if curve.reach is not None:
        known = np.isfinite(curve.values) & np.isfinite(curve.reach)
        band = []
        for start, stop in stretches(known):
            part = slice(start, stop)
            low, high = curve.values[part] - curve.reach[part], curve.values[part] + curve.reach[part]
            x, low, high = column_extremes(x_px[part], low, high)
            band.append(_points(np.append(x, x[::-1]), y_of(np.append(high, low[::-1]))) + "z")
        if band:
            parts.append(f'<path class="band {curve.kind}" d="{"".join(band)}"/>')
    line = []
    for start, stop in stretches(np.isfinite(curve.values)):
        rows = start + line_rows(x_px[start:stop], curve.values[start:stop])
        line.append(_points(x_px[rows], y_of(curve.values[rows])) + ("h.1" if stop - start == 1 else ""))
    return [*parts, f'<path class="line {curve.kind}" d="{"".join(line)}"/>']


def _strips(strips: Sequence[Strip], axis: _TimeAxis, height: float) -> list[str]:
    """A row each; frames of about the same darkness are one path."""
    parts = []
    distance = height / len(strips)
    for index, strip in enumerate(strips):
        middle = height - (index + 0.5) * distance
        parts.append(f'<text class="tick y" x="-5" y="{middle + 3:.1f}">{escape(strip.name)}</text>')
        values, edges = _per_column(strip.values, axis.edges_px)
        levels = np.rint(np.nan_to_num(values) * LEVELS).astype(np.int64)
        for level in range(1, LEVELS + 1):
            spans = [(edges[start], edges[stop]) for start, stop in stretches(levels == level)]
            if spans:
                boxes = _boxes(spans, middle - STRIP_SHARE * distance / 2, STRIP_SHARE * distance)
                parts.append(f'<path class="strip {strip.kind}" fill-opacity="{level / LEVELS:g}" d="{boxes}"/>')
    return parts


def _per_column(values: FloatArray, edges_px: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The mean of each column of pixels, with the columns' edges; as given where there are fewer frames."""
    columns = np.floor(edges_px[:-1]).astype(np.int64)
    starts = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
    if len(values) <= 2 * len(starts):
        return values, edges_px
    counts = np.diff(np.append(starts, len(values)))
    return np.add.reduceat(values, starts) / counts, np.append(edges_px[starts], edges_px[-1])


def _legend(panel: Panel, width_px: float) -> list[str]:
    """Names of the curves at the right of the first panel's title; none where there is one, or they have none."""
    parts = []
    named = [curve for curve in panel.curves if curve.name]
    longest_px = LETTER_PX * max((len(curve.name) for curve in named), default=0)
    for place, curve in enumerate(reversed(named) if len(named) > 1 else ()):
        left = width_px + 8.0 - (longest_px + 22.0) * (place + 1)
        parts.append(f'<path class="line {curve.kind}" d="M{left:g} -10h16"/>')
        parts.append(f'<text class="tick" x="{left + 19:g}" y="-7">{escape(curve.name)}</text>')
    return parts


def tick_text(value: float) -> str:
    """A tick as text, with a true minus sign."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _points(x_px: FloatArray, y_px: FloatArray) -> str:
    """A path through points, to a tenth of a pixel."""
    x, y = np.rint(10 * x_px).astype(int).tolist(), np.rint(10 * y_px).astype(int).tolist()
    return "M" + " ".join(f"{a / 10:g} {b / 10:g}" for a, b in zip(x, y, strict=True))


def _boxes(spans_px: Sequence[tuple[float, float]], top: float, height: float) -> str:
    return "".join(f"M{a:.1f} {top:.1f}h{b - a:.1f}v{height:.1f}h{a - b:.1f}z" for a, b in spans_px)


def _description(
    panels: Sequence[Panel], time_s: FloatArray, untrusted: NDArray[np.bool_], time_title: str, shade: str
) -> str:
    """What the figure shows, in words: the extent of each curve."""
    is_time = not time_title.startswith("%")
    extent = f"From {time_s[0]:.2f} to {time_s[-1]:.2f} s" if is_time else f"From {time_s[0]:g} to {time_s[-1]:g} %"
    shaded = f"; {int(untrusted.sum())} of {len(time_s)} {'frames' if is_time else 'per cents'} {shade}"
    lines = [f"{extent}{shaded if is_time or untrusted.any() else ''}."]
    for panel in panels:
        for curve in panel.curves:
            if np.isfinite(curve.values).any():
                low, high = np.nanmin(curve.values), np.nanmax(curve.values)
                name = f"{panel.title}, {curve.name}" if curve.name else panel.title
                lines.append(f"{name}: {low:.1f} to {high:.1f}.")
    return " ".join(lines)
