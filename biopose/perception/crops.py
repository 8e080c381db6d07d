"""Crops of people in the shape that the keypoint network takes.

A crop is a rectangle of whole pixels around the person's box, so that one resampling with averaging brings it to the
network's size exactly; its position is known without rounding. Pixels: the centre of the first pixel is (0, 0). Outside
the image is black.

Somebody who lies or is upside down is cut out turned, so that the crop shows them upright as the network's training
images do: a square around the person is brought to the crop's scale likewise, then turned by bilinear interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

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
        regions_px: (N, 4) left, top, right, bottom edges of what each shows, in pixels of its image; of a turned crop
            before it is turned about its middle.
        turns_rad: (N,) by which the crops are turned in their images, clockwise; None: none is.
    """

    pixels: Tensor
    regions_px: NDArray[np.float64]
    turns_rad: NDArray[np.float64] | None = None

    def of(self, chosen: slice) -> PersonCrops:
        """Those of some of the people."""
        turns_rad = None if self.turns_rad is None else self.turns_rad[chosen]
        return PersonCrops(self.pixels[chosen], self.regions_px[chosen], turns_rad)

    def to_image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, K, 2) in pixels of the crops, in pixels of the images."""
        corner, scale = self.regions_px[:, None, :2], self.pixels_per_crop_pixel[:, None]
        if self.turns_rad is None:
            return corner + (points + 0.5) * scale
        from_middle = (points + 0.5 - np.array([WIDTH_PX, HEIGHT_PX]) / 2) * scale
        middle = (self.regions_px[:, None, :2] + self.regions_px[:, None, 2:]) / 2
        return middle + from_middle @ turns(self.turns_rad).swapaxes(-1, -2)

    @property
    def pixels_per_crop_pixel(self) -> NDArray[np.float64]:
        """(N, 2) how many pixels of the image make one of the crop, along x and y."""
        return (self.regions_px[:, 2:] - self.regions_px[:, :2]) / (WIDTH_PX, HEIGHT_PX)


def is_croppable(image: NDArray[np.uint8], boxes_px: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) whether a box (N, 4) is a number and has at least a pixel inside the image."""
    visible = _clipped(image, boxes_px)
    large: NDArray[np.bool_] = visible[:, 2:] - visible[:, :2] >= SMALLEST_BOX_PX  # false for NaN
    return np.asarray(large.all(axis=1))


def turns(turns_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2, 2) rotations of an image, x to the right and y down, clockwise by angles (...)."""
    cos, sin = np.cos(turns_rad), np.sin(turns_rad)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


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
    return _together(crops, regions)


@one_torch_thread()
def cut_turned(image: NDArray[np.uint8], boxes_px: NDArray[np.float64], turns_rad: NDArray[np.float64]) -> PersonCrops:
    """The people of an image in turned crops.

    Args:
        image: RGB (H, W, 3).
        boxes_px: (N, 4) as the detector draws them, with level edges, all of them `is_croppable`.
        turns_rad: (N,) of the crops, clockwise.
    """
    check_image(image)
    regions = list(_regions(_turned(_clipped(image, boxes_px), turns_rad)))
    crops = [_cut_turned(image, region, turn) for region, turn in zip(regions, turns_rad, strict=True)]
    return replace(_together(crops, [region - 0.5 for region in regions]), turns_rad=turns_rad)


@one_torch_thread()
def cut_regions(
    images: Sequence[NDArray[np.uint8]], regions_px: NDArray[np.float64], turns_rad: NDArray[np.float64]
) -> PersonCrops:
    """People who were cropped before, in the same crops to the bit.

    Args:
        images: RGB (H, W, 3), of any sizes: that of each of N people.
        regions_px: (N, 4) as `PersonCrops` has them.
        turns_rad: (N,) likewise; 0 of crops that are not turned.
    """
    regions = (regions_px + 0.5).astype(np.int64)
    people = zip(images, regions, turns_rad.tolist(), strict=True)
    crops = [_cut_turned(image, region, turn) if turn else _cut(image, region) for image, region, turn in people]
    return replace(_together(crops, list(regions_px)), turns_rad=turns_rad)


def _together(crops: list[Tensor], regions: list[NDArray[np.float64]]) -> PersonCrops:
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


def _turned(boxes_px: NDArray[np.float64], turns_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 4) boxes with the same middles, as long and as wide as the people are along axes turned by angles (N,).

    As long as a straight body along the diagonal, as wide as an ellipse that fills the box.
    """
    middle, size = (boxes_px[:, :2] + boxes_px[:, 2:]) / 2, boxes_px[:, 2:] - boxes_px[:, :2]
    along, across = np.abs(np.sin(turns_rad)), np.abs(np.cos(turns_rad))
    width = np.hypot(size[:, 0] * across, size[:, 1] * along)
    half = np.stack([width, size[:, 0] * along + size[:, 1] * across], axis=1) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def _cut(image: NDArray[np.uint8], region: NDArray[np.int64]) -> Tensor:
    return resampled(_with_black_border(image, region), width_px=WIDTH_PX, height_px=HEIGHT_PX)


def _cut_turned(image: NDArray[np.uint8], region: NDArray[np.int64], turn_rad: float) -> Tensor:
    size, middle = (region[2:] - region[:2]).astype(np.float64), (region[:2] + region[2:]) / 2
    side = int(np.ceil(np.hypot(*size))) + 1
    first = np.floor(middle - side / 2).astype(np.int64)
    square = _with_black_border(image, np.concatenate([first, first + side]))
    side_px = int(np.ceil(side * WIDTH_PX / size[0]))  # at about the crop's scale
    pixels = resampled(square, width_px=side_px, height_px=side_px)
    columns, rows = np.meshgrid(np.arange(WIDTH_PX) + 0.5, np.arange(HEIGHT_PX) + 0.5)
    shares = np.stack([columns / WIDTH_PX, rows / HEIGHT_PX], -1) - 0.5
    points = middle + (shares * size) @ turns(np.array(turn_rad)).T
    grid = torch.from_numpy(2 * (points - first) / side - 1).float()  # -1 and 1 at the square's edges
    turned = grid_sample(pixels[None].float(), grid[None], mode="bilinear", align_corners=False)[0]
    return turned.round().to(torch.uint8)


def _with_black_border(image: NDArray[np.uint8], region: NDArray[np.int64]) -> NDArray[np.uint8]:
    """What a region (4,) of whole pixels shows: black outside the image."""
    height, width = image.shape[:2]
    left, top, right, bottom = region.tolist()
    inside = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    outside = ((max(-top, 0), max(bottom - height, 0)), (max(-left, 0), max(right - width, 0)), (0, 0))
    return np.pad(inside, outside) if any(map(any, outside)) else inside
