"""A long video in shards (stretches of time), so that several processes share it and a crash costs one shard only.

Each shard is decoded from a little before its start, since people are tracked from frame to frame: its detections are
then those of the uncut video, but for boxes between its last detection and its end (`interpolated_boxes`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from biopose.video.frames import SAME_TIME_S
from biopose.video.probe import VideoInfo

SHARD_S = 20.0
LEAD_IN_S = 2.0  # as long as someone is followed without being detected (tracker.EXPECT_S), and a little


@dataclass(frozen=True)
class Shard:
    """A stretch of a video.

    Attributes:
        video: the file.
        start_s: the first frame that counts is the first at or after this second of the file as it is played.
        end_s: the last is the last before this one; None: the file's last.
        lead_in_s: decoded before start_s to know who is there; does not count.
        recorded_rate_hz: of slow motion; None: what the file states.
        keep_readable: of a broken file, the frames before the break count.
    """

    video: Path
    start_s: float = 0.0
    end_s: float | None = None
    lead_in_s: float = 0.0
    recorded_rate_hz: float | None = None
    keep_readable: bool = False


@dataclass(frozen=True)
class ShardFiles:
    """Where what is perceived of a shard is kept.

    Attributes:
        located: its people, with their keypoints and crops, and what the camera's motion is found from.
        tokens: of the people, as a feature head makes them; None where no head is used.
    """

    located: Path
    tokens: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.located,) if self.tokens is None else (self.located, self.tokens)

    @property
    def are_there(self) -> bool:
        """Whether all of them exist."""
        return all(path.exists() for path in self.paths)


def shards_of(
    info: VideoInfo,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    recorded_rate_hz: float | None = None,
    keep_readable: bool = False,
    shard_s: float = SHARD_S,
) -> list[Shard]:
    """Cut a video, or a part of it, into shards of nearly equal length.

    Args:
        info: of the video; one whose duration is not known is not cut.
        start_s: of the part, in seconds of the file as it is played.
        end_s: likewise.
        recorded_rate_hz: of slow motion; None: what the file states.
        keep_readable: of a broken file, the frames before the break count; it is not cut, for nobody knows yet which
            of its shards exist.
        shard_s: the longest shard.
    """
    first_s, last_s = start_s or 0.0, end_s if end_s is not None else info.duration_s
    if last_s is None or info.first_frame_s < last_s:
        first_s = max(first_s, info.first_frame_s)  # no shard without a frame
    length_s = 0.0 if last_s is None or keep_readable else max(min(last_s, info.duration_s or last_s) - first_s, 0.0)
    count = max(1, math.ceil(length_s / shard_s - SAME_TIME_S))
    edges = [first_s + length_s * i / count for i in range(count)]
    return [
        Shard(info.path, edge, end, min(LEAD_IN_S, edge - first_s), recorded_rate_hz, keep_readable)
        for edge, end in zip(edges, [*edges[1:], end_s], strict=True)
    ]
