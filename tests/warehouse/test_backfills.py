"""What is recorded of backfills."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from tests.warehouse.trials import SyntheticTrial
from warehouse.backfills import backfills, begin_backfill, note_backfilled, to_measure
from warehouse.connection import opened_for_writing
from warehouse.load import load_trial
from warehouse.releases import begin_act, finish_act, promoted

TIME = {"since": date(2000, 1, 1), "until": date(2100, 1, 1)}


def load(database: Path, name: str, *, version: int) -> None:
    """Load a trial's run by the release of a version."""
    trial = SyntheticTrial(name)
    record = trial.record
    record["models"][0]["version"] = version
    record["run"]["run_id"] = f"{trial.run_id}-{version}"
    load_trial(database, record, trial.write(database.parent / name))


def test_a_backfill_counts_each_trial_that_it_measured_once_and_before_it_was_killed(database: Path) -> None:
    for name in ("jump1", "jump2", "jump3"):
        load(database, name, version=1)
    load(database, "jump1", version=2)
    with opened_for_writing(database) as connection:
        (release,) = promoted(connection)
        second = next(one for one, number in versions(connection) if number == 2)
        begin_act(connection, "promote", (release, second), who="ann", why="better")
        finish_act(connection)
        number = begin_backfill(connection, second, **TIME, who="ann")
        assert to_measure(connection, second, **TIME) == [trial_id("jump2"), trial_id("jump3")]
    load(database, "jump2", version=2)
    with opened_for_writing(database) as connection:  # it was killed, and goes on
        assert begin_backfill(connection, second, **TIME, who="ann") == number
        assert to_measure(connection, second, **TIME) == [trial_id("jump3")]
    load(database, "jump3", version=2)
    load(database, "jump3", version=2)  # again, as where its record changed
    load(database, "jump1", version=2)  # of before the backfill
    load(database, "jump4", version=2)  # of a night
    with opened_for_writing(database) as connection:
        note_backfilled(connection, number, failed=0, left_out=0, is_over=True)
        (found,) = backfills(connection)
    assert (found["measured"], found["failed"], found["left_out"]) == (2, 0, 0)
    assert found["ended_at"] is not None


def trial_id(name: str) -> str:
    return SyntheticTrial(name).trial_id


def versions(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute("SELECT release_id, version FROM release_model").fetchall()
