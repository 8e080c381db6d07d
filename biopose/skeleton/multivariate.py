"""Functions of a joint's axis that are no piecewise polynomial of one coordinate, with their analytic derivatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# OpenSim's ConstantCurvatureJoint holds each angle within this limit.
MOST_BENT_RAD = np.pi / 2 - 0.01
# It takes the rod as straight where the sine of its bend is outside these limits.
_STRAIGHT_BELOW, _STRAIGHT_ABOVE = 0.001, 0.999


@dataclass(frozen=True, eq=False, kw_only=True)
class CoordinateFunction(ABC):
    """An angle (rad) or displacement (m) as a function of one or more coordinates.

    Attributes:
        factor: multiplies it; the body scales and a reversed joint act here.
    """

    factor: float = 1.0
    is_affine = False
    is_constant = False
    is_identity = False

    def times(self, factor: float) -> Self:
        """This function multiplied by a constant."""
        return replace(self, factor=self.factor * factor)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Value (...) and gradient (..., n) at coordinates (..., n)."""
        value, gradient = self.unscaled(x)
        return self.factor * value, self.factor * gradient

    @abstractmethod
    def unscaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Value and gradient for a factor of 1."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sine(CoordinateFunction):
    """amplitude sin(omega x + phase) + offset, of one coordinate."""

    amplitude: float
    omega: float
    phase: float
    offset: float

    def unscaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `CoordinateFunction`."""
        angle = self.omega * x + self.phase
        return (self.amplitude * torch.sin(angle) + self.offset)[..., 0], self.amplitude * self.omega * torch.cos(angle)


@dataclass(frozen=True, eq=False, kw_only=True)
class MultivariatePolynomial(CoordinateFunction):
    """sum_k coefficients[k] prod_i x_i^powers[k, i].

    Attributes:
        powers: (K, n) whole numbers.
        coefficients: (K,).
    """

    powers: NDArray[np.int64]
    coefficients: NDArray[np.float64]

    def unscaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `CoordinateFunction`."""
        powers, coefficients = torch.from_numpy(self.powers).to(x.device), torch.from_numpy(self.coefficients).to(x)
        monomials = x[..., None, :] ** powers
        value = monomials.prod(-1) @ coefficients
        lowered = powers * x[..., None, :] ** (powers - 1).clamp(min=0)
        slopes = []
        for i in range(x.shape[-1]):
            others = torch.cat([monomials[..., :i], lowered[..., i : i + 1], monomials[..., i + 1 :]], dim=-1)
            slopes.append(others.prod(-1) @ coefficients)
        return value, torch.stack(slopes, dim=-1)


@dataclass(frozen=True, eq=False, kw_only=True)
class EllipsoidSurface(CoordinateFunction):
    """One component of the point of an ellipsoid's surface that body-fixed x-y rotations of its pole point to.

    The point is the radii times the rotated z axis, component by component (Seth et al. 2016, PLoS ONE 11:e0141028).

    Attributes:
        axis: 0, 1 or 2 for x, y or z.
        radius_m: the half axis in that direction.
    """

    axis: int
    radius_m: float

    def unscaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `CoordinateFunction`; x holds the first two angles, radians."""
        (sx, sy), (cx, cy) = torch.sin(x).unbind(-1), torch.cos(x).unbind(-1)
        if self.axis == 0:
            value, gradient = sy, (torch.zeros_like(cy), cy)
        elif self.axis == 1:
            value, gradient = -sx * cy, (-cx * cy, sx * sy)
        else:
            value, gradient = cx * cy, (-sx * cy, -cx * sy)
        return self.radius_m * value, self.radius_m * torch.stack(gradient, dim=-1)


@dataclass(frozen=True, eq=False, kw_only=True)
class CurvedRod(CoordinateFunction):
    """One component of the end of a rod of constant curvature, upright along y at its beginning.

    Its end points along u = (-sin z, cos x cos z, sin x cos z), theta from upright; the chord of its arc is
    (tan(theta/2) u_x, sin theta, tan(theta/2) u_z) length/theta (OpenSim's ConstantCurvatureJoint, Keenon Werling).
    As there, the displacement jumps to a straight rod's where sin theta is below 0.001 (then the gradient is that of
    the bent rod) or above 0.999.

    Attributes:
        axis: 0, 1 or 2 for x, y or z.
        length_m: of the rod.
        neutral_rad: added to the x and z angles.
    """

    axis: int
    length_m: float
    neutral_rad: tuple[float, float]

    def unscaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `CoordinateFunction`; x holds the rotations about x and z, radians."""
        angles = (x + x.new_tensor(self.neutral_rad)).clamp(-MOST_BENT_RAD, MOST_BENT_RAD)
        (sx, sz), (cx, cz) = torch.sin(angles).unbind(-1), torch.cos(angles).unbind(-1)
        o = torch.zeros_like(sx)
        end = torch.stack([-sz, cx * cz, sx * cz], dim=-1)
        slopes = torch.stack([torch.stack([o, -sx * cz, cx * cz], -1), torch.stack([-cz, -cx * sz, -sx * sz], -1)], -1)
        sine_square = end[..., 0] ** 2 + end[..., 2] ** 2
        bent = (sine_square >= _STRAIGHT_BELOW**2) & (sine_square <= _STRAIGHT_ABOVE**2)
        value, gradient = self._bent(end, slopes, torch.where(bent, sine_square, 0.25))
        near_upright = sine_square < _STRAIGHT_BELOW**2
        share = torch.where(near_upright, 0.5 if self.axis != 1 else 0.0, 1.0)
        value = torch.where(bent, value, end[..., self.axis])
        gradient = torch.where(bent[..., None], gradient, share[..., None] * slopes[..., self.axis, :])
        gradient = torch.where(angles.abs() < MOST_BENT_RAD, gradient, 0.0)
        return self.length_m * value, self.length_m * gradient

    def _bent(self, end: Tensor, slopes: Tensor, sine_square: Tensor) -> tuple[Tensor, Tensor]:
        """Value and gradient of a bent rod of unit length."""
        sine = sine_square.sqrt()
        theta, cosine = torch.asin(sine), (1 - sine_square).sqrt()
        d_sine = (end[..., 0, None] * slopes[..., 0, :] + end[..., 2, None] * slopes[..., 2, :]) / sine[..., None]
        d_theta = d_sine / cosine[..., None]
        if self.axis == 1:
            return sine / theta, ((cosine * theta - sine) / theta**2)[..., None] * d_theta
        across = torch.tan(theta / 2) / theta
        d_across = (0.5 / (torch.cos(theta / 2) ** 2 * theta) - across / theta)[..., None] * d_theta
        u, du = end[..., self.axis], slopes[..., self.axis, :]
        return across * u, d_across * u[..., None] + across[..., None] * du


@dataclass(frozen=True, eq=False)
class Partial:
    """What a function of several coordinates contributes to the row of one of them.

    The rows of an axis add up: the first carries the value, each the slope by its own coordinate.

    Attributes:
        function: of all the coordinates.
        inputs: their indices in the skeleton.
        number: which of them this row is for.
    """

    function: CoordinateFunction
    inputs: tuple[int, ...]
    number: int
    is_constant = False

    def times(self, factor: float) -> Partial:
        """This function multiplied by a constant."""
        return replace(self, function=self.function.times(factor))
