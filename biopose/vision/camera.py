"""A pinhole camera with lens distortion: rays of pixels, pixels of points.

The camera's frame is OpenCV's: x to the right, y down, z forward. Distortion is Brown's (Brown 1966; the five
coefficients of OpenCV): k1, k2, p1, p2, k3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

UNDISTORTING_STEPS = 20
NEAREST_M = 0.05  # points nearer than this, or behind the camera, are projected as if they were this far


@dataclass(frozen=True)
class Camera:
    """Intrinsics of an upright picture.

    Attributes:
        width_px: of the picture.
        height_px: of the picture.
        focal_px: (x, y).
        centre_px: principal point (x, y).
        distortion: k1, k2, p1, p2, k3.
        focal_sd: standard deviation of the logarithm of the focal length: 0 where it was given.
        source: where the focal length comes from.
    """

    width_px: int
    height_px: int
    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    focal_sd: float = 0.0
    source: Literal["given", "metadata", "estimate"] = "given"

    def project(self, p_camera: Tensor) -> Tensor:
        """Pixels (..., 2) of points (..., 3) in the camera's frame, metres."""
        xy = p_camera[..., :2] / p_camera[..., 2:].clamp(min=NEAREST_M)
        return self._distort(xy) * xy.new_tensor(self.focal_px) + xy.new_tensor(self.centre_px)

    def rays(self, pixels: Tensor) -> Tensor:
        """x / z and y / z (..., 2) of what is seen at pixels (..., 2), distortion undone."""
        distorted = (pixels - pixels.new_tensor(self.centre_px)) / pixels.new_tensor(self.focal_px)
        if not any(self.distortion):
            return distorted
        xy = distorted
        for _ in range(UNDISTORTING_STEPS):
            xy = xy + distorted - self._distort(xy)
        return xy

    def _distort(self, xy: Tensor) -> Tensor:
        if not any(self.distortion):
            return xy
        k1, k2, p1, p2, k3 = self.distortion
        x, y = xy.unbind(-1)
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        dx = 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        dy = p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return torch.stack([x * radial + dx, y * radial + dy], dim=-1)
