"""What is least surprised is who claims the errors that there are."""

import torch

from biopose.training.gaussian_nll import gaussian_nll


def test_the_true_standard_deviation_surprises_least() -> None:
    error = 0.05 * torch.randn(4000, 26, 3, generator=torch.Generator().manual_seed(0))
    found = [float(gaussian_nll(torch.full((4000, 26, 2), sd), error)) for sd in (0.02, 0.05, 0.12)]
    assert found[1] == min(found)


def test_each_direction_is_judged_by_its_own() -> None:
    error = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.02, 0.02, 0.1])
    right = gaussian_nll(torch.tensor([0.02, 0.1]).expand(4000, 2), error)
    exchanged = gaussian_nll(torch.tensor([0.1, 0.02]).expand(4000, 2), error)
    assert right < exchanged
