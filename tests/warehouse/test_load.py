"""A trial goes in whole, once, however often and in whatever order; files that break the contract are named."""

import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.warehouse.trials import COLUMNS, SyntheticTrial, session_of
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.content import content_hash, content_rows
from warehouse.errors import ContractError, WarehouseBusyError, WarehouseError
from warehouse.load import load_trial, loaded_runs, record_sha256


def load(database: Path, trial: SyntheticTrial) -> None:
    load_trial(database, trial.record, trial.write(database.parent / "files" / trial.run_id))


def only(database: Path, sql: str) -> object:
    with opened_for_reading(database) as connection:
        (row,) = connection.execute(sql).fetchall()
    return row[0] if len(row) == 1 else row


def test_the_columns_are_the_coordinates_of_the_skeleton(database: Path) -> None:
    with opened_for_writing(database) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE kinematics_of_every_run").fetchall()]
    sds = [f"{'_sd_'.join(column.rsplit('_', 1))}" for column in COLUMNS]
    assert columns == ["run_number", "frame_index", "time_s", "quality", *COLUMNS, *sds]


def test_loading_the_same_trials_again_changes_nothing(database: Path) -> None:
    trials = session_of(3)
    for trial in trials:
        load(database, trial)
    before = content_rows(database)
    for trial in trials:
        load(database, trial)
    assert content_rows(database) == before
    assert before["kinematics"][0] == sum(len(trial.time_s) for trial in trials)


def test_the_order_of_loading_leaves_no_trace(tmp_path: Path) -> None:
    trials = session_of(5)
    for name in ("a", "b"):
        for trial in trials:
            load(tmp_path / name / "warehouse.duckdb", trial)
        random.Random(3).shuffle(trials)
    hashes = {content_hash(tmp_path / name / "warehouse.duckdb") for name in ("a", "b")}
    assert len(hashes) == 1


def test_another_number_is_another_content(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        load(tmp_path / name / "warehouse.duckdb", SyntheticTrial(seed=seed))
    assert content_hash(tmp_path / "a" / "warehouse.duckdb") != content_hash(tmp_path / "b" / "warehouse.duckdb")


def test_the_run_that_was_loaded_last_is_the_current_one(database: Path) -> None:
    old, new = SyntheticTrial(), SyntheticTrial(code_version="0.2.0", seed=1)
    load(database, old)
    load(database, new)
    assert loaded_runs(database) == {new.trial_id: (new.run_id, record_sha256(new.record))}
    assert only(database, "SELECT count(*) FROM run") == 2
    load(database, old)  # a version that was rolled back
    assert loaded_runs(database)[old.trial_id][0] == old.run_id


def test_nothing_is_loaded_where_there_is_no_database(database: Path) -> None:
    assert loaded_runs(database) == {}
    assert not database.exists()


def test_of_two_descriptions_of_an_athlete_the_newer_counts(database: Path) -> None:
    load(database, SyntheticTrial("new", height_m=1.8, date="2026-12-01", session="late"))
    load(database, SyntheticTrial("old", height_m=1.6, date="2026-01-01", session="early"))
    assert only(database, "SELECT height_m FROM athlete") == 1.8


def test_two_sessions_of_one_day_describe_an_athlete_alike_in_either_order(tmp_path: Path) -> None:
    trials = [SyntheticTrial(session="morning", height_m=1.80), SyntheticTrial(session="afternoon", height_m=1.81)]
    for name, ordered in (("a", trials), ("b", trials[::-1])):
        for trial in ordered:
            load(tmp_path / name / "warehouse.duckdb", trial)
    assert content_hash(tmp_path / "a" / "warehouse.duckdb") == content_hash(tmp_path / "b" / "warehouse.duckdb")


def test_a_corrected_manifest_corrects_the_athlete(database: Path) -> None:
    load(database, SyntheticTrial(height_m=17.0))
    load(database, SyntheticTrial(height_m=1.7))
    assert only(database, "SELECT height_m FROM athlete") == 1.7


def test_a_folder_that_is_called_like_a_column_changes_nothing(database: Path) -> None:
    trial = SyntheticTrial()
    load_trial(database, trial.record, trial.write(database.parent / "team=blue" / "quality=1"))
    assert content_rows(database)["kinematics"][0] == len(trial.time_s)


def test_the_record_is_kept(database: Path) -> None:
    trial = SyntheticTrial()
    load(database, trial)
    assert only(database, "SELECT run_id, frames, round(last_time_s, 2), record_sha256 FROM run") == (
        trial.run_id,
        40,
        0.78,
        record_sha256(trial.record),
    )
    assert only(database, "SELECT stage, version FROM model_version") == ("keypoints", 1)


def change(file: Path, column: str, values: pa.Array | None) -> None:
    """Put other values into a column, or take it away."""
    table = pq.read_table(file)
    place = table.column_names.index(column) if column in table.column_names else table.num_columns
    if place < table.num_columns:
        table = table.remove_column(place)
    pq.write_table(table if values is None else table.add_column(place, column, values), file)


FRAMES = len(SyntheticTrial().time_s)


@pytest.mark.parametrize(
    ("file", "column", "values", "complaint"),
    [
        ("kinematics.parquet", "neck_flexion_deg", None, "has no column neck_flexion_deg"),
        ("kinematics.parquet", "tail_flexion_deg", pa.nulls(FRAMES, pa.float32()), "has no column tail_flexion_deg"),
        ("kinematics.parquet", "pelvis_tx_m", pa.nulls(FRAMES, pa.string()), "pelvis_tx_m is VARCHAR.* needs FLOAT"),
        ("kinematics.parquet", "frame_index", pa.nulls(FRAMES, pa.int32()), "frame_index"),
        ("metrics.parquet", "value", pa.array(["a", "b"]), "value is VARCHAR.* needs DOUBLE"),
        ("quality.parquet", "unit", None, "has no column unit"),
    ],
)
def test_a_file_that_breaks_the_contract_is_named_with_its_column(
    database: Path, file: str, column: str, values: pa.Array | None, complaint: str
) -> None:
    load(database, SyntheticTrial("good"))
    before = content_hash(database)
    trial = SyntheticTrial("bad")
    folder = trial.write(database.parent / "bad")
    change(folder / file, column, values)
    with pytest.raises(ContractError, match=f"(?s){file}.*{complaint}"):
        load_trial(database, trial.record, folder)
    assert content_hash(database) == before


def test_a_file_that_is_missing_or_broken_is_named(database: Path) -> None:
    trial = SyntheticTrial()
    folder = trial.write(database.parent / "files")
    whole = (folder / "events.parquet").read_bytes()
    (folder / "events.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ContractError, match=r"events\.parquet: cannot be read"):
        load_trial(database, trial.record, folder)
    (folder / "events.parquet").unlink()
    with pytest.raises(ContractError, match=r"events\.parquet: no such file"):
        load_trial(database, trial.record, folder)


def test_a_second_writer_is_told_to_wait(database: Path) -> None:
    import subprocess
    import sys

    load(database, SyntheticTrial())
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        named = rf"process {other.pid} \(python.*\) has it open; close it there"
        with pytest.raises(WarehouseBusyError, match=named):
            load(database, SyntheticTrial())
        with pytest.raises(WarehouseBusyError, match=named):
            content_hash(database)
        other.communicate()
    load(database, SyntheticTrial())


def test_a_file_that_is_no_database_is_not_taken_for_a_busy_one(tmp_path: Path) -> None:
    broken = tmp_path / "starting blocks" / "warehouse.duckdb"  # DuckDB's message has the path, and so the word lock
    broken.parent.mkdir()
    broken.write_bytes(b"no database" * 1000)
    for use in (content_hash, loaded_runs):
        with pytest.raises(WarehouseError, match=r"warehouse\.duckdb: cannot be opened") as caught:
            use(broken)
        assert not isinstance(caught.value, WarehouseBusyError)


def test_a_statement_that_fails_takes_the_whole_trial_back(database: Path) -> None:
    load(database, SyntheticTrial("good"))
    before = content_hash(database)
    trial = SyntheticTrial("bad")
    record = trial.record | {"models": [{"stage": None, "model": "m", "version": 1, "sha256": "c"}]}
    with pytest.raises(duckdb.ConstraintException):
        load_trial(database, record, trial.write(database.parent / "bad"))
    assert content_hash(database) == before
