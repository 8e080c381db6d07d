"""The notebook of the Python API runs from its first cell to its last; Dask agrees with SQL over files and table."""

import json
from pathlib import Path
from typing import Any

import pytest

import flows
from tests.warehouse.trials import SyntheticTrial
from warehouse import DATABASE, SNAPSHOT
from warehouse.archive import archive_frames
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

NOTEBOOK = Path(flows.__file__).parent / "notebooks" / "warehouse.ipynb"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two trials in Parquet files, a third in the database."""
    walk = SyntheticTrial("walk1", 3, activity="walk", strikes=(("left", 0.1), ("left", 0.6)))
    for number, trial in enumerate((SyntheticTrial("jump1"), SyntheticTrial("jump2", 1, athlete="bob"), walk)):
        if number == 2:
            archive_frames(tmp_path / DATABASE, from_frames=1)
        load_trial(tmp_path / DATABASE, trial.record, trial.write(tmp_path / "artifacts" / trial.run_id))
    publish_snapshot(tmp_path / DATABASE, tmp_path / SNAPSHOT)
    return tmp_path


def test_the_notebook_runs_and_dask_gives_the_answer_of_sql(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOPOSE_HOME", str(home))
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            exec("".join(cell["source"]), names)
    assert names["trials"].height == 3
    assert names["activity"] == "countermovement_jump"
    assert names["session_curves"]["phases"].to_list() == [2] * 101
    assert names["mean_curve"]["phases"].to_list() == [2] * 101
    assert names["frames"].npartitions == 2
    assert names["by_dask"].sort_index().to_dict() == dict(names["by_sql"].iter_rows())
