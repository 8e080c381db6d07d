"""Frames at a file's beginning that refer to others before them, which the file does not hold.

A phone that trims a video without coding it anew begins it between two key frames; a clip cut out of a broadcast
begins anywhere. These frames cannot be decoded. In a file with an index they belong to its time, so the frames behind
them keep theirs; a stream without one begins with its first whole frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class LeadIn:
    """What cannot be decoded before the first frame.

    Attributes:
        frames: how many.
        length_s: how long it lasts.
        start_pts: timestamp of the first packet that is to be shown; None where the file has no usable timestamps.
        zero_pts: timestamp of time 0; None likewise.
    """

    frames: int = 0
    length_s: float = 0.0
    start_pts: int | None = None
    zero_pts: int | None = None

    @property
    def first_frame_s(self) -> float:
        """Time of the first frame that can be decoded."""
        return self.length_s if self.zero_pts == self.start_pts else 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, in a sentence; none where nothing was."""
        if not self.frames:
            return ()
        several = self.frames > 1
        times = (
            "the others keep their times" if self.first_frame_s else "times count from the first that can be decoded"
        )
        return (
            f"The first {f'{self.frames} frames' if several else 'frame'} ({self.length_s:.2f} s) cannot be decoded: "
            f"{'they refer' if several else 'it refers'} to images before them that the file does not hold, as when a "
            f"video is trimmed without coding it anew. They are left out; {times}. Export the whole recording where "
            "they matter.",
        )


def lead_in_of(pts: Sequence[int], *, first_pts: int | None, time_base: Fraction, has_index: bool) -> LeadIn:
    """What lies before the first frame that can be decoded.

    Args:
        pts: timestamps of the file's first packets that are to be shown, beyond first_pts.
        first_pts: of the first frame that can be decoded; None where timestamps are of no use.
        time_base: seconds of one tick.
        has_index: the file's time begins with its first packet, not with its first whole frame.
    """
    if first_pts is None:
        return LeadIn()
    left_out = sorted(p for p in pts if p < first_pts)
    if not left_out:
        return LeadIn(start_pts=first_pts, zero_pts=first_pts)
    length_s = float((first_pts - left_out[0]) * time_base)
    return LeadIn(len(left_out), length_s, left_out[0], left_out[0] if has_index else first_pts)
