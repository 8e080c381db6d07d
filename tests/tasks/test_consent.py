"""Nobody is measured after they were erased, or against the newest statement of their consent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from biopose.errors import BioposeError
from biopose.io.consent import SCOPES, Consent
from biopose.outputs.file_names import OVERLAY, PICTURES, REPORT
from biopose.rendering.bystanders import BLURRED
from biopose.video.encoding import VideoFile
from tasks.consent import leave_out_erased, refuse_withdrawn, sessions_with
from tasks.consent_record import NAME, ConsentRecord
from tasks.erased_people import ErasedPeople
from tasks.pictures import Pictures, RemovedPictures, remove_pictures
from tasks.plan import Discovered, discover
from tasks.settings import Settings
from tests.warehouse.trials import SyntheticTrial
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

MANIFEST = """\
team = "blue"
session = "{session}"
date = {date}
"""
ATHLETE = """
[[athlete]]
id = "{name}"
height_m = 1.7
consent = {consent}

[[trial]]
file = "{name}.mp4"
athlete = "{name}"
activity = "squat"
"""


def inbox(folder: Path, sessions: Mapping[str, Mapping[str, str]]) -> Discovered:
    """By date, whether each athlete consents; each has one trial a session."""
    for day, athletes in sessions.items():
        session = folder / "blue" / f"on-{day}"
        session.mkdir(parents=True, exist_ok=True)
        tables = [ATHLETE.format(name=name, consent=consent) for name, consent in athletes.items()]
        (session / "session.toml").write_text(MANIFEST.format(session=session.name, date=day) + "".join(tables))
        for name in athletes:
            (session / f"{name}.mp4").write_bytes(b"")
    return discover(folder)


def measured(found: Discovered) -> list[str]:
    return [entry.trial_id for entry in found.entries]


def test_consent_withdrawn_in_the_newest_session_refuses_the_trials_of_earlier_ones(tmp_path: Path) -> None:
    early, late = {"ann": "true", "bob": "true"}, {"ann": "false", "bob": "true"}
    found = inbox(tmp_path, {"2026-01-01": early, "2026-02-01": late})
    assert refuse_withdrawn(found, ConsentRecord(tmp_path)) == {"blue/ann"}
    assert measured(found) == ["blue/on-2026-01-01/bob", "blue/on-2026-02-01/bob"]
    refused = {trial.trial_id: trial for trial in found.refused}
    assert {trial.kind for trial in refused.values()} == {"consent"}
    assert "on-2026-02-01/session.toml" in refused["blue/on-2026-01-01/ann"].message


def test_consent_given_later_counts_and_the_early_session_stays_refused(tmp_path: Path) -> None:
    found = inbox(tmp_path, {"2026-01-01": {"ann": "false"}, "2026-02-01": {"ann": "true"}})
    assert refuse_withdrawn(found, ConsentRecord(tmp_path)) == set()
    assert measured(found) == ["blue/on-2026-02-01/ann"]
    assert [trial.trial_id for trial in found.refused] == ["blue/on-2026-01-01/ann"]


def test_a_statement_counts_from_its_own_date_in_whichever_session_it_stands(tmp_path: Path) -> None:
    withdrawn = {"ann": "{scope = [], date = 2026-03-01}"}
    found = inbox(tmp_path, {"2026-01-01": withdrawn, "2026-02-01": {"ann": "true"}})
    assert refuse_withdrawn(found, ConsentRecord(tmp_path)) == {"blue/ann"}
    again = {"ann": '{scope = ["numbers", "pictures"], date = 2026-04-01}'}
    found = inbox(tmp_path, {"2026-01-01": withdrawn, "2026-02-01": again})
    assert refuse_withdrawn(found, ConsentRecord(tmp_path)) == set()
    assert measured(found) == ["blue/on-2026-02-01/ann"]


def test_a_withdrawal_is_remembered_where_its_session_is_gone(tmp_path: Path) -> None:
    found = inbox(tmp_path / "first", {"2026-02-01": {"ann": "false"}})
    refuse_withdrawn(found, ConsentRecord(tmp_path))
    found = inbox(tmp_path / "second", {"2026-01-01": {"ann": "true"}})
    assert refuse_withdrawn(found, ConsentRecord(tmp_path)) == {"blue/ann"}
    assert "has not consented by a statement of 2026-02-01" in found.refused[0].message
    found = inbox(tmp_path / "second", {"2026-03-01": {"ann": "true"}})
    assert refuse_withdrawn(found, ConsentRecord(tmp_path)) == set()


WITHDREW = Consent(frozenset(), date(2026, 2, 1))
AT_FIRST = datetime(2026, 2, 1, 4, tzinfo=UTC)


def a_month_later(folder: Path, sessions: Mapping[str, Mapping[str, str]], *, there: Sequence[str] = ()) -> list[str]:
    """Who is to be erased after 30 days, once two ingests have read these sessions."""
    ConsentRecord(folder).update({"blue/ann": WITHDREW}, now=datetime.now(UTC) - timedelta(days=31))
    for _ in range(2):
        assert ConsentRecord(folder).due(after_days=30) == []
        refuse_withdrawn(inbox(folder / "inbox", sessions), ConsentRecord(folder), there=there)
    return ConsentRecord(folder).due(after_days=30)


def test_who_withdrew_is_due_after_a_grace_that_no_later_night_begins_anew(tmp_path: Path) -> None:
    for day in (0, 29):
        ConsentRecord(tmp_path).update({"blue/ann": WITHDREW}, now=AT_FIRST + timedelta(days=day))
        assert ConsentRecord(tmp_path).due(after_days=30) == []
    record = ConsentRecord(tmp_path)
    for day in (30, 31):
        assert record.due(after_days=30) == []
        record.update({}, now=AT_FIRST + timedelta(days=day))
    assert record.due(after_days=30) == ["blue/ann"]
    assert record.due(after_days=math.inf) == record.due(after_days=1e9) == []
    record.forget("blue/ann")
    assert "ann" not in (tmp_path / NAME).read_text()


def test_time_alone_erases_nobody_as_a_manifest_may_have_been_corrected_since_the_last_ingest(tmp_path: Path) -> None:
    record = ConsentRecord(tmp_path)
    record.update({"blue/ann": WITHDREW}, now=AT_FIRST)
    assert record.overdue(after_days=30, now=AT_FIRST + timedelta(days=40)) == ["blue/ann"]
    assert record.due(after_days=30) == []
    record.update({"blue/ann": Consent(frozenset(SCOPES), date(2026, 2, 1))}, now=AT_FIRST + timedelta(days=41))
    assert record.withdrawn == {}


def test_an_ingest_that_finds_no_other_statement_confirms_the_withdrawal(tmp_path: Path) -> None:
    assert a_month_later(tmp_path, {"2026-01-01": {"ann": "true"}}) == ["blue/ann"]


def test_a_statement_that_cannot_be_read_confirms_no_withdrawal(tmp_path: Path) -> None:
    assert a_month_later(tmp_path, {"2026-02-01": {"ann": "ture"}}) == []  # no TOML
    assert a_month_later(tmp_path, {"2026-02-01": {"ann": '"true"'}}) == []  # no consent


def test_an_ingest_of_another_inbox_confirms_only_what_it_reads(tmp_path: Path) -> None:
    elsewhere = ["blue/on-2026-01-31"]
    assert a_month_later(tmp_path, {"2026-01-01": {"ann": "true"}}, there=elsewhere) == []
    assert a_month_later(tmp_path, {"2026-01-01": {"ann": "true"}}, there=["red/far"]) == ["blue/ann"]
    assert a_month_later(tmp_path, {"2026-02-01": {"ann": "false"}}, there=elsewhere) == ["blue/ann"]


def test_a_clock_that_is_ahead_for_a_night_neither_hastens_an_erasure_nor_puts_it_off(tmp_path: Path) -> None:
    record, ahead = ConsentRecord(tmp_path), AT_FIRST.replace(year=2062)
    record.update({"blue/ann": WITHDREW}, now=ahead)
    for now in (AT_FIRST, ahead, AT_FIRST + timedelta(days=1), AT_FIRST + timedelta(days=30)):
        record.update({}, now=now)
        assert record.due(after_days=30) == []
    record.update({}, now=AT_FIRST + timedelta(days=31))
    assert record.due(after_days=30) == ["blue/ann"]


def test_numbers_without_pictures_are_measured_and_pictures_that_may_show_them_removed(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path / "home")
    for name, session, comment in (
        ("ann", "jumps", BLURRED),
        ("bob", "jumps", ""),
        ("cid", "jumps", BLURRED),
        ("dan", "walks", ""),
        ("eve", "on-2026-02-01", ""),
    ):
        one = SyntheticTrial(name, athlete=name, session=session)
        folder = one.write(settings.home / one.record["run"]["artifacts"])
        load_trial(settings.warehouse, one.record, folder)
        (folder / REPORT).touch()
        with VideoFile(folder / OVERLAY, width_px=16, height_px=16, rate_hz=30.0, comment=comment) as video:
            video.add(np.zeros((16, 16, 3), np.uint8), time_s=0.0)
    publish_snapshot(settings.warehouse, settings.snapshot)
    found = inbox(tmp_path / "inbox", {"2026-02-01": {"ann": '{scope = ["numbers"]}', "eve": "true"}})
    record = ConsentRecord(settings.home)
    assert refuse_withdrawn(found, record) == set()
    assert len(found.entries) == 2
    assert record.without_pictures == {"blue/ann"}
    sessions = sessions_with(record.without_pictures, found)
    removed = remove_pictures(settings, record.without_pictures, trials={}, sessions=sessions)
    assert removed == RemovedPictures(
        own=len(PICTURES), others=2 * len(PICTURES)
    )  # bob, and eve whose session names ann
    left = {path.parent.parent.name for name in PICTURES for path in settings.artifacts.rglob(name)}
    assert left == {"cid", "dan"}
    assert remove_pictures(settings, record.without_pictures, trials={}) == RemovedPictures(0, 0)
    of_erased = remove_pictures(settings, (), trials={}, sessions=["blue/walks"])
    assert of_erased == RemovedPictures(own=0, others=len(PICTURES))


def test_bystanders_are_blurred_in_a_team_with_somebody_who_agreed_to_no_pictures(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path)
    assert not Pictures.of(settings).is_blurred("blue/bob")
    ConsentRecord(tmp_path).update({"blue/ann": Consent(frozenset({"numbers"}), date(2026, 2, 1))})
    ErasedPeople(tmp_path).add("green/eve", [])  # who may be filmed still
    pictures = Pictures.of(settings)
    assert not pictures.is_drawn("blue/ann")
    drawn = {who: (pictures.is_drawn(who), pictures.is_blurred(who)) for who in ("blue/bob", "red/dan", "green/cid")}
    assert drawn == {"blue/bob": (True, True), "red/dan": (True, False), "green/cid": (True, True)}
    assert Pictures.of(Settings.load(tmp_path, blur_bystanders=True)).is_blurred("red/dan")


def test_a_damaged_record_stops_the_night_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"blue/ann": {"scope": []}}')
    with pytest.raises(BioposeError, match="restore it from a backup, or delete it"):
        ConsentRecord(tmp_path)


def test_trials_of_erased_people_are_left_out_and_counted_whatever_else_is_wrong_with_them(tmp_path: Path) -> None:
    found = inbox(tmp_path, {"2026-01-01": {"ann": "true", "bob": "true"}, "2026-02-01": {"ann": "false"}})
    erased = ErasedPeople(tmp_path)
    erased.add("blue/ann", [])
    assert leave_out_erased(found, erased) == {"blue/on-2026-01-01": 1, "blue/on-2026-02-01": 1}
    assert measured(found) == ["blue/on-2026-01-01/bob"]
    assert found.refused == []
    record = ConsentRecord(tmp_path)
    assert refuse_withdrawn(found, record) == set()
    assert not (tmp_path / NAME).exists()
    assert record.people == frozenset()
