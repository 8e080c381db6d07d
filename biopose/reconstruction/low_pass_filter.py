"""Zero-lag low-pass filtering of coordinates, as biomechanics does it.

A second-order Butterworth filter run forwards and backwards (Winter 2009, Biomechanics and Motor Control of Human
Movement, section 2.2.4.4), its cut-off raised by 1/0.802 so that both passes together have the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

# Winter 2009: 6 Hz keeps 99.7 % of walking's power at the toe. Running and landing have content up to 10 to 15 Hz
# (Mai & Willwacher 2019, J Biomech 95:109311; Kristianslund et al. 2012, J Biomech 45:666).
CUTOFF_HZ: Mapping[str, float] = {
    "walk": 6.0,
    "squat": 6.0,
    "other": 8.0,
    "countermovement_jump": 10.0,
    "drop_jump": 12.0,
    "run": 12.0,
    "sprint": 14.0,
    "throw": 14.0,
    "kick": 14.0,
}
BOTH_PASSES = 0.802
HIGHEST_SHARE = 0.9  # of half the frame rate; above, nothing is filtered
LEAST_FRAMES = 4


def low_pass(values: NDArray[np.float64], time_s: NDArray[np.float64], *, cutoff_hz: float) -> NDArray[np.float64]:
    """Filter columns (T, n) over time.

    Uneven frames are filtered at as many even times and interpolated back. Where the frame rate is too low for the
    cut-off (`can_filter`), the values are returned as they are.

    Args:
        values: (T, n) without NaN.
        time_s: (T,) increasing.
        cutoff_hz: where half the power passes.
    """
    if not can_filter(time_s, cutoff_hz=cutoff_hz):
        return values
    rate_hz = _rate_hz(time_s)
    even_s = np.linspace(time_s[0], time_s[-1], len(time_s))
    even = np.stack([np.interp(even_s, time_s, column) for column in values.T], axis=-1)
    padding = min(len(time_s) - 1, int(np.ceil(rate_hz / cutoff_hz)))
    smooth = _forwards_and_backwards(even, padding, share=cutoff_hz / BOTH_PASSES / rate_hz)
    return np.stack([np.interp(time_s, even_s, column) for column in smooth.T], axis=-1)


def can_filter(time_s: NDArray[np.float64], *, cutoff_hz: float) -> bool:
    """Whether there are enough frames, often enough, for a filter of this cut-off."""
    return len(time_s) >= LEAST_FRAMES and cutoff_hz / BOTH_PASSES < HIGHEST_SHARE * _rate_hz(time_s) / 2


def _forwards_and_backwards(values: NDArray[np.float64], padding: int, *, share: float) -> NDArray[np.float64]:
    """Both passes over columns (T, n), continued at either end by so many frames turned about the end's value.

    Args:
        values: (T, n).
        padding: frames, below T.
        share: the cut-off of one pass over the frame rate.
    """
    before, after = 2 * values[0] - values[padding:0:-1], 2 * values[-1] - values[-2 : -2 - padding : -1]
    once = _butterworth(np.concatenate([before, values, after]), share=share)
    return _butterworth(once[::-1], share=share)[::-1][padding : padding + len(values)]


def _butterworth(x: NDArray[np.float64], *, share: float) -> NDArray[np.float64]:
    """A second-order low-pass filter of columns (T, n), at rest at their first values before they begin.

    Coefficients by the bilinear transform (Robertson et al. 2013, Research Methods in Biomechanics, chapter 12). The
    recursion is solved as a banded system; scipy.signal, which has the filter, takes long to load.
    """
    from scipy.linalg import solve_banded  # planning a night reads the cut-offs alone

    k = np.tan(np.pi * share)
    scale = 1 / (1 + np.sqrt(2) * k + k**2)
    b = k**2 * scale * np.array([1.0, 2.0, 1.0])
    a = np.array([1.0, 2 * (k**2 - 1) * scale, (1 - np.sqrt(2) * k + k**2) * scale])
    earlier = np.concatenate([x[:1], x[:1], x])
    right = b[0] * earlier[2:] + b[1] * earlier[1:-1] + b[2] * earlier[:-2]
    right[0] -= (a[1] + a[2]) * x[0]
    right[1] -= a[2] * x[0]
    return np.asarray(solve_banded((2, 0), np.repeat(a[:, None], len(x), axis=1), right))


def _rate_hz(time_s: NDArray[np.float64]) -> float:
    return float((len(time_s) - 1) / (time_s[-1] - time_s[0]))
