"""The record of one ingest run: which trials were stored, already loaded, quarantined or failed, and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from biopose.errors import BioposeError, ManifestError, VideoError
from biopose.io.manifest import MANIFEST
from biopose.outputs.file_names import OVERLAY, REPORT
from tasks.errors import GivesWayError
from tasks.faults import UnexpectedError, as_input_error
from tasks.marker_plan import MARKER_STAGES
from tasks.models import PinnedModel
from tasks.notify import notify
from tasks.plan import VIDEO_STAGES, Discovered, Planned, stages_of
from tasks.quarantine import Quarantine, Quarantined, quarantine_record, retry_command
from tasks.releases import PinnedRelease
from tasks.settings import Settings
from tasks.video_hash import VideoChangedError
from warehouse.errors import WarehouseBusyError
from warehouse.load import record_sha256

EVERY = "all"


@dataclass(eq=False)
class IngestRun:
    """One run of the ingestion.

    Attributes:
        settings: of this machine.
        inbox: the folder of sessions.
        release: with models pinned for the whole run.
        log: called with a line for each trial as it ends.
        record: called with the kind and the content of what the home's log holds besides.
        total: number of trials to process.
        stored: the trials that were loaded, with frames and quality.
        known: ids of trials that an earlier run loaded with the same content.
        quarantined: records of all that is in quarantine; `newly_quarantined` are those of this run.
        unloaded: by trial id, why a measured trial is not in the warehouse; the next run loads it.
        failed: errors that no input caused, by trial id.
        waiting: by trial id, why it was left for the next run: its video is still being written, say.
        gave_way: whether trials wait since a night needs the machine.
        notes: what is odd about what was found, a line each.
        unmatched: what lies in the inbox and belongs to no trial: path, kind and message of each.
        parts: seconds of each part of the run.
        slots_busy: share of the cores' time that calls of the engines took, the engines' start included.
        mlflow_run_id: of the run's record in MLflow; None where there is nothing to process.
    """

    settings: Settings
    inbox: Path
    release: PinnedRelease
    log: Callable[[str], None]
    record: Callable[..., None] = lambda _kind, **_content: None
    total: int = 0
    stored: list[dict[str, Any]] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    newly_quarantined: list[Quarantined] = field(default_factory=list)
    unloaded: dict[str, str] = field(default_factory=dict)
    failed: dict[str, BaseException] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    gave_way: bool = False
    notes: list[str] = field(default_factory=list)
    unmatched: list[dict[str, str]] = field(default_factory=list)
    parts: dict[str, float] = field(default_factory=dict)
    slots_busy: float = 0.0
    mlflow_run_id: str | None = None

    def __post_init__(self) -> None:
        self._began_s = time.monotonic()
        self._quarantine = Quarantine(self._quarantine_folder)
        self._unexpected: list[tuple[Planned, str, UnexpectedError]] = []
        self._passed: set[str] = set()  # stages that a trial of this run got through

    @property
    def models(self) -> tuple[PinnedModel, ...]:
        """Of the release."""
        return self.release.models

    @property
    def _quarantine_folder(self) -> Path:
        """What another release than the promoted one cannot measure is no matter of the nights."""
        shadow = self.settings.shadow / self.release.release_id[:16] / "quarantine"
        return self.settings.quarantine if self.release.is_promoted else shadow

    def retry(self, names: Sequence[str]) -> None:
        """Take trials out of quarantine, so that they are tried again.

        Raises:
            BioposeError: one is not there; the message lists those that are.
        """
        there = {record.name for record in self._quarantine}
        if unknown := [name for name in names if name not in there and name != EVERY]:
            listed = ", ".join(sorted(there)) or "nothing"
            raise BioposeError(f"{', '.join(unknown)} is not in quarantine; there: {listed}")
        for name in there if EVERY in names else names:
            self._quarantine.release(name)

    def report_unmatched(self, found: Discovered) -> None:
        """Report what in the inbox belongs to no trial.

        Raises:
            ManifestError: not one manifest is there: the inbox may be another folder, or its drive not be mounted.
        """
        self.unmatched = [asdict(one) for one in found.unmatched]
        for one in found.unmatched:
            self.log(f"  not ingested {one.path}: {one.message}")
        if found.is_empty:
            others = f"; there are {len(found.unmatched)} other things, which are listed" if found.unmatched else ""
            raise ManifestError(
                f"{self.inbox}: nothing to ingest: no {MANIFEST} here or in any folder below{others}. Expected is "
                f"TEAM/SESSION/{MANIFEST} beside the videos; is this the inbox, and is its drive mounted?"
            )

    def quarantine_invalid(self, found: Discovered) -> None:
        """Quarantine trials and sessions whose manifest is invalid; release those that are gone or valid now."""
        for trial in found.refused:
            self.quarantine(
                trial.trial_id,
                ManifestError(trial.message),
                stage="discover",
                kind=trial.kind,
                athlete=trial.athlete_id,
            )
        for session, error in found.unreadable.items():
            self.quarantine(session, error, stage="discover")
        self._release_gone(found)

    def note(self, line: str) -> None:
        """Report something odd that stops nothing."""
        self.notes.append(line)
        self.log(f"  note         {line}")

    def wait(self, name: str, why: BioposeError) -> None:
        """Leave a trial for the next run."""
        self.waiting[name] = str(why)
        self.log(f"  waits        {name}: {why}")

    def quarantine(
        self,
        name: str,
        error: BioposeError,
        *,
        stage: str,
        key: str = "",
        kind: str | None = None,
        retry: str = "",
        athlete: str = "",
    ) -> None:
        """Quarantine a trial or a session; the run continues.

        Args:
            name: of the trial or session.
            error: the reason.
            stage: where it arose.
            key: of the content that failed.
            kind: where it does not follow from the error.
            retry: the command that retries it, where it is another than usual.
            athlete: team/athlete whose trial it is, as far as known.
        """
        record = quarantine_record(
            name,
            error,
            kind=kind,
            stage=stage,
            key=key,
            retry=retry or retry_command(name, inbox=self.inbox, home=self.settings.home),
            inbox=str(self.inbox),
            athlete=athlete,
        )
        self.quarantined.append(record)
        if self._quarantine.put(record):
            self.newly_quarantined.append(record)
            self.log(f"  quarantined  {name}: {record.message}")

    def not_loaded(self, trials: Sequence[Planned], loaded: Mapping[str, tuple[str, str]]) -> list[Planned]:
        """The trials to process: those whose present content is neither in the warehouse nor in quarantine.

        Args:
            trials: of the inbox.
            loaded: of the warehouse: trial_id -> (run_id, hash of its record).
        """
        new = []
        for trial in trials:
            record = self._quarantine.get(trial.trial_id)
            if loaded.get(trial.trial_id) == (trial.run_id, record_sha256(trial.record)):
                self.known.append(trial.trial_id)
                self._quarantine.release(trial.trial_id)
            elif record is not None and record.key == trial.run_id:
                self.quarantined.append(record)
            else:
                new.append(trial)
        self.total += len(new)
        self.record("planned", trials=self.total)
        return new

    def record_outcome(self, trial: Planned, stage: str, error: BaseException | None) -> None:
        """Record how a trial ended.

        Args:
            trial: planned.
            stage: the last that it reached.
            error: that ended it; None where it was loaded.
        """
        if error is None:
            self._quarantine.release(trial.trial_id)
            self.stored.append(_summary(trial))
            frames, quality = self.stored[-1]["frames"], self.stored[-1]["quality"]
            progress = f"{len(self.stored)} of {self.total}"
            self.log(f"  stored       {trial.trial_id}: {frames} frames, quality {quality:.2f} of 1 ({progress})")
        elif isinstance(error, GivesWayError):
            self.waiting[trial.trial_id] = str(error)
            self.gave_way = True
        elif isinstance(error, WarehouseBusyError):
            self.unloaded[trial.trial_id] = str(error)
            self.log(f"  not loaded   {trial.trial_id}: measured; {error}")
        else:
            self._record_error(trial, stage, error)
        self.record("trial", trial=trial.trial_id)
        stages = stages_of(trial)
        self._passed.update(stages[: stages.index(stage) + (error is None)])

    def begin_stage(self, trial: Planned, stage: str) -> None:
        """Record that a trial begins a stage."""
        self.record("stage", trial=trial.trial_id, stage=stage)

    @property
    def unmeasured(self) -> dict[str, str]:
        """By trial, why it could not be measured: it is in quarantine, or its work raised what nobody foresaw.

        Failures of the machine, such as a full disk, are not among them.
        """
        unexpected = {name: str(error) for name, error in self.failed.items() if isinstance(error, UnexpectedError)}
        return {record.name: record.message for record in self.quarantined} | unexpected

    @property
    def summary(self) -> str:
        """The run in a line, without a name."""
        counts = {
            "stored": len(self.stored),
            "unchanged": len(self.known),
            "in quarantine": len(self.quarantined),
            "measured, not loaded": len(self.unloaded),
            "left for the next run": len(self.waiting),
            "failed": len(self.failed),
        }
        shown = [f"{count} {what}" for what, count in counts.items() if count or what in ("stored", "in quarantine")]
        return f"{', '.join(shown)}, in {self.seconds:.0f} s"

    def _record_error(self, trial: Planned, stage: str, error: BaseException) -> None:
        inputs, athlete = trial.trial.inputs, _athlete_of(trial)
        # Work on an input raises BioposeError, whatever went wrong (`tasks.faults`); all else is the machine's fault.
        wrong = as_input_error(error, inputs) if isinstance(error, BioposeError | OSError) else None
        try:
            trial.check_inputs()
        except VideoChangedError as changed:
            self.wait(trial.trial_id, changed)
            return
        missing = next((path for path in inputs if not path.exists()), None)
        if wrong is not None and missing is not None:
            gone = VideoError(f"{missing}: vanished while it was measured; copy it there again")
            self.quarantine(trial.trial_id, gone, stage=stage, kind="missing_file", athlete=athlete)
        elif isinstance(wrong, UnexpectedError):
            self._unexpected.append((trial, stage, wrong))
        elif wrong is not None:
            self.quarantine(trial.trial_id, wrong, stage=stage, key=trial.run_id, athlete=athlete)
        else:
            self.failed[trial.trial_id] = error
            self.log(f"  FAILED       {trial.trial_id} in {stage}: {type(error).__name__}: {error}")

    def judge_unexpected(self) -> None:
        """Quarantine the trials that failed unexpectedly; where a stage failed so for all, no input is at fault."""
        unexpected, self._unexpected = self._unexpected, []
        for stage in dict.fromkeys((*VIDEO_STAGES, *MARKER_STAGES)):
            failed = [(trial, error) for trial, at, error in unexpected if at == stage]
            is_inputs_fault = len(failed) == 1 or stage in self._passed
            for trial, error in failed:
                if is_inputs_fault:
                    self.quarantine(trial.trial_id, error, stage=stage, key=trial.run_id, athlete=_athlete_of(trial))
                else:
                    self.failed[trial.trial_id] = error
                    self.log(f"  FAILED       {trial.trial_id} in {stage}, as all trials that reached it: {error}")

    def notify_incomplete(self) -> None:
        """Send one notification of all that is newly in quarantine, and one of what could not be loaded."""
        if self.unloaded:
            trials = [{"name": name, "message": message} for name, message in self.unloaded.items()]
            notify(self.settings, {"event": "measured, not loaded", "inbox": str(self.inbox), "trials": trials})
        if self.newly_quarantined:
            trials = [asdict(record) for record in self.newly_quarantined]
            notify(self.settings, {"event": "quarantined", "inbox": str(self.inbox), "trials": trials})

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a part of the run."""
        began_s = time.monotonic()
        yield
        self.parts[name] = self.parts.get(name, 0.0) + time.monotonic() - began_s

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began_s

    def metrics(self) -> dict[str, float]:
        """Throughput, counts and quality, for MLflow."""
        frames = sum(trial["frames"] for trial in self.stored)
        counts = {
            "trials_stored": len(self.stored),
            "trials_known": len(self.known),
            "trials_quarantined": len(self.quarantined),
            "trials_unloaded": len(self.unloaded),
            "trials_failed": len(self.failed),
            "trials_waiting": len(self.waiting),
            "frames": frames,
            "seconds": self.seconds,
            "frames_per_s": frames / self.seconds,
            "slots_busy": self.slots_busy,
        }
        if self.stored:
            counts["mean_quality"] = sum(t["quality"] * t["frames"] for t in self.stored) / max(frames, 1)
        return counts

    def as_dict(self) -> dict[str, Any]:
        """The whole record, as JSON has it."""
        return {
            **self.metrics(),
            "home": str(self.settings.home),
            "inbox": str(self.inbox),
            "is_current": self.release.is_promoted,
            "parts": self.parts,
            "stored": self.stored,
            "known": self.known,
            "quarantined": [asdict(record) for record in self.quarantined],
            "unloaded": self.unloaded,
            "failed": {name: f"{type(error).__name__}: {error}" for name, error in self.failed.items()},
            "waiting": self.waiting,
            "notes": self.notes,
            "unmatched": self.unmatched,
        }

    def _release_gone(self, found: Discovered) -> None:
        """Release trials and sessions that are no longer in the inbox, or whose manifest is valid now."""
        there = {entry.trial_id for entry in found.entries} | {record.name for record in self.quarantined}
        for record in self._quarantine:
            if record.name not in there and record.inbox in ("", str(self.inbox)):
                self._quarantine.release(record.name)


def _athlete_of(trial: Planned) -> str:
    return str(trial.record["athlete"]["athlete_id"])


def _summary(trial: Planned) -> dict[str, Any]:
    """A stored trial's frames, quality and files."""
    with pq.ParquetFile(trial.folder / "quality.parquet") as file:  # `read_table` would import pandas
        quality = file.read().to_pydict()
    values = dict(zip(quality["name"], quality["value"], strict=True))
    frames = pq.read_metadata(trial.folder / "kinematics.parquet").num_rows
    record = trial.record
    return {
        "trial_id": trial.trial_id,
        "athlete_id": record["athlete"]["athlete_id"],
        "activity": record["trial"]["activity"],
        "run_id": trial.run_id,
        "frames": frames,
        "quality": values.get("mean_quality") or 0.0,
        **({"overlay": str(trial.folder / OVERLAY)} if (trial.folder / OVERLAY).exists() else {}),
        "report": str(trial.folder / REPORT),
    }
