"""Who withdrew consent is erased once their grace is over, and leaves a certificate that names nobody."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from biopose.io.consent import SCOPES, Consent
from flows.cli.main import cli
from tasks.consent_record import ConsentRecord
from tasks.erased_people import ErasedPeople
from tasks.erasure import CERTIFICATES, plan_erasure
from tasks.settings import Settings
from tasks.withdrawals import erase_withdrawn, who_is_to_be_erased
from tests.warehouse.trials import SyntheticTrial
from warehouse.content import content_rows
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

NOTHING = Consent(frozenset(), date(2026, 11, 20))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with trials of two athletes, of whom one withdrew, and another of whom nothing was ever stored."""
    settings = Settings(home=tmp_path / "home", withdrawn_days=0)
    for seed, name in enumerate(("ann", "bob")):
        one = SyntheticTrial(name, seed, athlete=name)
        load_trial(settings.warehouse, one.record, one.write(settings.home / one.record["run"]["artifacts"]))
    for record in settings.home.rglob("record.json"):  # of the tests alone
        record.unlink()
    publish_snapshot(settings.warehouse, settings.snapshot)
    everything = Consent(frozenset(SCOPES), date(2026, 11, 1))
    ConsentRecord(settings.home).update({"blue/ann": NOTHING, "blue/zoe": NOTHING, "blue/bob": everything})
    return settings


def erased(settings: Settings) -> list[str]:
    return [one.athlete_id for one in erase_withdrawn(settings)]


def test_they_are_erased_and_nobody_else(settings: Settings) -> None:
    assert erased(Settings(home=settings.home, withdrawn_days=30)) == []
    assert erased(settings) == ["blue/ann"]
    assert content_rows(settings.snapshot)["athlete"][0] == 1
    assert erased(settings) == []
    assert ErasedPeople(settings.home).erased_at("blue/ann")
    everything = b"".join(path.read_bytes() for path in settings.home.rglob("*") if path.is_file())
    assert b"blue/ann" not in everything


def test_who_had_not_consented_yet_is_measured_once_they_do(settings: Settings) -> None:
    erase_withdrawn(settings)
    assert ErasedPeople(settings.home).erased_at("blue/zoe") is None
    record = ConsentRecord(settings.home)
    assert list(record.withdrawn) == ["blue/zoe"]
    record.update({"blue/zoe": Consent(frozenset(SCOPES), date(2026, 11, 21))})
    assert ConsentRecord(settings.home).withdrawn == {}


def test_what_is_left_of_somebody_is_named(settings: Settings) -> None:
    (settings.home / "notes.txt").write_text("blue/ann limps")
    (one,) = erase_withdrawn(settings)
    assert one.left == ("notes.txt",)
    assert "notes.txt holds an id of theirs still; remove it by hand" in one.lines
    assert one.certificate in one.lines[0]
    assert not any("ann" in line for line in one.lines if one.certificate not in line)


def test_a_certificate_has_what_was_done_and_no_name(settings: Settings) -> None:
    erase_withdrawn(settings)
    (certificate,) = (settings.home / CERTIFICATES).iterdir()
    found = json.loads(certificate.read_text())
    assert (found["trials"], found["files_with_an_id"]) == (1, 0)
    assert found["files_searched"] > 5
    assert "ann" not in certificate.read_text()


def test_an_erasure_that_was_interrupted_is_ended_first(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("tasks.erasure._search_home", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erase_withdrawn(settings)
    patient = Settings(home=settings.home, withdrawn_days=30)
    assert who_is_to_be_erased(patient) == ["blue/ann"]
    assert erased(patient) == ["blue/ann"]
    assert who_is_to_be_erased(patient) == []


def test_an_erasure_by_hand_ends_the_withdrawal(settings: Settings) -> None:
    assert CliRunner().invoke(cli, ["erase", "blue/ann", "--yes", "--home", str(settings.home)]).exit_code == 0
    assert who_is_to_be_erased(settings) == []
    assert "blue/ann" not in ConsentRecord(settings.home).people


def test_a_late_erasure_is_found_by_the_examination(settings: Settings) -> None:
    plan_erasure(settings, "blue/ann")  # changes nothing
    environment = {"BIOPOSE_WITHDRAWN_DAYS": "0"}
    fresh = CliRunner().invoke(cli, ["doctor", "--home", str(settings.home)], env=environment)
    assert "2 people withdrew it and are hidden" in fresh.output
    record = settings.home / "consent.json"
    record.write_text(record.read_text().replace("2026-", "2025-").replace("2027-", "2025-"))
    late = CliRunner().invoke(cli, ["doctor", "--home", str(settings.home)], env=environment)
    assert "; blue/ann should be erased by now" in late.output
    assert late.exit_code == 1
