"""Planning a night: what becomes of a video between its manifest and its measuring costs that trial alone."""

from __future__ import annotations

from pathlib import Path

from flows.ingest import _plan
from tasks.ingest_run import IngestRun
from tasks.plan import IngestOptions
from tasks.releases import PinnedRelease
from tasks.settings import Settings
from tests.tasks.test_consent import inbox


def test_a_video_that_vanishes_after_its_manifest_was_read_is_quarantined_and_planning_goes_on(tmp_path: Path) -> None:
    settings, release = Settings.load(tmp_path / "home"), PinnedRelease("keypoint_fit", ())
    settings.make_home()
    found = inbox(tmp_path / "inbox", {"2026-11-01": {"ann": "true", "bob": "true"}})
    (tmp_path / "inbox" / "blue" / "on-2026-11-01" / "ann.mp4").unlink()
    run = IngestRun(settings, tmp_path / "inbox", release, log=[].append)
    assert _plan(found.entries, run, release, IngestOptions(method="keypoint_fit")) == []
    records = {record.name: record for record in run.quarantined}
    assert set(records) == {"blue/on-2026-11-01/ann", "blue/on-2026-11-01/bob"}  # Bob's video is empty
    assert records["blue/on-2026-11-01/ann"].stage == "probe"
    assert "ann.mp4" in records["blue/on-2026-11-01/ann"].message
