"""A frame that the report shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KeptFrame:
    """A person at one frame, cropped out of the overlay where there is one.

    Attributes:
        person: index in the list of people.
        frame_index: of the video.
        jpeg: the encoded image; empty without an overlay.
    """

    person: int
    frame_index: int
    jpeg: bytes = b""
