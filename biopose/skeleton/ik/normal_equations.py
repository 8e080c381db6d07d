"""Normal equations of a batch of bounded least-squares problems, and the damped step within the bounds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_FIXING = 1e14  # weight of a fixed variable over the largest of the diagonal


@dataclass(frozen=True)
class NormalEquations:
    """A frame's second-order model of half the cost.

    Attributes:
        cost: (F,) weighted sum of squared distances.
        gradient: (F, n) J'W r, the direction of descent.
        matrix: (F, n, n) J'WJ, less the second derivatives for Newton; the lower triangle alone is meant.
        scale: (F, n) diagonal of J'WJ, which damping is measured by.
    """

    cost: Tensor
    gradient: Tensor
    matrix: Tensor
    scale: Tensor

    def __getitem__(self, keep: Tensor | slice) -> NormalEquations:
        """The frames that a mask keeps."""
        return NormalEquations(self.cost[keep], self.gradient[keep], self.matrix[keep], self.scale[keep])

    def where(self, better: Tensor, other: NormalEquations) -> NormalEquations:
        """Other's frames where better (F,), these elsewhere."""
        if better.all():
            return other
        return NormalEquations(
            torch.where(better, other.cost, self.cost),
            torch.where(better[:, None], other.gradient, self.gradient),
            torch.where(better[:, None, None], other.matrix, self.matrix),
            torch.where(better[:, None], other.scale, self.scale),
        )


def bounded_step(x: Tensor, equations: NormalEquations, factor: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Where a damped step leads within the limits, (F, n).

    Coordinates at a limit that want to leave it are fixed; those that the step would carry over one are fixed there and
    the others solved again, so that a limit that is met changes the step of all others.
    """
    gradient, scale = equations.gradient, equations.scale
    damped = equations.matrix.clone()
    damped.diagonal(dim1=-2, dim2=-1).add_(scale * factor[:, None] + 1e-12 * scale.amax(-1, keepdim=True))
    fixed = ((x <= lower) & (gradient < 0)) | ((x >= upper) & (gradient > 0))
    target = x + _solve_free(damped, gradient, fixed)
    for _ in range(2):
        outside = (target < lower) | (target > upper)
        again = outside.any(-1)
        if not again.any():
            return target
        fixed = fixed | outside
        offset = torch.where(fixed, target.clamp(lower, upper) - x, 0.0)[again]
        matrix = damped[again]
        below = matrix.tril(-1)
        pull = ((matrix.tril() + below.mT) @ offset[..., None])[..., 0]
        step = _solve_free(matrix, gradient[again] - pull, fixed[again])
        target = target.clone()
        target[again] = x[again] + step + offset
    return target.clamp(lower, upper)


def _solve_free(damped: Tensor, gradient: Tensor, fixed: Tensor) -> Tensor:
    """Step (F, n) of the free coordinates, zero for the fixed ones; NaN where the matrix is not positive definite.

    A fixed coordinate is one with an endless weight on the diagonal.
    """
    if fixed.any():
        damped = damped.clone()
        diagonal = damped.diagonal(dim1=-2, dim2=-1)
        diagonal.add_(_FIXING * diagonal.amax(-1, keepdim=True) * fixed)
        gradient = torch.where(fixed, 0.0, gradient)
    triangle, failed = torch.linalg.cholesky_ex(damped)
    step = torch.cholesky_solve(gradient[..., None], triangle)[..., 0]
    return torch.where((failed > 0)[:, None], torch.nan, torch.where(fixed, 0.0, step))
