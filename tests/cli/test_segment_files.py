"""`biopose ik` on a .c3d with poses of segments in place of markers."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from biopose.cli.main import cli
from biopose.io.mot import read_mot
from biopose.skeleton.full_body import build_full_body
from biopose.skeleton.reader import read_osim
from tests.io.c3d_files import POSE_NAMES, pose_transforms, written_poses
from tests.skeleton.segment_motions import person, segment_poses, swinging

PERSON = person()
Q = swinging(PERSON, frames=4)


def recorded(path: Path, q: np.ndarray = Q) -> Path:
    """A file such as Theia3D writes: millimetres, z up, names with a suffix, the laboratory as a segment."""
    poses = segment_poses(PERSON, q)
    T = poses.T_lab_segment.copy()
    T[..., :3, :] = np.roll(T[..., :3, :], 1, axis=-2)
    T[..., :3, 3] *= 1000
    lab = np.broadcast_to(np.eye(4), (len(q), 1, 4, 4))
    names = [f"{name}_4X4" for name in ("worldbody", *poses.names)]
    return written_poses(path, np.concatenate([lab, T], axis=1), names=names)


def ik(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["ik", *map(str, arguments)])


def test_segment_poses_need_no_model(tmp_path: Path) -> None:
    markers, out, model = recorded(tmp_path / "m.c3d"), tmp_path / "m.mot", tmp_path / "m.osim"
    result = ik("--markers", markers, "--up", "z", "--out", out, "--model-out", model, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert any(note.startswith("axes of the segments: x right, y forward, z up") for note in summary["notes"])
    assert any(note.startswith("the default model was scaled to the distances") for note in summary["notes"])
    assert not summary["lies_on_its_side"]
    found = read_mot(out, rotational=PERSON.rotational_names)
    knees = [found.names.index(f"knee_angle_{side}") for side in "rl"]
    height = found.names.index("pelvis_ty")
    assert np.degrees(np.abs(found.values - Q))[:, knees].max() < 0.5
    assert np.abs(found.values - Q)[:, height].max() < 0.005
    scaled = read_osim(model)
    shank = scaled.joints[scaled.body_names.index("talus_r") - 1].T_parent_joint
    own = PERSON.joints[PERSON.body_names.index("talus_r") - 1].T_parent_joint
    np.testing.assert_allclose(shank[:3, 3], own[:3, 3], atol=0.003)


def test_a_model_and_a_neutral_posture_may_be_given(tmp_path: Path) -> None:
    markers = recorded(tmp_path / "m.c3d")
    model = build_full_body(tmp_path / "full_body.osim")
    static = recorded(tmp_path / "s.c3d", PERSON.default_pose[None].repeat(2, axis=0))
    result = ik(
        *("--markers", markers, "--up", "z", "--model", model, "--static", static),
        *("--out", tmp_path / "m.mot"),
    )
    assert result.exit_code == 0, result.output
    assert "axes of the segments: from the neutral posture of the static trial" in result.output
    assert "the model was not scaled; recorded lengths over its own" in result.output


def test_segments_that_were_not_found_are_refused(tmp_path: Path) -> None:
    T = np.tile(np.eye(4), (5, 3, 1, 1))
    result = ik("--markers", written_poses(tmp_path / "m.c3d", T), "--out", tmp_path / "m.mot")
    assert result.exit_code == 1
    assert "m.c3d: the segments pelvis, l_thigh have no pose in any frame: each is the laboratory" in result.output


def test_segments_of_unknown_axes_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = written_poses(tmp_path / "m.c3d", pose_transforms(), names=POSE_NAMES)
    result = ik("--markers", path, "--out", tmp_path / "m.mot")
    assert result.exit_code == 1
    assert "the axes of the segments pelvis, l_thigh are unknown" in result.output
    assert "--static" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--solver", "opensim"], "poses of segments need --solver biopose"),
        (["--subject", "Ann"], "--subject has no effect on poses of segments"),
        (["--sd", "sd.mot"], "--sd has no effect on poses of segments"),
    ],
)
def test_options_without_effect_are_refused(options: list[str], message: str, tmp_path: Path) -> None:
    result = ik("--markers", recorded(tmp_path / "m.c3d"), "--out", tmp_path / "m.mot", *options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())
