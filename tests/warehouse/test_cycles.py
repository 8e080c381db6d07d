"""Cycles are rows: a metric of every stride, to the last digit, and nothing of trials without them."""

from pathlib import Path

import pytest

from tests.warehouse.trials import SyntheticTrial, load_trials
from warehouse.api import open_home
from warehouse.load import load_trial
from warehouse.query import run_query
from warehouse.snapshot import publish_snapshot


@pytest.fixture
def home(tmp_path: Path) -> Path:
    walks = [
        SyntheticTrial(
            "walk1", activity="walk", cycles=[("left", 1, 1.0, 0.02), ("left", 2, 1.2, 0.02), ("left", 3, 1.1, None)]
        ),
        SyntheticTrial("walk2", activity="walk", athlete="bob", cycles=[("right", 1, 0.9, 0.01)]),
        SyntheticTrial("old"),  # measured by an earlier version: no file of cycles
    ]
    database = tmp_path / "warehouse.duckdb"
    load_trials(database, ((one.record, one.write(tmp_path / one.name)) for one in walks))
    publish_snapshot(database, tmp_path / "warehouse.snapshot.duckdb")
    return tmp_path


def test_the_query_gives_every_cycle_its_deviation_and_its_place_among_the_trials_others(home: Path) -> None:
    found = run_query(home / "warehouse.snapshot.duckdb", "cycles", {"metric": "stride_time"})
    rows = found.select("trial_id", "side", "cycle_number", "value", "sd", "z_in_trial").rows()
    assert [row[:5] for row in rows] == [
        ("blue/2026-11-25-jumps/walk1", "left", 1, 1.0, 0.02),
        ("blue/2026-11-25-jumps/walk1", "left", 2, 1.2, 0.02),
        ("blue/2026-11-25-jumps/walk1", "left", 3, 1.1, None),
        ("blue/2026-11-25-jumps/walk2", "right", 1, 0.9, 0.01),
    ]
    assert [row[5] for row in rows] == [pytest.approx(-1), pytest.approx(1), pytest.approx(0), None]


def test_a_reloaded_trial_has_its_cycles_once_and_the_api_gives_them_by_filter(home: Path) -> None:
    one = SyntheticTrial("walk2", activity="walk", athlete="bob", cycles=[("right", 1, 0.9, 0.01)])
    load_trial(home / "warehouse.duckdb", one.record, home / "walk2")
    publish_snapshot(home / "warehouse.duckdb", home / "warehouse.snapshot.duckdb")
    found = open_home(home).cycle_metrics(athlete="blue/bob", metric="stride_time")
    assert found.select("cycle", "start_s", "end_s", "value", "unit").rows() == [("stride", 0.0, 1.0, 0.9, "s")]
