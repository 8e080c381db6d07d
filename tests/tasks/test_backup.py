"""A restored home holds what the home held, and nobody who was erased since."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from biopose.errors import BioposeError
from biopose.io.consent import Consent
from biopose.rendering.bystanders import BLURRED
from flows.cli.main import cli
from tasks.backup import LIST, SERIES, back_up, backups_in, restore
from tasks.consent_record import ConsentRecord
from tasks.erasure import PENDING, erase, plan_erasure
from tasks.settings import Settings
from tests.warehouse.trials import SyntheticTrial
from warehouse.api import open_home
from warehouse.archive import archive_frames
from warehouse.content import content_rows
from warehouse.errors import NoWarehouseError
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

ANN, BOB = SyntheticTrial("jump1"), SyntheticTrial("jump2", seed=1, athlete="bob")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    store(settings, ANN, BOB)
    (settings.home / "sessions.json").write_text("{}")
    return settings


def store(settings: Settings, *trials: SyntheticTrial) -> None:
    for trial in trials:
        folder = trial.write(settings.home / str(trial.record["run"]["artifacts"]))
        (folder / "overlay.mp4").write_text(trial.name)
        load_trial(settings.warehouse, trial.record, folder)
    publish_snapshot(settings.warehouse, settings.snapshot)


def run_files(settings: Settings) -> dict[str, bytes]:
    trials = settings.artifacts / "trials"
    return {str(path.relative_to(trials)): path.read_bytes() for path in trials.rglob("*") if path.is_file()}


def test_a_restored_home_has_the_same_rows_and_files_and_takes_further_trials(settings: Settings) -> None:
    made = back_up(settings, settings.home.parent / "backups")
    again = Settings(home=settings.home.parent / "again")
    assert restore(made.folder, again) == []
    for name in ("warehouse", "snapshot"):
        assert content_rows(getattr(again, name)) == content_rows(settings.warehouse)
    assert run_files(again) == run_files(settings)
    assert (again.home / "sessions.json").read_text() == "{}"
    assert again.home.stat().st_mode & 0o077 == 0
    store(again, SyntheticTrial("jump3", seed=2))
    assert content_rows(again.snapshot)["run"][0] == 3


def test_a_second_backup_copies_only_what_is_new_and_the_first_stays_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = settings.home.parent / "backups"
    first = back_up(settings, folder)
    monkeypatch.setattr("tasks.backup.STAMP", "9999")  # another second
    store(settings, SyntheticTrial("jump3", seed=2))
    second = back_up(settings, folder)
    assert backups_in(folder) == [first.folder, second.folder]
    name = f"home/{ANN.record['run']['artifacts']}/kinematics.parquet"
    assert (first.folder / name).samefile(second.folder / name)
    assert second.files == first.files + 6
    again = Settings(home=settings.home.parent / "again")
    restore(first.folder, again)
    assert content_rows(again.warehouse)["run"][0] == 2


def test_who_was_erased_since_is_erased_from_a_restored_home_and_old_backups_are_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = settings.home.parent / "backups"
    first = back_up(settings, folder)
    erase(settings, plan_erasure(settings, "blue/ann"))
    monkeypatch.setattr("tasks.backup.STAMP", "9999")
    assert back_up(settings, folder).outdated == (first.folder,)
    again = Settings(home=settings.home.parent / "again")
    assert restore(first.folder, again) == ["blue/ann"]
    assert content_rows(again.snapshot) == content_rows(settings.snapshot)
    assert run_files(again) == run_files(settings)
    with pytest.raises(BioposeError, match="is not empty; give a --home"):
        restore(first.folder, again)


def test_who_withdrew_consent_since_is_hidden_in_a_restored_home(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, again = settings.home.parent / "backups", Settings(home=settings.home.parent / "again")
    first = back_up(settings, folder)
    ConsentRecord(settings.home).update({"blue/ann": Consent(frozenset(), date(2026, 11, 30))})
    monkeypatch.setattr("tasks.backup.STAMP", "9999")  # another second
    back_up(settings, folder)
    assert restore(first.folder, again) == []
    assert open_home(again.home).trials()["athlete_id"].to_list() == ["blue/bob"]


def test_who_agreed_to_no_pictures_since_has_none_in_a_restored_home(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.home / str(BOB.record["run"]["artifacts"]) / "overlay.mp4").write_text(BLURRED)  # shows bob alone
    made = back_up(settings, tmp_path / "backups")
    monkeypatch.setattr("tasks.backup.STAMP", "9999")  # another second
    ConsentRecord(settings.home).update({"blue/ann": Consent(frozenset({"numbers"}), date(2026, 11, 20))})
    back_up(settings, tmp_path / "backups")
    restore(made.folder, Settings(home=tmp_path / "again"))
    overlays = (tmp_path / "again").rglob("overlay.mp4")
    assert [path.read_text() for path in overlays] == [BLURRED]


def test_frames_in_parquet_files_are_backed_up_restored_and_erased_too(settings: Settings) -> None:
    archive_frames(settings.warehouse, from_frames=1)
    publish_snapshot(settings.warehouse, settings.snapshot)
    before = content_rows(settings.snapshot)
    folder, again = settings.home.parent / "backups", Settings(home=settings.home.parent / "again")
    made = back_up(settings, folder)
    shutil.rmtree(settings.home / "kinematics")
    with pytest.raises(BioposeError, match=r"kinematics/month=2026-11/.*: is missing; restore it"):
        back_up(settings, folder)
    restore(made.folder, again)
    assert content_rows(again.snapshot) == before
    erase(again, plan_erasure(again, "blue/ann"))
    (left,) = (again.home / "kinematics").rglob("*.parquet")
    assert pq.ParquetFile(left).metadata.num_rows == content_rows(again.snapshot)["kinematics"][0] == 40


def test_a_damaged_file_is_named_before_anything_is_written(settings: Settings) -> None:
    made = back_up(settings, settings.home.parent / "backups")
    damaged = made.folder / "home" / str(BOB.record["run"]["artifacts"]) / "overlay.mp4"
    damaged.write_text("other")
    again = Settings(home=settings.home.parent / "again")
    with pytest.raises(BioposeError, match=r"overlay\.mp4: is missing or damaged; restore another backup"):
        restore(made.folder, again)
    assert not again.home.exists()
    with pytest.raises(BioposeError, match="it is no backup; give one of the folders"):
        restore(settings.home.parent, again)


def test_a_list_that_leads_out_of_the_backup_is_refused(settings: Settings) -> None:
    made = back_up(settings, settings.home.parent / "backups")
    (made.folder / LIST).write_text('{"athletes": [], "files": {"../outside": "0"}}')
    with pytest.raises(BioposeError, match="outside leads out of it"):
        restore(made.folder, Settings(home=settings.home.parent / "again"))


def test_two_homes_are_not_mixed_and_a_restored_one_goes_on_with_its_series(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    made = back_up(settings, folder)
    other = Settings(home=tmp_path / "other")
    store(other, BOB)
    with pytest.raises(BioposeError, match="holds backups of another home"):
        back_up(other, folder)
    again = Settings(home=tmp_path / "again")
    restore(made.folder, again)
    assert (again.home / SERIES).read_bytes() == (folder / SERIES).read_bytes()


def test_mlflow_is_copied_whatever_its_path_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "team#1 p%41q")
    store(settings, ANN)
    with closing(sqlite3.connect(settings.home / "mlflow.db")) as database:
        database.execute("CREATE TABLE runs AS SELECT 1 AS run")
        database.commit()
    made = back_up(settings, tmp_path / "backups")
    with closing(sqlite3.connect(made.folder / "home" / "mlflow.db")) as copy:
        assert copy.execute("SELECT run FROM runs").fetchall() == [(1,)]
    (settings.home / "mlflow.db").write_bytes(b"no database at all")
    with pytest.raises(BioposeError, match=r"mlflow\.db: cannot be copied"):
        back_up(settings, tmp_path / "backups")


def test_an_interrupted_erasure_is_ended_before_a_backup(settings: Settings) -> None:
    (settings.home / PENDING).write_text(json.dumps(asdict(plan_erasure(settings, "blue/ann"))))
    with pytest.raises(BioposeError, match="the erasure of blue/ann was interrupted"):
        back_up(settings, settings.home.parent / "backups")


def test_a_home_without_a_warehouse_has_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouseError, match="nothing is stored there yet"):
        back_up(Settings(home=tmp_path), tmp_path / "backups")


def test_the_commands_say_how_to_go_on(settings: Settings) -> None:
    folder, again = settings.home.parent / "backups", settings.home.parent / "again"
    made = CliRunner().invoke(cli, ["backup", str(folder), "--home", str(settings.home)])
    assert f"biopose restore {backups_in(folder)[0]} --home NEW_HOME" in made.output
    result = CliRunner().invoke(cli, ["restore", str(backups_in(folder)[0]), "--home", str(again)])
    assert "goes on from there" in result.output
    inside = CliRunner().invoke(cli, ["backup", str(settings.home / "backups"), "--home", str(settings.home)])
    assert inside.exit_code == 2


def test_what_cannot_be_restored_is_named_with_what_can(settings: Settings, tmp_path: Path) -> None:
    made = back_up(settings, tmp_path / "backups")
    with pytest.raises(
        BioposeError, match=f"backups: it holds backups, of which {made.folder.name} is the newest: give"
    ):
        restore(made.folder.parent, Settings(home=tmp_path / "again"))
    (tmp_path / "file").touch()
    with pytest.raises(BioposeError, match=r"file/home: cannot be made there \(Not a directory\); give another --home"):
        restore(made.folder, Settings(home=tmp_path / "file" / "home"))
