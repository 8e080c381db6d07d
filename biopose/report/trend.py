"""A metric over days as an inline SVG, with the colours and fonts of plot.css.

Each session's mean has its 95 % interval; behind are the squad's band and the scale of the smallest detectable change.
A broken line marks where another release of the models measured than before.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from biopose.rendering.ticks import ticks
from biopose.report.svg import tick_text

WIDTH_PX, HEIGHT_PX = 344.0, 178.0
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 46.0, 14.0, 26.0, 24.0  # from the edge to the axes
MOST_Y_TICKS, MOST_DAYS = 5, 4
MARGIN = 0.08  # of the vertical axis beyond what is drawn
SIDE_OFFSET_PX = 2.5  # right and left of one session are drawn beside each other
POINT_PX = 3.2
LONGEST_TITLE = 30  # characters, beside the names of two sides; a longer one is above them
TITLE_ROW_PX = 14.0
RELEASE_OFFSET_PX = 8.0  # the mark of another release is before its first session


@dataclass(frozen=True)
class Session:
    """A session's mean.

    Attributes:
        day: of the session.
        value: in the metric's unit.
        reach: half of its 95 % interval; None where it is not known.
        name: shown with the point.
        link: where the point leads; empty for nowhere.
        release: that measured it; the plot marks where it changes. Empty: not known.
    """

    day: datetime.date
    value: float
    reach: float | None
    name: str
    link: str
    release: str = ""


@dataclass(frozen=True)
class Series:
    """A side's sessions.

    Attributes:
        kind: right, left or midline: a class of plot.css.
        name: of the side; empty where there is one.
        sessions: in the order of time, at least one.
        band: the squad's, low and high; None where there are too few athletes.
        detectable: the smallest detectable change; None where there are too few sessions.
    """

    kind: str
    name: str
    sessions: Sequence[Session]
    band: tuple[float, float] | None = None
    detectable: float | None = None


def trend(title: str, series: Sequence[Series]) -> str:
    """The plot as an <svg> element that reads itself out by its title and description.

    Args:
        title: with the unit.
        series: at least one.
    """
    axes, named = _Axes(series), escape(title)
    row_px = TITLE_ROW_PX if len(series) > 1 and len(title) > LONGEST_TITLE else 0.0
    parts = [
        f'<svg class="plot trend" role="group" aria-label="{named}" viewBox="0 0 {WIDTH_PX:g} {HEIGHT_PX + row_px:g}">',
        f"<title>{named}</title><desc>{escape(_description(series))}</desc>",
        f'<g transform="translate({LEFT_PX:g} {TOP_PX + row_px:g})">',
        f'<text class="title" y="{-9 - row_px:g}">{named}</text>',
        *_grid(axes),
        *(_band(one, axes) for one in series if one.band),
        *_names(series, axes),
        *_release_changes(series, axes),
    ]
    for number, one in enumerate(series):
        parts += _sessions(one, axes, offset_px=SIDE_OFFSET_PX * (2 * number - len(series) + 1))
        parts += _detectable(one, axes, x_px=axes.width_px - 4 - 7 * number)
    return "".join([*parts, "</g></svg>"])


class _Axes:
    """Days and values as pixels."""

    def __init__(self, series: Sequence[Series]) -> None:
        self.width_px, self.height_px = WIDTH_PX - LEFT_PX - RIGHT_PX, HEIGHT_PX - TOP_PX - BOTTOM_PX
        days = [session.day for one in series for session in one.sessions]
        self.first, self.last = min(days), max(days)
        drawn = list(_extents(series))
        low, high = min(drawn), max(drawn)
        margin = MARGIN * (high - low) or max(abs(high) * MARGIN, 0.5)
        self.low, self.high = low - margin, high + margin

    def x(self, day: datetime.date) -> float:
        """Pixels of a day; a single one is in the middle."""
        days = (self.last - self.first).days
        edge = 12.0
        room = self.width_px - 2 * edge - 16  # where the smallest detectable changes are
        return self.width_px / 2 if not days else edge + (day - self.first).days / days * room

    def y(self, value: float) -> float:
        """Pixels of a value."""
        return self.height_px * (1 - (value - self.low) / (self.high - self.low))


def _extents(series: Sequence[Series]) -> Iterator[float]:
    for one in series:
        for session in one.sessions:
            yield from (session.value - (session.reach or 0.0), session.value + (session.reach or 0.0))
        yield from one.band or ()


def _grid(axes: _Axes) -> list[str]:
    levels = [(axes.y(level), tick_text(level)) for level in ticks(axes.low, axes.high, most=MOST_Y_TICKS)]
    parts = [f'<path class="grid" d="{"".join(f"M0 {y:.1f}h{axes.width_px:g}" for y, _ in levels)}"/>']
    parts += [f'<text class="tick y" x="-5" y="{y + 3:.1f}">{text}</text>' for y, text in levels]
    for day in _labelled_days(axes.first, axes.last):
        parts.append(f'<text class="tick x" x="{axes.x(day):.1f}" y="{axes.height_px + 14:g}">{day}</text>')
    return [*parts, f'<path class="axes" d="M0 0v{axes.height_px:g}h{axes.width_px:g}"/>']


def _labelled_days(first: datetime.date, last: datetime.date) -> list[datetime.date]:
    """At most four days, evenly spaced, the first and the last among them."""
    days = (last - first).days
    count = min(MOST_DAYS, days + 1)
    return [first + datetime.timedelta(days=round(days * number / max(count - 1, 1))) for number in range(count)]


def _band(one: Series, axes: _Axes) -> str:
    assert one.band is not None
    top, bottom = axes.y(one.band[1]), axes.y(one.band[0])
    title = f"squad{f', {one.name}' if one.name else ''}: {one.band[0]:.4g} to {one.band[1]:.4g}"
    box = f'<rect class="band {one.kind}" y="{top:.1f}" width="{axes.width_px:g}" height="{bottom - top:.1f}">'
    return f"{box}<title>{escape(title)}</title></rect>"


def _sessions(one: Series, axes: _Axes, *, offset_px: float) -> list[str]:
    places = [(axes.x(session.day) + offset_px, axes.y(session.value)) for session in one.sessions]
    parts = [f'<path class="line {one.kind}" d="M{" ".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>']
    for session, (x, y) in zip(one.sessions, places, strict=True):
        known = session.reach is not None and math.isfinite(session.reach)
        reach = session.reach if known and session.reach is not None else 0.0
        interval = f" ± {reach:.4g}" if known else ""
        title = f"{session.name}{f', {one.name}' if one.name else ''}: {session.value:.4g}{interval}"
        low, high = axes.y(session.value - reach), axes.y(session.value + reach)
        begin, end = (f'<a href="{escape(session.link)}" tabindex="-1">', "</a>") if session.link else ("<g>", "</g>")
        parts.append(
            f"{begin}<title>{escape(title)}</title>"
            f'<path class="interval {one.kind}" d="M{x:.1f} {high:.1f}V{low:.1f}"/>'
            f'<circle class="point {one.kind}" cx="{x:.1f}" cy="{y:.1f}" r="{POINT_PX:g}"/>{end}'
        )
    return parts


def _detectable(one: Series, axes: _Axes, *, x_px: float) -> list[str]:
    """A scale at the right: a change that is shorter than it cannot be distinguished from noise."""
    if one.detectable is None:
        return []
    height = min(one.detectable / (axes.high - axes.low) * axes.height_px, axes.height_px)
    title = f"smallest detectable change{f', {one.name}' if one.name else ''}: {one.detectable:.4g}"
    line = f"M{x_px - 2:g} 0h4m-2 0v{height:.1f}m-2 0h4"
    return [f'<path class="detectable {one.kind}" d="{line}"><title>{escape(title)}</title></path>']


def _changes(series: Sequence[Series]) -> list[tuple[datetime.date, str, str]]:
    """The days from which on another release measured: the day, the release before and that one."""
    found = {}
    for one in series:
        for before, after in pairwise(one.sessions):
            if before.release and after.release and before.release != after.release:
                found[after.day] = (before.release, after.release)
    return [(day, *found[day]) for day in sorted(found)]


def _release_changes(series: Sequence[Series], axes: _Axes) -> list[str]:
    return [
        f'<path class="release" d="M{axes.x(day) - RELEASE_OFFSET_PX:.1f} 0v{axes.height_px:g}">'
        f"<title>{escape(f'from {day} on measured with {after}, before with {before}')}</title></path>"
        for day, before, after in _changes(series)
    ]


def _names(series: Sequence[Series], axes: _Axes) -> list[str]:
    parts = []
    for place, one in enumerate(reversed(series) if len(series) > 1 else ()):
        right = axes.width_px - 52.0 * place
        parts.append(f'<path class="line {one.kind}" d="M{right - 44:g} -12h16"/>')
        parts.append(f'<text class="tick" x="{right - 25:g}" y="-9">{escape(one.name)}</text>')
    return parts


def _description(series: Sequence[Series]) -> str:
    lines = []
    for one in series:
        first, last = one.sessions[0], one.sessions[-1]
        name = f"{one.name}: " if one.name else ""
        lines.append(
            f"{name}{len(one.sessions)} sessions, {first.value:.4g} on {first.day}, {last.value:.4g} on {last.day}."
        )
    lines += [f"From {day} on measured with {after}, before with {before}." for day, before, after in _changes(series)]
    return " ".join(lines)
