"""Synthetic backgrounds: halls, pitches, streets and clutter, composed of planes, noise and blocks.

A background is rendered in the crop's own pixels. Ground and walls are planes in perspective, since lines that converge
show a network where the ground is, as they do in real video.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from biopose.training.synthetic.clothing import draw_colour

FloatArray = NDArray[np.float32]
ROOM_SHARE, LINED_SHARE = 0.75, 0.5
NEAREST_WALL_M, FARTHEST_WALL_M = 1.0, 40.0


def draw_backdrop(
    rng: np.random.Generator, rays: FloatArray, R_world_camera: NDArray[np.floating], *, camera_height_m: float
) -> FloatArray:
    """A background (H, W, 3) in linear light.

    Args:
        rng: drawn from.
        rays: (H, W, 3) of the pixels in the camera's frame, z = 1.
        R_world_camera: (3, 3); the world's y is up.
        camera_height_m: over the ground.
    """
    shape = rays.shape[:2]
    if rng.random() < ROOM_SHARE:
        image = _room(rng, rays @ R_world_camera.T.astype(np.float32), camera_height_m)
    else:
        image = _mixed(rng, shape)
    for _ in range(rng.poisson(3.0)):
        _block(rng, image)
    if rng.random() < 0.3:
        image = gaussian_filter(image, (*[rng.uniform(0.5, 4.0)] * 2, 0))
    return np.maximum(image, 0.0)


def _room(rng: np.random.Generator, directions: FloatArray, camera_height_m: float) -> FloatArray:
    """Ground and a wall or the sky, along rays in the world from a camera at this height."""
    down = -directions[..., 1]
    wall_m = np.exp(rng.uniform(np.log(NEAREST_WALL_M), np.log(FARTHEST_WALL_M))) + 2.0
    yaw = rng.uniform(0, 2 * np.pi)
    normal = np.array([np.cos(yaw), 0.0, np.sin(yaw)], dtype=np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_ground = np.where(down > 1e-3, camera_height_m / down, np.inf)
        to_wall = wall_m / np.abs(directions @ normal).clip(1e-3)
    is_ground = to_ground < to_wall
    distance = np.minimum(np.where(is_ground, to_ground, to_wall), 200.0)
    position_m = directions * distance[..., None]
    side = np.array([-normal[2], 0.0, normal[0]], dtype=np.float32)
    ground = _surface(rng, position_m[..., 0], position_m[..., 2], distance)
    wall = _surface(rng, position_m @ side, position_m[..., 1], distance)
    return np.where(is_ground[..., None], ground, wall).astype(np.float32)


def _surface(rng: np.random.Generator, u: FloatArray, v: FloatArray, distance: FloatArray) -> FloatArray:
    """A textured plane at (u, v) metres: its pattern fades with distance, where it is finer than a pixel."""
    colour, other = draw_colour(rng), draw_colour(rng)
    share = 0.5 + 0.5 * _waves(rng, u, v)
    if rng.random() < LINED_SHARE:
        size = np.exp(rng.uniform(np.log(0.15), np.log(4.0)))
        kind = rng.integers(3)
        lines = np.sin(np.pi * u / size)
        if kind == 1:
            lines = lines * np.sin(np.pi * v / size)
        sharp = np.clip(0.5 + lines * (2.0 + 20.0 * rng.random()), 0.0, 1.0)
        share = sharp if kind < 2 else np.where(np.abs(lines) < rng.uniform(0.03, 0.3), 1.0, 0.3 * share)
    else:
        other = colour * rng.uniform(0.6, 1.4, 3)
    fade = np.clip(12.0 / distance, 0.15, 1.0)
    share = 0.5 + (share - 0.5) * fade
    return (colour + (other - colour) * share[..., None]).astype(np.float32)


def _waves(rng: np.random.Generator, u: FloatArray, v: FloatArray) -> FloatArray:
    total = np.zeros_like(u)
    for length in np.exp(rng.uniform(np.log(0.1), np.log(5.0), 5)):
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        total += np.sin((np.cos(angle) * u + np.sin(angle) * v) * (2 * np.pi / length) + phase)
    return total / 3.0


def _mixed(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Noise at several scales, coloured: foliage, crowds, nets."""
    image = np.zeros((*shape, 3), dtype=np.float32)
    for cells in (3, 8, 20, 60):
        coarse = rng.normal(size=(3, cells, max(2, cells * shape[1] // shape[0]))).astype(np.float32)
        strength, colourful = rng.uniform(0.2, 1.0), rng.uniform(0.0, 0.7)
        coarse = coarse[:1] + colourful * (coarse - coarse[:1])
        for channel, layer in enumerate(coarse):
            smooth = Image.fromarray(layer).resize(shape[::-1], Image.Resampling.BILINEAR)
            image[..., channel] += strength * np.asarray(smooth)
    base = draw_colour(rng)
    return np.clip(base * np.exp(rng.uniform(0.2, 0.7) * image), 0.0, 1.0).astype(np.float32)


def _block(rng: np.random.Generator, image: FloatArray) -> None:
    """An upright rectangle with a shaded colour: doors, banners, benches, machines."""
    height, width = image.shape[:2]
    h, w = (np.exp(rng.uniform(np.log(4), np.log(1.2 * height), 2))).astype(int)
    top, left = int(rng.integers(-h // 2, height)), int(rng.integers(-w // 2, width))
    part = image[max(top, 0) : top + h, max(left, 0) : left + w]
    shade = np.linspace(rng.uniform(0.6, 1.4), rng.uniform(0.6, 1.4), part.shape[0])[:, None, None]
    part[:] = draw_colour(rng) * shade
