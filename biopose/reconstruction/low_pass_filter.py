"""Zero-lag low-pass filtering of coordinates, as biomechanics does it.

A second-order Butterworth filter run forwards and backwards (Winter 2009, Biomechanics and Motor Control of Human
Movement, section 2.2.4.4), its cut-off raised by 1/0.802 so that both passes together have the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

# Winter 2009: 6 Hz keeps 99.7 % of walking's power at the toe. Running and landing have content up to 10 to 15 Hz
# (Mai & Willwacher 2019, J Biomech 92:8; Kristianslund et al. 2012, J Biomech 45:666).
CUTOFF_HZ: Mapping[str, float] = {
    "walk": 6.0,
    "squat": 6.0,
    "other": 8.0,
    "countermovement_jump": 10.0,
    "drop_jump": 12.0,
    "run": 12.0,
    "sprint": 14.0,
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
    from scipy.signal import butter, sosfiltfilt  # seconds, and the cut-offs are read without them

    if not can_filter(time_s, cutoff_hz=cutoff_hz):
        return values
    rate_hz = _rate_hz(time_s)
    even_s = np.linspace(time_s[0], time_s[-1], len(time_s))
    even = np.stack([np.interp(even_s, time_s, column) for column in values.T], axis=-1)
    sections = butter(2, cutoff_hz / BOTH_PASSES, fs=rate_hz, output="sos")
    padding = min(len(time_s) - 1, int(np.ceil(rate_hz / cutoff_hz)))
    smooth = sosfiltfilt(sections, even, axis=0, padlen=padding)
    return np.stack([np.interp(time_s, even_s, column) for column in smooth.T], axis=-1)


def can_filter(time_s: NDArray[np.float64], *, cutoff_hz: float) -> bool:
    """Whether there are enough frames, often enough, for a filter of this cut-off."""
    return len(time_s) >= LEAST_FRAMES and cutoff_hz / BOTH_PASSES < HIGHEST_SHARE * _rate_hz(time_s) / 2


def _rate_hz(time_s: NDArray[np.float64]) -> float:
    return float((len(time_s) - 1) / (time_s[-1] - time_s[0]))
