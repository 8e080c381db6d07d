"""The audit log: who did what to whom, complete under kills and concurrency, and no line changed unseen."""

from __future__ import annotations

import json
import multiprocessing
import stat
import time
from pathlib import Path

import polars as pl
import pytest

from biopose.errors import BioposeError
from tasks.answered_people import people_in
from tasks.audit import EVERY_TEAM, MOST_NAMED, NAME, NOBODY, AuditLog, People

ANN = People(athletes=("blue/ann",))


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path)


def append_many(home: Path, who: str, count: int) -> None:
    log = AuditLog(home)
    for number in range(count):
        log.append(who, "view", f"page {number}", ANN)


def test_a_line_has_who_what_and_whom_without_a_name(log: AuditLog) -> None:
    log.append("coach", "view", "page trial", People(("blue/ann",), ("blue/s/jump_ann",), ("red",)))
    (entry,) = log.entries()
    assert (entry.who, entry.act, entry.what, entry.teams) == ("coach", "view", "page trial", ("red",))
    assert entry.athletes == (log.pseudonym("blue/ann"),) == (AuditLog(log.file.parent).pseudonym("blue/ann"),)
    assert b"ann" not in log.file.read_bytes()
    assert {stat.S_IMODE(path.stat().st_mode) for path in log.file.parent.iterdir()} == {0o600}


def test_another_homes_pseudonyms_are_others(log: AuditLog, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert AuditLog(tmp_path / "other").pseudonym("blue/ann") != log.pseudonym("blue/ann")


def test_processes_at_once_make_one_chain(log: AuditLog, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=append_many, args=(tmp_path, f"user{number}", 40)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert log.verify()[0] == 160
    assert len({(entry.who, entry.what) for entry in log.entries()}) == 160


@pytest.mark.parametrize("length", [1, 40, 200])
def test_a_line_that_a_killed_process_left_is_removed_by_the_next_and_noted(log: AuditLog, length: int) -> None:
    append_many(log.file.parent, "coach", 3)
    whole = log.file.read_bytes()
    log.file.write_bytes(whole + whole.splitlines(keepends=True)[-1][:length])
    with pytest.raises(BioposeError, match=r"audit.jsonl:4: is incomplete"):
        log.verify()
    log.append("coach", "view", "page athlete", ANN)
    assert [entry.act for entry in log.entries()] == ["view", "view", "view", "repair", "view"]
    assert log.verify()[0] == 5
    assert log.file.read_bytes().startswith(whole)


def test_a_log_of_which_only_a_part_of_the_first_line_is_there_begins_anew(log: AuditLog) -> None:
    log.file.write_bytes(b'{"at": "20')
    log.append("coach", "view", "page athlete", ANN)
    assert [entry.act for entry in log.entries()] == ["repair", "view"]
    assert log.verify()[0] == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b"coach", b"nobody"), *lines[3:]], ":3: was changed"),
        (lambda lines: [*lines[:2], *lines[3:]], ":3: does not follow the line before"),
        (lambda lines: lines[1:], ":1: does not follow the line before"),
        (lambda lines: [*lines[:2], lines[3], lines[2], lines[4]], ":3: does not follow the line before"),
        (lambda lines: [*lines[:3], b"{}\n", *lines[3:]], ":4: was changed"),
        (lambda lines: [*lines[:3], b"\xff\n", *lines[3:]], ":4: was changed"),
    ],
)
def test_the_first_line_that_was_changed_or_before_which_one_is_missing_is_named(
    log: AuditLog, change: object, complaint: str
) -> None:
    append_many(log.file.parent, "coach", 5)
    last = log.verify()[1]
    lines = log.file.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[-1])["hash"] == last
    log.file.write_bytes(b"".join(change(lines)))  # type: ignore[operator]
    with pytest.raises(BioposeError, match=complaint):
        log.verify()
    log.append("coach", "view", "page athlete", ANN)  # what is broken stops nobody
    assert list(log.entries())[-1].what == "page athlete"


def test_lines_that_were_cut_off_show_by_the_last_hash_alone(log: AuditLog) -> None:
    append_many(log.file.parent, "coach", 5)
    noted = log.verify()
    log.file.write_bytes(b"".join(log.file.read_bytes().splitlines(keepends=True)[:4]))
    assert log.verify() != noted


def test_a_repeat_within_minutes_is_one_line(log: AuditLog) -> None:
    for _ in range(3):
        log.append_once("coach", "download", "file overlay.mp4", ANN)
        log.append_once("physio", "download", "file overlay.mp4", ANN)
    assert [entry.who for entry in log.entries()] == ["coach", "physio"]


def test_a_line_costs_less_than_five_milliseconds(log: AuditLog) -> None:
    log.append("coach", "view", "page athlete", ANN)
    with log.file.open("ab") as file:  # as long as that of years
        file.write(log.file.read_bytes() * 20_000)
    began_s = time.process_time()
    for number in range(100):
        log.append("coach", "view", f"page {number}", ANN)
    assert (time.process_time() - began_s) / 100 < 0.005


def test_where_nothing_can_be_recorded_nothing_is_shown(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(BioposeError, match="nothing is shown that cannot be recorded"):
        AuditLog(tmp_path).append("coach", "view", "page athlete")


def test_of_many_people_their_teams_are_recorded() -> None:
    many = People(athletes=tuple(f"blue/a{number}" for number in range(MOST_NAMED + 1)), teams=("red",))
    assert many.bounded() == People(teams=("blue", "red"))
    assert ANN.bounded() == ANN


@pytest.mark.parametrize(
    ("columns", "given", "people"),
    [
        ({"athlete_id": ["blue/ann", "blue/ann", None]}, {}, ANN),
        ({"trial_id": ["blue/s/t"]}, {"athlete": "any"}, People(trials=("blue/s/t",))),
        ({"mean_value": [1.0]}, {"athlete": "blue/ann"}, ANN),
        ({"mean_value": [1.0]}, {"team": "blue"}, People(teams=("blue",))),
        ({"session_id": ["blue/s"]}, {}, People(teams=("blue",))),
        ({"mean_value": [1.0]}, {"team": "any"}, People(teams=(EVERY_TEAM,))),
        ({"athlete_id": []}, {"athlete": "blue/ann"}, NOBODY),
    ],
)
def test_an_answer_is_about_those_it_names_or_was_asked_for(
    columns: dict[str, list[object]], given: dict[str, str], people: People
) -> None:
    assert people_in(pl.DataFrame(columns), given) == people
