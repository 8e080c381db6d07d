"""Curves of any length as the few points that a screen can show of them.

Of all frames in one column of pixels the first, the least, the greatest and the last value are kept: drawn as a line
they cover the same pixels (Jugel et al. 2014, "M4: a visualization-oriented time series data aggregation").
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
PER_COLUMN = 4  # points that stand for a column of pixels


def stretches(known: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and stop (exclusive) of each run of true flags."""
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return list(zip(bounds[::2].tolist(), bounds[1::2].tolist(), strict=True))


def line_rows(x_px: FloatArray, y: FloatArray) -> NDArray[np.int64]:
    """(n,) the rows, in their order, that are enough to draw y (T,) over increasing x_px (T,); both finite."""
    rows = np.arange(len(y))
    columns = np.floor(x_px).astype(np.int64)
    starts = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
    if len(y) <= PER_COLUMN * len(starts):
        return rows
    stops = np.append(starts[1:], len(y))
    by_value = np.lexsort((y, columns))
    return np.unique(np.concatenate([starts, stops - 1, by_value[starts], by_value[stops - 1]]))


def column_extremes(x_px: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """x, least low and greatest high of each column of pixels; as given where columns have two frames or fewer."""
    columns = np.floor(x_px).astype(np.int64)
    starts = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
    if len(x_px) <= 2 * len(starts):
        return x_px, low, high
    middle: FloatArray = columns[starts].astype(np.float64) + 0.5
    middle[0], middle[-1] = x_px[0], x_px[-1]
    least: FloatArray = np.minimum.reduceat(low, starts)
    greatest: FloatArray = np.maximum.reduceat(high, starts)
    return middle, least, greatest


def merged(spans_px: Iterable[tuple[float, float]], *, gap_px: float = 0.5) -> list[tuple[float, float]]:
    """Increasing spans, those nearer to each other than gap_px made one."""
    joined: list[tuple[float, float]] = []
    for start, stop in spans_px:
        if joined and start - joined[-1][1] < gap_px:
            joined[-1] = joined[-1][0], stop
        else:
            joined.append((start, stop))
    return joined
