"""The scalar functions of an OpenSim joint, all in one form: a piecewise polynomial.

Constant, linear, polynomial, piecewise linear and SimmSpline functions are each a polynomial between breaks, so one
vectorised evaluation serves them all, with its exact derivative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.skeleton.multivariate import Partial


@dataclass(frozen=True, eq=False)
class PiecewisePolynomial:
    """y(x) = sum_d coefficients[k, d] * (x - origins[k])^d on piece k, pieces being divided by `breaks`.

    Attributes:
        breaks: (K-1,) ascending; piece k ends at breaks[k].
        origins: (K,) where each piece's polynomial is centred.
        coefficients: (K, D) from the constant upwards.
    """

    breaks: NDArray[np.float64]
    origins: NDArray[np.float64]
    coefficients: NDArray[np.float64]

    @classmethod
    def polynomial(cls, coefficients: list[float]) -> PiecewisePolynomial:
        """One polynomial, coefficients from the constant upwards."""
        return cls(np.empty(0), np.zeros(1), np.array([coefficients], dtype=np.float64))

    @classmethod
    def hermite(
        cls, knots: NDArray[np.float64], values: NDArray[np.float64], slopes: NDArray[np.float64]
    ) -> PiecewisePolynomial:
        """The cubic between each two knots that has these values and slopes; straight lines beyond the ends.

        Exact for any cubic spline, whatever its end conditions (Fritsch & Carlson 1980, eq. 1).
        """
        h = np.diff(knots)
        secant = np.diff(values) / h
        left, right = slopes[:-1], slopes[1:]
        inner = np.stack(
            [values[:-1], left, (3 * secant - 2 * left - right) / h, (left + right - 2 * secant) / h**2], axis=1
        )
        below = [values[0], slopes[0], 0.0, 0.0]
        above = [values[-1], slopes[-1], 0.0, 0.0]
        return cls(knots, np.concatenate([knots[:1], knots]), np.vstack([below, inner, above]))

    @classmethod
    def linear_pieces(cls, knots: NDArray[np.float64], values: NDArray[np.float64]) -> PiecewisePolynomial:
        """Straight lines between knots, the first and the last of them going on beyond the ends."""
        slopes = np.diff(values) / np.diff(knots)
        return cls(knots[1:-1], knots[:-1], np.stack([values[:-1], slopes], axis=1))

    def times(self, factor: float) -> PiecewisePolynomial:
        """This function multiplied by a constant."""
        return PiecewisePolynomial(self.breaks, self.origins, self.coefficients * factor)

    @property
    def is_affine(self) -> bool:
        """Whether it is a + b*x over the whole line."""
        return len(self.breaks) == 0 and not self.coefficients[0, 2:].any() and self.origins[0] == 0

    @property
    def is_constant(self) -> bool:
        """Whether it has the same value everywhere."""
        return self.is_affine and not self.coefficients[0, 1:].any()

    @property
    def is_identity(self) -> bool:
        """Whether it is y = x."""
        return self.is_affine and self.coefficients.shape[1] > 1 and tuple(self.coefficients[0, :2]) == (0.0, 1.0)


class FunctionBank(torch.nn.Module):
    """Many functions of one coordinate each, evaluated at once: y_i = f_i(q[c_i]).

    Affine functions are one matrix product; the others share one padded table. The few functions of several
    coordinates take a row for each of these.
    """

    matrix: Tensor
    constants: Tensor
    nonlinear_inputs: Tensor
    nonlinear_rows: Tensor
    breaks: Tensor
    origins: Tensor
    coefficients: Tensor

    def __init__(self, functions: list[tuple[PiecewisePolynomial | Partial, int]], *, n_inputs: int) -> None:
        """Builds from (function, index of its input) pairs; a constant's input index is ignored."""
        super().__init__()
        self.register_buffer("matrix", torch.zeros(len(functions), n_inputs, dtype=torch.float64))
        self.register_buffer("constants", torch.zeros(len(functions), dtype=torch.float64))
        nonlinear = []
        self.partial_rows: list[tuple[int, Partial]] = []
        for row, (function, column) in enumerate(functions):
            if isinstance(function, Partial):
                self.partial_rows.append((row, function))
            elif function.is_affine:
                self.constants[row] = function.coefficients[0, 0]
                if not function.is_constant:
                    self.matrix[row, column] = function.coefficients[0, 1]
            else:
                nonlinear.append((row, column, function))
        self._pad([f for _, _, f in nonlinear])
        self.register_buffer("nonlinear_rows", torch.tensor([r for r, _, _ in nonlinear], dtype=torch.long))
        self.register_buffer("nonlinear_inputs", torch.tensor([c for _, c, _ in nonlinear], dtype=torch.long))

    def _pad(self, functions: list[PiecewisePolynomial]) -> None:
        """One table for all: absent breaks lie at infinity, absent powers have coefficient 0."""
        pieces = max((len(f.origins) for f in functions), default=1)
        degrees = max((f.coefficients.shape[1] for f in functions), default=2)
        breaks = torch.full((len(functions), pieces - 1), torch.inf, dtype=torch.float64)
        origins = torch.zeros(len(functions), pieces, dtype=torch.float64)
        coefficients = torch.zeros(len(functions), pieces, degrees, dtype=torch.float64)
        for row, f in enumerate(functions):
            breaks[row, : len(f.breaks)] = torch.from_numpy(f.breaks)
            origins[row, : len(f.origins)] = torch.from_numpy(f.origins)
            coefficients[row, : len(f.origins), : f.coefficients.shape[1]] = torch.from_numpy(f.coefficients)
        for name, table in (("breaks", breaks), ("origins", origins), ("coefficients", coefficients)):
            self.register_buffer(name, table)

    def forward(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes.

        Args:
            q: (..., n_inputs).

        Returns:
            y (..., n_functions) and dy/dq of each function's own input, (..., n_functions).
        """
        y = q @ self.matrix.T + self.constants
        slope = self.matrix.sum(-1).expand(y.shape)
        if len(self.nonlinear_rows):
            values, slopes = self._nonlinear(q[..., self.nonlinear_inputs])
            y = y.index_copy(-1, self.nonlinear_rows, values)
            slope = slope.index_copy(-1, self.nonlinear_rows, slopes)
        for row, partial in self.partial_rows:
            value, gradient = partial.function(q[..., partial.inputs])
            index = torch.tensor([row], device=q.device)
            if partial.number == 0:
                y = y.index_copy(-1, index, value[..., None])
            slope = slope.index_copy(-1, index, gradient[..., partial.number, None])
        return y, slope

    def _nonlinear(self, x: Tensor) -> tuple[Tensor, Tensor]:
        piece = (x[..., None] >= self.breaks).sum(-1)
        row = torch.arange(x.shape[-1], device=x.device).expand(piece.shape)
        t = x - self.origins[row, piece]
        c = self.coefficients[row, piece]
        value, slope = torch.zeros_like(t), torch.zeros_like(t)
        for degree in range(c.shape[-1] - 1, -1, -1):  # Horner, value and derivative together
            slope = slope * t + value
            value = value * t + c[..., degree]
        return value, slope
