"""Gauss-Newton steps on all frames at once."""

from dataclasses import replace

import torch
from torch import Tensor

from biopose.hmr.pose_prior import PosePrior
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables
from biopose.reconstruction.motion_solver import descend
from biopose.reconstruction.pose_gauss_newton import (
    jacobian_blocks,
    pose_residuals,
    poses_and_derivatives,
    refine_poses,
)
from tests.reconstruction.test_motion_problem import FRAMES, disturbed, fit_of
from tests.swinging_person import frame_times, swinging


def double_precision(problem: MotionProblem) -> MotionProblem:
    """The problem with its own kinematics in float64, for numerical derivatives."""
    problem.kinematics = problem.kinematics.double()
    problem.observations = replace(
        problem.observations, **{name: value.double() for name, value in vars(problem.observations).items()}
    )
    for name in ("R_camera_world", "scale_mean", "scale_design"):
        setattr(problem, name, getattr(problem, name).double())
    return problem


def in_contact(problem: MotionProblem, at: MotionVariables) -> tuple[MotionProblem, MotionVariables]:
    """The problem with feet in contact, one of them below the ground, and the variables in float64."""
    problem = double_precision(problem)
    problem.observations.contact[:] = 0.9
    doubled = MotionVariables(*(value.double() for value in vars(at).values()))
    return problem, replace(doubled, ground=doubled.ground + torch.tensor([[0.03, 0.01, -0.02]]).double())


def residuals_at(problem: MotionProblem, at: MotionVariables, step: Tensor) -> list[Tensor]:
    """Values of all residuals, a step (T, Q) away."""
    poses, _ = poses_and_derivatives(problem, replace(at, q=at.q + step))
    return [residuals.values for term in problem.pose_terms(at).values() for residuals in term(poses)]


def test_the_jacobian_of_every_term_is_the_numerical_one() -> None:
    """Along a random direction of the whole motion, in which every frame moves differently."""
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    problem = fit_of(q, time_s)
    problem, at = in_contact(problem, problem.start(disturbed(q)[None]))
    poses, derivatives = poses_and_derivatives(problem, at)
    direction = torch.randn(FRAMES, at.q.shape[-1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    direction[:, ~problem.free] = 0.0
    width = 1e-6
    forward, backward = (residuals_at(problem, at, sign * width * direction) for sign in (1, -1))
    found = pose_residuals(problem, at, poses, derivatives)
    assert len(found) == 8
    for (residuals, derivative), after, before in zip(found, forward, backward, strict=True):
        _, rows, points, _ = residuals.values.shape
        blocks = jacobian_blocks(residuals, derivative, torch.ones(rows, points, 1))
        analytic = sum(
            torch.einsum("tndq,tq->tnd", block, direction[lag : lag + rows]) for lag, block in enumerate(blocks)
        )
        numerical = (after - before)[0] / (2 * width)
        torch.testing.assert_close(analytic, numerical, rtol=1e-4, atol=1e-4 * float(numerical.abs().max()))


def test_steps_lower_the_energy_further_than_a_long_descent() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s, pose_prior=PosePrior.load(), known=True)
    start = fit.start(disturbed(q, radians=0.2)[None])
    by_steps = fit.energy(refine_poses(fit, start, steps=12))
    by_descent = fit.energy(descend(fit, start, iterations=100))
    assert float(by_steps) < float(by_descent) < float(fit.energy(start))


def test_poses_stay_inside_the_ranges() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s, known=True)
    start = fit.start(disturbed(q, radians=0.5).clip(fit.low.numpy(), fit.high.numpy())[None])
    found = refine_poses(fit, start, steps=6)
    assert bool(((found.q >= fit.low) & (found.q <= fit.high)).all())


def test_proportions_focal_length_and_ground_stay() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s)
    start = fit.start(disturbed(q)[None])
    found = refine_poses(fit, start, steps=3)
    for name in ("proportions", "log_focal", "ground"):
        torch.testing.assert_close(getattr(found, name), getattr(start, name))
