"""Promotions and rollbacks over warehouse and registry: wholly done or wholly not, whatever ends the process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from biopose.errors import BioposeError, ModelError
from tasks.audit import AuditLog
from tasks.model_aliases import aliased_versions, set_alias
from tasks.models import registry
from tasks.promotion import abort, complete_interrupted, finish, promote, roll_back
from tasks.releases import release_to_measure
from tasks.settings import Settings
from tests.commands import run
from tests.tasks.registry import STAGES, make_home
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.content import content_hash
from warehouse.errors import DoneAlreadyError, ReleaseError
from warehouse.releases import acts, begun_act, promoted_release, record_release
from warehouse.rollouts import latest, transitions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose rollout passed the gate; to be copied."""
    return make_home(tmp_path_factory.mktemp("pristine") / "home")


@pytest.fixture
def settings(pristine: Settings, tmp_path: Path) -> Settings:
    return Settings.load(shutil.copytree(pristine.home, tmp_path / "home"))


def shown(settings: Settings) -> dict[str, Any]:
    """Version and numbers that readers have."""
    with opened_for_reading(settings.snapshot) as connection:
        return {
            "metric": connection.execute("FROM metric ORDER BY ALL").fetchall(),
            "frames": connection.execute("SELECT hash(k) FROM kinematics k ORDER BY ALL").fetchall(),
            "release": connection.execute("SELECT trial_id, release FROM trial ORDER BY ALL").fetchall(),
        }


def test_promoted_numbers_are_shown_and_rolled_back_those_of_before_are_exactly(settings: Settings) -> None:
    before, content = shown(settings), content_hash(settings.snapshot)
    candidate = promote(settings)
    assert aliased_versions(settings, "champion") == candidate.versions == dict.fromkeys(STAGES, 2)
    assert [name for _, name in shown(settings)["release"]] == [candidate.name, before["release"][1][1]]
    assert release_to_measure_method(settings) == ("keypoint_fit", {2})
    target = roll_back(settings, reason="knees jump")
    assert aliased_versions(settings, "champion") == target.versions == dict.fromkeys(STAGES, 1)
    assert shown(settings) == before
    assert content_hash(settings.snapshot) == content
    with opened_for_writing(settings.warehouse) as connection:
        assert [(one.act, one.why) for one in acts(connection)][1:] == [
            ("promote", "the gate passed it"),
            ("roll back", "knees jump"),
        ]
        assert [one.to_state for one in transitions(connection, 1)][-3:] == ["promote", "watch", "stopped"]
    with pytest.raises(ReleaseError, match="no release to go back to"):
        roll_back(settings, reason="again")
    with pytest.raises(DoneAlreadyError, match=r"for this reason at 2\d{3}-.* nothing was done since"):
        roll_back(settings, reason="knees jump")
    promote(settings, reason="another look")
    assert roll_back(settings, reason="knees jump") == target  # as something was done since


@pytest.mark.parametrize("is_done", [False, True])
def test_a_promotion_and_a_rollback_that_were_killed_are_completed_by_running_them_again_and_done_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, is_done: bool
) -> None:
    killed_before = "publish_snapshot" if is_done else "finish_act"
    for command, name in ((["promote"], "promote"), (["rollback", "--reason", "knees jump"], "roll back")):
        with monkeypatch.context() as patched:
            patched.setattr(f"tasks.promotion.{killed_before}", lambda *_: sys.exit("killed"))
            assert run("rollout", *command, "--home", settings.home).exit_code == 1
        again = run("rollout", *command, "--home", settings.home)
        assert (again.exit_code, "Nothing was left to do" in again.stderr) == (0, True)
        with opened_for_writing(settings.warehouse) as connection:
            assert acts(connection)[-1].act == name
            number = len(acts(connection))
        with opened_for_reading(settings.snapshot) as connection:
            assert len(acts(connection)) == number
    assert number == 3  # the first, each once
    entries = list(AuditLog(settings.home).entries())
    assert {one.act for one in entries} == {"promote", "roll back"}
    assert ["nothing was left to do" in one.what for one in entries] == [False, True] * 2


@pytest.fixture
def with_another_method(settings: Settings) -> Settings:
    """The candidate has the method mqhmr, with second versions of models that the promoted release does not have."""
    models = [{"stage": one, "model": one, "version": 1, "sha256": "1" * 64} for one in ("detector", "keypoints")]
    with registry(settings) as client:
        for stage in ("mqhmr", "neurik"):
            client.create_registered_model(stage)
            for version in (1, 2):
                tags = {"sha256": f"{version}" * 64, "configuration": "{}"}
                client.create_model_version(stage, f"file:///{stage}{version}", tags=tags)
            models.append({"stage": stage, "model": stage, "version": 2, "sha256": "2" * 64})
        client.set_registered_model_alias("neurik", "champion", "1")
    with opened_for_writing(settings.warehouse) as connection:
        connection.execute("UPDATE rollout SET candidate_id = ?", [record_release(connection, "mqhmr", models)])
    return settings


def test_a_rollback_gives_the_champions_back_that_the_promotion_displaced(with_another_method: Settings) -> None:
    settings = with_another_method
    before = aliased_versions(settings, "champion")
    assert before == {**dict.fromkeys(STAGES, 1), "neurik": 1}
    promote(settings)
    assert aliased_versions(settings, "champion") == {**before, "mqhmr": 2, "neurik": 2}
    roll_back(settings, reason="knees jump")
    assert aliased_versions(settings, "champion") == before


def test_a_promotion_that_is_taken_back_gives_back_the_champions_likewise(
    with_another_method: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_another_method
    before = aliased_versions(settings, "champion")
    with monkeypatch.context() as patched:
        patched.setattr("tasks.promotion._complete", lambda *_: None)
        promote(settings)
    set_alias(settings, "champion", {"mqhmr": 2, "neurik": 2})
    with registry(settings) as client:
        client.delete_model_version("mqhmr", "2")
    assert "is taken back" in complete_interrupted(settings)[0]
    assert aliased_versions(settings, "champion") == before


def release_to_measure_method(settings: Settings) -> tuple[str, set[int]]:
    from tasks.releases import pinned

    with opened_for_writing(settings.warehouse) as connection:
        release = promoted_release(connection)
    assert release is not None
    return release.method, {model.version for model in pinned(settings, release)}


def test_a_process_that_ends_at_a_write_leaves_one_side_or_the_other_and_the_next_completes_it(
    settings: Settings,
) -> None:
    """Every write, and more of what is checked, in `python -m tests.benchmarks.promotions`."""
    writes = ("promote=6,10", "roll back=4", "canary=7")
    command = [sys.executable, "-m", "tests.benchmarks.promotions", "write", str(settings.home), *writes]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert ran.returncode == 0, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [one["act"] for one in found] == ["promote", "promote", "roll back", "canary"]
    assert [one["faults"] for one in found] == [[]] * 4
    assert {one["ended"] for one in found} == {"killed"}


def test_what_the_gate_did_not_pass_is_promoted_with_a_reason_alone_which_stays_on_record(settings: Settings) -> None:
    with opened_for_writing(settings.warehouse) as connection:
        connection.execute("UPDATE rollout SET verdict = 'fail', state = 'stopped'")
    with pytest.raises(ReleaseError, match=r"the gate's verdict is: fail\. Promoting against that needs --reason"):
        promote(settings)
    promote(settings, reason="the margin is too narrow")
    with opened_for_writing(settings.warehouse) as connection:
        assert acts(connection)[-1].is_override
        assert acts(connection)[-1].why == "the margin is too narrow (the gate's verdict: fail)"
        rollout = latest(connection)
    assert rollout is not None
    assert rollout.state == "watch"
    with pytest.raises(DoneAlreadyError, match="rollout 1 is promoted"):
        promote(settings, reason="again")


def test_a_model_that_was_deleted_stops_the_promotion_before_anything_changes(settings: Settings) -> None:
    before, content = shown(settings), content_hash(settings.warehouse)
    with registry(settings) as client:
        client.delete_model_version("keypoints", "2")
    with pytest.raises(
        ModelError, match=r"keypoints version 2 is not in the registry, which has 1; .* restore the registry"
    ):
        promote(settings)
    assert content_hash(settings.warehouse) == content
    assert shown(settings) == before
    assert aliased_versions(settings, "champion") == dict.fromkeys(STAGES, 1)
    with opened_for_writing(settings.warehouse) as connection:
        assert begun_act(connection) is None


def test_a_registry_that_cannot_be_reached_stops_it_likewise(settings: Settings) -> None:
    before = content_hash(settings.warehouse)
    away = Settings.load(settings.home, mlflow_tracking_uri="http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(BioposeError, match="no server responds there"):
        promote(away)
    assert content_hash(settings.warehouse) == before


def test_a_night_whose_registry_is_down_or_lost_a_model_of_the_release_in_use_measures_nothing(
    settings: Settings,
) -> None:
    before = content_hash(settings.warehouse)
    with pytest.raises(BioposeError, match="no server responds there"):
        release_to_measure(Settings.load(settings.home, mlflow_tracking_uri="http://127.0.0.1:9"))
    with registry(settings) as client:
        client.delete_model_version("keypoints", "1")
    with pytest.raises(ModelError, match=r"keypoints version 1 is not in the registry, which has .*; name a version"):
        release_to_measure(settings)
    assert content_hash(settings.warehouse) == before


@pytest.mark.parametrize("state", ["gate", "stopped"])
def test_an_interrupted_promotion_whose_model_is_gone_is_taken_back_to_the_state_from_which_it_was_begun(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """A stopped rollout, promoted against the gate, is stopped again, and needs its reason again."""
    with opened_for_writing(settings.warehouse) as connection:
        connection.execute("UPDATE rollout SET state = ?", [state])
    with monkeypatch.context() as patched:
        patched.setattr("tasks.promotion._complete", lambda *_: None)
        promote(settings, reason="tried")
    set_alias(settings, "champion", {"detector": 2})
    with registry(settings) as client:
        client.delete_model_version("keypoints", "2")
    (line,) = complete_interrupted(settings)
    assert "cannot be completed and is taken back" in line
    assert aliased_versions(settings, "champion") == dict.fromkeys(STAGES, 1)
    with opened_for_writing(settings.warehouse) as connection:
        rollout = latest(connection)
        assert begun_act(connection) is None
    assert rollout is not None
    assert rollout.state == state


def test_an_aborted_rollout_is_not_promoted_by_mistake(settings: Settings) -> None:
    abort(settings, reason="wrong version")
    with pytest.raises(ReleaseError, match="rollout 1 is at stopped, and the gate's verdict is: pass"):
        promote(settings)
    with pytest.raises(DoneAlreadyError, match="rollout 1 has ended already, aborted: wrong version"):
        abort(settings, reason="wrong version")
    with pytest.raises(ReleaseError, match="no rollout is open"):
        abort(settings, reason="again")


def test_a_watched_release_is_not_aborted_by_mistake_and_its_watch_is_ended_by_name(settings: Settings) -> None:
    with pytest.raises(ReleaseError, match="no promoted release is watched"):
        finish(settings, reason="early")
    promote(settings)
    with pytest.raises(ReleaseError, match="is promoted, and watched: `biopose rollout rollback` goes back"):
        abort(settings, reason="wrong version")
    finish(settings, reason="checked by hand")
    with opened_for_writing(settings.warehouse) as connection:
        assert transitions(connection, 1)[-1].why == "the watch is ended: checked by hand"
    with pytest.raises(DoneAlreadyError, match="rollout 1 has ended already, the watch is ended"):
        finish(settings, reason="checked by hand")


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is as it is: no shipped weights are registered in it."""
    monkeypatch.setattr("tasks.registration.register_once", lambda _: False)
    monkeypatch.setattr("tasks.releases.DEFAULT_METHOD", "keypoint_fit")


@pytest.mark.usefixtures("registered")
def test_an_alias_that_was_moved_by_hand_measures_nothing_anew_and_is_named(settings: Settings) -> None:
    set_alias(settings, "champion", {"keypoints": 2})
    release = release_to_measure(settings)
    assert [model.version for model in release.models] == [1, 1, 1]
    assert release.is_promoted
    assert "MLflow's alias champion of keypoints is on version 2; measured is with version 1" in release.notes[0]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("home_has", ["a warehouse", "nothing"])
def test_an_ingest_with_another_alias_is_never_the_promoted_release(settings: Settings, home_has: str) -> None:
    """Not even as the first that an empty home measures with."""
    if home_has == "nothing":
        settings.warehouse.unlink()
    set_alias(settings, "challenger", {"keypoints": 2})
    release = release_to_measure(settings, "challenger", method="keypoint_fit")
    assert [model.version for model in release.models] == [1, 2, 1]
    assert not release.is_promoted
    assert "its numbers are stored beside the current ones" in release.notes[0]
    with opened_for_writing(settings.warehouse) as connection:
        promoted = promoted_release(connection)
    assert promoted is not None
    assert set(promoted.versions.values()) == {1}


@pytest.mark.usefixtures("registered")
def test_a_first_ingest_that_was_killed_before_it_loaded_anything_may_name_its_method_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.releases.DEFAULT_METHOD", "mqhmr")
    settings.warehouse.unlink()
    with opened_for_writing(settings.warehouse):
        pass  # the tables are there
    release = release_to_measure(settings, method="keypoint_fit")
    assert (release.method, release.is_promoted) == ("keypoint_fit", True)


@pytest.mark.usefixtures("registered")
def test_an_earlier_promoted_release_is_refused_before_anything_is_measured_with_it(settings: Settings) -> None:
    promote(settings)
    set_alias(settings, "old", dict.fromkeys(STAGES, 1))
    with pytest.raises(ReleaseError, match=r"was promoted before .*; nothing is measured with it any more"):
        release_to_measure(settings, "old", method="keypoint_fit")
