"""The picture of everybody in a clip."""

from __future__ import annotations

import numpy as np

from biopose.rendering.people_sheet import HEIGHT_PX, LABEL_PX, SHARES, WIDTH_PX, people_sheet
from biopose.tracking.tracks import PersonTrack
from biopose.video.frames import Frame

COLOURS = ((200, 30, 30), (30, 200, 30))


def track(person: int, *, left_px: float) -> PersonTrack:
    frames = 21
    boxes = np.tile(np.array([left_px, 20.0, left_px + 60.0, 180.0]), (frames, 1))
    keypoints, confidence = np.zeros((frames, 26, 2)), np.ones((frames, 26))
    return PersonTrack(person, np.arange(frames), np.arange(frames) / 20, boxes, keypoints, confidence)


def frame(index: int) -> Frame:
    image = np.zeros((200, 300, 3), dtype=np.uint8)
    for left, colour in zip((20, 200), COLOURS, strict=True):
        image[20:180, left : left + 60] = colour
    return Frame(index, index / 20, image, timed=True, change=0.0)


def test_each_person_has_a_row_in_which_they_and_nobody_else_are_seen() -> None:
    sheet = people_sheet([track(0, left_px=20), track(1, left_px=200)], map(frame, range(21)))
    row_px = LABEL_PX + HEIGHT_PX
    assert sheet.shape == (2 * row_px, len(SHARES) * WIDTH_PX, 3)
    for row, (own, other) in enumerate(((0, 1), (1, 0))):
        pixels = sheet[row * row_px + LABEL_PX : (row + 1) * row_px]
        assert (pixels == COLOURS[own]).all(-1).sum() > len(SHARES) * 5_000
        assert not (pixels == COLOURS[other]).all(-1).any()
