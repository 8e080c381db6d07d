"""Names of files that a person takes for the same, and names of recordings that have not arrived whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".wmv", ".3gp", ".3g2"),
    *(".mxf", ".flv", ".ogv", ".hevc", ".h264", ".h265"),
)
MARKER_SUFFIXES = (".c3d", ".trc")
UNFINISHED = {
    ".part": "an unfinished download",
    ".partial": "an unfinished download",
    ".crdownload": "an unfinished download of Chrome",
    ".download": "an unfinished download of Safari",
    ".opdownload": "an unfinished download of Opera",
    ".filepart": "an unfinished copy of WinSCP",
    ".tmp": "an unfinished copy",
    ".icloud": "a placeholder of iCloud Drive, the file itself is not on this machine",
}


def is_video(name: str) -> bool:
    """Whether a name is one of a video; hidden files, such as macOS's ._ files beside the real ones, are none."""
    return not name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES


def is_recording(name: str) -> bool:
    """Whether a name is one of a video or of a recording of markers."""
    return is_video(name) or (not name.startswith(".") and Path(name).suffix.lower() in MARKER_SUFFIXES)


def whole_name(name: str) -> str | None:
    """The name that an unfinished copy of a recording will have, such as jump.mp4 for jump.mp4.part; else None."""
    path = Path(name)
    suffix = path.suffix.lower()
    whole = path.stem.removeprefix(".") if suffix == ".icloud" else path.stem
    return whole if suffix in UNFINISHED and is_recording(whole) else None


def what_is_unfinished(name: str) -> str:
    """What an unfinished copy is, from its suffix."""
    return UNFINISHED[Path(name).suffix.lower()]


def escaped(text: str) -> str:
    r"""A name that can be printed and written as UTF-8, on one line: other characters, and bytes, as \n or \xff."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    """A byte that is no UTF-8 stands in a path of Python as a surrogate."""
    byte = ord(character) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else character.encode("unicode_escape").decode("ascii")


def same_to_people(name: str) -> str:
    """A key that is equal for names that differ only in case or in how Unicode encodes their accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def nearly_named(name: str, names: Iterable[str]) -> tuple[str, str] | None:
    """The one of some names that a person takes for a given one, and how it differs; None if there is none.

    Args:
        name: that is not among them.
        names: of the files that are there.
    """
    for other in names:
        if unicodedata.normalize("NFC", other) == unicodedata.normalize("NFC", name):
            there, wanted = (_encoding(text) for text in (other, name))
            return other, f"whose accents are encoded in another way (Unicode {there}, here {wanted})"
        if same_to_people(other) == same_to_people(name):
            return other, "which differs in upper and lower case"
        if (whole := whole_name(other)) and same_to_people(whole) == same_to_people(name):
            return other, what_is_unfinished(other)
    return None


def _encoding(text: str) -> str:
    return next((form for form in ("NFC", "NFD") if unicodedata.is_normalized(form, text)), "neither NFC nor NFD")
