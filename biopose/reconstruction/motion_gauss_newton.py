"""Gauss-Newton steps on a whole motion: the poses of all frames, the proportions, the focal length and the ground.

Residuals touch at most three neighbouring frames, and what all frames share, so the matrix of the normal equations is
banded with a border, and a step for hundreds of frames costs as much as a few gradients (Triggs et al. 2000, "Bundle
adjustment: a modern synthesis", section 6). Errors weigh as Student's t distribution has it at the current iterate;
with these weights the right side is the energy's own gradient.

Each residual depends on one point, or on one angle. So their sum is first made a stiffness of every point and a force
on it; the analytic derivatives of the points by the coordinates and by the proportions (`Pose.marker_jacobian`,
`Pose.scale_jacobian`) carry both over to the variables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS
from biopose.reconstruction.block_bands import MOST_LAG, BlockBands
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables
from biopose.reconstruction.observations import HIPS
from biopose.reconstruction.residuals import Residuals, Term, energy_of
from biopose.skeleton.damped_gauss_newton import minimise
from biopose.skeleton.kinematics import Pose

FTOL = 5e-4  # relative fall of the energy in a step, at which it has settled
GLOBALS = 4  # logarithm of the focal length; height and slopes of the ground
ALL_POINTS = slice(None)


@torch.no_grad()
def refine_motion(problem: MotionProblem, at: MotionVariables, *, steps: int) -> MotionVariables:
    """Gauss-Newton steps until the energy settles.

    Args:
        problem: the problem.
        at: one start (S = 1).
        steps: at most.
    """
    within = replace(at, q=at.q.clamp(problem.low, problem.high))
    return minimise(MotionIterate.of(problem, within), steps=steps, ftol=FTOL).at


@dataclass(frozen=True)
class NormalEquations:
    """The gradient of the energy, and the Gauss-Newton matrix.

    Attributes:
        gradient: (T, Q) by the coordinates.
        shared_gradient: (S,) by proportions, focal length and ground, in this order; S is 0 where these are known.
        matrix: of the same variables.
    """

    gradient: Tensor
    shared_gradient: Tensor
    matrix: BlockBands


@dataclass(frozen=True, eq=False)
class MotionIterate:
    """One motion, the skeleton in its poses, the terms there and the energy (1,)."""

    problem: MotionProblem
    at: MotionVariables
    pose: Pose
    pose_terms: list[Residuals]
    shape_terms: dict[str, Term]
    cost: Tensor

    @classmethod
    def of(cls, problem: MotionProblem, at: MotionVariables) -> MotionIterate:
        """The iterate at one motion (S = 1)."""
        scaled = problem.kinematics.with_scales(problem.body_scales(at.proportions)[0])
        pose = scaled.with_coordinates(at.q[0])
        poses = problem.poses(pose.markers[None], at.q)
        pose_terms = [one for term in problem.pose_terms(at).values() for one in term(poses)]
        shape_terms = problem.shape_terms(at)
        energies = [*(one.energy for one in pose_terms), *map(energy_of, shape_terms.values())]
        if problem.model.pose_prior is not None:
            energies.append(problem.prior_energy(at.q))
        return cls(problem, at, pose, pose_terms, shape_terms, torch.stack(energies).sum(0))

    @cached_property
    def linearised(self) -> NormalEquations:
        """The normal equations here."""
        problem, at = self.problem, self.at
        by_coordinates = self.pose.marker_jacobian()
        points = PointEquations.of(self.pose_terms, by_coordinates, problem.R_camera_world)
        jacobian, shared = by_coordinates, 0
        if not problem.shape_is_known:
            jacobian = torch.cat([by_coordinates, self._by_proportions()], dim=-1)
            shared = problem.scale_design.shape[1] + GLOBALS
        equations = points.carried_to(jacobian, coordinates=at.q.shape[-1], shared=shared)
        _add_angles(equations, self.pose_terms, problem.rotational.nonzero()[:, 0])
        self._add_pose_prior(equations)
        if shared:
            self._add_shape_priors(equations)
        return equations

    def _by_proportions(self) -> Tensor:
        """(T, 26, 3, K) of the keypoints."""
        return self.pose.scale_jacobian(self.problem.scale_directions(self.at.proportions[0]))

    def _add_pose_prior(self, equations: NormalEquations) -> None:
        problem, prior = self.problem, self.problem.model.pose_prior
        if prior is None:
            return
        gradient, precision = prior.gradient_and_precision(self.at.q[0])
        weight = problem.model.weights.pose * problem.observations.duration
        equations.gradient.add_(weight[:, None] * gradient)
        equations.matrix.by_lag[0].add_(weight[:, None, None] * precision)

    def _add_shape_priors(self, equations: NormalEquations) -> None:
        for name, by_shared in self.problem.shape_jacobians(self.at).items():
            (errors,) = self.shape_terms[name]
            equations.shared_gradient.add_(errors.values[0, 0] @ by_shared)
            equations.matrix.corner.add_(by_shared.T @ by_shared)

    def moved(self, damping: Tensor) -> MotionIterate:
        """The iterate after a damped step within the coordinates' limits."""
        at, problem, here = self.at, self.problem, self.linearised
        q, uphill = at.q[0], here.gradient
        free = problem.free & ~((q <= problem.low) & (uphill > 0)) & ~((q >= problem.high) & (uphill < 0))
        shared_free = torch.ones(len(here.shared_gradient), dtype=torch.bool)
        if problem.model.focal_sd <= 0:
            shared_free[-GLOBALS:][:1] = False
        step, shared = here.matrix.solve(
            uphill, free, shared_gradient=here.shared_gradient, shared_free=shared_free, damping=float(damping)
        )
        moved = replace(at, q=(at.q + step).clamp(problem.low, problem.high))
        if not problem.shape_is_known:
            proportions, focal, ground = shared[None].split([len(shared) - GLOBALS, 1, GLOBALS - 1], dim=1)
            moved = MotionVariables(
                moved.q, at.proportions + proportions, at.log_focal + focal[:, 0], at.ground + ground
            )
        return self.of(problem, moved)

    def where(self, better: Tensor, other: MotionIterate) -> MotionIterate:
        """The other one where it is better (1,)."""
        return other if better.item() else self


@dataclass(frozen=True)
class PointEquations:
    """The terms of the points as stiffness and force, in the world's axes.

    Attributes:
        own: (T, 26, 3, 3) stiffness of each point in its own frame.
        about_hips: (T, 26, 3, 3) the same of the points about the middle of the hips.
        by_lag: (T - lag, 26) isotropic stiffness between a point and itself `lag` frames later.
        force: (T, 26, 3) the gradient of the energy by the points.
        by_globals: (T, 26, 3, 4) stiffness between the points and GLOBALS.
        globals_matrix: (4, 4) stiffness of GLOBALS.
        globals_gradient: (4,).
    """

    own: Tensor
    about_hips: Tensor
    by_lag: list[Tensor]
    force: Tensor
    by_globals: Tensor
    globals_matrix: Tensor
    globals_gradient: Tensor

    @classmethod
    def of(cls, terms: list[Residuals], like: Tensor, R_camera_world: Tensor) -> PointEquations:
        """The sum of all terms but those of angles.

        Args:
            terms: of one motion.
            like: (T, 26, ...) of what is to be made.
            R_camera_world: (3, 3).
        """
        frames, points = like.shape[:2]

        def zeros(*shape: int) -> Tensor:
            return like.new_zeros(frames, points, *shape)

        lags = [like.new_zeros(max(frames - lag, 0), points) for lag in range(MOST_LAG + 1)]
        sums = cls(zeros(3, 3), zeros(3, 3), lags, zeros(3), zeros(3, GLOBALS), like.new_zeros(4, 4), like.new_zeros(4))
        hips_force = zeros(3)
        for one in terms:
            if one.of == "angles":
                continue
            if one.derivatives is None:
                sums._add_over_time(one)
            else:
                sums._add_by_frame(one, R_camera_world, hips_force)
        sums.force.add_(hips_force)
        sums.force[:, HIPS] -= hips_force.sum(1, keepdim=True) / len(HIPS)
        return sums

    def _add_over_time(self, one: Residuals) -> None:
        """A combination of a point's positions in neighbouring frames."""
        points = list(FOOT_KEYPOINTS) if one.of == "feet" else ALL_POINTS
        precision = one.precision[0]
        for lag, stiffness in enumerate(stencil_products(one.stencil, precision)):
            self.by_lag[lag][:, points] += stiffness
        self.force[:, points] += back_through(one.stencil, precision[..., None] * one.values[0])

    def _add_by_frame(self, one: Residuals, R_camera_world: Tensor, hips_force: Tensor) -> None:
        """A function of a point in one frame."""
        assert one.derivatives is not None
        by_point, by_focal, by_ground = one.derivatives()
        points = list(FOOT_KEYPOINTS) if one.of == "feet" else ALL_POINTS
        if one.of != "feet":
            by_point = by_point @ R_camera_world
        precision = one.precision[0][..., None]
        weighted = precision[..., None] * by_point
        error = (precision * one.by_frame[0])[..., None]
        stiffness, force = (self.about_hips, hips_force) if one.of == "keypoints about hips" else (self.own, self.force)
        stiffness[:, points] += weighted.mT @ by_point
        force[:, points] += (by_point.mT @ error)[..., 0]
        for columns, derivative in ((slice(1), by_focal), (slice(1, GLOBALS), by_ground)):
            if derivative is not None:
                own = derivative.reshape(*precision.shape[:2], by_point.shape[-2], -1)
                self.by_globals[:, points, :, columns] += weighted.mT @ own
                self.globals_matrix[columns, columns] += (precision[..., None] * own).flatten(0, 2).T @ own.flatten(
                    0, 2
                )
                self.globals_gradient[columns] += error.flatten() @ own.flatten(0, 2)

    def carried_to(self, jacobian: Tensor, *, coordinates: int, shared: int) -> NormalEquations:
        """The normal equations of the variables.

        Args:
            jacobian: (T, 26, 3, Q + K) of the points by the coordinates, then by the proportions.
            coordinates: Q.
            shared: K + 4; 0 leaves the shared variables out.
        """
        frames, n = len(jacobian), coordinates
        rows = jacobian.flatten(1, 2)
        by_coordinates, by_proportions = rows[..., :n], rows[..., n:]
        forces = (self._stiffness() @ jacobian).flatten(1, 2)
        by_lag = [by_coordinates.mT @ forces[..., :n]]
        stiff = [one[..., None].expand(-1, -1, 3).flatten(1)[..., None] for one in self.by_lag]
        for lag in range(1, MOST_LAG + 1):
            by_lag.append(by_coordinates[: frames - lag].mT @ (stiff[lag] * by_coordinates[lag:]))
            if shared:
                forces[:-lag, :, n:] += stiff[lag] * by_proportions[lag:]
                forces[lag:, :, n:] += stiff[lag] * by_proportions[:-lag]
        left, right = self._about_hips(jacobian)
        by_lag[0] -= left[..., :n].mT @ right[..., :n]
        gradient = (self.force.flatten(1)[:, None] @ by_coordinates)[:, 0]
        if not shared:
            return NormalEquations(gradient, gradient.new_zeros(0), _without_border(by_lag))
        beside = torch.cat([forces[..., n:], self.by_globals.flatten(1, 2)], dim=-1)
        border = by_coordinates.mT @ beside
        border[..., :-GLOBALS] -= left[..., :n].mT @ right[..., n:]
        corner = by_proportions.flatten(0, 1).T @ beside.flatten(0, 1)
        corner[:, :-GLOBALS] -= left[..., n:].flatten(0, 1).T @ right[..., n:].flatten(0, 1)
        corner = torch.cat([corner, torch.cat([corner[:, -GLOBALS:].T, self.globals_matrix], dim=1)])
        shared_gradient = torch.cat([self.force.flatten() @ by_proportions.flatten(0, 1), self.globals_gradient])
        return NormalEquations(gradient, shared_gradient, BlockBands(by_lag, border, corner))

    def _stiffness(self) -> Tensor:
        """(T, 26, 3, 3) of each point in its own frame, the hips taken to stand."""
        return self.own + self.about_hips + self.by_lag[0][..., None, None] * torch.eye(3).to(self.own)

    def _about_hips(self, jacobian: Tensor) -> tuple[Tensor, Tensor]:
        """Two factors (T, 6, V) whose product is what the hips' own motion takes from the points' stiffness about them.

        With m the mean of the hips' rows of J and A the stiffness about the hips, the sum over the points of
        (J - m)' A (J - m) is that of J'AJ less (AJ)'m + m'(AJ) - m'Am.
        """
        hips = jacobian[:, HIPS].mean(1)
        pulled = self.about_hips.transpose(1, 2).flatten(-2) @ jacobian.flatten(1, 2)
        whole = self.about_hips.sum(1) @ hips
        return torch.cat([pulled - whole, hips], dim=1), torch.cat([hips, pulled], dim=1)


def _without_border(by_lag: list[Tensor]) -> BlockBands:
    frames, n = by_lag[0].shape[:2]
    return BlockBands(by_lag, by_lag[0].new_zeros(frames, n, 0), by_lag[0].new_zeros(0, 0))


def _add_angles(equations: NormalEquations, terms: list[Residuals], rotational: Tensor) -> None:
    """The terms of the angles (A,), which are coordinates themselves."""
    for one in terms:
        if one.of == "angles":
            precision = one.precision[0]
            for lag, stiffness in enumerate(stencil_products(one.stencil, precision)):
                equations.matrix.by_lag[lag][:, rotational, rotational] += stiffness
            equations.gradient[:, rotational] += back_through(one.stencil, (precision[..., None] * one.values[0]))[
                ..., 0
            ]


def stencil_products(stencil: tuple[Tensor, ...], precision: Tensor) -> list[Tensor]:
    """J'WJ of combinations of neighbouring frames: (T - lag, N) for each lag between two frames.

    Args:
        stencil: k + 1 coefficients (T - k,).
        precision: (T - k, N) of each combination.
    """
    frames, points = len(precision) + len(stencil) - 1, precision.shape[1]
    products = [precision.new_zeros(frames - lag, points) for lag in range(len(stencil))]
    for first, earlier in enumerate(stencil):
        for second, later in enumerate(stencil[first:], start=first):
            products[second - first][first : first + len(precision)] += (earlier * later)[:, None] * precision
    return products


def back_through(stencil: tuple[Tensor, ...], weighted: Tensor) -> Tensor:
    """(T, N, d) the gradient by each frame's values, of that (T - k, N, d) by their combinations."""
    gradient = weighted.new_zeros(len(weighted) + len(stencil) - 1, *weighted.shape[1:])
    for lag, coefficient in enumerate(stencil):
        gradient[lag : lag + len(weighted)] += coefficient[:, None, None] * weighted
    return gradient
