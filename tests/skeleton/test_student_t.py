"""The robust loss is a log density, and its weight the loss's derivative."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_t

from biopose.skeleton.student_t import student_t_loss, student_t_weight


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_loss_is_the_negative_log_density_of_the_multivariate_distribution(dimension: int) -> None:
    density = multivariate_t(np.zeros(dimension), np.eye(dimension), df=4.0)
    errors = 5.0 * np.random.default_rng(0).normal(size=(20, dimension))
    loss = student_t_loss(torch.from_numpy((errors**2).sum(-1)), degrees_of_freedom=4.0, dimension=dimension)
    expected = density.logpdf(np.zeros(dimension)) - density.logpdf(errors)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-9, atol=1e-12)


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
