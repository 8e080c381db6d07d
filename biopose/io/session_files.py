"""The files that a manifest names: each lies in the session's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from biopose.io.file_names import nearly_named, whole_name
from biopose.io.files import what_it_is
from biopose.io.manifest_entries import printable

FileFault = tuple[Literal["manifest", "missing_file"], str]


def session_file(folder: Path, name: str, *, what: str) -> Path | FileFault:
    """The file that a manifest names, absolute, or the kind of fault and what is wrong.

    Args:
        folder: of the session.
        name: as the manifest has it.
        what: the file is, such as a video.
    """
    resolved = folder.resolve()
    try:
        path = (resolved / name).resolve()
        is_file, there = path.is_file(), path.exists()
    except (OSError, RuntimeError, ValueError):  # too long a name, links in a circle, a null character
        path, is_file, there = resolved, False, False
    if Path(name).is_absolute() or ".." in Path(name).parts or not path.is_relative_to(resolved):
        return (
            "manifest",
            f"found {name!r}, which leads out of the session's folder; put the {what} beside the manifest",
        )
    if there and not is_file:
        return "missing_file", f"{name!r} is {what_it_is(path)}, no {what}; put the {what} itself there"
    if not is_file:
        return "missing_file", f"there is no file {name!r} in {folder}{_instead(path, what)}"
    return path


def _instead(path: Path, what: str) -> str:
    """What is there in place of a missing file, and what to do."""
    try:
        names = sorted(other.name for other in path.parent.iterdir())
    except OSError:  # no such folder
        names = []
    near = nearly_named(path.name, names)
    if near is None:
        return "; copy it there, or correct the name"
    other, how = near
    if whole_name(other):
        return f", but {other!r}, {how}; copy the whole {what} there"
    return f", but {printable(other)!r}, {how}; rename the file, or copy its name into the manifest"
