"""A pinhole camera with lens distortion: rays of pixels, pixels of points.

The camera's frame is OpenCV's: x to the right, y down, z forward. Distortion is Brown's (Brown 1966; the five
coefficients of OpenCV): k1, k2, p1, p2, k3. The centre of the first pixel is (0, 0).

Brown's polynomial is a fit: beyond some distance from the axis it folds back, and one pixel would have two
directions. A camera whose image reaches that distance is refused. A point outside of it, which no such image
shows, is projected as if it lay at that distance in the same direction: outside the image, never back into it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

UNDISTORTING_STEPS = 12  # of Newton's method, which then has converged to rounding for every camera that is accepted
UNDISTORTED_TO = 1e-5  # how near to its pixel a ray must come back, in focal lengths (single precision at the corners)
NEAREST_M = 0.05  # points nearer than this, or behind the camera, are projected as if they were this far


@dataclass(frozen=True)
class Camera:
    """Intrinsics of an upright image.

    Attributes:
        width_px: of the image.
        height_px: of the image.
        focal_px: (x, y).
        centre_px: principal point (x, y).
        distortion: k1, k2, p1, p2, k3.
        focal_sd: standard deviation of the logarithm of the focal length: 0 where it was given.
        source: where the focal length comes from.

    Raises:
        ValueError: a size or focal length that is not positive, a number that is not finite, or a distortion that
            folds within the image.
    """

    width_px: int
    height_px: int
    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    focal_sd: float = 0.0
    source: Literal["given", "metadata", "estimate"] = "given"

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise ValueError(f"an image of {self.width_px} x {self.height_px} pixels; both must be positive")
        if not all(math.isfinite(f) and f > 0 for f in self.focal_px):
            raise ValueError(f"focal length {self.focal_px} pixels; both must be positive")
        if len(self.distortion) != 5 or not all(map(math.isfinite, (*self.centre_px, *self.distortion))):
            raise ValueError(f"principal point {self.centre_px}, distortion {self.distortion}: 2 and 5 finite numbers")
        if not (math.isfinite(self.focal_sd) and self.focal_sd >= 0):
            raise ValueError(f"focal_sd {self.focal_sd}; it must be 0 or more")
        if any(self.distortion) and self._undistorted(self._border())[1].any():
            raise ValueError(
                f"lens distortion {self.distortion} cannot be undone in {self.width_px} x {self.height_px} pixels "
                f"at a focal length of {self.focal_px[0]:.0f} pixels: its polynomial folds back within the image"
            )

    def with_focal(self, focal_px: float) -> Camera:
        """The same camera with another horizontal focal length; the pixels keep their shape."""
        return replace(self, focal_px=(focal_px, focal_px * self.focal_px[1] / self.focal_px[0]))

    @property
    def field_of_view_deg(self) -> tuple[float, float]:
        """Horizontal and vertical angle between the image's edges, through the principal point, distortion undone."""
        (cx, cy), right, bottom = self.centre_px, self.width_px - 0.5, self.height_px - 0.5
        edges = torch.tensor([[-0.5, cy], [right, cy], [cx, -0.5], [cx, bottom]], dtype=torch.float64)
        left_right, top_bottom = torch.rad2deg(torch.atan(self.rays(edges))).split(2)
        return float(left_right[1, 0] - left_right[0, 0]), float(top_bottom[1, 1] - top_bottom[0, 1])

    def project(self, p_camera: Tensor) -> Tensor:
        """Pixels (..., 2) of points (..., 3) in the camera's frame, metres."""
        xy = p_camera[..., :2] / p_camera[..., 2:].clamp(min=NEAREST_M)
        return self._distort(xy) * xy.new_tensor(self.focal_px) + xy.new_tensor(self.centre_px)

    def rays(self, pixels: Tensor) -> Tensor:
        """Directions x / z and y / z (..., 2) of pixels (..., 2), distortion undone.

        For a pixel so far outside the image that the distortion reaches it from no direction, the last one there is.
        """
        distorted = (pixels - pixels.new_tensor(self.centre_px)) / pixels.new_tensor(self.focal_px)
        if not any(self.distortion):
            return distorted
        xy, failed = self._undistorted(distorted)
        # One more step outside no_grad: its derivative by the pixels is the inverse map's.
        exact = xy - self._newton_step(xy, distorted)
        last = distorted / distorted.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt() * min(self._fold, 1e6)
        return torch.where(failed, last, exact)

    @torch.no_grad()
    def _undistorted(self, distorted: Tensor) -> tuple[Tensor, Tensor]:
        """Newton's solution (..., 2), and where there is none (..., 1)."""
        xy = distorted.clone()
        for _ in range(UNDISTORTING_STEPS):
            xy = self._within_fold(xy - self._newton_step(xy, distorted))
        # Not "less": NaN (a keypoint that was not found) passes through.
        off = (self._distort(xy) - distorted).abs() > UNDISTORTED_TO * distorted.abs().clamp(min=1.0)
        return xy, off.any(-1, keepdim=True)

    def _newton_step(self, xy: Tensor, distorted: Tensor) -> Tensor:
        _, _, p1, p2, _ = self.distortion
        x, y = xy.unbind(-1)
        radial, slope = self._radial(x * x + y * y)
        dxdx = radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
        dydy = radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
        dxdy = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
        error = self._distort(xy) - distorted
        ex, ey = error.unbind(-1)
        determinant = dxdx * dydy - dxdy * dxdy
        # At the fold the determinant is zero: a bounded step there, away from it Newton's.
        determinant = torch.where(determinant.abs() < 1e-6, torch.full_like(determinant, 1e-6), determinant)
        return torch.stack([dydy * ex - dxdy * ey, dxdx * ey - dxdy * ex], dim=-1) / determinant.unsqueeze(-1)

    def _distort(self, xy: Tensor) -> Tensor:
        if not any(self.distortion):
            return xy
        _, _, p1, p2, _ = self.distortion
        x, y = self._within_fold(xy).unbind(-1)
        r2 = x * x + y * y
        radial, _ = self._radial(r2)
        dx = 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        dy = p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return torch.stack([x * radial + dx, y * radial + dy], dim=-1)

    def _radial(self, r2: Tensor) -> tuple[Tensor, Tensor]:
        """The radial factor at a squared distance from the axis, and its derivative by that square."""
        k1, k2, _, _, k3 = self.distortion
        return 1 + r2 * (k1 + r2 * (k2 + r2 * k3)), k1 + r2 * (2 * k2 + r2 * 3 * k3)

    def _within_fold(self, xy: Tensor) -> Tensor:
        if math.isinf(self._fold):
            return xy
        # A floor under the norm keeps the gradient on the axis finite.
        return xy * (self._fold / xy.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()).clamp(max=1.0)

    @cached_property
    def _fold(self) -> float:
        """Distance from the axis (in x / z) at which the distorted distance stops growing; inf where it never does."""
        k1, k2, _, _, k3 = self.distortion
        roots = np.roots([7 * k3, 5 * k2, 3 * k1, 1.0])
        squares = [root.real for root in roots if abs(root.imag) < 1e-9 * abs(root) and root.real > 0]
        return math.sqrt(min(squares)) if squares else math.inf

    def _border(self) -> Tensor:
        """Distorted x / z and y / z (64, 2) around the image's edge."""
        along = torch.linspace(0, 1, 17, dtype=torch.float64)[:-1]
        zero, one = torch.zeros_like(along), torch.ones_like(along)
        square = torch.cat(
            [torch.stack(side, -1) for side in ((along, zero), (one, along), (1 - along, one), (zero, 1 - along))]
        )
        pixels = square * torch.tensor([self.width_px, self.height_px], dtype=torch.float64) - 0.5
        return (pixels - torch.tensor(self.centre_px)) / torch.tensor(self.focal_px)
