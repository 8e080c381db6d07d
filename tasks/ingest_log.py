"""The account of every ingest run in the home's logs, wherever it was started from: what it printed, and how far it is.

A file a run, HOME/logs/ingest-STARTED-PID.log, a JSON object a line: `at` (UTC), `kind` and what belongs to it. Lines
that name somebody go with `biopose erase`, as those of all logs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tasks.settings import OWNER_ALONE, Settings

FILES = "ingest-*Z-*.log"
FILE_OF_OWNER = 0o600

Record = dict[str, Any]


class IngestLog:
    """The log of the run of this process.

    Args:
        file: appended to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def write(self, kind: str, **content: Any) -> None:
        """Append a record: began, planned, stage, trial, line, ended or failed."""
        record = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "kind": kind, **content}
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_OF_OWNER)
        with os.fdopen(descriptor, "a", encoding="utf-8", errors="replace") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


@contextmanager
def ingest_log(settings: Settings, *, started_by: str) -> Iterator[IngestLog]:
    """The log of a run; what ends the block with an error is its last record.

    Args:
        settings: of the home, and the inbox.
        started_by: such as "the deployment nightly" or "biopose ingest".
    """
    settings.logs.mkdir(mode=OWNER_ALONE, parents=True, exist_ok=True)
    began = datetime.now(UTC)
    log = IngestLog(settings.logs / f"ingest-{began:%Y%m%dT%H%M%SZ}-{os.getpid()}.log")
    log.write("began", inbox=str(settings.inbox), pid=os.getpid(), started_by=started_by)
    try:
        yield log
    except BaseException as error:
        log.write("failed", error=f"{type(error).__name__}: {error}")
        raise


@dataclass(frozen=True)
class LoggedRun:
    """A run's records, the oldest first; "began" is the first."""

    records: tuple[Record, ...]

    @property
    def began(self) -> datetime:
        """UTC."""
        return datetime.fromisoformat(self.records[0]["at"])

    @property
    def is_ended(self) -> bool:
        """Whether it came to an end of its own, with or without an error."""
        return self.records[-1]["kind"] in ("ended", "failed")

    @property
    def ended_well(self) -> bool:
        """Whether it came to its end without an error."""
        return bool(self.records[-1]["kind"] == "ended")

    @property
    def planned(self) -> int:
        """Trials to process; 0 until they are known."""
        return sum(record["trials"] for record in self._of("planned"))

    @property
    def done(self) -> int:
        """Trials that were processed, whatever came of them."""
        return len(self._of("trial"))

    @property
    def stages(self) -> list[str]:
        """What is done now, a stage each: of the trials that began and did not end."""
        ended = {record["trial"] for record in self._of("trial")}
        under_way = {record["trial"]: record["stage"] for record in self._of("stage") if record["trial"] not in ended}
        return list(under_way.values())

    @property
    def lines(self) -> list[str]:
        """What it printed."""
        return [record["text"] for record in self._of("line")]

    def is_running(self, settings: Settings) -> bool:
        """Whether its process holds the home's lock still."""
        pid = self.records[0]["pid"]
        if self.is_ended:
            return False
        try:
            holder = (settings.home / "ingest.lock").read_text().strip()
            os.kill(pid, 0)
        except (OSError, OverflowError):
            return False
        return holder == str(pid)

    def state(self, settings: Settings) -> str:
        """How far it is, or how it ended."""
        last = self.records[-1]
        if last["kind"] == "ended":
            return str(last["summary"])
        if last["kind"] == "failed":
            return f"failed: {last['error']}"
        if not self.is_running(settings):
            return f"was cut off after {self.done} of {self.planned} trials; run the ingest again to resume"
        return progress_text(self)

    def _of(self, kind: str) -> list[Record]:
        return [record for record in self.records if record["kind"] == kind]


def progress_text(run: LoggedRun) -> str:
    """How far a run is that is under way; nobody is named."""
    if not run.planned:
        return "running: discovering and planning"
    stages = ", ".join(dict.fromkeys(run.stages)) or "starting or loading"
    return f"running: {run.done} of {run.planned} trials done; now: {stages}"


def logged_runs(settings: Settings, *, night: date | None = None) -> list[LoggedRun]:
    """The runs of a day, or all, the oldest first; a file that is no such log is left out.

    Args:
        settings: of the home.
        night: the day on which they began, in UTC.
    """
    pattern = FILES if night is None else f"ingest-{night:%Y%m%d}T*Z-*.log"
    found = (_read(file) for file in sorted(settings.logs.glob(pattern)))
    return [run for run in found if run is not None]


def last_runs(settings: Settings) -> list[LoggedRun]:
    """The runs since the last that ended well, that one first; all where none did."""
    newest_first = (run for file in _newest_first(settings) if (run := _read(file)) is not None)
    found: list[LoggedRun] = []
    for run in newest_first:
        found.insert(0, run)
        if run.ended_well:
            break
    return found


def old_logs(settings: Settings) -> list[Path]:
    """The files before that of the last run that ended well."""
    files = _newest_first(settings)
    for number, file in enumerate(files, start=1):
        run = _read(file)
        if run is not None and run.ended_well:
            return files[number:]
    return []


def running_ingest(settings: Settings) -> LoggedRun | None:
    """The run that is under way; None where there is none."""
    newest = next(iter(_newest_first(settings)), None)
    run = None if newest is None else _read(newest)
    return run if run is not None and run.is_running(settings) else None


def _newest_first(settings: Settings) -> list[Path]:
    return sorted(settings.logs.glob(FILES), reverse=True)


def _read(file: Path) -> LoggedRun | None:
    """A run's records; a last line that was not written to its end is left out."""
    records: list[Record] = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "kind" in record:
            records.append(record)
    return LoggedRun(tuple(records)) if records and records[0]["kind"] == "began" else None
