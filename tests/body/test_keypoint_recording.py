"""3D keypoints of other systems on the default skeleton: their names, its scales, the angles, what is held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from biopose.body.keypoint_landmarks import PREFIX, skeleton_with_keypoints
from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.keypoint_recording import NOT_SHOWN, keypoint_recording
from biopose.body.keypoint_spellings import keypoint_name, read_keypoint_names
from biopose.errors import FileFormatError, ModelError
from biopose.io.mot import read_mot
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import write_trc
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.scaling import scaled_geometry
from tests.commands import assert_refused
from tests.commands import run as run_command
from tests.marker_recordings import swinging_q
from tests.skeleton.models import recording_of

POSE2SIM = {"nose": "Nose", "neck": "Neck", "head_top": "Head", "mid_hip": "Hip"} | {
    f"{side}_{ours}": side[0].upper() + theirs
    for side in ("left", "right")
    for ours, theirs in {
        "hip": "Hip", "knee": "Knee", "ankle": "Ankle", "big_toe": "BigToe", "small_toe": "SmallToe",
        "heel": "Heel", "shoulder": "Shoulder", "elbow": "Elbow", "wrist": "Wrist",
    }.items()
}  # fmt: skip
COCO = tuple(name for name in KEYPOINTS[:17])
LEGS = [f"{joint}_{side}" for joint in ("hip_flexion", "hip_adduction", "knee_angle", "ankle_angle") for side in "rl"]


def keypoints(names: dict[str, str], *, size: float = 1.1, noise_m: float = 0.0) -> MarkerTrajectories:
    """Of the swinging person, so many times the model's size, under some names."""
    skeleton = full_body_skeleton()
    scales = np.full((len(skeleton.bodies), 3), size)
    scales[0] = 1.0
    whole = recording_of(
        scaled_geometry(skeleton_with_keypoints(skeleton), scales), swinging_q(), rate_hz=60.0, noise_m=noise_m
    )
    chosen = whole.select([PREFIX + ours for ours in names])
    return replace(chosen, names=tuple(names.values()))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("RBigToe", "right_big_toe"),  # Pose2Sim, OpenCap
        ("LSmallToe", "left_small_toe"),
        ("Head", "head_top"),
        ("Hip", "mid_hip"),
        ("midHip", "mid_hip"),  # OpenCap
        ("left_hip", "left_hip"),  # COCO
        ("right_foot_index", "right_big_toe"),  # MediaPipe
        ("LEFT ANKLE", "left_ankle"),
        ("r.ASIS_study", None),  # a marker
        ("RHJC", "right_hip"),
    ],
)
def test_the_usual_names_are_known(theirs: str, ours: str | None) -> None:
    assert keypoint_name(theirs) == ours


def test_angles_come_back_on_a_skeleton_of_the_recorded_size(tmp_path: Path) -> None:
    write_trc(tmp_path / "swing.trc", keypoints(POSE2SIM))
    result = run_command("ik", "--keypoints", tmp_path / "swing.trc", "--out", tmp_path / "q.mot", "--json")
    assert result.exit_code == 0, result.output
    found = read_mot(tmp_path / "q.mot", rotational=full_body_skeleton().rotational_names)
    truth = swinging_q()[:, [full_body_skeleton().coordinate_names.index(name) for name in LEGS]]
    error_deg = np.degrees(np.abs(found.select(LEGS).values - truth)).mean(axis=0)
    assert error_deg.max() < 2, dict(zip(LEGS, error_deg.round(1), strict=True))
    assert '"lumbar_extension"' in result.stdout  # held, and named


def test_segments_are_scaled_to_the_distances_and_what_is_not_shown_is_held() -> None:
    found = keypoint_recording(keypoints(POSE2SIM))
    assert found.held == NOT_SHOWN
    np.testing.assert_allclose(found.body_scales[1:], 1.1, atol=0.06)
    assert "mid_hip" not in found.markers.names
    assert any("keypoints that were not used: Hip" in note for note in found.markers.notes)


def test_coco_has_no_feet_so_ankles_are_held_too(tmp_path: Path) -> None:
    write_trc(tmp_path / "coco.trc", keypoints({name: name for name in COCO}))
    result = run_command("ik", "--keypoints", tmp_path / "coco.trc", "--out", tmp_path / "q.mot")
    assert result.exit_code == 0, result.output
    (held,) = [line for line in result.output.splitlines() if line.startswith("held at default")]
    assert {"ankle_angle_r", "subtalar_angle_l", "lumbar_extension"} <= set(held.partition(": ")[2].split(", "))


def test_names_of_ones_own_are_read_from_a_file_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    own = {name: f"kp{i}" for i, name in enumerate(KEYPOINTS)}
    with pytest.raises(ModelError, match="has no keypoint left_hip, right_hip, left_knee, right_knee; there are kp0"):
        keypoint_recording(keypoints(own))
    names = tmp_path / "names.toml"
    names.write_text("".join(f'{theirs} = "{ours}"\n' for ours, theirs in own.items()))
    assert len(keypoint_recording(keypoints(own), names=read_keypoint_names(names)).markers.names) == 25
    names.write_text('kp1 = "hip_right"\n')
    with pytest.raises(FileFormatError, match=r"names\.toml.*kp1 = 'hip_right'.*one of nose"):
        read_keypoint_names(names)


def test_two_of_one_name_and_another_unit_are_refused() -> None:
    twice = keypoints({"left_hip": "LHip", "right_hip": "RHip", "left_knee": "LKnee", "right_knee": "RKnee"})
    again = replace(twice, names=("LHip", "RHip", "left_hip", "RKnee"))
    with pytest.raises(ModelError, match=r"LHip, left_hip: several keypoints of one name of ours \(left_hip\)"):
        keypoint_recording(again)
    with pytest.raises(ModelError, match=r"times as far apart as a person's; is the file's unit right \(--units\)"):
        keypoint_recording(keypoints(POSE2SIM, size=1100.0))


def test_a_recording_of_markers_on_the_skin_is_suspected_by_its_names() -> None:
    few = keypoints({ours: POSE2SIM[ours] for ours in ("left_hip", "right_hip", "left_knee", "right_knee")})
    others = tuple(f"M{i}" for i in range(5))
    positions_m = np.concatenate([few.positions_m, few.positions_m[:, :1].repeat(5, axis=1)], axis=1)
    marked = replace(few, names=few.names + others, positions_m=positions_m)
    assert any("is it a recording of markers on the skin?" in note for note in keypoint_recording(marked).markers.notes)
    assert not any("on the skin" in note for note in keypoint_recording(few).markers.notes)


def test_options_without_effect_on_keypoints_are_refused(tmp_path: Path) -> None:
    write_trc(tmp_path / "swing.trc", keypoints(POSE2SIM))
    common = ("ik", "--keypoints", tmp_path / "swing.trc", "--out", tmp_path / "q.mot")
    assert_refused(
        run_command(*common, "--solver", "opensim"), "--solver opensim cannot be used with --keypoints", exit_code=2
    )
    assert_refused(
        run_command(*common, "--static", tmp_path / "swing.trc"),
        "cannot be used with --keypoints: the default model",
        exit_code=2,
    )
