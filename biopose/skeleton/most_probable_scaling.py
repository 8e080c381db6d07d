"""The most probable scale factors and pose of a skeleton, given where its markers were observed in one posture.

Maximum a posteriori estimate by iteratively reweighted damped Gauss-Newton steps: markers and posture have Student's t
distribution, scale factors the normal prior of `scaling_prior`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.skeleton.damped_gauss_newton import minimise
from biopose.skeleton.ik.normal_equations import NormalEquations, bounded_step
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.landmarks import marker_sd_m
from biopose.skeleton.model import Skeleton
from biopose.skeleton.posture_prior import posture_sd
from biopose.skeleton.scaling_prior import scale_prior
from biopose.skeleton.student_t import student_t_loss, student_t_weight

DEGREES_OF_FREEDOM = 4.0  # of Student's t distribution
MAX_STEPS = 40
FTOL = 1e-9  # relative fall of the cost


class ScalingProblem:
    """Markers in one posture against coordinates and scale terms.

    The variables (n,) are the free coordinates, then the terms of the scale prior.

    Args:
        skeleton: unscaled, with exactly the observed markers.
        observed: (M, 3) in ground.
        height_ratio: the person's height over the model's, if known.
        all_anatomical: whether every marker counts as a landmark; otherwise `marker_sd_m` judges them.
        standing: whether the posture is that of a static trial (`posture_prior`).
    """

    def __init__(
        self,
        skeleton: Skeleton,
        observed: NDArray[np.float64],
        *,
        height_ratio: float | None,
        all_anatomical: bool,
        standing: bool = False,
    ) -> None:
        self.kinematics = Kinematics(skeleton)
        self.observed = torch.from_numpy(observed)
        prior = scale_prior(skeleton, height_ratio=height_ratio)
        self.design, self.mean = torch.from_numpy(prior.design), torch.from_numpy(prior.mean)
        self.terms_sd = torch.from_numpy(prior.sd)
        self.marker_sd = torch.from_numpy(marker_sd_m(skeleton, all_anatomical=all_anatomical))
        self.free = list(skeleton.free_coordinates)
        self.posture_sd = torch.from_numpy(posture_sd(skeleton, standing=standing))
        self.default = torch.from_numpy(skeleton.default_pose)
        limits = [(c.range_min, c.range_max) if c.clamped else (-np.inf, np.inf) for c in skeleton.coordinates]
        limits = [limits[c] for c in self.free] + [(-np.inf, np.inf)] * len(self.mean)
        self.lower, self.upper = torch.tensor(limits).double().T

    def solve(
        self, pose: NDArray[np.float64], body_scales: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Body scales (B, 3) and coordinates (Q,).

        Args:
            pose: (Q,) where to start.
            body_scales: (B, 3) where to start.
        """
        q = torch.from_numpy(pose)
        away = torch.from_numpy(np.log(body_scales)).flatten() - self.design @ self.mean
        # Many terms give the same factors: the likeliest do, so the least in standard deviations.
        terms = self.mean + self.terms_sd * (torch.linalg.pinv(self.design * self.terms_sd) @ away)
        start = _Iterate.of(self, q, torch.cat([q[self.free], terms]))
        found = minimise(start, steps=MAX_STEPS, ftol=FTOL)
        q, _ = self.kinematics.satisfy_couplings(found.q)
        return self.scales(found.x[len(self.free) :]).numpy(), q.numpy()

    def scales(self, terms: Tensor) -> Tensor:
        """(B, 3) scale factors of terms (K,)."""
        return torch.exp(self.design @ terms).reshape(-1, 3)

    def marker_residuals(self, q: Tensor, terms: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals (M, 3) of the markers in standard deviations, and their derivatives (M, 3, n) by the variables."""
        scales = self.scales(terms)
        posed = self.kinematics.with_scales(scales).with_coordinates(q)
        by_terms = posed.scale_jacobian(scales[..., None] * self.design.unflatten(0, (-1, 3)))
        jacobian = torch.cat([posed.marker_jacobian()[..., self.free], by_terms], dim=-1)
        return (posed.markers - self.observed) / self.marker_sd[:, None], jacobian / self.marker_sd[:, None, None]

    def equations(self, q: Tensor, x: Tensor) -> NormalEquations:
        """The normal equations at variables (n,) in the posture (Q,) with these coordinates."""
        n, nu = len(self.free), DEGREES_OF_FREEDOM
        marker, jacobian = self.marker_residuals(q, x[n:])
        posture, term = (x[:n] - self.default[self.free]) / self.posture_sd, (x[n:] - self.mean) / self.terms_sd
        squared = marker.square().sum(-1)
        cost = student_t_loss(squared, degrees_of_freedom=nu, dimension=3).sum()
        cost = cost + student_t_loss(posture.square(), degrees_of_freedom=nu, dimension=1).sum()
        cost = cost + 0.5 * term.square().sum()
        by_marker = student_t_weight(squared, degrees_of_freedom=nu, dimension=3)[:, None, None]
        by_posture = student_t_weight(posture.square(), degrees_of_freedom=nu, dimension=1)
        sd, weight = torch.cat([self.posture_sd, self.terms_sd]), torch.cat([by_posture, torch.ones_like(term)])
        matrix = ((by_marker * jacobian).flatten(0, 1)).T @ jacobian.flatten(0, 1) + torch.diag(weight / sd.square())
        gradient = (by_marker[..., 0] * marker).flatten() @ jacobian.flatten(0, 1)
        gradient = gradient + weight * torch.cat([posture, term]) / sd
        return NormalEquations(cost[None], -gradient[None], matrix[None], matrix.diagonal()[None])


@dataclass(frozen=True, eq=False)
class _Iterate:
    """A point of the problem: coordinates (Q,), variables (n,) and the normal equations."""

    problem: ScalingProblem
    q: Tensor
    x: Tensor
    equations: NormalEquations

    @classmethod
    def of(cls, problem: ScalingProblem, q: Tensor, x: Tensor) -> _Iterate:
        q = q.clone()
        q[problem.free] = x[: len(problem.free)]
        return cls(problem, q, x, problem.equations(q, x))

    @property
    def cost(self) -> Tensor:
        return self.equations.cost

    def moved(self, damping: Tensor) -> _Iterate:
        """The iterate after a damped step within the limits."""
        problem = self.problem
        target = bounded_step(self.x[None], self.equations, damping, problem.lower, problem.upper)[0]
        return self.of(problem, self.q, target)

    def where(self, better: Tensor, other: _Iterate) -> _Iterate:
        """The other one where it is better (1,)."""
        return other if better.item() else self
