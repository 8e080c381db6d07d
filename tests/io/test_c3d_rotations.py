"""Segment poses of markerless systems in .c3d files."""

from pathlib import Path

import ezc3d
import numpy as np
import pytest

from biopose.errors import FileFormatError
from biopose.io.c3d import read_c3d
from biopose.io.c3d_rotations import holds_poses_alone, markers_of_poses, read_segment_poses
from tests.io.c3d_files import DEC, INTEL, MIPS, POSE_FRAMES, pose_transforms, written_poses


@pytest.mark.parametrize("processor", [INTEL, DEC, MIPS])
def test_poses_are_read_in_metres_without_the_laboratory(processor: int, tmp_path: Path) -> None:
    T = pose_transforms()
    poses = read_segment_poses(written_poses(tmp_path / "m.c3d", T, processor=processor))
    assert poses.names == ("pelvis", "l_thigh")
    assert np.array_equal(poses.T_lab_segment[..., :3, :3], T[:, 1:, :3, :3])
    assert np.array_equal(poses.T_lab_segment[..., :3, 3], T[:, 1:, :3, 3] / 1000)
    assert np.allclose(poses.time_s, np.arange(POSE_FRAMES) / 100)
    assert poses.notes == ()


def test_poses_are_those_that_ezc3d_reads(tmp_path: Path) -> None:
    path = written_poses(tmp_path / "m.c3d", pose_transforms())
    again = ezc3d.c3d(str(path))["data"]["rotations"].transpose(3, 2, 0, 1)[:, 1:]
    assert np.array_equal(read_segment_poses(path).T_lab_segment[..., :3, :3], again[..., :3, :3])


def test_what_is_no_pose_is_missing_and_noted(tmp_path: Path) -> None:
    T = pose_transforms()
    T[1, 1] = 0
    T[2, 2] = np.nan
    T[3, 1, :3, :3] *= 2
    T[4, 2, :3, 0] *= -1
    poses = read_segment_poses(written_poses(tmp_path / "m.c3d", T))
    missing = np.isnan(poses.T_lab_segment).all(axis=(2, 3))
    assert np.argwhere(missing).tolist() == [[1, 0], [2, 1], [3, 0], [4, 1]]
    assert poses.notes == ("4 of 10 segment poses are missing, the laboratory itself or no rotation",)


@pytest.mark.parametrize(
    ("changes", "cut", "message"),
    [
        ({}, 512, r"5 frames of 3 segment poses from byte 1024 on; expected one number of frames"),
        ({"ROTATION:DATA_START": 1}, 0, "from byte 0 on"),
        ({"ROTATION:LABELS": ["pelvis_4X4"]}, 0, r"3 segment poses \(ROTATION:USED\) and 1 ROTATION:LABELS"),
        ({"POINT:UNITS": ""}, 0, "POINT:UNITS none; .* --units"),
        ({"POINT:FRAMES": 4}, 0, "4 or 5 frames"),
    ],
)
def test_poses_that_cannot_be_read_are_refused(
    changes: dict[str, object], cut: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_segment_poses(written_poses(tmp_path / "m.c3d", pose_transforms(), cut=cut, **changes))


def test_poses_instead_of_markers_are_named_in_the_refusal(tmp_path: Path) -> None:
    path = written_poses(tmp_path / "m.c3d", pose_transforms())
    message = (
        r"m\.c3d: found no markers but poses of 2 segments \(ROTATION group: pelvis, l_thigh\); expected marker pos"
    )
    with pytest.raises(FileFormatError, match=message):
        read_c3d(path)


def test_markers_of_poses_are_origins_and_ends_of_axes(tmp_path: Path) -> None:
    path, T = written_poses(tmp_path / "m.c3d", pose_transforms()), pose_transforms()
    assert holds_poses_alone(path)
    markers = markers_of_poses(read_segment_poses(path))
    assert markers.names[:4] == ("pelvis_O", "pelvis_X", "pelvis_Y", "pelvis_Z")
    thigh_m = markers.positions_m[:, markers.names.index("l_thigh_O")]
    np.testing.assert_allclose(thigh_m, T[:, 2, :3, 3] / 1000)
    along_y = markers.positions_m[:, markers.names.index("l_thigh_Y")] - thigh_m
    np.testing.assert_allclose(along_y, 0.1 * T[:, 2, :3, 1], atol=1e-9)
