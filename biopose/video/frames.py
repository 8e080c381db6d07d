"""Frames of a video file, one after another: upright RGB with the time of each, in constant memory."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from biopose.errors import VideoError
from biopose.video.container import hardware_decoder, opened_video
from biopose.video.decoding import DamageError, intact_frames
from biopose.video.orientation import Reduction, upright_rgb
from biopose.video.probe import Opening, VideoInfo, look_at, probe_video
from biopose.video.regularity import ImageChange
from biopose.video.seek import Entry, entry_before
from biopose.video.timing import FrameClock

__all__ = ["Frame", "VideoInfo", "probe_video", "read_frame", "read_frames"]

log = logging.getLogger(__name__)

SAME_TIME_S = 1e-6  # times given in decimals against times counted in ticks
CUT_S = 0.5  # a file that ends this much before its header says was cut


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        index: counted from the file's first frame, 0, wherever decoding began.
        time_s: real time since the file's first frame (slow motion undone).
        image: (H, W, 3) RGB, upright, of standard dynamic range.
        timed: its time is that of its timestamp; False where that was missing, repeated or went back.
        change: by how much it differs from the frame before, from `ImageChange`; NaN for the first that is read, and
            where images are read smaller than the file's.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8]
    timed: bool = True
    change: float = math.nan


@dataclass(frozen=True, eq=False)
class _Shown:
    index: int
    played_s: float
    image: VideoFrame
    timed: bool


class _BrokenVideoError(VideoError):
    """The file can be read as far as it was."""


def read_frames(
    path: Path | str,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    recorded_rate_hz: float | None = None,
    keep_readable: bool = False,
    size_px: tuple[int, int] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Iterator[Frame]:
    """Decode a video frame by frame; nothing is kept, so memory does not grow with its length.

    Times are the file's presentation timestamps less that of its first frame, made strictly increasing.

    Args:
        path: of the video.
        start_s: the first frame is the first at or after this second of the file as it is played.
        end_s: the last frame is the last before this second of the file as it is played.
        recorded_rate_hz: for slow motion, frames per second at which it was filmed: the times of the frames, not
            start_s and end_s, are divided by this over the file's nominal rate. None: what the file states, if it does.
        keep_readable: of a broken file, give the frames before the break, with a warning.
        size_px: (width, height) of the images, for a smaller one than the file's; None: the file's. Interlaced images
            keep the file's, as one of their fields is left out.
        warn: called with a sentence about what is odd about the file and how it is read; None logs it.

    Raises:
        ValueError: a second or a rate that cannot be.
        VideoError: no such file, not a video, without a frame, broken (at which second), or start_s beyond its end.
    """
    if start_s is not None and not 0 <= start_s < math.inf:
        raise ValueError(f"start_s is {start_s}; expected 0 or more")
    if end_s is not None and not end_s > (start_s or 0):
        raise ValueError(f"end_s is {end_s}; expected more than start_s, {start_s or 0}")
    if recorded_rate_hz is not None and not 0 < recorded_rate_hz < math.inf:
        raise ValueError(f"recorded_rate_hz is {recorded_rate_hz}; expected more than 0")
    end_s = math.inf if end_s is None else end_s
    warn = warn or (lambda note: log.warning("%s: %s", path, note))
    return _read(Path(path), start_s or 0.0, end_s, recorded_rate_hz, keep_readable, size_px, warn)


def read_frame(path: Path | str, *, index: int) -> Frame:
    """Decode one frame: the one that `read_frames` counts as `index`, reached through the key frame before it.

    Raises:
        ValueError: a negative index.
        VideoError: as `read_frames`; or the video has no such frame.
    """
    if index < 0:
        raise ValueError(f"index is {index}; expected 0 or more")
    path = Path(path)
    opening = look_at(path)
    entry = entry_before(path, opening, index=index) if index else None
    latest = -1
    for shown in _shown(path, opening, entry):
        latest = shown.index
        if latest == index:
            return Frame(index, shown.played_s, upright_rgb(shown.image, opening.layout))
    raise VideoError(f"{path}: has no frame {index}; its last is {latest}")


def _read(
    path: Path,
    start_s: float,
    end_s: float,
    recorded_rate_hz: float | None,
    keep_readable: bool,
    size_px: tuple[int, int] | None,
    warn: Callable[[str], None],
) -> Iterator[Frame]:
    opening = look_at(path)
    info = opening.info
    for note in (*info.notes, *info.capture.notes_with(given_hz=recorded_rate_hz, played_hz=info.nominal_rate_hz)):
        warn(note)
    slowness = info.slowness(recorded_rate_hz)
    changes, reduction = ImageChange(), Reduction(size_px) if size_px else None
    entry = entry_before(path, opening, time_s=start_s) if start_s else None
    latest: _Shown | None = None
    given = 0
    try:
        for latest in _shown(path, opening, entry):
            if latest.played_s >= end_s - SAME_TIME_S:
                break
            if latest.played_s >= start_s - SAME_TIME_S:
                given += 1
                image = upright_rgb(latest.image, opening.layout, reduction=reduction)
                change = math.nan if reduction else changes.of(image)
                yield Frame(latest.index, latest.played_s / slowness, image, latest.timed, change)
    except _BrokenVideoError as error:
        if not (keep_readable and given):
            raise VideoError(f"{error}; copy it from the camera again{_keepable(given)}") from error
        warn(f"The file is {str(error).removeprefix(f'{path}: ')}; the {given} frames before it are used.")
    if not given:
        raise VideoError(f"{path}: has no frame {_interval(start_s, end_s)}; {_nearest(latest, end_s)}")


def _keepable(given: int) -> str:
    return f", or have the {given} frames before the break measured (keep_readable)" if given else ""


def _interval(start_s: float, end_s: float) -> str:
    return f"at or after {start_s:g} s" if end_s == math.inf else f"from {start_s:g} s to {end_s:g} s"


def _nearest(latest: _Shown | None, end_s: float) -> str:
    if latest is None:
        return "none at all can be decoded there"
    place = "the next" if latest.played_s >= end_s - SAME_TIME_S else "its last"
    return f"{place} is at {latest.played_s:.2f} s"


def _shown(path: Path, opening: Opening, entry: Entry | None) -> Iterator[_Shown]:
    """Decode in hardware where there is one, else in software, else from the file's start: the first that gives one."""
    hardware = hardware_decoder()
    ways = dict.fromkeys([(hardware, entry), (None, entry)])
    for way in ways:
        try:
            frames = _decoded(path, opening, *way)
            first = next(frames, None)
        except VideoError as error:
            log.info("%s: no frame by hardware %s from %s: %s", path, way[0], way[1], error)
            continue
        if first is not None:
            yield first
            yield from frames
            return
    yield from _decoded(path, opening, None, None)


def _decoded(path: Path, opening: Opening, hardware: str | None, entry: Entry | None) -> Iterator[_Shown]:
    """Every frame from the key frame of `entry` on, or from the file's first.

    Raises:
        VideoError: the file is broken; the message names the second.
    """
    info = opening.info
    clock = FrameClock(
        time_base=opening.time_base, first_pts=opening.lead_in.zero_pts, nominal_rate_hz=info.nominal_rate_hz
    )
    stamped = opening.first_pts is not None
    latest: _Shown | None = None
    try:
        with opened_video(path, hardware=hardware) as (container, stream):
            for index, image in _counted(container, stream, entry, _expected_end_pts(opening)):
                _check_same_size(image, opening)
                latest = _Shown(index, clock.time_s(image.pts if stamped else None), image, clock.timed or not stamped)
                yield latest
    except DamageError as damage:
        where = latest.played_s + 1 / info.nominal_rate_hz if latest else 0.0
        last = f"after frame {latest.index}" if latest else "before its first frame"
        raise _BrokenVideoError(f"{path}: broken at {where:.2f} s, {last}: {damage}") from damage


def _counted(
    container: InputContainer, stream: VideoStream, entry: Entry | None, end_pts: int | None
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames with their index in the file; those before the entry's key frame may refer to what was not decoded."""
    if entry is None:
        yield from enumerate(intact_frames(container, stream, end_pts=end_pts))
        return
    container.seek(entry.seek_to, stream=stream)
    images = intact_frames(container, stream, end_pts=end_pts)
    key = next((p for p in images if p.pts is not None and p.pts >= entry.key_pts), None)
    if key is None or key.pts != entry.key_pts:
        raise DamageError(f"the key frame at timestamp {entry.key_pts} is not where the index puts it")
    yield from enumerate(chain([key], images), start=entry.index)


def _check_same_size(image: VideoFrame, opening: Opening) -> None:
    if (image.width, image.height) != opening.layout.stored_px:
        was = "{} x {}".format(*opening.layout.stored_px)
        raise DamageError(f"the image changes its size from {was} to {image.width} x {image.height} pixels")


def _expected_end_pts(opening: Opening) -> int | None:
    """A container that was cut ends without an error: only its header shows it."""
    if opening.lead_in.start_pts is None or opening.info.duration_s is None:
        return None
    least_s = opening.info.duration_s - CUT_S - 1 / opening.info.nominal_rate_hz
    return opening.lead_in.start_pts + int(least_s / opening.time_base)
