"""A small home whose registry has two versions of three models, and whose warehouse has trials of both releases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.comparison import DEFAULT_POLICY
from tasks.models import registry
from tasks.settings import Settings
from tests.warehouse.trials import SyntheticTrial, load_trials
from warehouse.connection import opened_for_writing, transaction
from warehouse.releases import promoted, record_release
from warehouse.rollouts import decide, move, note_compared, register
from warehouse.snapshot import publish_snapshot

STAGES = ("detector", "keypoints", "keypoint_fit")  # of the method keypoint_fit


def make_home(home: Path) -> Settings:
    """Version 1 is promoted and measured two trials; version 2 measured one of them, and its rollout is at the gate."""
    settings = Settings.load(home)
    with registry(settings) as client:
        for stage in STAGES:
            client.create_registered_model(stage)
            for version in (1, 2):
                tags = {"sha256": f"{version}" * 64, "configuration": "{}"}
                client.create_model_version(stage, f"file:///{stage}{version}", tags=tags)
            client.set_registered_model_alias(stage, "champion", "1")
    load_trials(settings.warehouse, (run_of(settings, *one) for one in (("jump1", 1), ("jump2", 1), ("jump1", 2))))
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        (champion,) = promoted(connection)
        candidate = record_release(connection, "keypoint_fit", models(2))
        number = register(
            connection,
            champion_id=champion,
            candidate_id=candidate,
            policy=DEFAULT_POLICY.read_text(),
            trials=[SyntheticTrial("jump1").trial_id],
            who="ann",
            why="test",
        )
        move(connection, number, "compare", who="ann", why="measured")
        note_compared(connection, number, "{}", who="ann")
        decide(connection, number, verdict="pass", who="ann", why="test")
    publish_snapshot(settings.warehouse, settings.snapshot)
    return settings


def models(version: int) -> list[dict[str, Any]]:
    """Of a release."""
    return [{"stage": one, "model": one, "version": version, "sha256": f"{version}" * 64} for one in STAGES]


def run_of(settings: Settings, name: str, version: int, **changes: Any) -> tuple[dict[str, Any], Path]:
    """Record and folder of a trial as a version measured it."""
    trial = SyntheticTrial(name, seed=version, **changes)
    record = replace(trial, seed=0).record
    record["models"] = models(version)
    record["run"]["run_id"] = f"{version}-{trial.run_id}"
    return record, trial.write(settings.home / "files" / record["run"]["run_id"])
