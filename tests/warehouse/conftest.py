from pathlib import Path

import pytest

from tests.warehouse.trials import SyntheticTrial, load_trials
from warehouse.snapshot import publish_snapshot


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two athletes' jumps in two months and a walk; for reading."""
    folder = tmp_path_factory.mktemp("home")
    metrics = (("knee_flexion_peak", "left", 60.0), ("knee_flexion_peak", "right", 70.0))
    trials = [
        SyntheticTrial("jump1"),
        SyntheticTrial("jump2", seed=1, athlete="bob", metrics=metrics),
        SyntheticTrial("jump1", seed=2, session="2026-12-02-jumps", date="2026-12-02"),
        SyntheticTrial("walk1", seed=3, activity="walk", strikes=(("left", 0.1), ("left", 0.6)), metrics=()),
    ]
    load_trials(folder / "warehouse.duckdb", ((one.record, one.write(folder / one.run_id)) for one in trials))
    publish_snapshot(folder / "warehouse.duckdb", folder / "warehouse.snapshot.duckdb")
    return folder / "warehouse.snapshot.duckdb"
