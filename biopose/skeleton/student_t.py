"""Robust loss: the negative log density of the multivariate Student t distribution.

Errors far outside their standard deviation count ever less, so a few wrong measurements bias an estimate little (Lange,
Little & Taylor 1989, Robust statistical modeling using the t distribution, JASA 84:881).
"""

from __future__ import annotations

import torch
from torch import Tensor


def student_t_loss(squared: Tensor, *, degrees_of_freedom: float, dimension: int) -> Tensor:
    """Negative log density up to a constant, 0 for no error.

    Args:
        squared: (...) squared length of errors in standard deviations.
        degrees_of_freedom: of the distribution.
        dimension: of the errors.
    """
    return 0.5 * (degrees_of_freedom + dimension) * torch.log1p(squared / degrees_of_freedom)


def student_t_weight(squared: Tensor, *, degrees_of_freedom: float, dimension: int) -> Tensor:
    """Weight of errors in iteratively reweighted least squares: twice the derivative of the loss by `squared`."""
    return (degrees_of_freedom + dimension) / (degrees_of_freedom + squared)
