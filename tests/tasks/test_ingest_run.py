"""The record of an ingest run: quarantine, retries and counts, without a flow."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from biopose.errors import BioposeError, ManifestError, VideoError
from biopose.io.inbox_contents import Unmatched
from tasks.ingest_run import IngestRun
from tasks.plan import Discovered
from tasks.quarantine import Quarantine
from tasks.settings import Settings
from warehouse.errors import WarehouseBusyError


def ingest_run(home: Path, lines: list[str]) -> IngestRun:
    return IngestRun(Settings.load(home), home / "inbox", (), log=lines.append)


def test_a_trial_is_quarantined_once_and_counted_in_every_run(tmp_path: Path) -> None:
    lines: list[str] = []
    for _ in range(2):
        run = ingest_run(tmp_path, lines)
        run.quarantine("blue/day/jump", VideoError("jump.mp4: broken"), stage="probe")
        assert run.metrics()["trials_quarantined"] == 1
    assert lines == ["  quarantined  blue/day/jump: jump.mp4: broken"]
    assert run.newly_quarantined == []


def test_a_trial_that_could_not_be_loaded_is_no_failure_and_not_quarantined(tmp_path: Path) -> None:
    lines: list[str] = []
    run = ingest_run(tmp_path, lines)
    trial = SimpleNamespace(trial_id="blue/day/jump")
    run.record_outcome(trial, "load", WarehouseBusyError("process 7 has it open"))  # type: ignore[arg-type]
    assert lines == ["  not loaded   blue/day/jump: measured; process 7 has it open"]
    account = run.as_dict()
    assert account["unloaded"] == {"blue/day/jump": "process 7 has it open"}
    assert (account["failed"], account["quarantined"], account["trials_unloaded"]) == ({}, [], 1)


def test_what_belongs_to_no_trial_is_logged_and_in_the_account(tmp_path: Path) -> None:
    lines: list[str] = []
    run, one = ingest_run(tmp_path, lines), Unmatched("blue/extra.mp4", "unnamed_video", "no trial names it")
    run.report_unmatched(Discovered([], [], {"blue": BioposeError("broken")}, [one]))
    assert lines == ["  not ingested blue/extra.mp4: no trial names it"]
    assert run.as_dict()["unmatched"] == [vars(one)]


def test_an_inbox_without_a_session_is_an_error_that_says_what_was_looked_for_and_where(tmp_path: Path) -> None:
    run = ingest_run(tmp_path, [])
    with pytest.raises(
        ManifestError, match=r"inbox: nothing to ingest: no session\.toml here or in any folder below\. Exp"
    ):
        run.report_unmatched(Discovered([], [], {}, []))
    one = Unmatched("blue", "no_manifest", "1 video (a.mp4), but no session.toml")
    with pytest.raises(ManifestError, match="below; there are 1 other things, which are listed"):
        run.report_unmatched(Discovered([], [], {}, [one]))


def test_a_retry_takes_a_trial_or_all_out_of_quarantine_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    run = ingest_run(tmp_path, [])
    for name in ("blue/day/a", "blue/day/b", "blue/day/c"):
        run.quarantine(name, VideoError("broken"), stage="probe")
    with pytest.raises(BioposeError, match="blue/day/x is not in quarantine; there: blue/day/a, blue/day/b"):
        run.retry(["blue/day/x"])
    run.retry(["blue/day/a"])
    assert [record.name for record in Quarantine(tmp_path / "quarantine")] == ["blue/day/b", "blue/day/c"]
    run.retry(["all"])
    assert list(Quarantine(tmp_path / "quarantine")) == []
