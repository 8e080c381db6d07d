"""The folders of an inbox in which sessions may lie, and what is left out: hidden folders, backups, links.

Everything that looks for sessions or videos in an inbox walks it by `walked`, so that all agree on what it holds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from biopose.io.file_names import escaped
from biopose.io.manifest import MANIFEST

Kind = Literal[
    "misnamed_manifest",
    "no_manifest",
    "unnamed_video",
    "unnamed_recording",
    "unfinished_copy",
    "linked_folder",
    "unreadable_folder",
    "backup_folder",
    "hidden_folder",
]
# Folders of thumbnails, previews, deleted files and snapshots that cameras, network drives and archives make.
NOT_SESSIONS = frozenset(
    {"thumbnails", "@eadir", "__macosx", "$recycle.bin", "system volume information", "lost+found"}
    | {"#recycle", "#snapshot", "~snapshot", "@recycle", "@recently-snapshot", "network trash folder"}
)
# What people and programs call a copy of a folder; none but the words alone could be a team's or a session's name.
BACKUP = re.compile(
    r"(old|backups?|bak|snapshots?|trash|copy of .+|.+ - copy( \(\d+\))?|.+ copy( \d+)?|.+ ?\(\d+\)"
    r"|.+\.(bak|backup|old|orig|save|prev|~?\d+)|.+~|#.+#)",
    re.IGNORECASE,
)
OWN_FOLDERS = ({"warehouse.duckdb"}, {"mlflow.db"}, {"report.html", "overlay.mp4"}, {"trial.parquet"})
DEEPEST = 16  # folders below the inbox
MOST_SEARCHED = 1000  # folders of a backup, in which a session is looked for
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


Report = Callable[[Unmatched], None]


def walked(inbox: Path, report: Report) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder of an inbox that may hold a session or its videos, with its folders and its other names, in order.

    Args:
        inbox: a folder.
        report: called with what is left out, as far as it would hold a session else.
    """

    def unreadable(error: OSError) -> None:
        message = f"cannot be read ({error.strerror})"
        report(about(inbox, Path(os.fsdecode(error.filename)), "unreadable_folder", message))

    for text, folders, names in os.walk(inbox, onerror=unreadable):
        folder = Path(text)
        if any(own <= {*names, *folders} for own in OWN_FOLDERS):
            folders.clear()
            continue
        folders[:] = [name for name in sorted(folders) if _is_entered(inbox, folder / name, report)]
        yield folder, folders, names


def about(inbox: Path, path: Path, kind: Kind, message: str) -> Unmatched:
    """The report of a path in an inbox that belongs to no session."""
    return Unmatched(escaped(path.relative_to(inbox).as_posix()), kind, message)


def _is_entered(inbox: Path, folder: Path, report: Report) -> bool:
    name = folder.name
    if name.startswith(".") or name.lower() in NOT_SESSIONS:
        if _holds_manifest(folder):
            message = f"a hidden folder with a {MANIFEST}, which is left out; {MOVE} if it is to be measured"
            report(about(inbox, folder, "hidden_folder", message))
        return False
    if folder.is_symlink():
        report(about(inbox, folder, "linked_folder", "a link to a folder, which is not followed; " + MOVE))
        return True  # os.walk does not follow it
    if BACKUP.fullmatch(name) and _holds_manifest(folder):
        message = (
            f"has the name of a backup and holds a {MANIFEST}, which is left out: a copy would stand for its session; "
            "move it out of the inbox, or rename it if it is the session itself"
        )
        report(about(inbox, folder, "backup_folder", message))
        return False
    if len(folder.relative_to(inbox).parts) > DEEPEST:
        message = f"lies more than {DEEPEST} folders deep and is not searched; {MOVE}"
        report(about(inbox, folder, "unreadable_folder", message))
        return False
    return True


def _holds_manifest(folder: Path) -> bool:
    deepest = len(folder.parts) + DEEPEST
    for text, folders, names in islice(os.walk(folder), MOST_SEARCHED):
        if MANIFEST in names or MANIFEST in folders:
            return True
        if len(Path(text).parts) >= deepest:
            folders.clear()
    return False
