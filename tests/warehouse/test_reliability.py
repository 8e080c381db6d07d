"""Reliability from the warehouse: components of variance against an analysis worked out by hand, and by sampling."""

from pathlib import Path

import numpy as np
import pytest

from tests.warehouse.answers import METRIC, published, rows
from tests.warehouse.trials import SyntheticTrial


def trials_of(values: dict[str, list[list[float]]]) -> list[SyntheticTrial]:
    """By athlete: a list of values a session."""
    return [
        SyntheticTrial(
            f"{athlete}{number}",
            athlete=athlete,
            session=f"s{session}",
            date=f"2026-11-{session + 1:02d}",
            time_s=np.arange(2) / 50,
            metrics=((METRIC, "left", value),),
        )
        for athlete, sessions in values.items()
        for session, in_session in enumerate(sessions)
        for number, value in enumerate(in_session)
    ]


def test_components_of_a_balanced_design_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    values = {"ann": [[59.0, 61.0], [65.0, 67.0]], "bob": [[79.0, 81.0], [83.0, 85.0]]}
    (row,) = rows(published(tmp_path, trials_of(values)), "reliability", metric=METRIC, least_sessions="2")
    # within: mean square 2; sessions: (2 (3^2 + 3^2) + 2 (2^2 + 2^2)) / 2 = 26; athletes: 4 (9.5^2 + 9.5^2) = 722
    within, sessions, athletes = 2.0, (26.0 - 2.0) / 2, (722.0 - 26.0) / 4
    assert row["sd_within_session"] == pytest.approx(within**0.5, rel=1e-12)
    assert row["sd_between_sessions"] == pytest.approx(sessions**0.5, rel=1e-12)
    assert row["sd_between_athletes"] == pytest.approx(athletes**0.5, rel=1e-12)
    assert row["sem"] == pytest.approx(14.0**0.5, rel=1e-12)
    assert row["smallest_detectable_change"] == pytest.approx(1.96 * 28.0**0.5, rel=1e-12)
    assert row["icc"] == pytest.approx(174.0 / 188.0, rel=1e-12)
    assert (row["athletes"], row["sessions"], row["trials"], row["judgement"]) == (2, 4, 8, "enough sessions")


def test_intervals_of_the_published_example_are_the_published_ones(tmp_path: Path) -> None:
    """Six targets and four judges of Shrout & Fleiss 1979, as athletes and sessions of one trial: ICC(1,1) is 0.17.

    Their mean squares are 11.24 and 6.26; the interval is that of the R package psych.
    """
    ratings = ((9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7))
    values = {f"target{number}": [[float(value)] for value in row] for number, row in enumerate(ratings)}
    (row,) = rows(published(tmp_path, trials_of(values)), "reliability", metric=METRIC)
    assert (row["icc"], row["icc_low"], row["icc_high"]) == pytest.approx((0.166, -0.133, 0.723), abs=0.0006)
    assert row["sem"] ** 2 == pytest.approx(112.75 / 18)
    # chi-square with 18 degrees of freedom at 2.5 and 97.5 %: 8.2307 and 31.5264
    assert (row["sem_low"] ** 2, row["sem_high"] ** 2) == pytest.approx((112.75 / 31.5264, 112.75 / 8.2307), rel=1e-4)
    assert row["smallest_detectable_change_high"] == pytest.approx(1.96 * 2**0.5 * row["sem_high"])
    assert (row["sd_within_session"], row["sd_between_sessions"]) == (None, None)  # not known apart


def test_intervals_hold_the_truth_as_often_as_they_should(tmp_path: Path) -> None:
    """200 metrics of 8 athletes with three sessions of two trials; variances 25, 4 and 9."""
    rng = np.random.default_rng(4)
    drawn = 60 + 5 * rng.standard_normal((200, 8, 1, 1)) + 2 * rng.standard_normal((200, 8, 3, 1))
    drawn = drawn + 3 * rng.standard_normal((200, 8, 3, 2))
    trials = [
        SyntheticTrial(
            f"a{athlete}s{session}t{trial}",
            athlete=f"a{athlete}",
            session=f"s{session}",
            date=f"2026-11-0{session + 1}",
            time_s=np.arange(2) / 50,
            metrics=[(f"m{number}", "left", drawn[number, athlete, session, trial]) for number in range(200)],
        )
        for athlete in range(8)
        for session in range(3)
        for trial in range(2)
    ]
    found = rows(published(tmp_path, trials), "reliability")
    assert len(found) == 200
    for name, truth in (("sem", 13**0.5), ("icc", 25 / 38)):
        held = np.mean([row[f"{name}_low"] <= truth <= row[f"{name}_high"] for row in found])
        assert 0.92 <= held <= 0.99, name


def test_components_of_an_unbalanced_design_are_found_again(tmp_path: Path) -> None:
    """Means over 40 metrics of 8 athletes, who have two to four sessions of one to four trials."""
    rng, count = np.random.default_rng(7), 40
    trials = []
    for athlete in range(8):
        mean = 60 + 8 * rng.standard_normal(count)
        for session in range(2 + athlete % 3):
            day = mean + 3 * rng.standard_normal(count)
            for number in range(1 + (athlete + session) % 4):
                values = day + 2 * rng.standard_normal(count)
                trials.append(
                    SyntheticTrial(
                        f"a{athlete}{number}",
                        athlete=f"a{athlete}",
                        session=f"s{session}",
                        date=f"2026-11-{session + 1:02d}",
                        time_s=np.arange(2) / 50,
                        metrics=[(f"m{metric}", "left", value) for metric, value in enumerate(values)],
                    )
                )
    found = rows(published(tmp_path, trials), "reliability")
    assert len(found) == count
    for part, truth in (("within_session", 2.0), ("between_sessions", 3.0), ("between_athletes", 8.0)):
        assert np.mean([row[f"sd_{part}"] ** 2 for row in found]) == pytest.approx(truth**2, rel=0.2), part


@pytest.mark.parametrize("values", [{"ann": [[60.0]]}, {"ann": [[60.0, 61.0]]}, {"ann": [[60.0], [62.0]]}])
def test_too_few_sessions_have_no_estimate(tmp_path: Path, values: dict[str, list[list[float]]]) -> None:
    (row,) = rows(published(tmp_path, trials_of(values)), "reliability", metric=METRIC)
    assert (row["sem"], row["icc"], row["smallest_detectable_change"]) == (None, None, None)
    assert row["judgement"] == "not enough sessions"


def test_one_athlete_has_a_standard_error_but_no_icc(tmp_path: Path) -> None:
    values = {"ann": [[60.0 + day, 62.0 + day] for day in range(6)]}
    (row,) = rows(published(tmp_path, trials_of(values)), "reliability", metric=METRIC)
    assert row["sem"] > 0
    assert (row["icc"], row["sd_between_athletes"]) == (None, None)
