"""Angles from 3D keypoints beside two other solutions: the differences by hand, and those of a real recording."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from biopose.errors import BioposeError
from biopose.evaluation.keypoints import KEYPOINTS, SOLUTIONS, evaluate_keypoints
from biopose.io.mot import read_mot, write_mot
from biopose.io.trajectories import CoordinateTrajectories
from biopose.io.trc import write_trc
from biopose.skeleton.full_body import full_body_skeleton
from tests.body.test_keypoint_recording import POSE2SIM, keypoints
from tests.commands import run as run_command
from tests.reference_data import SHARED_DATA, needs_shared_data


def test_each_difference_is_that_of_the_angles(tmp_path: Path) -> None:
    folder = tmp_path / "multiview" / "balance"
    folder.mkdir(parents=True)
    write_trc(folder / KEYPOINTS, keypoints(POSE2SIM))
    assert run_command("ik", "--keypoints", folder / KEYPOINTS, "--out", tmp_path / "q.mot").exit_code == 0
    rotational = full_body_skeleton().rotational_names
    ours = read_mot(tmp_path / "q.mot", rotational=rotational)
    for name, off_deg in zip(SOLUTIONS.values(), (2.0, -4.0), strict=True):
        other = CoordinateTrajectories(ours.time_s, ours.names, ours.values + np.radians(off_deg))
        write_mot(folder / name, other, rotational=rotational)
    result = evaluate_keypoints(tmp_path, threads=1)
    expected = {"from_mean_deg": 1.0, "from_keypoints_deg": 2.0, "from_predicted_markers_deg": 4.0, "apart_deg": 6.0}
    for row in (*result["groups"].values(), *result["coordinates"].values()):
        assert row == pytest.approx(expected, abs=1e-3)


def test_a_folder_without_the_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BioposeError, match=r"triangulated_body25b\.trc: not here; --data names the folder that holds"):
        evaluate_keypoints(tmp_path)


@needs_shared_data
def test_real_keypoints_lie_nearer_to_the_mean_of_two_solutions_than_these_to_each_other() -> None:
    result = json.loads(run_command("evaluate", "keypoints", "--data", SHARED_DATA, "--json").stdout)["keypoints"]
    group = result["groups"]["hip, knee and ankle"]
    assert group["from_mean_deg"] < 4 < group["apart_deg"]
    assert result["frames"] == 99
    lines = run_command("evaluate", "keypoints", "--data", SHARED_DATA).stdout.splitlines()
    assert lines[-1] == "held, not shown by keypoints: lumbar_extension, mtp_angle_r, mtp_angle_l"
