"""Opening a video file: its checks, its video stream, and the device that decodes it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import av
from av.codec import Codec
from av.codec.context import ThreadType
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from biopose.errors import VideoError

log = logging.getLogger(__name__)

DECODER_THREADS = 2  # the networks want the other cores
HARDWARE = ("videotoolbox", "cuda", "d3d11va", "vaapi")
# Files come from strangers: what opens other files or addresses (playlists, concatenations) is not taken for a video.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,asf,flv,ogg,mxf,nut,dv,h264,hevc,obu,ivf"
)
INDEXED_CONTAINERS = ("mov", "matroska")  # names of formats that hold the place and time of their frames
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
STILL_IMAGES = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"II*\0": "TIFF"}
HEAD_BYTES = 1024
WITHOUT_INDEX = (
    "is an MP4 or MOV whose index (moov) is missing or broken, so that no second of it can be read: "
    "the recording or the copy stopped before its end; copy it from the camera again"
)


@contextmanager
def opened_video(path: Path, *, hardware: str | None = None) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and choose its video stream; closed when the block ends.

    Args:
        path: of the video.
        hardware: the device that decodes, from `hardware_decoder`; None decodes in software.

    Raises:
        VideoError: there is no such file, or it is not a video; the message names what it is instead.
    """
    _check_file(path)
    try:
        container = av.open(
            str(path.absolute()),  # absolute: a name such as `concat:a` is no address then
            options=OPTIONS,
            metadata_errors="replace",
            hwaccel=HWAccel(hardware, allow_software_fallback=True) if hardware else None,
        )
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(f"{path}: {_why_not_opened(path, error)}") from error
    with container:
        stream = _video_stream(path, container)
        stream.thread_type = ThreadType.AUTO
        stream.thread_count = DECODER_THREADS
        yield container, stream


@cache
def hardware_decoder() -> str | None:
    """The device that decodes video on this machine, None where there is none: found out once."""
    for device in HARDWARE:
        if device not in hwdevices_available():
            continue
        try:
            HWAccel(device).create(Codec("h264", "r"))
        except (av.FFmpegError, NotImplementedError) as error:
            log.debug("no hardware decoding by %s: %s", device, error)
        else:
            log.info("video is decoded by %s", device)
            return device
    log.debug("video is decoded in software")
    return None


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise VideoError(f"{path}: is a folder; give a video file")
    if not path.is_file():
        raise VideoError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: is empty (0 bytes); copy it from the camera again")


def _why_not_opened(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "may not be read; allow it, or copy the file"
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    image = next((name for start, name in STILL_IMAGES.items() if head.startswith(start)), None)
    if image:
        return f"is a {image} image, not a video"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return WITHOUT_INDEX
    if path.suffix.lower() in (".trc", ".c3d"):
        return "is a recording of markers, not a video; `biopose ik` takes it, and in session.toml a trial's `markers`"
    if _is_text(head):
        return "is a text, not a video"
    reason = getattr(error, "strerror", None) or error  # the whole text repeats the path
    return f"is not a video, or not in a container that is read (MP4, MOV, MKV, WebM, AVI, MPEG-TS, ...): {reason}"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    """The best video stream: the cover of a song is none."""
    stills = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [s for s in container.streams.video if not s.disposition & stills]
    if not len(container.streams):
        raise VideoError(f"{path}: {WITHOUT_INDEX if container.format.name.startswith('mov') else 'has nothing in it'}")
    if not streams:
        kinds = {"still image" if s in container.streams.video else s.type for s in container.streams}
        raise VideoError(f"{path}: has no video stream, only {' and '.join(sorted(kinds))}")
    best = container.streams.best("video")
    chosen = next((s for s in streams if best is not None and s.index == best.index), streams[0])
    if chosen.codec_context is None:
        raise VideoError(f"{path}: its images are coded in a way that cannot be decoded here; convert it to H.264")
    return chosen
