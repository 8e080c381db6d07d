"""Small real videos for tests: every frame shows its own number, in black and white blocks that any coding keeps."""

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 8
Tags = Mapping[str, tuple[int, bytes]]  # key -> type, value


def numbered(number: int, *, width: int = 128, height: int = 96) -> NDArray[np.uint8]:
    """(height, width, 3): the upper half shows the number, lowest bit on the left; the lower half is red over blue."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    edges = np.linspace(0, width, BITS + 1).astype(int)
    for bit in range(BITS):
        image[: height // 2, edges[bit] : edges[bit + 1]] = 255 * (number >> bit & 1)
    image[height // 2 : 3 * height // 4, :, 0] = 255
    image[3 * height // 4 :, :, 2] = 255
    return image


def number_in(image: NDArray[np.uint8]) -> int:
    """The number that an upright image shows."""
    edges = np.linspace(0, image.shape[1], BITS + 1).astype(int)
    row = image[image.shape[0] // 4].mean(axis=-1)
    return sum(1 << bit for bit in range(BITS) if row[(edges[bit] + edges[bit + 1]) // 2] > 127)


def film(
    path: Path,
    frames: int = 30,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (128, 96),
    pixels: str = "yuv420p",
    pts: Sequence[int] | None = None,
    rate_hz: int = 30,
    rotation_deg: int | None = None,
    hflip: bool = False,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    pixel_aspect: Fraction | None = None,
    noisy: bool = False,
) -> Path:
    """Write a video; `pts` are in units of 1 / rate_hz, `rotation_deg` is counter-clockwise, as cameras write it.

    A `noisy` one has noise in its lower half, so that most of the file is images.
    """
    noise = np.random.default_rng(0)
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate_hz, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation_deg is not None:
            stream.set_display_rotation(rotation_deg, hflip=hflip)
        for i, when in enumerate(pts if pts is not None else range(frames)):
            image = numbered(i, width=size[0], height=size[1])
            if noisy:
                image[size[1] // 2 :] = noise.integers(0, 255, (size[1] - size[1] // 2, size[0], 1))
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = when, Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def phone_film(path: Path, *, tags: Mapping[str, str]) -> Path:
    """A short video with tags in its track's metadata, where phones write them."""
    content = film(path, frames=5, codec="mpeg4").read_bytes()
    movie_at, track_at = content.index(b"moov") - 4, content.index(b"trak") - 4
    movie_size, track_size = (int.from_bytes(content[at : at + 4]) for at in (movie_at, track_at))
    assert movie_at + movie_size == len(content)  # so that no frame is moved
    end = track_at + track_size
    extra = metadata_box({key: (1, value.encode()) for key, value in tags.items()})
    longer = bytearray(content[:end] + extra + content[end:])
    for at, size in ((movie_at, movie_size), (track_at, track_size)):
        longer[at : at + 4] = (size + len(extra)).to_bytes(4)
    path.write_bytes(longer)
    return path


def tagged_film(path: Path, tags: Tags, frames: int = 30) -> Path:
    """A video whose movie has keyed tags, where phones write the rate at which they filmed."""
    content = film(path, frames).read_bytes()
    movie_at = content.index(b"moov") - 4
    size = int.from_bytes(content[movie_at : movie_at + 4])
    assert movie_at + size == len(content)
    extra = metadata_box(tags)
    path.write_bytes(content[:movie_at] + (size + len(extra)).to_bytes(4) + content[movie_at + 4 :] + extra)
    return path


def metadata_box(tags: Tags, *, version: bytes = b"") -> bytes:
    """A "meta" box of a QuickTime or MP4 file; nothing without tags."""
    if not tags:
        return b""
    names = b"".join(box(b"mdta", key.encode()) for key in tags)
    items = b"".join(
        box(struct.pack(">I", number), box(b"data", struct.pack(">II", kind, 0) + value))
        for number, (kind, value) in enumerate(tags.values(), start=1)
    )
    keys = box(b"keys", struct.pack(">II", 0, len(tags)) + names)
    return box(b"meta", version + box(b"hdlr", bytes(24)) + keys + box(b"ilst", items))


def box(name: bytes, content: bytes) -> bytes:
    """A box of a QuickTime or MP4 file."""
    return struct.pack(">I4s", len(content) + 8, name) + content


def trimmed(path: Path, packets: int, *, name: str = "") -> Path:
    """A copy without its first packets, beside it: nothing is coded anew, so it may begin between key frames."""
    shorter = path.with_name(name or f"trimmed_{path.name}")
    with av.open(str(path)) as whole, av.open(str(shorter), "w") as container:
        source = whole.streams.video[0]
        stream = container.add_stream_from_template(source)
        kept = [packet for packet in whole.demux(source) if packet.size][packets:]
        first_dts = kept[0].dts or 0
        for packet in kept:
            packet.pts, packet.dts = (packet.pts or 0) - first_dts, (packet.dts or 0) - first_dts
            packet.stream = stream
            container.mux(packet)
    return shorter


def cut(path: Path, fraction: float) -> Path:
    """A copy of a file's beginning, beside it."""
    data = path.read_bytes()
    shorter = path.with_name(f"cut_{path.name}")
    shorter.write_bytes(data[: int(len(data) * fraction)])
    return shorter


def scratched(path: Path, start: float, end: float) -> Path:
    """A copy of a file with zeros in the middle, beside it."""
    data = bytearray(path.read_bytes())
    first, last = int(len(data) * start), int(len(data) * end)
    data[first:last] = bytes(last - first)
    worse = path.with_name(f"scratched_{path.name}")
    worse.write_bytes(data)
    return worse
