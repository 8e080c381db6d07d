"""Quarantine: a JSON record of each trial that could not be processed, with the reason and the command to retry.

The video stays in the inbox: once corrected or replaced there, the next run processes it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from biopose.errors import BioposeError, FileFormatError, ManifestError, ModelError, TrackingError, VideoError
from biopose.io.files import written_whole
from tasks.faults import CrashedError, UnexpectedError

LONGEST_NAME_BYTES = 200  # a file's name has at most 255, and ".json" follows

KINDS: dict[type[BioposeError], str] = {
    CrashedError: "crash",
    UnexpectedError: "unexpected",
    ManifestError: "manifest",
    VideoError: "video",
    TrackingError: "person_not_found",
    ModelError: "model",
    FileFormatError: "file",
}


@dataclass(frozen=True)
class Quarantined:
    """A trial, or a whole session, in quarantine.

    Attributes:
        name: trial_id, or session folder where the manifest cannot be read.
        kind: manifest, missing_file, consent, video, person_not_found, model, file, crash or unexpected.
        stage: where it failed, such as discover or probe.
        message: what is wrong, where, and what to do.
        key: of the content that failed: the same content is not retried by itself; "" is retried by every run.
        retry: the command that retries it.
        since: UTC, of the first such failure.
        details: the traceback of an unexpected error.
        inbox: where it lies.
        athlete: team/athlete whose trial it is, as far as known.
    """

    name: str
    kind: str
    stage: str
    message: str
    key: str
    retry: str
    since: str
    details: str = ""
    inbox: str = ""
    athlete: str = ""


def quarantine_record(
    name: str,
    error: BioposeError,
    *,
    stage: str,
    key: str,
    retry: str,
    kind: str | None = None,
    inbox: str = "",
    athlete: str = "",
) -> Quarantined:
    """The record of an error; its kind follows from the error's class unless it is given."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    details = error.details if isinstance(error, UnexpectedError) else ""
    kind = kind or KINDS.get(type(error), "input")
    return Quarantined(name, kind, stage, str(error), key, retry, since, details, inbox, athlete)


def retry_command(name: str, *, inbox: Path, home: Path) -> str:
    """The command that retries a trial."""
    return f"biopose ingest {shlex.quote(str(inbox))} --home {shlex.quote(str(home))} --retry {shlex.quote(name)}"


class Quarantine:
    """The records of one home.

    Args:
        folder: that holds them, made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __iter__(self) -> Iterator[Quarantined]:
        """All records.

        Raises:
            BioposeError: some cannot be read; each is named.
        """
        records, unreadable = self.read()
        if unreadable:
            raise BioposeError("\n".join(unreadable))
        return iter(records)

    def read(self) -> tuple[list[Quarantined], list[str]]:
        """All records, and a message for each that cannot be read."""
        records, unreadable = [], []
        for path in sorted(path for path in self._folder.rglob("*.json") if not path.is_dir()):
            try:
                records.append(read_record(path))
            except FileNotFoundError:
                continue  # it was released meanwhile
            except BioposeError as error:
                unreadable.append(str(error))
        return records, unreadable

    def get(self, name: str) -> Quarantined | None:
        """The record of a trial, if it is in quarantine."""
        path = self._path(name)
        return read_record(path) if path.is_file() else None

    def put(self, record: Quarantined) -> bool:
        """Quarantine a trial; returns whether this is new: the same failure again changes nothing."""
        before = self.get(record.name)
        if before and (before.kind, before.message, before.key) == (record.kind, record.message, record.key):
            return False
        path = self._path(record.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path, durable=True) as partial:
            partial.write_text(json.dumps(asdict(record), indent=2, ensure_ascii=False), encoding="utf-8")
        return True

    def release(self, name: str) -> None:
        """Remove a trial's record, if there is one."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        """A folder of an inbox may have a longer name than its record's file can have."""
        *above, last = (_shortened(part) for part in name.split("/"))
        return self._folder.joinpath(*above, f"{last}.json")


def _shortened(name: str) -> str:
    if len(name.encode()) <= LONGEST_NAME_BYTES:
        return name
    return f"{name[:40]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def read_record(path: Path) -> Quarantined:
    """A record.

    Raises:
        BioposeError: the file is none, or cannot be read.
        FileNotFoundError: it is not there.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        record = Quarantined(**content)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BioposeError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    except (ValueError, TypeError) as error:
        raise BioposeError(f"{path}: no quarantine record ({error}); delete it") from error
    if wrong := [name for name, value in content.items() if not isinstance(value, str)]:
        raise BioposeError(f"{path}: no quarantine record ({wrong[0]} is no text); delete it")
    return record
