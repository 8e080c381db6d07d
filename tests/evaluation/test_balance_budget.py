"""The budget on four cameras: what alone is wrong leaves no error where the reference replaces it."""

import numpy as np
import pytest
import torch

from biopose.body.keypoint_names import LIMB_JOINTS
from biopose.camera.pinhole import Camera
from biopose.evaluation.balance_budget import (
    HIPS,
    LIMBS,
    balance_budget,
    budget_lines,
    errors_of,
    replaced_by_reference,
    triangulated,
)
from biopose.rendering.look_at import look_at
from biopose.skeleton.pose_errors import transformed
from biopose.tracking.tracks import PersonTrack

FRAMES, FIRST = 6, 2
CAMERA = Camera(640, 480, (500.0, 500.0), (320.0, 240.0), distortion=(0.01, -0.02, 0.001, 0.0, 0.0))
AROUND = {f"cam{k}": look_at(position_m=4 * np.array([np.cos(k), 0.3, np.sin(k)]), at_m=np.zeros(3)) for k in range(4)}
CAMERAS = {name: (CAMERA, T) for name, T in AROUND.items()}


@pytest.fixture
def reference() -> np.ndarray:
    """(F, 12, 3) joints of someone near the world's origin."""
    return np.random.default_rng(0).uniform([-0.3, -0.8, -0.3], [0.3, 0.8, 0.3], (FRAMES, 12, 3))


def tracks_of(joints_m: np.ndarray) -> dict[str, PersonTrack]:
    """What every camera sees of joints (F, 12, 3)."""
    tracks = {}
    for name, (camera, T) in CAMERAS.items():
        pixels = np.full((FRAMES, 26, 2), np.nan)
        pixels[:, LIMBS] = camera.project(torch.from_numpy(transformed(T, joints_m))).numpy()
        time_s = np.arange(FRAMES) / 30
        boxes = np.zeros((FRAMES, 4))
        tracks[name] = PersonTrack(0, np.arange(FRAMES) + FIRST, time_s, boxes, pixels, np.full((FRAMES, 26), 0.9))
    return tracks


def budget_of(ours_m: np.ndarray, seen_m: np.ndarray, reference: np.ndarray) -> dict[str, dict[str, float]]:
    found = {name: transformed(T, ours_m) for name, T in AROUND.items()}
    return balance_budget(found, tracks_of(seen_m), CAMERAS, reference, first=FIRST)


def test_keypoints_of_all_cameras_meet_where_the_joints_are(reference: np.ndarray) -> None:
    found = triangulated(tracks_of(reference), CAMERAS, frames=FRAMES + 1, first=FIRST)
    np.testing.assert_allclose(found[:FRAMES], reference, atol=1e-8)
    assert np.isnan(found[FRAMES]).all()


def test_a_joint_that_one_camera_sees_is_nowhere(reference: np.ndarray) -> None:
    tracks = tracks_of(reference)
    for name in ("cam1", "cam2", "cam3"):
        tracks[name].confidence[0, LIMBS[3]] = 0.1
    found = triangulated(tracks, CAMERAS, frames=FRAMES, first=FIRST)
    assert np.isnan(found[0, 3]).all()
    np.testing.assert_allclose(found[1:], reference[1:], atol=1e-8)


def test_what_alone_is_wrong_leaves_no_error_where_it_is_replaced(reference: np.ndarray) -> None:
    T = AROUND["cam0"]
    expected = transformed(T, reference)
    hips = expected[:, HIPS].mean(axis=1, keepdims=True)
    view = hips / np.linalg.norm(hips, axis=-1, keepdims=True)
    along = np.random.default_rng(1).normal(0, 0.05, (FRAMES, 12, 1)) * view
    across = np.cross(view, [0.0, 1.0, 0.0]) * np.random.default_rng(2).normal(0, 0.05, (FRAMES, 12, 1))
    wrong = {"size": hips + 1.1 * (expected - hips), "depth": expected + along, "across": expected + across}
    for part, found in wrong.items():
        errors = {name: errors_of(poses, expected) for name, poses in replaced_by_reference(found, expected).items()}
        assert errors["nothing"]["mpjpe_mm"] > 20
        assert errors[part]["mpjpe_mm"] < 1e-6
        assert errors["nothing"]["mpjpe_mm"] == pytest.approx(errors_of(found, expected)["mpjpe_mm"])


def test_a_turned_body_is_an_error_of_orientation_alone(reference: np.ndarray) -> None:
    c, s = np.cos(0.2), np.sin(0.2)
    turned = reference @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    budget = budget_of(turned, reference, reference)
    assert budget["nothing"]["mpjpe_mm"] == pytest.approx(budget["one_camera"]["mpjpe_mm"])
    assert budget["nothing"]["pa_mpjpe_mm"] < 1e-6 < 20 < budget["nothing"]["mpjpe_mm"]
    assert budget["size"]["mpjpe_mm"] == pytest.approx(budget["nothing"]["mpjpe_mm"])
    assert budget["orientation"]["mpjpe_mm"] < budget["nothing"]["mpjpe_mm"] / 2
    assert budget["keypoints"]["mpjpe_mm"] < 1e-5


def test_what_another_network_sees_elsewhere_is_told_from_what_one_camera_adds(reference: np.ndarray) -> None:
    seen = reference.copy()
    seen[:, LIMB_JOINTS.index("left_knee")] += [0.0, 0.0, 0.06]
    budget = budget_of(seen, seen, reference)
    assert budget["one_camera"]["mpjpe_mm"] < 1e-5
    assert budget["keypoints"]["mpjpe_mm"] == pytest.approx(60 / 12)
    assert budget["keypoints"] == pytest.approx(budget["nothing"], abs=1e-5)
    lines = budget_lines(budget)
    assert [line.split("  ")[0] for line in lines[2:4]] == ["as measured", "size"]
