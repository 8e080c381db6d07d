"""What is recorded of backfills."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tests.warehouse.trials import SyntheticTrial
from warehouse.backfills import backfills, begin_backfill, note_backfilled, to_measure
from warehouse.connection import opened_for_writing
from warehouse.load import load_trial
from warehouse.releases import promoted

TIME = {"since": date(2000, 1, 1), "until": date(2100, 1, 1)}


def test_a_backfill_counts_what_it_measured_before_it_was_killed(database: Path, tmp_path: Path) -> None:
    def load(name: str) -> None:
        trial = SyntheticTrial(name)
        load_trial(database, trial.record, trial.write(tmp_path / name))

    load("earlier")
    with opened_for_writing(database) as connection:
        (release,) = promoted(connection)
        number = begin_backfill(connection, release, **TIME, who="ann")
    load("before the kill")
    with opened_for_writing(database) as connection:
        assert begin_backfill(connection, release, **TIME, who="ann") == number  # it goes on
        assert to_measure(connection, release, **TIME) == []
    load("after it")
    with opened_for_writing(database) as connection:
        note_backfilled(connection, number, failed=0, left_out=0, is_over=True)
        (found,) = backfills(connection)
    assert (found["measured"], found["failed"], found["left_out"]) == (2, 0, 0)
    assert found["ended_at"] is not None
