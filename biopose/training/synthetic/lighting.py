"""Shading of a mesh per vertex: a lamp that casts shadows, a sky, and light reflected by the surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.training.synthetic.rasterizer import Rasterizer

FloatArray = NDArray[np.float32]
ELEVATION_DEG = (15, 85)
LAMP_OVER_SKY, GROUND_REFLECTS = 1.6, (0.25, 0.7)
SHADOW_MAP_PX = 192
SHADOW_BIAS = 0.02  # of the map's width, in depth: less would darken lit skin in specks


@dataclass(frozen=True)
class Light:
    """Light of a scene.

    Attributes:
        towards: (3,) unit vector to the lamp, in the world.
        lamp: (3,) its colour and strength.
        sky: (3,) from above.
        ground: (3,) from below.
    """

    towards: FloatArray
    lamp: FloatArray
    sky: FloatArray
    ground: FloatArray

    @property
    def share_of_lamp(self) -> float:
        """Share of the light on level ground that a full shadow removes, 0 to 1."""
        return float(self.lamp.max() / (self.lamp.max() + self.sky.max()))


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a light: sun, floodlights, halls; from hard to diffuse."""
    elevation, azimuth = np.radians(rng.uniform(*ELEVATION_DEG)), rng.uniform(0, 2 * np.pi)
    level = np.cos(elevation)
    towards = np.array([level * np.cos(azimuth), np.sin(elevation), level * np.sin(azimuth)])
    hardness = rng.beta(1.5, 1.5)
    warm = np.array([1.0 + rng.uniform(-0.1, 0.25), 1.0, 1.0 - rng.uniform(-0.1, 0.25)])
    cool = np.array([1.0 - rng.uniform(-0.1, 0.2), 1.0, 1.0 + rng.uniform(-0.1, 0.2)])
    exposure = np.exp(rng.uniform(np.log(0.7), np.log(1.8)))
    sky = exposure * (1 - 0.75 * hardness) * cool
    parts = (towards, LAMP_OVER_SKY * exposure * hardness * warm, sky, sky * rng.uniform(*GROUND_REFLECTS))
    return Light(*(part.astype(np.float32) for part in parts))


def shaded(
    rasterizer: Rasterizer,
    vertices_m: FloatArray,
    triangles: NDArray[np.int32],
    *,
    colours: FloatArray,
    light: Light,
) -> FloatArray:
    """(V, 3) light reflected by the vertices.

    Args:
        rasterizer: renders the shadow map and computes normals.
        vertices_m: (V, 3) in the world.
        triangles: (F, 3).
        colours: (V, 3) of the surface.
        light: of the scene.
    """
    normals = rasterizer.normals(vertices_m, triangles)
    facing = np.clip(normals @ light.towards, 0.0, 1.0) * _visible_from_lamp(
        rasterizer, vertices_m, triangles, light.towards
    )
    upward = (0.5 + 0.5 * normals[:, 1])[:, None]
    arriving = facing[:, None] * light.lamp + upward * light.sky + (1 - upward) * light.ground
    return (colours * arriving).astype(np.float32)


def _visible_from_lamp(
    rasterizer: Rasterizer, vertices_m: FloatArray, triangles: NDArray[np.int32], towards: FloatArray
) -> FloatArray:
    """(V,) 1 where nothing is between a vertex and the lamp, 0 in shadow; smoothed over a few pixels of the map."""
    local = vertices_m @ _axes_before(towards).T
    low, size = local.min(axis=0), float(np.ptp(local, axis=0).max()) + 1e-6
    unit = (local - low) / size  # 0 to 1; the third is nearness to the lamp
    pixels = unit[:, :2] * (SHADOW_MAP_PX - 1)
    points = np.concatenate([pixels, 1.0 + unit[:, 2:]], axis=1)  # orthographic: nearness is linear already
    nearest = rasterizer.nearness(points, triangles, width_px=SHADOW_MAP_PX, height_px=SHADOW_MAP_PX)
    column, row = np.round(pixels).astype(int).T
    visible = np.zeros(len(vertices_m), dtype=np.float32)
    for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        at = nearest[(row + dy).clip(0, SHADOW_MAP_PX - 1), (column + dx).clip(0, SHADOW_MAP_PX - 1)]
        visible += at <= points[:, 2] + SHADOW_BIAS
    return visible / np.float32(5)


def _axes_before(towards: FloatArray) -> FloatArray:
    """(3, 3) rows: two directions across a unit vector, and itself."""
    side = np.cross(towards, [0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(towards, side), towards]).astype(np.float32)
