"""Queries: named ones whose parameters are bound as values, and SQL that can read the warehouse and nothing else."""

import re
from collections.abc import Hashable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.warehouse.trials import COLUMNS, SyntheticTrial
from warehouse.connection import opened_for_reading
from warehouse.errors import NoWarehouseError, QueryError
from warehouse.load import load_trial
from warehouse.named_query import named_queries
from warehouse.query import folder_of_trial, run_query, run_query_on, run_sql
from warehouse.snapshot import publish_snapshot

GIVEN = {
    "athlete": "blue/ann",
    "team": "blue",
    "session": "blue/2026-11-25-jumps",
    "trial": "blue/2026-11-25-jumps/jump1",
    "activity": "countermovement_jump",
    "metric": "knee_flexion_peak",
    "coordinate": "knee_angle_r_deg",
    "threshold": "-1000",
    "date": "2026-12-01",
}
GIVEN_CURVE = {name: GIVEN[name] for name in ("team", "activity")}
WITHOUT_ROWS = (
    *("landings_over_threshold", "norms", "events_of_trial", "unknown_metrics", "release_offsets"),
    *("recognised_activities", "coordinate_by_cycle"),
)
INJECTION = "x' OR 1 = 1; DROP TABLE trial; --"


def parameters_of(name: str) -> dict[str, str]:
    given = GIVEN | ({"metric": "stride_time"} if name == "cycles" else {})
    return {p.name: given[p.name] for p in named_queries()[name].parameters if p.default is None}


@pytest.mark.parametrize("name", named_queries())
def test_every_named_query_runs(snapshot: Path, name: str) -> None:
    assert (run_query(snapshot, name, parameters_of(name)).height > 0) == (name not in WITHOUT_ROWS)


@pytest.mark.parametrize("name", named_queries())
def test_every_named_query_describes_its_result_and_parameters(name: str) -> None:
    query = named_queries()[name]
    assert query.description.endswith(".")
    assert query.grain.endswith(".")
    assert {p.name for p in query.parameters} == set(re.findall(r"\$(\w+)", query.sql))
    asked = {p.name for p in query.parameters if p.default is None}
    assert asked <= set(re.findall(r"--param (\w+)=", query.example))


def test_an_athlete_is_compared_with_the_squad(snapshot: Path) -> None:
    answer = run_query(snapshot, "athlete_vs_squad", {"athlete": "blue/bob", "metric": "knee_flexion_peak"})
    left = answer.filter(side="left").row(0, named=True)
    assert (left["mean_value"], left["squad_median"], left["percentile"]) == (60.0, 80.0, None)
    assert (left["other_athletes"], left["trials"], left["judgement"]) == (1, 1, "not enough athletes")


@pytest.mark.parametrize("activity", ["walk", "squat"])
def test_curves_of_cycles_are_those_of_the_view_of_curves(tmp_path: Path, activity: str) -> None:
    strikes = (("left", 0.0), ("right", 0.2), ("left", 0.41), ("right", 0.63))
    trial = SyntheticTrial(activity=activity, strikes=strikes)
    load_trial(tmp_path / "warehouse.duckdb", trial.record, trial.write(tmp_path / "files"))
    publish_snapshot(tmp_path / "warehouse.duckdb", tmp_path / "snapshot.duckdb")
    given = {"coordinate": "knee_angle_r_deg", "activity": activity}
    found = run_query(tmp_path / "snapshot.duckdb", "cycle_curves", given)
    side = "right" if activity == "walk" else "none"
    expected = run_sql(
        tmp_path / "snapshot.duckdb",
        "SELECT side, phase_number, list(knee_angle_r_deg::REAL ORDER BY percent) AS curve FROM curve GROUP BY ALL "
        "ORDER BY ALL",
    ).filter(side=side)
    assert found["curve"].list.len().unique().to_list() == [101]
    assert found.select(expected.columns).equals(expected)
    left = run_query(tmp_path / "snapshot.duckdb", "cycle_curves", given | {"coordinate": "knee_angle_l_deg"})
    both = run_query(tmp_path / "snapshot.duckdb", "cycle_curves", given | {"other": "knee_angle_l_deg"})
    assert both.equals(pl.concat([left, found]))


def test_curves_and_ranges_of_an_activity_leave_out_trials_that_their_motion_contradicts(tmp_path: Path) -> None:
    for name, contradicted in (("a", False), ("b", True)):
        trial = SyntheticTrial(name, activity="squat", athlete=name, contradicted=contradicted)
        load_trial(tmp_path / "warehouse.duckdb", trial.record, trial.write(tmp_path / name))
    publish_snapshot(tmp_path / "warehouse.duckdb", tmp_path / "snapshot.duckdb")
    given = {"coordinate": "knee_angle_r_deg"}
    ranges = run_query(tmp_path / "snapshot.duckdb", "coordinate_range", given)
    curves = run_query(tmp_path / "snapshot.duckdb", "cycle_curves", given | {"activity": "squat"})
    assert ranges["athlete_id"].to_list() == curves["athlete_id"].to_list() == ["blue/a"]
    own = run_sql(tmp_path / "snapshot.duckdb", "SELECT DISTINCT athlete_id FROM kinematics ORDER BY 1")
    assert own["athlete_id"].to_list() == ["blue/a", "blue/b"]


def test_only_names_of_the_warehouse_are_remembered_as_found(snapshot: Path) -> None:
    known: set[Hashable] = set()
    with opened_for_reading(snapshot) as connection:
        for day in range(1, 29):
            run_query_on(connection, "before_after", {"date": f"2026-11-{day:02d}", "team": "blue"}, known=known)
    assert len(known) < 28
    assert any("blue" in str(one) for one in known)


def test_a_trend_goes_month_by_month(snapshot: Path) -> None:
    answer = run_query(snapshot, "athlete_trend", {"athlete": "blue/ann", "metric": "knee_flexion_peak"})
    assert [str(month) for month in answer.filter(side="right")["month"]] == ["2026-11-01", "2026-12-01"]


def test_trials_of_no_named_activity_have_what_they_look_like(tmp_path: Path) -> None:
    likely = ({"walk": 0.9, "run": 0.06, "other": 0.04}, {"squat": 0.5, "other": 0.4}, {"other": 0.97}, {})
    doubted, agreed = ("squat", {"countermovement_jump": 0.92}), ("walk", dict[str, float]())
    for number, (activity, one) in enumerate([*(("other", one) for one in likely), doubted, agreed]):
        trial = SyntheticTrial(f"a{number}", activity=activity, likely=one, contradicted=number == 4)
        load_trial(tmp_path / "warehouse.duckdb", trial.record, trial.write(tmp_path / trial.name))
    publish_snapshot(tmp_path / "warehouse.duckdb", tmp_path / "snapshot.duckdb")
    found = run_query(tmp_path / "snapshot.duckdb", "recognised_activities", {})
    rows = {row["trial_id"][-2:]: row for row in found.iter_rows(named=True)}
    assert list(rows) == ["a2", "a4", "a0", "a1", "a3"]
    assert (rows["a4"]["activity"], rows["a4"]["recognised"]) == ("squat", "countermovement_jump")
    assert (rows["a0"]["recognised"], rows["a0"]["probability"], rows["a0"]["or_else"]) == ("walk", 0.9, "run")
    assert [row["judgement"] for row in rows.values()] == [
        "none of the activities",
        'set activity = "countermovement_jump" in session.toml',
        'set activity = "walk" in session.toml',
        "not sure; look at it",
        "not known",
    ]


def test_what_does_not_move_is_held_and_has_no_range(tmp_path: Path) -> None:
    """Such as forearm rotation on film, or anything in a single frame."""
    trial = SyntheticTrial(time_s=np.zeros(1), activity="walk", cycles=[("right", 1, 1.0, None)])
    load_trial(tmp_path / "warehouse.duckdb", trial.record, trial.write(tmp_path / trial.name))
    publish_snapshot(tmp_path / "warehouse.duckdb", tmp_path / "snapshot.duckdb")
    asked = {"coordinate": "pro_sup_r_deg"}
    (row,) = run_query(tmp_path / "snapshot.duckdb", "coordinate_range", asked).iter_rows(named=True)
    assert row["mean_range"] is None
    assert row["mean_lowest"] == row["mean_highest"]
    (stride,) = run_query(tmp_path / "snapshot.duckdb", "coordinate_by_cycle", asked).iter_rows(named=True)
    assert stride["lowest"] == stride["highest"] == row["mean_lowest"]
    assert [stride[name] for name in ("range", "range_sd", "lowest_velocity", "velocity_sd")] == [None] * 4


def test_sides_are_compared(snapshot: Path) -> None:
    answer = run_query(
        snapshot, "side_difference", {"metric": "knee_flexion_peak", "activity": "countermovement_jump"}
    ).row(0, named=True)
    assert (answer["left_value"], answer["right_value"], answer["difference"]) == (80.0, 90.0, -10.0)


def test_a_mean_curve_is_the_mean_of_the_phases(snapshot: Path) -> None:
    curve = run_query(snapshot, "mean_curve", parameters_of("mean_curve"))
    first = [SyntheticTrial(seed=seed).coordinates()[0, COLUMNS.index("knee_angle_r_deg")] for seed in (0, 1, 2)]
    assert curve["percent"].to_list() == list(range(101))
    assert curve["phases"].to_list() == [3] * 101
    assert curve["mean_value"][0] == pytest.approx(sum(first) / 3, abs=1e-5)
    later = run_query(snapshot, "mean_curve", parameters_of("mean_curve") | {"since": "2026-12-01"})
    assert set(later["phases"]) == {1}


def test_in_gait_a_mean_curve_is_of_the_strides_of_its_own_side(tmp_path: Path) -> None:
    strikes = (("left", 0.0), ("right", 0.2), ("left", 0.4), ("right", 0.6))
    trial = SyntheticTrial(activity="walk", strikes=strikes)
    load_trial(tmp_path / "warehouse.duckdb", trial.record, trial.write(tmp_path / "files"))
    publish_snapshot(tmp_path / "warehouse.duckdb", tmp_path / "snapshot.duckdb")
    asked = {"team": "blue", "activity": "walk"}
    for column, start_s in (("knee_angle_l_deg", 0.0), ("knee_angle_r_deg", 0.2), ("pelvis_tilt_deg", 0.2)):
        curve = run_query(tmp_path / "snapshot.duckdb", "mean_curve", asked | {"coordinate": column})
        frames = trial.coordinates()[:, COLUMNS.index(column)]
        expected = np.interp(np.linspace(start_s, start_s + 0.4, 101), trial.time_s, frames)
        np.testing.assert_allclose(curve["mean_value"].to_numpy(), expected, atol=1e-5)
        assert set(curve["phases"]) == {1}


@pytest.mark.parametrize("parameter", ["athlete", "metric"])
def test_what_a_parameter_holds_stays_a_value(snapshot: Path, parameter: str) -> None:
    with pytest.raises(QueryError, match=f"the warehouse has no {parameter} "):
        run_query(snapshot, "athlete_trend", parameters_of("athlete_trend") | {parameter: INJECTION})
    assert run_sql(snapshot, "SELECT count(*) FROM trial").item() == 4


@pytest.mark.parametrize("column", [INJECTION, "trial_id", "frame_index", ""])
def test_a_coordinate_must_be_a_column_of_numbers(snapshot: Path, column: str) -> None:
    with pytest.raises(QueryError, match="such as knee_angle_r_deg"):
        run_query(snapshot, "coordinate_range", {"coordinate": column})


@pytest.mark.parametrize(
    ("name", "given", "complaint"),
    [
        (
            "no_such_query",
            {},
            "there is no such query; there are athlete_trend, athlete_vs_squad, .* and",
        ),
        ("athlete_trend", {"athlete": "blue/ann"}, "metric is missing; it takes athlete, metric"),
        (
            "mean_curve",
            GIVEN_CURVE | {"coordinate": "knee_angle_r_rad"},
            "'knee_angle_r_rad' of numbers with a standard deviation; .*: knee_angle_r_deg",
        ),
        ("quality_overview", {"team": "blue"}, "has no parameter team; it takes none"),
        (
            "coordinate_range",
            {"coordinate": "knee_angle_r_deg", "least_quality": "1.5"},
            "'1.5'; expected a number, 0 to 1, of a frame",
        ),
        ("side_difference", {"least_trials": "1e12"}, "'1e12'; expected a whole number, 1 or more"),
        ("athletes", {"activity": "ANY"}, "no activity 'ANY'; nearest: any"),
        (
            "coordinate_range",
            {"coordinate": "knee_angle_r_deg", "least_quality": "high"},
            "'high'; expected a number",
        ),
    ],
)
def test_a_wrong_question_is_explained_in_one_line(
    snapshot: Path, name: str, given: dict[str, str], complaint: str
) -> None:
    with pytest.raises(QueryError, match=complaint) as caught:
        run_query(snapshot, name, given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM outside",
        "COPY trial TO '{folder}/leak.csv'",
        "EXPORT DATABASE '{folder}/leak'",
        "ATTACH '{folder}/warehouse.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET threads",
        "SET threads = 64",
        "DELETE FROM trial_manifest",
        "DELETE FROM team",
        "UPDATE trial_manifest SET activity = 'walk'",
        "INSERT INTO team VALUES ('red')",
        "DROP TABLE kinematics_of_every_run",
        "CREATE TABLE mine (a INTEGER)",
        "SELECT 1; DROP TABLE kinematics_of_every_run",
    ],
)
def test_sql_can_only_read_the_warehouse(snapshot: Path, sql: str) -> None:
    outside = pl.DataFrame({"a": [1]})  # a variable of Python, which DuckDB would find by its name
    before, files = snapshot.read_bytes(), set(snapshot.parent.iterdir())
    with pytest.raises(QueryError):
        run_sql(snapshot, sql.format(folder=snapshot.parent))
    assert snapshot.read_bytes() == before
    assert set(snapshot.parent.iterdir()) == files
    assert outside.height == 1


def test_sql_runs(snapshot: Path) -> None:
    answer = run_sql(snapshot, "SELECT activity, count(*) AS trials FROM trial GROUP BY activity ORDER BY activity")
    assert answer.rows() == [("countermovement_jump", 3), ("walk", 1)]


@pytest.mark.parametrize("value", ["INTERVAL 3 DAY", "union_value(k := 1)"])
def test_sql_whose_result_fits_no_table_is_refused(snapshot: Path, value: str) -> None:
    with pytest.raises(QueryError, match="cast it to VARCHAR"):
        run_sql(snapshot, f"SELECT {value}")


def test_a_table_in_place_of_a_column_is_named_with_the_nearest_column(snapshot: Path) -> None:
    with pytest.raises(QueryError, match=r"^trial is a table, not a column; nearest: trial_id, .*SELECT \* has all: "):
        run_sql(snapshot, "SELECT trial, activity FROM trial")
    for name in ("session_of_mine", "metric"):  # a struct of one's own
        assert run_sql(snapshot, f"SELECT {{'trial': 1}} AS {name} FROM trial").height == 4


def test_sql_without_a_result_is_refused(snapshot: Path) -> None:
    with pytest.raises(QueryError, match="a SELECT is needed"):
        run_sql(snapshot, "")


def test_no_progress_bar_is_written_into_the_results(snapshot: Path) -> None:
    assert run_sql(snapshot, "SELECT current_setting('enable_progress_bar') AS shown").item() is False


def test_the_folder_of_a_trial_is_that_of_its_current_run(snapshot: Path) -> None:
    trial = SyntheticTrial("jump1")
    assert folder_of_trial(snapshot, trial.trial_id) == trial.record["run"]["artifacts"]
    with pytest.raises(QueryError, match="no trial 'blue/none'; there are blue/2026-11-25-jumps/jump1"):
        folder_of_trial(snapshot, "blue/none")


def test_where_nothing_was_ingested_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouseError, match="biopose ingest"):
        run_query(tmp_path / "none.duckdb", "trials", {})
