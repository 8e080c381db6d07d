"""The gate of a rollout, with known truth: who passes, who fails, and how many trials are lacking."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from biopose.analysis.agreement import limits_of_agreement, reference_errors, trial_agreement
from biopose.analysis.cluster_bootstrap import cluster_means, holm
from biopose.analysis.gate import Criterion, Decision, decide
from biopose.analysis.gate_policy import Policy

POLICY = Policy(
    version=1,
    level=0.05,
    least_athletes=6,
    draws=499,
    seed=1,
    quality={},
    bias_deg={},
    difference_deg={},
    metrics={},
    reference={},
    prediction={},
    intervals={},
    failures={"largest_share": 0.1},
    cost={},
    athletes={"largest_share_far_worse": 0.5},  # of which these samples hardly miss all
)
ATHLETES = np.repeat(np.arange(12), 4)


def differences(mean: float, *, sd: float = 0.5, athletes: np.ndarray = ATHLETES, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return mean + sd * (rng.normal(size=athletes.max() + 1)[athletes] + rng.normal(size=len(athletes))) / np.sqrt(2)


def decided(*means: float, athletes: np.ndarray = ATHLETES, look: int = 1, **others: object) -> Decision:
    criteria = [
        Criterion(f"c{i}", "deg", differences(mean, athletes=athletes, seed=i), low=-1.0, high=1.0)
        for i, mean in enumerate(means)
    ]
    return decide(criteria, athletes, POLICY, attempted=len(athletes), look=look, **others)  # type: ignore[arg-type]


def test_a_candidate_within_all_margins_passes() -> None:
    decision = decided(0.0, 0.2, -0.2)
    assert (decision.verdict, decision.line) == ("pass", "pass")
    assert [one.verdict for one in decision.judged] == ["pass"] * 5


@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_one_criterion_that_is_surely_beyond_its_margin_fails_it_and_is_named(shift: float) -> None:
    decision = decided(0.0, shift, 0.0)
    assert decision.verdict == "fail"
    assert decision.reason.startswith("c1: ")
    assert "beyond the margin of" in decision.reason


def test_too_few_trials_are_not_enough_evidence_and_their_number_is_named() -> None:
    few = np.repeat(np.arange(3), 2)
    decision = decided(0.0, athletes=few)
    assert decision.verdict == "not enough evidence"
    assert decision.line == f"not enough evidence: {decision.more_trials} more trials"
    assert decision.more_trials >= 6
    assert "6 athletes are needed, there are 3" in decision.reason


def test_as_many_more_trials_as_are_named_decide() -> None:
    rng = np.random.default_rng(0)
    few = np.repeat(np.arange(8), 2)
    criterion = Criterion("c", "deg", rng.normal(0.0, 1.6, len(few)), low=-1.0, high=1.0)
    first = decide([criterion], few, POLICY, attempted=100)
    assert first.verdict == "not enough evidence"
    many = np.repeat(np.arange(8 + first.more_trials // 2 + 1), 2)
    criterion = replace(criterion, values=rng.normal(0.0, 1.6, len(many)))
    assert decide([criterion], many, POLICY, attempted=100).verdict == "pass"


def test_a_group_that_is_surely_worse_fails_it_and_a_small_one_does_not_hold_it_up() -> None:
    whole = Criterion("quality", "of 1", differences(0.1), low=-0.5)
    left = Criterion("left-facing", "of 1", np.where(ATHLETES < 6, differences(-3.0), np.nan), -1.0, may_only_fail=True)
    small = Criterion("squats", "of 1", np.where(ATHLETES < 2, differences(-3.0), np.nan), -1.0, may_only_fail=True)
    assert decide([whole, left], ATHLETES, POLICY, attempted=48).verdict == "fail"
    assert decide([whole, small], ATHLETES, POLICY, attempted=48).verdict == "pass"


@pytest.mark.parametrize(("criteria", "look"), [(61, 1), (21, 2)])
def test_a_group_that_is_surely_worse_fails_it_among_many_criteria_and_at_a_further_look(
    criteria: int, look: int
) -> None:
    """Holm's method multiplies the smallest p-value of the bootstrap by the number of criteria."""
    rng = np.random.default_rng(2)
    athletes = np.arange(40)
    sure = [Criterion(f"c{i}", "of 1", rng.normal(0.0, 0.001, 40), low=-0.03) for i in range(criteria - 1)]
    fall = np.where(athletes < 20, rng.normal(-0.15, 0.01, 40), np.nan)
    camera = Criterion("camera", "of 1", fall, low=-0.06, may_only_fail=True)
    decision = decide([*sure, camera], athletes, replace(POLICY, draws=1999), attempted=200, look=look)
    assert (decision.verdict, decision.reason[:7]) == ("fail", "camera:")


def test_a_small_group_that_looks_worse_than_its_margin_holds_a_candidate_up() -> None:
    """Most draws hold none or one of its four athletes, so it can never surely be worse."""
    athletes = np.arange(50)
    rng = np.random.default_rng(3)
    quality = Criterion("quality", "of 1", rng.normal(0.0, 0.01, 50), low=-0.03)
    fall = np.where(athletes < 4, rng.normal(-0.146, 0.01, 50), np.nan)
    camera = Criterion("camera", "of 1", fall, low=-0.06, may_only_fail=True)
    decision = decide([quality, camera], athletes, POLICY, attempted=200)
    assert decision.verdict == "not enough evidence"
    assert "most of all 'camera" in decision.reason
    assert decision.more_trials > 0


@pytest.mark.parametrize(
    ("sampled", "population", "verdict"),
    [(28, None, "not enough evidence"), (29, None, "pass"), (15, 25, "not enough evidence"), (16, 25, "pass")],
)
def test_so_many_athletes_are_needed_that_a_tenth_of_them_far_worse_would_hardly_all_be_missed(
    sampled: int, population: int | None, verdict: str
) -> None:
    policy = replace(POLICY, athletes={"largest_share_far_worse": 0.1})
    athletes = np.arange(sampled)
    criterion = Criterion("c", "deg", np.zeros(sampled), low=-1.0, high=1.0)
    decision = decide([criterion], athletes, policy, attempted=100, population=population)
    assert decision.verdict == verdict
    assert decision.more_trials == (verdict != "pass")
    missed = decision.judged[-1]
    assert (missed.name, missed.athletes) == ("athletes far worse, whom the sample missed", sampled)
    assert (missed.high_end <= 0.1) == (verdict == "pass")


def test_nobody_is_missed_where_all_athletes_of_the_home_are_sampled() -> None:
    policy = replace(POLICY, athletes={"largest_share_far_worse": 0.0})
    criterion = Criterion("c", "deg", np.zeros(8), low=-1.0, high=1.0)
    assert decide([criterion], np.arange(8), policy, attempted=100, population=8).verdict == "pass"
    assert decide([criterion], np.arange(8), policy, attempted=100, population=9).verdict == "not enough evidence"


def test_one_trial_that_is_worse_than_a_trial_may_be_fails_it() -> None:
    decision = decided(0.0, worst=["jump7: quality 0.80 -> 0.30", "jump8: too"])
    assert (decision.verdict, decision.reason) == ("fail", "jump7: quality 0.80 -> 0.30, and 1 more")


def test_trials_that_cannot_be_measured_fail_it_or_leave_it_open() -> None:
    assert decided(0.0, failed=[f"t{i}" for i in range(20)]).verdict == "fail"
    assert decided(0.0, failed=["t1", "t2"]).verdict == "not enough evidence"
    nothing = decide([], np.array([], dtype=np.int64), POLICY, attempted=7, failed=[f"t{i}" for i in range(7)])
    assert nothing.verdict == "fail"
    assert "trials that cannot be measured any more" in nothing.reason


@pytest.mark.parametrize("value", [0.0, 0.1, 0.95, -1 / 3, 1e-9, 1234.567])
@pytest.mark.parametrize("athletes", [ATHLETES, np.repeat(np.arange(20), 2)])
def test_a_candidate_whose_differences_are_all_equal_passes_though_they_have_no_spread(
    value: float, athletes: np.ndarray
) -> None:
    criterion = Criterion("c", "deg", np.full(len(athletes), value), low=value - 0.1, high=value + 0.1)
    decision = decide([criterion], athletes, POLICY, attempted=48)
    assert decision.verdict == "pass"
    assert decision.judged[0].low_end == pytest.approx(value)


def test_further_looks_spend_less_and_all_together_no_more_than_the_level() -> None:
    levels = [POLICY.level_of(look) for look in range(1, 2000)]
    assert levels[0] == pytest.approx(0.025)
    assert all(before > after for before, after in pairwise(levels))
    assert 0.049 < sum(levels) < 0.05


def test_a_candidate_that_is_a_margin_worse_is_promoted_in_at_most_five_per_cent() -> None:
    """The numbers for a team are those of `biopose bench rollouts`."""
    from flows.bench.rollouts import simulate

    rows = {row["candidate"]: row for row in simulate([48], simulations=50, per_athlete=4, population=12)}
    assert rows["a margin worse"]["low"] <= 0.05
    assert rows["the same by every tenth athlete"]["low"] <= 0.05
    assert rows["1.5 margins worse"]["share_pass"] == 0.0
    assert rows["equal"]["share_pass"] > 0.4
    assert rows["equal"]["share_fail"] == 0.0


def test_intervals_hold_the_mean_as_often_as_they_should_with_few_athletes_and_skewed_differences() -> None:
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(8), 3)
    beyond = 0
    for seed in range(150):
        values = (rng.exponential(size=8) - 1)[clusters] + rng.normal(size=24)
        low, high = cluster_means(values[:, None], clusters, draws=499, seed=seed).ends(0.025)
        beyond += int(low[0] > 0 or high[0] < 0)
    assert beyond / 150 < 0.12


def test_the_coverage_of_a_reference_counts_on_the_circle_and_where_both_are_known() -> None:
    measured = np.array([[179.0], [10.0], [20.0], [np.nan]])
    reference = np.array([[-179.0], [11.0], [np.nan], [1.0]])
    found = reference_errors(measured, np.full((4, 1), 0.9), reference)
    assert found.bias.tolist() == [-1.5]
    assert found.mean_absolute.tolist() == [1.5]
    assert found.coverage.tolist() == [0.5]
    assert found.frames == 2


def test_below_four_athletes_nothing_is_known() -> None:
    means = cluster_means(np.arange(6.0)[:, None], np.array([0, 0, 1, 1, 2, 2]), draws=99, seed=0)
    assert [ends.tolist() for ends in means.ends(0.025)] == [[-np.inf], [np.inf]]
    assert means.p_below(np.array([100.0])).tolist() == [1.0]


def test_holm_adjusts_by_what_is_left() -> None:
    assert holm(np.array([0.04, 0.01, 0.03])).tolist() == pytest.approx([0.06, 0.03, 0.06])


def test_agreement_counts_on_the_circle_and_leaves_out_what_is_not_known() -> None:
    first = np.array([[179.0, 0.0], [170.0, 1.0], [np.nan, 2.0]])
    second = np.array([[-179.0, 0.5], [174.0, 1.5], [5.0, 2.5]])
    sd = np.full_like(first, 1.0)
    found = trial_agreement(first, second, sd, 0.5 * sd, is_angle=np.array([True, False]))
    assert found.bias.tolist() == [3.0, 0.5]
    assert found.rms.tolist() == pytest.approx([np.sqrt(10), 0.5])
    assert found.within_intervals.tolist() == [0.5, 1.0]
    assert found.sd_ratio.tolist() == [0.5, 0.5]


def test_limits_of_agreement_hold_95_per_cent_of_single_differences() -> None:
    rng = np.random.default_rng(0)
    frames = rng.normal(2.0, 1.0, size=(200, 1)) + rng.normal(0.0, 2.0, size=(200, 50))
    bias, low, high = limits_of_agreement(frames.mean(axis=1)[:, None], frames.std(axis=1)[:, None])
    assert bias[0] == pytest.approx(2.0, abs=0.2)
    assert ((frames > low) & (frames < high)).mean() == pytest.approx(0.95, abs=0.01)


def test_limits_of_agreement_of_few_trials_are_not_too_narrow_and_of_one_not_known() -> None:
    drawn = np.random.default_rng(1).normal(size=(3, 4000))
    _, low, high = limits_of_agreement(drawn, np.zeros_like(drawn))
    assert np.mean(((high - low) / 2 / 1.96) ** 2) == pytest.approx(1.0, abs=0.05)
    bias, low, high = limits_of_agreement(np.array([[2.0]]), np.array([[0.0]]))
    assert bias.tolist() == [2.0]
    assert np.isnan([low, high]).all()
