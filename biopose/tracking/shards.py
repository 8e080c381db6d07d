"""Detect the people of shards: several, of one video or of many, fill the networks' batches together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, groupby
from operator import itemgetter

from biopose.errors import BioposeError
from biopose.perception.detector import PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.tracking.frame_detections import FrameDetections, ShardDetections
from biopose.tracking.people_tracker import PeopleTracker, track_people
from biopose.tracking.shard import LEAD_IN_S, SHARD_S, Shard, ShardFiles, shards_of
from biopose.tracking.shard_frames import shard_frames
from biopose.tracking.token_pass import with_tokens
from biopose.video.frames import SAME_TIME_S, Frame
from biopose.video.probe import check_image_size, probe_video

DETECT_INTERVAL_S = 0.2  # every sixth frame at 30 Hz
MOST_BETWEEN = 8  # frames, whose images wait for the next detection

__all__ = ["LEAD_IN_S", "SHARD_S", "Shard", "ShardFiles", "perceive", "perceive_shards", "shards_of"]


def perceive(
    shard: Shard,
    *,
    detector: PersonDetector,
    network: KeypointNetwork,
    batch_frames: int | None = None,
    detect_every: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[ShardDetections]:
    """Detect the people of one shard, which may be a whole clip; nothing is kept.

    `join_shards(perceive(shard, ...))` measures a clip in memory that does not grow with its images.

    Args:
        shard: of a video.
        detector: of people.
        network: of keypoints.
        batch_frames: as of `track_people`.
        detect_every: the detector is run on every n-th frame, and between them boxes are interpolated; None: about
            five times a second.
        progress: called with the number of frames finished since the last call.

    Yields:
        The shard part by part, as its people's tokens are made.

    Raises:
        VideoError: the video cannot be decoded.
        ValueError: batch_frames or detect_every is below 1.
    """
    source = _ShardFrames(shard, detect_every=detect_every)
    batches = track_people(
        source.frames(), detector=detector, network=network, batch_frames=batch_frames, progress=progress
    )
    with closing(batches):
        for batch in batches:
            yield source.detections(frame for _, frame in batch)
    yield source.detections([])  # with what was noted at the file's end


def perceive_shards(
    shards: Sequence[Shard], files: Sequence[ShardFiles], *, detector: PersonDetector, network: KeypointNetwork
) -> list[BioposeError | None]:
    """Perceive shards and write each to its files; one that cannot be decoded leaves the others alone.

    What is there is not made again: where people are located already, their tokens alone are.

    Args:
        shards: of any videos.
        files: Parquet to write, each whole or not at all.
        detector: of people.
        network: of keypoints.

    Returns:
        What is wrong with each shard's video; None where all went well.
    """
    from biopose.tracking.shard_file import read_shard, write_shard  # load pyarrow, which `perceive` does without

    errors: list[BioposeError | None] = [None] * len(shards)
    located = [one.located.exists() for one in files]
    for number, (shard, own) in enumerate(zip(shards, files, strict=True)):
        if located[number] and not own.are_there:
            try:
                write_shard(with_tokens(read_shard(ShardFiles(own.located)), shard, network=network), own)
            except BioposeError as error:
                errors[number] = error
    opened: dict[PeopleTracker, tuple[int, _ShardFrames]] = {}

    def frames() -> Iterator[tuple[PeopleTracker, Frame]]:
        for number, shard in enumerate(shards):
            if located[number]:
                continue
            try:
                source = _ShardFrames(shard)
                opened[source.tracker] = number, source
                yield from source.frames()
            except BioposeError as error:
                errors[number] = error

    with closing(track_people(frames(), detector=detector, network=network)) as batches:
        for tracker, group in groupby(chain.from_iterable(batches), key=itemgetter(0)):
            found = [frame for _, frame in group]
            number, source = opened[tracker]
            if errors[number] is None:
                write_shard(source.detections(found), files[number])
    return errors


class _ShardFrames:
    """The frames of one shard, and the tracker of its people.

    Raises:
        VideoError: the video cannot be opened, or is too small.
    """

    def __init__(self, shard: Shard, *, detect_every: int | None = None) -> None:
        info = probe_video(shard.video)
        check_image_size(info)
        from_s = (shard.start_s - SAME_TIME_S) / info.slowness(shard.recorded_rate_hz)
        if detect_every is None:
            rate_hz = info.real_rate_hz(shard.recorded_rate_hz)
            detect_every = min(max(round(DETECT_INTERVAL_S * rate_hz), 1), MOST_BETWEEN)
        self.tracker = PeopleTracker(detect_every=detect_every, from_s=from_s)
        self._shard, self._info = shard, info
        self._notes: list[str] = []

    def frames(self) -> Iterator[tuple[PeopleTracker, Frame]]:
        """Decode them, from the lead-in on."""
        for frame in shard_frames(self._shard, warn=self._notes.append):
            yield self.tracker, frame

    def detections(self, frames: Iterable[FrameDetections | None]) -> ShardDetections:
        """Those of the frames that count."""
        found = [frame for frame in frames if frame is not None]
        return ShardDetections(found, self._info.width_px, self._info.height_px, tuple(self._notes))
