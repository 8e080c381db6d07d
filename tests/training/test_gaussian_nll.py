"""The Gaussian negative log-likelihood is least for the true standard deviation."""

import math

import torch

from biopose.training.gaussian_nll import gaussian_nll, mean_squares_in_view


def test_it_is_least_for_the_true_standard_deviation() -> None:
    error = 0.05 * torch.randn(4000, 26, generator=torch.Generator().manual_seed(0))
    found = [float(gaussian_nll(torch.full((4000, 26), math.log(sd)), error.square())) for sd in (0.02, 0.05, 0.12)]
    assert found[1] == min(found)


def test_across_and_along_the_line_of_sight_have_standard_deviations_of_their_own() -> None:
    error = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.02, 0.02, 0.1])
    squares = mean_squares_in_view(error)
    right = gaussian_nll(torch.tensor([0.02, 0.1]).log().expand(4000, 2), squares)
    exchanged = gaussian_nll(torch.tensor([0.1, 0.02]).log().expand(4000, 2), squares)
    assert right < exchanged


def test_it_is_the_log_density_of_torch_without_its_constant() -> None:
    generator = torch.Generator().manual_seed(0)
    log_sd, error = torch.randn(7, generator=generator), torch.randn(7, generator=generator)
    density = torch.distributions.Normal(torch.zeros(7), log_sd.exp()).log_prob(error).mean()
    torch.testing.assert_close(gaussian_nll(log_sd, error.square()), -density - 0.5 * math.log(2 * math.pi))
