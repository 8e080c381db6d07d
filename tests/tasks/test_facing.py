"""The side that an athlete turns to the camera, from the file of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.facing import facing_of


@pytest.mark.parametrize(
    ("forward", "facing"),
    [
        ((-0.9, 0.1, 0.3), "left"),
        ((0.8, 0.0, -0.6), "right"),
        ((0.1, 0.2, -0.9), "towards the camera"),
        ((-0.3, 0.0, 0.9), "away from the camera"),
    ],
)
def test_the_worlds_first_axis_in_the_cameras_frame_decides(
    forward: tuple[float, float, float], facing: str, tmp_path: Path
) -> None:
    T = np.eye(4)
    T[:3, 0] = forward
    stated = json.dumps({"T_camera_world": T.tolist()})
    pq.write_table(pa.table({"x": [1.0]}).replace_schema_metadata({"biopose": stated}), tmp_path / "trial.parquet")
    assert facing_of(tmp_path) == facing


def test_without_a_file_or_a_camera_it_is_not_known(tmp_path: Path) -> None:
    assert facing_of(tmp_path) == "not known"
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "trial.parquet")
    assert facing_of(tmp_path) == "not known"
