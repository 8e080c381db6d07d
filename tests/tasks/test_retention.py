"""Pictures of videos are kept for so many days, results for good."""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from flows.cli.main import cli
from tasks.ingest_log import last_runs
from tasks.retention import expired, prune, pruned_line
from tasks.settings import Settings
from tests.warehouse.trials import SyntheticTrial
from warehouse.connection import opened_for_writing
from warehouse.content import content_rows
from warehouse.deleted import delete_trials
from warehouse.errors import OutdatedError
from warehouse.load import load_trial
from warehouse.migrate import KEPT_SHA256
from warehouse.snapshot import publish_snapshot


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, intermediates_days=7)


def written(path: Path, *, days_ago: float, content: str = "x" * 1000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    at_s = time.time() - days_ago * 86_400
    for one in (path, *[parent for parent in path.parents if parent.parent.parent.name == "artifacts"]):
        os.utime(one, (at_s, at_s))
    return path


def test_intermediates_expire_and_results_do_not(settings: Settings) -> None:
    artifacts = settings.artifacts
    old = [
        written(artifacts / "perceived" / "k1" / "0000.parquet", days_ago=8).parent,
        written(artifacts / "motions" / "m1.safetensors", days_ago=8),
    ]
    kept = [
        written(artifacts / "perceived" / "k2" / "0000.parquet", days_ago=6),
        written(artifacts / "motions" / "m2.safetensors", days_ago=6),
        written(artifacts / "trials" / "blue" / "s" / "t" / "run" / "overlay.mp4", days_ago=800),
        written(settings.home / "warehouse.duckdb", days_ago=800),
    ]
    assert sorted(one.path for one in expired(settings)) == sorted(old)
    assert pruned_line(prune(settings)) == "2 detections and motions, 0.00 GB"
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in old)
    assert prune(settings) == []


def test_a_folder_to_which_a_shard_was_added_lately_is_kept(settings: Settings) -> None:
    written(settings.artifacts / "perceived" / "k1" / "0000.parquet", days_ago=9)
    written(settings.artifacts / "perceived" / "k1" / "0001.parquet", days_ago=1)
    assert expired(settings) == []


def test_what_a_killed_process_left_half_written_goes_after_a_day(settings: Settings) -> None:
    run = settings.artifacts / "trials" / "blue" / "s" / "t" / "run"
    old = written(run / ".partial-a" / "done", days_ago=2).parent
    os.utime(old, (time.time() - 2 * 86_400,) * 2)
    written(run / ".partial-b" / "done", days_ago=0)
    report = written(settings.reports / "blue" / ".partial-c" / "ann.html", days_ago=2).parent
    os.utime(report, (time.time() - 2 * 86_400,) * 2)
    arriving = written(settings.inbox / "blue" / ".partial-d" / "clip.mp4", days_ago=2)
    assert {one.path for one in prune(settings)} == {old, report}
    assert arriving.exists()


def test_a_run_that_was_measured_and_never_loaded_goes_like_the_intermediates(settings: Settings) -> None:
    loaded = SyntheticTrial()
    load_trial(settings.warehouse, loaded.record, loaded.write(settings.home / loaded.record["run"]["artifacts"]))
    publish_snapshot(settings.warehouse, settings.snapshot)
    folder = settings.home / str(loaded.record["run"]["artifacts"])
    for file in folder.iterdir():
        written(file, days_ago=8)
    old = written(folder.with_name("corrected") / "done", days_ago=8).parent
    written(folder.with_name("waits") / "done", days_ago=1)
    for path in (folder, old):
        os.utime(path, (time.time() - 8 * 86_400,) * 2)
    assert [(one.path, one.kind) for one in prune(settings)] == [(old, "unloaded run")]


def test_results_that_no_other_run_replaced_stay_whatever_the_warehouse_has(settings: Settings) -> None:
    """As after a warehouse was begun anew, or put back from a copy before the trial was measured anew."""
    loaded = SyntheticTrial()
    load_trial(settings.warehouse, loaded.record, loaded.write(settings.home / loaded.record["run"]["artifacts"]))
    newer = (settings.home / str(loaded.record["run"]["artifacts"])).with_name("measured_anew")
    of_other = settings.artifacts / "trials" / "blue" / "s" / "of_no_row" / "run"
    for folder in (newer, of_other):
        os.utime(written(folder / "done", days_ago=60).parent, (time.time() - 60 * 86_400,) * 2)
    with opened_for_writing(settings.warehouse) as connection:
        connection.execute("UPDATE load_record SET loaded_at = now() - INTERVAL 70 DAY")
    publish_snapshot(settings.warehouse, settings.snapshot)
    assert prune(settings) == []
    assert newer.is_dir()
    assert of_other.is_dir()
    delete_trials(settings.warehouse, [loaded.trial_id], who="ann")
    publish_snapshot(settings.warehouse, settings.snapshot)
    assert [(one.path, one.kind) for one in prune(settings)] == [(newer, "unloaded run")]


def test_a_prune_that_was_killed_before_it_published_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, trial = Settings(home=tmp_path, deleted_days=0), SyntheticTrial()
    load_trial(settings.warehouse, trial.record, trial.write(settings.home / str(trial.record["run"]["artifacts"])))
    delete_trials(settings.warehouse, [trial.trial_id], who="ann")
    publish_snapshot(settings.warehouse, settings.snapshot)

    def killed(*_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("tasks.retention.publish_snapshot", killed)
        with pytest.raises(KeyboardInterrupt):
            prune(settings)
    assert content_rows(settings.snapshot)["run"][0] == 1
    prune(settings)
    assert content_rows(settings.snapshot)["run"][0] == 0


def test_a_home_of_another_version_can_be_read_after_a_prune(tmp_path: Path) -> None:
    settings, trial = Settings(home=tmp_path), SyntheticTrial()
    load_trial(settings.warehouse, trial.record, trial.write(settings.home / str(trial.record["run"]["artifacts"])))
    publish_snapshot(settings.warehouse, settings.snapshot)
    for database in (settings.warehouse, settings.snapshot):
        with duckdb.connect(str(database)) as connection:
            connection.execute(f"CREATE OR REPLACE MACRO {KEPT_SHA256}() AS 'the hash of other views'")
    with pytest.raises(OutdatedError, match="`biopose prune` brings it up to date"):
        content_rows(settings.snapshot)
    assert CliRunner().invoke(cli, ["prune", "--home", str(tmp_path)]).output == "nothing removed\n"
    assert content_rows(settings.snapshot)["run"][0] == 1


def test_old_logs_of_ingests_go_but_the_last_that_ended_well(settings: Settings) -> None:
    logs = [
        written(
            settings.logs / f"ingest-2026080{day}T040000Z-1.log",
            days_ago=100 - day,
            content=f'{{"kind": "began", "at": "2026-08-0{day}", "pid": 1}}\n{{"kind": "{end}"}}\n',
        )
        for day, end in enumerate(("ended", "failed", "ended", "failed"))
    ]
    assert [run.ended_well for run in last_runs(settings)] == [True, False]
    assert pruned_line(prune(settings)) == "2 logs of ingests, 0.00 GB"
    assert [log.exists() for log in logs] == [False, False, True, True]
    assert prune(Settings(home=settings.home, ingest_logs_days=0)) == []


def test_a_folder_that_is_no_home_is_left_alone(tmp_path: Path) -> None:
    theirs = written(tmp_path / "artifacts" / "motions" / "v1.zip", days_ago=400)
    result = CliRunner().invoke(cli, ["prune", "--home", str(tmp_path)])
    assert result.exit_code == 1
    assert "nothing is stored there yet" in result.output
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [theirs]


def test_the_command_lists_before_it_removes(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_bytes(b"")
    old = written(tmp_path / "artifacts" / "motions" / "m1.safetensors", days_ago=31)
    run = CliRunner()
    assert "1 detections and motions" in run.invoke(cli, ["prune", "--dry-run", "--home", str(tmp_path)]).output
    assert old.exists()
    assert run.invoke(cli, ["prune", "--home", str(tmp_path)]).exit_code == 0
    assert not old.exists()
