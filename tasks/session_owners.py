"""Which folder each session of a home comes from: the first that brought it keeps it until a command changes that."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from biopose.errors import BioposeError, ManifestError
from biopose.io.file_names import escaped
from biopose.io.files import sha256_of, written_whole
from biopose.io.manifest import MANIFEST

EVERY = "all"


class SessionOwners:
    """The folders of a home's sessions, as they are recorded in it.

    Args:
        home: that holds the record; folders below it are recorded relative to it, so that it can move.

    Raises:
        BioposeError: the record cannot be read.
    """

    def __init__(self, home: Path) -> None:
        self._home, self._file = home.resolve(), home / "sessions.json"
        self._owners: dict[str, dict[str, str]] = {}
        self._changed = False
        try:
            if self._file.exists():
                self._owners = {
                    str(name): {key: str(owner[key]) for key in ("folder", "manifest_sha256")}
                    for name, owner in json.loads(self._file.read_text()).items()
                }
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            raise BioposeError(
                f"{self._file}: cannot be read ({error}); restore it from a backup, or delete it: then the folders of "
                "the next ingest own their sessions"
            ) from error

    def claim(self, session_id: str, folder: Path, *, take_over: Collection[str] = ()) -> None:
        """Record a folder as that of a session, unless another has it.

        A folder with the very same manifest owns it where the former one is gone: the inbox moved.

        Args:
            session_id: team/session.
            folder: that holds its manifest.
            take_over: sessions whose folder changes by the user's will; "all" for every one.

        Raises:
            ManifestError: another folder owns the session.
        """
        owner, folder = self._owners.get(session_id), folder.resolve()
        before = self._home / owner["folder"] if owner else folder
        sha256 = sha256_of(folder / MANIFEST)
        gone = not _may_be_there(before / MANIFEST)
        moved = gone and owner is not None and owner["manifest_sha256"] == sha256
        if before != folder and not moved and not {session_id, EVERY} & set(take_over):
            where = "which is not there: is its drive mounted" if gone else "which is still there: is this a copy"
            raise ManifestError(
                f"{escaped(str(folder / MANIFEST))}: the session {session_id} comes from {escaped(str(before))}, "
                f"{where}? Give this session another name; if it replaces that one, add to the ingest: "
                f"--take-over {session_id}"
            )
        now = {"folder": self._recorded(folder), "manifest_sha256": sha256}
        self._changed |= now != owner
        self._owners[session_id] = now

    def folder_of(self, session_id: str) -> Path | None:
        """The folder of a session; None where none brought it."""
        owner = self._owners.get(session_id)
        return self._home / owner["folder"] if owner else None

    def there(self) -> frozenset[str]:
        """The sessions whose manifest is where it was, or may be: its folder cannot be looked into now."""
        return frozenset(
            name for name, owner in self._owners.items() if _may_be_there(self._home / owner["folder"] / MANIFEST)
        )

    def save(self) -> None:
        """Write the record."""
        if self._changed:
            with written_whole(self._file, durable=True) as partial:
                partial.write_text(json.dumps(self._owners, indent=0))
            self._changed = False

    def _recorded(self, folder: Path) -> str:
        return str(folder.relative_to(self._home) if folder.is_relative_to(self._home) else folder)


def _may_be_there(path: Path) -> bool:
    """Whether a file is there; where that cannot be known, as on a drive that does not respond, it may be."""
    try:
        return path.exists()
    except OSError:
        return True
