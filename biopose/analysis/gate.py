"""The gate of a rollout: is a candidate release no worse than the one in use, by margins that were declared before?

Each criterion is a mean over trials of a paired difference, candidate minus champion, and the bounds within which it
must lie. A candidate passes only where the interval of every criterion lies within its bounds: one that is worse than
a margin then passes with at most the chance `level`, however many criteria there are (intersection-union test, Berger
1982, Technometrics 24:295), so passing needs no adjustment for their number. Where a fall is large and rare, no
interval shows it unless somebody whom it concerns is sampled (`cluster_bootstrap`). So a further criterion is that so
many of the home's athletes are sampled that a declared share of them would hardly all be missed. It fails where a
criterion surely lies beyond a bound, adjusted for their number by Holm's method, or where one trial is worse than a
trial may be. Otherwise there is not enough evidence; nor is there where the mean of a group, which may only fail, lies
beyond its bound. Each further look at the same candidate spends a smaller part of the level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from biopose.analysis.cluster_bootstrap import LEAST_CLUSTERS, ClusterMeans, cluster_means, holm
from biopose.analysis.criterion_text import SHARE, interval_text, value_text
from biopose.analysis.gate_policy import MOST_DRAWS, Policy

FloatArray = NDArray[np.float64]
Verdict = Literal["pass", "fail", "not enough evidence"]
MOST_TRIALS = 10_000  # more than that nobody waits for
BLOCK = 50  # criteria that are bootstrapped at once


@dataclass(frozen=True, eq=False)
class Criterion:
    """A paired difference of each trial, and the bounds of its mean.

    Attributes:
        name: what is compared.
        unit: of the difference, as `criterion_text.value_text` takes it.
        values: (N,) candidate minus champion; NaN where a trial does not have it.
        low: the mean must lie above; -inf: no bound.
        high: the mean must lie below.
        may_only_fail: such as a group of trials, which may be too small to show anything.
    """

    name: str
    unit: str
    values: FloatArray
    low: float = -math.inf
    high: float = math.inf
    may_only_fail: bool = False


@dataclass(frozen=True)
class Judged:
    """A criterion with its interval and what follows; ends and mean are NaN where nothing is known."""

    name: str
    unit: str
    mean: float
    low_end: float
    high_end: float
    low: float
    high: float
    trials: int
    athletes: int
    verdict: Verdict
    more_trials: int
    may_only_fail: bool = False


@dataclass(frozen=True)
class Decision:
    """What the gate decides.

    Attributes:
        verdict: on the whole.
        reason: in a line.
        judged: every criterion.
        more_trials: how many more would probably decide; 0 where it is decided.
        level: that this look spends.
        look: of this candidate, counted from 1.
    """

    verdict: Verdict
    reason: str
    judged: tuple[Judged, ...] = field(default_factory=tuple)
    more_trials: int = 0
    level: float = 0.0
    look: int = 1

    @property
    def line(self) -> str:
        """The verdict as it is printed."""
        more = f": {self.more_trials} more trials" if self.verdict == "not enough evidence" else ""
        return f"{self.verdict}{more}"


def decide(
    criteria: Sequence[Criterion],
    athletes: NDArray[np.int64],
    policy: Policy,
    *,
    attempted: int,
    failed: Sequence[str] = (),
    worst: Sequence[str] = (),
    look: int = 1,
    population: int | None = None,
) -> Decision:
    """Decide on a candidate.

    Args:
        criteria: with the values of the trials that both measured.
        athletes: (N,) of these trials, numbered from 0.
        policy: with the level.
        attempted: trials that the candidate tried, those that failed included.
        failed: trials that it could not measure and the champion could.
        worst: why single trials are worse than a trial may be, a line each.
        look: which look at this candidate it is, counted from 1.
        population: athletes that the sample was drawn from; None: very many.
    """
    level = policy.level_of(look)
    judged = [
        *_judged(criteria, athletes, policy, level),
        _judged_failures(len(failed), attempted, policy, level),
        _judged_missed(athletes, policy, population),
    ]
    failing = [one for one in judged if one.verdict == "fail"]
    lacking = [one for one in judged if _is_lacking(one)]
    if failing or worst:
        reasons = [*(_fault(one) for one in failing), *worst]
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        return Decision("fail", reasons[0] + more, tuple(judged), 0, level, look)
    if lacking:
        widest = max(lacking, key=lambda one: one.more_trials)
        there = len(np.unique(athletes))
        few = (
            f"; {policy.least_athletes} athletes are needed, there are {there}" if there < policy.least_athletes else ""
        )
        reason = f"{len(lacking)} of {len(judged)} criteria are undecided, most of all '{widest.name}'{few}"
        return Decision("not enough evidence", reason, tuple(judged), widest.more_trials, level, look)
    return Decision("pass", f"all {len(judged)} criteria lie within their margins", tuple(judged), 0, level, look)


def _is_lacking(one: Judged) -> bool:
    """Whether a criterion holds up a candidate: a group that may only fail does where its mean is beyond its bound."""
    looks_worse = one.athletes >= LEAST_CLUSTERS and not one.low <= one.mean <= one.high
    return one.verdict == "not enough evidence" and (looks_worse or not one.may_only_fail)


def _draws(policy: Policy, criteria: int, level: float) -> int:
    """Draws of the bootstrap: so many that the smallest p-value times the number of criteria lies below the level.

    Where those would be too many, nothing can surely be worse; what looks worse does not pass by that.
    """
    return max(policy.draws, min(math.ceil(2 * criteria / level), MOST_DRAWS))


def _judged(criteria: Sequence[Criterion], athletes: NDArray[np.int64], policy: Policy, level: float) -> list[Judged]:
    draws = _draws(policy, len(criteria), level)
    blocks = [
        _block(criteria[first : first + BLOCK], athletes, policy, level, draws=draws)
        for first in range(0, len(criteria), BLOCK)
    ]
    adjusted = holm(np.array([p for block in blocks for _, p in block]))
    judged = []
    for (one, _), p in zip((row for block in blocks for row in block), adjusted, strict=True):
        verdict: Verdict = "not enough evidence"
        if p < level:
            verdict = "fail"
        elif one.athletes >= policy.least_athletes and one.low_end > one.low and one.high_end < one.high:
            verdict = "pass"
        judged.append(replace(one, verdict=verdict, more_trials=one.more_trials if verdict == one.verdict else 0))
    return judged


def _block(
    criteria: Sequence[Criterion], athletes: NDArray[np.int64], policy: Policy, level: float, *, draws: int
) -> list[tuple[Judged, float]]:
    """Criteria, undecided, with the p-value of lying beyond a bound; so many at once that memory is bounded."""
    values = np.stack([one.values for one in criteria], axis=1)
    means = cluster_means(values, athletes, draws=draws, seed=policy.seed)
    low_ends, high_ends = means.ends(level)
    lows, highs = (np.array([getattr(one, side) for one in criteria]) for side in ("low", "high"))
    p = np.minimum(means.p_below(lows), means.p_above(highs))
    return [
        (
            Judged(
                one.name,
                one.unit,
                float(means.mean[index]),
                float(low_ends[index]),
                float(high_ends[index]),
                one.low,
                one.high,
                int(means.trials[index]),
                int(means.clusters[index]),
                "not enough evidence",
                _more_trials(one, means, index, policy, level),
                one.may_only_fail,
            ),
            float(p[index]),
        )
        for index, one in enumerate(criteria)
    ]


def _more_trials(one: Criterion, means: ClusterMeans, index: int, policy: Policy, level: float) -> int:
    """How many more trials would probably decide, if they came from athletes as these did."""
    trials, clusters = int(means.trials[index]), int(means.clusters[index])
    if clusters < 2:
        return policy.least_athletes * max(trials, 1)
    per_athlete = trials / clusters
    mean, error = float(means.mean[index]), float(means.standard_error[index])
    distance = min(abs(mean - bound) for bound in (one.low, one.high) if math.isfinite(bound))
    reach = float(scipy.stats.norm.isf(level)) * error * math.sqrt(clusters)
    needed = math.inf if distance == 0 else (reach / distance) ** 2
    needed = max(needed, policy.least_athletes)
    if needed <= clusters:
        needed = clusters + 1  # the bootstrap's tails are longer than those of the normal distribution
    return int(min(math.ceil(min(needed, MOST_TRIALS) * per_athlete) - trials, MOST_TRIALS))


def _judged_failures(failed: int, attempted: int, policy: Policy, level: float) -> Judged:
    """The share of trials that cannot be measured, with its exact interval (Clopper & Pearson 1934)."""
    bound = policy.failures["largest_share"]
    low, high = _share_ends(failed, attempted, level)
    more, verdict = 0, "not enough evidence"
    if attempted and scipy.stats.binom.sf(failed - 1, attempted, bound) < level:
        verdict = "fail"
    elif high < bound:
        verdict = "pass"
    else:
        while more < MOST_TRIALS and _share_ends(failed, attempted + more, level)[1] >= bound:
            more += 1
    share = failed / attempted if attempted else math.nan
    name = "trials that cannot be measured any more"
    return Judged(name, SHARE, share, low, high, -math.inf, bound, attempted, 0, verdict, more)  # type: ignore[arg-type]


def _judged_missed(athletes: NDArray[np.int64], policy: Policy, population: int | None) -> Judged:
    """The largest share of the athletes that may be far worse and all be missed by the sample, where none in it is.

    The whole level is spent at every look: a larger sample holds the smaller one (`tasks.shadow_sample`), so whoever is
    missed by a later one was missed by the first, too.
    """
    bound, trials, sampled = policy.athletes["largest_share_far_worse"], len(athletes), len(np.unique(athletes))
    missed = _missed_share(sampled, policy.level, population)
    further = 0
    while _missed_share(sampled + further, policy.level, population) > bound and sampled + further < MOST_TRIALS:
        further += 1
    verdict: Verdict = "not enough evidence" if further else "pass"
    more = math.ceil(further * max(trials / max(sampled, 1), 1.0))
    name = "athletes far worse, whom the sample missed"
    return Judged(name, SHARE, 0.0, 0.0, missed, -math.inf, bound, trials, sampled, verdict, more)


def _missed_share(sampled: int, level: float, population: int | None) -> float:
    """The largest share of a population of which a sample holds none with a probability above the level."""
    if population is None:
        return 1 - level ** (1 / sampled) if sampled else 1.0
    counts = np.arange(population + 1)
    missed = scipy.stats.hypergeom.pmf(0, population, counts, min(sampled, population)) > level
    return float(counts[missed].max() / population) if population else 0.0


def _share_ends(count: int, total: int, level: float) -> tuple[float, float]:
    low = float(scipy.stats.beta.ppf(level, count, total - count + 1)) if count else 0.0
    high = float(scipy.stats.beta.isf(level, count + 1, total - count)) if count < total else 1.0
    return low, high


def _fault(one: Judged) -> str:
    bound = one.low if one.mean < one.low else one.high
    interval = interval_text(one.low_end, one.high_end, one.unit)
    return (
        f"{one.name}: {value_text(one.mean, one.unit)} ({interval}), beyond the margin of {value_text(bound, one.unit)}"
    )
