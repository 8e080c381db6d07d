"""Tags that phones write into a movie and its tracks."""

import struct
from pathlib import Path

import pytest

from biopose.video.quicktime import Edit, edits, quicktime_tags, samsung_trailer, xml_document
from tests.video.filming import Tags, box, metadata_box


def movie(*, track: Tags = {}, whole: Tags = {}, version: bytes = b"") -> bytes:  # noqa: B006
    content = box(b"trak", box(b"tkhd", bytes(84)) + metadata_box(track, version=version)) + metadata_box(
        whole, version=version
    )
    return box(b"ftyp", b"qt  ") + box(b"mdat", bytes(1000)) + box(b"moov", box(b"mvhd", bytes(100)) + content)


DOCUMENT = box(b"meta", bytes(4) + box(b"hdlr", bytes(25)) + box(b"xml ", bytes(4) + b"<NonRealTimeMeta/>"))


def read_all(path: Path) -> None:
    assert isinstance(quicktime_tags(path), dict)
    assert isinstance(xml_document(path), str)
    assert isinstance(edits(path), list)
    assert isinstance(samsung_trailer(path), bytes)


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "clip.mov"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("version", [b"", bytes(4)])
def test_tags_of_the_track_and_of_the_movie(tmp_path: Path, version: bytes) -> None:
    content = movie(
        track={"lens": (1, b"back camera"), "focal": (23, struct.pack(">f", 24.5))},
        whole={"make": (1, "Ünï".encode()), "rate": (21, struct.pack(">i", 240)), "lens": (1, b"movie's")},
        version=version,
    )
    assert quicktime_tags(written(tmp_path, content)) == {
        "lens": "back camera",
        "focal": "24.5",
        "make": "Ünï",
        "rate": "240",
    }


def test_large_boxes_are_stepped_over(tmp_path: Path) -> None:
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 5000) + bytes(5000)
    assert quicktime_tags(written(tmp_path, large + movie(track={"focal": (1, b"26")}))) == {"focal": "26"}


def test_values_of_unknown_types_are_left_out(tmp_path: Path) -> None:
    tags: Tags = {"image": (13, b"\xff\xd8"), "short": (23, b"\0"), "make": (1, b"Apple")}
    assert quicktime_tags(written(tmp_path, movie(whole=tags))) == {"make": "Apple"}


def test_a_file_cut_anywhere_or_damaged_anywhere_gives_what_it_gives(tmp_path: Path) -> None:
    content = movie(track={"focal": (1, b"26")}, whole={"make": (1, b"Apple")}) + DOCUMENT
    for end in range(0, len(content), 29):
        read_all(written(tmp_path, content[:end]))
    for at in range(1010, len(content), 11):
        damaged = content[:at] + b"\xff" + content[at + 1 :]
        read_all(written(tmp_path, damaged))
        zeroed = content[:at] + bytes(4) + content[at + 4 :]
        read_all(written(tmp_path, zeroed))


@pytest.mark.parametrize("content", [b"", b"RIFF\x00\x00\x00\x00AVI ", b"\x1aE\xdf\xa3" * 20, b"\0" * 64])
def test_other_formats_have_no_such_tags(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    assert (quicktime_tags(path), xml_document(path), edits(path), samsung_trailer(path)) == ({}, "", [], b"")


def test_a_document_of_the_file_is_read(tmp_path: Path) -> None:
    assert xml_document(written(tmp_path, movie() + DOCUMENT)) == "<NonRealTimeMeta/>"


@pytest.mark.parametrize("version", [0, 1])
def test_edits_of_the_video_track_are_read_and_waits_left_out(tmp_path: Path, version: int) -> None:
    layout = ">Qqhh" if version else ">Iihh"
    entries = [(1000, -1, 1, 0), (2000, 512, 1, 0), (500, 9000, 0, 1 << 14)]
    listed = bytes([version, 0, 0, 0]) + struct.pack(">I", len(entries))
    listed += b"".join(struct.pack(layout, *entry) for entry in entries)
    sound, video = (
        box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + kind + bytes(12))) + box(b"edts", box(b"elst", content)))
        for kind, content in ((b"soun", bytes(8)), (b"vide", listed))
    )
    path = written(tmp_path, box(b"ftyp", b"qt  ") + box(b"moov", sound + video))
    assert edits(path) == [Edit(512, 1.0), Edit(9000, 0.25)]
    assert edits(written(tmp_path, path.read_bytes()[:-4])) == []
