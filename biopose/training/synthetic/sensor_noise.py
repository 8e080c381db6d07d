"""From light to the bytes that a camera, a codec and a crop's resampling leave of it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from biopose.perception.crops import HEIGHT_PX, WIDTH_PX

FloatArray = NDArray[np.float32]
SMALL_SHARE, SMALLEST = 0.25, 0.4  # pictures with fewer pixels of the person than the crop has
OUT_OF_FOCUS_SHARE = 0.1
GREY_SHARE = 0.03
QUALITY = (50, 95)


@dataclass(frozen=True)
class Look:
    """What a camera makes of light, the same in all pictures of a film.

    Attributes:
        blur_px: standard deviation of what is out of focus; 0 is sharp.
        exposure: of all light.
        white_balance: (3,).
        gamma: of the curve.
        contrast: about the middle.
        brightness: added.
        is_grey: no colours.
        noise: standard deviation, 0 to 1 being the range.
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
    """What storing costs, the same in all pictures of a film.

    Attributes:
        size_px: width and height that a crop has in the picture, where that is less than a crop's own.
        quality: of JPEG; 0 leaves it out.
    """

    size_px: tuple[int, int]
    quality: int


def photographed(rng: np.random.Generator, light: FloatArray, *, black: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A crop (256, 192, 3) of bytes, of a film of its own.

    Args:
        rng: drawn from.
        light: (256, 192, 3) linear.
        black: (256, 192) what lies outside the picture.
    """
    pixels = developed(rng, light, draw_look(rng), black=black)
    return compressed(pixels, draw_compression(rng))


def draw_look(rng: np.random.Generator) -> Look:
    """Of phones' and broadcasters' cameras."""
    return Look(
        blur_px=rng.uniform(0.3, 1.3) if rng.random() < OUT_OF_FOCUS_SHARE else 0.0,
        exposure=np.exp(rng.normal(0, 0.25)),
        white_balance=np.exp(rng.normal(0, 0.06, 3)),
        gamma=rng.uniform(1.9, 2.6),
        contrast=rng.uniform(0.85, 1.2),
        brightness=rng.normal(0, 0.04),
        is_grey=rng.random() < GREY_SHARE,
        noise=rng.exponential(0.012) if rng.random() < 0.5 else 0.0,
    )


def developed(
    rng: np.random.Generator, light: FloatArray, look: Look, *, black: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """A crop (256, 192, 3) of bytes; only the noise is drawn. Arguments as for `photographed`."""
    if look.blur_px:
        light = gaussian_filter(light, (look.blur_px, look.blur_px, 0))
    balanced = light * look.exposure * look.white_balance
    curved = np.clip(balanced, 0.0, None) ** (1 / look.gamma)
    curved = curved / (1 + 0.15 * curved)  # highlights roll off
    curved = 0.5 + (curved - 0.5) * look.contrast + look.brightness
    if look.is_grey:
        curved = np.repeat(curved.mean(axis=-1, keepdims=True), 3, axis=-1)
    if look.noise:
        curved = curved + look.noise * rng.normal(size=curved.shape)
    curved = np.where(black[..., None], 0.0, curved)
    return (255 * np.clip(curved, 0.0, 1.0) + 0.5).astype(np.uint8)


def draw_compression(rng: np.random.Generator) -> Compression:
    """Of near and far people, of good and poor codecs."""
    share = np.exp(rng.uniform(np.log(SMALLEST), 0.0)) if rng.random() < SMALL_SHARE else 1.0
    return Compression(size_at(share), int(rng.integers(*QUALITY)) if rng.random() < 0.7 else 0)


def size_at(share: float) -> tuple[int, int]:
    """Width and height of a crop whose pixels are so many of the picture's, never more than its own."""
    share = min(share, 1.0)
    return max(16, round(WIDTH_PX * share)), max(16, round(HEIGHT_PX * share))


def compressed(pixels: NDArray[np.uint8], compression: Compression) -> NDArray[np.uint8]:
    """A crop shrunk to what a far person has, compressed, and brought back to its size."""
    picture = Image.fromarray(pixels)
    if compression.size_px != picture.size:
        picture = picture.resize(compression.size_px, Image.Resampling.BOX)
    if compression.quality:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=compression.quality)
        picture = Image.open(buffer)
    if picture.size != (WIDTH_PX, HEIGHT_PX):
        picture = picture.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BILINEAR)
    return np.asarray(picture.convert("RGB"), dtype=np.uint8)
