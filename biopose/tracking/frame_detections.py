"""The detections of a video's frames, a shard at a time: everything that tracking and the camera's motion need."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from biopose.camera.motion import Background
from biopose.perception.detections import Detection


@dataclass(frozen=True, eq=False)
class FrameDetections:
    """One frame of a video.

    Attributes:
        frame_index: from the file's first frame.
        time_s: real time.
        detections: the people in it, each once.
        background: of about ten frames a second, for the camera's motion; None for the others.
        timed: as of `biopose.video.frames.Frame`.
        change: likewise; NaN where it is not known.
    """

    frame_index: int
    time_s: float
    detections: list[Detection]
    background: Background | None
    timed: bool = True
    change: float = math.nan


@dataclass(frozen=True, eq=False)
class ShardDetections:
    """Consecutive frames of a video: a shard, or a part of one.

    Attributes:
        frames: in order.
        width_px: of the upright image.
        height_px: likewise.
        notes: sentences about what is wrong with the file.
    """

    frames: list[FrameDetections]
    width_px: int
    height_px: int
    notes: tuple[str, ...] = field(default=())

    @property
    def token_width(self) -> int | None:
        """Numbers of a person's tokens: 0 where no feature head was used, None where nobody was detected.

        Raises:
            ValueError: not the same for all people.
        """
        widths = {0 if d.tokens is None else len(d.tokens) for frame in self.frames for d in frame.detections}
        if len(widths) > 1:
            raise ValueError(f"tokens of {sorted(widths)} numbers in one shard; expected those of one feature head")
        return next(iter(widths), None)
