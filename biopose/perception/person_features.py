"""What the keypoint network's pass leaves of each person: the crop, and for a head what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PersonFeatures:
    """One person in one image.

    Attributes:
        maps: (channels, 256 / stride, 192 / stride) at the levels that the head reads, of its device; none without one.
        points: (26, 2) keypoints in pixels of the crop, or of its mirror image, in which left is right.
        confidence: (26,) from 0 to 1.
        mirrored: whether the network was given the mirror image.
        region_px: (4,) left, top, right, bottom edges of the crop, in pixels of the image; before it is turned.
        size_px: (2,) width and height of the image.
        turn_rad: by which the crop is turned in the image, clockwise.
    """

    maps: tuple[Tensor, ...]
    points: Tensor
    confidence: Tensor
    mirrored: bool
    region_px: NDArray[np.float64]
    size_px: NDArray[np.int64]
    turn_rad: float = 0.0


class FeatureHead(Protocol):
    """Turns features into a row of tokens for each person; what they mean is the head's matter.

    Attributes:
        width: numbers in a row.
        levels: of the four feature maps, those that it reads.
        batch_size: people at a time that it is quick with.
    """

    width: int
    levels: tuple[int, ...]
    batch_size: int

    def __call__(self, people: Sequence[PersonFeatures]) -> NDArray[np.float16]:
        """(N, width) tokens of N people, who may be none; each one's whoever the others are."""
