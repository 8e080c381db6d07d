"""The loss that trains standard deviations: the Gaussian negative log-likelihood of a prediction's own errors."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_nll(log_sd: Tensor, squared_error: Tensor) -> Tensor:
    """Negative log-likelihood of normally distributed errors, without its constant log(2 pi) / 2: () the mean.

    Args:
        log_sd: (...) natural logarithm of the predicted standard deviations.
        squared_error: (...) in the square of the same unit. Detach it where it is to train the standard deviations
            alone.
    """
    return (0.5 * squared_error * (-2 * log_sd).exp() + log_sd).mean()


def mean_squares_in_view(error: Tensor) -> Tensor:
    """(..., 2) squared errors of (..., 3) in the view: the mean of both axes across the line of sight, and along it."""
    return torch.stack([error[..., :2].square().mean(-1), error[..., 2].square()], dim=-1)
