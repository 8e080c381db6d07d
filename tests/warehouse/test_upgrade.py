"""A home of the first schema comes to the present one with all that it holds."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.warehouse.trials import COLUMNS, SyntheticTrial
from warehouse.connection import opened_for_writing
from warehouse.content import content_rows
from warehouse.errors import OutdatedError
from warehouse.load import load_trial, loaded_runs, published_runs
from warehouse.migrate import RECORDS, migrate, migrations
from warehouse.query import run_query, run_sql
from warehouse.snapshot import publish_snapshot

# As the first version wrote them: an earlier and a current run of one trial.
FIRST_CONTENT = f"""
INSERT INTO team VALUES ('blue');
INSERT INTO athlete VALUES ('blue/ann', 'blue', 1.7, NULL, NULL, DATE '2026-11-25');
INSERT INTO session VALUES ('blue/jumps', 'blue', DATE '2026-11-25');
INSERT INTO trial VALUES ('blue/jumps/jump1', 'blue/jumps', 'blue/ann', 'squat', 'jump1.mp4', NULL, NULL, 2);
INSERT INTO run SELECT n, 'run' || n, 'blue/jumps/jump1', 'aa', 'keypoint_fit', '0.1.' || n, 'bb', 1.7, NULL,
    'artifacts/run' || n, 'cc', 3, 0.0, 0.1 FROM range(1, 3) runs(n);
INSERT INTO model_version SELECT n, 'keypoints', 'keypoints', 1, 'dd' FROM range(1, 3) runs(n);
INSERT INTO load_record SELECT n, now(), NULL FROM range(1, 3) runs(n);
INSERT INTO event SELECT n, 'landing', 'both', 0.05, 1, NULL FROM range(1, 3) runs(n);
INSERT INTO metric SELECT n, 'squat_depth', 'none', 90.0 + n, 'deg', 2.0 FROM range(1, 3) runs(n);
INSERT INTO quality SELECT n, 'mean_quality', 0.8, '1' FROM range(1, 3) runs(n);
INSERT INTO kinematics (run_number, frame_index, time_s, {COLUMNS[0]})
    SELECT n, i, i / 20, n FROM range(1, 3) runs(n), range(3) frames(i);
CREATE VIEW current_metric AS SELECT trial_id, metric.* FROM metric JOIN trial ON current_run_number = run_number;
CREATE VIEW current_kinematics AS SELECT trial_id, kinematics.* FROM kinematics
    JOIN trial ON current_run_number = run_number;
CREATE VIEW curve AS SELECT * FROM current_kinematics;
COMMENT ON VIEW curve IS 'hash of the first views';
"""


@pytest.fixture
def first_schema(database: Path) -> Path:
    first = migrations()[0]
    with duckdb.connect(str(database)) as connection:
        connection.execute(RECORDS)
        connection.execute(first.sql)
        connection.execute("INSERT INTO migration VALUES (?, ?, now())", [first.name, first.sha256])
        connection.execute(FIRST_CONTENT)
    return database


def test_all_rows_are_there_under_the_plain_names_and_those_of_every_run(first_schema: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.duckdb"
    publish_snapshot(first_schema, snapshot)
    assert run_sql(snapshot, "SELECT athlete_id, session_date::VARCHAR, metric, value, reason FROM metric").rows() == [
        ("blue/ann", "2026-11-25", "squat_depth", 92.0, None)
    ]
    assert run_sql(snapshot, f"SELECT trial_id, frame_index, {COLUMNS[0]} FROM kinematics").rows() == [
        ("blue/jumps/jump1", frame, 2.0) for frame in range(3)
    ]
    assert run_sql(snapshot, "SELECT run_id, camera, frames FROM trial").rows() == [("run2", "not stated", 3)]
    for table in ("metric", "event", "quality"):
        assert run_sql(snapshot, f"SELECT count(*) FROM {table}").item() == 1
        assert run_sql(snapshot, f"SELECT count(*) FROM {table}_of_every_run").item() == 2
    assert run_sql(snapshot, "SELECT max(percent) FROM curve").item() == 100
    assert run_query(snapshot, "metrics_of_trial", {"trial": "blue/jumps/jump1"}).height == 1


def test_loading_goes_on(first_schema: Path) -> None:
    trial = SyntheticTrial()
    load_trial(first_schema, trial.record, trial.write(first_schema.parent / "files"))
    assert set(loaded_runs(first_schema)) == {"blue/jumps/jump1", trial.trial_id}
    assert {table: rows for table, (rows, _) in content_rows(first_schema).items()} == {
        **{"team": 1, "athlete": 1, "session": 2, "trial": 2, "run": 3, "model_version": 3},
        **{"kinematics": 46, "event": 2, "metric": 4, "quality": 4, "cycle_metric": 0},
    }


def test_files_of_before_load_with_no_constant_part_of_their_deviations(first_schema: Path, tmp_path: Path) -> None:
    trial = SyntheticTrial(cycles=[("left", 1, 1.0, 0.1)], metrics=[("knee_flexion_peak", "left", 80.0, 3.0)])
    folder = trial.write(tmp_path / "files")
    for name in ("metrics", "cycles"):
        file = folder / f"{name}.parquet"
        pq.write_table(pq.read_table(file).drop_columns(["constant_sd"]), file)
    load_trial(first_schema, trial.record, folder)
    publish_snapshot(first_schema, tmp_path / "snapshot.duckdb")
    for view, values in (("metric", [(2.0, None), (3.0, None)]), ("cycle_metric", [(0.1, None)])):
        assert run_sql(tmp_path / "snapshot.duckdb", f"SELECT sd, constant_sd FROM {view} ORDER BY sd").rows() == values


@pytest.mark.parametrize("applied", range(1, len(migrations())))
def test_a_database_of_every_earlier_schema_gets_the_column(database: Path, applied: int) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(RECORDS)
        for one in migrations()[:applied]:
            connection.execute(one.sql)
            connection.execute("INSERT INTO migration VALUES (?, ?, now())", [one.name, one.sha256])
        migrate(connection)
        for view in ("metric", "cycle_metric"):
            assert connection.execute(f"SELECT sd, constant_sd FROM {view}").fetchall() == []


def test_a_snapshot_of_the_first_schema_is_named_with_the_remedy(first_schema: Path) -> None:
    with pytest.raises(OutdatedError, match=r"written by another version of BioPose; `biopose prune`"):
        run_sql(first_schema, "SELECT 1")
    assert published_runs(first_schema) == {}


def test_a_deleted_trial_has_its_athlete_where_the_trial_is_kept(database: Path) -> None:
    before = migrations()[:9]
    with duckdb.connect(str(database)) as connection:
        connection.execute(RECORDS)
        for one in before:
            connection.execute(one.sql)
            connection.execute("INSERT INTO migration VALUES (?, ?, now())", [one.name, one.sha256])
        connection.execute(
            "INSERT INTO trial_manifest (trial_id, session_id, athlete_id, activity, video) "
            "VALUES ('blue/s/kept', 'blue/s', 'blue/ann', 'walk', 'a.mp4')"
        )
        for name in ("kept", "removed"):
            connection.execute("INSERT INTO deleted_trial VALUES (?, 'aa', now(), 'eve', false)", [f"blue/s/{name}"])
    with opened_for_writing(database) as connection:
        rows = connection.execute("SELECT trial_id, athlete_id FROM deleted_trial ORDER BY 1").fetchall()
    assert rows == [("blue/s/kept", "blue/ann"), ("blue/s/removed", None)]
