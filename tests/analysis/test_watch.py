"""Drift between two groups of trials: bounds are exceeded only where the whole interval lies beyond."""

from __future__ import annotations

import numpy as np
import pytest

from biopose.analysis.watch import TrialValues, drift_of_means, drift_of_shares


def group(rng: np.random.Generator, mean: float, *, athletes: int = 12, trials: int = 4) -> TrialValues:
    """Trials whose athletes differ from one another more than their own trials do."""
    own = np.repeat(rng.normal(0, 0.04, athletes), trials)
    return TrialValues(mean + own + rng.normal(0, 0.02, len(own)), np.repeat(np.arange(athletes), trials))


def test_a_release_at_the_bound_is_a_breach_no_more_often_than_the_level_and_one_far_beyond_is() -> None:
    rng = np.random.default_rng(4)

    def share(mean: float) -> float:
        found = [drift_of_means("q", group(rng, mean), group(rng, 0.8), level=0.05, low=-0.05) for _ in range(300)]
        return sum(one.verdict == "breach" for one in found) / len(found)

    assert share(0.75) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)
    assert share(0.8) == 0
    assert share(0.6) > 0.95


def test_what_lies_within_the_bound_holds_and_what_is_left_open_is_not_enough_evidence() -> None:
    rng = np.random.default_rng(5)
    held = drift_of_means("q", group(rng, 0.8, athletes=40), group(rng, 0.8, athletes=40), level=0.05, low=-0.05)
    assert held.verdict == "holds"
    assert held.low_end is not None
    assert held.high_end is not None
    assert -0.05 < held.low_end < 0 < held.high_end or abs(held.difference or 0) < 0.05
    few = drift_of_means("q", group(rng, 0.2, athletes=3), group(rng, 0.8), level=0.05, low=-0.05)
    assert (few.verdict, few.low_end) == ("not enough evidence", None)
    nothing = TrialValues(np.array([]), np.array([], dtype=np.int64))
    assert drift_of_means("q", nothing, group(rng, 0.8), level=0.05, low=-0.05).verdict == "not enough evidence"
    unknown = TrialValues(np.full(8, np.nan), np.arange(8))
    assert drift_of_means("q", unknown, group(rng, 0.8), level=0.05, low=-0.05).difference is None


@pytest.mark.parametrize(
    ("watched", "baseline", "verdict"),
    [
        ((12, 30), (2, 100), "breach"),
        ((0, 200), (2, 200), "holds"),
        ((1, 5), (0, 100), "not enough evidence"),
        ((3, 9), (0, 0), "not enough evidence"),
    ],
)
def test_shares_are_compared_by_their_exact_ends(
    watched: tuple[int, int], baseline: tuple[int, int], verdict: str
) -> None:
    assert drift_of_shares("failed", watched, baseline, level=0.05, high=0.1).verdict == verdict


def test_newcombes_interval_of_a_difference() -> None:
    """56/70 against 48/80: with exact ends a little wider than the 0.0524 to 0.3339 that he gives for Wilson's."""
    found = drift_of_shares("failed", (56, 70), (48, 80), level=0.025, high=0.5)
    assert found.difference == pytest.approx(0.2)
    assert found.low_end == pytest.approx(0.0524, abs=0.02)
    assert found.high_end == pytest.approx(0.3339, abs=0.02)
