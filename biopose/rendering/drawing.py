"""Dots, lines, areas and text drawn onto images, antialiased."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

DARK: Colour = (20, 20, 20)
TEXT_BACKGROUND = 0.45  # opacity of the dark box behind a text
TEXT_MARGIN_PX = 3
STEPS_PER_PX = 16  # to which a dot's centre is rounded, so that dots can be kept
OVERSAMPLING = 4  # lines and areas are drawn so many times as large, and reduced


def draw_dot(
    pixels: NDArray[np.uint8], x_px: float, y_px: float, colour: Colour, *, radius_px: float, outline_px: float = 0.0
) -> None:
    """Draw a dot onto an image, in place; what lies outside the image is cut off.

    Args:
        pixels: (H, W, 3).
        x_px: of the dot's centre; the centre of the first pixel is 0, 0. Not finite: nothing is drawn.
        y_px: likewise.
        colour: of the dot.
        radius_px: of the dot.
        outline_px: width of a dark line around it.
    """
    if not (math.isfinite(x_px) and math.isfinite(y_px)):
        return
    column, x_steps = divmod(round(x_px * STEPS_PER_PX), STEPS_PER_PX)
    row, y_steps = divmod(round(y_px * STEPS_PER_PX), STEPS_PER_PX)
    reach = math.ceil(radius_px + outline_px + 1)
    _put(pixels, _dot(x_steps, y_steps, colour, radius_px, outline_px, reach), column - reach, row - reach)


def draw_text(
    pixels: NDArray[np.uint8],
    text: str,
    x_px: float,
    y_px: float,
    colour: Colour,
    *,
    size_px: int,
    background: float = TEXT_BACKGROUND,
) -> None:
    """Draw a line of text onto an image, in place; what lies outside the image is cut off.

    Args:
        pixels: (H, W, 3).
        text: one line.
        x_px: of the top left corner. Not finite: nothing is drawn.
        y_px: likewise.
        colour: of the text.
        size_px: of the font.
        background: opacity, 0 to 1, of a dark box behind the text.
    """
    if not (math.isfinite(x_px) and math.isfinite(y_px)):
        return
    _put(pixels, _text(text, colour, size_px, background), round(x_px), round(y_px))


def draw_line(
    pixels: NDArray[np.uint8],
    points_px: NDArray[np.float64],
    colour: Colour,
    *,
    width_px: float,
    dashes_px: tuple[float, float] | None = None,
) -> None:
    """Draw a line through points onto an image, in place; it is interrupted where a point is not finite.

    Args:
        pixels: (H, W, 3).
        points_px: (N, 2).
        colour: of the line.
        width_px: of the line.
        dashes_px: length of a dash and of the gap after it; None for a solid line.
    """
    height, width = pixels.shape[:2]
    image = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING))
    pen = ImageDraw.Draw(image)
    for stretch in _finite_stretches(points_px):
        for dash in [stretch] if dashes_px is None else _dashes(stretch, *dashes_px):
            corners = ((dash + 0.5) * OVERSAMPLING).ravel().tolist()
            pen.line(corners, fill=255, width=round(width_px * OVERSAMPLING), joint="curve")
    _put(pixels, _layer(_coverage(image), colour), 0, 0)


def draw_area(
    pixels: NDArray[np.uint8],
    x_px: NDArray[np.float64],
    low_px: NDArray[np.float64],
    high_px: NDArray[np.float64],
    colour: Colour,
    *,
    opacity: float,
) -> None:
    """Draw the area between two curves (N,) over x_px (N,) onto an image, in place; none where one is not finite."""
    height, width = pixels.shape[:2]
    image = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING))
    pen = ImageDraw.Draw(image)
    for stretch in _finite_stretches(np.stack([x_px, low_px, high_px], axis=1)):
        if len(stretch) > 1:
            outline = np.concatenate([stretch[:, [0, 1]], stretch[::-1][:, [0, 2]]])
            pen.polygon(((outline + 0.5) * OVERSAMPLING).ravel().tolist(), fill=255)
    _put(pixels, _layer(_coverage(image) * np.float32(opacity), colour), 0, 0)


def text_size_px(text: str, size_px: int) -> tuple[int, int]:
    """Width and height of a line of text, without the margin of its background."""
    height, width = _text_coverage(text, size_px).shape
    return width - 2 * TEXT_MARGIN_PX, height - 2 * TEXT_MARGIN_PX


def _finite_stretches(rows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The runs of rows (N, d) that are finite."""
    finite = np.isfinite(rows).all(axis=1)
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], finite, [False]]).astype(np.int8)))
    return [rows[start:stop] for start, stop in bounds.reshape(-1, 2)]


def _dashes(points_px: NDArray[np.float64], dash_px: float, gap_px: float) -> list[NDArray[np.float64]]:
    """The parts of a line (N, 2) that are drawn."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points_px, axis=0).T))])
    dashes = []
    for start in np.arange(0.0, along[-1], dash_px + gap_px).tolist():
        ends = np.array([start, min(start + dash_px, along[-1])])
        inner = points_px[(along > ends[0]) & (along < ends[1])]
        first, last = (np.array([np.interp(end, along, points_px[:, axis]) for axis in (0, 1)]) for end in ends)
        dashes.append(np.concatenate([[first], inner, [last]]))
    return dashes


def _coverage(image: Image.Image) -> NDArray[np.float32]:
    """(h, w) 0 to 1, of an image drawn OVERSAMPLING times as large."""
    coverage: NDArray[np.float32] = np.asarray(image.reduce(OVERSAMPLING), dtype=np.float32) / np.float32(255)
    return coverage


@lru_cache(maxsize=256)
def _text_coverage(text: str, size_px: int) -> NDArray[np.float32]:
    """(h, w) 0 to 1: how much of each pixel the text covers."""
    font = ImageFont.load_default(size_px)
    left, top, right, bottom = font.getbbox(text)
    size = int(right - left) + 2 * TEXT_MARGIN_PX, int(bottom - top) + 2 * TEXT_MARGIN_PX
    image = Image.new("L", size)
    ImageDraw.Draw(image).text((TEXT_MARGIN_PX - left, TEXT_MARGIN_PX - top), text, fill=255, font=font)
    coverage: NDArray[np.float32] = np.asarray(image, dtype=np.float32) / np.float32(255)
    return coverage


class _Layer(NamedTuple):
    """What is drawn over pixels: these times `kept` (h, w, 1), plus `added` (h, w, 3)."""

    kept: NDArray[np.float32]
    added: NDArray[np.float32]

    def under(self, upper: _Layer) -> _Layer:
        """Both, the other one above."""
        return _Layer(self.kept * upper.kept, self.added * upper.kept + upper.added)


def _layer(coverage: NDArray[np.float32], colour: Colour) -> _Layer:
    """A colour where it covers pixels, (h, w) of 0 to 1."""
    share = coverage[..., None]
    return _Layer(1 - share, share * np.array(colour, dtype=np.float32))


@lru_cache(maxsize=4096)
def _dot(x_steps: int, y_steps: int, colour: Colour, radius_px: float, outline_px: float, reach: int) -> _Layer:
    """A dot whose centre is so many steps from that of the pixel `reach`, `reach`."""
    along = np.arange(-reach, reach + 2, dtype=np.float32)
    distance = np.hypot(along[None, :] - x_steps / STEPS_PER_PX, along[:, None] - y_steps / STEPS_PER_PX)
    dot, outlined = (
        np.clip(r + 0.5 - distance, 0.0, 1.0).astype(np.float32) for r in (radius_px, radius_px + outline_px)
    )
    return _layer(outlined, DARK).under(_layer(dot, colour)) if outline_px else _layer(dot, colour)


@lru_cache(maxsize=64)
def _text(text: str, colour: Colour, size_px: int, background: float) -> _Layer:
    """A text on a dark box."""
    coverage = _text_coverage(text, size_px)
    box = np.full(coverage.shape, background, dtype=np.float32)
    return _layer(box, DARK).under(_layer(coverage, colour)) if background else _layer(coverage, colour)


def _put(pixels: NDArray[np.uint8], layer: _Layer, left: int, top: int) -> None:
    """Draw a layer at a place of an image (H, W, 3), in place, as far as it lies on it."""
    height, width = pixels.shape[:2]
    rows, columns = layer.kept.shape[:2]
    first_row, first_column = max(-top, 0), max(-left, 0)
    last_row, last_column = min(height - top, rows), min(width - left, columns)
    if first_row >= last_row or first_column >= last_column:
        return
    part = slice(first_row, last_row), slice(first_column, last_column)
    under = pixels[top + first_row : top + last_row, left + first_column : left + last_column]
    mixed = under * layer.kept[part]
    mixed += layer.added[part]
    mixed += np.float32(0.5)
    under[...] = mixed
