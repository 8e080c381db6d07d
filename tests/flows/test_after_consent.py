"""Who withdrew consent is hidden from readers before the night measures anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from biopose.io.consent import Consent
from flows.ingest import _hide_withdrawn
from tasks.consent_record import ConsentRecord
from tasks.ingest_run import IngestRun
from tasks.releases import PinnedRelease
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter
from tests.tasks.test_consent import inbox
from tests.warehouse.trials import SyntheticTrial
from warehouse.api import open_home


def notes_of_a_night(home: Path, sessions: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Of a home with a trial of ann and one of bob, both of 2026-11-01."""
    settings = Settings.load(home)
    run = IngestRun(settings, home / "inbox", PinnedRelease("keypoint_fit", ()), log=[].append)
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    for name in ("ann", "bob"):
        one = SyntheticTrial(name, session="on-2026-11-01", athlete=name)
        writer.load(one.record, one.write(home / name))
    writer.publish()
    _hide_withdrawn(inbox(home / "inbox", sessions), run, writer)
    return run.notes


def test_who_withdrew_consent_is_hidden_from_readers_at_once(tmp_path: Path) -> None:
    (note,) = notes_of_a_night(tmp_path, {"2026-11-02": {"ann": "false", "bob": "true"}})
    assert open_home(tmp_path).trials()["athlete_id"].to_list() == ["blue/bob"]
    assert "blue/ann has not consented: 1 of their trials are no longer current, and are erased in 30 days" in note


def test_a_trial_that_its_own_session_refuses_is_hidden_and_nobody_is_said_to_be_erased(tmp_path: Path) -> None:
    early, late = {"ann": "false", "bob": "true"}, {"ann": "true"}
    (note,) = notes_of_a_night(tmp_path, {"2026-11-01": early, "2026-11-02": late})
    assert open_home(tmp_path).trials()["athlete_id"].to_list() == ["blue/bob"]
    assert "blue/ann: 1 of their trials are no longer current, as their own session.toml says" in note
    assert ConsentRecord(tmp_path).withdrawn == {}


def test_an_erasure_that_waits_for_a_manifest_to_be_read_is_noted(tmp_path: Path) -> None:
    month_ago = datetime.now(UTC) - timedelta(days=31)
    ConsentRecord(tmp_path).update({"blue/ann": Consent(frozenset(), date(2026, 10, 1))}, now=month_ago)
    notes = notes_of_a_night(tmp_path, {"2026-11-02": {"bob": "ture"}})
    assert "blue/ann withdrew consent 30 days ago and is not erased, as a session.toml of the team cannot" in notes[-1]
