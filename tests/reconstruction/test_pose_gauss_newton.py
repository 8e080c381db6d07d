"""Gauss-Newton steps on all frames at once."""

from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS
from biopose.hmr.pose_prior import PosePrior
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables
from biopose.reconstruction.motion_solver import descend
from biopose.reconstruction.observations import HIPS, Observations
from biopose.reconstruction.pose_gauss_newton import PoseProblem, _PoseIterate, refine_poses
from tests.reconstruction.test_block_bands import dense
from tests.reconstruction.test_motion_problem import FRAMES, disturbed, fit_of
from tests.swinging_person import frame_times, swinging


def double_precision(problem: MotionProblem) -> MotionProblem:
    """The problem with its own kinematics in float64, for numerical derivatives."""
    problem.kinematics = problem.kinematics.double()
    problem.observations = replace(
        problem.observations,
        **{one.name: getattr(problem.observations, one.name).double() for one in fields(Observations)},
    )
    for name in ("R_camera_world", "scale_mean", "scale_design", "default_stature_m", "standing"):
        setattr(problem, name, getattr(problem, name).double())
    return problem


def in_contact(problem: MotionProblem, at: MotionVariables) -> tuple[MotionProblem, MotionVariables]:
    """The problem with feet in contact, one of them below the ground, and the variables in float64."""
    problem = double_precision(problem)
    problem.observations.contact[:] = 0.9
    doubled = MotionVariables(*(value.double() for value in vars(at).values()))
    return problem, replace(doubled, ground=doubled.ground + torch.tensor([[0.03, 0.01, -0.02]]).double())


def residuals_at(problem: PoseProblem, keypoints_m: Tensor, q: Tensor) -> list[Tensor]:
    """Values of all residuals."""
    return [one.values for one in problem.residuals(problem.problem.poses(keypoints_m[None], q[None]))]


def whole_problem() -> tuple[PoseProblem, Tensor]:
    """A motion with feet in contact, and its coordinates."""
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    problem = fit_of(q, time_s)
    problem, at = in_contact(problem, problem.start(disturbed(q)[None]))
    return PoseProblem(problem, at), at.q[0]


def test_the_derivative_of_every_residual_by_its_keypoint_or_angle_is_the_numerical_one() -> None:
    """Along a random direction of the whole motion, in which every frame moves differently."""
    problem, q = whole_problem()
    generator = torch.Generator().manual_seed(0)
    keypoints_m = problem.pose(q).markers
    moved, turned = (torch.randn(at.shape, generator=generator, dtype=torch.float64) for at in (keypoints_m, q))
    width = 1e-6
    forward, backward = (
        residuals_at(problem, keypoints_m + sign * width * moved, q + sign * width * turned) for sign in (1, -1)
    )
    directions = {
        "keypoints": moved,
        "keypoints about hips": moved - moved[:, HIPS].mean(1, keepdim=True),
        "feet": moved[:, FOOT_KEYPOINTS],
        "angles": turned[:, problem.problem.rotational, None],
    }
    found = problem.residuals_and_derivatives(keypoints_m, q)
    assert len(found) == 8
    for (one, derivative), after, before in zip(found, forward, backward, strict=True):
        assert one.of is not None
        by_frame = (derivative @ directions[one.of][..., None])[None, ..., 0]
        numerical = (after - before) / (2 * width)
        analytic = replace(one, by_frame=by_frame).values
        torch.testing.assert_close(analytic, numerical, rtol=1e-4, atol=1e-4 * float(numerical.abs().max()))


def test_the_normal_matrix_is_the_square_of_the_residuals_jacobian() -> None:
    problem, q = whole_problem()
    frames, n = q.shape
    jacobian = problem.pose(q).marker_jacobian()
    matrix = dense(problem.normal_matrix(problem.pose(q).markers, q, jacobian))

    def weighted(coordinates: Tensor) -> Tensor:
        """All residuals by the square root of their weights at q."""
        values = residuals_at(problem, problem.pose(coordinates).markers, coordinates)
        return torch.cat([(w.sqrt()[..., None] * r).flatten() for w, r in zip(weights, values, strict=True)])

    poses = problem.problem.poses(problem.pose(q).markers[None], q[None])
    weights = [one.precision for one in problem.residuals(poses)]
    J = torch.func.jacfwd(weighted)(q).reshape(-1, frames * n)
    J[:, ~problem.problem.free.repeat(frames)] = 0.0
    free = problem.problem.free.repeat(frames).numpy()
    expected = (J.T @ J).numpy()
    np.testing.assert_allclose(matrix[np.ix_(free, free)], expected[np.ix_(free, free)], atol=2e-5 * expected.max())


def test_the_gradient_is_that_of_the_energy() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s, pose_prior=PosePrior.load())
    problem, at = in_contact(fit, fit.start(disturbed(q)[None]))
    variables = at.q.clone().requires_grad_()
    (expected,) = torch.autograd.grad(problem.energy(replace(at, q=variables)).sum(), variables)
    gradient, _ = _PoseIterate.of(PoseProblem(problem, at), at.q[0].clone()).linearised
    torch.testing.assert_close(gradient[:, problem.free], expected[0][:, problem.free], rtol=1e-5, atol=1e-4)


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
