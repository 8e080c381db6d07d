"""The protocol on the beam: the reading of the recordings, and measurements whose errors are known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from biopose.body.keypoint_names import KEYPOINTS, LIMB_JOINTS
from biopose.camera.pinhole import Camera
from biopose.errors import BioposeError
from biopose.evaluation.balance import (
    CAMERAS,
    FIRST_FRAME,
    HEIGHT_M,
    CalibratedCamera,
    balance_lines,
    compare,
    evaluate_balance,
    read_calibration,
    read_reference,
)
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.skeleton.pose_errors import transformed
from biopose.skeleton.stature import LEG_PER_STATURE
from biopose.tracking.tracks import PersonTrack
from tests.reference_data import SHARED_DATA, needs_shared_data

BALANCE = SHARED_DATA / "multiview" / "balance"
LIMBS = [KEYPOINTS.index(name) for name in LIMB_JOINTS]
CAMERA = CalibratedCamera(Camera(640, 480, (500.0, 500.0), (320.0, 240.0)), np.diag([1.0, -1.0, -1.0, 1.0]))
CAMERA.T_camera_world[:3, 3] = 0, 1, 5


@pytest.fixture
def reference() -> np.ndarray:
    """Twelve joints of someone who stands near the world's origin, swaying."""
    rng = np.random.default_rng(0)
    standing = rng.uniform([-0.2, 0.1, -0.2], [0.2, 1.6, 0.2], (12, 3))
    return standing + 0.05 * rng.normal(size=(20, 12, 3))


def measured(
    joints_m: np.ndarray, calibrated: CalibratedCamera, *, first_frame: int = FIRST_FRAME
) -> PersonMeasurement:
    """A measurement that found these LIMB_JOINTS (T, 12, 3) in the reference's world."""
    T = len(joints_m)
    keypoints_m = np.zeros((T, 26, 3))
    keypoints_m[:, LIMBS] = joints_m
    keypoints_px = calibrated.camera.project(torch.from_numpy(calibrated.in_camera(keypoints_m))).numpy()
    time_s = np.arange(T) / 60
    track = PersonTrack(0, np.arange(T) + first_frame, time_s, np.zeros((T, 4)), keypoints_px, np.ones((T, 26)))
    return PersonMeasurement(
        track=track,
        camera=calibrated.camera,
        T_camera_world=calibrated.T_camera_world,
        person=cast(Any, None),  # joints are compared, whatever body they belong to
        coordinates=CoordinateTrajectories(time_s, ("knee_angle_r",), np.zeros((T, 1))),
        markers=MarkerTrajectories(time_s, ("RKNE",), np.zeros((T, 1, 3))),
        keypoints_m=keypoints_m,
        contact=np.zeros((T, 4)),
        quality={"reprojection_px": np.full(T, 3.0)},
    )


def in_another_world(person: PersonMeasurement) -> PersonMeasurement:
    """The same measurement with its world's axes elsewhere: the camera sees the same."""
    T_world_other = np.array([[0.0, 0.0, 1.0, 2.0], [0.0, 1.0, 0.0, -1.0], [-1.0, 0.0, 0.0, 0.5], [0.0, 0.0, 0.0, 1.0]])
    return replace(
        person,
        T_camera_world=person.T_camera_world @ T_world_other,
        keypoints_m=transformed(np.linalg.inv(T_world_other), person.keypoints_m),
    )


def never(video: Path, **_: Any) -> PersonMeasurement:
    """A method that must not be asked."""
    raise AssertionError(video)


def test_the_reference_itself_has_no_error(reference: np.ndarray) -> None:
    errors = compare(in_another_world(measured(reference, CAMERA)), CAMERA, reference)
    assert errors["pa_mpjpe_mm"] < 1e-9
    assert errors["mpjpe_mm"] < 1e-9
    assert errors["knee_mae_deg"] < 1e-6
    assert errors["frames"] == len(reference)
    assert errors["reprojection_px"] == 3.0
    assert not errors["another_person"]


def test_where_the_person_stands_does_not_count_and_their_size_does(reference: np.ndarray) -> None:
    errors = compare(measured(1.1 * reference + [0.1, 0.0, 0.0], CAMERA), CAMERA, reference)
    assert errors["pa_mpjpe_mm"] < 1e-9
    hips = reference[:, [0, 6]].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(errors["mpjpe_mm"], 100 * np.linalg.norm(reference - hips, axis=-1).mean())


def test_a_joint_off_by_five_centimetres_is_named(reference: np.ndarray) -> None:
    off = reference.copy()
    off[:, LIMB_JOINTS.index("left_wrist")] += [0.0, 0.03, 0.04]
    errors = compare(measured(off, CAMERA), CAMERA, reference)
    np.testing.assert_allclose(errors["joint_mm"]["left_wrist"], 50)
    np.testing.assert_allclose(errors["mpjpe_mm"], 50 / 12)
    np.testing.assert_allclose(errors["joint_mm"]["right_knee"], 0, atol=1e-9)


def test_a_knee_bent_too_far_has_a_positive_bias(reference: np.ndarray) -> None:
    straight = reference.copy()
    for side in ("right", "left"):
        hip, knee, ankle = (LIMB_JOINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle"))
        straight[:, knee] = straight[:, hip] + [0, -0.4, 0]
        straight[:, ankle] = straight[:, knee] + [0, -0.4, 0]
    bent = straight.copy()
    bent[:, LIMB_JOINTS.index("right_ankle")] = bent[:, LIMB_JOINTS.index("right_knee")] + [
        -0.4 * np.sin(np.radians(10)),
        -0.4 * np.cos(np.radians(10)),
        0,
    ]
    errors = compare(measured(bent, CAMERA), CAMERA, straight)
    np.testing.assert_allclose(errors["knee_bias_deg"]["right"], 10)
    np.testing.assert_allclose(errors["knee_mae_deg"], 5)


def test_the_worst_frames_are_numbered_as_in_the_video(reference: np.ndarray) -> None:
    off = reference.copy()
    off[7, 3] += 0.3
    errors = compare(measured(off, CAMERA), CAMERA, reference)
    assert errors["worst_frames"][0][0] == 7 + FIRST_FRAME
    assert errors["worst_frames"][0][1] > 10


def test_frames_without_a_measurement_or_a_reference_are_left_out_and_counted(reference: np.ndarray) -> None:
    person = measured(reference, CAMERA)
    person.keypoints_m[3] = np.nan
    assert compare(person, CAMERA, reference)["frames"] == len(reference) - 1
    assert compare(person, CAMERA, reference[:10])["frames"] == 9
    with pytest.raises(BioposeError, match="no measured frame has a reference"):
        compare(measured(reference, CAMERA, first_frame=500), CAMERA, reference)


def test_a_person_elsewhere_in_the_image_is_reported_as_another(reference: np.ndarray) -> None:
    assert compare(measured(reference + np.array([1.5, 0, 0]), CAMERA), CAMERA, reference)["another_person"]


def test_a_folder_without_the_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BioposeError, match="--data names the folder that holds multiview/balance"):
        evaluate_balance(tmp_path, measure=never)


def test_a_calibration_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calibration.toml").write_text("[cam_01]\nname = 'a'\n")
    with pytest.raises(BioposeError, match="not a calibration"):
        read_calibration(tmp_path / "calibration.toml")


@needs_shared_data
def test_the_reference_projects_into_all_pictures() -> None:
    reference = read_reference(BALANCE / "triangulated_body25b.trc")
    assert reference.shape == (99, 12, 3)
    for calibrated in read_calibration(BALANCE / "calibration.toml").values():
        np.testing.assert_allclose(np.linalg.det(calibrated.T_camera_world), 1)
        pixels = calibrated.camera.project(torch.from_numpy(calibrated.in_camera(reference))).numpy()
        assert ((pixels > 0) & (pixels < [calibrated.camera.width_px, calibrated.camera.height_px])).all()
        middle = pixels[:, :, 1].mean(axis=0)
        assert middle[LIMB_JOINTS.index("left_shoulder")] < middle[LIMB_JOINTS.index("left_ankle")] - 400


@needs_shared_data
def test_the_athletes_height_follows_from_the_triangulated_legs() -> None:
    reference = read_reference(BALANCE / "triangulated_body25b.trc")
    joint = {name: reference[:, i] for i, name in enumerate(LIMB_JOINTS)}
    bones = [(f"{s}_{a}", f"{s}_{b}") for s in ("right", "left") for a, b in (("hip", "knee"), ("knee", "ankle"))]
    leg_m = sum(np.median(np.linalg.norm(joint[a] - joint[b], axis=1)) for a, b in bones) / 2
    assert leg_m / LEG_PER_STATURE == pytest.approx(HEIGHT_M, abs=0.02)


@needs_shared_data
def test_the_whole_evaluation_of_measurements_that_are_known() -> None:
    reference = read_reference(BALANCE / "triangulated_body25b.trc")
    calibration = read_calibration(BALANCE / "calibration.toml")
    given: dict[str, Any] = {}

    def measure(video: Path, **options: Any) -> PersonMeasurement:
        given[video.stem] = options
        return measured(reference, calibration[video.stem])

    announced: list[str] = []
    result = evaluate_balance(SHARED_DATA, measure=measure, progress=announced.append)
    assert announced == list(CAMERAS)
    assert list(result["pa_mpjpe_mm"]) == [*CAMERAS, "mean"]
    for key in ("pa_mpjpe_mm", "mpjpe_mm", "knee_mae_deg"):
        np.testing.assert_allclose(list(result[key].values()), 0, atol=1e-5)
    assert {o["camera"] for o in given.values()} == {None}
    assert {o["height_m"] for o in given.values()} == {HEIGHT_M}
    assert json.loads(json.dumps(result)) == result
    lines = balance_lines(result)
    assert any(line.split() == ["PA-MPJPE", "(mm)", *["0.0"] * 5] for line in lines)
    evaluate_balance(SHARED_DATA, cameras=["cam02", "cam03"], with_intrinsics=True, measure=measure)
    widths = [given[name]["camera"].width_px for name in ("cam02", "cam03")]
    assert widths == [1080, 1088]
