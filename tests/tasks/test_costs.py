"""What results cost: recorded beside them, shared by those that were made together, in the warehouse with their run."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from biopose.tracking.shard import ShardFiles
from tasks.costs import costs_of, motion_cost, recorded_cost, shard_cost, trial_cost
from tests.warehouse.trials import SyntheticTrial
from warehouse.connection import opened_for_writing
from warehouse.load import load_trial, loaded_runs, record_sha256
from warehouse.releases import release_id_of
from warehouse.run_costs import RunOptions, run_costs, run_options


def test_processor_time_is_counted_and_waiting_is_not_and_results_made_together_share_it(tmp_path: Path) -> None:
    files = [shard_cost(tmp_path / f"{number:04d}.parquet") for number in range(2)]
    before_s = time.process_time()  # of all threads, as other tests leave some
    with recorded_cost(files):
        began_s, until_s = time.perf_counter(), time.process_time() + 0.1
        while time.process_time() < until_s:
            pass
        time.sleep(0.2)
        elapsed_s = time.perf_counter() - began_s
    processor_s = time.process_time() - before_s
    one, both = (costs_of({"perceive": some})[0] for some in (files[:1], files))
    assert 0.045 < one["processor_s"] <= processor_s / 2 + 0.01
    assert both["processor_s"] == pytest.approx(2 * one["processor_s"])
    assert one["wall_s"] >= elapsed_s / 2
    assert 1 < one["peak_mb"] < 100_000


def test_a_run_whose_motion_has_no_cost_has_none(tmp_path: Path) -> None:
    shard, motion = ShardFiles(tmp_path / "perceived" / "0000.parquet"), tmp_path / "motions" / "m.safetensors"
    shard.located.parent.mkdir()
    with recorded_cost([shard_cost(shard.located), trial_cost(tmp_path)]):
        pass
    stages = {"locate": [shard_cost(shard.located)], "reconstruct": [motion_cost([shard], motion)]}
    assert costs_of(stages) == []
    with recorded_cost([motion_cost([shard], motion)]):
        pass
    assert [row["stage"] for row in costs_of(stages)] == ["locate", "reconstruct"]


def test_a_part_that_has_files_of_its_own_is_not_in_the_others(tmp_path: Path) -> None:
    rest, part, taken_s = tmp_path / "rest.cost", [tmp_path / f"{name}.cost" for name in "ab"], [0.0, 0.0]
    with recorded_cost([rest], parts=part, of_part=lambda: (taken_s[0], taken_s[1])):
        until_s = time.process_time() + 0.1
        while time.process_time() < until_s:
            pass
        taken_s[:] = 0.08, 0.06
    (of_rest,), (of_part,) = costs_of({"decode": [rest]}), costs_of({"locate": part})
    assert 0.015 < of_rest["processor_s"] < 0.1
    assert (of_part["processor_s"], of_part["wall_s"]) == (pytest.approx(0.08), pytest.approx(0.06))
    assert json.loads(part[0].read_text())["processor_s"] == pytest.approx(0.04)


@pytest.mark.parametrize("content", ["", "\0" * 60, "[]", '{"processor_s": 1.0}', '{"processor_s": "a", "wall_s": 1}'])
def test_a_cost_that_a_power_cut_left_unreadable_is_not_known(tmp_path: Path, content: str) -> None:
    with recorded_cost([shard_cost(tmp_path / "0000.parquet")]):
        pass
    trial_cost(tmp_path).write_text(content)
    stages = {"perceive": [shard_cost(tmp_path / "0000.parquet")], "solve and analyse": [trial_cost(tmp_path)]}
    assert costs_of(stages) == []


def test_costs_and_options_lie_beside_a_run_and_are_no_content_of_it(tmp_path: Path) -> None:
    trial, database = SyntheticTrial(), tmp_path / "warehouse.duckdb"
    folder = trial.write(tmp_path / "trial")
    costs = [
        {"stage": stage, "processor_s": seconds, "wall_s": seconds, "peak_mb": 500.0 * seconds}
        for stage, seconds in (("perceive", 2.0), ("reconstruct", 6.0))
    ]
    record = trial.record | {"options": {"shard_s": 5.0, "cross_check_frames": 2}, "costs": costs}
    assert record_sha256(record) == record_sha256(trial.record)
    load_trial(database, record, folder)
    load_trial(database, record, folder)
    load_trial(database, trial.record | {"costs": []}, folder)  # where they are not known any more
    assert loaded_runs(database)[trial.trial_id] == (trial.run_id, record_sha256(trial.record))
    with opened_for_writing(database) as connection:
        (cost,) = run_costs(connection, [1]).values()
        options = run_options(connection, release_id_of("keypoint_fit", trial.record["models"]))
        assert run_options(connection) == options  # of the current run
    assert (cost.processor_s, cost.frame_s, cost.peak_mb) == (8.0, 0.2, 3000.0)
    assert options == {trial.trial_id: RunOptions(5.0, 2)}
