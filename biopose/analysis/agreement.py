"""Agreement of two measurements of one trial, frame by frame, and over trials (Bland & Altman).

Limits of agreement of repeated pairs, where the true value varies: the variance of a difference is that between trials
plus that within them (Bland & Altman 2007, J Biopharm Stat 17:571).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SDS_OF_95 = 1.96


@dataclass(frozen=True, eq=False)
class TrialAgreement:
    """What distinguishes a second measurement of one trial from the first.

    Attributes:
        bias: (C,) mean of second minus first.
        sd: (C,) standard deviation of the difference over frames.
        rms: (C,) root mean square of the difference.
        within_intervals: (C,) share of frames whose difference lies within its 95 % interval, if both standard
            deviations are right and errors independent; NaN where a measurement has none.
        sd_ratio: (C,) mean standard deviation of the second over that of the first.
        frames: that both have.
    """

    bias: FloatArray
    sd: FloatArray
    rms: FloatArray
    within_intervals: FloatArray
    sd_ratio: FloatArray
    frames: int


def trial_agreement(
    first: FloatArray, second: FloatArray, first_sd: FloatArray, second_sd: FloatArray, *, is_angle: NDArray[np.bool_]
) -> TrialAgreement:
    """Compare two measurements of the same frames.

    Args:
        first: (T, C) coordinates; NaN where one is not known.
        second: likewise.
        first_sd: (T, C) their standard deviations, without errors that both measurements share.
        second_sd: likewise.
        is_angle: (C,) in degrees: differences are taken on the circle.
    """
    difference = second - first
    difference = np.where(is_angle, (difference + 180) % 360 - 180, difference)
    reach = SDS_OF_95 * np.hypot(first_sd, second_sd)
    known = np.isfinite(difference) & np.isfinite(reach)
    with np.errstate(divide="ignore", invalid="ignore"):
        within = ((np.abs(difference) <= reach) & known).sum(axis=0) / known.sum(axis=0)
        ratio = _mean(second_sd) / _mean(first_sd)
    bias = _mean(difference)
    return TrialAgreement(
        bias=bias,
        sd=np.sqrt(_mean((difference - bias) ** 2)),
        rms=np.sqrt(_mean(difference**2)),
        within_intervals=within,
        sd_ratio=ratio,
        frames=len(difference),
    )


@dataclass(frozen=True, eq=False)
class ReferenceErrors:
    """What distinguishes a measurement of one trial from its reference.

    Attributes:
        bias: (C,) mean of measurement minus reference; NaN where no frame has both.
        mean_absolute: (C,) mean absolute difference.
        coverage: (C,) share of frames whose reference lies within the measurement's 95 % interval; NaN where it has no
            standard deviation.
        frames: that have a reference.
    """

    bias: FloatArray
    mean_absolute: FloatArray
    coverage: FloatArray
    frames: int


def reference_errors(measured: FloatArray, sd: FloatArray, reference: FloatArray) -> ReferenceErrors:
    """Compare angles with those of a reference, frame by frame, on the circle.

    Args:
        measured: (T, C) degrees; NaN where one is not known.
        sd: (T, C) their standard deviations.
        reference: (T, C) degrees; NaN where there is none.
    """
    difference = (measured - reference + 180) % 360 - 180
    known = np.isfinite(difference) & np.isfinite(sd)
    with np.errstate(divide="ignore", invalid="ignore"):
        coverage = ((np.abs(difference) <= SDS_OF_95 * sd) & known).sum(axis=0) / known.sum(axis=0)
    frames = int(np.isfinite(difference).any(axis=1).sum())
    return ReferenceErrors(_mean(difference), _mean(np.abs(difference)), coverage, frames)


def limits_of_agreement(biases: FloatArray, sds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(C,) bias, lower and upper limit, between which 95 % of the differences of frames lie; NaN of one trial alone.

    Args:
        biases: (N, C) of each trial.
        sds: (N, C) within each trial.
    """
    bias = _mean(biases)
    known = np.isfinite(biases)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(known, (biases - bias) ** 2, 0.0).sum(axis=0) / (known.sum(axis=0) - 1)
    reach = SDS_OF_95 * np.sqrt(between + _mean(sds**2))
    return bias, bias - reach, bias + reach


def _mean(values: FloatArray) -> FloatArray:
    """Over the first axis, of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean: FloatArray = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
    return mean
