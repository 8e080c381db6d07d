"""Tags of a QuickTime or MP4 file's movie and tracks ("mdta" keys), which FFmpeg reads of the movie only.

A phone writes its lens's focal length into the video track's metadata. The boxes are walked by seeking; only the small
metadata boxes are read. A file of another format, or a damaged one, gives the tags that could be read, perhaps none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

LARGEST_METADATA_BYTES = 1 << 20
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
