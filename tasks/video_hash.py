"""Sha256 of videos, cached by size and modification time: an inbox may hold months of video."""

from __future__ import annotations

import json
from pathlib import Path

from biopose.io.files import sha256_of, written_whole

Entry = tuple[int, int, str]  # bytes, modification time in nanoseconds, sha256


class VideoHashes:
    """The hashes of an inbox's videos.

    Args:
        path: the JSON file of the cache; an unreadable one is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Entry] = {}
        self._changed = False
        try:
            self._known = {name: tuple(entry) for name, entry in json.loads(path.read_text()).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self._known = {}

    def sha256(self, video: Path) -> str:
        """Of the file's present content."""
        status = video.stat()
        known = self._known.get(str(video))
        if known and len(known) == 3 and (known[0], known[1]) == (status.st_size, status.st_mtime_ns):
            return known[2]
        found = sha256_of(video)
        self._known[str(video)] = (status.st_size, status.st_mtime_ns, found)
        self._changed = True
        return found

    def save(self) -> None:
        """Write the cache; videos that are gone are dropped from it."""
        if not self._changed:
            return
        there = {name: entry for name, entry in self._known.items() if Path(name).exists()}
        with written_whole(self._path) as partial:
            partial.write_text(json.dumps(there, indent=0))
        self._changed = False
