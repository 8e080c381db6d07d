"""Rotations: found again, read and written."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from biopose.skeleton.rotations import (
    best_rotation,
    body_fixed_angles,
    other_angles,
    rotation_from_6d,
    rotation_vector,
    skew,
)

ZXY = torch.eye(3)[[2, 0, 1]]


def some_rotations(n: int = 200) -> Tensor:
    return torch.from_numpy(Rotation.random(n, random_state=np.random.default_rng(0)).as_matrix()).float()


def test_the_best_rotation_is_the_one_that_moved_the_points() -> None:
    R = some_rotations()
    x = torch.randn(200, 5, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(best_rotation(x.mT @ (x @ R.mT)), R, atol=1e-4, rtol=0)


def test_points_in_a_plane_are_enough_and_reflections_are_not_taken() -> None:
    R = some_rotations()
    x = torch.randn(200, 4, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 1.0, 0.0])
    torch.testing.assert_close(best_rotation(x.mT @ (x @ R.mT)), R, atol=1e-3, rtol=0)
    mirrored = torch.linalg.det(best_rotation(x.mT @ (x * torch.tensor([1.0, 1.0, -1.0]))))
    torch.testing.assert_close(mirrored, torch.ones(200))


def test_no_points_give_a_rotation_all_the_same() -> None:
    assert best_rotation(torch.zeros(3, 3)).isfinite().all()


def test_rotation_vectors_are_scipys() -> None:
    R = some_rotations()
    wanted = torch.from_numpy(Rotation.from_matrix(R.numpy()).as_rotvec()).float()
    torch.testing.assert_close(rotation_vector(R), wanted, atol=5e-3, rtol=0)
    assert not rotation_vector(torch.eye(3)).any()


def test_three_angles_give_their_rotation_written_either_way() -> None:
    R = some_rotations()
    angles = body_fixed_angles(R, ZXY)
    for written in (angles, other_angles(angles)):
        again = Rotation.from_euler("ZXY", written.numpy()).as_matrix()
        torch.testing.assert_close(torch.from_numpy(again).float(), R, atol=1e-5, rtol=0)


def test_a_left_handed_triple_turns_the_signs() -> None:
    R = some_rotations()
    torch.testing.assert_close(body_fixed_angles(R, -ZXY), -body_fixed_angles(R, ZXY))


def test_six_numbers_make_a_rotation_that_keeps_its_first_column() -> None:
    six = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    R = rotation_from_6d(six)
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand_as(R), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(R.shape[:-2]))
    torch.testing.assert_close(R[..., 0], torch.nn.functional.normalize(six[:, :3], dim=-1))
    torch.testing.assert_close(rotation_from_6d(R[..., :2].mT.flatten(-2)), R)


def test_the_skew_matrix_is_the_cross_product() -> None:
    a, b = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close((skew(a) @ b[..., None])[..., 0], torch.linalg.cross(a, b))
