"""What lies in an inbox and belongs to no trial: it would not be measured, and nobody would miss it.

for one in unmatched(Path("inbox")):
    print(one.path, one.message)
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from biopose.io.file_names import is_video, same_to_people, what_is_unfinished, whole_name
from biopose.io.manifest import MANIFEST, named_files

Kind = Literal[
    "misnamed_manifest", "no_manifest", "unnamed_video", "unfinished_copy", "linked_folder", "unreadable_folder"
]

# Folders of thumbnails, previews and deleted files that cameras, network drives and archives make.
NOT_SESSIONS = frozenset(
    {"thumbnails", "@eadir", "__macosx", "$recycle.bin", "system volume information", "lost+found"}
)
OWN_FOLDERS = ({"warehouse.duckdb"}, {"mlflow.db"}, {"report.html", "overlay.mp4"}, {"trial.parquet"})
BACKUPS = (".bak", ".orig", ".old", ".swp", "~")
SIMILARITY = 0.8  # of names, by difflib; session.tml has 0.96, sesion.toml 0.96, sessions.toml 0.96
MOST_NAMES = 3
MOVE = "put the session's folder itself into the inbox"


@dataclass(frozen=True)
class Unmatched:
    """Something that belongs to no trial.

    Attributes:
        path: below the inbox, with slashes.
        kind: what it is.
        message: what it is and what to do.
    """

    path: str
    kind: Kind
    message: str


def unmatched(inbox: Path) -> list[Unmatched]:
    """Everything in an inbox that looks as if it were to be measured and belongs to no trial, by path.

    Hidden files, thumbnails and what BioPose writes are left out. Of a session whose manifest cannot be read, videos
    are not reported: the manifest's error is.

    Args:
        inbox: a folder.
    """
    return sorted(_found(inbox), key=lambda one: one.path)


def _found(inbox: Path) -> Iterator[Unmatched]:
    unreadable: list[OSError] = []
    named: dict[Path, frozenset[str] | None] = {}  # by folder: files of the manifest that covers it; None: unknown
    for text, folders, names in os.walk(inbox, onerror=unreadable.append):
        folder = Path(text)
        folders[:] = sorted(name for name in folders if _may_hold_sessions(name))
        if any(own <= {*names, *folders} for own in OWN_FOLDERS):
            folders.clear()
            continue
        for name in folders:
            if (folder / name).is_symlink():
                yield _about(
                    inbox, folder / name, "linked_folder", "a link to a folder, which is not followed; " + MOVE
                )
        covered = folder in named
        if MANIFEST in names:
            named[folder], covered = _named(folder), True
        if covered:
            named |= dict.fromkeys((folder / name for name in folders), named[folder])
        yield from _in_folder(inbox, folder, names, named=named.get(folder), covered=covered)
    for error in unreadable:
        yield _about(inbox, Path(error.filename), "unreadable_folder", f"cannot be read ({error.strerror})")


def _may_hold_sessions(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in NOT_SESSIONS


def _named(folder: Path) -> frozenset[str] | None:
    """Keys of the files that the folder's manifest names; None if it cannot be read."""
    files = named_files(folder / MANIFEST)
    return None if files is None else frozenset(_key(folder / file) for file in files)


def _key(path: Path) -> str:
    return same_to_people(os.path.normpath(path))


def _in_folder(
    inbox: Path, folder: Path, names: Sequence[str], *, named: frozenset[str] | None, covered: bool
) -> Iterator[Unmatched]:
    videos = sorted(name for name in names if is_video(name))
    misnamed = [name for name in sorted(names) if _is_nearly_manifest(name, beside_videos=bool(videos))]
    for name in misnamed:
        yield _about(inbox, folder / name, "misnamed_manifest", _misnamed(name, names, videos))
    for name in names:
        if whole_name(name):
            what = f"{what_is_unfinished(name)}; once it is whole it is called {whole_name(name)}"
            yield _about(inbox, folder / name, "unfinished_copy", what)
    if not covered and videos and not misnamed:
        message = f"{_counted(videos)}, but no {MANIFEST}; describe them there: `biopose inbox init` writes an example"
        yield _about(inbox, folder, "no_manifest", message)
    elif named is not None:
        for name in videos:
            if _key(folder / name) not in named:
                message = f"no trial of {MANIFEST} names this video; add a [[trial]], or move it out of the inbox"
                yield _about(inbox, folder / name, "unnamed_video", message)


def _is_nearly_manifest(name: str, *, beside_videos: bool) -> bool:
    """Whether somebody may have meant it as a manifest: it has nearly its name, or it is a .toml beside videos."""
    plain = name.lower().removesuffix(".txt")
    if name == MANIFEST or name.startswith(".") or name.lower().endswith(BACKUPS):
        return False
    if beside_videos and plain.endswith(".toml"):
        return True
    return difflib.SequenceMatcher(None, plain, MANIFEST).ratio() >= SIMILARITY


def _misnamed(name: str, names: Sequence[str], videos: Sequence[str]) -> str:
    if MANIFEST in names:
        return f"is not read: the manifest of this session is the {MANIFEST} beside it; keep one of the two"
    beside = f", nor is what lies beside it, {_counted(videos)}" if videos else ""
    hidden = "; Windows may hide the end .txt of a name" if name.lower().endswith(".txt") else ""
    return f"is not read{beside}: a manifest is called {MANIFEST}; rename it{hidden}"


def _counted(videos: Sequence[str]) -> str:
    listed = ", ".join(videos[:MOST_NAMES]) + (", ..." if len(videos) > MOST_NAMES else "")
    return f"{len(videos)} video{'s' if len(videos) > 1 else ''} ({listed})"


def _about(inbox: Path, path: Path, kind: Kind, message: str) -> Unmatched:
    return Unmatched(path.relative_to(inbox).as_posix(), kind, message)
