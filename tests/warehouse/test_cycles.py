"""Cycles are rows: a metric of every stride, to the last digit, and nothing of trials without them."""

from pathlib import Path

import numpy as np
import pytest

from tests.warehouse.trials import COLUMNS, SyntheticTrial, load_trials
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


def test_a_coordinate_has_extremes_velocities_and_values_at_events_of_every_cycle(tmp_path: Path) -> None:
    """Strides of its own side alone, from 0.2 to 0.4 s and on to 0.62 s; the foot leaves the ground in the second."""
    strikes = [("right", 0.2), ("right", 0.4), ("right", 0.62), ("left", 0.1), ("left", 0.3)]
    walk = SyntheticTrial("walk", activity="walk", strikes=strikes, events=[("foot_off", "right", 0.5)])
    load_trials(tmp_path / "warehouse.duckdb", [(walk.record, walk.write(tmp_path / "walk"))])
    publish_snapshot(tmp_path / "warehouse.duckdb", tmp_path / "warehouse.snapshot.duckdb")
    asked = {"coordinate": "hip_adduction_r_deg", "event": "foot_off"}
    found = run_query(tmp_path / "warehouse.snapshot.duckdb", "coordinate_by_cycle", asked)
    value = walk.coordinates()[:, COLUMNS.index("hip_adduction_r_deg")].astype(float)
    velocity = np.gradient(value, 1 / 50)
    assert found.select("side", "cycle_number", "start_s", "frames").rows() == [
        ("right", 1, 0.2, 11),
        ("right", 2, 0.4, 12),
    ]
    for row, frames in zip(found.iter_rows(named=True), (slice(10, 21), slice(20, 32)), strict=True):
        assert (row["lowest"], row["highest"]) == (value[frames].min(), value[frames].max())
        assert row["range"] == pytest.approx(np.ptp(value[frames]))
        assert (row["at_start"], row["at_end"]) == (value[frames][0], value[frames][-1])
        assert row["lowest_velocity"] == pytest.approx(velocity[frames].min(), rel=1e-5)
        assert row["highest_velocity"] == pytest.approx(velocity[frames].max(), rel=1e-5)
    assert found["at_event"].to_list() == [None, value[25]]
    assert set(found["range_sd"]) == {None}
