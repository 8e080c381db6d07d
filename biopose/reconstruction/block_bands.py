"""The symmetric matrix of a motion's normal equations: a band over the frames, bordered by what all frames share.

Each frame touches only the two after it, and the variables that all frames share, such as proportions. Such a matrix
is shaped like an arrow: the band is factorised block by block, the shared variables by its Schur complement (Triggs et
al. 2000, "Bundle adjustment: a modern synthesis", section 6).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MOST_LAG = 2
DAMPING_FLOOR = 1e-6  # of the largest diagonal element


@dataclass(frozen=True)
class BlockBands:
    """Blocks of the matrix, and the right side.

    Attributes:
        by_lag: (T - lag, Q, Q) each, of every frame with the one that is `lag` frames later, for lags 0 to 2.
        border: (T, Q, S) of every frame with the shared variables.
        corner: (S, S) of these with each other.
    """

    by_lag: list[Tensor]
    border: Tensor
    corner: Tensor

    @classmethod
    def zeros(cls, frames: int, coordinates: int, shared: int = 0) -> BlockBands:
        """The zero matrix."""
        lags = range(MOST_LAG + 1)
        by_lag = [torch.zeros(max(frames - lag, 0), coordinates, coordinates) for lag in lags]
        return cls(by_lag, torch.zeros(frames, coordinates, shared), torch.zeros(shared, shared))

    def solve(
        self, gradient: Tensor, free: Tensor, *, shared_gradient: Tensor, shared_free: Tensor, damping: float
    ) -> tuple[Tensor, Tensor]:
        """The step (T, Q) and (S,) against a gradient, of the variables that are free.

        NaN where the damped matrix is not positive definite.

        Args:
            gradient: (T, Q).
            free: (T, Q) the others do not move.
            shared_gradient: (S,).
            shared_free: (S,).
            damping: as a fraction of the matrix's diagonal.
        """
        (frames, n), shared = gradient.shape, len(shared_gradient)
        f, g = free.to(gradient), shared_free.to(gradient)
        rows = self._pairs_of_frames(torch.cat([self.border * g, -gradient[..., None]], dim=-1), f, damping)
        corner = (_damped(self.corner, damping) * g[:, None] * g + torch.diag(1 - g)).double()
        try:
            factors, solved = _factorised(rows)
            left, right = torch.stack(solved)[..., -shared - 1 :].flatten(0, 1).split([shared, 1], dim=1)
            triangle = torch.linalg.cholesky(corner - left.T @ left)
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            return torch.full_like(gradient, torch.nan), torch.full_like(shared_gradient, torch.nan)
        shared_step = torch.cholesky_solve((-shared_gradient * g)[:, None].double() - left.T @ right, triangle)
        step = _substituted(factors, solved, shared_step)
        return step.reshape(-1, n)[:frames].to(gradient), shared_step[:, 0].to(gradient)

    def _pairs_of_frames(self, right: Tensor, free: Tensor, damping: float) -> Tensor:
        """The damped band as a block-tridiagonal matrix of P pairs of frames, (P, 2Q, 2Q + 2Q + R).

        A row has the pair's own block, that with the next pair (the last one's is zero), and its right sides.

        Args:
            right: (T, Q, R).
            free: (T, Q) 1 or 0.
            damping: as a fraction of the diagonal.
        """
        (frames, n), (own, following, second) = free.shape, self.by_lag
        own = _damped(own, damping) * free[:, :, None] * free[:, None] + torch.diag_embed(1 - free)
        following = following * free[:-1, :, None] * free[1:, None]
        second = second * free[:-2, :, None] * free[2:, None]
        rows = torch.zeros((frames + 1) // 2, 2 * n, 4 * n + right.shape[-1], dtype=torch.float64)
        rows[-1, n:, n : 2 * n] = torch.eye(n)  # of a frame that is none, where their number is odd
        first, last = rows[:, :n], rows[:, n:]
        first[..., :n] = own[::2]
        last[: frames // 2, :, n : 2 * n] = own[1::2]
        first[: frames // 2, :, n : 2 * n] = following[::2]
        last[: frames // 2, :, :n] = following[::2].mT
        first[: (len(second) + 1) // 2, :, 2 * n : 3 * n] = second[::2]
        last[: len(following) // 2, :, 2 * n : 3 * n] = following[1::2]
        last[: len(second) // 2, :, 3 * n : 4 * n] = second[1::2]
        right = right * free[..., None]
        first[..., 4 * n :] = right[::2]
        last[: frames // 2, :, 4 * n :] = right[1::2]
        return rows


def _damped(matrix: Tensor, damping: float) -> Tensor:
    """Square matrices (..., N, N) with their diagonal raised."""
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    if not diagonal.numel():
        return matrix
    return matrix + torch.diag_embed(damping * diagonal + DAMPING_FLOOR * diagonal.amax())


def _factorised(rows: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Cholesky factors of a block-tridiagonal matrix, and what stands beside them solved forwards.

    Args:
        rows: (P, N, 2 N + R) as `BlockBands._pairs_of_frames` makes them; they are changed.

    Returns:
        (N, N) and (N, N + R) of each row: the coupling with the next row, then the right sides.

    Raises:
        LinAlgError: it is not positive definite.
    """
    n = rows.shape[1]
    factors, solved = [], []
    for i, row in enumerate(rows):
        factors.append(torch.linalg.cholesky(row[:, :n]))
        solved.append(torch.linalg.solve_triangular(factors[-1], row[:, n:], upper=False))
        if i + 1 < len(rows):
            coupled = solved[-1][:, :n].T @ solved[-1]
            rows[i + 1, :, :n] -= coupled[:, :n]
            rows[i + 1, :, 2 * n :] -= coupled[:, n:]
    return factors, solved


def _substituted(factors: list[Tensor], solved: list[Tensor], shared: Tensor) -> Tensor:
    """(P, N, 1) the solution by `_factorised`, whose last right side is that of the frames.

    Args:
        factors: (N, N).
        solved: (N, N + S + 1).
        shared: (S, 1) the solution of the shared variables.
    """
    n = len(factors[0])
    known = torch.cat([torch.zeros(n, 1).to(shared), -shared, torch.ones(1, 1).to(shared)])
    steps = list[Tensor]()
    for factor, beside in zip(factors[::-1], solved[::-1], strict=True):
        steps.append(torch.linalg.solve_triangular(factor.T, beside @ known, upper=True))
        known[:n] = -steps[-1]
    return torch.stack(steps[::-1])
