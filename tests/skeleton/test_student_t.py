"""The robust loss is a log density, and its weight the loss's derivative."""

import pytest
import torch

from biopose.skeleton.student_t import student_t_loss, student_t_weight


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_loss_is_the_negative_log_density(dimension: int) -> None:
    nu, x = 4.0, torch.linspace(0.0, 30.0, 7, dtype=torch.float64)
    density = torch.distributions.StudentT(nu, 0.0, 1.0)
    loss = student_t_loss(x.square(), degrees_of_freedom=nu, dimension=dimension)
    if dimension == 1:
        torch.testing.assert_close(loss, density.log_prob(torch.zeros(1).double()) - density.log_prob(x))
    # Far outside, the density falls by the power nu + dimension of the distance.
    far = student_t_loss(torch.tensor([1e8, 4e8]).double(), degrees_of_freedom=nu, dimension=dimension)
    assert float(far.diff()) == pytest.approx((nu + dimension) * torch.tensor(2.0).log().item(), rel=1e-6)


def test_the_weight_is_twice_the_derivative_of_the_loss() -> None:
    squared = torch.tensor([0.0, 0.5, 3.0, 100.0], dtype=torch.float64, requires_grad=True)
    for dimension in (1, 2, 3):
        (slope,) = torch.autograd.grad(
            student_t_loss(squared, degrees_of_freedom=4.0, dimension=dimension).sum(), squared
        )
        weight = student_t_weight(squared.detach(), degrees_of_freedom=4.0, dimension=dimension)
        torch.testing.assert_close(weight, 2 * slope)


def test_one_outlier_costs_less_than_its_share_of_many_small_errors() -> None:
    small, far = (student_t_loss(torch.tensor(s), degrees_of_freedom=4.0, dimension=1) for s in (0.01, 1e4))
    assert small == pytest.approx(0.5 * 5 / 4 * 0.01, rel=0.01)  # nearly a square
    assert far < 0.01 * 0.5 * 1e4
