"""A decoded image as upright RGB: rotated, mirrored and stretched by its file's display matrix and pixel aspect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from biopose.video.colour import rgb_of

PIXEL_ASPECTS = (0.25, 4.0)  # outside these, what a file says about its pixels is nonsense
SQUARE = 0.01  # a pixel this near to square is square: some encoders round


@dataclass(frozen=True)
class Layout:
    """How the stored image becomes the shown one.

    Attributes:
        stored_px: (width, height) as coded.
        square_px: (width, height) once pixels are square, before turning.
        transposed: rows become columns, before the mirroring.
        mirrored: (left and right, up and down).
    """

    stored_px: tuple[int, int]
    square_px: tuple[int, int]
    transposed: bool
    mirrored: tuple[bool, bool]

    @property
    def upright_px(self) -> tuple[int, int]:
        """(width, height) of the shown image."""
        width, height = self.square_px
        return (height, width) if self.transposed else (width, height)

    @property
    def rotation_deg(self) -> int:
        """By how much the stored image is rotated clockwise to stand upright: 0, 90, 180 or 270.

        A mirrored image is mirrored left to right after that.
        """
        _, up_down = self.mirrored
        if self.transposed:
            return 270 if up_down else 90
        return 180 if up_down else 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person has to judge about the image, a sentence each."""
        left_right, up_down = self.mirrored
        if self.transposed != (left_right != up_down):
            return (
                "The file has its image mirrored when shown, as front cameras do, and it was measured as it is shown. "
                "Where the scene is mirrored in the overlay (writing reads backwards), left and right are exchanged.",
            )
        return ()


# Palettes, raw sensors and a packed layout: FFmpeg's scaler reads these formats and writes none of them.
READ_ALONE = ("pal8", "bayer_", "uyyvyy411")


class Reduction:
    """Makes a file's frames smaller, one after another.

    A frame is reduced in its own colour format, before it is converted to RGB: that takes a third of the time of
    converting and reducing at once.
    """

    def __init__(self, size_px: tuple[int, int]) -> None:
        """Prepare it.

        Args:
            size_px: (width, height) of the upright images.
        """
        self.size_px = size_px
        self._reformatter = VideoReformatter()  # keeps the weights of the interpolation

    def of(self, frame: VideoFrame, *, width_px: int, height_px: int) -> VideoFrame:
        """The frame at a size, before it is turned upright; one of a format that FFmpeg does not write, as it is."""
        if frame.format.name.startswith(READ_ALONE):
            return frame
        return self._reformatter.reformat(frame, width_px, height_px, interpolation=Interpolation.BILINEAR)


def layout_of(frame: VideoFrame, pixel_aspect: Fraction | None) -> Layout:
    """Read a frame's layout from its display matrix and the width of a pixel over its height."""
    matrix = _display_matrix(frame)
    transposed = bool(abs(matrix[0, 1]) > abs(matrix[0, 0]))
    x_from, y_from = (matrix[1, 0], matrix[0, 1]) if transposed else (matrix[0, 0], matrix[1, 1])
    return Layout(
        stored_px=(frame.width, frame.height),
        square_px=(round(frame.width * _usable(pixel_aspect)), frame.height),
        transposed=transposed,
        mirrored=(bool(x_from < 0), bool(y_from < 0)),
    )


def upright_rgb(frame: VideoFrame, layout: Layout, *, reduction: Reduction | None = None) -> NDArray[np.uint8]:
    """Convert a frame to (H, W, 3) RGB as it is to be shown; of an interlaced frame one field, filled up.

    Args:
        frame: as decoded.
        layout: of its file.
        reduction: to the size of the result, unless it is interlaced; None for that of the layout.
    """
    width, height = layout.square_px
    if reduction is not None and not frame.interlaced_frame:
        width, height = reduction.size_px[::-1] if layout.transposed else reduction.size_px
        frame = reduction.of(frame, width_px=width, height_px=height)
    rgb = rgb_of(frame, width_px=width, height_px=height)
    if frame.interlaced_frame and height > 2:
        rgb = _first_field(rgb)
    if layout.transposed:
        rgb = rgb.transpose(1, 0, 2)
    left_right, up_down = layout.mirrored
    if not (layout.transposed or left_right or up_down):
        return rgb  # rows may be padded: a copy would cost as much as the conversion
    return np.ascontiguousarray(rgb[:: -1 if up_down else 1, :: -1 if left_right else 1])


def _display_matrix(frame: VideoFrame) -> NDArray[np.int32]:
    """The 3 x 3 matrix of the file: the shown (x, y, 1) is the stored (x, y, 1), a row, times it."""
    data = cast(Mapping[Type, Buffer], frame.side_data).get(Type.DISPLAYMATRIX)
    return np.eye(3, dtype=np.int32) if data is None else np.frombuffer(bytes(data), dtype=np.int32)[:9].reshape(3, 3)


def _usable(pixel_aspect: Fraction | None) -> float:
    aspect = float(pixel_aspect or 1)
    low, high = PIXEL_ASPECTS
    return 1.0 if abs(aspect - 1) < SQUARE or not low <= aspect <= high else aspect


def _first_field(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Replace the odd rows, which were filmed half an interval apart from the even ones, by their neighbours' mean.

    Two fields in one image show a fast limb twice, as a comb.
    """
    filled = rgb.copy()
    even = filled[::2] >> 1
    between = even[:-1] + even[1:]
    filled[1::2][: len(between)] = between
    if len(filled) % 2 == 0:
        filled[-1] = filled[-2]
    return filled
