"""Segment poses of markerless systems in .c3d files."""

from pathlib import Path

import ezc3d
import numpy as np
import pytest

from biopose.errors import FileFormatError
from biopose.io.c3d import read_c3d
from biopose.io.c3d_rotations import read_segment_poses
from tests.io.c3d_files import DEC, INTEL, MIPS, c3d_bytes, padded, stored_floats

NAMES = ["worldbody_4X4", "pelvis_4X4", "l_thigh_4X4"]
FRAMES = 5


def transforms(*, seed: int = 0) -> np.ndarray:
    """(F, 3, 4, 4) rotations and translations in millimetres; the first segment is the laboratory."""
    rng = np.random.default_rng(seed)
    T = np.tile(np.eye(4), (FRAMES, len(NAMES), 1, 1))
    for frame in range(FRAMES):
        for segment in (1, 2):
            R, _ = np.linalg.qr(rng.normal(size=(3, 3)))
            T[frame, segment, :3, :3] = R * np.sign(np.linalg.det(R))
            T[frame, segment, :3, 3] = rng.uniform(-900, 900, size=3)
    return T.astype(np.float32).astype(np.float64)


def written(path: Path, T: np.ndarray, *, processor: int = INTEL, cut: int = 0, **changes: object) -> Path:
    values = np.concatenate([T.swapaxes(2, 3).reshape(FRAMES, -1, 16), np.ones((FRAMES, T.shape[1], 1))], axis=2)
    group = {"ROTATION:USED": len(NAMES), "ROTATION:LABELS": NAMES, "ROTATION:RATIO": 1, "ROTATION:RATE": 100.0}
    parameters = {**group, "POINT:FRAMES": FRAMES, "ROTATION:DATA_START": 3, **changes}
    raw = c3d_bytes(np.zeros((0, 0, 3)), processor=processor, header={"last": FRAMES}, parameters=parameters)
    assert len(raw) == 2 * 512
    data = padded(stored_floats(values, processor))
    path.write_bytes(raw + data[: len(data) - cut])
    return path


@pytest.mark.parametrize("processor", [INTEL, DEC, MIPS])
def test_poses_are_read_in_metres_without_the_laboratory(processor: int, tmp_path: Path) -> None:
    T = transforms()
    poses = read_segment_poses(written(tmp_path / "m.c3d", T, processor=processor))
    assert poses.names == ("pelvis", "l_thigh")
    assert np.array_equal(poses.T_lab_segment[..., :3, :3], T[:, 1:, :3, :3])
    assert np.array_equal(poses.T_lab_segment[..., :3, 3], T[:, 1:, :3, 3] / 1000)
    assert np.allclose(poses.time_s, np.arange(FRAMES) / 100)
    assert poses.notes == ()


def test_poses_are_those_that_ezc3d_reads(tmp_path: Path) -> None:
    path = written(tmp_path / "m.c3d", transforms())
    again = ezc3d.c3d(str(path))["data"]["rotations"].transpose(3, 2, 0, 1)[:, 1:]
    assert np.array_equal(read_segment_poses(path).T_lab_segment[..., :3, :3], again[..., :3, :3])


def test_what_is_no_pose_is_missing_and_noted(tmp_path: Path) -> None:
    T = transforms()
    T[1, 1] = 0
    T[2, 2] = np.nan
    T[3, 1, :3, :3] *= 2
    T[4, 2, :3, 0] *= -1
    poses = read_segment_poses(written(tmp_path / "m.c3d", T))
    missing = np.isnan(poses.T_lab_segment).all(axis=(2, 3))
    assert np.argwhere(missing).tolist() == [[1, 0], [2, 1], [3, 0], [4, 1]]
    assert poses.notes == ("4 of 15 segment poses are missing or no rotation",)


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
        read_segment_poses(written(tmp_path / "m.c3d", transforms(), cut=cut, **changes))


def test_poses_instead_of_markers_are_named_in_the_refusal(tmp_path: Path) -> None:
    path = written(tmp_path / "m.c3d", transforms())
    message = (
        r"m\.c3d: found no markers but poses of 2 segments \(ROTATION group: pelvis, l_thigh\); expected marker pos"
    )
    with pytest.raises(FileFormatError, match=message):
        read_c3d(path)
