"""A manifest is the whole truth of its session: what it no longer names is kept, but not current."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from tests.warehouse.trials import SyntheticTrial
from warehouse.connection import opened_for_reading
from warehouse.load import load_trial, loaded_runs
from warehouse.query import run_query
from warehouse.retire import Retired, retire_people, retire_trials
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


def views_with(database: Path, athlete_id: str, trial_id: str) -> set[str]:
    """The views that hold a row of a person."""
    ids = {"athlete_id": athlete_id, "trial_id": trial_id}
    with opened_for_reading(database) as connection:
        columns = connection.execute(
            "SELECT view_name, column_name FROM duckdb_views() AS of JOIN duckdb_columns() AS held "
            "ON held.table_name = of.view_name AND held.schema_name = of.schema_name "
            "WHERE NOT of.internal AND column_name IN ('athlete_id', 'trial_id')"
        ).fetchall()
        return {
            view
            for view, column in columns
            if connection.execute(f"SELECT 1 FROM {view} WHERE {column} = ? LIMIT 1", [ids[column]]).fetchall()
        }


def test_no_view_holds_a_withdrawn_person_in_any_release(database: Path) -> None:
    strikes = [("left", 0.1), ("left", 0.6)]
    eve, fay = (
        SyntheticTrial(f"walk_{who}", athlete=who, activity="walk", strikes=strikes, cycles=[("left", 1, 0.5, None)])
        for who in ("eve", "fay")
    )
    for version, trial in product((1, 2), (eve, fay)):
        record = trial.record
        record["models"][0]["version"] = version
        record["run"]["run_id"] = f"{trial.athlete}{version}"
        load_trial(database, record, trial.write(database.parent / f"{trial.athlete}{version}"))
    assert {"trial", "trial_of_every_release", "curve", "cycle_metric"} <= views_with(
        database, "blue/eve", eve.trial_id
    )
    retire_people(database, ["blue/eve"])
    assert views_with(database, "blue/eve", eve.trial_id) == set()
    snapshot = database.with_name("snapshot.duckdb")
    publish_snapshot(database, snapshot)
    chosen = {"coordinate": "knee_angle_l_deg", "activity": "walk"}
    with opened_for_reading(snapshot) as connection:
        releases = connection.execute("FROM release SELECT name").fetchall()
    assert len(releases) == 2
    for (release,) in releases:
        found = run_query(snapshot, "cycle_curves", {**chosen, "release": release})
        assert set(found["athlete_id"]) == {"blue/fay"}
