"""Write images as a video that browsers play, each at its own time, encoded by a thread of its own."""

from __future__ import annotations

import mmap
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from biopose.errors import VideoError

# Encoders in order of preference: what plays everywhere, then what plays in browsers, then what plays in players.
ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "superfast", "crf": "23"},
    "libopenh264": {},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "34", "b": "0"},
    "mpeg4": {"q": "4"},
}
TIME_BASE = Fraction(1, 90_000)
WAITING = 4  # images that may wait for the encoder


class VideoFile:
    """A video that is being written; use it in a `with` block, which finishes the file.

    with VideoFile(path, width_px=1280, height_px=720, rate_hz=30.0) as video:
        video.add(pixels, time_s=0.0)
    """

    def __init__(self, path: Path, *, width_px: int, height_px: int, rate_hz: float, comment: str = "") -> None:
        """Open the file.

        Args:
            path: ending in .mp4.
            width_px: even.
            height_px: even.
            rate_hz: nominal; each image's own time counts.
            comment: kept in the file.

        Raises:
            ValueError: a size that is not even, as the colour format of every player demands.
            VideoError: PyAV has none of the encoders.
        """
        if width_px % 2 or height_px % 2:
            raise ValueError(f"{width_px} x {height_px} pixels; expected even numbers")
        encoder = available_encoder()
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._container.metadata["comment"] = comment
        rate = Fraction(rate_hz).limit_denominator(1001)
        stream = self._container.add_stream(encoder, rate=rate, options=ENCODERS[encoder])
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._stream.width, self._stream.height = width_px, height_px
        self._stream.pix_fmt = "yuv420p"
        self._stream.thread_count = 1  # beside drawing; a night's processes share the cores
        self._stream.codec_context.time_base = TIME_BASE
        self._last_pts = -1
        self._interval = max(1, round(1 / rate_hz / TIME_BASE))
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix="encode")  # PyAV encodes without Python's lock
        self._waiting: deque[Future[None]] = deque()

    def add(self, pixels: NDArray[np.uint8], *, time_s: float) -> None:
        """Append an image at a time; one that is not after the last comes a tick after it.

        Args:
            pixels: (H, W, 3) RGB; the encoder reads them later: they must not be changed any more.
            time_s: in seconds of the video.

        Raises:
            av.error.FFmpegError: this image, or one before it, cannot be encoded.
        """
        while len(self._waiting) >= WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._encoder.submit(self._encode, pixels, time_s))

    def _encode(self, pixels: NDArray[np.uint8], time_s: float) -> None:
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), format="rgb24")  # without a copy
        self._last_pts = max(round(time_s / TIME_BASE), self._last_pts + 1)
        frame.pts, frame.time_base = self._last_pts, TIME_BASE
        frame.duration = self._interval  # the last image is shown as long as the others
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for image in self._waiting:
                    image.result()
                self._container.mux(self._stream.encode(None))
        finally:
            self._encoder.shutdown(cancel_futures=True)
            self._container.close()


def has_comment(path: Path, comment: str) -> bool:
    """Whether `VideoFile` wrote a comment into a file; its bytes lie before the images, so they are found at once."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:  # it cannot be mapped
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(comment.encode()) >= 0


def available_encoder() -> str:
    """The first of `ENCODERS` that this machine's PyAV has.

    Raises:
        VideoError: there is none.
    """
    for name in ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    raise VideoError(
        f"PyAV {av.__version__} has none of the encoders {', '.join(ENCODERS)}: install its wheel from PyPI"
    )
