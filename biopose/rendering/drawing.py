"""Dots, lines, areas and text drawn onto images, antialiased."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

DARK: Colour = (20, 20, 20)
TEXT_BACKGROUND = 0.45  # opacity of the dark box behind a text
TEXT_MARGIN_PX = 3
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
    if not (np.isfinite(x_px) and np.isfinite(y_px)):
        return
    if outline_px:
        draw_dot(pixels, x_px, y_px, DARK, radius_px=radius_px + outline_px)
    reach = int(np.ceil(radius_px + 1))
    left, top = int(np.floor(x_px)) - reach, int(np.floor(y_px)) - reach
    x, y = np.arange(left, left + 2 * reach + 2), np.arange(top, top + 2 * reach + 2)
    distance = np.hypot(x[None, :] - x_px, y[:, None] - y_px)
    _blend(pixels, np.clip(radius_px + 0.5 - distance, 0.0, 1.0).astype(np.float32), left, top, colour)


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
    if not (np.isfinite(x_px) and np.isfinite(y_px)):
        return
    coverage = _text_coverage(text, size_px)
    left, top = round(x_px), round(y_px)
    _blend(pixels, np.full(coverage.shape, background, dtype=np.float32), left, top, DARK)
    _blend(pixels, coverage, left, top, colour)


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
    _blend(pixels, _coverage(image), 0, 0, colour)


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
    _blend(pixels, _coverage(image) * np.float32(opacity), 0, 0, colour)


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


def _blend(pixels: NDArray[np.uint8], coverage: NDArray[np.float32], left: int, top: int, colour: Colour) -> None:
    """Mix a colour into the pixels under the coverage (h, w), as far as these are on the image."""
    height, width = pixels.shape[:2]
    rows = slice(max(top, 0), min(top + coverage.shape[0], height))
    columns = slice(max(left, 0), min(left + coverage.shape[1], width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    share = coverage[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left, None]
    under = pixels[rows, columns]
    pixels[rows, columns] = (under + share * (np.array(colour, dtype=np.float32) - under) + 0.5).astype(np.uint8)
