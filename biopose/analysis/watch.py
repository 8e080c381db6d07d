"""Whether the nights of a release drifted from those of the release before it: other trials, so nothing is paired.

Means of two groups of trials are compared, each with its cluster-robust standard error over athletes; the interval of
their difference is Student's t with one degree of freedom less than the smaller group has athletes, which is
conservative (Welch 1947, Biometrika 34:28). The interval of a difference of shares is Newcombe's (1998, Stat Med
17:873, method 10) with exact ends of either. A breach is what lies beyond a bound with its whole interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from biopose.analysis.cluster_bootstrap import LEAST_CLUSTERS, cluster_means

FloatArray = NDArray[np.float64]
WatchVerdict = Literal["holds", "breach", "not enough evidence"]


@dataclass(frozen=True, eq=False)
class TrialValues:
    """A value of each trial of a group.

    Attributes:
        values: (N,); NaN where a trial does not have it.
        athletes: (N,) whose each is, any numbers.
    """

    values: FloatArray
    athletes: NDArray[np.int64]


@dataclass(frozen=True)
class Drift:
    """A difference between two groups of trials, the watched less the baseline; None: not known, or no bound."""

    name: str
    difference: float | None
    low_end: float | None
    high_end: float | None
    low: float | None
    high: float | None
    trials: int
    verdict: WatchVerdict

    @property
    def line(self) -> str:
        """For a person."""
        bound = self.low if self.low is not None else self.high
        return f"{self.name}: {self.difference:+.3g} ({self.low_end:+.3g} to {self.high_end:+.3g}; bound {bound:+.3g})"


def drift_of_means(
    name: str,
    watched: TrialValues,
    baseline: TrialValues,
    *,
    level: float,
    low: float | None = None,
    high: float | None = None,
) -> Drift:
    """Compare a mean over trials with that of the baseline.

    Args:
        name: of the value.
        watched: trials of the release that is watched.
        baseline: those of the release before.
        level: beyond each end of the interval.
        low: the difference must not lie below.
        high: or above.
    """
    (mean, error, trials, athletes), (base_mean, base_error, _, base_athletes) = map(_mean, (watched, baseline))
    clusters = min(athletes, base_athletes)
    if clusters < LEAST_CLUSTERS:
        return Drift(name, _known(mean - base_mean), None, None, low, high, trials, "not enough evidence")
    reach = float(scipy.stats.t.isf(level, clusters - 1)) * math.hypot(error, base_error)
    return _judged(name, mean - base_mean, reach, reach, low=low, high=high, trials=trials)


def drift_of_shares(
    name: str, watched: tuple[int, int], baseline: tuple[int, int], *, level: float, high: float
) -> Drift:
    """Compare a share with that of the baseline.

    Args:
        name: of what is counted.
        watched: how many of how many.
        baseline: likewise, of the release before.
        level: beyond each end of the intervals.
        high: the difference must not lie above.
    """
    if not (watched[1] and baseline[1]):
        return Drift(name, None, None, None, None, high, watched[1], "not enough evidence")
    share, low_end, high_end = _share(*watched, level)
    base, base_low, base_high = _share(*baseline, level)
    below, above = math.hypot(share - low_end, base_high - base), math.hypot(high_end - share, base - base_low)
    return _judged(name, share - base, below, above, low=None, high=high, trials=watched[1])


def _judged(
    name: str, difference: float, below: float, above: float, *, low: float | None, high: float | None, trials: int
) -> Drift:
    low_end, high_end = difference - below, difference + above
    verdict: WatchVerdict = "not enough evidence"
    if (low is not None and high_end < low) or (high is not None and low_end > high):
        verdict = "breach"
    elif (low is None or low_end > low) and (high is None or high_end < high):
        verdict = "holds"
    return Drift(name, difference, low_end, high_end, low, high, trials, verdict)


def _mean(group: TrialValues) -> tuple[float, float, int, int]:
    """Mean, standard error, trials and athletes with the value."""
    known = np.isfinite(group.values)
    if not known.any():
        return math.nan, math.nan, 0, 0
    athletes = np.unique(group.athletes[known], return_inverse=True)[1].astype(np.int64)
    means = cluster_means(group.values[known][:, None], athletes, draws=1, seed=0)
    return float(means.mean[0]), float(means.standard_error[0]), int(means.trials[0]), int(means.clusters[0])


def _share(count: int, total: int, level: float) -> tuple[float, float, float]:
    """A share with its exact ends (Clopper & Pearson 1934)."""
    low = float(scipy.stats.beta.ppf(level, count, total - count + 1)) if count else 0.0
    high = float(scipy.stats.beta.isf(level, count + 1, total - count)) if count < total else 1.0
    return count / total, low, high


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
