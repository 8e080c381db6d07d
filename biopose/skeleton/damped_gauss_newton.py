"""Damped Gauss-Newton iteration (Levenberg 1944; Marquardt 1963) of one problem or of many independent ones at once.

    best = minimise(start, steps=12)

An iterate knows its cost and its linearisation; the driver holds what is common to all problems: the schedule of the
damping, the acceptance of steps and the stopping.
"""

from __future__ import annotations

from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

FIRST_DAMPING, MOST_DAMPING = 1e-3, 1e4
DAMPING_DECREASE, DAMPING_INCREASE = 0.2, 6.0
FTOL = 1e-4  # relative fall of the cost
ROUNDING = 10.0  # differences of the cost below as many times its precision count as none


class Iterate(Protocol):
    """A point of B independent least-squares problems."""

    @property
    def cost(self) -> Tensor:
        """(B,)."""
        ...

    def moved(self, damping: Tensor) -> Self:
        """Where a step with damping (B,) of the normal matrix's diagonal leads; the cost is NaN where none exists."""
        ...

    def where(self, better: Tensor, other: Self) -> Self:
        """Other's problems where better (B,), these elsewhere."""
        ...


At = TypeVar("At", bound=Iterate)


def minimise(start: At, *, steps: int, ftol: float = FTOL, first_damping: float = FIRST_DAMPING) -> At:
    """Take steps that lower the cost until it settles, each problem by itself.

    Args:
        start: the first iterate.
        steps: accepted ones, at most.
        ftol: relative fall of the cost in a step, at which a problem has converged.
        first_damping: 0 begins with plain Gauss-Newton steps.
    """
    at = start
    damping = torch.full_like(at.cost, first_damping)
    taken = torch.zeros_like(at.cost)
    active = torch.full_like(at.cost, steps > 0, dtype=torch.bool)
    rounding = ROUNDING * torch.finfo(at.cost.dtype).eps
    while active.any():
        new = at.moved(damping)
        fall = at.cost - new.cost
        better = active & (fall > 0)  # false for NaN
        settled = (better & (fall <= ftol * new.cost.abs())) | (fall.abs() <= rounding * at.cost.abs())
        at = at.where(better, new)
        damping = torch.where(better, damping * DAMPING_DECREASE, (damping * DAMPING_INCREASE).clamp(min=FIRST_DAMPING))
        taken += better
        active &= ~settled & (taken < steps) & (damping < MOST_DAMPING)
    return at
