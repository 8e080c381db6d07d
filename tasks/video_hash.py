"""Sha256 of videos and other recordings, cached by size and modification time: an inbox may hold months of video."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.files import sha256_of, written_whole

Entry = tuple[int, int, str]  # bytes, modification time in nanoseconds, sha256
SETTLED_S = 60.0  # after its last change a file that cannot be read is taken as it is
WATCH_S = 1.0


class VideoChangedError(BioposeError):
    """A video changes while it is worked on: it waits for the next run."""

    def __init__(self, video: Path | str) -> None:
        super().__init__(str(video))
        self._video = video

    def __str__(self) -> str:
        """What to do: nothing."""
        return f"{self._video}: is still being written; the next run measures it once it no longer changes"


@dataclass(frozen=True)
class VideoState:
    """A file's content at one time.

    Attributes:
        size_bytes: of the file.
        modified_ns: its modification time.
        sha256: "" where it was not read.
    """

    size_bytes: int
    modified_ns: int
    sha256: str = ""

    @classmethod
    def of(cls, video: Path) -> VideoState | None:
        """The present state, unread; None where there is no file."""
        try:
            status = video.stat()
        except OSError:
            return None
        return cls(status.st_size, status.st_mtime_ns)

    @property
    def is_settled(self) -> bool:
        """Whether it was written long ago."""
        return abs(time.time() - self.modified_ns / 1e9) > SETTLED_S

    def differs(self, video: Path) -> bool:
        """Whether the file is there and holds another content."""
        now = VideoState.of(video)
        if now is None or (now.size_bytes, now.modified_ns) == (self.size_bytes, self.modified_ns):
            return False
        if now.size_bytes != self.size_bytes or not self.sha256:
            return True
        try:
            return sha256_of(video) != self.sha256  # touched, or copied there again
        except OSError:
            return False


def check_inputs(inputs: Iterable[tuple[Path, VideoState]], *, results: Iterable[Path]) -> None:
    """Check that files still hold what was planned; else remove their results: they may be of either.

    Raises:
        VideoChangedError: one holds something else.
    """
    for path, state in inputs:
        if state.differs(path):
            for file in results:
                file.unlink(missing_ok=True)
            raise VideoChangedError(path)


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

    def state(self, video: Path) -> VideoState:
        """The file's present content.

        Raises:
            VideoChangedError: it changes meanwhile.
            OSError: it cannot be read.
        """
        status = video.stat()
        known = self._known.get(str(video))
        if known and len(known) == 3 and (known[0], known[1]) == (status.st_size, status.st_mtime_ns):
            return VideoState(*known)
        entry = (status.st_size, status.st_mtime_ns, sha256_of(video))
        if VideoState(*entry[:2]).differs(video):
            raise VideoChangedError(video)
        self._known[str(video)] = entry
        self._changed = True
        return VideoState(*entry)

    def knows(self, video: Path) -> bool:
        """Whether a file is as it was when it was hashed."""
        try:
            status = video.stat()
        except OSError:
            return False
        known = self._known.get(str(video))
        return known is not None and tuple(known[:2]) == (status.st_size, status.st_mtime_ns)

    def videos(self, sha256: Collection[str]) -> list[Path]:
        """The files with these contents that are still there."""
        return [Path(name) for name, entry in self._known.items() if entry[-1] in sha256 and Path(name).exists()]

    def forget(self, sha256: Collection[str]) -> None:
        """Remove the files with these contents from the cache, and write it."""
        kept = {name: entry for name, entry in self._known.items() if entry[-1] not in sha256}
        self._changed = len(kept) < len(self._known)
        self._known = kept
        self.save()

    def save(self) -> None:
        """Write the cache; videos that are gone are dropped from it."""
        if not self._changed:
            return
        there = {name: entry for name, entry in self._known.items() if Path(name).exists()}
        with written_whole(self._path) as partial:
            partial.write_text(json.dumps(there, indent=0))
        self._changed = False
