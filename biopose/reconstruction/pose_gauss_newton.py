"""Gauss-Newton steps on the poses of all frames at once; proportions, focal length and ground stay.

Residuals touch at most three neighbouring frames, so the matrix of the normal equations is banded, and a step for
hundreds of frames costs as much as a few gradients (Triggs et al. 2000, "Bundle adjustment: a modern synthesis",
section 6). Gradient descent alone leaves weakly determined directions, such as the pelvis's tilt, at their start. The
gradient is the energy's own; the matrix has each residual by its weight at the current errors.

Each residual depends on one keypoint, or on one angle. So their sum is first made a stiffness of every keypoint, and
the analytic derivative of the keypoints by the coordinates (`Pose.marker_jacobian`) carries both the stiffness and the
energy's gradient over to the coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS
from biopose.body.keypoint_names import KEYPOINTS
from biopose.reconstruction.block_bands import MOST_LAG, BlockBands
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables, Poses
from biopose.reconstruction.observations import HIPS
from biopose.reconstruction.residuals import Residuals
from biopose.skeleton.damped_gauss_newton import minimise
from biopose.skeleton.kinematics import Pose


def refine_poses(problem: MotionProblem, at: MotionVariables, *, steps: int) -> MotionVariables:
    """Gauss-Newton steps until the energy settles.

    Args:
        problem: the problem.
        at: one start (S = 1).
        steps: at most.
    """
    poses = PoseProblem(problem, at)
    found = minimise(_PoseIterate.of(poses, at.q[0].detach()), steps=steps)
    return replace(at, q=found.q.detach()[None])


class PoseProblem:
    """The energy of one motion as a function of its coordinates alone.

    Args:
        problem: the problem.
        at: one motion, for all but its coordinates.
    """

    def __init__(self, problem: MotionProblem, at: MotionVariables) -> None:
        self.problem, self.at = problem, at
        with torch.no_grad():
            self.kinematics = problem.kinematics.with_scales(problem.body_scales(at.proportions)[0])
            self.constant = torch.stack([*problem.shape_energies(at).values()]).sum(0)

    def energy(self, keypoints_m: Tensor, q: Tensor) -> Tensor:
        """(1,) of keypoints (T, 26, 3) and coordinates (T, Q)."""
        poses = self.problem.poses(keypoints_m[None], q[None])
        return self.constant + torch.stack([*self.problem.pose_energies(self.at, poses).values()]).sum(0)

    def pose(self, q: Tensor) -> Pose:
        """The skeleton in the poses (T, Q)."""
        return self.kinematics.with_coordinates(q)

    def residuals(self, poses: Poses) -> list[Residuals]:
        """All that depend on the poses."""
        return [one for term in self.problem.pose_terms(self.at).values() for one in term(poses)]

    def residuals_and_derivatives(self, keypoints_m: Tensor, q: Tensor) -> list[tuple[Residuals, Tensor]]:
        """The residuals, each with the derivatives (T, n, d, 3) of by_frame by its keypoint in the world.

        Of angles, which are their own residuals, the derivatives are (T, n, 1, 1).

        Args:
            keypoints_m: (T, 26, 3).
            q: (T, Q).
        """
        poses = self.problem.poses(keypoints_m[None], q[None])
        with torch.enable_grad():  # backwards: torch's forward derivatives load its compiler, for two seconds
            shift = torch.zeros_like(poses.world, requires_grad=True)
            in_camera = shift @ self.problem.R_camera_world.T
            shifted = Poses(poses.world + shift, poses.camera + in_camera, poses.about_hips + in_camera, poses.q)
            derivatives = [_derivative(one, shift) for one in self.residuals(shifted)]
        return list(zip(self.residuals(poses), derivatives, strict=True))

    def normal_matrix(self, keypoints_m: Tensor, q: Tensor, jacobian: Tensor) -> BlockBands:
        """The matrix of the normal equations for the coordinates.

        Args:
            keypoints_m: (T, 26, 3).
            q: (T, Q).
            jacobian: (T, 26, 3, Q) of the keypoints.
        """
        bands = BlockBands.zeros(*q.shape)
        own, about_hips = (
            [q.new_zeros(max(len(q) - lag, 0), len(KEYPOINTS), 3, 3) for lag in range(MOST_LAG + 1)] for _ in range(2)
        )
        rotational = self.problem.rotational.nonzero()[:, 0]
        for one, derivative in self.residuals_and_derivatives(keypoints_m, q):
            for lag, first, product in stiffness_of(one, derivative):
                rows = slice(first, first + len(product))
                if one.of == "angles":
                    bands.by_lag[lag][rows, rotational, rotational] += product[..., 0, 0]
                else:
                    blocks = (about_hips if one.of == "keypoints about hips" else own)[lag]
                    blocks[rows, FOOT_KEYPOINTS if one.of == "feet" else slice(None)] += product
        add_stiffness(bands, own, jacobian)
        add_stiffness(bands, about_hips[:1], jacobian - jacobian[:, HIPS].mean(1, keepdim=True))
        prior = self.problem.model.pose_prior
        if prior is not None:
            duration = self.problem.observations.duration[:, None, None]
            bands.by_lag[0] += self.problem.model.weights.pose * duration * prior.precision(q)
        return bands


def _derivative(residuals: Residuals, shift: Tensor) -> Tensor:
    """(T, n, d, 3) of by_frame by the shift (1, T, 26, 3) of its keypoint; (T, n, 1, 1) of angles by themselves."""
    if residuals.of == "angles":
        return torch.ones_like(residuals.by_frame[0])[..., None]
    rows = [torch.autograd.grad(part.sum(), shift, retain_graph=True)[0] for part in residuals.by_frame.unbind(-1)]
    derivative = torch.stack(rows, dim=-2)[0]
    return derivative[:, list(FOOT_KEYPOINTS)] if residuals.of == "feet" else derivative


def stiffness_of(residuals: Residuals, derivative: Tensor) -> list[tuple[int, int, Tensor]]:
    """J'WJ by what each residual depends on, block by block.

    Args:
        residuals: of one motion.
        derivative: (T, n, d, m) of what they have of each frame.

    Returns:
        The lag between the two frames of a block, the first frame, and the blocks (T - k, n, m, m).
    """
    weight = residuals.precision[0][..., None, None]
    stencil = residuals.stencil or (torch.ones(len(derivative)),)
    rows = [c[:, None, None, None] * derivative[lag : lag + len(c)] for lag, c in enumerate(stencil)]
    return [
        (second - first, first, (weight * earlier).mT @ later)
        for first, earlier in enumerate(rows)
        for second, later in enumerate(rows[first:], start=first)
    ]


def add_stiffness(bands: BlockBands, stiffness: list[Tensor], jacobian: Tensor) -> None:
    """Add the stiffness (T - lag, 26, 3, 3) of points by lag; (T, 26, 3, Q) are their derivatives by coordinates."""
    rows = jacobian.flatten(1, 2)
    for lag, blocks in enumerate(stiffness):
        if len(blocks):
            bands.by_lag[lag] += rows[: len(blocks)].mT @ (blocks @ jacobian[lag:]).flatten(1, 2)


@dataclass(frozen=True, eq=False)
class _PoseIterate:
    """Coordinates (T, Q), the keypoints (T, 26, 3) there, and their energy (1,) with its graph."""

    problem: PoseProblem
    q: Tensor
    pose: Pose
    keypoints_m: Tensor
    energy: Tensor

    @classmethod
    def of(cls, problem: PoseProblem, q: Tensor) -> _PoseIterate:
        pose, q = problem.pose(q), q.requires_grad_()
        keypoints_m = pose.markers.requires_grad_()
        return cls(problem, q, pose, keypoints_m, problem.energy(keypoints_m, q))

    @property
    def cost(self) -> Tensor:
        return self.energy.detach()

    @cached_property
    def linearised(self) -> tuple[Tensor, BlockBands]:
        """The gradient (T, Q) of the energy, and the matrix of the normal equations."""
        by_keypoints, by_q = torch.autograd.grad(self.energy.sum(), (self.keypoints_m, self.q))
        with torch.no_grad():
            jacobian = self.pose.marker_jacobian()
            gradient = by_q + (by_keypoints.flatten(1)[:, None] @ jacobian.flatten(1, 2))[:, 0]
            return gradient, self.problem.normal_matrix(self.keypoints_m.detach(), self.q.detach(), jacobian)

    def moved(self, damping: Tensor) -> _PoseIterate:
        """The iterate after a damped step within the coordinates' limits."""
        q, whole, (uphill, bands) = self.q.detach(), self.problem.problem, self.linearised
        free = whole.free & ~((q <= whole.low) & (uphill > 0)) & ~((q >= whole.high) & (uphill < 0))
        step = bands.solve(uphill, free, damping=float(damping))
        return self.of(self.problem, (q + step).clamp(whole.low, whole.high))

    def where(self, better: Tensor, other: _PoseIterate) -> _PoseIterate:
        """The other one where it is better (1,)."""
        return other if better.item() else self
