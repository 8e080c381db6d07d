"""Fusion: inverse-variance means of predictions, and rotations of a body that fit its keypoints."""

from functools import cache

import pytest
import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.segment_body import SEGMENTS, SHAPE_TERMS, SegmentBody
from biopose.hmr.head import RIGID
from biopose.reconstruction import fusion
from biopose.reconstruction.fusion import fit_rotations, with_prediction
from biopose.reconstruction.observations import Observations, relative_to_hips
from biopose.skeleton.rotations import rotation_vector, skew

MEAN_SHAPE = torch.zeros(SHAPE_TERMS)
CHEST = [KEYPOINTS.index(name) for name in ("neck", "left_shoulder", "right_shoulder")]


@cache
def body() -> SegmentBody:
    return SegmentBody.load()


def drawn_rotations(n: int, *, seed: int, sd_rad: float) -> Tensor:
    """(N, 20, 3, 3) the rigid segment's being none."""
    w = sd_rad * torch.randn(n, len(SEGMENTS), 3, generator=torch.Generator().manual_seed(seed))
    w[:, RIGID] = 0.0
    return torch.linalg.matrix_exp(skew(w))


def keypoints(R_local: Tensor) -> Tensor:
    posed = body().rig.with_coefficients(MEAN_SHAPE).with_pose(R_local, root_position=torch.zeros(3))
    return relative_to_hips(body().keypoints.positions(posed))


def fitted_rotations(predicted: Tensor, R_local: Tensor, *, sd: float) -> Tensor:
    return fit_rotations(predicted, torch.full((*predicted.shape[:2], 2), sd), R_local, body(), MEAN_SHAPE)


def test_keypoints_of_small_deviation_outweigh_the_mesh_and_those_of_large_do_not() -> None:
    R = drawn_rotations(6, seed=0, sd_rad=0.3)
    R_true = R @ drawn_rotations(6, seed=1, sd_rad=0.1)
    before = (keypoints(R) - keypoints(R_true)).norm(dim=-1).mean()
    certain, uncertain = (keypoints(fitted_rotations(keypoints(R_true), R, sd=sd)) for sd in (0.003, 30.0))
    assert (certain - keypoints(R_true)).norm(dim=-1).mean() < 0.15 * before
    torch.testing.assert_close(uncertain, keypoints(R), atol=1e-4, rtol=0)


@pytest.mark.parametrize("sd_rad", [0.3, 1.5])
def test_no_frame_ends_farther_from_its_keypoints_than_it_began(sd_rad: float) -> None:
    R, predicted = drawn_rotations(40, seed=10, sd_rad=sd_rad), keypoints(drawn_rotations(40, seed=11, sd_rad=sd_rad))
    evaluated = [i for i, name in enumerate(KEYPOINTS) if name != "mid_hip"]
    before, after = (
        (keypoints(R_local) - predicted)[:, evaluated].norm(dim=(1, 2))
        for R_local in (R, fitted_rotations(predicted, R, sd=0.02))
    )
    assert (after <= before).all()
    assert (after < 0.8 * before).float().mean() > 0.9


def test_a_body_that_fits_already_stays() -> None:
    R = drawn_rotations(3, seed=2, sd_rad=0.3)
    torch.testing.assert_close(fitted_rotations(keypoints(R), R, sd=0.01), R, atol=1e-5, rtol=0)


def test_results_are_rotations_and_the_rigid_segment_has_none() -> None:
    R = fitted_rotations(
        keypoints(drawn_rotations(4, seed=3, sd_rad=0.5)), drawn_rotations(4, seed=4, sd_rad=0.5), sd=0.02
    )
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand_as(R), atol=1e-5, rtol=0)
    torch.testing.assert_close(R[:, RIGID], torch.eye(3).expand(4, 3, 3))


def test_a_knee_bends_rather_than_breaking_aside() -> None:
    R = torch.eye(3).repeat(2, len(SEGMENTS), 1, 1)
    predicted = keypoints(R)
    foot = [KEYPOINTS.index(f"right_{name}") for name in ("ankle", "heel", "big_toe", "small_toe")]
    predicted[0, foot] += torch.tensor([-0.05, 0.0, 0.0])  # behind
    predicted[1, foot] += torch.tensor([0.0, 0.0, 0.05])  # aside
    bent, broken = rotation_vector(fitted_rotations(predicted, R, sd=0.02))[:, SEGMENTS.index("tibia_r")]
    assert bent[2].abs() > 2 * broken[0].abs()


def test_frames_are_fitted_each_by_its_own_keypoints_in_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    R, predicted = drawn_rotations(5, seed=5, sd_rad=0.3), keypoints(drawn_rotations(5, seed=6, sd_rad=0.3))
    together = fitted_rotations(predicted, R, sd=0.03)
    monkeypatch.setattr(fusion, "FRAMES_AT_ONCE", 2)
    torch.testing.assert_close(fitted_rotations(predicted, R, sd=0.03), together, atol=1e-5, rtol=0)
    torch.testing.assert_close(fitted_rotations(predicted[3:4], R[3:4], sd=0.03), together[3:4], atol=1e-5, rtol=0)


def observations(lifted_m: Tensor, *, sd_m: float) -> Observations:
    n = len(lifted_m)
    return Observations(
        rays=torch.zeros(n, 26, 2),
        ray_sd=torch.ones(n, 26),
        weight=torch.ones(n, 26),
        lifted_m=lifted_m,
        lifted_sd_m=torch.full((n, 26, 2), sd_m),
        R_camera_view=torch.eye(3).expand(n, 3, 3),
        contact=torch.zeros(n, 4),
        interval_s=torch.full((n - 1,), 0.03),
    )


def test_the_more_certain_prediction_weighs_more_and_the_mean_is_more_certain_than_either() -> None:
    lifters, decoders = (
        keypoints(drawn_rotations(2, seed=7, sd_rad=0.2)),
        keypoints(drawn_rotations(2, seed=8, sd_rad=0.2)),
    )
    given = observations(lifters, sd_m=0.1)
    view = drawn_rotations(2, seed=9, sd_rad=1.0)[:, 0]
    both = with_prediction(given, decoders, torch.full((2, 26, 2), 0.02), view, lifter_sd_factor=1.0)
    away = [(both.lifted_m - word)[:, CHEST].norm(dim=-1).mean() for word in (decoders, lifters)]
    assert away[0] < 0.1 * away[1]
    assert (both.lifted_sd_m < 0.02).all()
    torch.testing.assert_close(both.R_camera_view, view)


def test_a_prediction_with_a_larger_deviation_weighs_less() -> None:
    lifters, decoders = (
        keypoints(drawn_rotations(2, seed=7, sd_rad=0.2)),
        keypoints(drawn_rotations(2, seed=8, sd_rad=0.2)),
    )
    level, sd = torch.eye(3).expand(2, 3, 3), torch.full((2, 26, 2), 0.02)
    given = observations(lifters, sd_m=0.02)
    even, stretched = (with_prediction(given, decoders, sd, level, lifter_sd_factor=factor) for factor in (1.0, 3.0))
    torch.testing.assert_close(even.lifted_m, (lifters + decoders) / 2)
    torch.testing.assert_close(stretched.lifted_m, 0.1 * lifters + 0.9 * decoders)


def test_the_jacobian_of_the_keypoints_is_the_numerical_one() -> None:
    R = drawn_rotations(2, seed=12, sd_rad=0.4)
    problem = fusion._RotationProblem(body(), MEAN_SHAPE, torch.zeros(2, 26, 3), torch.ones(2, 26, 2))
    w = torch.randn(2, len(fusion.FREE), 3, generator=torch.Generator().manual_seed(13))
    _, jacobian = problem.residuals(R)

    def keypoints_after(step: float) -> Tensor:
        moved = torch.eye(3).repeat(2, len(SEGMENTS), 1, 1)
        moved[:, fusion.FREE] = torch.linalg.matrix_exp(skew(step * w))
        return -problem.residuals(R @ moved)[0]

    numerical = (keypoints_after(1e-2) - keypoints_after(-1e-2)) / 2e-2
    torch.testing.assert_close((jacobian @ w.flatten(1)[..., None])[..., 0], numerical, rtol=1e-2, atol=3e-3)
