"""The record of an ingest run: quarantine, retries and counts, without a flow."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from biopose.errors import BioposeError, ManifestError, TrackingError, VideoError
from biopose.io.inbox_folders import Unmatched
from biopose.tracking.shard import Shard, ShardFiles
from biopose.trial import Clip, Subject, Trial
from flows.after_loading import prune_expired, refresh_derived
from tasks.faults import UnexpectedError
from tasks.ingest_run import IngestRun
from tasks.plan import Discovered, PlannedTrial
from tasks.quarantine import Quarantine
from tasks.releases import PinnedRelease
from tasks.settings import Settings
from tasks.video_hash import VideoChangedError, VideoHashes
from tasks.warehouse_writer import WarehouseWriter
from tests.warehouse.trials import SyntheticTrial
from warehouse.errors import MigrationError, WarehouseBusyError
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

RELEASE = PinnedRelease("mqhmr", ())


def ingest_run(home: Path, lines: list[str]) -> IngestRun:
    return IngestRun(Settings.load(home), home / "inbox", RELEASE, log=lines.append)


def test_what_follows_the_storing_fails_no_night(tmp_path: Path) -> None:
    lines: list[str] = []
    run = IngestRun(Settings.load(tmp_path, parquet_from_frames=1), tmp_path / "inbox", RELEASE, log=lines.append)
    trial, settings = SyntheticTrial(), run.settings
    load_trial(settings.warehouse, trial.record, trial.write(tmp_path / "trial"))
    publish_snapshot(settings.warehouse, settings.snapshot)
    (tmp_path / "kinematics").write_text("in the place of the folder of frames")
    refresh_derived(run, WarehouseWriter(settings.warehouse, settings.snapshot))
    settings.warehouse.write_text("damaged")
    prune_expired(run)
    assert "derived tables are not refreshed: NotADirectoryError" in run.notes[0]
    assert all(line.startswith("  ") for line in lines)


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


def planned(folder: Path, name: str) -> PlannedTrial:
    video = folder / f"{name}.mp4"
    video.write_bytes(b"a video")
    state = VideoHashes(folder / "hashes.json").state(video)
    trial = Trial(Clip(video), (Subject(1.7),), trial_id=f"blue/day/{name}")
    files, record = (ShardFiles(folder / f"{name}.parquet"),), {"athlete": {"athlete_id": "blue/ann"}}
    return PlannedTrial(
        trial, (Shard(video),), files, folder / f"{name}-motion", folder / name, name, (1.0,), record, ((video, state),)
    )


def test_an_unexpected_error_of_one_trial_is_quarantined_and_one_of_all_fails_the_run(tmp_path: Path) -> None:
    for reached, names, quarantined in (
        ("perceive", ("a",), True),  # there was no other
        ("perceive", ("a", "b"), False),
        ("reconstruct", ("a", "b"), True),  # a third trial passed the stage
    ):
        run = ingest_run(tmp_path, [])
        for name in names:
            run.record_outcome(planned(tmp_path, name), "perceive", UnexpectedError("odd"))
        run.record_outcome(planned(tmp_path, "c"), reached, TrackingError("nobody"))
        run.judge_unexpected()
        found = {record.name.rpartition("/")[2] for record in run.quarantined if record.kind == "unexpected"}
        assert found == (set(names) if quarantined else set())
        assert len(run.failed) == (0 if quarantined else len(names))
        assert set(run.unmeasured) == {f"blue/day/{name}" for name in (*names, "c")}


def test_what_prefect_or_the_loader_raises_is_no_inputs_fault(tmp_path: Path) -> None:
    run = ingest_run(tmp_path, [])
    for name, error in (("a", RuntimeError("no server responds")), ("b", MigrationError("newer"))):
        run.record_outcome(planned(tmp_path, name), "load", error)
    run.judge_unexpected()
    assert (list(run.failed), run.quarantined) == (["blue/day/a", "blue/day/b"], [])
    assert run.unmeasured == {}


def test_a_video_that_changes_while_it_is_measured_waits_and_leaves_no_result(tmp_path: Path) -> None:
    run, trial = ingest_run(tmp_path, []), planned(tmp_path, "jump")
    trial.perceived[0].located.touch()
    trial.check_inputs()
    with trial.trial.clip.video.open("ab") as video:
        video.write(b", and more of it")
    with pytest.raises(VideoChangedError, match=r"jump\.mp4: is still being written; the next run"):
        trial.check_inputs()
    assert not trial.perceived[0].located.exists()
    run.record_outcome(trial, "perceive", VideoError("broken at 0.10 s"))
    assert list(run.as_dict()["waiting"]) == ["blue/day/jump"]
    assert (run.quarantined, run.failed) == ([], {})


def test_a_video_that_was_only_touched_does_not_wait(tmp_path: Path) -> None:
    trial = planned(tmp_path, "jump")
    os.utime(trial.trial.clip.video, (1, 1))
    trial.check_inputs()


def test_a_video_that_vanishes_while_it_is_measured_is_quarantined_as_missing(tmp_path: Path) -> None:
    run, trial = ingest_run(tmp_path, []), planned(tmp_path, "jump")
    trial.trial.clip.video.unlink()
    run.record_outcome(trial, "solve and analyse", VideoError("no such file"))
    (record,) = run.quarantined
    assert (record.kind, record.stage) == ("missing_file", "solve and analyse")
    assert "vanished while it was measured; copy it there again" in record.message


def test_a_folder_of_any_name_has_a_record_and_another_inboxs_record_stays(tmp_path: Path) -> None:
    run = ingest_run(tmp_path, [])
    name = "blue/" + "j" * 252
    run.quarantine(name, ManifestError("no name"), stage="discover")
    assert Quarantine(tmp_path / "quarantine").get(name) is not None
    other = IngestRun(Settings.load(tmp_path), tmp_path / "other", RELEASE, log=lambda _: None)
    other.quarantine_invalid(Discovered([], [], {}, []))
    assert [record.name for record in Quarantine(tmp_path / "quarantine")] == [name]
    ingest_run(tmp_path, []).quarantine_invalid(Discovered([], [], {}, []))
    assert list(Quarantine(tmp_path / "quarantine")) == []
