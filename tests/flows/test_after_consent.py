"""Who withdrew consent is hidden from readers before the night measures anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from biopose.io.consent import Consent
from flows.ingest import _hide_withdrawn
from tasks.consent_record import ConsentRecord
from tasks.erasure import plan_erasure
from tasks.ingest_run import IngestRun
from tasks.plan import discover
from tasks.releases import PinnedRelease
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter
from tests.tasks.test_consent import inbox
from tests.warehouse.trials import SyntheticTrial
from warehouse.api import open_home


def notes_of_a_night(
    home: Path, sessions: Mapping[str, Mapping[str, str]], *, renamed: str = "ann", more: Sequence[SyntheticTrial] = ()
) -> list[str]:
    """Of a home with a trial of ann and one of bob, both of 2026-11-01, and more; manifests name ann otherwise."""
    settings = Settings.load(home)
    run = IngestRun(settings, home / "inbox", PinnedRelease("keypoint_fit", ()), log=[].append)
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    for one in (*(SyntheticTrial(name, session="on-2026-11-01", athlete=name) for name in ("ann", "bob")), *more):
        writer.load(one.record, one.write(home / one.session / one.name))
    writer.publish()
    inbox(home / "inbox", sessions)
    for manifest in (home / "inbox").rglob("session.toml"):
        text = manifest.read_text().replace('athlete = "ann"', f'athlete = "{renamed}"')
        manifest.write_text(text.replace('id = "ann"', f'id = "{renamed}"'))
    _hide_withdrawn(discover(home / "inbox"), run, writer)
    return run.notes


def test_who_withdrew_consent_is_hidden_from_readers_at_once(tmp_path: Path) -> None:
    (note,) = notes_of_a_night(tmp_path, {"2026-11-02": {"ann": "false", "bob": "true"}})
    assert open_home(tmp_path).trials()["athlete_id"].to_list() == ["blue/bob"]
    assert "blue/ann has not consented: 1 of their trials are no longer current, and are erased in 30 days" in note


def test_a_withdrawal_under_a_new_name_reaches_the_trials_that_manifests_name_and_says_which_it_does_not(
    tmp_path: Path,
) -> None:
    other = SyntheticTrial("walk", session="elsewhere", athlete="ann")
    sessions = {"2026-11-01": {"ann": "false", "bob": "true"}}
    notes = notes_of_a_night(tmp_path, sessions, renamed="anna", more=[other])
    assert open_home(tmp_path).trials()["trial_id"].to_list() == [other.trial_id, "blue/on-2026-11-01/bob"]
    assert [
        note for note in notes if "1 trials that session.toml names as theirs were stored under blue/ann; they" in note
    ]
    assert [note for note in notes if "1 more of blue/ann are shown: if both are one person, `biopose erase" in note]
    erasure = plan_erasure(Settings.load(tmp_path), "blue/anna")
    assert erasure.trial_ids == ("blue/on-2026-11-01/ann",)


def test_a_withdrawal_under_a_name_of_which_nothing_is_stored_says_who_may_be_the_same_person(tmp_path: Path) -> None:
    (note,) = notes_of_a_night(tmp_path, {"2026-11-02": {"ann": "false", "bob": "true"}}, renamed="anna")
    assert "nothing is stored under this name" in note
    assert "here names blue/ann, who are stored; `biopose erase blue/ann` removes one" in note


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
    assert (
        "blue/ann withdrew consent 30 days ago and is erased once one more ingest finds it so; it does not" in notes[-1]
    )
