"""What the greatest and the least of a measured curve err by, found by sampling errors that are smooth in time.

An extreme is read where the error, too, is extreme, so it errs by more than a single frame does, and to one side.
Errors of neighbouring frames are alike: independent ones would be extreme far more often. Errors as large and as smooth
as those of the curve are added to it once more (a parametric bootstrap: Efron & Tibshirani 1993, An Introduction to the
Bootstrap, section 6.5). Where the true curve is level, so that errors alone decide which frame is extreme, two such
errors reach sqrt(2) times as far as the one that is in the measured extreme: what is added is BIAS_SHARE of its bias.
The bias is also no larger than the error that the extreme's own frame is likely to have: where a few other frames are
uncertain, their errors may be alike over longer than is assumed, and then do not make each a candidate.
For a curve that is level throughout this is too little: 95 % intervals then hold 81 % of such extremes, or 92 to 95 %
where errors are alike over 0.25 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.measured_trial import FloatArray

SMOOTH_S = 0.1  # the correlation of errors t apart is exp(-t^2 / (2 SMOOTH_S^2))
BLOCK_S = SMOOTH_S / 2  # in which an error is the same
SAMPLES = 200
BIAS_SHARE = np.sqrt(2) - 1
MOST_BIAS_SD = 1.16  # of the extreme's frame: the greatest of five independent errors, on average


@dataclass(frozen=True, eq=False)
class SampledExtremes:
    """Extremes of a curve with sampled errors.

    Attributes:
        lowest: (SAMPLES,) its least.
        highest: (SAMPLES,) its greatest.
        reach: the greatest of the errors alone, on average: the bias of the greatest of a level curve.
    """

    lowest: FloatArray
    highest: FloatArray
    reach: float


def sampled_extremes(time_s: FloatArray, values: FloatArray, sd: FloatArray) -> SampledExtremes:
    """Sample the extremes of a curve.

    Args:
        time_s: (T,) increasing, at least one.
        values: (T,) without gaps.
        sd: (T,) standard deviation of what varies through the trial; NaN, where it is not known, counts as 0.
    """
    block = ((time_s - time_s[0]) / BLOCK_S + 1e-6).astype(int)
    first = np.flatnonzero(np.diff(block, prepend=-1))
    size = 1 << int(block[-1]).bit_length()  # few sizes, so that trials and cycles of many lengths share them
    errors = _smooth_errors(size)[:, block[first]]
    errors *= np.maximum.reduceat(np.nan_to_num(sd), first).astype(np.float32)
    low, high = (of.reduceat(values, first).astype(np.float32) for of in (np.minimum, np.maximum))
    lowest, highest = (low + errors).min(axis=1), (high + errors).max(axis=1)
    return SampledExtremes(lowest.astype(np.float64), highest.astype(np.float64), float(errors.max(axis=1).mean()))


def sd_of_extreme(samples: FloatArray, value: float, *, most_bias: float) -> float:
    """Standard deviation of a measured extreme, or of a range, its bias included.

    Args:
        samples: of it with sampled errors.
        value: measured.
        most_bias: its bias at most.
    """
    bias = min((samples.mean() - value) / BIAS_SHARE, most_bias)
    return float(np.sqrt(samples.var() + bias**2))


@lru_cache(maxsize=4)
def _smooth_errors(blocks: int) -> NDArray[np.float32]:
    """(SAMPLES, blocks) of standard deviation 1, the same in every call; half of them are the others' negatives."""
    reach = round(3 * SMOOTH_S / BLOCK_S)
    kernel = np.exp(-((np.arange(-reach, reach + 1) * BLOCK_S / SMOOTH_S) ** 2))
    kernel /= np.linalg.norm(kernel)
    white = np.random.default_rng(0).standard_normal((SAMPLES // 2, blocks + 2 * reach), dtype=np.float32)
    errors = np.zeros((SAMPLES // 2, blocks), dtype=np.float32)
    for place, weight in enumerate(kernel.astype(np.float32)):
        errors += weight * white[:, place : place + blocks]
    return np.concatenate([errors, -errors])
