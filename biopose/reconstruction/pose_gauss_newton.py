"""Gauss-Newton steps on the poses of all frames at once; proportions, focal length and ground stay.

Residuals touch at most three neighbouring frames, so the matrix of the normal equations is banded, and a step for
hundreds of frames costs as much as a few gradients (Triggs et al. 2000, "Bundle adjustment: a modern synthesis",
section 6). Gradient descent alone leaves weakly determined directions, such as the pelvis's tilt, at their start. The
gradient is the energy's own; the matrix has each residual by its weight at the current errors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from biopose.reconstruction.block_bands import BlockBands
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables, Poses
from biopose.reconstruction.residuals import Residuals
from biopose.skeleton.damped_gauss_newton import minimise


def refine_poses(problem: MotionProblem, at: MotionVariables, *, steps: int) -> MotionVariables:
    """Gauss-Newton steps until the energy settles.

    Args:
        problem: the problem.
        at: one start (S = 1).
        steps: at most.
    """
    return minimise(_PoseIterate.of(problem, at), steps=steps).variables


@dataclass(frozen=True, eq=False)
class _PoseIterate:
    """A point of the problem: its variables, energy (1,) and the gradient (T, Q) by the coordinates."""

    problem: MotionProblem
    variables: MotionVariables
    cost: Tensor
    gradient: Tensor

    @classmethod
    def of(cls, problem: MotionProblem, variables: MotionVariables) -> _PoseIterate:
        q = variables.q.detach().clone().requires_grad_()
        energy = problem.energy(replace(variables, q=q))
        energy.sum().backward()
        assert q.grad is not None
        return cls(problem, variables, energy.detach(), q.grad[0])

    @cached_property
    def bands(self) -> BlockBands:
        return normal_matrix(self.problem, self.variables)

    def moved(self, damping: Tensor) -> _PoseIterate:
        """The iterate after a damped step within the coordinates' limits."""
        q, problem, uphill = self.variables.q[0], self.problem, self.gradient
        free = problem.free & ~((q <= problem.low) & (uphill > 0)) & ~((q >= problem.high) & (uphill < 0))
        step = self.bands.solve(uphill, free, damping=float(damping))
        return self.of(problem, replace(self.variables, q=(q + step).clamp(problem.low, problem.high)[None]))

    def where(self, better: Tensor, other: _PoseIterate) -> _PoseIterate:
        """The other one where it is better (1,)."""
        return other if better.item() else self


@torch.no_grad()
def normal_matrix(problem: MotionProblem, at: MotionVariables) -> BlockBands:
    """The matrix of the normal equations for the coordinates (T, Q) of one motion."""
    poses, derivatives = poses_and_derivatives(problem, at)
    bands = BlockBands.zeros(*at.q.shape[1:])
    for residuals, derivative in pose_residuals(problem, at, poses, derivatives):
        scale = residuals.precision[0].sqrt()[..., None]
        bands.add([rows.flatten(1, 2) for rows in jacobian_blocks(residuals, derivative, scale)])
    if problem.model.pose_prior is not None:
        duration = problem.observations.duration[:, None, None]
        bands.by_lag[0] += problem.model.weights.pose * duration * problem.model.pose_prior.precision(at.q[0])
    return bands


def poses_and_derivatives(problem: MotionProblem, at: MotionVariables) -> tuple[Poses, Poses]:
    """The poses (1, T, ...) of one motion, and their derivatives (Q, T, ...) by each coordinate of their own frame."""
    scaled = problem.kinematics.with_scales(problem.body_scales(at.proportions)[:, None])
    pose = scaled.with_coordinates(at.q)
    J = pose.marker_jacobian()[0].movedim(-1, 0).contiguous()
    R_world_camera = problem.R_camera_world.T
    _, frames, coordinates = at.q.shape
    identity = torch.eye(coordinates, dtype=J.dtype)[:, None].repeat(1, frames, 1)
    return Poses(pose.markers, pose.markers @ R_world_camera, at.q), Poses(J, J @ R_world_camera, identity)


def pose_residuals(
    problem: MotionProblem, at: MotionVariables, poses: Poses, derivatives: Poses
) -> list[tuple[Residuals, Tensor]]:
    """The residuals of one motion's poses, each with the derivatives (T, N, d, Q) of what it has of a frame.

    By forward-mode differentiation, the derivatives by all coordinates of a frame side by side.

    Args:
        problem: the problem.
        at: the motion, for all but its poses.
        poses: (1, T, ...).
        derivatives: (Q, T, ...) of the poses by each coordinate of their own frame.
    """
    terms = problem.pose_terms(at).values()

    def by_frame(*moved: Tensor) -> tuple[Tensor, ...]:
        return tuple(residuals.by_frame for term in terms for residuals in term(Poses(*moved)))

    copies = tuple(values.repeat(len(derivatives.q), *[1] * (values.dim() - 1)) for values in poses)
    found = torch.func.jvp(by_frame, copies, tuple(derivatives))[1]
    residuals = (residuals for term in terms for residuals in term(poses))
    return [(one, derivative.movedim(0, -1)) for one, derivative in zip(residuals, found, strict=True)]


def jacobian_blocks(residuals: Residuals, derivative: Tensor, scale: Tensor) -> list[Tensor]:
    """Scaled derivatives (T - k, N, d, Q) of residuals t by the coordinates of frames t, t + 1, ..., t + k.

    Args:
        residuals: of one motion.
        derivative: (T, N, d, Q) of what they have of each frame, by its coordinates.
        scale: (T - k, N, 1) of each residual.
    """
    if not residuals.stencil:
        return [scale[..., None] * derivative]
    return [
        (c[:, None, None] * scale)[..., None] * derivative[lag : lag + len(c)]
        for lag, c in enumerate(residuals.stencil)
    ]
