"""Crops of people in the shape that the keypoint network takes.

A crop is a rectangle of whole pixels around the person's box, so that one resampling with averaging brings it to the
network's size exactly; its position is known without rounding. Pixels: the centre of the first pixel is (0, 0). Outside
the image is black.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.perception.images import check_image, resampled
from biopose.perception.published_networks import MEAN, STANDARD_DEVIATION
from biopose.skeleton.threads import one_torch_thread

WIDTH_PX, HEIGHT_PX = 192, 256
BOX_MARGIN = 1.25  # the box is made larger by this factor, as in the network's training
SMALLEST_BOX_PX = 1.0  # thinner boxes are not cropped


@dataclass(frozen=True, eq=False)
class PersonCrops:
    """N people cut out of images.

    Attributes:
        pixels: (N, 3, 256, 192) red green blue, uint8.
        regions_px: (N, 4) left, top, right, bottom edges of what each shows, in pixels of its image.
    """

    pixels: Tensor
    regions_px: NDArray[np.float64]

    def to_image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, K, 2) in pixels of the crops, in pixels of the images."""
        corner, scale = self.regions_px[:, None, :2], self.pixels_per_crop_pixel[:, None]
        return corner + (points + 0.5) * scale

    @property
    def pixels_per_crop_pixel(self) -> NDArray[np.float64]:
        """(N, 2) how many pixels of the image make one of the crop, along x and y."""
        return (self.regions_px[:, 2:] - self.regions_px[:, :2]) / (WIDTH_PX, HEIGHT_PX)


def is_croppable(image: NDArray[np.uint8], boxes_px: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) whether a box (N, 4) is a number and has at least a pixel inside the image."""
    visible = _clipped(image, boxes_px)
    large: NDArray[np.bool_] = visible[:, 2:] - visible[:, :2] >= SMALLEST_BOX_PX  # false for NaN
    return np.asarray(large.all(axis=1))


@one_torch_thread()
def cut_people(images: Sequence[NDArray[np.uint8]], boxes_px: Sequence[NDArray[np.float64]]) -> PersonCrops:
    """The people of all images, in order.

    Args:
        images: RGB (H, W, 3), of any sizes.
        boxes_px: (N_i, 4) for each image, all of them `is_croppable`.
    """
    crops, regions = [], []
    for image, boxes in zip(images, boxes_px, strict=True):
        check_image(image)
        for region in _regions(_clipped(image, boxes)):
            crops.append(_cut(image, region))
            regions.append(region - 0.5)
    if not crops:
        return PersonCrops(torch.zeros(0, 3, HEIGHT_PX, WIDTH_PX, dtype=torch.uint8), np.zeros((0, 4)))
    return PersonCrops(torch.stack(crops), np.stack(regions))


@one_torch_thread()
def normalised(pixels: Tensor) -> Tensor:
    """Crops (N, 3, 256, 192) of bytes, red green blue, as the keypoint network takes them: single precision."""
    mean, deviation = (torch.tensor(value, device=pixels.device)[:, None, None] for value in (MEAN, STANDARD_DEVIATION))
    return pixels.float().sub_(mean).div_(deviation)


def _clipped(image: NDArray[np.uint8], boxes_px: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = image.shape[:2]
    return np.clip(boxes_px, -0.5, np.array([width, height, width, height]) - 0.5)


def _regions(boxes_px: NDArray[np.float64]) -> NDArray[np.int64]:
    """(N, 4) first and past-the-last column and row around each box: enlarged, three wide to four high."""
    centre = (boxes_px[:, :2] + boxes_px[:, 2:]) / 2 + 0.5
    width, height = ((boxes_px[:, 2:] - boxes_px[:, :2]) * BOX_MARGIN).T
    width = np.maximum(width, height * WIDTH_PX / HEIGHT_PX)
    size = np.stack([width, width * HEIGHT_PX / WIDTH_PX], axis=1)
    first = np.floor(centre - size / 2).astype(np.int64)
    return np.concatenate([first, np.maximum(np.ceil(centre + size / 2).astype(np.int64), first + 1)], axis=1)


def _cut(image: NDArray[np.uint8], region: NDArray[np.int64]) -> Tensor:
    height, width = image.shape[:2]
    left, top, right, bottom = region.tolist()
    inside = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    outside = ((max(-top, 0), max(bottom - height, 0)), (max(-left, 0), max(right - width, 0)), (0, 0))
    whole = np.pad(inside, outside) if any(map(any, outside)) else inside
    return resampled(whole, width_px=WIDTH_PX, height_px=HEIGHT_PX)
