"""From light to the bytes that a camera, a codec and a crop's resampling leave of it."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from biopose.vision.person_crops import HEIGHT_PX, WIDTH_PX

FloatArray = NDArray[np.float32]
SMALL_SHARE, SMALLEST = 0.25, 0.4  # pictures with fewer pixels of the person than the crop has
OUT_OF_FOCUS_SHARE = 0.1
GREY_SHARE = 0.03
QUALITY = (50, 95)


def photographed(rng: np.random.Generator, light: FloatArray, *, black: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A crop (256, 192, 3) of bytes.

    Args:
        rng: drawn from.
        light: (256, 192, 3) linear.
        black: (256, 192) what lies outside the picture.
    """
    if rng.random() < OUT_OF_FOCUS_SHARE:
        light = gaussian_filter(light, (*[rng.uniform(0.3, 1.3)] * 2, 0))
    light = light * np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.06, 3))
    curved = np.clip(light, 0.0, None) ** (1 / rng.uniform(1.9, 2.6))
    curved = curved / (1 + 0.15 * curved)  # highlights roll off
    contrast = rng.uniform(0.85, 1.2)
    curved = 0.5 + (curved - 0.5) * contrast + rng.normal(0, 0.04)
    if rng.random() < GREY_SHARE:
        curved = np.repeat(curved.mean(axis=-1, keepdims=True), 3, axis=-1)
    if rng.random() < 0.5:
        curved = curved + rng.exponential(0.012) * rng.normal(size=curved.shape)
    curved = np.where(black[..., None], 0.0, curved)
    pixels = (255 * np.clip(curved, 0.0, 1.0) + 0.5).astype(np.uint8)
    return _compressed(rng, pixels)


def _compressed(rng: np.random.Generator, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrunk to what a far person has, compressed, and brought back to the crop's size."""
    picture = Image.fromarray(pixels)
    if rng.random() < SMALL_SHARE:
        share = np.exp(rng.uniform(np.log(SMALLEST), 0.0))
        size = (max(16, round(WIDTH_PX * share)), max(16, round(HEIGHT_PX * share)))
        picture = picture.resize(size, Image.Resampling.BOX)
    if rng.random() < 0.7:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=int(rng.integers(*QUALITY)))
        picture = Image.open(buffer)
    if picture.size != (WIDTH_PX, HEIGHT_PX):
        picture = picture.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BILINEAR)
    return np.asarray(picture.convert("RGB"), dtype=np.uint8)
