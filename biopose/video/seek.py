"""Where to begin decoding so that a frame, or a second, in the middle of a file is reached exactly.

The packets are walked through without decoding them: their timestamps in order give each frame its index, and their
flags the key frames, where a decoder may begin. That holds where one packet is one frame; elsewhere a file is decoded
from its start.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from biopose.video.container import INDEXED_CONTAINERS, opened_video
from biopose.video.probe import Opening

ONE_PACKET_ONE_FRAME = {"h264", "hevc", "vp9", "av1", "mjpeg", "prores", "ffv1", "dnxhd"}
REORDERED_PACKETS = 64  # a packet is never this far from its place in presentation: 16 in the codings that do it most


@dataclass(frozen=True)
class Entry:
    """A key frame to begin decoding at.

    Attributes:
        seek_to: its timestamp of decoding.
        key_pts: its timestamp of presentation.
        index: which frame of the file it is.
    """

    seek_to: int
    key_pts: int
    index: int


def entry_before(
    path: Path, opening: Opening, *, index: int | None = None, time_s: float | None = None
) -> Entry | None:
    """The last key frame from which a frame is reached, given its index or a played time not after it.

    Returns:
        None where the file has to be decoded from its start.
    """
    zero_pts = opening.lead_in.zero_pts
    if opening.first_pts is None or zero_pts is None or opening.info.codec not in ONE_PACKET_ONE_FRAME:
        return None
    target = None if time_s is None else zero_pts + int(time_s / opening.time_base)
    with opened_video(path) as (container, stream):
        if not container.format.name.startswith(INDEXED_CONTAINERS):
            return None
        times, keys = _walk(container, stream, first_pts=opening.first_pts, index=index, until_pts=target)
    pts = np.unique(times)
    if len(pts) < len(times) or not keys:
        return None
    if target is None:
        assert index is not None
        target = int(pts[min(index, len(pts) - 1)])
    usable = [key for key in keys if key[0] <= target]
    if not usable:
        return None
    key_pts, key_dts = usable[-1]
    return Entry(key_dts, key_pts, int(np.searchsorted(pts, key_pts)))


def _walk(
    container: InputContainer, stream: VideoStream, *, first_pts: int, index: int | None, until_pts: int | None
) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Timestamps in order of decoding, and (presentation, decoding) of the key frames; nothing if one is missing."""
    times, keys = array("q"), []
    with suppress(av.FFmpegError):  # what lies before a break can be reached, and decoding finds where it is
        for packet in _frame_packets(container, stream):
            if packet.pts is None or packet.dts is None:
                return np.empty(0, dtype=np.int64), []
            if packet.pts >= first_pts:
                times.append(packet.pts)
                if packet.is_keyframe:
                    keys.append((packet.pts, packet.dts))
            enough = until_pts is not None and packet.dts > until_pts
            if enough or (index is not None and len(times) > index + REORDERED_PACKETS):
                break
    return np.frombuffer(times, dtype=np.int64) if times else np.empty(0, dtype=np.int64), keys


def _frame_packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    return (p for p in container.demux(stream) if p.size and not p.is_discard)
