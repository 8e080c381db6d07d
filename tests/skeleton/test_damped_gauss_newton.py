"""The driver of damped Gauss-Newton: it finds minima, each problem of a batch by itself, and bears steps that fail."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from biopose.skeleton.damped_gauss_newton import minimise


@dataclass(frozen=True)
class Rosenbrock:
    """Rosenbrock's valley from B starts: residuals 10 (y - x^2) and 1 - x, minimum 0 at (1, 1)."""

    at: Tensor
    undefined_below: float = -torch.inf

    @property
    def residuals(self) -> Tensor:
        x, y = self.at.unbind(-1)
        return torch.where(x[:, None] < self.undefined_below, torch.nan, torch.stack([10 * (y - x**2), 1 - x], -1))

    @property
    def cost(self) -> Tensor:
        return self.residuals.square().sum(-1)

    def moved(self, damping: Tensor) -> Rosenbrock:
        x = self.at[:, 0]
        zero, one = torch.zeros_like(x), torch.ones_like(x)
        J = torch.stack([torch.stack([-20 * x, 10 * one], -1), torch.stack([-one, zero], -1)], -2)
        normal = J.mT @ J
        normal = normal + torch.diag_embed(damping[:, None] * normal.diagonal(dim1=-2, dim2=-1))
        step = -torch.linalg.solve(normal, (J.mT @ self.residuals[..., None])[..., 0])
        return Rosenbrock(self.at + step, self.undefined_below)

    def where(self, better: Tensor, other: Rosenbrock) -> Rosenbrock:
        return Rosenbrock(torch.where(better[:, None], other.at, self.at), self.undefined_below)


STARTS = torch.tensor([[-1.2, 1.0], [3.0, -2.0], [1.0, 1.0], [0.0, 5.0]], dtype=torch.float64)


def test_the_minimum_is_found_from_every_start() -> None:
    found = minimise(Rosenbrock(STARTS), steps=200, ftol=1e-12)
    torch.testing.assert_close(found.at, torch.ones(4, 2, dtype=torch.float64), atol=1e-5, rtol=0)


def test_problems_of_a_batch_do_not_change_each_other() -> None:
    together = minimise(Rosenbrock(STARTS), steps=5)
    for number, start in enumerate(STARTS):
        torch.testing.assert_close(minimise(Rosenbrock(start[None]), steps=5).at[0], together.at[number])


def test_no_step_raises_the_cost() -> None:
    costs = [minimise(Rosenbrock(STARTS), steps=steps).cost for steps in range(8)]
    for before, after in pairwise(costs):
        assert (after <= before).all()


def test_a_step_into_the_undefined_is_damped_until_it_is_defined() -> None:
    start = Rosenbrock(torch.tensor([[3.0, -2.0]], dtype=torch.float64), undefined_below=0.5)
    found = minimise(start, steps=200, ftol=1e-12)
    torch.testing.assert_close(found.at, torch.ones(1, 2, dtype=torch.float64), atol=1e-5, rtol=0)


def test_without_steps_the_start_stays() -> None:
    torch.testing.assert_close(minimise(Rosenbrock(STARTS), steps=0).at, STARTS)
