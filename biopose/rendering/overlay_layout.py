"""The size of the overlay and of its three parts: the video, and in a column beside it the side view and the curves."""

from __future__ import annotations

from dataclasses import dataclass

from biopose.camera.pinhole import Camera

MIN_HEIGHT_PX, MAX_HEIGHT_PX, MAX_WIDTH_PX = 480, 720, 1280  # of the whole overlay, unless a height is asked for
COLUMN_SHARE = 0.72  # the right column's width as a share of the height
SIDE_SHARE = 0.5  # the side view's share of that column


@dataclass(frozen=True)
class OverlayLayout:
    """Sizes in pixels.

    Attributes:
        height_px: of the overlay; even.
        video_width_px: of the video in it; even. It is as high as the overlay.
    """

    height_px: int
    video_width_px: int

    @property
    def video_px(self) -> tuple[int, int]:
        """(width, height) of the video."""
        return self.video_width_px, self.height_px

    @property
    def column_px(self) -> int:
        """Width of the right column; even."""
        return _even(COLUMN_SHARE * self.height_px)

    @property
    def side_px(self) -> int:
        """Height of the side view; the curves have the rest."""
        return round(SIDE_SHARE * self.height_px)

    @property
    def width_px(self) -> int:
        """Of the overlay; even."""
        return self.video_width_px + self.column_px


def overlay_layout(camera: Camera, *, height_px: int | None = None) -> OverlayLayout:
    """The layout of a video's overlay.

    Args:
        camera: of the video.
        height_px: of the overlay. None: the video's, within MIN_HEIGHT_PX and MAX_HEIGHT_PX, and less where the overlay
            would be wider than MAX_WIDTH_PX, but never below MIN_HEIGHT_PX: the curves could not be read.
    """
    aspect = camera.width_px / camera.height_px
    if height_px is None:
        most_px = min(MAX_HEIGHT_PX, MAX_WIDTH_PX / (aspect + COLUMN_SHARE))
        height_px = int(max(min(camera.height_px, most_px), MIN_HEIGHT_PX))
    height_px -= height_px % 2
    return OverlayLayout(height_px, _even(aspect * height_px))


def _even(length_px: float) -> int:
    return max(2, 2 * round(length_px / 2))
