"""A manifest is the whole truth of its session: what it no longer names is kept, but not current."""

from __future__ import annotations

from pathlib import Path

from tests.warehouse.trials import SyntheticTrial
from warehouse.connection import opened_for_reading
from warehouse.load import load_trial, loaded_runs
from warehouse.query import run_query
from warehouse.retire import Retired, retire_trials
from warehouse.snapshot import publish_snapshot

JUMPS = "blue/2026-11-25-jumps"


def load(database: Path, trial: SyntheticTrial, video: str) -> None:
    record = trial.record
    record["run"]["video_sha256"] = video * 64
    load_trial(database, record, trial.write(database.parent / trial.session / trial.name))


def current(database: Path) -> list[str]:
    """As a query of the snapshot has them."""
    snapshot = database.with_name("snapshot.duckdb")
    publish_snapshot(database, snapshot)
    found = run_query(snapshot, "trials", {})["trial_id"].to_list()
    assert sorted(loaded_runs(database)) == found
    return [str(name) for name in found]


def test_a_trial_that_is_no_longer_named_is_not_current_and_named_again_it_is(database: Path) -> None:
    kept, gone = SyntheticTrial("kept"), SyntheticTrial("gone", seed=1)
    load(database, kept, "a")
    load(database, gone, "b")
    assert retire_trials(database, {JUMPS: [kept.trial_id]}) == [Retired(gone.trial_id, None)]
    assert current(database) == [kept.trial_id]
    assert retire_trials(database, {JUMPS: [kept.trial_id]}) == []
    load(database, gone, "b")
    assert current(database) == [gone.trial_id, kept.trial_id]


def test_a_renamed_trial_is_current_once_under_its_new_name(database: Path) -> None:
    old, new = SyntheticTrial("old"), SyntheticTrial("new")
    load(database, old, "a")
    load(database, new, "a")
    assert retire_trials(database, {JUMPS: [new.trial_id]}) == [Retired(old.trial_id, new.trial_id)]
    assert current(database) == [new.trial_id]


def test_a_renamed_session_replaces_its_former_trials_and_a_copy_of_one_that_is_there_does_not(database: Path) -> None:
    old, new = SyntheticTrial("jump"), SyntheticTrial("jump", session="renamed")
    load(database, old, "a")
    load(database, new, "a")
    named = {"blue/renamed": [new.trial_id]}
    assert retire_trials(database, named, there=[JUMPS]) == []
    assert retire_trials(database, named) == [Retired(old.trial_id, new.trial_id)]


def test_a_session_that_left_the_inbox_stays(database: Path) -> None:
    trial = SyntheticTrial()
    load(database, trial, "a")
    assert retire_trials(database, {"blue/other": []}) == []
    assert retire_trials(database, {}) == []
    assert current(database) == [trial.trial_id]


def test_a_retired_session_no_longer_describes_its_athlete(database: Path) -> None:
    """Such as one of a wrong, late date."""
    wrong = SyntheticTrial("jump", session="wrong", date="2099-01-01", height_m=1.5)
    right = SyntheticTrial("jump", session="right", height_m=1.9)
    load(database, wrong, "a")
    load(database, right, "a")
    retire_trials(database, {"blue/right": [right.trial_id]})
    load(database, right, "a")
    with opened_for_reading(database) as connection:
        assert connection.execute("SELECT height_m FROM athlete").fetchall() == [(1.9,)]
