"""The frames of a shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from biopose.tracking.shard import Shard
from biopose.video.frames import Frame, read_frames


def shard_frames(shard: Shard, *, warn: Callable[[str], None]) -> Iterator[Frame]:
    """Decode them, from the lead-in on.

    Args:
        shard: of a video.
        warn: as of `read_frames`.

    Raises:
        VideoError: as `read_frames`.
    """
    return read_frames(
        shard.video,
        start_s=max(shard.start_s - shard.lead_in_s, 0.0),
        end_s=shard.end_s,
        recorded_rate_hz=shard.recorded_rate_hz,
        keep_readable=shard.keep_readable,
        warn=warn,
    )
