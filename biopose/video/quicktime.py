"""What a QuickTime or MP4 file holds beside its images and FFmpeg does not hand over.

Tags ("mdta" keys) of the movie and its tracks, of which FFmpeg reads the movie's only: a phone writes its lens's focal
length into the video track's. The document that Sony's cameras write into the file (a "meta" box with an "xml " box).
Edit lists with more than one part, or with another speed than 1. The records behind a Samsung phone's movie.

The boxes are walked by seeking; only small boxes are read. A file of another format, or a damaged one, gives what could
be read, perhaps nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LARGEST_METADATA_BYTES = 1 << 20
SAMSUNG_TRAILER_BYTES = 1 << 16
MOST_BOXES = 10_000  # a damaged file must not be walked for ever
_NUMBERS = {
    21: ">i",
    22: ">I",
    23: ">f",
    24: ">d",
    65: ">b",
    66: ">h",
    67: ">i",
    74: ">q",
    75: ">B",
    76: ">H",
    77: ">I",
}


@dataclass(frozen=True)
class Edit:
    """A part of a track that is played.

    Attributes:
        begins: first tick of the track's own time.
        speed: at which it is to be played; FFmpeg plays all at 1.
    """

    begins: int
    speed: float


def quicktime_tags(path: Path) -> dict[str, str]:
    """The file's keyed tags, numbers written out; a track's win over the movie's, the first track's over the next."""
    tags: dict[str, str] = {}
    with path.open("rb") as file:
        end = file.seek(0, 2)
        for movie_at, movie_end in _boxes(file, 0, end, b"moov"):
            for track_at, track_end in _boxes(file, movie_at, movie_end, b"trak"):
                for found in _metadata(file, track_at, track_end):
                    tags = found | tags
            for found in _metadata(file, movie_at, movie_end):
                tags = found | tags
    return tags


def xml_document(path: Path) -> str:
    """The document in the file's own "meta" box; empty where there is none."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        for meta_at, meta_end in _boxes(file, 0, end, b"meta"):
            for span in _boxes(file, meta_at + 4, meta_end, b"xml "):
                return _read(file, *span)[4:].decode("utf-8", "replace")
    return ""


def samsung_trailer(path: Path) -> bytes:
    """The end of a file that Samsung's cameras extend by named records; empty where it is none."""
    with path.open("rb") as file:
        file.seek(max(file.seek(0, 2) - SAMSUNG_TRAILER_BYTES, 0))
        content = file.read()
    return content if content.endswith(b"SEFT") else b""


def edits(path: Path) -> list[Edit]:
    """The parts that the video track's edit list plays, in order; empty where it has none, as for all of the track."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        for movie in _boxes(file, 0, end, b"moov"):
            for track in _boxes(file, *movie, b"trak"):
                if _is_video(file, *track):
                    return [
                        edit
                        for box in _boxes(file, *track, b"edts")
                        for span in _boxes(file, *box, b"elst")
                        for edit in _edits(_read(file, *span))
                    ]
    return []


def _is_video(file: BinaryIO, at: int, end: int) -> bool:
    return any(
        _read(file, *span)[8:12] == b"vide"
        for media in _boxes(file, at, end, b"mdia")
        for span in _boxes(file, *media, b"hdlr")
    )


def _edits(content: bytes) -> Iterator[Edit]:
    """Version, flags, count; then of each its duration, where it begins and its rate; empty ones only wait."""
    layout = struct.Struct(">Qqhh" if content[:1] == b"\1" else ">Iihh")
    count = min(int.from_bytes(content[4:8]), (len(content) - 8) // layout.size)
    for number in range(max(count, 0)):
        _, begins, whole, fraction = layout.unpack_from(content, 8 + number * layout.size)
        if begins != -1:
            yield Edit(begins, whole + fraction / 65536)


def _boxes(file: BinaryIO, at: int, end: int, kind: bytes) -> Iterator[tuple[int, int]]:
    """(start, end) of the contents of each box of a kind between two places in the file."""
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            return
        file.seek(at)
        size, name = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1 and at + 16 <= end:  # a size of 64 bits follows
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        size = end - at if size == 0 else size
        if size < header or at + size > end:
            return
        if name == kind:
            yield at + header, at + size
        at += size


def _metadata(file: BinaryIO, at: int, end: int) -> Iterator[dict[str, str]]:
    for meta_at, meta_end in _boxes(file, at, end, b"meta"):
        for offset in (0, 4):  # ISO's box starts with a version, QuickTime's does not
            keys = [name for span in _boxes(file, meta_at + offset, meta_end, b"keys") for name in _keys(file, *span)]
            if keys:
                for span in _boxes(file, meta_at + offset, meta_end, b"ilst"):
                    yield dict(_items(_read(file, *span), keys))
                break


def _read(file: BinaryIO, at: int, end: int) -> bytes:
    file.seek(at)
    return file.read(min(end - at, LARGEST_METADATA_BYTES))


def _keys(file: BinaryIO, at: int, end: int) -> list[str]:
    content, names = _read(file, at + 8, end), []
    while len(content) >= 8:
        size = int.from_bytes(content[:4])
        if not 8 <= size <= len(content):
            break
        names.append(content[8:size].decode("utf-8", "replace"))
        content = content[size:]
    return names


def _items(content: bytes, keys: list[str]) -> Iterator[tuple[str, str]]:
    """Each item: size, number of its key from 1, then a box "data": size, name, type, locale, value."""
    while len(content) >= 24:
        size, key, data_size, name, kind = struct.unpack(">II I4sI", content[:20])
        if not 24 <= size <= len(content):
            return
        value = _text(kind, content[24 : min(size, 8 + data_size)]) if name == b"data" else None
        if value is not None and 1 <= key <= len(keys):
            yield keys[key - 1], value
        content = content[size:]


def _text(kind: int, value: bytes) -> str | None:
    if kind == 1:
        return value.decode("utf-8", "replace")
    code = _NUMBERS.get(kind)
    return f"{struct.unpack(code, value)[0]:.10g}" if code and struct.calcsize(code) == len(value) else None
