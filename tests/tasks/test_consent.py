"""Nobody is measured after they were erased, or against the newest statement of their consent."""

from __future__ import annotations

from pathlib import Path

from tasks.consent import leave_out_erased, refuse_withdrawn
from tasks.erased_people import ErasedPeople
from tasks.plan import Discovered, discover

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


def inbox(folder: Path, sessions: dict[str, dict[str, str]]) -> Discovered:
    """By date, whether each athlete consents; each has one trial a session."""
    for date, athletes in sessions.items():
        session = folder / "blue" / f"on-{date}"
        session.mkdir(parents=True)
        tables = [ATHLETE.format(name=name, consent=consent) for name, consent in athletes.items()]
        (session / "session.toml").write_text(MANIFEST.format(session=session.name, date=date) + "".join(tables))
        for name in athletes:
            (session / f"{name}.mp4").write_bytes(b"")
    return discover(folder)


def measured(found: Discovered) -> list[str]:
    return [entry.trial_id for entry in found.entries]


def test_consent_withdrawn_in_the_newest_session_refuses_the_trials_of_earlier_ones(tmp_path: Path) -> None:
    early, late = {"ann": "true", "bob": "true"}, {"ann": "false", "bob": "true"}
    found = inbox(tmp_path, {"2026-01-01": early, "2026-02-01": late})
    assert list(refuse_withdrawn(found)) == ["blue/ann"]
    assert measured(found) == ["blue/on-2026-01-01/bob", "blue/on-2026-02-01/bob"]
    refused = {trial.trial_id: trial for trial in found.refused}
    assert {trial.kind for trial in refused.values()} == {"consent"}
    assert "on-2026-02-01/session.toml" in refused["blue/on-2026-01-01/ann"].message


def test_consent_given_later_counts_and_the_early_session_stays_refused(tmp_path: Path) -> None:
    found = inbox(tmp_path, {"2026-01-01": {"ann": "false"}, "2026-02-01": {"ann": "true"}})
    assert refuse_withdrawn(found) == {}
    assert measured(found) == ["blue/on-2026-02-01/ann"]
    assert [trial.trial_id for trial in found.refused] == ["blue/on-2026-01-01/ann"]


def test_trials_of_erased_people_are_left_out_and_counted_whatever_else_is_wrong_with_them(tmp_path: Path) -> None:
    found = inbox(tmp_path, {"2026-01-01": {"ann": "true", "bob": "true"}, "2026-02-01": {"ann": "false"}})
    erased = ErasedPeople(tmp_path)
    erased.add("blue/ann", [])
    assert leave_out_erased(found, erased) == {"blue/on-2026-01-01": 1, "blue/on-2026-02-01": 1}
    assert measured(found) == ["blue/on-2026-01-01/bob"]
    assert found.refused == []
