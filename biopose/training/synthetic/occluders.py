"""Occluders: posts, boards, balls, bars and carried things, as flat shapes between the camera and the person."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from biopose.perception.crops import HEIGHT_PX, WIDTH_PX
from biopose.training.synthetic.clothing import draw_colour
from biopose.training.synthetic.crops import SAMPLES, Crop

FloatArray = NDArray[np.float32]
MEAN_COUNT = 0.25
BEFORE_PERSON_M, NEAREST_M = (0.0, 0.5), 0.3
CORNERS = 12


@dataclass(frozen=True, eq=False)
class Occluders:
    """Shapes for the rasterizer: points (P, 3) in samples of the crop, triangles (F, 3), colours (P, 3)."""

    points: FloatArray
    triangles: NDArray[np.int32]
    colours: FloatArray

    def in_crop(self, crop: Crop, other: Crop, *, shift: NDArray[np.floating]) -> Occluders:
        """The same shapes in another crop of the view.

        Args:
            crop: of their points.
            other: of the points to return.
            shift: (2,) displacement since, in x / z and y / z.
        """
        xy = other.samples_of(crop.rays_of(self.points[:, :2]) + shift)
        return replace(self, points=np.concatenate([xy, self.points[:, 2:]], axis=1).astype(np.float32))


def draw_occluders(rng: np.random.Generator, *, depth_m: float) -> Occluders:
    """Draw occluders: mostly none, sometimes a few.

    Args:
        rng: drawn from.
        depth_m: of the person; the shapes are nearer, some so little that a limb is in front of them.
    """
    shapes = [_shape(rng, depth_m=depth_m) for _ in range(rng.poisson(MEAN_COUNT))]
    fan = np.array([(0, i + 1, i) for i in range(1, CORNERS - 1)])
    nothing = np.zeros((0, 3))
    return Occluders(
        np.concatenate([nothing, *(points for points, _ in shapes)]).astype(np.float32),
        np.concatenate([nothing, *(fan + k * CORNERS for k in range(len(shapes)))]).astype(np.int32),
        np.concatenate([nothing, *(colours for _, colours in shapes)]).astype(np.float32),
    )


def _shape(rng: np.random.Generator, *, depth_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and colours (CORNERS, 3) of a shape, plain or shaded."""
    near = 1.0 / max(depth_m - rng.uniform(*BEFORE_PERSON_M), NEAREST_M)
    points = np.concatenate([_outline(rng), np.full((CORNERS, 1), near)], axis=1)
    shade = rng.uniform(0.5, 1.3, (CORNERS, 1)) if rng.random() < 0.5 else np.ones((CORNERS, 1))
    return points, draw_colour(rng) * shade


def _outline(rng: np.random.Generator) -> NDArray[np.float64]:
    """(CORNERS, 2) an ellipse or a rounded bar at any angle, in samples of the crop."""
    size = np.array([WIDTH_PX, HEIGHT_PX]) * SAMPLES
    middle = rng.uniform(0.1, 0.9, 2) * size
    long = np.exp(rng.uniform(np.log(0.04), np.log(0.4))) * size[1]
    short = long * (rng.uniform(0.05, 0.2) if rng.random() < 0.4 else rng.uniform(0.4, 1.0))
    angle = rng.uniform(0, np.pi)
    around = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False) + np.pi / CORNERS
    squareness = rng.choice([1.0, 0.25])
    unit = np.stack([np.cos(around), np.sin(around)], axis=1)
    unit = np.sign(unit) * np.abs(unit) ** squareness
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return middle + (unit * np.array([long, short]) / 2) @ rotation.T
