"""The account of one night: what came, what was stored, what was kept aside and why, and who is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from biopose.errors import BioposeError, ManifestError
from tasks.models import PinnedModel
from tasks.notify import notify
from tasks.plan import Discovered, PlannedTrial
from tasks.quarantine import Quarantine, Quarantined, quarantined, retry_command
from tasks.settings import Settings
from warehouse.load import record_sha256

EVERY = "all"


@dataclass(eq=False)
class IngestRun:
    """One run of the ingestion.

    Attributes:
        settings: of this machine.
        inbox: that was looked at.
        models: pinned for the whole night.
        say: told a line for each trial as it ends.
        due: how many trials there are to work on.
        stored: those that were loaded, with frames and quality.
        known: those that had been loaded before, as they are now.
        aside: those in quarantine; `fresh` are the ones of this night.
        unexpected: errors that are no input's fault, by trial.
        parts: seconds of each part of the night.
        mlflow_run_id: of the night's record in MLflow; None where there is nothing to work on.
    """

    settings: Settings
    inbox: Path
    models: tuple[PinnedModel, ...]
    say: Callable[[str], None]
    due: int = 0
    stored: list[dict[str, Any]] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    aside: list[Quarantined] = field(default_factory=list)
    fresh: list[Quarantined] = field(default_factory=list)
    unexpected: dict[str, BaseException] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    mlflow_run_id: str | None = None

    def __post_init__(self) -> None:
        self._began_s = time.monotonic()
        self._quarantine = Quarantine(self.settings.quarantine)

    def retry(self, names: Sequence[str]) -> None:
        """Take trials out of quarantine, so that they are tried again.

        Raises:
            BioposeError: one is not there; the message lists those that are.
        """
        there = {record.name for record in self._quarantine}
        for name in there if EVERY in names else names:
            if name not in there:
                raise BioposeError(f"{name} is not in quarantine; there: {', '.join(sorted(there)) or 'nothing'}")
            self._quarantine.release(name)

    def refuse(self, found: Discovered) -> None:
        """Keep aside what its manifest makes impossible."""
        for trial in found.refused:
            self.keep_aside(trial.trial_id, ManifestError(trial.message), stage="discover", kind=trial.kind)
        for session, error in found.unreadable.items():
            self.keep_aside(session, error, stage="discover")
        self._forget_gone(found)

    def keep_aside(self, name: str, error: BioposeError, *, stage: str, key: str = "", kind: str | None = None) -> None:
        """Quarantine a trial or a session; the night goes on."""
        record = quarantined(
            name,
            error,
            kind=kind,
            stage=stage,
            key=key,
            retry=retry_command(name, inbox=self.inbox, home=self.settings.home),
        )
        self.aside.append(record)
        if self._quarantine.put(record):
            self.fresh.append(record)
            self.say(f"  aside   {name}: {record.message}")

    def not_loaded(self, trials: Sequence[PlannedTrial], loaded: Mapping[str, tuple[str, str]]) -> list[PlannedTrial]:
        """The trials to work on: neither in the warehouse as they are now, nor in quarantine for what they are now.

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
                self.aside.append(record)
            else:
                new.append(trial)
        self.due = len(new)
        return new

    def ended(self, trial: PlannedTrial, *, stage: str, error: BaseException | None) -> None:
        """Note how a trial ended.

        Args:
            trial: planned.
            stage: that it reached.
            error: that ended it; None where it was loaded.
        """
        if error is None:
            self._quarantine.release(trial.trial_id)
            self.stored.append(_figures(trial))
            self.say(f"  stored  {trial.trial_id}: {_sentence(self.stored[-1])} ({len(self.stored)} of {self.due})")
        elif isinstance(error, BioposeError):
            self.keep_aside(trial.trial_id, error, stage=stage, key=trial.run_id)
        else:
            self.unexpected[trial.trial_id] = error
            self.say(f"  FAILED  {trial.trial_id} in {stage}: {type(error).__name__}: {error}")

    def tell_webhook(self) -> None:
        """Whoever listens is told of what is new in quarantine, all at once."""
        if self.fresh:
            trials = [asdict(record) for record in self.fresh]
            notify(self.settings, {"event": "quarantined", "inbox": str(self.inbox), "trials": trials})

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a part of the night."""
        began_s = time.monotonic()
        yield
        self.parts[name] = time.monotonic() - began_s

    @property
    def seconds(self) -> float:
        """Since the night began."""
        return time.monotonic() - self._began_s

    def figures(self) -> dict[str, float]:
        """Throughput, counts and quality, for MLflow."""
        frames = sum(trial["frames"] for trial in self.stored)
        counts = {
            "trials_stored": len(self.stored),
            "trials_known": len(self.known),
            "trials_quarantined": len(self.aside),
            "trials_failed": len(self.unexpected),
            "frames": frames,
            "seconds": self.seconds,
            "frames_per_s": frames / self.seconds,
        }
        if self.stored:
            counts["mean_quality"] = sum(t["quality"] * t["frames"] for t in self.stored) / max(frames, 1)
        return counts

    def as_dict(self) -> dict[str, Any]:
        """The whole account, as JSON takes it."""
        return {
            **self.figures(),
            "home": str(self.settings.home),
            "inbox": str(self.inbox),
            "parts": self.parts,
            "stored": self.stored,
            "known": self.known,
            "quarantined": [asdict(record) for record in self.aside],
            "failed": {name: f"{type(error).__name__}: {error}" for name, error in self.unexpected.items()},
        }

    def _forget_gone(self, found: Discovered) -> None:
        """A trial or session that is no longer in the inbox, or is in order now, is no longer kept aside."""
        there = {entry.trial_id for entry in found.entries} | {record.name for record in self.aside}
        for record in self._quarantine:
            if record.name not in there:
                self._quarantine.release(record.name)


def _figures(trial: PlannedTrial) -> dict[str, Any]:
    quality = pq.read_table(trial.folder / "quality.parquet").to_pydict()
    figures = dict(zip(quality["name"], quality["value"], strict=True))
    frames = pq.read_metadata(trial.folder / "kinematics.parquet").num_rows
    record = trial.record
    return {
        "trial_id": trial.trial_id,
        "athlete_id": record["athlete"]["athlete_id"],
        "activity": record["trial"]["activity"],
        "run_id": trial.run_id,
        "frames": frames,
        "quality": figures.get("mean_quality") or 0.0,
        "overlay": str(trial.folder / "overlay.mp4"),
        "report": str(trial.folder / "report.html"),
    }


def _sentence(figures: Mapping[str, Any]) -> str:
    return f"{figures['frames']} frames, quality {figures['quality']:.2f} of 1"
