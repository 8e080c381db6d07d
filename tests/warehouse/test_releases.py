"""What is current: the promoted release's numbers alone, however many other releases measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.warehouse.test_upgrade import first_schema  # noqa: F401 - a fixture
from tests.warehouse.trials import SyntheticTrial
from warehouse.connection import opened_for_writing, transaction
from warehouse.content import content_hash, content_rows
from warehouse.errors import ReleaseError
from warehouse.load import load_trial, loaded_runs
from warehouse.releases import (
    acts,
    admit_candidate,
    begin_act,
    finish_act,
    promoted,
    promoted_release,
    record_release,
    release_of,
    trials_shown,
)
from warehouse.retire import retire_people, retire_trials


def measured(trial: SyntheticTrial, version: int) -> dict[str, Any]:
    """The record of a trial that a version of its model measured."""
    record = trial.record
    record["models"] = [{**record["models"][0], "version": version, "sha256": f"{version}" * 64}]
    record["run"]["run_id"] = f"{version}-{trial.run_id}"[:32]
    return record


def load(database: Path, trial: SyntheticTrial, version: int) -> str:
    """Load a trial as measured with a version; the release's id. The seed decides the numbers."""
    record = measured(trial, version)
    load_trial(database, record, replace(trial, seed=version).write(database.parent / record["run"]["run_id"]))
    with opened_for_writing(database) as connection:
        return record_release(connection, record["run"]["method"], record["models"])


def act(database: Path, *releases: str) -> None:
    """Promote or roll back, as `tasks.promotion` does in the warehouse."""
    with opened_for_writing(database) as connection, transaction(connection):
        begin_act(connection, "promote", releases, who="ann", why="test")
        finish_act(connection)


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with opened_for_writing(database) as connection:
        return connection.execute(sql).fetchall()


def shown(database: Path) -> dict[str, tuple[Any, ...]]:
    """All that the plain names show."""
    views = ("trial", "kinematics", "event", "metric", "quality")
    return {view: tuple(rows(database, f"SELECT * FROM {view} ORDER BY ALL")) for view in views}


def test_a_challengers_numbers_are_stored_beside_the_current_ones_and_change_nothing_that_is_shown(
    database: Path,
) -> None:
    trial = SyntheticTrial()
    load(database, trial, 1)
    before, described = shown(database), rows(database, "FROM athlete")
    load(database, replace(trial, height_m=1.9, activity="squat"), 2)
    assert shown(database) == before
    assert rows(database, "FROM athlete") == described
    assert rows(
        database,
        "SELECT release, is_current, version FROM trial_of_every_release JOIN model_version USING (run_number) "
        "ORDER BY version",
    ) == [
        (trial_release(database, 1), True, 1),
        (trial_release(database, 2), False, 2),
    ]
    assert rows(database, "SELECT count(*), count(DISTINCT run_number) FROM metric_of_every_run") == [(4, 2)]


def trial_release(database: Path, version: int) -> str:
    (name,) = rows(
        database, f"SELECT name FROM release JOIN release_model USING (release_id) WHERE version = {version}"
    )[0]
    return str(name)


def test_a_trial_that_a_challenger_alone_measured_is_not_shown(database: Path) -> None:
    load(database, SyntheticTrial("jump1"), 1)
    challenger = load(database, SyntheticTrial("jump2"), 2)
    assert [name for name, *_ in rows(database, "SELECT trial_id FROM trial")] == [SyntheticTrial("jump1").trial_id]
    assert set(loaded_runs(database, challenger)) == {SyntheticTrial("jump2").trial_id}
    assert set(loaded_runs(database)) == {SyntheticTrial("jump1").trial_id}


def test_the_first_release_is_promoted_by_itself(database: Path) -> None:
    with opened_for_writing(database) as connection:
        assert promoted_release(connection) is None
    first = load(database, SyntheticTrial(), 1)
    with opened_for_writing(database) as connection:
        assert promoted(connection) == (first,)
        assert [(one.act, one.who) for one in acts(connection)] == [("first", "ingest")]
        assert release_of(connection, first).versions == {"keypoints": 1}


def test_a_rollback_shows_exactly_what_was_shown_before_the_promotion(database: Path) -> None:
    trials = [SyntheticTrial(f"jump{number}") for number in range(3)]
    (first,) = {load(database, trial, 1) for trial in trials}
    (second,) = {load(database, trial, 2) for trial in trials[:2]}
    before, content = shown(database), content_hash(database)
    act(database, first, second)
    with opened_for_writing(database) as connection:
        assert trials_shown(connection) == {trial_release(database, 2): 2, trial_release(database, 1): 1}
    assert shown(database) != before
    act(database, first)
    assert shown(database) == before
    assert content_hash(database) == content


def test_what_the_later_release_alone_measured_is_not_shown_after_the_rollback_until_it_is_measured(
    database: Path,
) -> None:
    first = load(database, SyntheticTrial("jump1"), 1)
    second = load(database, SyntheticTrial("jump1"), 2)
    act(database, first, second)
    load(database, SyntheticTrial("jump2"), 2)
    act(database, first)
    assert list(loaded_runs(database)) == [SyntheticTrial("jump1").trial_id]
    load(database, SyntheticTrial("jump2"), 1)
    assert len(loaded_runs(database)) == 2


def test_nothing_is_loaded_with_a_release_that_another_followed(database: Path) -> None:
    """A trial that it alone measured shows it still, and would change."""
    first = load(database, SyntheticTrial(), 1)
    act(database, first, load(database, SyntheticTrial(), 2))
    before = content_rows(database)
    with pytest.raises(ReleaseError, match=r"was promoted before .*`biopose rollout rollback` makes it current"):
        load(database, SyntheticTrial("jump9"), 1)
    assert content_rows(database) == before


def test_a_candidate_is_another_release_than_the_promoted_ones_and_has_a_name_of_its_own(database: Path) -> None:
    first = load(database, SyntheticTrial(), 1)
    record, other = measured(SyntheticTrial(), 1), measured(SyntheticTrial(), 2)
    with opened_for_writing(database) as connection:
        with pytest.raises(
            ReleaseError, match=r"the promoted release: there is nothing to compare\. Name what it changes: --model "
        ):
            admit_candidate(connection, "keypoint_fit", record["models"], name=None)
        second = admit_candidate(connection, "keypoint_fit", other["models"], name="autumn")
        with pytest.raises(ReleaseError, match="another release is called autumn"):
            admit_candidate(connection, "mqhmr", other["models"], name="autumn")
        with pytest.raises(ReleaseError, match="spring: there is no such release; there are autumn, keypoint_fit-"):
            release_of(connection, "spring")
    act(database, first, second)
    with (
        opened_for_writing(database) as connection,
        pytest.raises(ReleaseError, match="`biopose rollout rollback` goes back"),
    ):
        admit_candidate(connection, "keypoint_fit", record["models"], name=None)


def test_a_promotion_does_not_show_a_run_of_what_the_trial_was_before_it_was_corrected(database: Path) -> None:
    trial, corrected = SyntheticTrial(), replace(SyntheticTrial(), height_m=1.8)
    first, second = load(database, trial, 1), load(database, trial, 2)
    load(database, corrected, 1)
    act(database, first, second)
    assert rows(database, "SELECT height_m, release FROM trial") == [(1.8, trial_release(database, 1))]
    load(database, corrected, 2)
    assert rows(database, "SELECT height_m, release FROM trial") == [(1.8, trial_release(database, 2))]
    act(database, first)
    assert rows(database, "SELECT height_m, release FROM trial") == [(1.8, trial_release(database, 1))]


def test_a_description_that_came_with_a_challenger_alone_is_loaded_once_that_is_promoted(database: Path) -> None:
    """A corrected date measures nothing anew: the run is known by then, and its record is not the trial's."""
    first = load(database, SyntheticTrial(), 1)
    corrected = replace(SyntheticTrial(), date="2026-11-26", athlete="eve")
    second = load(database, corrected, 2)
    assert list(loaded_runs(database, second)) == [corrected.trial_id]  # no other night measures it again
    act(database, first, second)
    assert loaded_runs(database, second) == {}
    load(database, corrected, 2)
    assert list(loaded_runs(database, second)) == [corrected.trial_id]
    assert rows(database, "SELECT session_date::VARCHAR, athlete_id FROM trial") == [("2026-11-26", "blue/eve")]


def load_markers(database: Path, version: int) -> str:
    """Load a recording of markers, the same run in every release, with the release of a version."""
    trial = SyntheticTrial("markers")
    record = trial.record | {"models": []}
    record["run"]["method"] = "markers"
    record["release"] = {"method": "keypoint_fit", "models": measured(trial, version)["models"]}
    load_trial(database, record, trial.write(database.parent / "markers"))
    with opened_for_writing(database) as connection:
        return record_release(connection, **record["release"])


def test_a_run_that_releases_share_is_shown_and_counted_as_of_the_promoted_one(database: Path) -> None:
    first, second = load_markers(database, 1), load_markers(database, 2)
    of_each = "SELECT release, is_current FROM trial_of_every_release ORDER BY is_current DESC"
    names = [trial_release(database, version) for version in (1, 2)]
    for releases, (now, other) in (((first,), names), ((first, second), names[::-1])):
        act(database, *releases)
        assert rows(database, "SELECT release FROM trial") == [(now,)]
        assert rows(database, of_each) == [(now, True), (other, False)]
        with opened_for_writing(database) as connection:
            assert trials_shown(connection) == {now: 1}


def test_a_shared_run_is_the_same_content_whichever_release_loaded_it_last(database: Path) -> None:
    load_markers(database, 1)
    load_markers(database, 2)
    before = content_rows(database)
    load_markers(database, 1)
    assert content_rows(database) == before


def test_a_retired_trial_stays_retired_whatever_is_promoted(database: Path) -> None:
    first, second = load(database, SyntheticTrial(), 1), load(database, SyntheticTrial(), 2)
    retire_trials(database, {"blue/2026-11-25-jumps": []})
    act(database, first, second)
    assert loaded_runs(database) == loaded_runs(database, second) == {}
    load(database, SyntheticTrial(), 2)
    assert len(loaded_runs(database)) == 1


def test_a_withdrawn_person_whom_a_challenger_alone_measured_is_not_shown_by_its_promotion(database: Path) -> None:
    first = load(database, SyntheticTrial(), 1)
    second = load(database, SyntheticTrial("jump2", athlete="eve"), 2)
    assert retire_people(database, ["blue/eve"]) == {}  # nothing of theirs was current
    act(database, first, second)
    assert rows(database, "SELECT trial_id FROM trial") == [(SyntheticTrial().trial_id,)]


def test_a_trial_that_was_renamed_after_a_rollback_is_not_shown_under_its_old_name_by_another_promotion(
    database: Path,
) -> None:
    other, old, new = (SyntheticTrial(name) for name in ("other", "old", "new"))
    first, second = load(database, other, 1), load(database, other, 2)
    act(database, first, second)
    load(database, old, 2)
    act(database, first)
    load(database, new, 1)
    assert retire_trials(database, {"blue/2026-11-25-jumps": [other.trial_id, new.trial_id]}) == []
    act(database, first, second)
    assert rows(database, "SELECT trial_id FROM trial ORDER BY 1") == [(new.trial_id,), (other.trial_id,)]


def test_what_was_current_before_releases_were_recorded_stays_current(first_schema: Path) -> None:  # noqa: F811
    """Also where the first release that is promoted then has not measured it."""
    assert rows(first_schema, "SELECT run_id, release FROM trial") == [("run2", "keypoint_fit-" + _hash(first_schema))]
    load(first_schema, SyntheticTrial(), 1)
    assert rows(first_schema, "SELECT run_id FROM trial WHERE trial_id = 'blue/jumps/jump1'") == [("run2",)]
    assert rows(first_schema, "SELECT count(*) FROM trial") == [(2,)]


def test_an_upgraded_trial_shows_the_run_that_was_current_whatever_release_is_loaded_of_another_trial(
    first_schema: Path,  # noqa: F811
) -> None:
    """Also of a release that measured the trial earlier than the current run."""
    with duckdb.connect(str(first_schema)) as connection:
        connection.execute("UPDATE model_version SET version = run_number")
    record = measured(SyntheticTrial("jump9"), 1)
    record["models"][0] |= {"sha256": "dd"}
    load_trial(first_schema, record, SyntheticTrial("jump9").write(first_schema.parent / "jump9"))
    assert rows(first_schema, "SELECT run_id FROM trial WHERE trial_id = 'blue/jumps/jump1'") == [("run2",)]


def test_the_migration_gives_runs_the_release_that_loading_them_would(first_schema: Path) -> None:  # noqa: F811
    models = [{"stage": "keypoints", "model": "keypoints", "version": 1, "sha256": "dd"}]
    with opened_for_writing(first_schema) as connection:
        found = connection.execute("SELECT DISTINCT release_id FROM run").fetchall()
        assert found == [(record_release(connection, "keypoint_fit", models),)]


def _hash(database: Path) -> str:
    return str(rows(database, "SELECT release_id FROM run")[0][0])[:8]
