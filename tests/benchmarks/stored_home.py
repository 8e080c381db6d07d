"""Homes of synthetic trials, with the files that a night leaves: nothing is measured, so they are made in a second."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace

from tasks.dask_pool import DONE
from tasks.settings import Settings
from tests.commands import run as run_command
from tests.warehouse.trials import SyntheticTrial
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

WRITTEN_BYTES = 1 << 20


def store(settings: Settings, trial: SyntheticTrial, *, overlay_bytes: int = 1000) -> None:
    """Load a trial; its folder has an overlay of random bytes, and there are detections that it was made from.

    Args:
        settings: of the home.
        trial: whose video is its own.
        overlay_bytes: of the overlay.
    """
    folder = settings.artifacts / "trials" / trial.trial_id / trial.run_id
    detections = settings.artifacts / "perceived" / trial.run_id
    record = trial.record
    record["run"]["video_sha256"] = hashlib.sha256(trial.trial_id.encode()).hexdigest()
    load_trial(settings.warehouse, record, trial.write(folder))
    draw = random.Random(trial.run_id)
    with (folder / "overlay.mp4").open("wb") as overlay:
        for first in range(0, overlay_bytes, WRITTEN_BYTES):
            overlay.write(draw.randbytes(min(WRITTEN_BYTES, overlay_bytes - first)))
    detections.mkdir(parents=True)
    (detections / "0000.parquet").write_bytes(draw.randbytes(1000))
    (folder / DONE).write_text(json.dumps([str(detections.relative_to(settings.artifacts))]))


def make_home(settings: Settings) -> None:
    """A home with trials of two athletes, of which one was measured anew since and another deleted."""
    settings.make_home()
    trials = [
        SyntheticTrial(f"jump{number}", number, athlete=athlete)
        for number, athlete in enumerate(("ann", "ann", "ben", "ben"))
    ]
    for trial in (replace(trials[0], seed=9, code_version="0.0.9"), *trials):
        store(settings, trial)
    publish_snapshot(settings.warehouse, settings.snapshot)
    deleted = run_command("delete", trials[1].trial_id, "--home", settings.home)
    assert deleted.exit_code == 0, deleted.output
    reports = settings.reports / "blue"
    reports.mkdir(parents=True)
    for name in ("ann", "ben"):
        (reports / f"{name}.html").write_text(f"report of blue/{name}")
