"""What is wrong with a home in use is found, and named with its remedy."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from biopose.cli.doctor import Finding
from biopose.errors import VideoError
from flows.cli.main import cli
from tasks.audit import AuditLog
from tasks.dask_pool import DONE
from tasks.erasure import PENDING
from tasks.home_health import examine_home
from tasks.ingest_log import ingest_log
from tasks.quarantine import Quarantine, quarantine_record
from tasks.settings import Settings
from tests.warehouse.trials import SyntheticTrial
from warehouse.archive import archive_frames
from warehouse.connection import opened_for_writing
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

TRIAL = SyntheticTrial()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    settings.make_home()
    folder = TRIAL.write(settings.home / str(TRIAL.record["run"]["artifacts"]))
    (folder / DONE).write_text("")
    load_trial(settings.warehouse, TRIAL.record, folder)
    publish_snapshot(settings.warehouse, settings.snapshot)
    return settings


def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine_home(settings)}


def test_a_home_in_order_has_nothing_to_do(settings: Settings) -> None:
    found = findings(settings)
    assert [name for name, finding in found.items() if not finding.ok] == []
    assert found["warehouse"].found.startswith("1 current trials, 1 runs; last loaded 20")


def test_a_night_that_did_not_happen_or_failed_is_reported(settings: Settings) -> None:
    found = findings(settings)["last ingest"]
    assert (found.ok, found.found) == (True, "no log of one is there; the warehouse was last loaded 0 minutes ago")
    with opened_for_writing(settings.warehouse) as connection:
        connection.execute("UPDATE load_record SET loaded_at = loaded_at - INTERVAL 49 HOURS")
    publish_snapshot(settings.warehouse, settings.snapshot)
    found = findings(settings)["last ingest"]
    assert (found.ok, found.found.partition("; ")[2]) == (False, "the warehouse was last loaded 49 hours ago")
    with ingest_log(settings, started_by="biopose ingest") as night:
        night.write("ended", summary="2 stored")
    found = findings(settings)["last ingest"]
    assert (found.ok, found.found) == (True, "began 0 minutes ago; 2 stored")
    (file,) = settings.logs.glob("ingest-*.log")
    began = json.loads(file.read_text().splitlines()[0])["at"]
    earlier = (datetime.fromisoformat(began) - timedelta(hours=49)).isoformat()
    file.write_text(file.read_text().replace(began, earlier))
    found = findings(settings)["last ingest"]
    assert (found.ok, found.found) == (False, "began 49 hours ago; 2 stored")


def test_a_run_without_its_files_is_named_and_a_folder_without_its_run_counted(settings: Settings) -> None:
    run = settings.home / str(TRIAL.record["run"]["artifacts"])
    (run / "metrics.parquet").unlink()
    (run.with_name("orphan")).mkdir()
    (run.with_name("orphan") / DONE).write_text("")
    found = findings(settings)["files"]
    assert not found.ok
    assert found.found == (
        f"of 1 runs 1 lacks files: {run.relative_to(settings.home)}; finished folders that are not in the warehouse: 1"
    )


def test_a_parquet_file_of_frames_that_is_missing_or_cut_off_is_named(settings: Settings) -> None:
    assert findings(settings)["frames"].found == "all in the database"
    archive_frames(settings.warehouse, from_frames=1)
    publish_snapshot(settings.warehouse, settings.snapshot)
    assert findings(settings)["frames"].found == "of 1 Parquet files none missing or cut off"
    (file,) = (settings.home / "kinematics").rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:100])
    found = findings(settings)["frames"]
    assert not found.ok
    assert found.found == f"of 1 Parquet files 1 missing or cut off: {file.relative_to(settings.home)}"
    assert "from a backup" in found.remedy


def test_a_home_that_others_can_read_is_reported_with_the_command_that_closes_it(settings: Settings) -> None:
    settings.home.chmod(0o755)
    found = findings(settings)["permissions"]
    assert (found.ok, found.remedy) == (False, f"chmod 700 {settings.home}")


def test_quarantine_and_a_damaged_snapshot_are_reported(settings: Settings) -> None:
    Quarantine(settings.quarantine).put(quarantine_record("blue/s/t", VideoError("x"), stage="probe", key="", retry=""))
    settings.snapshot.write_bytes(settings.snapshot.read_bytes()[:5000])
    found = findings(settings)
    assert found["quarantine"].found == "1 trials or sessions"
    assert [found[name].ok for name in ("warehouse", "files")] == [False, False]


def test_the_command_fails_where_the_next_night_would(settings: Settings) -> None:
    assert CliRunner().invoke(cli, ["doctor", "--home", str(settings.home)]).exit_code == 0
    (settings.home / PENDING).write_text("{}")
    result = CliRunner().invoke(cli, ["doctor", "--home", str(settings.home)])
    assert result.exit_code == 1
    assert "no list of an erasure" in result.output
    assert "permissions" in result.output
    assert CliRunner().invoke(cli, ["doctor"], env={"BIOPOSE_HOME": str(settings.home)}).exit_code == 1


def test_an_audit_log_that_was_changed_is_reported(settings: Settings) -> None:
    log = AuditLog(settings.home)
    for number in range(2):
        log.append("coach", "view", f"page {number}")
    assert findings(settings)["audit log"].found == "2 lines, each follows the one before"
    log.file.write_bytes(log.file.read_bytes().replace(b"coach", b"nobody", 1))
    assert "audit.jsonl:1: was changed" in findings(settings)["audit log"].found
