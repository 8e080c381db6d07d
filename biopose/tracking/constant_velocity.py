"""Points that move on at a constant velocity but for random accelerations: a Kalman filter in continuous time.

The model is that of white-noise acceleration (Bar-Shalom, Li & Kirubarajan 2001, section 6.2). Everything is in
seconds, so frames that come unevenly, or eight times as often, lead to the same estimates. All axes of a point share
one variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ConstantVelocity:
    """An estimate of moving points.

    Attributes:
        position: (..., D) in any unit of length.
        velocity: (..., D) per second.
        position_variance: (...) of each axis.
        covariance: (...) of position and velocity.
        velocity_variance: (...).
    """

    position: Array
    velocity: Array
    position_variance: Array
    covariance: Array
    velocity_variance: Array

    @classmethod
    def at_rest(cls, position: Array, *, position_variance: Array, velocity_variance: Array) -> ConstantVelocity:
        """An estimate from one observation of the points (..., D): their position, at an unknown velocity."""
        nothing = np.zeros_like(position_variance)
        return cls(position, np.zeros_like(position), position_variance, nothing, velocity_variance)

    def after(self, dt_s: float, *, diffusion: Array | float) -> ConstantVelocity:
        """The estimate dt_s later.

        Args:
            dt_s: seconds.
            diffusion: (...) by how much the variance of the velocity grows in a second.
        """
        return ConstantVelocity(
            self.position + self.velocity * dt_s,
            self.velocity,
            self.position_variance
            + 2 * dt_s * self.covariance
            + dt_s**2 * self.velocity_variance
            + diffusion * dt_s**3 / 3,
            self.covariance + dt_s * self.velocity_variance + diffusion * dt_s**2 / 2,
            self.velocity_variance + diffusion * dt_s,
        )

    def corrected(self, measured: Array, *, variance: Array | float) -> ConstantVelocity:
        """The estimate after measuring the points (..., D) with a variance (...); infinity leaves it as it was."""
        total = self.position_variance + variance
        gain, velocity_gain = self.position_variance / total, self.covariance / total
        innovation = measured - self.position
        return ConstantVelocity(
            self.position + gain[..., None] * innovation,
            self.velocity + velocity_gain[..., None] * innovation,
            (1 - gain) * self.position_variance,
            (1 - gain) * self.covariance,
            self.velocity_variance - velocity_gain * self.covariance,
        )
