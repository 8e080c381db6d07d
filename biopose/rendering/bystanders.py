"""Blurring of whatever surrounds the measured people, so that an overlay shows no face of a bystander.

Who is not measured may not even be detected, so everything outside the boxes of the measured people is blurred. A
bystander who stands within such a box stays visible there.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MARGIN = 0.1  # of a box's longer side, for hands and feet beyond the keypoints
BLURRED = "bystanders are blurred"  # the comment in a video's file
BLOCKS = 24  # of the image's shorter side: a face of a tenth of its height is two blocks


def blur_surroundings(image: NDArray[np.uint8], boxes_px: Iterable[NDArray[np.float64]]) -> NDArray[np.uint8]:
    """A copy of an image that is sharp within boxes alone.

    Args:
        image: (height_px, width_px, 3) RGB.
        boxes_px: left, top, right, bottom of each person who is measured.
    """
    height, width = image.shape[:2]
    block = max(min(height, width) / BLOCKS, 1.0)
    small = max(round(width / block), 1), max(round(height / block), 1)
    blurred = np.array(
        Image.fromarray(image).resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BILINEAR)
    )
    for left, top, right, bottom in boxes_px:
        margin = MARGIN * max(right - left, bottom - top)
        rows = slice(max(0, round(top - margin)), max(0, round(bottom + margin)))
        columns = slice(max(0, round(left - margin)), max(0, round(right + margin)))
        blurred[rows, columns] = image[rows, columns]
    return blurred
