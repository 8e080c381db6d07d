"""The skeleton is laid onto the markers as a rigid body, wherever they are."""

from dataclasses import replace

import numpy as np
import torch

from biopose.skeleton.ik.initial_pose import align_root, rigid_alignment, starting_poses
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from tests.skeleton import models
from tests.skeleton.models import random_poses


def random_rotations(rng: np.random.Generator, count: int) -> torch.Tensor:
    q, r = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]
    q[:, :, 0] *= np.linalg.det(q)[:, None]
    return torch.from_numpy(q)


def test_rigid_alignment_finds_rotation_and_shift() -> None:
    rng = np.random.default_rng(0)
    R, shift = random_rotations(rng, 20), torch.from_numpy(rng.normal(size=(20, 3)))
    source, weights = torch.from_numpy(rng.normal(size=(20, 7, 3))), torch.from_numpy(rng.uniform(0, 1, (20, 7)))
    target = source @ R.mT + shift[:, None]
    target[:, 0] += 100.0
    weights[:, 0] = 0.0
    found_R, found_shift = rigid_alignment(source, target, weights)
    torch.testing.assert_close(found_R, R)
    torch.testing.assert_close(found_shift, shift)


def test_rigid_alignment_never_mirrors() -> None:
    rng = np.random.default_rng(1)
    source, weights = torch.from_numpy(rng.normal(size=(20, 6, 3))), torch.ones(20, 6, dtype=torch.float64)
    R, _ = rigid_alignment(source, -source, weights)
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(20, dtype=torch.float64))


def test_rigid_alignment_is_the_best_one() -> None:
    rng = np.random.default_rng(2)
    source, target = torch.from_numpy(rng.normal(size=(2, 1, 6, 3)))
    weights = torch.from_numpy(rng.uniform(0.1, 1, (1, 6)))

    def cost(R: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return (weights * (source @ R.mT + shift[..., None, :] - target).square().sum(-1)).sum(-1)

    R, shift = rigid_alignment(source, target, weights)
    best = cost(R, shift)
    skew = torch.from_numpy(rng.normal(size=(50, 3, 3)) * 0.05)
    turned = R @ torch.linalg.matrix_exp(skew - skew.mT)
    assert (cost(turned, shift) >= best).all()
    assert (cost(R, shift + torch.from_numpy(rng.normal(size=(50, 3)) * 0.05)) >= best).all()


def with_moved_root(skeleton: Skeleton) -> tuple[Kinematics, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Kinematics, postures, weights, and the markers of the same postures with any other root."""
    q = torch.from_numpy(random_poses(skeleton, count=20, seed=3))
    other = q.clone()
    rng = np.random.default_rng(4)
    other[:, :3] = torch.from_numpy(rng.uniform(-3, 3, (20, 3)))
    other[:, 3:6] = torch.from_numpy(rng.uniform(-10, 10, (20, 3)))
    kinematics = Kinematics(skeleton)
    observed = kinematics.with_coordinates(other).markers
    return kinematics, q, torch.ones(observed.shape[:2], dtype=torch.float64), observed


def test_the_root_is_found_for_a_known_posture(full_body: Skeleton, every_part: Skeleton) -> None:
    """Whatever the root joint's axes and frames are: one has its frames turned on both sides."""
    for skeleton in (full_body, models.without_ground_markers(every_part)):
        kinematics, q, weights, observed = with_moved_root(skeleton)
        found = align_root(kinematics, q, observed, weights)
        torch.testing.assert_close(kinematics.with_coordinates(found).markers, observed, atol=1e-9, rtol=0)
        torch.testing.assert_close(found[:, 6:], q[:, 6:], atol=0, rtol=0)


def test_missing_markers_do_not_disturb(full_body: Skeleton) -> None:
    kinematics, q, weights, observed = with_moved_root(full_body)
    complete = observed.clone()
    lost = torch.from_numpy(np.random.default_rng(5).uniform(size=weights.shape) < 0.3)
    observed[lost], weights[lost] = torch.nan, 0.0
    found = align_root(kinematics, q, observed, weights)
    torch.testing.assert_close(kinematics.with_coordinates(found).markers, complete, atol=1e-9, rtol=0)


def test_a_root_that_is_not_free_is_left_alone(full_body: Skeleton) -> None:
    coordinates = list(full_body.coordinates)
    coordinates[1] = replace(coordinates[1], locked=True)
    kinematics, q, weights, observed = with_moved_root(replace(full_body, coordinates=tuple(coordinates)))
    assert torch.equal(align_root(kinematics, q, observed, weights), q)


def test_starting_poses_are_the_default_and_others_within_the_ranges(every_part: Skeleton) -> None:
    poses = starting_poses(every_part, count=12).numpy()
    np.testing.assert_array_equal(poses[0], every_part.default_pose)
    np.testing.assert_allclose(poses, every_part.satisfy_couplings(poses))
    dependent = {coupling.dependent for coupling in every_part.couplings}
    for i, coordinate in enumerate(every_part.coordinates):
        if coordinate.locked:
            np.testing.assert_array_equal(poses[:, i], coordinate.default)
        elif i not in dependent:
            assert (poses[:, i] >= coordinate.range_min).all()
            assert (poses[:, i] <= coordinate.range_max).all()
            assert len(np.unique(poses[:, i])) == 12
    np.testing.assert_array_equal(starting_poses(every_part, count=12).numpy(), poses)
