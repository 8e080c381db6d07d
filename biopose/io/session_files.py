"""The files that a manifest names: each lies in the session's folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from biopose.io.file_names import nearly_named, whole_name
from biopose.io.files import what_it_is
from biopose.io.manifest_entries import RecordingKind, printable

WHAT = {"video": "video", "markers": "recording", "keypoints": "recording"}
WHAT |= {"static": "static trial", "model": "model", "forces": "force file", "names": "file of names"}
# The keys of further files, of the athlete or of the trial itself.
BESIDE: dict[RecordingKind, dict[str, Literal["athlete", "trial"]]] = {
    "video": {},
    "markers": {"static": "athlete", "model": "athlete", "forces": "trial"},
    "keypoints": {"names": "trial", "forces": "trial"},
}
FileFault = tuple[Literal["manifest", "missing_file"], str]


@dataclass(frozen=True)
class MarkerFiles:
    """The files beside a recording of markers, inside the session's folder; absolute.

    Attributes:
        static: the athlete standing still.
        model: with the recorded markers.
        forces: of the force plates.
        names: of keypoints.
    """

    static: Path | None = None
    model: Path | None = None
    forces: Path | None = None
    names: Path | None = None

    def __iter__(self) -> Iterator[Path]:
        yield from filter(None, (self.static, self.model, self.forces, self.names))


NO_FILES = MarkerFiles()


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
    if "\\" in path.name:
        return r"; write / in place of \ between folders"
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
