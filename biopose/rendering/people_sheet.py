"""A picture of everybody in a clip: a row for each person, with their number and the person at some times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from biopose.rendering.drawing import draw_text
from biopose.tracking.tracks import PersonTrack
from biopose.video.frames import Frame

SHARES = (0.1, 0.5, 0.9)  # of the frames in which a person is detected, at which they are shown
WIDTH_PX, HEIGHT_PX = 200, 240  # of an image of a person
LABEL_PX, TEXT_PX = 26, 18
MARGIN = 0.15  # of the box's size, shown around it
WHITE, GREY = (255, 255, 255), (45, 45, 45)


def people_sheet(tracks: Sequence[PersonTrack], frames: Iterable[Frame]) -> NDArray[np.uint8]:
    """Draw the sheet.

    Args:
        tracks: N people, at least one.
        frames: the clip's; only those that are shown are kept, each until it is drawn.

    Returns:
        (N * (LABEL_PX + HEIGHT_PX), 3 * WIDTH_PX, 3) RGB.
    """
    row_px = LABEL_PX + HEIGHT_PX
    sheet = np.full((len(tracks) * row_px, len(SHARES) * WIDTH_PX, 3), GREY, dtype=np.uint8)
    shown = [(row, column, at) for row, track in enumerate(tracks) for column, at in enumerate(_shown(track))]
    for row, track in enumerate(tracks):
        draw_text(sheet, _label(track), 6, row * row_px + 3, WHITE, size_px=TEXT_PX, background=0.0)
    for frame in frames:
        for row, column, at in shown:
            if tracks[row].frame_indices[at] == frame.index:
                image = _person(frame.image, tracks[row].boxes_px[at])
                top, left = row * row_px + LABEL_PX, column * WIDTH_PX
                sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
                draw_text(sheet, f"{frame.time_s:.2f} s", left + 4, top + 4, WHITE, size_px=TEXT_PX)
    return sheet


def _shown(track: PersonTrack) -> list[int]:
    """Indices of the frames in which a person is shown."""
    detected = np.flatnonzero(track.detected)
    return [int(detected[int(share * (len(detected) - 1))]) for share in SHARES]


def _label(track: PersonTrack) -> str:
    return f"person {track.person}: {track.time_s[0]:.2f} to {track.time_s[-1]:.2f} s"


def _person(image: NDArray[np.uint8], box_px: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A person's box with a margin, as large as fits into WIDTH_PX by HEIGHT_PX."""
    size = MARGIN * (box_px[2:] - box_px[:2])
    low = np.floor(np.clip(box_px[:2] - size, 0, [image.shape[1] - 1, image.shape[0] - 1])).astype(int)
    high = np.maximum(np.ceil(np.clip(box_px[2:] + size, 0, image.shape[1::-1])).astype(int), low + 1)
    crop = image[low[1] : high[1], low[0] : high[0]]
    scale = min(WIDTH_PX / crop.shape[1], HEIGHT_PX / crop.shape[0])
    width, height = (max(round(scale * side), 1) for side in crop.shape[1::-1])
    return np.asarray(Image.fromarray(crop).resize((width, height)))
