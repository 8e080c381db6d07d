"""Laws of the pose metrics: what they do not see, what they must see, and exact values by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from biopose.skeleton.pose_errors import centred_distances, flexion_rad, procrustes_distances, similarity_aligned


@pytest.fixture
def poses() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(7, 12, 3))


def moved(poses: np.ndarray, *, scale: float = 1.0, seed: int = 1) -> np.ndarray:
    """Each frame turned and shifted in its own way, all scaled alike."""
    turns = Rotation.random(len(poses), random_state=seed).as_matrix()
    shifts = np.random.default_rng(seed).normal(size=(len(poses), 1, 3))
    return scale * poses @ turns + shifts


def test_procrustes_does_not_see_rotation_translation_and_scale(poses: np.ndarray) -> None:
    np.testing.assert_allclose(procrustes_distances(moved(poses, scale=0.3), poses), 0, atol=1e-12)


def test_procrustes_does_not_reflect(poses: np.ndarray) -> None:
    assert procrustes_distances(poses * [-1, 1, 1], poses).mean() > 0.3


def test_procrustes_of_a_flat_pose_is_exact(poses: np.ndarray) -> None:
    flat = poses * [1, 1, 0]
    np.testing.assert_allclose(procrustes_distances(moved(flat, scale=2.0), flat), 0, atol=1e-12)


def test_no_similarity_near_the_aligned_one_is_better(poses: np.ndarray) -> None:
    found = moved(poses) + 0.2 * np.random.default_rng(2).normal(size=poses.shape)
    aligned = similarity_aligned(found, poses)
    best = ((aligned - poses) ** 2).sum()
    middle = aligned.mean(axis=1, keepdims=True)
    for turn in Rotation.from_rotvec(0.01 * np.concatenate([np.eye(3), -np.eye(3)])).as_matrix():
        assert (((aligned - middle) @ turn + middle - poses) ** 2).sum() > best
    for scale in (0.99, 1.01):
        assert ((scale * (aligned - middle) + middle - poses) ** 2).sum() > best


def test_a_frame_with_a_gap_is_nan_and_the_others_are_not(poses: np.ndarray) -> None:
    gappy = poses.copy()
    gappy[2, 5, 1] = np.nan
    distances = procrustes_distances(gappy, poses)
    assert np.isnan(distances[2]).all()
    np.testing.assert_allclose(np.delete(distances, 2, axis=0), 0, atol=1e-12)


def test_a_pose_without_extent_is_moved_to_the_middle(poses: np.ndarray) -> None:
    aligned = similarity_aligned(np.ones_like(poses), poses)
    np.testing.assert_allclose(aligned, np.broadcast_to(poses.mean(axis=1, keepdims=True), poses.shape))


def test_poses_of_other_shapes_are_refused(poses: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must both be"):
        procrustes_distances(poses[:, :3], poses)


def test_centred_distances_do_not_see_a_shift_and_see_everything_else(poses: np.ndarray) -> None:
    np.testing.assert_allclose(centred_distances(poses + np.array([3, 4, 5]), poses, root=(0, 6)), 0, atol=1e-12)
    assert centred_distances(1.1 * poses, poses, root=(0, 6)).mean() > 0.05
    assert centred_distances(moved(poses), poses, root=(0, 6)).mean() > 0.5


def test_a_joint_off_by_a_known_length_is_off_by_that_length(poses: np.ndarray) -> None:
    off = poses.copy()
    off[:, 4] += [0.03, 0.0, 0.04]
    distances = centred_distances(off, poses, root=(0, 6))
    np.testing.assert_allclose(distances[:, 4], 0.05)
    np.testing.assert_allclose(np.delete(distances, 4, axis=1), 0, atol=1e-12)


@pytest.mark.parametrize("degrees", [0.0, 1e-4, 30.0, 90.0, 179.0])
def test_flexion_of_a_leg_bent_by_hand(degrees: float) -> None:
    angle = np.radians(degrees)
    distal = np.array([0.4 * np.sin(angle), -0.4 * np.cos(angle), 0.0])
    found = flexion_rad(np.array([0.0, 0.5, 0.0]), np.zeros(3), distal)
    np.testing.assert_allclose(np.degrees(found), degrees, rtol=1e-9)


def test_flexion_is_the_same_however_the_leg_is_turned(poses: np.ndarray) -> None:
    before, after = poses, moved(poses, scale=1.7)
    expected = flexion_rad(before[:, 0], before[:, 1], before[:, 2])
    np.testing.assert_allclose(flexion_rad(after[:, 0], after[:, 1], after[:, 2]), expected)
