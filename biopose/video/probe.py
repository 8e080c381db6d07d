"""A video file's properties: its header, checked against its first packets and its first frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import islice, takewhile
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from biopose.errors import VideoError
from biopose.video.capture_rate import NO_CAPTURE_RATE, CaptureRate, capture_rate
from biopose.video.colour import colour_notes
from biopose.video.container import INDEXED_CONTAINERS, opened_video
from biopose.video.decoding import DamageError, intact_frames
from biopose.video.edit_list import edit_list_notes
from biopose.video.lead_in import LeadIn, lead_in_of
from biopose.video.orientation import Layout, layout_of
from biopose.video.quicktime import edits, quicktime_tags, samsung_trailer, xml_document
from biopose.video.screen_recording import screen_recording_notes
from biopose.video.timing import nominal_rate_hz, rate_of_timestamps_hz

RATES_AGREE = 0.02  # relative difference of a container's frame rate from its images' that nobody minds
TIMED_PACKETS = 240  # as many as the rate is measured on
LEAST_IMAGE_PX = 32  # each way: below, nobody can be measured
WIDEST_PX = 16384  # beyond 8K: a header that asks for more asks for all memory


@dataclass(frozen=True)
class VideoInfo:
    """A video file, as it is shown.

    Attributes:
        path: of the file.
        width_px: of the upright image, with square pixels.
        height_px: likewise.
        rotation_deg: by how much the stored image is rotated clockwise to stand upright: 0, 90, 180 or 270.
        nominal_rate_hz: frames per second as played, never 0: the header's where the timestamps bear it out,
            else theirs. Single intervals may differ (variable frame rate).
        frame_count: of the header; None where it has none.
        duration_s: of the header, as played; None where it has none.
        codec: name of the image coding, e.g. h264.
        metadata: the container's tags and, before them, the stream's.
        first_frame_s: time of the first frame that can be decoded; more than 0 where frames before it refer to
            others that the file does not hold.
        capture: what the file states about the rate at which it was filmed.
        notes: what is odd about the file and how it is read, a sentence each; the rate is not among them.
    """

    path: Path
    width_px: int
    height_px: int
    rotation_deg: int
    nominal_rate_hz: float
    frame_count: int | None
    duration_s: float | None
    codec: str
    metadata: Mapping[str, str]
    first_frame_s: float = 0.0
    capture: CaptureRate = NO_CAPTURE_RATE
    notes: tuple[str, ...] = ()

    def real_rate_hz(self, recorded_hz: float | None = None) -> float:
        """Frames per second at which it was filmed: as given, else as the file states, else as it is played."""
        return recorded_hz or self.capture.recorded_hz or self.nominal_rate_hz

    def slowness(self, recorded_hz: float | None = None) -> float:
        """By how much it is played slower than it was filmed; `recorded_hz` as for `real_rate_hz`."""
        return self.real_rate_hz(recorded_hz) / self.nominal_rate_hz


@dataclass(frozen=True)
class Opening:
    """What decoding a file needs to know before it begins.

    Attributes:
        info: for the caller.
        layout: how a stored image becomes the shown one.
        time_base: seconds of one tick of a timestamp.
        first_pts: timestamp of the first frame that can be decoded; None where the file has no usable timestamps.
        lead_in: what cannot be decoded before it.
    """

    info: VideoInfo
    layout: Layout
    time_base: Fraction
    first_pts: int | None
    lead_in: LeadIn


def probe_video(path: Path | str) -> VideoInfo:
    """Open a video: its header, its first timestamps and its first frame, which is decoded.

    Raises:
        VideoError: it is no video, or not one frame of it can be decoded; the message names the reason.
    """
    return look_at(Path(path)).info


def look_at(path: Path) -> Opening:
    """As `probe_video`, with what decoding needs; examined once as long as the file stays the same."""
    try:
        status = path.stat()
    except OSError:
        return _examined(path)  # which names what is wrong
    return _examined_once(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


@lru_cache(maxsize=16)
def _examined_once(path: Path, identity: tuple[int, ...]) -> Opening:  # noqa: ARG001 - part of the cache's key
    return _examined(path)


def _examined(path: Path) -> Opening:
    with opened_video(path) as (container, stream):
        pts = _first_timestamps(container, stream)
    with opened_video(path) as (container, stream):
        _check_size(path, stream)
        frame = _first_frame(path, container, stream)
        time_base = stream.time_base or Fraction(1, av.time_base)
        measured_hz = rate_of_timestamps_hz(pts, time_base)
        layout = layout_of(frame, stream.sample_aspect_ratio)
        info = _header(path, container, stream, layout, measured_hz)
        doubt = _doubt(container, stream)
        has_index = container.format.name.startswith(INDEXED_CONTAINERS)
    first_pts = frame.pts if measured_hz is not None or len(pts) == 1 else None
    if first_pts is not None and max(pts) < first_pts:
        pts = _timestamps_until(path, first_pts)
    lead_in = lead_in_of(pts, first_pts=first_pts, time_base=time_base, has_index=has_index)
    untimed = f"It has no usable timestamps; taken as {info.nominal_rate_hz:g} frames/s." if first_pts is None else None
    tags = dict(info.metadata) | quicktime_tags(path)
    info = replace(
        info,
        first_frame_s=lead_in.first_frame_s,
        capture=_capture_rate(info, tags, time_base),
        notes=(
            *lead_in.notes,
            *filter(None, (untimed, doubt)),
            *edit_list_notes(edits(path)),
            *layout.notes,
            *colour_notes(frame),
            *screen_recording_notes(path, tags),
        ),
    )
    return Opening(info, layout, time_base, first_pts, lead_in)


def _header(
    path: Path, container: InputContainer, stream: VideoStream, layout: Layout, measured_hz: float | None
) -> VideoInfo:
    """The header's account, its rate as far as the timestamps bear it out."""
    width, height = layout.upright_px
    return VideoInfo(
        path=path,
        width_px=width,
        height_px=height,
        rotation_deg=layout.rotation_deg,
        nominal_rate_hz=nominal_rate_hz(_header_rates_hz(stream, timed=measured_hz is not None), measured_hz),
        frame_count=stream.frames or None,
        duration_s=_duration_s(container, stream),
        codec=stream.codec_context.name,
        metadata={**container.metadata, **stream.metadata},
    )


def _capture_rate(info: VideoInfo, tags: Mapping[str, str], time_base: Fraction) -> CaptureRate:
    return capture_rate(
        tags,
        played_hz=info.nominal_rate_hz,
        sony_xml=xml_document(info.path),
        samsung_trailer=samsung_trailer(info.path),
        time_base=time_base,
    )


def check_image_size(info: VideoInfo) -> None:
    """Refuse a video whose images are too small to measure anybody.

    Raises:
        VideoError: below `LEAST_IMAGE_PX` pixels.
    """
    if min(info.width_px, info.height_px) < LEAST_IMAGE_PX:
        raise VideoError(
            f"{info.path}: its images are {info.width_px} x {info.height_px} pixels; at least {LEAST_IMAGE_PX} each "
            "way are needed. Give the recording in its full size"
        )


def _first_timestamps(container: InputContainer, stream: VideoStream) -> list[int]:
    """Those of the first packets; a break among them is for the decoder to find."""
    pts: list[int] = []
    with suppress(av.FFmpegError):
        pts.extend(_shown_pts(islice(container.demux(stream), TIMED_PACKETS)))
    return pts


def _timestamps_until(path: Path, last_pts: int) -> list[int]:
    with opened_video(path) as (container, stream):
        packets = takewhile(lambda p: p.dts is None or p.dts <= last_pts, container.demux(stream))
        return list(_shown_pts(packets))


def _shown_pts(packets: Iterable[Packet[VideoStream]]) -> Iterator[int]:
    return (p.pts for p in packets if p.pts is not None and p.size and not p.is_discard)


def _header_rates_hz(stream: VideoStream, *, timed: bool) -> list[Fraction | None]:
    """The container's; where it gives no timestamps its rate is a guess, and the images' own coding knows better."""
    rates: list[Fraction | None] = [stream.average_rate, stream.guessed_rate]
    return rates if timed else [stream.codec_context.framerate, *rates]


def _doubt(container: InputContainer, stream: VideoStream) -> str | None:
    """AVI has no timestamps but its header's rate, for which FFmpeg reads 25 where it is 0."""
    stated, coded = stream.average_rate, stream.codec_context.framerate
    if container.format.name != "avi" or not stated or not coded or abs(coded / stated - 1) < RATES_AGREE:
        return None
    return (
        f"The header's frame rate is missing or wrong: {float(stated):g} frames/s are taken, its images were "
        f"coded as {float(coded):g}. Where that is right, times are off by a factor of {float(coded / stated):.3g}: "
        "convert the file with its true rate."
    )


def _check_size(path: Path, stream: VideoStream) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if min(width, height) < 1 or max(width, height) > WIDEST_PX:
        raise VideoError(
            f"{path}: its images are {width} x {height} pixels; expected from 1 to {WIDEST_PX} each way. "
            "Its header is broken: copy the file again or convert it"
        )


def _first_frame(path: Path, container: InputContainer, stream: VideoStream) -> VideoFrame:
    try:
        frame = next(intact_frames(container, stream), None)
    except DamageError as damage:
        raise VideoError(f"{path}: broken at 0.00 s, before its first frame: {damage}") from damage
    if frame is None:
        raise VideoError(
            f"{path}: has an image stream ({stream.codec_context.name}) without one whole frame in it, as when a part "
            "between two key frames is cut out; export the whole recording"
        )
    return frame


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Of the images; the container's own may be that of a longer sound, so it counts only where it has no sound."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.format.name.startswith("matroska"):  # it has when the images end, not how long they last
        end_s = _clock_s(stream.metadata.get("DURATION", "")) or _whole_s(container)
        start_s = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
        return None if end_s is None else end_s - start_s
    return _whole_s(container)


def _whole_s(container: InputContainer) -> float | None:
    return container.duration / av.time_base if container.duration and not container.streams.audio else None


def _clock_s(text: str) -> float | None:
    """Seconds of Matroska's hours:minutes:seconds."""
    try:
        hours, minutes, seconds = (float(part) for part in text.split(":"))
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds
