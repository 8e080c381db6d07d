"""A plot of curves from 0 to 100 per cent, with the values that the page shows under the pointer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from biopose.report.svg import Panel, figure
from warehouse.errors import QueryError

PERCENT = np.arange(101.0)
WHOLE = slice(None)
LEAST_POINTS = 2  # of a part that is drawn
PHASES = "stride or trial"  # where it is not known of which


@dataclass(frozen=True)
class PercentPlot:
    """A plot of a page.

    Attributes:
        title: of its panel.
        svg: the plot.
        curves: JSON of its values, which static/plot.js reads.
    """

    title: str
    svg: Markup
    curves: str


def asked_part(asked: Mapping[str, str]) -> slice:
    """The part of PERCENT that a page draws.

    Args:
        asked: from and to, whole per cents; each may be missing or empty.

    Raises:
        QueryError: one is no per cent, or there are not two between them.
    """
    start, stop = (_asked_percent(asked, name, default) for name, default in (("from", 0), ("to", 100)))
    if stop - start + 1 < LEAST_POINTS:
        raise QueryError(f"from, to: found {start} and {stop} %; from has to be less than to")
    return slice(start, stop + 1)


def percent_plot(
    panel: Panel,
    significant: NDArray[np.bool_] | None = None,
    *,
    percent: NDArray[np.float64] = PERCENT,
    part: slice = WHOLE,
    of: str = PHASES,
) -> PercentPlot:
    """A panel of curves of P points.

    Args:
        panel: the unit in brackets at the end of its title.
        significant: (P,) where the background is grey; None: nowhere.
        percent: (P,) increasing, where the points are.
        part: of the points, that is drawn.
        of: what lasts 100 per cent.
    """
    shaded = np.zeros(len(percent), bool) if significant is None else significant
    curves = [
        replace(curve, values=curve.values[part], reach=None if curve.reach is None else curve.reach[part])
        for curve in panel.curves
    ]
    svg = figure(
        panel.title,
        [replace(panel, curves=curves)],
        percent[part],
        shaded[part],
        columns=1,
        time_title=f"% of the {of}",
        shade="significant",
    )
    named = [[curve.name, _rounded(curve.values)] for curve in curves if curve.name]
    points = [int(one) if one.is_integer() else one for one in percent[part].tolist()]
    content = {"x": points, "unit": "%", "curves": named}
    return PercentPlot(panel.title, Markup(svg), json.dumps(content, separators=(",", ":")))  # noqa: S704 - escaped there


def _asked_percent(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name) or str(default)
    if not (text.isdecimal() and int(text) <= PERCENT[-1]):
        raise QueryError(f"{name}: found {text!r}; expected a whole per cent, 0 to 100")
    return int(text)


def _rounded(values: NDArray[np.float64]) -> list[float | None]:
    return [round(float(value), 1) if math.isfinite(value) else None for value in values]
