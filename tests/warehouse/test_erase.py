"""An erased athlete has no row and no byte in the warehouse; everybody else's rows stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouse.trials import SyntheticTrial, load_trials
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.content import content_rows, stored_rows
from warehouse.deleted import deleted_of_unknown_athlete
from warehouse.erase import athlete_rows, erase_athlete, runs_of_videos
from warehouse.errors import QueryError
from warehouse.retire import retire_trials

OTHERS = [SyntheticTrial("jump2", seed=1, athlete="bob"), SyntheticTrial("jump3", seed=2, athlete="bob")]
THEIRS = [SyntheticTrial("jump1", seed=3), SyntheticTrial("walk", seed=4, session="2026-12-01-alone")]


def loaded(database: Path, trials: list[SyntheticTrial]) -> Path:
    load_trials(database, ((one.record, one.write(database.parent / one.run_id)) for one in trials))
    return database


def test_rows_of_others_equal_those_of_a_warehouse_that_never_held_the_athlete(tmp_path: Path) -> None:
    database = loaded(tmp_path / "a.duckdb", [OTHERS[0], *THEIRS, OTHERS[1]])
    erase_athlete(database, "blue/ann")
    assert content_rows(database) == content_rows(loaded(tmp_path / "b.duckdb", OTHERS))


def test_no_byte_of_the_athlete_s_ids_is_left_in_the_file(database: Path) -> None:
    loaded(database, [*OTHERS, *THEIRS])
    ids = [b"blue/ann", *(trial.run_id.encode() for trial in THEIRS), *(t.trial_id.encode() for t in THEIRS)]
    assert all(one in database.read_bytes() for one in ids)
    erase_athlete(database, "blue/ann")
    assert [one for one in ids if one in database.read_bytes()] == []
    assert sorted(file.name for file in database.parent.iterdir() if file.is_file()) == [database.name]


def test_the_rows_are_counted_by_table_retired_trials_included(database: Path) -> None:
    loaded(database, [*OTHERS, *THEIRS])
    retire_trials(database, {THEIRS[1].session: []})
    found = athlete_rows(database, "blue/ann")
    assert found.rows == {
        "athlete": 1,
        "recent_kinematics": 80,
        "load_record": 2,
        "metric_of_every_run": 4,
        "model_version": 2,
        "quality_of_every_run": 4,
        "release_run": 2,
        "run": 2,
        "trial_manifest": 2,
    }
    assert found.trial_ids == tuple(sorted(trial.trial_id for trial in THEIRS))
    assert found.folders == tuple(sorted(str(trial.record["run"]["artifacts"]) for trial in THEIRS))
    assert found.video_sha256 == ("a" * 64,)  # the one video of all trials
    assert found.own_video_sha256 == ()
    assert len(runs_of_videos(database, found.video_sha256)) == 4


def test_a_table_that_a_later_version_adds_is_erased_too(database: Path) -> None:
    loaded(database, [*OTHERS, *THEIRS])
    with opened_for_writing(database) as connection:
        connection.execute("CREATE TABLE cycle AS SELECT run_number, 1 AS cycle FROM run")
        connection.execute("CREATE TABLE agreement AS SELECT trial_id, 'x' AS other FROM run")
    assert athlete_rows(database, "blue/ann").rows["agreement"] == 2
    erase_athlete(database, "blue/ann")
    with opened_for_reading(database) as connection:
        assert connection.execute("SELECT count(*) FROM cycle").fetchall() == [(2,)]
        assert connection.execute("SELECT trial_id FROM agreement ORDER BY ALL").fetchall() == [
            (trial.trial_id,) for trial in OTHERS
        ]


def test_a_wrong_name_is_an_error_with_the_nearest_ones_and_an_erasure_may_be_repeated(database: Path) -> None:
    loaded(database, [*OTHERS, *THEIRS])
    with pytest.raises(QueryError, match="there is no athlete 'ann'; nearest: blue/ann"):
        athlete_rows(database, "ann")
    erase_athlete(database, "blue/ann")
    erase_athlete(database, "blue/ann")
    with pytest.raises(QueryError, match="there are blue/bob"):
        athlete_rows(database, "green/zoe")


def test_a_rewritten_warehouse_is_loaded_into_as_before(database: Path) -> None:
    loaded(database, [*OTHERS, *THEIRS])
    before = content_rows(database)
    erase_athlete(database, "blue/ann")
    assert content_rows(loaded(database, THEIRS)) == before


def test_the_check_of_the_rewritten_file_covers_every_table(database: Path) -> None:
    """Also what is no content: acts, bookkeeping, and trials that are not shown."""
    loaded(database, OTHERS)
    retire_trials(database, {f"{OTHERS[0].team}/{OTHERS[0].session}": [OTHERS[0].trial_id]})
    content, stored = content_rows(database), stored_rows(database)
    lost = (
        "release",
        "release_act",
        "release_run WHERE trial_id LIKE '%3'",
        "load_record",
        "trial_manifest WHERE is_retired",
    )
    with opened_for_writing(database) as connection:
        for rows in lost:
            connection.execute(f"DELETE FROM {rows}")
    assert content_rows(database) == content
    assert {name for name, _ in stored.items() ^ stored_rows(database).items()} == {row.split()[0] for row in lost}


def test_what_rollouts_compared_names_the_person_no_more_and_others_still(database: Path) -> None:
    """One trial of somebody else has an id that begins like one of theirs."""
    loaded(database, [*OTHERS, *THEIRS, SyntheticTrial("jump10", seed=5, athlete="bob")])
    compared = '[{"trial_id": "blue/2026-11-25-jumps/jump1", "athlete": "blue/ann"}, "blue/2026-11-25-jumps/jump10"]'
    with opened_for_writing(database) as connection:
        connection.execute("INSERT INTO rollout VALUES (1, 'a', 'b', 'gate', NULL, '', ?, NULL)", [compared])
        why = "fail: blue/2026-11-25-jumps/jump1: quality 0.80 -> 0.40"
        connection.execute("INSERT INTO rollout_transition VALUES (1, 'gate', 'stopped', 'eve', ?, now())", [why])
    erase_athlete(database, "blue/ann")
    with opened_for_reading(database) as connection:
        (left,) = connection.execute("SELECT comparison FROM rollout").fetchall()[0]
        assert connection.execute("SELECT why FROM rollout_transition").fetchall() == [
            ("fail: erased: quality 0.80 -> 0.40",)
        ]
    assert left == '[{"trial_id": "erased", "athlete": "erased"}, "blue/2026-11-25-jumps/jump10"]'


def test_a_longer_id_of_a_deleted_trial_alone_is_of_somebody_else(database: Path) -> None:
    """Its runs were removed: no manifest is kept of it."""
    loaded(database, [*OTHERS, *THEIRS])
    longer = f"{THEIRS[0].trial_id}0"
    deleted_before(database, longer, "blue/bob")
    assert athlete_rows(database, "blue/ann").longer_ids == (longer,)


def test_deleted_trials_of_an_unknown_athlete_are_counted(database: Path) -> None:
    loaded(database, [*OTHERS, *THEIRS])
    deleted_before(database, THEIRS[0].trial_id, None)  # its manifest is kept, and says whose it is
    deleted_before(database, "blue/2025-01-01-old/jump", None)
    deleted_before(database, "blue/2025-01-01-old/walk", "blue/bob")
    assert deleted_of_unknown_athlete(database) == 1


def deleted_before(database: Path, trial_id: str, athlete_id: str | None) -> None:
    with opened_for_writing(database) as connection:
        connection.execute(
            "INSERT INTO deleted_trial VALUES (?, ?, now(), 'bob', false, ?)", [trial_id, "d" * 64, athlete_id]
        )
