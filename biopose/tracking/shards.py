"""A long video seen in stretches, so that several processes share it and a crash costs one stretch only.

Each stretch begins a little earlier than it counts, since people are followed from frame to frame: what is seen in a
stretch is then what is seen without cutting. Several stretches, of one video or of many, fill the networks' batches
together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biopose.camera.motion import LEAST_INTERVAL_S as BACKGROUND_INTERVAL_S
from biopose.camera.motion import Background, background_of
from biopose.errors import BioposeError
from biopose.perception.detections import Detection
from biopose.perception.detector import PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.tracking.frame_detections import FrameDetections, ShardDetections, write_shard
from biopose.tracking.people import PeopleTracker, track_people
from biopose.tracking.tracker import EXPECT_S
from biopose.video.frames import Frame, read_frames
from biopose.video.probe import VideoInfo, probe_video

SHARD_S = 20.0
LEAD_IN_S = EXPECT_S + 0.5  # as long as someone is followed without being detected, and a little
SAME_TIME_S = 1e-6


@dataclass(frozen=True)
class Shard:
    """A stretch of a video.

    Attributes:
        video: the file.
        start_s: the first frame that counts is the first at or after this second of the file as it is played.
        end_s: the last is the last before this one; None: the file's last.
        lead_in_s: seen before start_s to know who is there; does not count.
        recorded_rate_hz: of slow motion.
    """

    video: Path
    start_s: float = 0.0
    end_s: float | None = None
    lead_in_s: float = 0.0
    recorded_rate_hz: float | None = None


def shards_of(
    info: VideoInfo,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    recorded_rate_hz: float | None = None,
    shard_s: float = SHARD_S,
) -> list[Shard]:
    """Cut a video, or a part of it, into stretches of nearly equal length.

    Args:
        info: of the video; one that does not say how long it is is not cut.
        start_s: of the part, in seconds of the file as it is played.
        end_s: likewise.
        recorded_rate_hz: of slow motion.
        shard_s: the longest stretch.
    """
    first_s, last_s = start_s or 0.0, end_s if end_s is not None else info.duration_s
    length_s = 0.0 if last_s is None else max(min(last_s, info.duration_s or last_s) - first_s, 0.0)
    count = max(1, math.ceil(length_s / shard_s - SAME_TIME_S))
    edges = [first_s + length_s * i / count for i in range(count)]
    return [
        Shard(info.path, edge, end, min(LEAD_IN_S, edge - first_s), recorded_rate_hz)
        for edge, end in zip(edges, [*edges[1:], end_s], strict=True)
    ]


def perceive_shards(
    shards: Sequence[Shard], files: Sequence[Path], *, detector: PersonDetector, network: KeypointNetwork
) -> list[BioposeError | None]:
    """See stretches and write each to its file; one that cannot be read leaves the others alone.

    Args:
        shards: of any videos.
        files: Parquet to write, one a shard, each whole or not at all.
        detector: of people.
        network: of keypoints.

    Returns:
        What is wrong with each shard's video; None where all went well.
    """
    errors: list[BioposeError | None] = [None] * len(shards)

    def frames() -> Iterator[tuple[PeopleTracker, Frame]]:
        for number, (shard, file) in enumerate(zip(shards, files, strict=True)):
            try:
                sight = _ShardPerception(shard, file)
                for frame in sight.frames():
                    yield sight.follower, frame
                sight.end()
            except BioposeError as error:
                errors[number] = error

    track_people(frames(), detector=detector, network=network)
    return errors


class _ShardPerception:
    """What is seen of one shard; written as soon as its last frame has been through the networks."""

    def __init__(self, shard: Shard, file: Path) -> None:
        self.follower = PeopleTracker(watch=self._watch, record=self._add)
        self._shard, self._file = shard, file
        self._info = probe_video(shard.video)
        self._motion_due_s = -math.inf
        self._background: Background | None = None
        self._seen: list[FrameDetections] = []
        self._notes: list[str] = []
        self._given = self._added = 0
        self._ended = False

    def frames(self) -> Iterator[Frame]:
        shard = self._shard
        for frame in read_frames(
            shard.video,
            start_s=max(shard.start_s - shard.lead_in_s, 0.0),
            end_s=shard.end_s,
            recorded_rate_hz=shard.recorded_rate_hz,
            tell=self._notes.append,
        ):
            self._given += 1
            yield frame

    def end(self) -> None:
        """No more frames come; some may still be on their way through the networks."""
        self._ended = True
        self._write_if_complete()

    def _watch(self, frame: Frame, boxes_px: NDArray[np.float64]) -> None:
        self._background = None
        if self._counts(frame) and frame.time_s >= self._motion_due_s:
            self._background = background_of(frame.image, time_s=frame.time_s, boxes_px=boxes_px)
            self._motion_due_s = frame.time_s + BACKGROUND_INTERVAL_S

    def _add(self, frame: Frame, detections: list[Detection]) -> None:
        if self._counts(frame):
            self._seen.append(FrameDetections(frame.index, frame.time_s, detections, self._background))
        self._added += 1
        self._write_if_complete()

    def _counts(self, frame: Frame) -> bool:
        shard = self._shard
        slowness = shard.recorded_rate_hz / self._info.nominal_rate_hz if shard.recorded_rate_hz else 1.0
        return frame.time_s * slowness >= shard.start_s - SAME_TIME_S

    def _write_if_complete(self) -> None:
        if self._ended and self._added == self._given:
            seen = ShardDetections(self._seen, self._info.width_px, self._info.height_px, tuple(self._notes))
            write_shard(seen, self._file)
