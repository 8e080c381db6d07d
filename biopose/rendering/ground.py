"""The ground of the world, y = 0: where a camera's pixels meet it, and its grid drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.camera.pinhole import Camera

FloatArray = NDArray[np.float64]

GRID_M = 0.5
LINE_PX = 0.8
SKY, GROUND, LINES = (246, 248, 250), (226, 230, 233), (176, 184, 190)
SHADOW = 0.5  # how dark the ground is under the middle of a body
SHADOW_STEP = 4  # a body's shadow is computed from every fourth vertex
SHADOW_REACH = 4.0  # standard deviations: beyond these it darkens by less than a step of brightness
COARSE_PX = 8  # distance of the pixels at which is looked where the shadow lies
LEAST_SLOPE = 1e-3  # downwards, of the rays in a row of pixels that belongs to the ground


def world_rays(camera: Camera, R_camera_world: FloatArray) -> FloatArray:
    """(H, W, 3) direction in the world of each pixel's ray, of depth 1 in the camera's frame, distortion undone."""
    columns, rows = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
    slopes = camera.rays(torch.from_numpy(np.stack([columns, rows], axis=-1).astype(np.float64))).numpy()
    rays: FloatArray = np.concatenate([slopes, np.ones_like(slopes[..., :1])], axis=-1) @ R_camera_world
    return rays


def distance_to_ground(rays: FloatArray, *, height_m: float) -> FloatArray:
    """(...) how many lengths of each ray (..., 3) lie between a camera at a height and the ground; inf: it misses."""
    with np.errstate(divide="ignore"):
        return np.where(rays[..., 1] < 0, -height_m / rays[..., 1], np.inf)


def distance_to_line(positions: NDArray[np.floating]) -> NDArray[np.floating]:
    """How far each coordinate is from the nearest line of a grid, in units of the grid's spacing."""
    distance: NDArray[np.floating] = np.abs(positions - np.rint(positions))
    return distance


class GroundGrid:
    """Sky and ground with a grid of lines, for a camera that moves at a constant height without rotating."""

    def __init__(self, camera: Camera, R_camera_world: FloatArray, *, height_m: float) -> None:
        """Find where the pixels meet the ground: they keep their offset from the camera.

        Args:
            camera: intrinsics.
            R_camera_world: (3, 3).
            height_m: of the camera above the ground.
        """
        rays = world_rays(camera, R_camera_world)
        self._rows = np.flatnonzero((rays[..., 1] < -LEAST_SLOPE).all(axis=1))  # down to the last
        rays = rays[self._rows]
        hits_m = rays[..., [0, 2]] * distance_to_ground(rays, height_m=height_m)[..., None]
        hits = (hits_m / GRID_M).astype(np.float32)
        across, along = np.gradient(hits, axis=1), np.gradient(hits, axis=0)
        pixel = np.maximum(np.hypot(across, along), 1e-6)
        # Two planes, of x and of z: (2, h, w).
        self._hits, per_unit = (np.ascontiguousarray(planes.transpose(2, 0, 1)) for planes in (hits, 1 / pixel))
        self._px_per_unit = per_unit
        self._contrast = np.clip(0.35 * per_unit, 0.0, 1.0)
        self._empty = np.full((camera.height_px, camera.width_px, 3), SKY, dtype=np.uint8)

    def draw(self, camera_m: NDArray[np.float32], vertices_m: Sequence[NDArray[np.float32]]) -> NDArray[np.uint8]:
        """The image (H, W, 3), darker under each body (V, 3): as wide as it is spread over the ground.

        Args:
            camera_m: (3,) position in the world.
            vertices_m: in the world.
        """
        positions = self._hits + (camera_m[[0, 2]] / np.float32(GRID_M)).astype(np.float32)[:, None, None]
        line = self._lines(positions)
        light = np.ones_like(line)
        for vertices in vertices_m:
            level = vertices[::SHADOW_STEP, [0, 2]] / np.float32(GRID_M)
            _darken(light, positions, level.mean(axis=0), level.std(axis=0) + np.float32(1e-3))
        pixels = self._empty.copy()
        below_horizon = pixels[len(pixels) - len(self._rows) :]
        for channel, (ground, lines) in enumerate(zip(GROUND, LINES, strict=True)):
            shade = line * np.float32(lines - ground)
            shade += np.float32(ground)
            shade *= light
            below_horizon[..., channel] = shade
        return pixels

    def _lines(self, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w) how much of each pixel is covered by lines, 0 to 1, less where pixels do not resolve them."""
        cover = np.rint(positions)
        cover -= positions
        np.abs(cover, out=cover)
        cover *= self._px_per_unit
        np.subtract(np.float32(LINE_PX + 0.5), cover, out=cover)
        np.clip(cover, 0.0, 1.0, out=cover)
        cover *= self._contrast
        greatest: NDArray[np.float32] = np.maximum(cover[0], cover[1])
        return greatest


def _darken(
    light: NDArray[np.float32],
    positions: NDArray[np.float32],
    middle: NDArray[np.float32],
    spread: NDArray[np.float32],
) -> None:
    """Multiply light (h, w) by a body's shadow, in place, where it darkens at all; positions are (2, h, w)."""
    step = COARSE_PX
    coarse = (positions[:, ::step, ::step] - middle[:, None, None]) / spread[:, None, None]
    rows, columns = np.nonzero((coarse**2).sum(axis=0) < SHADOW_REACH**2)
    if not len(rows):
        return
    part = (
        slice(max(0, step * (rows.min() - 1)), step * (rows.max() + 1) + 1),
        slice(max(0, step * (columns.min() - 1)), step * (columns.max() + 1) + 1),
    )
    offset = (positions[:, *part] - middle[:, None, None]) / spread[:, None, None]
    offset *= offset
    light[part] *= 1 - np.float32(SHADOW) * np.exp(-0.5 * (offset[0] + offset[1]))
