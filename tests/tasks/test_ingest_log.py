"""Every ingest run leaves its account in the home, wherever it was started from."""

import datetime
import json
from pathlib import Path

import pytest

from tasks.ingest_log import ingest_log, logged_runs, progress_text, running_ingest
from tasks.locks import exclusive
from tasks.settings import Settings
from tests.commands import assert_refused, run


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_a_run_that_is_under_way_tells_how_far_it_is(settings: Settings) -> None:
    with exclusive(settings.home), ingest_log(settings, started_by="the deployment nightly") as log:
        assert progress_text(running_ingest(settings)) == "running: discovering and planning"
        log.write("planned", trials=3)
        log.write("stage", trial="blue/s/a", stage="reconstruct")
        log.write("stage", trial="blue/s/b", stage="perceive")
        log.write("trial", trial="blue/s/a")
        found = running_ingest(settings)
        assert progress_text(found) == "running: 1 of 3 trials done; now: perceive"
        assert "running: 1 of 3" in run("log", "--home", settings.home).stdout
        log.write("ended", summary="3 stored, 0 in quarantine, in 9 s")
        assert running_ingest(settings) is None
    (ended,) = logged_runs(settings)
    assert ended.state(settings) == "3 stored, 0 in quarantine, in 9 s"
    (file,) = settings.logs.iterdir()
    assert (file.stat().st_mode & 0o777, settings.logs.stat().st_mode & 0o777) == (0o600, 0o700)


def fail(settings: Settings) -> None:
    with ingest_log(settings, started_by="biopose ingest"):
        raise ValueError("no inbox")


def test_a_run_that_ended_with_an_error_is_logged_with_it(settings: Settings) -> None:
    with pytest.raises(ValueError, match="no inbox"):
        fail(settings)
    (failed,) = logged_runs(settings)
    assert failed.state(settings) == "failed: ValueError: no inbox"


def test_a_run_that_was_killed_is_told_from_one_that_ended(settings: Settings) -> None:
    with ingest_log(settings, started_by="biopose ingest") as log:
        log.write("planned", trials=2)
    (file,) = settings.logs.iterdir()
    with file.open("a") as unfinished:
        unfinished.write('{"at": "2026-')
    (killed,) = logged_runs(settings)
    assert killed.state(settings).startswith("was cut off after 0 of 2 trials; run the ingest again")


def test_the_command_shows_the_last_run_or_those_of_a_night(settings: Settings) -> None:
    assert_refused(run("log", "--home", settings.home), "there is no such home")
    settings.home.mkdir()
    assert_refused(run("log", "--home", settings.home), "there is no ingest run; `biopose ingest INBOX`")
    settings.logs.mkdir(parents=True)
    for day, text in (("20261124", "monday"), ("20261125", "tuesday"), ("20261125", "again")):
        at = datetime.datetime.strptime(day, "%Y%m%d").isoformat() + "+00:00"
        records = [
            {"at": at, "kind": "began", "inbox": "/inbox", "pid": 1, "started_by": "biopose ingest"},
            {"at": at, "kind": "line", "text": text},
            {"at": at, "kind": "ended", "summary": "1 stored"},
        ]
        number = len(list(settings.logs.iterdir()))
        lines = "\n".join(map(json.dumps, records))
        (settings.logs / f"ingest-{day}T040000Z-{number}.log").write_text(lines)
    (settings.logs / "worker.log").write_text("of a program")
    assert run("log", "--home", settings.home).stdout.splitlines() == [
        "2026-11-25 00:00:00 UTC, by biopose ingest, inbox /inbox",
        "  1 stored",
        "again",
    ]
    of_night = run("log", "--night", "2026-11-25", "--home", settings.home, "--json")
    assert [one["records"][1]["text"] for one in json.loads(of_night.stdout)["runs"]] == ["tuesday", "again"]
    assert_refused(run("log", "--night", "2026-11-26", "--home", settings.home), "began on 2026-11-26 (UTC)")
