"""The answers of named queries on small warehouses, worked out by hand."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.warehouse.answers import METRIC, ONE, published, rows, series, squad
from tests.warehouse.trials import COLUMNS, SyntheticTrial
from warehouse.connection import opened_for_writing
from warehouse.errors import QueryError
from warehouse.load import load_trial
from warehouse.query import run_sql
from warehouse.snapshot import publish_snapshot


def test_a_percentile_is_among_the_others_with_half_of_those_equal(tmp_path: Path) -> None:
    (row,) = rows(published(tmp_path, squad([60.0, 50.0, 55.0, 60.0, 70.0, 90.0])), "athlete_vs_squad", **ONE)
    assert row["percentile"] == 50.0  # two of five below, one equal
    assert (row["squad_median"], row["other_athletes"], row["judgement"]) == (60.0, 5, "within measurement noise")
    assert row["robust_z"] == 0.0
    assert row["measurement_sd"] == 3.0
    assert (row["percentile_low"], row["percentile_high"]) == (20.0, 60.0)  # below 54.12, up to 65.88


def test_a_robust_z_is_in_median_absolute_deviations_of_the_others(tmp_path: Path) -> None:
    (row,) = rows(published(tmp_path, squad([90.0, 50.0, 55.0, 60.0, 70.0, 80.0])), "athlete_vs_squad", **ONE)
    assert row["robust_z"] == (90.0 - 60.0) / (1.4826 * 10.0)  # deviations 10, 5, 0, 10, 20
    assert row["judgement"] == "beyond measurement noise"
    assert (row["percentile"], row["percentile_low"], row["percentile_high"]) == (100.0, 100.0, 100.0)


@pytest.mark.parametrize("others", [0, 4])
def test_too_small_a_squad_has_no_percentile(tmp_path: Path, others: int) -> None:
    (row,) = rows(published(tmp_path, squad([60.0, 50.0, 55.0, 70.0, 80.0][: others + 1])), "athlete_vs_squad", **ONE)
    assert (row["percentile"], row["robust_z"], row["judgement"]) == (None, None, "not enough athletes")
    assert row["other_athletes"] == others


def test_a_squad_is_the_athletes_own_team(tmp_path: Path) -> None:
    trials = squad([60.0, 50.0]) + squad([10.0, 20.0], team="red")
    (row,) = rows(published(tmp_path, trials), "athlete_vs_squad", **ONE)
    assert (row["other_athletes"], row["squad_median"]) == (1, 50.0)


def test_no_answer_mixes_methods(tmp_path: Path) -> None:
    """Markers give 20 degrees more than video; every mean is of one method, which stands beside it."""
    values = [60.0, 61.0, 62.0, 63.0]
    video = series(values) + squad([60.0] * 7)[1:]
    markers = [
        replace(
            t, name=f"{t.name}_markers", method="marker_ik", metrics=[(m, s, v + 20, *sd) for m, s, v, *sd in t.metrics]
        )
        for t in video
    ]
    sides = [jump(1, 70.0, 60.0, athlete="cal"), jump(2, 90.0, 80.0, athlete="cal", method="marker_ik")]
    snapshot = published(tmp_path, video + markers + sides)
    date = {"date": "2026-11-16"}
    for name, column, asked in (
        ("change_over_time", "mean_value", ONE),
        ("athlete_trend", "mean_value", ONE),
        ("before_after", "mean_before", ONE | date),
        ("athlete_vs_squad", "mean_value", ONE),
        ("athlete_vs_squad", "squad_median", ONE),
        ("norms", "mean_value", {"metric": METRIC}),
    ):
        means: dict[str, list[float]] = {}
        for row in rows(snapshot, name, **asked):
            means.setdefault(row["method"], []).append(row[column])
        assert set(means) == {"keypoint_fit", "marker_ik"}, name
        assert means["marker_ik"] == [pytest.approx(value + 20) for value in means["keypoint_fit"]], name
    for name, asked in (
        ("side_difference", {"metric": METRIC, "athlete": "blue/cal"}),
        ("coordinate_range", {"coordinate": "knee_angle_r_deg"}),
        ("mean_curve", {"team": "blue", "activity": "countermovement_jump", "coordinate": "knee_angle_r_deg"}),
        ("reliability", {"metric": METRIC}),
    ):
        assert {row["method"] for row in rows(snapshot, name, **asked)} == {"keypoint_fit", "marker_ik"}, name
    weeks = rows(snapshot, "workload_by_week", athlete="blue/ann")
    assert {row["methods"] for row in weeks} == {"keypoint_fit, marker_ik"}


def jump(number: int, left: float | None, right: float | None, **others: Any) -> SyntheticTrial:
    sides = (("left", left, 3.0), ("right", right, 4.0))
    metrics = tuple((METRIC, side, value, sd) for side, value, sd in sides if value is not None)
    return SyntheticTrial(f"jump{number}", metrics=metrics, **others)


def test_left_and_right_are_compared_over_trials_that_have_both(tmp_path: Path) -> None:
    trials = [jump(1, 80.0, 70.0), jump(2, 82.0, 72.0), jump(3, 84.0, 71.0), jump(4, 200.0, None)]
    trials += [jump(5, 60.0, 61.0, athlete="bob"), jump(6, 60.0, None, athlete="cal")]
    asked = {"metric": METRIC, "activity": "countermovement_jump"}
    ann, bob = rows(published(tmp_path, trials), "side_difference", **asked)
    assert (ann["left_value"], ann["right_value"], ann["difference"], ann["trials"]) == (82.0, 71.0, 11.0, 3)
    assert (ann["difference_sd"], ann["judgement"]) == (5.0, "beyond measurement noise")
    assert ann["sd_between_trials"] == pytest.approx(math.sqrt(3.0), rel=1e-12)
    assert ann["difference_percent"] == 100 * 11.0 / 76.5
    assert (bob["athlete_id"], bob["difference"], bob["judgement"]) == ("blue/bob", -1.0, "not enough trials")


def test_an_error_that_both_sides_share_does_not_hide_an_asymmetry(tmp_path: Path) -> None:
    """Of sd 13 on the left and 5 on the right 12 and 3 are constant: the sides differ by errors of 5 and 4."""
    sides = ((METRIC, "left", 82.0, 13.0, None, 12.0), (METRIC, "right", 68.0, 5.0, None, 3.0))
    trials = [SyntheticTrial(f"jump{number}", metrics=sides) for number in range(3)]
    (row,) = rows(published(tmp_path, trials), "side_difference")
    assert row["difference_sd"] == pytest.approx(math.sqrt(41.0), rel=1e-12)  # 6.4, and not 13.9
    assert row["judgement"] == "beyond measurement noise"


def test_a_value_that_is_no_number_counts_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    (trial,) = series([(60.0, 3.0)])
    trial.write(folder)
    table = pq.read_table(folder / "metrics.parquet")
    for column in ("value", "sd"):
        table = table.set_column(table.column_names.index(column), column, pa.array([math.nan]))
    pq.write_table(table, folder / "metrics.parquet")
    load_trial(tmp_path / "warehouse.duckdb", trial.record, folder)
    snapshot = published(tmp_path, series([0.0, (70.0, 4.0)])[1:])
    assert run_sql(snapshot, "SELECT value, sd FROM metric ORDER BY session_date").rows() == [(None, None), (70.0, 4.0)]
    (row,) = rows(snapshot, "change_over_time", **ONE)
    assert (row["mean_value"], row["trials"], row["judgement"]) == (70.0, 1, "first session")
    assert rows(snapshot, "athlete_vs_squad", **ONE)[0]["mean_value"] == 70.0


@pytest.mark.parametrize("athletes", [4, 5, 20, 22, 41])
def test_norms_name_nobody_and_need_enough_athletes(tmp_path: Path, athletes: int) -> None:
    values = [50.0 + number**2 / 8 for number in range(athletes)]
    trials = squad(values, sex="female", birth_year=2004)
    found = rows(published(tmp_path, trials), "norms", metric=METRIC)
    assert len(found) == (athletes >= 5)
    for row in found:
        assert (row["sex"], row["age_band"], row["athletes"]) == ("female", "20 to 29", athletes)
        assert row["mean_value"] == pytest.approx(np.mean(values), rel=1e-12)
        assert row["sd_between_athletes"] == pytest.approx(np.std(values, ddof=1), rel=1e-12)
        shown = {25: 20, 50: 20, 75: 20, 5: 41, 95: 41}  # from how many athletes on
        for percent, least in shown.items():
            of_five = np.convolve(values, np.full(5, 0.2), mode="valid")  # about the third, and so on
            place = (athletes - 1) * percent / 100 - 2
            expected = np.interp(place, np.arange(len(of_five)), of_five) if athletes >= least else None
            assert row[f"percentile_{percent}"] == (expected and pytest.approx(expected, rel=1e-12))
            assert row[f"percentile_{percent}"] not in values
        assert not any("blue" in str(value) or value == "ann" for value in row.values())


def test_norms_are_apart_by_sex_and_age_and_go_over_teams(tmp_path: Path) -> None:
    trials = squad([50.0, 52.0, 54.0], sex="male", birth_year=2010) + squad(
        [56.0, 58.0], sex="male", birth_year=2010, team="red"
    )
    trials += [
        SyntheticTrial(f"x{n}", athlete=f"x{n}", metrics=((METRIC, "left", 90.0),), sex="male") for n in range(4)
    ]
    (row,) = rows(published(tmp_path, trials), "norms", metric=METRIC)
    assert (row["age_band"], row["athletes"], row["mean_value"]) == ("under 18", 5, 54.0)


def test_a_weeks_workload_is_counted_and_compared_with_the_weeks_before(tmp_path: Path) -> None:
    jumps = [1, 2, 3, 4, 1]
    trials = [
        SyntheticTrial(
            session=trial.session,
            date=trial.date,
            events=[("take_off", "both", 0.1 * (n + 1)) for n in range(jumps[week])],
            strikes=(("left", 0.01), ("right", 0.02)),  # of a landing: no steps
            metrics=(
                ("knee_flexion_landing_peak", "left", 89.0),
                ("knee_flexion_landing_peak", "right", 90.0 + week - 2),
            ),
        )
        for week, trial in enumerate(series([0.0] * 5))
    ]
    last, feet = trials[-1], (("left", 0.01), ("right", 0.02))
    drop = (("knee_flexion_landing_peak", "left", 40.0), ("knee_flexion_drop_landing_peak", "left", 95.0))
    of_week = {"session": trials[1].session, "date": trials[1].date}
    others = [SyntheticTrial("drop", activity="drop_jump", metrics=drop, **of_week)]
    others += [
        SyntheticTrial("gait", session=one.session, date=one.date, activity="walk", strikes=feet) for one in trials
    ]
    trials += others
    flights = [("take_off", "both", 0.1 * n) for n in range(1, 8)]  # of a run: no jumps
    lost = [("step_count", "none", None, None, "At least 3: the left foot in frames 4 to 9 may strike unobserved.")]
    trials.append(SyntheticTrial("walk", session=last.session, date=last.date, activity="walk", metrics=lost))
    cut = [("jump_count", "none", None, None, "The recording ends in that flight.")]
    trials.append(SyntheticTrial("cut", session=last.session, date=last.date, metrics=cut))
    trials.append(SyntheticTrial("run", session=last.session, date=last.date, activity="run", events=flights))
    found = rows(published(tmp_path, trials), "workload_by_week", athlete="blue/ann")
    assert [row["week"].isoformat() for row in found] == [
        "2026-11-02",
        "2026-11-09",
        "2026-11-16",
        "2026-11-23",
        "2026-11-30",
    ]
    assert [row["jumps"] for row in found] == jumps
    assert [row["steps"] for row in found] == [2] * 5
    assert [row["trials_without_step_count"] for row in found] == [0, 0, 0, 0, 1]
    assert [row["trials_without_jump_count"] for row in found] == [0, 0, 0, 0, 1]
    assert [row["trials_with_deep_landing"] for row in found] == [0, 1, 1, 1, 1]
    assert [row["chronic_weeks"] for row in found] == [0, 1, 2, 3, 4]
    assert [row["jumps_acute_to_chronic"] for row in found] == [None, None, None, 4 / 2, 1 / 2.5]
    assert [row["steps_acute_to_chronic"] for row in found] == [None, None, None, 1.0, 1.0]


def test_landings_over_a_threshold_are_found_in_the_frames(tmp_path: Path) -> None:
    trial = SyntheticTrial(events=(("landing", "both", 0.1), ("take_off", "both", 0.3), ("landing", "both", 0.5)))
    snapshot = published(tmp_path, [trial])
    column = run_sql(snapshot, "SELECT time_s, knee_angle_r_deg AS value FROM kinematics ORDER BY time_s")
    time_s, value = column["time_s"].to_numpy(), column["value"].to_numpy()
    greatest = [value[(time_s >= a) & (time_s <= b)].max() for a, b in ((0.1, 0.3), (0.5, 0.6))]
    asked = {"coordinate": "knee_angle_r_deg", "window_s": "0.1"} | {"threshold": "-1000"}
    found = rows(snapshot, "landings_over_threshold", **(asked | {"window_s": "0.3"}))
    assert {row["landing_s"] for row in found} == {0.1, 0.5}
    first = next(row for row in found if row["landing_s"] == 0.1)
    assert first["greatest_value"] == pytest.approx(greatest[0])  # not beyond the next take-off
    later = next(row for row in rows(snapshot, "landings_over_threshold", **asked) if row["landing_s"] == 0.5)
    assert later["greatest_value"] == pytest.approx(greatest[1])
    assert {row["judgement"] for row in found} == {"deviation not known"}
    assert rows(snapshot, "landings_over_threshold", **(asked | {"threshold": "1000"})) == []


def test_quality_is_by_session_and_camera(tmp_path: Path) -> None:
    trials = [SyntheticTrial("a", camera="focal 1400 px"), SyntheticTrial("b"), SyntheticTrial("c")]
    found = rows(published(tmp_path, trials), "quality_by_camera", team="blue")
    assert [(row["camera"], row["trials"], row["frames"]) for row in found] == [
        ("focal 1400 px", 1, 40),
        ("not stated", 2, 80),
    ]
    assert found[1]["mean_quality"] == found[1]["lowest_quality"] == 0.9


def test_a_series_shows_where_its_versions_change(tmp_path: Path) -> None:
    first, second = series([60.0, 61.0])
    third = series([0.0, 0.0, 62.0], code_version="0.2.0")[2]
    found = rows(published(tmp_path, [first, second, third]), "model_versions", **ONE)
    assert [row["is_changed"] for row in found] == [False, False, True]
    assert [row["code_version"] for row in found] == ["0.1.0", "0.1.0", "0.2.0"]
    assert found[0]["models"] == "keypoints keypoints v1"


def test_landings_are_judged_by_columns_with_a_deviation_alone(tmp_path: Path) -> None:
    """The quality of a frame has none: it would be taken for its own."""
    snapshot = published(tmp_path, [SyntheticTrial(events=(("landing", "both", 0.1),))])
    for column in ("quality", "knee_angle_r_sd_deg"):
        with pytest.raises(
            QueryError, match=f"kinematics has no column '{column}' of numbers with a standard deviation"
        ):
            rows(snapshot, "landings_over_threshold", coordinate=column, threshold="0.1")


# Of all metrics and athletes at once, and of one trial


def test_an_answer_for_all_metrics_or_athletes_is_those_of_each(tmp_path: Path) -> None:
    others = (("hip_flexion_peak", "left", 40.0, 2.0), (METRIC, "left", 55.0, 2.0))
    trials = [*series([60.0, 70.0, 69.0, 80.0]), SyntheticTrial("jump_bob", athlete="bob", metrics=others)]
    snapshot = published(tmp_path, trials)
    date = {"date": "2026-11-16", "least_sessions": "2"}
    for name, one, every in (
        ("before_after", ONE | date, date),
        ("change_over_time", ONE, {"athlete": "blue/ann"}),
        ("athlete_vs_squad", ONE, {"athlete": "blue/ann"}),
        ("reliability", {"metric": METRIC}, {}),
    ):
        alone = rows(snapshot, name, **one)
        assert [row for row in rows(snapshot, name, **every) if row["metric"] == METRIC][: len(alone)] == alone
    assert {row["athlete_id"] for row in rows(snapshot, "before_after", **date)} == {"blue/ann", "blue/bob"}


def test_the_last_day_of_loads_is_that_of_the_newest_and_only_current_runs_are_listed(tmp_path: Path) -> None:
    first, again = SyntheticTrial("jump1"), SyntheticTrial("jump1", seed=1)
    snapshot = published(tmp_path, [first, SyntheticTrial("jump2"), again])
    (day,) = rows(snapshot, "loads_by_day")
    assert (day["trials"], day["sessions"]) == (2, 1)
    assert [row["trial_id"] for row in rows(snapshot, "loads")] == [again.trial_id, "blue/2026-11-25-jumps/jump2"]
    assert rows(snapshot, "loads", day=str(day["day"])) == rows(snapshot, "loads")
    assert rows(snapshot, "loads", day="2020-01-01") == []


def test_a_run_that_was_loaded_again_counts_on_its_last_day_alone(tmp_path: Path) -> None:
    published(tmp_path, [SyntheticTrial("jump1"), SyntheticTrial("jump2")])
    with opened_for_writing(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("UPDATE load_record SET loaded_at = TIMESTAMPTZ '2026-11-25 02:00:00+00'")
        connection.execute(
            "INSERT INTO load_record SELECT run_number, TIMESTAMPTZ '2026-11-26 02:00:00+00', NULL FROM load_record "
            "WHERE run_number = (SELECT run_number FROM trial WHERE trial_id LIKE '%jump1')"
        )
    publish_snapshot(tmp_path / "warehouse.duckdb", snapshot := tmp_path / "snapshot.duckdb")
    days = rows(snapshot, "loads_by_day")
    assert [(str(row["day"]), row["trials"]) for row in days] == [("2026-11-26", 1), ("2026-11-25", 1)]
    assert [len(rows(snapshot, "loads", day=str(row["day"]))) for row in days] == [row["trials"] for row in days]


def test_a_trials_curves_are_the_mean_over_its_strides(tmp_path: Path) -> None:
    time_s = np.arange(101) / 50
    walk = SyntheticTrial("walk", activity="walk", time_s=time_s, strikes=[("left", 0.0), ("left", 1.0), ("left", 2.0)])
    found = rows(published(tmp_path, [walk]), "curves_of_trial", trial=walk.trial_id)
    assert [row["percent"] for row in found] == list(range(101))
    assert {(row["side"], row["phases"]) for row in found} == {("left", 2)}
    knee = walk.coordinates()[:, COLUMNS.index("knee_angle_l_deg")]
    assert found[50]["knee_angle_l_deg"] == pytest.approx((knee[25] + knee[75]) / 2, rel=1e-5)
    assert "knee_angle_l_sd_deg" not in found[0]
