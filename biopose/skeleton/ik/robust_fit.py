"""Poses that fit most of a frame's markers, and which markers those are: truncated least squares.

The cost of a marker at distance r is min(r^2 / limit^2, 1), so that what is far off counts the same however far it is,
and the fewest markers are left out. It is minimised by graduated non-convexity (Yang, Antonante, Tzoumas and Carlone
2020, Graduated Non-Convexity for Robust Spatial Perception, IEEE RA-L 5(2), equations 12 to 14): from least squares to
the truncated cost in steps, each a weighted least-squares problem, which needs no start near the solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from biopose.skeleton.ik.least_squares import solve

if TYPE_CHECKING:
    from biopose.skeleton.ik.recording_solver import RecordingSolver

STEP = 1.6  # of the parameter that makes the cost less convex
LAST = 50.0  # where its weights are 0 or 1 but for distances within a hundredth of the limit
NEWTON_STEPS = 3  # of each weighted problem, which the next one goes on from
START_STEPS = 15
NEAR = 1.0  # where the parameter begins for a start that is taken to be near the solution


@dataclass(frozen=True)
class RobustFit:
    """Coordinates (F, Q), whether each marker is beyond its limit (F, M), and the truncated cost (F,)."""

    q: Tensor
    outlying: Tensor
    cost: Tensor


def robust_fit(
    solver: RecordingSolver, frames: Tensor, starts: list[tuple[Tensor, bool]], limit_m: Tensor, trust: Tensor
) -> RobustFit:
    """The best fit of each frame from several starts.

    Args:
        solver: of the recording, whose observations and weights count.
        frames: (F,) indices.
        starts: coordinates (F, Q), and whether they are taken to be near the solution.
        limit_m: (M,) distance from which on a marker does not count.
        trust: (F, M) factors of the markers' weights, which make it cheaper to leave some out.
    """
    starts = [*starts, *_without_distrusted(solver, frames, starts[-1][0], trust)]
    n, repeated = len(starts), frames.repeat(len(starts))
    q = torch.cat([start for start, _ in starts])
    near = torch.tensor([near for _, near in starts], device=q.device).repeat_interleave(len(frames))
    weights = solver.weights[repeated] * trust.repeat(n, 1)
    q = _graduated(solver, repeated, q, near, limit_m, weights)
    ratio = _squared_ratio(solver, q, repeated, limit_m)
    cost = (weights * ratio.clamp(max=1.0)).sum(-1).reshape(n, -1)
    pick = cost.argmin(0) * len(frames) + torch.arange(len(frames), device=q.device)
    return RobustFit(q[pick], ratio[pick] > 1, cost.amin(0))


def _without_distrusted(
    solver: RecordingSolver, frames: Tensor, start: Tensor, trust: Tensor
) -> list[tuple[Tensor, bool]]:
    """The least-squares solution of the markers that are trusted in full, as another start."""
    if bool((trust == 1).all()):
        return []
    weights = solver.weights[frames] * (trust == 1)
    weights = torch.where((weights > 0).sum(-1, keepdim=True) < 3, solver.weights[frames], weights)
    sums = solver.sums(frames, weights)
    return [(solve(solver.problem, start, sums, max_iterations=START_STEPS, damping=1e-3, near=False).q, True)]


def _graduated(
    solver: RecordingSolver, frames: Tensor, q: Tensor, near: Tensor, limit_m: Tensor, given: Tensor
) -> Tensor:
    ratio = _squared_ratio(solver, q, frames, limit_m)
    worst = ratio.amax(-1)
    mu = torch.where(near, NEAR, 1 / (2 * worst - 1).clamp(min=1 / NEAR))[:, None]
    while bool((mu < LAST).any()):
        weights = given * _weights(ratio, mu)
        short = (weights > 0.5 * given).sum(-1) < 3  # as after a start far off: least squares once more
        weights[short] = given[short]
        q = solve(
            solver.problem, q, solver.sums(frames, weights), max_iterations=NEWTON_STEPS, damping=1e-3, near=False
        ).q
        ratio = _squared_ratio(solver, q, frames, limit_m)
        mu = mu * STEP
    return q


def _weights(ratio: Tensor, mu: Tensor) -> Tensor:
    between = (mu * (mu + 1) / ratio.clamp(min=1e-12)).sqrt() - mu
    return torch.where(ratio >= (mu + 1) / mu, 0.0, torch.where(ratio <= mu / (mu + 1), 1.0, between))


def _squared_ratio(solver: RecordingSolver, q: Tensor, frames: Tensor, limit_m: Tensor) -> Tensor:
    """(F, M) squared distance over the squared limit; 0 where a marker is missing or does not count."""
    squares = solver.residuals(q, frames).square().sum(-1) / limit_m.square()
    return torch.where(solver.weights[frames] > 0, squares.nan_to_num(), 0.0)
