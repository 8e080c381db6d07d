"""Gauss-Newton steps on the poses of all frames at once, with proportions, focal length and ground as they are.

Frames touch only their neighbours: accelerations tie three, a resting foot two. So the matrix of the normal equations
is banded, and a step for hundreds of frames costs as much as a few gradients (Triggs et al. 2000, "Bundle adjustment: a
modern synthesis", section 6). Gradient descent alone leaves weakly known directions, such as the pelvis's tilt, where
they began. The gradient is the energy's own; the matrix is an approximation, each robust term by its weight at the
current errors, and a step counts only where the energy falls (Levenberg 1944; Marquardt 1963).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, solveh_banded
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINT_HEIGHT_M, FOOT_KEYPOINTS
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables
from biopose.reconstruction.observations import HIPS, KEYPOINT_MASK, Observations, relative_to_hips
from biopose.reconstruction.residuals import NEAREST_M, FitWeights

FIRST_DAMPING, MOST_DAMPING = 1e-3, 1e4
DAMPING_DECREASE, DAMPING_INCREASE = 0.2, 6.0
FTOL = 1e-4  # relative fall of the energy


@dataclass
class Bands:
    """Blocks of a symmetric matrix over frames: with itself (T, Q, Q), with the next, with the one after the next."""

    own: Tensor
    following: Tensor
    second: Tensor

    @classmethod
    def zeros(cls, frames: int, coordinates: int) -> Bands:
        """Nothing yet."""
        shape = (coordinates, coordinates)
        return cls(*(torch.zeros(max(frames - lag, 0), *shape) for lag in range(3)))

    def add_rows(self, rows: Tensor) -> None:
        """Residuals' weighted derivatives (T, R, Q) by their own frame."""
        self.own += rows.mT @ rows

    def add_pairs(self, earlier: Tensor, later: Tensor) -> None:
        """The same of residuals between frames: (T - 1, R, Q) by either."""
        self.own[:-1] += earlier.mT @ earlier
        self.own[1:] += later.mT @ later
        self.following += earlier.mT @ later

    def add_triples(self, before: Tensor, at: Tensor, after: Tensor) -> None:
        """The same of residuals of three frames: (T - 2, R, Q) by each."""
        for shift, rows in enumerate((before, at, after)):
            self.own[shift : len(self.own) - 2 + shift] += rows.mT @ rows
        self.following[:-1] += before.mT @ at
        self.following[1:] += at.mT @ after
        self.second += before.mT @ after

    def solve(self, gradient: Tensor, free: Tensor, *, damping: float) -> Tensor:
        """The step (T, Q) against a gradient, for the coordinates (T, Q) that are free.

        Raises:
            LinAlgError: the damped matrix is not positive definite.
        """
        frames, n = gradient.shape
        f = free.to(self.own)
        diagonal = self.own.diagonal(dim1=-2, dim2=-1)
        damped = self.own + torch.diag_embed(damping * diagonal + 1e-6 * diagonal.amax())
        own = damped * f[:, :, None] * f[:, None] + torch.diag_embed(1 - f)
        blocks = [own]
        for lag, block in ((1, self.following), (2, self.second)):
            if len(block):
                blocks.append(block * f[:-lag, :, None] * f[lag:, None])
        banded = _banded([block.double().numpy() for block in blocks], frames, n)
        right = -(gradient * f).double().numpy().ravel()
        return torch.from_numpy(solveh_banded(banded, right, lower=True, check_finite=False).reshape(frames, n)).float()


def _banded(blocks: list[NDArray[np.float64]], frames: int, n: int) -> NDArray[np.float64]:
    """LAPACK's lower banded storage."""
    banded = np.zeros((len(blocks) * n, frames * n))
    row, column = np.indices((n, n))
    for lag, block in enumerate(blocks):
        below = (row >= column) if lag == 0 else np.ones((n, n), dtype=bool)
        r, c = row[below], column[below]
        where = np.arange(frames - lag)[:, None] * n + c
        banded[lag * n + r - c, where] = block[:, c, r]
    return banded


def newton(fit: MotionProblem, at: MotionVariables, *, iterations: int) -> MotionVariables:
    """Step until the energy settles.

    Args:
        fit: the problem.
        at: one start.
        iterations: at most.
    """
    damping = FIRST_DAMPING
    energy, gradient = _energy_and_gradient(fit, at)
    for _ in range(iterations):
        bands = _bands(fit, at)
        free = fit.free & ~((at.q[0] <= fit.low) & (gradient > 0)) & ~((at.q[0] >= fit.high) & (gradient < 0))
        fallen = 0.0
        while damping < MOST_DAMPING:
            tried = _tried(fit, at, bands, gradient, free, damping)
            if tried is not None:
                energy_there, gradient_there = _energy_and_gradient(fit, tried)
                if energy_there < energy:
                    fallen, damping = energy - energy_there, damping * DAMPING_DECREASE
                    at, energy, gradient = tried, energy_there, gradient_there
                    break
            damping *= DAMPING_INCREASE
        if fallen <= FTOL * abs(energy):
            break
    return at


def _tried(
    fit: MotionProblem, at: MotionVariables, bands: Bands, gradient: Tensor, free: Tensor, damping: float
) -> MotionVariables | None:
    try:
        step = bands.solve(gradient, free, damping=damping)
    except LinAlgError:
        return None
    return replace(at, q=(at.q + step).clamp(fit.low, fit.high))


def _energy_and_gradient(fit: MotionProblem, at: MotionVariables) -> tuple[float, Tensor]:
    q = at.q.detach().clone().requires_grad_()
    energy = fit.energy(replace(at, q=q)).sum()
    energy.backward()
    assert q.grad is not None
    return float(energy.detach()), q.grad[0]


@torch.no_grad()
def _bands(fit: MotionProblem, at: MotionVariables) -> Bands:
    """The matrix of the normal equations."""
    scaled = fit.kinematics.with_scales(fit.body_scales(at.proportions)[:, None])
    pose = scaled.with_coordinates(at.q)
    keypoints, J = pose.markers[0], pose.marker_jacobian()[0]  # (T, 26, 3), (T, 26, 3, Q)
    seen, weights = fit.observations, fit.model.weights
    bands = Bands.zeros(*at.q.shape[1:])
    camera, J_camera = keypoints @ fit.R_camera_world.T, fit.R_camera_world @ J
    bands.add_rows(_reprojection_rows(camera, J_camera, seen, float(at.log_focal.exp()), weights))
    bands.add_rows(_lifted_rows(camera, J_camera, seen, weights))
    if fit.model.pose_prior is not None:
        precision = fit.model.pose_prior.precision(at.q[0])
        bands.own += weights.pose * seen.duration[:, None, None] * precision
    if len(at.q[0]) > 1:
        _add_contacts(bands, keypoints, J, at.ground[0], seen, weights)
    if len(at.q[0]) > 2:
        _add_smoothness(bands, keypoints, J, at.q[0], fit.turning, seen, weights)
    return bands


def _reprojection_rows(camera: Tensor, J: Tensor, seen: Observations, focal: float, weights: FitWeights) -> Tensor:
    depth = camera[..., 2:].clamp(min=NEAREST_M)
    xy = camera[..., :2] / depth
    error = (xy * focal - seen.rays) / seen.ray_sd[..., None]
    w = KEYPOINT_MASK * seen.weight * _robust(error.square().sum(-1), weights) * seen.duration[:, None]
    by_q = (J[..., :2, :] - xy[..., None] * J[..., 2:, :]) / depth[..., None] * focal / seen.ray_sd[..., None, None]
    return (by_q * w.sqrt()[..., None, None]).flatten(1, 2)


def _lifted_rows(camera: Tensor, J: Tensor, seen: Observations, weights: FitWeights) -> Tensor:
    R_view_camera = seen.R_camera_view.mT[:, None]
    error = (R_view_camera @ relative_to_hips(camera - seen.lifted_m)[..., None])[..., 0]
    by_q = R_view_camera @ (J - J[:, HIPS].mean(1, keepdim=True))
    sd = seen.lifted_sd_m
    across = weights.lifted_across * _robust(error[..., :2].square().sum(-1) / sd[..., 0].square(), weights)
    along = weights.lifted * _robust(error[..., 2].square() / sd[..., 1].square(), weights)
    w = torch.stack([across / sd[..., 0].square()] * 2 + [along / sd[..., 1].square()], dim=-1)
    w = KEYPOINT_MASK[:, None] * w * seen.duration[:, None, None]
    return (by_q * w.sqrt()[..., None]).flatten(1, 2)


def _add_contacts(
    bands: Bands, keypoints: Tensor, J: Tensor, ground: Tensor, seen: Observations, weights: FitWeights
) -> None:
    feet, J_feet = keypoints[:, FOOT_KEYPOINTS], J[:, FOOT_KEYPOINTS]
    sure = (2 * seen.contact - 1).clamp(min=0.0)
    over = feet[..., 1] - feet.new_tensor(FOOT_KEYPOINT_HEIGHT_M) - ground[0] - feet[..., [0, 2]] @ ground[1:]
    relative = (over / weights.ground_m).square()
    w = (sure + (over < 0)) * _robust(relative, weights) / weights.ground_m**2 * seen.duration[:, None]
    bands.add_rows(J_feet[..., 1, :] * (weights.contact * w).sqrt()[..., None])
    speed = (feet.diff(dim=0) / seen.interval_s[:, None, None] / weights.sliding_m_s).square().sum(-1)
    per_step = (weights.sliding_m_s * seen.interval_s[:, None]).square()
    w = torch.minimum(sure[1:], sure[:-1]) * _robust(speed, weights) / per_step * seen.duration[1:, None]
    scale = (weights.contact * w).sqrt()[..., None, None]
    bands.add_pairs((-J_feet[:-1] * scale).flatten(1, 2), (J_feet[1:] * scale).flatten(1, 2))


def _add_smoothness(
    bands: Bands,
    keypoints: Tensor,
    J: Tensor,
    q: Tensor,
    turning: Tensor,
    seen: Observations,
    weights: FitWeights,
) -> None:
    b, a = seen.interval_s[:-1], seen.interval_s[1:]
    before, after = 2 / (b * (a + b)), 2 / (a * (a + b))
    shares = (before, -(before + after), after)

    def second(values: Tensor) -> Tensor:
        parts = zip(shares, (values[:-2], values[1:-1], values[2:]), strict=True)
        return sum((c.reshape(-1, *[1] * (values.dim() - 1)) * part for c, part in parts), torch.zeros(()))

    def add(rows: Tensor, w: Tensor) -> None:
        scaled = [
            (c.reshape(-1, 1, 1) * part * w.sqrt()[..., None])
            for c, part in zip(shares, (rows[:-2], rows[1:-1], rows[2:]), strict=True)
        ]
        bands.add_triples(*scaled)

    duration = seen.duration[1:-1, None]
    linear = second(keypoints).square().sum(-1) / weights.acceleration_m_s2**2
    w = 12 / keypoints.shape[1] * _robust(linear, weights) / weights.acceleration_m_s2**2 * duration
    add(J.flatten(1, 2), w.repeat_interleave(3, dim=1))
    angular = (second(q) / weights.turning_rad_s2).square()
    w = turning * _robust(angular, weights) / weights.turning_rad_s2**2 * duration
    add(torch.eye(q.shape[1]).expand(len(q), -1, -1), w)


def _robust(squared: Tensor, weights: FitWeights) -> Tensor:
    """Weight of an error under Student's t distribution."""
    nu = weights.degrees_of_freedom
    return (nu + 1) / (nu + squared)
