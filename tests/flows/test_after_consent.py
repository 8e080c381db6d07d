"""Who withdrew consent is hidden from readers before the night measures anything."""

from __future__ import annotations

from pathlib import Path

from flows.ingest import _hide_withdrawn
from tasks.ingest_run import IngestRun
from tasks.releases import PinnedRelease
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter
from tests.tasks.test_consent import inbox
from tests.warehouse.trials import SyntheticTrial
from warehouse.api import open_home


def test_who_withdrew_consent_is_hidden_from_readers_at_once(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path)
    run = IngestRun(settings, tmp_path / "inbox", PinnedRelease("keypoint_fit", ()), log=[].append)
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    for name in ("ann", "bob"):
        one = SyntheticTrial(name, athlete=name)
        writer.load(one.record, one.write(tmp_path / name))
    writer.publish()
    _hide_withdrawn(inbox(tmp_path / "inbox", {"2026-11-01": {"ann": "false", "bob": "true"}}), run, writer)
    assert open_home(tmp_path).trials()["athlete_id"].to_list() == ["blue/bob"]
    assert "blue/ann has not consented: 1 of their trials are no longer current" in run.notes[0]
