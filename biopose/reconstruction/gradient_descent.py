"""Gradient descent with steps that are adapted to each number (Adam; Kingma & Ba 2015) and end small.

torch.optim is not used here: its first optimiser loads torch's compiler and SymPy, which takes longer than a descent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

BETAS = (0.9, 0.98)
EPSILON = 1e-8
LAST_STEP = 0.05  # as a fraction of the first; between them a cosine


class Adam:
    """Descends on some variables, in place.

    Args:
        variables: leaves that need gradients, each with the size of its first step.
        iterations: how often it will step.
        step: a factor on all sizes.
    """

    def __init__(self, variables: Sequence[tuple[Tensor, float]], *, iterations: int, step: float = 1.0) -> None:
        self._variables, self._sizes = zip(*variables, strict=True)
        self._means = [torch.zeros_like(variable) for variable in self._variables]
        self._squares = [torch.zeros_like(variable) for variable in self._variables]
        self._iterations, self._step = iterations, step
        self._done = 0

    def descend(self, energy: Tensor) -> None:
        """Take the next step down the gradient of an energy (); a variable that it does not depend on stays."""
        gradients = torch.autograd.grad(energy, self._variables, allow_unused=True)
        share = LAST_STEP + (1 - LAST_STEP) * 0.5 * (1 + np.cos(np.pi * self._done / self._iterations))
        self._done += 1
        first, second = (1 - beta**self._done for beta in BETAS)
        with torch.no_grad():
            for variable, size, gradient, mean, square in zip(
                self._variables, self._sizes, gradients, self._means, self._squares, strict=True
            ):
                if gradient is None:
                    continue
                mean.lerp_(gradient, 1 - BETAS[0])
                square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
                scale = (square / second).sqrt_().add_(EPSILON)
                variable.addcdiv_(mean, scale, value=-size * share * self._step / first)
