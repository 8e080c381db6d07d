"""Gauss-Newton steps on a whole motion."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from biopose.hmr.pose_prior import PosePrior
from biopose.reconstruction.motion_gauss_newton import MotionIterate, refine_motion
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables
from biopose.reconstruction.observations import Observations
from biopose.reconstruction.residuals import Residuals
from tests.reconstruction.test_block_bands import dense
from tests.reconstruction.test_motion_problem import FRAMES, disturbed, fit_of
from tests.swinging_person import frame_times, swinging

SHARED = ("proportions", "log_focal", "ground")


def double_precision(problem: MotionProblem) -> MotionProblem:
    """The problem with its own kinematics in float64, for numerical derivatives."""
    problem.kinematics = problem.kinematics.double()
    problem.observations = replace(
        problem.observations,
        **{one.name: getattr(problem.observations, one.name).double() for one in fields(Observations)},
    )
    for name in ("R_camera_world", "scale_mean", "scale_design", "default_stature_m", "standing", "mesh_angles"):
        setattr(problem, name, getattr(problem, name).double())
    return problem


def whole_problem(*, pose_prior: PosePrior | None = None, frames: int = FRAMES) -> tuple[MotionProblem, Tensor]:
    """A motion with feet in contact, some of them below the ground, near a mesh, and its variables in one row, all of
    them away from zero, in float64."""
    time_s = frame_times(frames)
    q = swinging(time_s)
    problem = fit_of(q, time_s, focal_sd=0.1, pose_prior=pose_prior, mesh_q=disturbed(q, seed=2))
    at = problem.start(disturbed(q)[None])
    problem = double_precision(problem)
    problem.observations.contact[:] = 0.9
    generator = torch.Generator().manual_seed(1)
    proportions = 0.3 * torch.randn(at.proportions.shape, generator=generator)
    moved = replace(
        at, proportions=proportions, log_focal=at.log_focal + 0.05, ground=at.ground + torch.tensor([0.03, 0.01, -0.02])
    )
    return problem, torch.cat([value.double().flatten() for value in vars(moved).values()])


def variables(problem: MotionProblem, row: Tensor) -> MotionVariables:
    """From one row."""
    frames = len(problem.observations.rays)
    proportions = problem.scale_design.shape[1]
    sizes = [frames * len(problem.free), proportions, 1, 3]
    q, *shared = row.split(sizes)
    return MotionVariables(q.reshape(1, frames, -1), shared[0][None], shared[1], shared[2][None])


def is_free(problem: MotionProblem) -> np.ndarray:
    """Of the variables in one row, which are no dependent coordinates."""
    coordinates = problem.free.repeat(len(problem.observations.rays))
    return torch.cat([coordinates, torch.ones(problem.scale_design.shape[1] + 4, dtype=torch.bool)]).numpy()


def all_residuals(problem: MotionProblem, at: MotionVariables) -> list[Residuals]:
    """Of the poses and of what all frames share, but for the pose prior."""
    poses = problem.poses(problem.keypoints_m(at), at.q)
    terms = [*(term(poses) for term in problem.pose_terms(at).values()), *problem.shape_terms(at).values()]
    return [one for term in terms for one in term]


def weighted_residuals(problem: MotionProblem, row: Tensor) -> Callable[[Tensor], Tensor]:
    """All residuals by the square root of their weights at a row of variables, as a function of the variables."""
    weights = [one.precision for one in all_residuals(problem, variables(problem, row))]

    def residuals(moved: Tensor) -> Tensor:
        values = all_residuals(problem, variables(problem, moved))
        return torch.cat([(w.sqrt()[..., None] * r.values).flatten() for w, r in zip(weights, values, strict=True)])

    return residuals


@pytest.mark.parametrize("frames", [1, 2, FRAMES])
def test_the_matrix_is_the_square_of_the_residuals_jacobian(frames: int) -> None:
    problem, row = whole_problem(frames=frames)
    found = dense(MotionIterate.of(problem, variables(problem, row)).linearised.matrix)
    jacobian = torch.func.jacfwd(weighted_residuals(problem, row))(row)
    expected, free = (jacobian.T @ jacobian).numpy(), is_free(problem)
    scale = np.sqrt(np.diag(expected)[free] + 1e-6)
    difference = (found - expected)[np.ix_(free, free)] / scale / scale[:, None]
    assert np.abs(difference).max() < 1e-4


@pytest.mark.parametrize("frames", [1, 2, FRAMES])
def test_the_gradient_is_that_of_the_energy(frames: int) -> None:
    problem, row = whole_problem(pose_prior=PosePrior.load(), frames=frames)
    at = row.clone().requires_grad_()
    (expected,) = torch.autograd.grad(problem.energy(variables(problem, at)).sum(), at)
    iterate = MotionIterate.of(problem, variables(problem, row))
    gradient = torch.cat([iterate.linearised.gradient.flatten(), iterate.linearised.shared_gradient])
    free = is_free(problem)
    torch.testing.assert_close(gradient[free], expected[free], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(iterate.cost, problem.energy(variables(problem, row)))


def test_steps_converge_to_where_the_gradient_vanishes() -> None:
    """Of the gradient in standard deviations: by the square root of the matrix's diagonal."""
    problem, row = whole_problem(pose_prior=PosePrior.load())
    found = refine_motion(problem, variables(problem, row), steps=60)
    before, after = (_uphill(problem, at) for at in (variables(problem, row), found))
    assert after < 0.02 * before


def _uphill(problem: MotionProblem, at: MotionVariables) -> float:
    here = MotionIterate.of(problem, at).linearised
    inside = problem.free & (at.q[0] > problem.low) & (at.q[0] < problem.high)
    own = here.gradient / here.matrix.by_lag[0].diagonal(dim1=-2, dim2=-1).clamp(min=1e-6).sqrt()
    shared = here.shared_gradient / here.matrix.corner.diagonal().sqrt()
    return float(torch.cat([own[inside], shared]).norm())


def test_poses_stay_inside_the_ranges() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s)
    found = refine_motion(fit, fit.start(disturbed(q, radians=0.5)[None]), steps=6)
    assert bool(((found.q >= fit.low) & (found.q <= fit.high)).all())


def test_known_proportions_focal_length_and_ground_stay() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s, known=True, focal_sd=0.1)
    start = fit.start(disturbed(q)[None])
    found = refine_motion(fit, start, steps=3)
    assert float(fit.energy(found)) < float(fit.energy(start))
    for name in SHARED:
        torch.testing.assert_close(getattr(found, name), getattr(start, name), atol=0, rtol=0)
