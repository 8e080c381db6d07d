"""Images as the networks take them: checked, cut and resampled without aliasing."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate


def check_image(image: NDArray[np.uint8]) -> None:
    """Check that an image is RGB image (H, W, 3) of bytes with at least one pixel.

    Raises:
        ValueError: it is not.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"an image is {image.dtype} {image.shape}; expected uint8 (H, W, 3), RGB, at least one pixel")


def resampled(image: NDArray[np.uint8], *, width_px: int, height_px: int) -> Tensor:
    """The image (3, height, width) in other dimensions, uint8: bilinear, averaged over pixels where it shrinks.

    Pixels are areas: the image's outer edges stay its outer edges.
    """
    # A image with its channels innermost takes torch's fast path for bytes.
    channels_last = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    size = (height_px, width_px)
    return interpolate(channels_last, size=size, mode="bilinear", antialias=True, align_corners=False)[0]
