"""A plot of curves from 0 to 100 per cent, with the values that the page shows under the pointer."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from biopose.report.svg import Panel, figure

PERCENT = np.arange(101.0)


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


def percent_plot(
    panel: Panel, significant: NDArray[np.bool_] | None = None, *, percent: NDArray[np.float64] = PERCENT
) -> PercentPlot:
    """A panel of curves of P points.

    Args:
        panel: the unit in brackets at the end of its title.
        significant: (P,) where the background is grey; None: nowhere.
        percent: (P,) increasing, where the points are.
    """
    shaded = np.zeros(len(percent), bool) if significant is None else significant
    svg = figure(panel.title, [panel], percent, shaded, columns=1, time_title="%", shade="significant")
    named = [[curve.name, _rounded(curve.values)] for curve in panel.curves if curve.name]
    content = {"x": [int(one) if one.is_integer() else one for one in percent.tolist()], "unit": "%", "curves": named}
    return PercentPlot(panel.title, Markup(svg), json.dumps(content, separators=(",", ":")))  # noqa: S704 - escaped there


def _rounded(values: NDArray[np.float64]) -> list[float | None]:
    return [round(float(value), 1) if math.isfinite(value) else None for value in values]
