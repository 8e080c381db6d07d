"""Frames out of packets, up to the first that is damaged."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream


class DamageError(Exception):
    """The file is broken behind the last frame that came; the message names the damage."""


def intact_frames(
    container: InputContainer, stream: VideoStream, *, end_pts: int | None = None
) -> Iterator[VideoFrame]:
    """Decode from where the container stands, in the order of presentation.

    What comes before the first whole frame is left out: a clip that was cut from a broadcast begins with images
    that refer to others that it does not hold.

    Args:
        container: open, at a key frame.
        stream: of the container.
        end_pts: the timestamp that a file reaches unless it was cut; None where nobody knows.

    Raises:
        DamageError: a packet is cut or cannot be decoded, or a frame is missing or one that the decoder had to make up.
    """
    expected = _Expected()
    begun = False
    for frame in _frames(container, stream, expected, end_pts):
        if not frame.is_corrupt:
            if expected.lost_before(frame) and begun:
                raise DamageError("a frame cannot be decoded")
            begun = True
            yield frame
        elif begun:
            raise DamageError("a frame is damaged")


class _Expected:
    """Timestamps that went into the decoder and have not come out: HEVC's leaves out a broken frame in silence."""

    def __init__(self) -> None:
        self._pts: list[int] = []
        self._latest: int | None = None

    def add(self, packet: Packet[VideoStream]) -> None:
        """Note a packet that is given to the decoder; images before the first key frame are rightly left out."""
        if packet.stream.codec_context.name != "hevc" or packet.pts is None or packet.is_discard:
            return
        if self._latest is None or packet.pts > self._latest:
            heapq.heappush(self._pts, packet.pts)

    def lost_before(self, frame: VideoFrame) -> bool:
        """Whether a frame that was expected earlier did not come."""
        if frame.pts is None:
            return False
        lost = False
        while self._pts and self._pts[0] <= frame.pts:
            lost = heapq.heappop(self._pts) < frame.pts or lost
        self._latest = frame.pts
        return lost


def _frames(
    container: InputContainer, stream: VideoStream, expected: _Expected, end_pts: int | None
) -> Iterator[VideoFrame]:
    seen_key = False
    latest_pts = latest_dts = None
    for packet in _packets(container, stream):
        at_end = packet.size == 0
        cut = at_end and latest_pts is not None and end_pts is not None and latest_pts < end_pts
        if packet.is_corrupt or cut:
            yield from _decoded_before(stream, latest_dts)
            raise DamageError(
                "the file ends before its header says" if cut else "the data stop in the middle of a frame"
            )
        seen_key = seen_key or packet.is_keyframe or at_end
        if seen_key:
            expected.add(packet)
            yield from _decode(stream, packet)
        if packet.pts is not None:
            latest_pts = max(packet.pts, packet.pts if latest_pts is None else latest_pts)
            latest_dts = packet.dts


def _decoded_before(stream: VideoStream, dts: int | None) -> list[VideoFrame]:
    """What is still on its way in the decoder, as far as no frame between can be missing.

    All that is shown before the time at which the last whole packet is decoded has been read by then.
    """
    return [f for f in _decode(stream, None) if dts is None or (f.pts is not None and f.pts <= dts)]


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    try:
        yield from container.demux(stream)
    except av.FFmpegError as error:
        raise DamageError(f"the file cannot be read on ({error.strerror})") from error


def _decode(stream: VideoStream, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
    try:
        return stream.decode(packet)
    except av.EOFError:
        return []
    except av.FFmpegError as error:
        raise DamageError(f"a frame cannot be decoded ({error.strerror})") from error
