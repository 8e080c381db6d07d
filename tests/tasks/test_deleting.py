"""A trial that was deleted is not shown and not measured, can be restored for a time, and is then removed for good."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli.main import cli
from tasks.audit import AuditLog
from tasks.dask_pool import DONE
from tasks.golden import GoldenSet
from tasks.golden_trials import add_golden
from tasks.ray_folder import made_for_ray
from tasks.retention import expired, prune
from tasks.settings import Settings
from tests.warehouse.trials import SyntheticTrial
from warehouse.archive import archive_frames, listed_files
from warehouse.connection import ARCHIVE, opened_for_writing
from warehouse.content import content_rows
from warehouse.deleted import delete_trials, deleted_trials, restore_trials
from warehouse.errors import QueryError
from warehouse.load import load_trial
from warehouse.query import run_query, run_sql
from warehouse.retire import retire_people, retire_trials
from warehouse.snapshot import publish_snapshot

JUMP, OTHER = SyntheticTrial("jump1"), SyntheticTrial("jump2", seed=1)
BOBS = SyntheticTrial("jump3", seed=2, athlete="bob", session="2026-11-26-jumps")
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with three trials and what they were made from; to be copied."""
    settings = Settings(home=tmp_path_factory.mktemp("deleting") / "home")
    for trial, made_from in ((JUMP, ["k1", "shared"]), (OTHER, ["k2", "shared"]), (BOBS, ["k3"])):
        load(settings, trial, made_from)
    publish_snapshot(settings.warehouse, settings.snapshot)
    return settings


@pytest.fixture
def settings(stored: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(stored.home, tmp_path / "home")
    return Settings(home=tmp_path / "home")


def load(settings: Settings, trial: SyntheticTrial, made_from: list[str], *, video: str = "a") -> None:
    record = trial.record
    record["run"]["video_sha256"] = video * 64
    folder = trial.write(settings.home / record["run"]["artifacts"])
    (folder / DONE).write_text(json.dumps([f"perceived/{name}" for name in made_from]))
    for name in made_from:
        (settings.artifacts / "perceived" / name).mkdir(parents=True, exist_ok=True)
    load_trial(settings.warehouse, record, folder)


def run(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--home", str(settings.home)])


def shown(settings: Settings) -> list[str]:
    return [one.rpartition("/")[2] for one in run_query(settings.snapshot, "trials", {})["trial_id"]]


def age(settings: Settings, days: float) -> None:
    """As if trials had been deleted, and runs loaded, so many days ago."""
    with opened_for_writing(settings.warehouse) as connection:
        for column, table in (("deleted_at", "deleted_trial"), ("loaded_at", "load_record")):
            connection.execute(f"UPDATE {table} SET {column} = {column} - INTERVAL {int(days * 24)} HOUR")
    publish_snapshot(settings.warehouse, settings.snapshot)


@pytest.mark.parametrize(("name", "left"), [(JUMP.trial_id, ["jump2", "jump3"]), ("blue/2026-11-25-jumps", ["jump3"])])
def test_a_trial_or_session_disappears_at_once_and_comes_back_as_it_was(
    settings: Settings, name: str, left: list[str]
) -> None:
    before = content_rows(settings.snapshot)
    result = run(settings, "delete", name)
    assert result.exit_code == 0
    assert "For 30 days `biopose delete --restore` takes it back" in result.output
    assert shown(settings) == left
    assert "can be restored until" in run(settings, "delete", "--list").output
    assert run(settings, "delete", "--restore", name).exit_code == 0
    assert content_rows(settings.snapshot) == before
    assert [entry.act for entry in AuditLog(settings.home).entries()] == ["delete", "restore"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("blue/2026-11-25-jumps/jump",), 1, "there is no trial or session 'blue/2026-11-25-jumps/jump'; nearest"),
        (("--restore", "blue/none"), 1, "no deleted trial can be restored here: `biopose delete --list`"),
        ((), 2, "give a trial or a session, or --list"),
        (("--list", JUMP.trial_id), 2, "--list"),
        ((JUMP.trial_id, "blue/none"), 1, "there is no trial or session 'blue/none'"),
    ],
)
def test_what_cannot_be_deleted_or_restored_is_explained(
    settings: Settings, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = run(settings, "delete", *arguments)
    assert (result.exit_code, message in result.output) == (code, True)
    assert shown(settings) == ["jump1", "jump2", "jump3"]


def test_a_trial_that_its_manifest_retired_is_not_deleted(settings: Settings) -> None:
    retire_trials(settings.warehouse, {"blue/2026-11-25-jumps": [OTHER.trial_id]})
    result = run(settings, "delete", JUMP.trial_id)
    assert (result.exit_code, "is hidden already: retired by its manifest" in result.output) == (1, True)


@pytest.mark.parametrize("is_published", [False, True])
def test_a_deletion_and_a_restoring_that_were_killed_are_completed_by_running_them_again(
    settings: Settings, is_published: bool
) -> None:
    for change, arguments, left, before in (
        (partial(delete_trials, who="ann"), (), ["jump2", "jump3"], "was deleted before"),
        (restore_trials, ("--restore",), ["jump1", "jump2", "jump3"], "is shown already"),
    ):
        change(settings.warehouse, [JUMP.trial_id])
        if is_published:  # killed before the audit log's line
            publish_snapshot(settings.warehouse, settings.snapshot)
        again = run(settings, "delete", *arguments, JUMP.trial_id)
        assert (again.exit_code, again.output) == (0, f"{JUMP.trial_id} {before}\n")
        assert shown(settings) == left
    entries = list(AuditLog(settings.home).entries())
    assert [entry.act for entry in entries] == ["delete", "restore"]
    assert {entry.trials for entry in entries} == {(AuditLog(settings.home).pseudonym(JUMP.trial_id),)}


def test_neither_manifest_nor_consent_shows_a_deleted_trial_again(settings: Settings) -> None:
    run(settings, "delete", JUMP.trial_id)
    retire_trials(settings.warehouse, {"blue/2026-11-25-jumps": [JUMP.trial_id, OTHER.trial_id]})
    assert [(one.trial_id, one.is_restorable) for one in deleted_trials(settings.warehouse)] == [(JUMP.trial_id, True)]
    retire_people(settings.warehouse, ["blue/ann"])
    with pytest.raises(QueryError, match="no deleted trial can be restored"):
        restore_trials(settings.warehouse, [JUMP.trial_id])


def test_another_recording_under_the_name_is_shown_and_the_deleted_one_goes_in_its_time(settings: Settings) -> None:
    run(settings, "delete", JUMP.trial_id)
    right = SyntheticTrial("jump1", seed=7)
    load(settings, right, ["k7"], video="b")
    with pytest.raises(QueryError, match="another recording is shown under this name"):
        restore_trials(settings.warehouse, [JUMP.trial_id])
    age(settings, 31)
    prune(settings)
    assert shown(settings) == ["jump1", "jump2", "jump3"]
    assert not (settings.home / JUMP.record["run"]["artifacts"]).exists()
    assert (settings.home / right.record["run"]["artifacts"]).is_dir()


def test_after_its_time_rows_files_and_bytes_of_a_deleted_trial_are_gone_and_it_is_still_not_measured(
    settings: Settings,
) -> None:
    run(settings, "delete", BOBS.trial_id)
    run(settings, "delete", JUMP.trial_id)
    age(settings, 29)
    assert [one.kind for one in expired(settings)] == []
    age(settings, 2)
    assert {str(one.path.relative_to(settings.artifacts)) for one in expired(settings)} == {
        str(Path(BOBS.record["run"]["artifacts"]).relative_to("artifacts")),
        str(Path(JUMP.record["run"]["artifacts"]).relative_to("artifacts")),
        "perceived/k1",
        "perceived/k3",
    }
    assert "4 files of deleted trials" in run(settings, "prune").output
    rows = content_rows(settings.warehouse)
    assert [rows[table][0] for table in ("athlete", "session", "trial", "run")] == [1, 1, 1, 1]
    assert (settings.artifacts / "perceived" / "shared").is_dir()
    for database in (settings.warehouse, settings.snapshot):
        assert BOBS.run_id.encode() not in database.read_bytes()
    assert [one.is_restorable for one in deleted_trials(settings.warehouse)] == [False, False]
    assert "cannot be restored any more" in run(settings, "delete", "--list").output
    assert prune(settings) == []


def test_what_only_deleted_trials_were_made_from_goes_with_the_last_of_them(settings: Settings) -> None:
    assert run(settings, "delete", "blue/2026-11-25-jumps").exit_code == 0
    age(settings, 31)
    prune(settings)
    assert [path.name for path in (settings.artifacts / "perceived").iterdir()] == ["k3"]


def test_runs_that_no_release_shows_any_more_go_after_their_time(settings: Settings) -> None:
    anew = SyntheticTrial("jump1", seed=9, code_version="0.2.0")
    load(settings, anew, ["k9"])
    publish_snapshot(settings.warehouse, settings.snapshot)
    before = content_rows(settings.warehouse)["trial"]
    age(settings, 89)
    assert prune(settings) == []
    age(settings, 2)
    assert [one.kind for one in prune(settings)] == ["old run"]
    assert not (settings.home / JUMP.record["run"]["artifacts"]).exists()
    assert (settings.home / anew.record["run"]["artifacts"]).is_dir()
    assert content_rows(settings.warehouse)["run"][0] == 3
    assert content_rows(settings.warehouse)["trial"] == before


def test_frames_in_parquet_files_go_with_the_run_and_are_not_those_of_the_next_with_its_number(
    settings: Settings,
) -> None:
    archive_frames(settings.warehouse, from_frames=1, part_frames=50)
    run(settings, "delete", BOBS.trial_id)  # the run with the highest number
    age(settings, 31)
    prune(settings)
    with opened_for_writing(settings.warehouse) as connection:
        listed = {one.name for one in listed_files(connection)}
    assert {str(path.relative_to(settings.home)) for path in (settings.home / ARCHIVE).rglob("*.parquet")} == listed
    load(settings, SyntheticTrial("jump4", seed=5, session="2026-11-26-jumps"), ["k4"], video="c")
    publish_snapshot(settings.warehouse, settings.snapshot)
    sql = "SELECT count(*) = count(DISTINCT frame_index) FROM kinematics GROUP BY trial_id"
    assert run_sql(settings.snapshot, sql).to_series().to_list() == [True, True, True]


def test_after_its_time_a_deleted_trial_of_somebody_who_withdrew_consent_goes_for_good_too(settings: Settings) -> None:
    run(settings, "delete", BOBS.trial_id)
    retire_people(settings.warehouse, ["blue/bob"])
    numbers = settings.home / BOBS.record["run"]["artifacts"] / "kinematics.parquet"
    approved = GoldenSet(settings).approve(BOBS.trial_id, numbers, video_sha256="a" * 64, who="ann")
    age(settings, 31)
    prune(settings)
    assert (GoldenSet(settings).trials, (settings.home / approved.file).exists()) == ({}, False)
    assert not (settings.home / BOBS.record["run"]["artifacts"]).exists()
    assert BOBS.run_id.encode() not in settings.warehouse.read_bytes()


@pytest.mark.parametrize("is_name_reused", [False, True])
def test_who_is_erased_after_their_deleted_runs_were_removed_leaves_no_row(
    settings: Settings, *, is_name_reused: bool
) -> None:
    """Nothing but the row of the deletion leads to them then; the name may be of somebody else's trial by now."""
    run(settings, "delete", BOBS.trial_id)
    age(settings, 31)
    prune(settings)
    if is_name_reused:
        load(settings, replace(BOBS, athlete="ann"), ["k5"], video="c")
    assert [one.trial_id for one in deleted_trials(settings.warehouse)] == [BOBS.trial_id]
    erased = run(settings, "erase", "blue/bob", "--yes")
    assert erased.exit_code == 0, erased.output
    assert deleted_trials(settings.warehouse) == []
    for content in (settings.warehouse.read_bytes(), settings.snapshot.read_bytes()):
        assert (b"blue/bob" in content, BOBS.trial_id.encode() in content) == (False, is_name_reused)
    assert shown(settings) == ["jump1", "jump2", *(["jump3"] if is_name_reused else [])]


def test_logs_of_ended_sessions_of_ray_go_and_those_of_running_ones_stay(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tasks.ray_folder.LONGEST_FOLDER_BYTES", 1000)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    folder, old_s = made_for_ray(settings), time.time() - 8 * DAY_S
    sessions = [folder / f"session_2026-11-01_00-00-00_000000_{pid}" for pid in (2**22 + 1, os.getpid())]
    for session in sessions:
        session.mkdir(parents=True)
        os.utime(session, (old_s, old_s))
    (folder / "session_latest").symlink_to(sessions[0])
    assert [one.path for one in prune(settings)] == [sessions[0]]
    assert sessions[1].is_dir()


def test_numbers_of_a_deleted_trial_leave_the_golden_set_with_its_runs(settings: Settings) -> None:
    for trial in (JUMP, OTHER):
        add_golden(settings, trial.trial_id, reference=None, offset_s=0.0, who="ann")
    run(settings, "delete", JUMP.trial_id)
    assert set(GoldenSet(settings).trials) == {JUMP.trial_id, OTHER.trial_id}
    prune(Settings(home=settings.home, deleted_days=0))
    assert set(GoldenSet(settings).trials) == {OTHER.trial_id}
    assert len(list((settings.home / "golden").iterdir())) == 1


def test_an_erasure_removes_logs_of_ended_sessions_of_ray(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tasks.ray_folder.LONGEST_FOLDER_BYTES", 1000)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    log = made_for_ray(settings) / f"session_2026-11-01_00-00-00_000000_{2**22 + 1}" / "logs" / "worker.err"
    log.parent.mkdir(parents=True)
    log.write_text(f"{BOBS.trial_id} failed")
    run(settings, "erase", "blue/bob", "--yes")
    assert not log.exists()


def test_erasing_a_person_leaves_no_record_of_what_was_deleted_of_theirs(settings: Settings) -> None:
    run(settings, "delete", BOBS.trial_id)
    assert run(settings, "erase", "blue/bob", "--yes").exit_code in (0, 1)
    assert deleted_trials(settings.warehouse) == []
