"""The mixed model of change over time: published estimates, simulated truth, and what it refuses."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np
import pytest

from biopose.analysis import change_model
from biopose.analysis.change_model import SessionMeans, change_over_time


def simulated(
    seed: int, *, athletes: int = 8, sessions: int = 4, per_week: float = 0.5, slope_sd: float = 0.0
) -> SessionMeans:
    """Athletes who differ by 8 in level; sessions two weeks apart, which vary by 1.5 beyond the measurement's 2."""
    rng = np.random.default_rng(seed)
    who, weeks = np.repeat(np.arange(athletes), sessions), np.tile(2.0 * np.arange(sessions), athletes)
    slopes = per_week + slope_sd * rng.standard_normal(athletes)
    values = 60 + 8 * rng.standard_normal(athletes)[who] + slopes[who] * weeks
    values += 2.5 * rng.standard_normal(len(who))
    return SessionMeans([f"a{n}" for n in who], weeks, values, np.full(len(who), 2.0), ["camera"] * len(who))


def published_pigs() -> SessionMeans:
    """Weights of 72 pigs over 11 weeks, which come with statsmodels (and with R's geepack, as dietox)."""
    with (files("statsmodels.regression.tests.results") / "dietox.csv").open() as file:
        rows = [row for row in list(csv.reader(file))[1:] if row[1] != "NA"]
    weeks, weights = np.array([[float(row[3]), float(row[1])] for row in rows]).T
    return SessionMeans([row[4] for row in rows], weeks, weights, np.full(len(rows), np.nan), ["scales"] * len(rows))


def test_the_published_example_gives_its_published_estimates() -> None:
    """Those of statsmodels' documentation: slope 6.939 (0.080), variances 0.416 of slopes and 6.037 of errors."""
    found = change_over_time(published_pigs())
    assert (found.athletes, found.sessions) == (72, 861)
    assert (found.per_week, found.se) == (pytest.approx(6.939, abs=5e-4), pytest.approx(0.080, abs=5e-4))
    assert found.sd_of_slopes is not None
    assert found.sd_of_slopes**2 == pytest.approx(0.416, abs=0.002)
    assert found.sd_of_sessions**2 == pytest.approx(6.037, abs=0.005)
    assert found.judgement == "real"


def test_without_slopes_it_gives_the_published_estimates_too_and_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_model, "LEAST_FOR_SLOPES", 99)
    found = change_over_time(published_pigs())
    assert (found.per_week, found.se) == (pytest.approx(6.943, abs=5e-4), pytest.approx(0.033, abs=5e-4))
    assert found.sd_between_athletes**2 == pytest.approx(40.39, abs=0.02)
    assert found.sd_of_sessions**2 == pytest.approx(11.367, abs=0.002)
    assert "athletes are taken to change alike" in found.notes[0]


def test_what_statsmodels_warns_of_is_said_in_words_of_the_model() -> None:
    found = change_over_time(simulated(4, athletes=6, sessions=3))  # of a boundary and of the Hessian
    assert found.notes == (change_model.AT_LIMIT,)


def test_intervals_hold_the_simulated_truth() -> None:
    """20 fits, of which fewer than 17 would be a chance of 1 in 60."""
    found = [change_over_time(simulated(seed, slope_sd=0.3)) for seed in range(20)]
    assert sum(one.low <= 0.5 <= one.high for one in found) >= 17
    assert {one.degrees_of_freedom for one in found} == {7}


def test_athletes_who_are_alike_count_as_one() -> None:
    """By an optimiser that ends at a variance of exactly 0, statsmodels would see changes within athletes alone."""
    rng = np.random.default_rng(2)
    athletes, weeks = [f"a{n // 2}" for n in range(12)], rng.uniform(0, 10, 12)
    values = 60 + 0.5 * weeks + rng.standard_normal(12)
    found = change_over_time(SessionMeans(athletes, weeks, values, np.full(12, np.nan), ["camera"] * 12))
    assert found.sd_between_athletes < 1e-4
    line, covariance = np.polyfit(weeks, values, 1, cov=True)
    assert found.per_week == pytest.approx(line[0], abs=1e-6)
    assert found.se == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-4)


def alike(seed: int, *, athletes: int, sessions: int) -> SessionMeans:
    """Of athletes who do not differ at all: errors of 1 alone, and weekly sessions."""
    weeks = np.tile(np.arange(float(sessions)), athletes)
    values = 60 + 0.5 * weeks + np.random.default_rng(seed).standard_normal(len(weeks))
    who = [f"a{n}" for n in np.repeat(np.arange(athletes), sessions)]
    return SessionMeans(who, weeks, values, np.full(len(who), np.nan), ["camera"] * len(who))


def test_where_slopes_end_at_a_variance_of_0_athletes_are_taken_to_change_alike() -> None:
    found = change_over_time(means := alike(43, athletes=7, sessions=3))
    assert found.sd_of_slopes is None
    assert any("did not converge" in note and "a variance is estimated as 0" in note for note in found.notes)
    assert found.per_week == pytest.approx(np.polyfit(means.weeks, means.values, 1)[0], abs=1e-3)


def test_where_no_optimiser_leaves_a_variance_of_0_there_is_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_model, "OPTIMISERS", ["lbfgs"])  # ends there more often
    with pytest.raises(ValueError, match=r"variance between athletes is estimated as 0.*no estimate is given"):
        change_over_time(alike(0, athletes=7, sessions=2))


def test_a_session_with_a_large_deviation_counts_for_less() -> None:
    even = simulated(3)
    values, sds = even.values.copy(), even.sds.copy()
    values[3::4] += 40 * (np.arange(8) == 0)  # one athlete's last session is wrong, and known to be unsure
    sds[3] = 40.0
    wrong = change_over_time(SessionMeans(even.athletes, even.weeks, values, even.sds, even.measured))
    weighed = change_over_time(SessionMeans(even.athletes, even.weeks, values, sds, even.measured))
    right = change_over_time(even)
    assert abs(weighed.per_week - right.per_week) < abs(wrong.per_week - right.per_week) / 3


def test_a_new_camera_has_an_offset_of_its_own_unless_it_cannot_be_told_from_time() -> None:
    means = simulated(5, sessions=6)
    later = (np.arange(48) // 6 >= 4) & (means.weeks > 4)  # half of the athletes, from their fourth session on
    values = means.values + 20 * later
    cameras = ["new" if new else "old" for new in later]
    found = change_over_time(SessionMeans(means.athletes, means.weeks, values, means.sds, cameras))
    assert found.per_week == pytest.approx(change_over_time(means).per_week, abs=0.4)
    assert "2 ways of measuring have offsets of their own: new; old" in found.notes
    only_two = np.isin(means.weeks, [0, 10])
    with pytest.raises(ValueError, match="a change cannot be told apart from it"):
        change_over_time(
            SessionMeans(
                [a for a, kept in zip(means.athletes, only_two, strict=True) if kept],
                means.weeks[only_two],
                values[only_two],
                means.sds[only_two],
                ["new" if week else "old" for week in means.weeks[only_two]],
            )
        )


@pytest.mark.parametrize(("athletes", "repeated"), [(1, "1 athlete has"), (4, "4 athletes have")])
def test_too_few_athletes_are_refused_with_how_many_more_are_needed(athletes: int, repeated: str) -> None:
    with pytest.raises(
        ValueError, match=f"{repeated} two or more sessions on different days; 5 are needed: {5 - athletes} more"
    ):
        change_over_time(simulated(0, athletes=athletes))


def test_one_session_each_and_values_that_do_not_vary_are_refused() -> None:
    with pytest.raises(ValueError, match="0 athletes have two or more sessions"):
        change_over_time(simulated(0, sessions=1))
    still = simulated(0)
    with pytest.raises(ValueError, match="no variance to judge by"):
        change_over_time(SessionMeans(still.athletes, still.weeks, 0 * still.values + 60, still.sds, still.measured))
