"""How the background moved between two small images: a similarity, from many blocks that vote.

Each block of the first image is sought in the second by a least-squares step (Lucas and Kanade 1981) from where the
motion so far puts it; a similarity is fitted to the blocks' shifts, each weighted by how well its texture determines it
in each direction, and blocks that disagree (a person who was not masked, a scoreboard) lose their vote (Tukey's
biweight). From coarse to fine, so that a step has to cover a few pixels at most. Blocks are compared after removing
their mean and contrast, so light may change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float32]

WIDTH_PX = 240  # of the finest image that is compared; coarser ones are halves
LEVELS = 3
BLOCK_PX = 24
STRIDE_PX = 20
STEPS = (1, 2, 2)  # at each level, from the finest
SMOOTHING_PX = 1.0  # so that the gradient holds over a step, and coding noise fades
SHADING_PX = 19  # what varies more slowly than this is light, not texture
LEAST_CONTRAST = 1.5  # grey levels (of 255) of a block's standard deviation: below, it is coding artefacts
NOISE_FACTOR = 2.0  # of the noise that texture has at least: a still image is found again with a correlation of 0.75
SMOOTHED_NOISE = 0.28  # of white noise, what smoothing by SMOOTHING_PX leaves: 1 / (2 sqrt(pi) SMOOTHING_PX)
LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
LEAST_VALID = 0.5  # of a block's pixels outside people's boxes and inside the image
ALIKE = 0.6  # correlation from which a block counts as found again
OUTLIER_PX = 1.5  # Tukey's cut-off, at each level
FEWEST_BLOCKS = 6
LEAST_SPREAD = 0.35  # of the image's width, between the 10th and the 90th of 100 textured blocks
FOUND_SHARE = 0.4  # of the blocks with texture must be found and agree
# Shrinks rotation and zoom towards the first guess where blocks do not determine them; in pixels at the image's edge.
SHAPE_PRIOR_PX = 30.0


@dataclass(frozen=True)
class Level:
    """An image at one scale: its texture (H, W) in grey levels, the gradients, 1 where the background is visible.

    `least_contrast` is the standard deviation in grey levels from which a block has texture and not noise alone.
    """

    texture: Floats
    gradient_x: Floats
    gradient_y: Floats
    valid: Floats
    least_contrast: float


@dataclass(frozen=True)
class ImagePyramid:
    """What is compared: levels from fine to coarse."""

    levels: tuple[Level, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the finest level."""
        return self.levels[0].texture.shape


@dataclass(frozen=True)
class Match:
    """Result of a comparison.

    Attributes:
        motion: (4,) shift x, y in pixels of the finest level, rotation (radians, clockwise on the screen) and the
            logarithm of the zoom, about the image's centre: where the first image's background lies in the second.
        textured: how many blocks have texture in both images.
        spread: over what share of the image's width the textured blocks lie.
        found: how many of them were found again and agree.
        shift_sd_px: standard deviation of the shift, from the blocks' scatter.
    """

    motion: NDArray[np.float64]
    textured: int
    spread: float
    found: int
    shift_sd_px: float

    @property
    def blind(self) -> bool:
        """Too little texture to register, or all in one place, where it may be a person's that was not masked."""
        return self.textured < FEWEST_BLOCKS or self.spread < LEAST_SPREAD

    @property
    def good(self) -> bool:
        """The background was found again."""
        return not self.blind and self.found >= max(FEWEST_BLOCKS, FOUND_SHARE * self.textured)


def image_pyramid(grey: Floats, boxes_px: NDArray[np.floating]) -> ImagePyramid:
    """Prepare a grey image (H, W), 0 to 255, with people's boxes (N, 4) in its pixels."""
    grey, valid = grey.astype(np.float32), background_mask(grey.shape, boxes_px)
    noise = _noise_sd(grey, valid)
    levels = []
    for level in range(LEVELS):
        if level:
            grey, valid, noise = _halved(grey), np.floor(_halved(valid)), noise / 2
        texture = _texture(grey, valid)
        least_contrast = max(LEAST_CONTRAST, NOISE_FACTOR * SMOOTHED_NOISE * noise)
        levels.append(Level(texture, *_gradients(texture), valid, least_contrast))
    return ImagePyramid(tuple(levels))


def match(first: ImagePyramid, second: ImagePyramid, guess: NDArray[np.float64]) -> Match:
    """Where the first image's background lies in the second, sought from a guess (4,) as in ``Match.motion``."""
    result = Match(guess.copy(), 0, 0.0, 0, np.inf)
    for level in reversed(range(LEVELS)):
        scale = 0.5**level
        for _ in range(STEPS[level]):
            motion = result.motion * [scale, scale, 1, 1]
            result = _step(first.levels[level], second.levels[level], motion)
            result = replace(
                result, motion=result.motion / [scale, scale, 1, 1], shift_sd_px=result.shift_sd_px / scale
            )
    return result


def coarse_shift(first: ImagePyramid, second: ImagePyramid) -> NDArray[np.float64]:
    """The shift (4,) that phase correlation of the whole images proposes, whole pixels of the second level."""
    spectra = [
        scipy.fft.rfft2(level.texture * level.valid * _window(*level.valid.shape), workers=1)
        for level in (first.levels[1], second.levels[1])
    ]
    cross = spectra[1] * spectra[0].conj()
    size = np.abs(cross)
    surface = scipy.fft.irfft2(cross / (size + size.mean()), s=first.levels[1].texture.shape, workers=1)
    height, width = surface.shape
    y, x = np.unravel_index(int(surface.argmax()), surface.shape)
    dy, dx = (y + height // 2) % height - height // 2, (x + width // 2) % width - width // 2
    return np.array([2.0 * dx, 2.0 * dy, 0.0, 0.0])


def moved(motion: NDArray[np.float64], points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Where points (..., 2) of an image of a shape (height, width) come to lie."""
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    return (points - centre) @ _linear(motion).T + centre + motion[:2]


def compose(then: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
    """The motion (4,) of one motion after another."""
    return np.array([*(_linear(then) @ first[:2] + then[:2]), *(then[2:] + first[2:])])


def inverse_compose(motion: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
    """What has to follow the first motion (4,) so that both together are a motion."""
    change = motion - first
    return np.array([*(motion[:2] - _linear(change) @ first[:2]), *change[2:]])


def _linear(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    c, s = np.cos(motion[2]), np.sin(motion[2])
    return np.exp(motion[3]) * np.array([[c, -s], [s, c]])


def _step(first: Level, second: Level, motion: NDArray[np.float64]) -> Match:
    """One least-squares step of all blocks, and the similarity that fits them."""
    height, width = first.texture.shape
    rows, columns, centres = _blocks(height, width)
    offset = np.rint(moved(motion, centres, (height, width)) - centres).astype(np.intp)
    r2, c2 = rows + offset[:, 1, None], columns + offset[:, 0, None]
    inside = (r2 >= 0) & (r2 < height) & (c2 >= 0) & (c2 < width)
    here = rows * width + columns
    there = np.clip(r2, 0, height - 1) * width + np.clip(c2, 0, width - 1)
    valid = first.valid.take(here) * second.valid.take(there) * inside
    a, contrast_a = _normalised(first.texture.take(here), valid)
    b, contrast_b = _normalised(second.texture.take(there), valid)
    # The gradient that both images share: its step is right to second order.
    gx = 0.5 * (first.gradient_x.take(here) / contrast_a + second.gradient_x.take(there) / contrast_b)
    gy = 0.5 * (first.gradient_y.take(here) / contrast_a + second.gradient_y.take(there) / contrast_b)
    information, shift, left_over = _shifts(valid, gx, gy, a - b)
    alike = 1.0 - 0.5 * left_over
    textured = (valid.mean(1) >= LEAST_VALID) & (
        np.minimum(contrast_a / first.least_contrast, contrast_b / second.least_contrast)[:, 0] >= 1.0
    )
    return _similarity(centres, offset + shift, information, textured, alike, motion, (height, width))


def _shifts(valid: Floats, gx: Floats, gy: Floats, error: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each block: information (B, 2, 2), shift (B, 2), and the mean squared error that the shift leaves."""
    wx, wy = valid * gx, valid * gy
    xx, xy, yy = (np.einsum("bp,bp->b", *pair) for pair in ((wx, gx), (wx, gy), (wy, gy)))
    ex, ey = np.einsum("bp,bp->b", wx, error), np.einsum("bp,bp->b", wy, error)
    ridge = 1e-3 * (xx + yy) + 1e-6
    information = np.stack([np.stack([xx + ridge, xy], -1), np.stack([xy, yy + ridge], -1)], -2)
    shift = np.clip(np.linalg.solve(information, np.stack([ex, ey], -1)[..., None])[..., 0], -2.0, 2.0)
    left = error - gx * shift[:, :1] - gy * shift[:, 1:]
    return information, shift, np.einsum("bp,bp,bp->b", valid, left, left) / np.maximum(valid.sum(1), 1.0)


def _similarity(
    centres: NDArray[np.float64],
    displacement: NDArray[np.floating],
    information: Floats,
    textured: NDArray[np.bool_],
    alike: Floats,
    motion: NDArray[np.float64],
    shape: tuple[int, int],
) -> Match:
    """The robust fit of a motion to the blocks' displacements (B, 2), reweighted from the motion so far."""
    arm = centres - [(shape[1] - 1) / 2, (shape[0] - 1) / 2]
    # Of a small further motion at each block: shift x, y, rotation, zoom.
    basis = np.zeros((len(centres), 2, 4))
    basis[:, 0, 0] = basis[:, 1, 1] = 1.0
    basis[:, :, 2] = np.stack([-arm[:, 1], arm[:, 0]], -1)
    basis[:, :, 3] = arm
    wanted = displacement - (moved(motion, centres, shape) - centres)
    trusted = information * (np.clip(alike, 0.0, 1.0) ** 2 * textured)[:, None, None]
    prior = np.diag([1e-6, 1e-6, *2 * [(shape[1] / 2 / SHAPE_PRIOR_PX) ** 2]])
    # The first votes come from the middle of all shifts, so that a far guess does not make everyone an outlier.
    usable = textured & (alike > 0.0)
    change = np.zeros(4)
    if usable.any():
        change[:2] = np.median(wanted[usable], axis=0)
    for _ in range(4):
        vote = np.clip(1.0 - (_distance(wanted - basis @ change, information) / OUTLIER_PX) ** 2, 0.0, None) ** 2
        weights = trusted * vote[:, None, None]
        weighted = np.einsum("bij,bik->bjk", basis, weights)
        normal = np.einsum("bjk,bkl->jl", weighted, basis) + prior
        change = np.linalg.solve(normal, np.einsum("bjk,bk->j", weighted, wanted))
    distance = _distance(wanted - basis @ change, information)
    agree = textured & (alike >= ALIKE) & (distance < OUTLIER_PX)
    sd = float(np.sqrt(np.mean(distance[agree] ** 2) / agree.sum())) if agree.any() else np.inf
    spread = float(np.ptp(np.percentile(centres[textured, 0], [10, 90]))) / shape[1] if textured.any() else 0.0
    return Match(_with_small(motion, change), int(textured.sum()), spread, int(agree.sum()), sd)


def _distance(difference: NDArray[np.float64], information: Floats) -> NDArray[np.float64]:
    """Length of differences (B, 2) in pixels, counting a direction by how well the block's texture determines it."""
    xx, xy, yy = information[:, 0, 0], information[:, 0, 1], information[:, 1, 1]
    best = 0.5 * (xx + yy) + np.sqrt(0.25 * (xx - yy) ** 2 + xy**2)
    squared: NDArray[np.float64] = np.einsum("bi,bij,bj->b", difference, information, difference) / best
    return np.sqrt(squared)


def _with_small(motion: NDArray[np.float64], change: NDArray[np.float64]) -> NDArray[np.float64]:
    """A motion (4,) with a small further one, both about the image's centre, at positions in the first image."""
    linear = _linear(motion) + np.array([[change[3], -change[2]], [change[2], change[3]]])
    zoom = 0.5 * np.log(np.linalg.det(linear))
    return np.array([*(motion[:2] + change[:2]), np.arctan2(linear[1, 0], linear[0, 0]), zoom])


def _normalised(values: Floats, valid: Floats) -> tuple[Floats, Floats]:
    """Blocks (B, P) with mean 0 and contrast 1 over the valid pixels, and the contrast (B, 1) that they had."""
    count = np.maximum(valid.sum(1, keepdims=True), 1.0)
    centred = values - np.einsum("bp,bp->b", values, valid)[:, None] / count
    contrast = np.sqrt(np.einsum("bp,bp,bp->b", centred, centred, valid)[:, None] / count) + 1e-3
    return centred / contrast, contrast


@lru_cache(maxsize=8)
def _blocks(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Rows and columns (B, P) of the pixels of each block, and the blocks' centres (B, 2)."""
    side = min(BLOCK_PX, height // 2, width // 2)
    stride = max(1, side * STRIDE_PX // BLOCK_PX)
    tops, lefts = np.arange(0, height - side + 1, stride), np.arange(0, width - side + 1, stride)
    top, left = (grid.ravel() for grid in np.meshgrid(tops, lefts, indexing="ij"))
    within = np.arange(side)
    rows = top[:, None] + np.repeat(within, side)[None]
    columns = left[:, None] + np.tile(within, side)[None]
    return rows, columns, (np.stack([left, top], -1) + (side - 1) / 2).astype(np.float64)


@lru_cache(maxsize=8)
def _window(height: int, width: int) -> Floats:
    return (np.hanning(height)[:, None] * np.hanning(width)[None]).astype(np.float32)


def _halved(values: Floats) -> Floats:
    height, width = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    v = values[:height, :width]
    return 0.25 * (v[::2, ::2] + v[1::2, ::2] + v[::2, 1::2] + v[1::2, 1::2])


def _texture(grey: Floats, valid: Floats) -> Floats:
    """The image without its slow shading, which looks the same wherever a block is put; 0 inside people's boxes."""
    share = scipy.ndimage.uniform_filter(valid, SHADING_PX)
    shading = scipy.ndimage.uniform_filter(grey * valid, SHADING_PX) / np.maximum(share, 1e-3)
    return scipy.ndimage.gaussian_filter((grey - shading) * valid, SMOOTHING_PX, truncate=2.5)


def _noise_sd(grey: Floats, valid: Floats) -> float:
    """Standard deviation of an image's white noise in grey levels (Immerkaer 1996); by the median, so without edges."""
    responses = np.abs(scipy.ndimage.convolve(grey, LAPLACIAN))[valid > 0]
    return float(np.median(responses) / (0.6745 * np.linalg.norm(LAPLACIAN))) if len(responses) else 0.0


def _gradients(grey: Floats) -> tuple[Floats, Floats]:
    gx, gy = np.zeros_like(grey), np.zeros_like(grey)
    gx[:, 1:-1] = 0.5 * (grey[:, 2:] - grey[:, :-2])
    gy[1:-1] = 0.5 * (grey[2:] - grey[:-2])
    return gx, gy


def background_mask(shape: tuple[int, ...], boxes_px: NDArray[np.floating]) -> Floats:
    """1 outside people's boxes (N, 4), grown by a tenth: limbs, shadows and the gradient's reach stick out."""
    valid = np.ones(shape, np.float32)
    for left, top, right, bottom in np.asarray(boxes_px, float).reshape(-1, 4):
        if np.isnan(left + top + right + bottom):
            continue
        grown_x, grown_y = 0.1 * (right - left) + 2, 0.1 * (bottom - top) + 2
        x0, x1 = max(0, int(left - grown_x)), max(0, int(np.ceil(right + grown_x)) + 1)
        y0, y1 = max(0, int(top - grown_y)), max(0, int(np.ceil(bottom + grown_y)) + 1)
        valid[y0:y1, x0:x1] = 0.0
    return valid
