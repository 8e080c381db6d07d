"""What lies in an inbox and belongs to no trial: it would not be measured, and nobody would miss it.

for one in unmatched(Path("inbox")):
    print(one.path, one.message)
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from biopose.io.file_names import escaped, is_recording, is_video, same_to_people, what_is_unfinished, whole_name
from biopose.io.inbox_folders import Kind, Report, Unmatched, about, walked
from biopose.io.manifest import MANIFEST, named_files

BACKUPS = (".bak", ".orig", ".old", ".swp", "~")
SIMILARITY = 0.8  # of names, by difflib; session.tml has 0.96, sesion.toml 0.96, sessions.toml 0.96
MOST_NAMES = 3


def unmatched(inbox: Path) -> list[Unmatched]:
    """Everything in an inbox that looks as if it were to be measured and belongs to no trial, by path.

    Hidden files, thumbnails and what BioPose writes are left out. Of a session whose manifest cannot be read, videos
    are not reported: the manifest's error is.

    Args:
        inbox: a folder.
    """
    left_out: list[Unmatched] = []
    found = list(_found(inbox, left_out.append))
    return sorted([*found, *left_out], key=lambda one: one.path)


def _found(inbox: Path, report: Report) -> Iterator[Unmatched]:
    named: dict[Path, frozenset[str] | None] = {}  # by folder: files of the manifest that covers it; None: unknown
    for folder, folders, names in walked(inbox, report):
        covered = folder in named
        if MANIFEST in names:
            named[folder], covered = _named(folder), True
        if covered:
            named |= dict.fromkeys((folder / name for name in folders), named[folder])
        yield from _in_folder(inbox, folder, names, named=named.get(folder), covered=covered)


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
        yield about(inbox, folder / name, "misnamed_manifest", _misnamed(name, names, videos))
    for name in names:
        if whole_name(name):
            what = f"{what_is_unfinished(name)}; once it is whole it is called {escaped(whole_name(name) or name)}"
            yield about(inbox, folder / name, "unfinished_copy", what)
    if not covered and videos and not misnamed:
        message = f"{_counted(videos)}, but no {MANIFEST}; describe them there: `biopose inbox init` writes an example"
        yield about(inbox, folder, "no_manifest", message)
    elif named is not None:
        # Files of markers beside videos may be anything, beside named ones of their kind they are forgotten.
        with_markers = any(is_recording(name) and not is_video(name) for name in named)
        for name in (name for name in sorted(names) if (is_recording if with_markers else is_video)(name)):
            if _key(folder / name) not in named:
                kind: Kind = "unnamed_video" if is_video(name) else "unnamed_recording"
                file = kind.removeprefix("unnamed_")
                message = f"no trial of {MANIFEST} names this {file}; add a [[trial]], or move it out of the inbox"
                yield about(inbox, folder / name, kind, message)


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
    listed = ", ".join(map(escaped, videos[:MOST_NAMES])) + (", ..." if len(videos) > MOST_NAMES else "")
    return f"{len(videos)} video{'s' if len(videos) > 1 else ''} ({listed})"
