"""Values of a recording at other times, and over short gaps: piecewise cubic interpolation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.io.trajectories import FloatArray

ADJACENT = 1.5  # of the median interval: frames farther apart have others missing between them
SAME_TIME = 1e-6  # of a frame: a time so near to a recorded one is that one


def uniform_times(time_s: FloatArray, *, rate_hz: float) -> FloatArray:
    """Times (F,) in seconds from the first to the last of a recording, at a constant rate.

    Args:
        time_s: increasing.
        rate_hz: positive.
    """
    return time_s[0] + np.arange(np.floor((time_s[-1] - time_s[0]) * rate_hz + SAME_TIME) + 1) / rate_hz


def interpolated(time_s: FloatArray, values: FloatArray, at_s: FloatArray, *, longest_gap_s: float) -> FloatArray:
    """Values (A, n) at times, by a cubic through the known neighbours whose slopes are those of a local parabola.

    Known values are kept as they are. A gap of up to `longest_gap_s` between two known values is interpolated, a longer
    one stays one (NaN), and so does what lies before the first known value or after the last. Frames that the times
    skip are a gap, too.

    Args:
        time_s: (F,) increasing, seconds.
        values: (F, n), NaN for gaps.
        at_s: (A,) seconds.
        longest_gap_s: from the last known value before a gap to the first after it.
    """
    columns = [_column(time_s, column, at_s, longest_gap_s=longest_gap_s) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.empty((len(at_s), 0))


def _column(time_s: FloatArray, values: FloatArray, at_s: FloatArray, *, longest_gap_s: float) -> FloatArray:
    known = np.flatnonzero(~np.isnan(values))
    result = np.full(len(at_s), np.nan)
    if not len(known):
        return result
    t, x = time_s[known], values[known]
    slack_s = SAME_TIME * float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    nearest = _nearest(t, at_s)
    recorded = np.abs(t[nearest] - at_s) <= slack_s
    result[recorded] = x[nearest[recorded]]
    if len(known) == 1:
        return result
    left = (np.searchsorted(t, at_s, side="right") - 1).clip(0, len(t) - 2)
    step_s = ADJACENT * float(np.median(np.diff(time_s)))
    adjacent = (np.diff(known) == 1) & (np.diff(t) <= step_s + slack_s)
    bridged = adjacent | (np.diff(t) <= longest_gap_s + slack_s)
    inside = ~recorded & (at_s > t[0]) & (at_s < t[-1]) & bridged[left]
    result[inside] = _cubic(t, x, at_s[inside], left[inside])
    return result


def _nearest(t: FloatArray, at_s: FloatArray) -> NDArray[np.intp]:
    right = np.searchsorted(t, at_s).clip(1, max(len(t) - 1, 1))
    if len(t) == 1:
        return np.zeros(len(at_s), dtype=np.intp)
    nearest: NDArray[np.intp] = np.where(at_s - t[right - 1] <= t[right] - at_s, right - 1, right)
    return nearest


def _cubic(t: FloatArray, x: FloatArray, at_s: FloatArray, left: NDArray[np.intp]) -> FloatArray:
    """Hermite's cubic between neighbours, with slopes of the parabola through three points."""
    slope = np.gradient(x, t, edge_order=2 if len(t) > 2 else 1)
    h = t[left + 1] - t[left]
    u = (at_s - t[left]) / h
    from_left = (1 + 2 * u) * (1 - u) ** 2 * x[left] + u * (1 - u) ** 2 * h * slope[left]
    from_right = u**2 * (3 - 2 * u) * x[left + 1] - u**2 * (1 - u) * h * slope[left + 1]
    result: FloatArray = from_left + from_right
    return result
