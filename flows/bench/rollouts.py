"""Simulated rollouts with known truth: how often the gate promotes a candidate that is a margin worse, and a good one.

Each athlete shifts all their trials, athletes differ, some trials differ much; the truth is set by the mean. One
candidate is worse for few athletes alone, and by much: the hardest to find with few. So false promotions and power
against the number of trials are those of the gate itself, with the policy that ships.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from biopose.analysis.gate import Criterion, decide
from biopose.analysis.gate_policy import Policy
from tasks.comparison import read_policy

DRAWS = 499  # of the bootstrap: enough for the ends that decide
LEVEL = 0.05  # of the interval of the shares that are printed
BETWEEN_ATHLETES, WITHIN_ATHLETE = 0.5, 1.0  # SDs of differences, in margins
TAILS_DF = 5.0  # Student's t: some trials differ much more than most
VERDICTS = ("pass", "fail", "not enough evidence")


@dataclass(frozen=True)
class Candidate:
    """A candidate with a known truth.

    Attributes:
        shift: mean of one criterion over the home's athletes, in margins; the other criteria have none.
        share: of the athletes, at least, who alone have that shift, larger by so much.
    """

    shift: float
    share: float = 1.0


CANDIDATES = {
    "equal": Candidate(0.0),
    "half a margin worse": Candidate(-0.5),
    "a margin worse": Candidate(-1.0),
    "the same by every tenth athlete": Candidate(-1.0, share=0.1),
    "1.5 margins worse": Candidate(-1.5),
}


def simulate(
    trials: Sequence[int],
    *,
    simulations: int,
    per_athlete: int,
    population: int | None = None,
    criteria: int = 8,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """The share of each verdict, by candidate and number of trials.

    Args:
        trials: numbers of trials in the sample.
        simulations: rollouts of each kind.
        per_athlete: trials of each athlete.
        population: athletes of the home that the sample is drawn from; None: very many.
        criteria: with a two-sided margin each; the first has the shift, the others have none.
        seed: of the truth.
    """
    policy = replace(read_policy(None)[0], draws=DRAWS, failures={"largest_share": 1.0 - 1e-9})
    rng = np.random.default_rng(seed)
    rows = []
    for count in trials:
        athletes = _athletes(count, per_athlete=per_athlete, population=population)
        for name, candidate in CANDIDATES.items():
            verdicts = [_verdict(policy, candidate, athletes, population, criteria, rng) for _ in range(simulations)]
            share = {f"share_{one.replace(' ', '_')}": verdicts.count(one) / simulations for one in VERDICTS}
            passed = verdicts.count("pass")
            low, high = _ends(passed, simulations)
            counts = {"trials": count, "athletes": int(athletes.max()) + 1}
            rows.append({"candidate": name, "shift": candidate.shift, **counts, **share, "low": low, "high": high})
    return rows


def _athletes(trials: int, *, per_athlete: int, population: int | None) -> NDArray[np.int64]:
    """(N,) the athlete of each trial; of a small home all have more trials instead."""
    count = max(trials // per_athlete, 1)
    return np.arange(trials) % (count if population is None else min(count, population))


def _verdict(
    policy: Policy,
    candidate: Candidate,
    athletes: NDArray[np.int64],
    population: int | None,
    criteria: int,
    rng: np.random.Generator,
) -> str:
    values = _differences(athletes, criteria, rng)
    values[:, 0] += _shifts(candidate, int(athletes.max()) + 1, population, rng)[athletes]
    named = [
        Criterion(f"criterion {index}", "margin", column, low=-1.0, high=1.0) for index, column in enumerate(values.T)
    ]
    policy = replace(policy, seed=int(rng.integers(2**31)))
    return decide(named, athletes, policy, attempted=len(athletes), population=population).verdict


def _shifts(
    candidate: Candidate, sampled: int, population: int | None, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(A,) the shift of each sampled athlete; its mean over the home is the candidate's, whoever is sampled."""
    if population is None:
        return np.where(rng.random(sampled) < candidate.share, candidate.shift / candidate.share, 0.0)
    affected = math.ceil(candidate.share * population)
    everybody = np.where(np.arange(population) < affected, candidate.shift * population / affected, 0.0)
    return rng.permutation(everybody)[:sampled]


def _differences(athletes: NDArray[np.int64], criteria: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, C) in margins, of mean zero."""
    of_athlete = rng.normal(scale=BETWEEN_ATHLETES, size=(athletes.max() + 1, criteria))
    scale = WITHIN_ATHLETE * np.sqrt((TAILS_DF - 2) / TAILS_DF)
    within: NDArray[np.float64] = rng.standard_t(TAILS_DF, size=(len(athletes), criteria)) * scale
    return of_athlete[athletes] + within


def _ends(count: int, total: int) -> tuple[float, float]:
    """Of a share, exact (Clopper & Pearson)."""
    low = float(beta.ppf(LEVEL / 2, count, total - count + 1)) if count else 0.0
    high = float(beta.isf(LEVEL / 2, count + 1, total - count)) if count < total else 1.0
    return low, high


def simulation_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The result as text."""
    head = f"{'candidate':<32} {'trials':>6} {'athletes':>8} {'pass':>7} {'(95 %)':>17} {'fail':>7} {'undecided':>10}"
    return [head] + [
        f"{row['candidate']:<32} {row['trials']:>6} {row['athletes']:>8} {row['share_pass']:>7.3f} "
        f"({row['low']:.3f} to {row['high']:.3f}) {row['share_fail']:>7.3f} {row['share_not_enough_evidence']:>10.3f}"
        for row in rows
    ]
