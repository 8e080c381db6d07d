"""What the greatest and the least of a measured curve err by, found by sampling errors that are smooth in time.

An extreme is read where the error, too, is extreme, so it errs by more than a single frame does, and to one side.
Errors of neighbouring frames are alike: independent ones would be extreme far more often. Errors as large and as smooth
as those of the curve are added to it once more (a parametric bootstrap: Efron & Tibshirani 1993, An Introduction to the
Bootstrap, section 6.5). Where the true curve is level, so that errors alone decide which frame is extreme, two such
errors reach sqrt(2) times as far as the one that is in the measured extreme: what is added is BIAS_SHARE of its bias.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from biopose.analysis.measured_trial import FloatArray

SMOOTH_S = 0.1  # the correlation of errors t apart is exp(-t^2 / (2 SMOOTH_S^2))
BLOCK_S = SMOOTH_S / 2  # in which an error is the same
SAMPLES = 200
BIAS_SHARE = np.sqrt(2) - 1


def sampled_extremes(time_s: FloatArray, values: FloatArray, sd: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(SAMPLES,) the least, and the greatest, of the curve with sampled errors.

    Args:
        time_s: (T,) increasing, at least one.
        values: (T,) without gaps.
        sd: (T,) standard deviation of what varies through the trial; NaN, where it is not known, counts as 0.
    """
    block = ((time_s - time_s[0]) / BLOCK_S + 1e-6).astype(int)
    first = np.flatnonzero(np.diff(block, prepend=-1))
    errors = _smooth_errors(int(block[-1]) + 1)[:, block[first]] * np.maximum.reduceat(np.nan_to_num(sd), first)
    low, high = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
    return (low + errors).min(axis=1), (high + errors).max(axis=1)


def sd_of_extreme(samples: FloatArray, value: float) -> float:
    """Standard deviation of a measured extreme, or of a range, its bias included.

    Args:
        samples: of it with sampled errors.
        value: measured.
    """
    bias = (samples.mean() - value) / BIAS_SHARE
    return float(np.sqrt(samples.var() + bias**2))


@lru_cache(maxsize=8)
def _smooth_errors(blocks: int) -> FloatArray:
    """(SAMPLES, blocks) of standard deviation 1, the same in every call."""
    reach = round(3 * SMOOTH_S / BLOCK_S)
    kernel = np.exp(-((np.arange(-reach, reach + 1) * BLOCK_S / SMOOTH_S) ** 2))
    white = np.random.default_rng(0).normal(size=(SAMPLES, blocks + 2 * reach))
    windows = np.lib.stride_tricks.sliding_window_view(white, 2 * reach + 1, axis=1)
    return np.asarray(windows @ (kernel / np.linalg.norm(kernel)))
