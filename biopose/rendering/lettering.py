"""Small marks put onto pixels: dots and words, with smooth edges."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]


def put_dot(pixels: NDArray[np.uint8], x_px: float, y_px: float, colour: Colour, *, radius_px: float) -> None:
    """Paint a dot onto (H, W, 3); the centre of the first pixel is 0, 0. Off the picture nothing is painted."""
    if not (np.isfinite(x_px) and np.isfinite(y_px)):
        return
    reach = int(np.ceil(radius_px + 1))
    left, top = int(np.floor(x_px)) - reach, int(np.floor(y_px)) - reach
    x, y = np.arange(left, left + 2 * reach + 2), np.arange(top, top + 2 * reach + 2)
    distance = np.hypot(x[None, :] - x_px, y[:, None] - y_px)
    _paint(pixels, np.clip(radius_px + 0.5 - distance, 0.0, 1.0).astype(np.float32), left, top, colour)


def put_text(pixels: NDArray[np.uint8], words: str, x_px: float, y_px: float, colour: Colour, *, size_px: int) -> None:
    """Write words onto (H, W, 3), their top left corner at x, y, on a faint dark ground so that they can be read."""
    if not (np.isfinite(x_px) and np.isfinite(y_px)):
        return
    ink = _ink(words, size_px)
    left, top = round(x_px), round(y_px)
    _paint(pixels, np.full(ink.shape, 0.45, dtype=np.float32), left, top, (20, 20, 20))
    _paint(pixels, ink, left, top, colour)


@lru_cache(maxsize=256)
def _ink(words: str, size_px: int) -> NDArray[np.float32]:
    font = ImageFont.load_default(size_px)
    left, top, right, bottom = font.getbbox(words)
    margin = 3
    image = Image.new("L", (int(right - left) + 2 * margin, int(bottom - top) + 2 * margin))
    ImageDraw.Draw(image).text((margin - left, margin - top), words, fill=255, font=font)
    ink: NDArray[np.float32] = np.asarray(image, dtype=np.float32) / np.float32(255)
    return ink


def _paint(pixels: NDArray[np.uint8], ink: NDArray[np.float32], left: int, top: int, colour: Colour) -> None:
    """Mix a colour into the pixels under the ink (h, w), 0 to 1, as far as they are on the picture."""
    height, width = pixels.shape[:2]
    rows = slice(max(top, 0), min(top + ink.shape[0], height))
    columns = slice(max(left, 0), min(left + ink.shape[1], width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    share = ink[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left, None]
    under = pixels[rows, columns]
    pixels[rows, columns] = (under + share * (np.array(colour, dtype=np.float32) - under) + 0.5).astype(np.uint8)
