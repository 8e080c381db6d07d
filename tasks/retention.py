"""What a home keeps for how long: detections and motions are made anew from the videos, and hold their pictures."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.settings import Settings

DAY_S = 86_400.0
LEFTOVER_DAYS = 1.0  # no stage takes longer: what is partial since then belongs to a process that was killed
PARTIAL = ".partial-"
INTERMEDIATES = ("perceived", "motions", "seen")  # folders of artifacts; the last of earlier versions


@dataclass(frozen=True)
class Expired:
    """A file or folder whose time is over.

    Attributes:
        path: of it.
        kind: "intermediate", such as detections; or "leftover", of a process that was killed.
        size_bytes: of all its files.
    """

    path: Path
    kind: str
    size_bytes: int


def expired(settings: Settings, *, now_s: float | None = None) -> list[Expired]:
    """What is to be removed now; nothing is changed.

    An intermediate result expires `settings.intermediates_days` after it was written. The results of trials, the
    warehouse and models do not expire.

    Args:
        settings: of the home.
        now_s: since the epoch; None: now.
    """
    now_s = time.time() if now_s is None else now_s
    old_s, left_s = now_s - settings.intermediates_days * DAY_S, now_s - LEFTOVER_DAYS * DAY_S
    written_before = {path: _last_written_s(path) for path in intermediates(settings)}
    leftovers = [path for path in settings.artifacts.rglob(f"{PARTIAL}*") if _last_written_s(path) < left_s]
    return [
        *(Expired(path, "intermediate", _size_bytes(path)) for path, at_s in written_before.items() if at_s < old_s),
        *(Expired(path, "leftover", _size_bytes(path)) for path in leftovers),
    ]


def prune(settings: Settings) -> list[Expired]:
    """Remove what has expired; hold the lock `ingest` of the home meanwhile.

    Returns:
        What was removed.
    """
    removed = expired(settings)
    for one in removed:
        with suppress(OSError):  # what stays is found again the next time
            shutil.rmtree(one.path) if one.path.is_dir() else one.path.unlink()
    return [one for one in removed if not one.path.exists()]


def pruned_line(removed: list[Expired]) -> str:
    """What was, or would be, removed, as text; "" for nothing."""
    if not removed:
        return ""
    counts = {kind: sum(one.kind == kind for one in removed) for kind in ("intermediate", "leftover")}
    size_gb = sum(one.size_bytes for one in removed) / 1e9
    return (
        f"{counts['intermediate']} detections and motions and {counts['leftover']} leftovers of killed processes, "
        f"{size_gb:.2f} GB"
    )


def intermediates(settings: Settings) -> Iterator[Path]:
    """Every intermediate result of a home."""
    for folder in (settings.artifacts / kind for kind in INTERMEDIATES):
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if not path.name.startswith(PARTIAL))


def _last_written_s(path: Path) -> float:
    """When the newest file of it was written, since the epoch."""
    times = [_modified_s(file) for file in (path.rglob("*") if path.is_dir() else ())]
    return max([_modified_s(path), *times])


def _modified_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it vanished meanwhile
        return 0.0


def _size_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
