"""How surprised a network may be of its own errors: what teaches it standard deviations."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_nll(sd: Tensor, error: Tensor) -> Tensor:
    """Negative log likelihood of normal errors, less a constant: () the mean over all.

    Args:
        sd: (..., 2) claimed standard deviation on each axis across the view, and along it.
        error: (..., 3) in the view, in the same units.
    """
    variance = torch.stack([error[..., :2].square().mean(-1), error[..., 2].square()], dim=-1)
    return (0.5 * variance / sd.square() + sd.log()).mean()
