"""Crops in a synthetic camera's view: boxes with a detector's errors, and points in the crop's samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.perception.crops import BOX_MARGIN, HEIGHT_PX, WIDTH_PX
from biopose.training.synthetic.rasterizer import projected

FloatArray = NDArray[np.float32]

SAMPLES = 2  # of a pixel, along each side
BOX_SHIFT_SD, BOX_SIZE_SD = 0.05, 0.07  # of the box's height; of its logarithm
CUT_SHARE = 0.08  # of crops cut off by an edge of the image
CUT_SIDES = (0.2, 0.15, 0.2, 0.45)  # left, top, right, bottom: legs are cut off most often
KEPT = (0.55, 0.98)
NEAREST_M = 0.2  # nearer points are left out of the box


@dataclass(frozen=True, eq=False)
class Crop:
    """A crop of the camera's view.

    Attributes:
        corner: (2,) x / z and y / z of its upper left corner.
        ray_per_px: x / z per pixel of the crop.
        edges: (4,) left, top, right, bottom of the image that it is cut from, in x / z and y / z; infinite if far.
    """

    corner: FloatArray
    ray_per_px: float
    edges: NDArray[np.float64]

    def points(self, points_m: FloatArray) -> FloatArray:
        """Points (V, 3) in the camera's frame as the rasterizer expects them, in samples of the crop."""
        focal = SAMPLES / self.ray_per_px
        x, y = -self.corner * focal - 0.5
        return projected(points_m, focal_px=(focal, focal), centre_px=(float(x), float(y)))

    def rays(self) -> FloatArray:
        """(256, 192, 3) of its pixels in the camera's frame, z = 1."""
        x = self.corner[0] + self.ray_per_px * (np.arange(WIDTH_PX) + 0.5)
        y = self.corner[1] + self.ray_per_px * (np.arange(HEIGHT_PX) + 0.5)
        return np.stack([*np.meshgrid(x, y), np.ones((HEIGHT_PX, WIDTH_PX))], axis=-1).astype(np.float32)

    def rays_of(self, samples: NDArray[np.floating]) -> NDArray[np.floating]:
        """Points (..., 2) in samples of the crop as x / z and y / z."""
        return self.corner + (samples + 0.5) * (self.ray_per_px / SAMPLES)

    def samples_of(self, rays: NDArray[np.floating]) -> NDArray[np.floating]:
        """Points (..., 2), x / z and y / z, in samples of the crop."""
        return (rays - self.corner) * (SAMPLES / self.ray_per_px) - 0.5

    def is_outside(self) -> NDArray[np.bool_]:
        """(256, 192) whether a pixel lies outside the image."""
        left, top, right, bottom = self.edges
        x, y = self.rays()[..., 0], self.rays()[..., 1]
        outside: NDArray[np.bool_] = (x < left) | (y < top) | (x > right) | (y > bottom)
        return outside


def draw_crop(rng: np.random.Generator, points_m: FloatArray) -> Crop:
    """The crop of a person's vertices (V, 3) in the camera's frame, with a detector's errors."""
    box, edges = _cut(rng, box_of(points_m))
    return crop_about(box, edges, size_error=rng.normal(size=2), shift=rng.normal(size=2))


def crop_about(
    box: NDArray[np.floating],
    edges: NDArray[np.float64],
    *,
    size_error: NDArray[np.floating],
    shift: NDArray[np.floating],
) -> Crop:
    """The crop about a box (4,) with a detector's errors.

    Args:
        box: left, top, right, bottom in x / z and y / z.
        edges: of the image, likewise.
        size_error: (2,) of the logarithm of width and height, in standard deviations.
        shift: (2,) of the centre, in standard deviations.
    """
    size = (box[2:] - box[:2]) * np.exp(BOX_SIZE_SD * size_error) * BOX_MARGIN
    width = max(size[0], size[1] * WIDTH_PX / HEIGHT_PX)
    centre = (box[2:] + box[:2]) / 2 + BOX_SHIFT_SD * (box[3] - box[1]) * shift
    ray_per_px = float(width / WIDTH_PX)
    corner = centre - ray_per_px * np.array([WIDTH_PX, HEIGHT_PX]) / 2
    return Crop(corner.astype(np.float32), ray_per_px, edges)


def box_of(points_m: FloatArray) -> FloatArray:
    """(4,) left, top, right, bottom in x / z and y / z of points (V, 3) in the camera's frame."""
    ahead = points_m[points_m[:, 2] > NEAREST_M]
    xy = ahead[:, :2] / ahead[:, 2:]
    return np.concatenate([xy.min(axis=0), xy.max(axis=0)])


def _cut(rng: np.random.Generator, box: FloatArray) -> tuple[FloatArray, NDArray[np.float64]]:
    """The part of the box inside the image, and the image's edges."""
    edges = np.array([-np.inf, -np.inf, np.inf, np.inf])
    if rng.random() < CUT_SHARE:
        side = rng.choice(4, p=CUT_SIDES)
        kept = rng.uniform(*KEPT)
        axis, is_low = side % 2, side < 2
        length = box[axis + 2] - box[axis]
        edges[side] = box[axis + 2] - kept * length if is_low else box[axis] + kept * length
        box = box.copy()
        box[side] = edges[side]
    return box, edges


def mean_of_samples(image: FloatArray) -> FloatArray:
    """(2 H, 2 W, C) samples to (H, W, C) pixels; a sum of slices is five times faster than a mean over axes."""
    corners = [image[y::SAMPLES, x::SAMPLES] for y in range(SAMPLES) for x in range(SAMPLES)]
    return sum(corners[1:], corners[0]) / np.float32(len(corners))
