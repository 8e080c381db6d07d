"""Terms of the fit: no energy at the truth, more away from it, the same at every frame rate."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINT_HEIGHT_M, FOOT_KEYPOINTS
from biopose.camera.ground_levels import LEAST_STEP_M
from biopose.reconstruction.observations import Observations, relative_to_hips
from biopose.reconstruction.residuals import (
    FitWeights,
    Residuals,
    energy_of,
    foot_height,
    foot_sliding,
    lifted,
    reprojection,
    second_derivative,
    smoothness,
)
from biopose.skeleton.student_t import student_t_loss
from tests.swinging_person import frame_times, keypoints_m, level, observations_of, swinging

WEIGHTS = FitWeights()
TIME_S = frame_times(6)
Q = swinging(TIME_S)


def in_camera() -> Tensor:
    """(1, T, 26, 3)."""
    return (keypoints_m(Q) @ level().T).float()[None]


def on_soles(*, frames: int = 6, ground: float = 0.0) -> Tensor:
    """(1, T, 26, 3) of a world in which every foot point rests at its own height over level ground."""
    at = torch.rand(1, 1, 26, 3, generator=torch.Generator().manual_seed(0)).repeat(1, frames, 1, 1)
    at[..., FOOT_KEYPOINTS, 1] = torch.tensor(FOOT_KEYPOINT_HEIGHT_M, dtype=torch.float32) + ground
    return at


def standing(observed: Observations) -> Observations:
    return replace(observed, contact=torch.ones_like(observed.contact))


def of_reprojection(camera: Tensor) -> Tensor:
    return energy_of(reprojection(camera, observations_of(Q, TIME_S), torch.zeros(1), WEIGHTS))


def of_lifted(camera: Tensor) -> Tensor:
    return energy_of(lifted(relative_to_hips(camera), observations_of(Q, TIME_S), WEIGHTS))


def contact_energy(world: Tensor, ground: Tensor, observed: Observations, weights: FitWeights) -> Tensor:
    """(S,)"""
    over = foot_height(world, ground, observed, weights)
    return energy_of(over + foot_sliding(world, observed, weights))


@pytest.mark.parametrize("term", [of_reprojection, of_lifted])
def test_the_truth_has_no_energy_and_no_gradient(term: Callable[[Tensor], Tensor]) -> None:
    camera = in_camera().requires_grad_()
    energy = term(camera).sum()
    energy.backward()
    assert energy < 1e-3
    shifted = in_camera() + 0.05 * torch.randn(in_camera().shape, generator=torch.Generator().manual_seed(1))
    shifted.requires_grad_()
    term(shifted).sum().backward()
    assert camera.grad.norm() < 0.01 * shifted.grad.norm()  # rounding, in single precision


@pytest.mark.parametrize("term", [of_reprojection, of_lifted])
def test_the_gradient_is_that_of_the_energy(term: Callable[[Tensor], Tensor]) -> None:
    camera = in_camera() + 0.03 * torch.randn(in_camera().shape, generator=torch.Generator().manual_seed(2))
    camera.requires_grad_()
    term(camera).sum().backward()
    direction = torch.randn(camera.shape, generator=torch.Generator().manual_seed(3))
    direction /= direction.norm()
    step = 1e-2 * direction
    with torch.no_grad():
        slope = (term(camera + step).sum() - term(camera - step).sum()) / 2e-2
    torch.testing.assert_close((camera.grad * direction).sum(), slope, rtol=0.02, atol=0.05)


def test_a_keypoint_that_was_not_observed_weighs_nothing() -> None:
    observed = observations_of(Q, TIME_S)
    observed.weight[:, 9] = 0.0
    moved = in_camera()
    moved[..., 9, :] += 0.5
    assert energy_of(reprojection(moved, observed, torch.zeros(1), WEIGHTS)).sum() < 1e-3


def test_a_wrong_focal_length_is_undone_by_its_own_variable() -> None:
    observed = observations_of(Q, TIME_S)
    twice = replace(observed, rays=2 * observed.rays)
    assert energy_of(reprojection(in_camera(), twice, torch.zeros(1), WEIGHTS)).sum() > 100
    assert energy_of(reprojection(in_camera(), twice, torch.tensor([2.0]).log(), WEIGHTS)).sum() < 1e-3


def test_points_behind_the_camera_have_a_finite_energy_and_gradient() -> None:
    behind = (in_camera() - torch.tensor([0.0, 0.0, 8.0])).requires_grad_()
    energy = of_reprojection(behind).sum()
    energy.backward()
    assert energy.isfinite()
    assert behind.grad.isfinite().all()


def test_lifted_keypoints_leave_the_position_open() -> None:
    moved = in_camera() + torch.tensor([1.0, -0.3, 2.0])
    torch.testing.assert_close(of_lifted(moved), of_lifted(in_camera()), atol=1e-3, rtol=0)


def test_the_lifters_errors_count_along_the_view_by_their_own_deviation() -> None:
    observed = observations_of(Q, TIME_S)
    observed.lifted_sd_m[..., 1] = 1e3
    along = in_camera()
    along[..., 9, :] += 0.3 * observed.R_camera_view[..., 2]
    across = in_camera()
    across[..., 9, :] += 0.3 * observed.R_camera_view[..., 0]
    assert energy_of(lifted(relative_to_hips(along), observed, WEIGHTS)).sum() < 1e-3
    assert energy_of(lifted(relative_to_hips(across), observed, WEIGHTS)).sum() > 1


def test_steady_motion_is_smooth_whatever_the_frame_rate() -> None:
    interval = torch.tensor([0.02, 0.05, 0.01, 0.03])
    time = torch.cat([torch.zeros(1), interval.cumsum(0)])
    observed = replace(observations_of(Q[:5], TIME_S[:5]), interval_s=interval)
    moving = time[None, :, None, None] * torch.randn(1, 1, 26, 3, generator=torch.Generator().manual_seed(0))
    q = time[None, :, None] * torch.ones(1, 1, 4)
    assert energy_of(smoothness(moving, q, observed, WEIGHTS)).sum() < 1e-3


def test_acceleration_at_uneven_times_is_exact_for_a_parabola() -> None:
    time = torch.tensor([0.0, 0.02, 0.07, 0.08, 0.11], dtype=torch.float64)
    fall = 0.5 * 9.81 * time**2 + 3.0 * time - 1.0
    found = sum(c * fall[lag : lag + 3] for lag, c in enumerate(second_derivative(time.diff())))
    torch.testing.assert_close(found, torch.full((3,), 9.81, dtype=torch.float64))


def test_feet_that_rest_on_the_ground_cost_nothing() -> None:
    observed = standing(observations_of(Q, TIME_S))
    feet = on_soles(ground=-1.2).requires_grad_()
    energy = contact_energy(feet, torch.tensor([[-1.2, 0.0, 0.0]]), observed, WEIGHTS).sum()
    energy.backward()
    assert energy < 1e-6
    assert feet.grad.norm() < 1e-3


def test_sliding_floating_and_sinking_cost_and_a_free_foot_may_do_the_first_two() -> None:
    ground = torch.zeros(1, 3)
    sliding, floating, sunk = on_soles(), on_soles(), on_soles()
    sliding[..., 0] += 0.05 * torch.arange(6)[:, None]
    floating[..., 1] += 0.2
    sunk[..., 1] -= 0.2
    free = observations_of(Q, TIME_S)
    for feet, costs_when_free in ((sliding, False), (floating, False), (sunk, True)):
        assert contact_energy(feet, ground, standing(free), WEIGHTS) > 1
        assert (contact_energy(feet, ground, free, WEIGHTS) > 1) == costs_when_free


@pytest.mark.parametrize(("over_ground_m", "is_drawn"), [(0.5 * LEAST_STEP_M, True), (1.5 * LEAST_STEP_M, False)])
def test_a_foot_that_rests_on_a_box_is_not_drawn_to_the_ground(over_ground_m: float, is_drawn: bool) -> None:
    observed = standing(observations_of(Q, TIME_S))
    world = on_soles(ground=over_ground_m).requires_grad_()
    term = foot_height(world, torch.zeros(1, 3), observed, WEIGHTS)
    energy_of(term).sum().backward()
    assert bool((world.grad[..., FOOT_KEYPOINTS, 1] > 0).all()) == is_drawn
    by_point = term[0].derivatives().by_point  # type: ignore[misc]
    assert bool(by_point.any()) == is_drawn


def test_sloping_ground_carries_feet_on_the_slope() -> None:
    feet = on_soles()
    feet[..., 1] += 0.1 * feet[..., 0] - 0.05 * feet[..., 2]
    observed = standing(observations_of(Q, TIME_S))
    assert contact_energy(feet, torch.tensor([[0.0, 0.1, -0.05]]), observed, WEIGHTS) < 1e-6
    assert contact_energy(feet, torch.zeros(1, 3), observed, WEIGHTS) > 1


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_errors_are_weighed_by_the_density_of_their_dimension(dimension: int) -> None:
    error = torch.randn(2, 5, 4, dimension, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    residuals = Residuals(error, torch.ones(5, 4), 4.0)
    loss = student_t_loss(error.square().sum(-1), degrees_of_freedom=4.0, dimension=dimension)
    torch.testing.assert_close(residuals.energy, loss.sum((1, 2)))
    # Near zero errors the loss is half the squared error times the precision.
    small = Residuals(1e-4 * error, torch.ones(5, 4), 4.0)
    square = 0.5 * small.precision * small.values.square().sum(-1)
    torch.testing.assert_close(small.energy, square.sum((1, 2)), rtol=1e-6, atol=0)


def test_frames_stand_for_the_time_around_them() -> None:
    observed = observations_of(Q, TIME_S)
    torch.testing.assert_close(observed.duration, torch.tensor([0.5, 1, 1, 1, 1, 0.5]))
    uneven = replace(observed, interval_s=torch.tensor([0.1, 0.2, 0.1, 0.2, 0.1]))
    assert float(uneven.duration.sum()) == pytest.approx(30 * 0.7)
    assert observations_of(Q[:1], TIME_S[:1]).duration.tolist() == [1.0]
