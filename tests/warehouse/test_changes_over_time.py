"""Whether an athlete changed: between sessions and before and after a date, worked out by hand."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.answers import METRIC, ONE, published, rows, series
from tests.warehouse.trials import SyntheticTrial
from warehouse.errors import QueryError
from warehouse.query import run_sql

T_4, T_5 = 2.7764451051977987, 2.5705818366147395  # Student's t at 97.5 % with 4 and 5 degrees of freedom


def steady(athletes: int, **others: Any) -> list[SyntheticTrial]:
    """Athletes whose two sessions are 60 and 62: a variance between sessions of 2."""
    return [trial for number in range(athletes) for trial in series([60.0, 62.0], athlete=f"steady{number}", **others)]


def test_a_change_is_real_beyond_the_other_athletes_variation_and_the_measurements_error(tmp_path: Path) -> None:
    trials = series([(60.0, 3.0), (70.0, 4.0), (69.0, 4.0), 66.0, 65.0]) + steady(5)
    found = rows(published(tmp_path, trials), "change_over_time", **ONE)
    assert [row["change"] for row in found] == [None, 10.0, 9.0, 6.0, 5.0]
    assert [row["change_sd"] for row in found] == [None, 5.0, 5.0, None, None]
    between_sessions = T_5 * math.sqrt(2.0) * math.sqrt(2.0)  # 5.14
    expected = [None, 9.8, 9.8, between_sessions, between_sessions]
    assert [row["detectable_change"] for row in found] == [None if e is None else pytest.approx(e) for e in expected]
    assert [row["judgement"] for row in found] == ["first session", "real", "within noise", "real", "within noise"]
    assert {(row["noise_sd"], row["noise_sessions"], row["trials"]) for row in found} == {(math.sqrt(2.0), 5, 1)}


def test_an_error_that_is_the_same_in_every_session_does_not_hide_a_change(tmp_path: Path) -> None:
    """Of sd 13 the part 12 is constant: two sessions differ by errors of 5 each, 7.07, and not by 18.4."""
    snapshot = published(tmp_path, series([(60.0, 13.0, None, 12.0), (75.0, 13.0, None, 12.0)]) + steady(5))
    _, found = rows(snapshot, "change_over_time", **ONE)
    assert (found["measurement_sd"], found["change_sd"]) == (13.0, pytest.approx(math.sqrt(50.0)))
    assert (found["detectable_change"], found["judgement"]) == (pytest.approx(1.96 * math.sqrt(50.0)), "real")
    (row,) = rows(snapshot, "before_after", **ONE, date="2026-11-09")
    assert row["change_measurement_sd"] == pytest.approx(math.sqrt(50.0))
    (row,) = rows(snapshot, "athlete_vs_squad", **ONE)
    assert row["measurement_sd"] == 13.0  # people differ by it
    assert {row["measurement_sd"] for row in rows(snapshot, "athlete_trend", **ONE)} == {13.0}


@pytest.mark.parametrize("others", [0, 1, 4])
def test_a_change_is_not_judged_by_too_few_sessions_of_others(tmp_path: Path, others: int) -> None:
    found = rows(published(tmp_path, series([60.0, 90.0]) + steady(others)), "change_over_time", **ONE)
    assert [row["judgement"] for row in found] == ["first session", "not enough sessions"]
    assert [(row["detectable_change"], row["noise_sessions"]) for row in found] == [(None, others)] * 2


def test_a_change_of_camera_is_not_taken_for_the_athletes(tmp_path: Path) -> None:
    first, second, third = series([60.0, 80.0, 81.0])
    trials = [first, replace(second, camera="focal 900 px"), third, *steady(5)]
    found = rows(published(tmp_path, trials), "change_over_time", **ONE)
    assert [row["judgement"] for row in found] == ["first session", "measured otherwise", "real"]
    assert [row["cameras"] for row in found] == ["not stated", "focal 900 px", "not stated"]
    values = [60.0, 61.0, 62.0, 80.0, 81.0, 82.0]
    later = [replace(t, camera="focal 900 px" if n > 2 else None) for n, t in enumerate(series(values, athlete="bob"))]
    asked = {"athlete": "blue/bob", "metric": METRIC, "date": "2026-11-23"}
    (row,) = rows(published(tmp_path, later), "before_after", **asked)
    assert (row["judgement"], row["change"]) == ("measured otherwise", 20.0)
    assert (row["cameras_before"], row["cameras_after"]) == ("not stated", "focal 900 px")


def test_a_camera_that_some_sessions_share_is_listed_once_and_is_no_change(tmp_path: Path) -> None:
    """Before and after there are sessions with one camera and one with both."""
    values = [60.0, 61.0, 62.0, 80.0, 81.0, 82.0]
    trials = series(values)
    others = [replace(trials[n], name="other", camera="focal 900 px") for n in (1, 5)]
    (row,) = rows(published(tmp_path, [*trials, *others]), "before_after", **ONE, date="2026-11-23")
    assert row["cameras_before"] == row["cameras_after"] == "focal 900 px, not stated"
    assert (row["judgement"], row["change"], row["trials"]) == ("real", 20.0, 8)


def test_before_and_after_are_compared_by_student_over_sessions(tmp_path: Path) -> None:
    snapshot = published(tmp_path, series([(v, 3.0 if v < 70 else 4.0) for v in (60.0, 62.0, 64.0, 70.0, 72.0, 74.0)]))
    (row,) = rows(snapshot, "before_after", date="2026-11-23", **ONE)
    assert (row["mean_before"], row["mean_after"], row["change"]) == (62.0, 72.0, 10.0)
    half = T_4 * math.sqrt(4.0 * (1 / 3 + 1 / 3))  # both variances are 4, four degrees of freedom
    assert row["change_low"] == pytest.approx(10.0 - half, rel=1e-12)
    assert row["change_high"] == pytest.approx(10.0 + half, rel=1e-12)
    assert (row["judgement"], row["change_measurement_sd"]) == ("real", 5.0)
    assert (row["sessions_before"], row["sessions_after"], row["trials"]) == (3, 3, 6)


def test_a_change_within_the_variation_between_sessions_is_noise(tmp_path: Path) -> None:
    snapshot = published(tmp_path, series([60.0, 70.0, 65.0, 66.0, 71.0, 64.0]))
    (row,) = rows(snapshot, "before_after", date="2026-11-23", **ONE)
    assert (row["judgement"], row["change"]) == ("within noise", 2.0)
    assert row["change_low"] < 0 < row["change_high"]
    assert row["change_measurement_sd"] is None


@pytest.mark.parametrize("values", [[60.0], [60.0, 70.0], [60.0, 70.0, 80.0, 81.0, 82.0]])
def test_too_few_sessions_have_no_interval(tmp_path: Path, values: list[float]) -> None:
    (row,) = rows(published(tmp_path, series(values)), "before_after", date="2026-11-09", **ONE)
    assert (row["judgement"], row["change_low"], row["change_high"]) == ("not enough sessions", None, None)


def test_a_trial_that_was_measured_again_counts_once_with_its_new_value(tmp_path: Path) -> None:
    old, new = series([60.0])[0], series([(75.0, 2.0)], code_version="0.2.0")[0]
    snapshot = published(tmp_path, [old, new])
    (row,) = rows(snapshot, "change_over_time", **ONE)
    assert (row["mean_value"], row["trials"]) == (75.0, 1)
    assert run_sql(snapshot, "SELECT count(*) FROM metric").item() == 1
    assert run_sql(snapshot, "SELECT count(*) FROM metric_of_every_run").item() == 2


def test_a_renamed_athlete_has_all_sessions_under_the_new_name_and_none_under_the_old(tmp_path: Path) -> None:
    old = series([(60.0, 3.0), (62.0, 3.0)])
    renamed = [replace(trial, athlete="anna") for trial in old]
    snapshot = published(tmp_path, [*old, *renamed])
    found = rows(snapshot, "change_over_time", athlete="blue/anna", metric=METRIC)
    assert [(row["mean_value"], row["trials"], row["judgement"]) for row in found] == [
        (60.0, 1, "first session"),
        (62.0, 1, "not enough sessions"),
    ]
    with pytest.raises(QueryError, match="has no athlete 'blue/ann'; nearest: blue/anna"):
        rows(snapshot, "change_over_time", **ONE)
    assert [row["athlete_id"] for row in rows(snapshot, "athletes")] == ["blue/anna"]
