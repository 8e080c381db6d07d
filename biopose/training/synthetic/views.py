"""The camera of a clip, crops that track the person, and their background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from biopose.camera.intrinsics import default_focal_px
from biopose.camera.pinhole import Camera
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX
from biopose.tracking.people_tracker import FOLLOWED_PART
from biopose.training.data.keypoint_noise import slow_curves
from biopose.training.synthetic.background import draw_backdrop
from biopose.training.synthetic.crops import CUT_SHARE, Crop, crop_about

FloatArray = NDArray[np.float32]

SIZES_PX = ((1920, 1080), (1280, 720))
FOCAL_LOG_SD = 0.15
UPRIGHT = 1.3  # height over width of the motion, above which the image is in portrait format
MARGIN = 1.03  # about the whole motion, where nothing is cut off
TOO_LONG = (1.05, 1.5)  # focal lengths that cut people off, over the longest that does not
FOCAL_RANGE = (0.5, 1.6)  # shortest and longest focal length over the default one
# A detector's errors are correlated from frame to frame: a slow part and a white part.
SLOW, WHITE, ERROR_HZ = 0.95, 0.3, (0.1, 1.5)
LARGEST_BACKDROP_PX = 1024


def draw_camera(rng: np.random.Generator, boxes: NDArray[np.floating]) -> Camera:
    """Draw a camera that keeps the person inside the image, except for a few that cut something off.

    Args:
        rng: drawn from.
        boxes: (T, 4) of the person, in x / z and y / z.
    """
    reach = MARGIN * np.abs(boxes).reshape(-1, 2).max(axis=0)
    width, height = SIZES_PX[rng.integers(len(SIZES_PX))]
    if reach[1] > UPRIGHT * reach[0]:
        width, height = height, width
    default_px = default_focal_px(width_px=width, height_px=height)
    fits = float((np.array([width, height]) / 2 / reach).min())
    focal = min(default_px * np.exp(FOCAL_LOG_SD * rng.normal()), fits)
    if rng.random() < CUT_SHARE:
        focal = fits * rng.uniform(*TOO_LONG)
    focal = float(np.clip(focal, FOCAL_RANGE[0] * default_px, FOCAL_RANGE[1] * default_px))
    return Camera(width, height, (focal, focal), ((width - 1) / 2, (height - 1) / 2))


@dataclass(frozen=True, eq=False)
class TrackedCrops:
    """Crops that track a person.

    Attributes:
        crops: of T frames.
        in_view: (T,) whether enough of the person is in the image to be tracked.
    """

    crops: Sequence[Crop]
    in_view: NDArray[np.bool_]

    def regions_px(self, camera: Camera) -> NDArray[np.float64]:
        """(T, 4) left, top, right, bottom edges in pixels of the image, the first pixel's centre being (0, 0)."""
        corners = np.stack([crop.corner for crop in self.crops]).astype(np.float64)
        sizes = np.array([crop.ray_per_px for crop in self.crops])[:, None] * (WIDTH_PX, HEIGHT_PX)
        return np.concatenate([corners, corners + sizes], axis=1) * camera.focal_px[0] + np.tile(camera.centre_px, 2)


def tracked_crops(
    generator: torch.Generator, boxes: NDArray[np.floating], camera: Camera, *, interval_s: float
) -> TrackedCrops:
    """Crops as the tracker cuts them: about the visible part of a box, with correlated errors.

    Args:
        generator: drawn from.
        boxes: (T, 4) in x / z and y / z.
        camera: with the image's size.
        interval_s: between frames.
    """
    half = np.array([camera.width_px, camera.height_px]) / 2 / camera.focal_px
    edges = np.concatenate([-half, half])
    visible = boxes.clip(np.tile(edges[:2], 2), np.tile(edges[2:], 2))
    in_view = _area(visible) >= FOLLOWED_PART * _area(boxes)
    shown = np.where(in_view[:, None], visible, boxes)
    interval = torch.tensor([interval_s])
    slow = slow_curves(generator, n=1, frames=len(boxes), curves=4, interval_s=interval, hz=ERROR_HZ)[0]
    errors = (SLOW * slow + WHITE * torch.randn(len(boxes), 4, generator=generator)).numpy()
    pairs = zip(shown, errors, strict=True)
    return TrackedCrops([crop_about(box, edges, size_error=e[:2], shift=e[2:]) for box, e in pairs], in_view)


def _area(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))


class ClipBackdrop:
    """The background of all crops of a clip, rendered once.

    Args:
        rng: drawn from.
        crops: of the view.
        R_world_camera: (3, 3).
        camera_height_m: over the ground.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        crops: Sequence[Crop],
        R_world_camera: NDArray[np.floating],
        *,
        camera_height_m: float,
    ) -> None:
        sizes = np.array([crop.ray_per_px for crop in crops])
        corners = np.stack([crop.corner for crop in crops])
        self.low = corners.min(axis=0)
        extent = (corners + sizes[:, None] * (WIDTH_PX, HEIGHT_PX)).max(axis=0) - self.low
        self.ray_per_px = float(max(np.median(sizes), extent.max() / LARGEST_BACKDROP_PX))
        columns, rows = np.ceil(extent / self.ray_per_px).astype(int)
        x = self.low[0] + self.ray_per_px * (np.arange(columns) + 0.5)
        y = self.low[1] + self.ray_per_px * (np.arange(rows) + 0.5)
        rays = np.stack([*np.meshgrid(x, y), np.ones((rows, columns))], axis=-1).astype(np.float32)
        image = draw_backdrop(rng, rays, R_world_camera, camera_height_m=camera_height_m)
        self.channels = [Image.fromarray(channel.astype(np.float32)) for channel in np.moveaxis(image, -1, 0)]

    def in_crop(self, crop: Crop) -> FloatArray:
        """(H, W, 3) the part inside a crop."""
        low = (crop.corner - self.low) / self.ray_per_px
        high = low + np.array([WIDTH_PX, HEIGHT_PX]) * crop.ray_per_px / self.ray_per_px
        box = (*low.tolist(), *high.tolist())
        how = (Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
        return np.stack([np.asarray(c.transform((WIDTH_PX, HEIGHT_PX), *how)) for c in self.channels], axis=-1)
