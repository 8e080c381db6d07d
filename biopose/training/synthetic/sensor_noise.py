"""A camera's image of linear light: blur, exposure, tone curve, sensor noise, compression, resampling."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from biopose.perception.crops import HEIGHT_PX, WIDTH_PX

FloatArray = NDArray[np.float32]
SMALL_SHARE, SMALLEST = 0.25, 0.4  # of images with fewer pixels of the person than the crop has
OUT_OF_FOCUS_SHARE = 0.1
GREY_SHARE = 0.03
QUALITY = (50, 95)


@dataclass(frozen=True)
class CameraResponse:
    """Response of a camera, the same in all frames of a clip.

    Attributes:
        blur_px: standard deviation of defocus; 0 is sharp.
        exposure: factor of all light.
        white_balance: (3,).
        gamma: of the curve.
        contrast: about the middle.
        brightness: offset.
        is_grey: without colour.
        noise: standard deviation, the range being 0 to 1.
    """

    blur_px: float
    exposure: float
    white_balance: NDArray[np.float64]
    gamma: float
    contrast: float
    brightness: float
    is_grey: bool
    noise: float


@dataclass(frozen=True)
class Compression:
    """Resolution and compression, the same in all frames of a clip.

    Attributes:
        size_px: width and height of a crop in the image, where that is less than the crop's own.
        quality: of JPEG; 0 for none.
    """

    size_px: tuple[int, int]
    quality: int


def capture(rng: np.random.Generator, light: FloatArray, *, black: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A crop (256, 192, 3) of bytes, by a random camera.

    Args:
        rng: drawn from.
        light: (256, 192, 3) linear.
        black: (256, 192) outside the image.
    """
    pixels = apply_response(rng, light, draw_response(rng), black=black)
    return compressed(pixels, draw_compression(rng))


def draw_response(rng: np.random.Generator) -> CameraResponse:
    """Draw the response of a phone's or a broadcast camera."""
    return CameraResponse(
        blur_px=rng.uniform(0.3, 1.3) if rng.random() < OUT_OF_FOCUS_SHARE else 0.0,
        exposure=np.exp(rng.normal(0, 0.25)),
        white_balance=np.exp(rng.normal(0, 0.06, 3)),
        gamma=rng.uniform(1.9, 2.6),
        contrast=rng.uniform(0.85, 1.2),
        brightness=rng.normal(0, 0.04),
        is_grey=rng.random() < GREY_SHARE,
        noise=rng.exponential(0.012) if rng.random() < 0.5 else 0.0,
    )


def apply_response(
    rng: np.random.Generator, light: FloatArray, response: CameraResponse, *, black: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """A crop (256, 192, 3) of bytes; only the noise is random. Arguments as for `capture`."""
    if response.blur_px:
        light = gaussian_filter(light, (response.blur_px, response.blur_px, 0))
    balanced = light * response.exposure * response.white_balance
    curved = np.clip(balanced, 0.0, None) ** (1 / response.gamma)
    curved = curved / (1 + 0.15 * curved)  # highlights roll off
    curved = 0.5 + (curved - 0.5) * response.contrast + response.brightness
    if response.is_grey:
        curved = np.repeat(curved.mean(axis=-1, keepdims=True), 3, axis=-1)
    if response.noise:
        curved = curved + response.noise * rng.normal(size=curved.shape)
    curved = np.where(black[..., None], 0.0, curved)
    return (255 * np.clip(curved, 0.0, 1.0) + 0.5).astype(np.uint8)


def draw_compression(rng: np.random.Generator) -> Compression:
    """Draw resolution and quality of near and far people, good and poor codecs."""
    share = np.exp(rng.uniform(np.log(SMALLEST), 0.0)) if rng.random() < SMALL_SHARE else 1.0
    return Compression(size_at(share), int(rng.integers(*QUALITY)) if rng.random() < 0.7 else 0)


def size_at(share: float) -> tuple[int, int]:
    """Width and height of a crop in the image, `share` image pixels per crop pixel; at most the crop's own."""
    share = min(share, 1.0)
    return max(16, round(WIDTH_PX * share)), max(16, round(HEIGHT_PX * share))


def compressed(pixels: NDArray[np.uint8], compression: Compression) -> NDArray[np.uint8]:
    """A crop reduced to its resolution in the image, compressed, and resized back."""
    image = Image.fromarray(pixels)
    if compression.size_px != image.size:
        image = image.resize(compression.size_px, Image.Resampling.BOX)
    if compression.quality:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=compression.quality)
        image = Image.open(buffer)
    if image.size != (WIDTH_PX, HEIGHT_PX):
        image = image.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BILINEAR)
    return np.asarray(image.convert("RGB"), dtype=np.uint8)
