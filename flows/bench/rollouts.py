"""Simulated rollouts with known truth: how often the gate promotes a candidate that is a margin worse, and a good one.

Each athlete shifts all their trials, athletes differ, some trials differ much; the truth is set by the mean. So false
promotions and power against the number of trials are those of the gate itself, with the policy that ships.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
CANDIDATES = {
    "equal": 0.0,  # mean shift of one criterion, in margins
    "half a margin worse": -0.5,
    "a margin worse": -1.0,
    "1.5 margins worse": -1.5,
}


def simulate(
    trials: Sequence[int], *, simulations: int, per_athlete: int, criteria: int = 8, seed: int = 0
) -> list[dict[str, Any]]:
    """The share of each verdict, by candidate and number of trials.

    Args:
        trials: numbers of trials in the sample.
        simulations: rollouts of each kind.
        per_athlete: trials of each athlete.
        criteria: with a two-sided margin each; the first has the shift, the others have none.
        seed: of the truth.
    """
    policy = replace(read_policy(None)[0], draws=DRAWS, failures={"largest_share": 1.0 - 1e-9})
    rng = np.random.default_rng(seed)
    rows = []
    for count in trials:
        for candidate, shift in CANDIDATES.items():
            verdicts = [_verdict(policy, shift, count, per_athlete, criteria, rng) for _ in range(simulations)]
            share = {f"share_{name.replace(' ', '_')}": verdicts.count(name) / simulations for name in VERDICTS}
            passed = verdicts.count("pass")
            low, high = _ends(passed, simulations)
            rows.append({"candidate": candidate, "shift": shift, "trials": count, **share, "low": low, "high": high})
    return rows


def _verdict(
    policy: Policy, shift: float, trials: int, per_athlete: int, criteria: int, rng: np.random.Generator
) -> str:
    athletes = np.arange(trials) // per_athlete
    values = _differences(athletes, criteria, rng)
    values[:, 0] += shift
    named = [
        Criterion(f"criterion {index}", "margin", column, low=-1.0, high=1.0) for index, column in enumerate(values.T)
    ]
    policy = replace(policy, seed=int(rng.integers(2**31)))
    return decide(named, athletes, policy, attempted=trials).verdict


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
    head = f"{'candidate':<22} {'trials':>6} {'pass':>7} {'(95 %)':>17} {'fail':>7} {'undecided':>10}"
    return [head] + [
        f"{row['candidate']:<22} {row['trials']:>6} {row['share_pass']:>7.3f} ({row['low']:.3f} to {row['high']:.3f}) "
        f"{row['share_fail']:>7.3f} {row['share_not_enough_evidence']:>10.3f}"
        for row in rows
    ]
