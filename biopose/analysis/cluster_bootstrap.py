"""Intervals of means over trials where trials of one athlete resemble each other: the bootstrap-t over athletes.

Athletes are drawn with replacement, each with all their trials; the mean of each draw is studentised by its own
cluster-robust standard error (Cameron, Gelbach & Miller 2008, Rev Econ Stat 90:414; Davison & Hinkley 1997, section
5.2). With few athletes the intervals are wide, and infinite below four: then nothing is known. What few athletes do not
show, no interval does: where one athlete in ten differs much, ten athletes often hold none of them, and the mean then
lies beyond the interval far more often than stated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAST_CLUSTERS = 4
ROUNDING = 1e-12  # relative to the mean: what differs from it by less is equal to it


@dataclass(frozen=True, eq=False)
class ClusterMeans:
    """Means of several values over trials, with what their sampling distribution is.

    Attributes:
        mean: (C,) over trials; NaN where no trial has the value.
        standard_error: (C,) cluster-robust.
        trials: (C,) with the value.
        clusters: (C,) athletes with the value.
        studentised: (B, C) of the draws, ordered from below: (mean of the draw - mean) / standard error of the draw.
    """

    mean: FloatArray
    standard_error: FloatArray
    trials: NDArray[np.int64]
    clusters: NDArray[np.int64]
    studentised: FloatArray

    def ends(self, level: float) -> tuple[FloatArray, FloatArray]:
        """(C,) lower and (C,) upper end, each one-sided: the mean lies beyond it with the probability `level`."""
        count = len(self.studentised)
        rank = max(int(np.floor(level * (count + 1))) - 1, 0)
        with np.errstate(invalid="ignore"):
            low = self.mean - self.standard_error * self.studentised[count - 1 - rank]
            high = self.mean - self.standard_error * self.studentised[rank]
        exact = self.standard_error == 0
        low, high = np.where(exact, self.mean, low), np.where(exact, self.mean, high)
        too_few = self.clusters < LEAST_CLUSTERS
        return np.where(too_few, -np.inf, low), np.where(too_few, np.inf, high)

    def p_below(self, bounds: FloatArray) -> FloatArray:
        """(C,) one-sided p-values of "the mean is not below the bound": small where it surely is below."""
        return self._p((self.mean - bounds), at_most=True)

    def p_above(self, bounds: FloatArray) -> FloatArray:
        """(C,) likewise for above."""
        return self._p((self.mean - bounds), at_most=False)

    def _p(self, distance: FloatArray, *, at_most: bool) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = distance / self.standard_error
        reached = self.studentised <= t if at_most else self.studentised >= t
        without_spread = (distance >= 0) if at_most else (distance <= 0)  # the mean is exact: beyond the bound, or not
        share = np.where(self.standard_error == 0, without_spread, reached.mean(axis=0))
        p: FloatArray = (1 + share * len(self.studentised)) / (len(self.studentised) + 1)
        return np.where(np.isfinite(self.mean) & (self.clusters >= LEAST_CLUSTERS), p, 1.0)


def cluster_means(values: FloatArray, clusters: NDArray[np.int64], *, draws: int, seed: int) -> ClusterMeans:
    """Means over trials and their bootstrap distribution; all values share each draw of athletes.

    Args:
        values: (N, C) of each trial; NaN where a trial does not have it.
        clusters: (N,) the athlete of each trial, from 0.
        draws: B.
        seed: of the draws.
    """
    groups = int(clusters.max()) + 1 if len(clusters) else 0
    known = np.isfinite(values)
    sums, counts = np.zeros((2, groups, values.shape[1]))
    centre, centred = _centred(np.where(known, values, np.nan))
    np.add.at(sums, clusters, centred)
    np.add.at(counts, clusters, known.astype(np.float64))
    weights = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / max(groups, 1)), size=draws)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, error = _mean_and_error(np.ones((1, groups)), sums, counts)
        drawn, drawn_error = _mean_and_error(weights.astype(np.float64), sums, counts)
        # A draw of one athlete alone has no error; rounding must not give it one.
        studentised = np.where(
            drawn_error > 1e-9 * np.abs(error),
            (drawn - mean) / drawn_error,
            np.copysign(np.inf, drawn - mean),
        )
    studentised = np.where(np.isfinite(drawn), studentised, np.copysign(np.inf, np.arange(draws)[:, None] % 2 - 0.5))
    return ClusterMeans(
        centre + mean[0], error[0], known.sum(axis=0), (counts > 0).sum(axis=0), np.sort(studentised, axis=0)
    )


def holm(p_values: FloatArray) -> FloatArray:
    """(C,) p-values adjusted for their number (Holm 1979): the chance of one false finding stays below the level."""
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


def _centred(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(C,) centres and (N, C) differences from them, 0 where unknown or rounding: equal values have no spread.

    Sums of squares of what is not centred would cancel, and leave a spread of the eighth digit.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.nansum(values, axis=0) / np.isfinite(values).sum(axis=0)
    centred = values - centre
    return centre, np.where(np.abs(centred) > ROUNDING * np.abs(centre), centred, 0.0)


def _mean_and_error(weights: FloatArray, sums: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(B, C) means over trials and their cluster-robust standard errors, for (B, G) weights of the clusters."""
    total, groups = weights @ counts, weights @ (counts > 0)
    mean = weights @ sums / total
    squares = weights @ sums**2 - 2 * mean * (weights @ (sums * counts)) + mean**2 * (weights @ counts**2)
    return mean, np.sqrt(np.maximum(squares, 0.0) * groups / (groups - 1)) / total
