"""A canary over warehouse and registry: shown to a share, promoted to all, or taken back exactly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from biopose.errors import BioposeError, ModelError
from biopose.io.manifest import read_session
from tasks.model_aliases import aliased_versions
from tasks.models import registry
from tasks.promotion import abort, complete_interrupted, promote, roll_back, show_canary
from tasks.releases import PinnedRelease, shares_of
from tasks.rollout_status import rollout_status
from tasks.settings import Settings
from tests.tasks.registry import STAGES, make_home, run_of
from tests.warehouse.trials import load_trials
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.content import content_hash
from warehouse.errors import DoneAlreadyError, ReleaseError
from warehouse.query import run_query
from warehouse.releases import release_of
from warehouse.rollouts import latest

pytestmark = pytest.mark.slow

MANIFEST = """
team = "{team}"
session = "s"
date = 2026-11-25

[[athlete]]
id = "ann"
height_m = 1.7
consent = true

[[trial]]
id = "t"
file = "t.mp4"
athlete = "ann"
activity = "other"
"""


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose rollout passed the gate, and whose candidate measured one of two trials; to be copied."""
    return make_home(tmp_path_factory.mktemp("pristine") / "home")


@pytest.fixture
def settings(pristine: Settings, tmp_path: Path) -> Settings:
    return Settings.load(shutil.copytree(pristine.home, tmp_path / "home"))


def releases(settings: Settings) -> list[str]:
    """Of each trial, as readers have it."""
    with opened_for_reading(settings.snapshot) as connection:
        return [name for (name,) in connection.execute("SELECT release FROM trial ORDER BY trial_id").fetchall()]


def shown_as_canary(settings: Settings) -> list[str]:
    """Releases that `biopose query releases` has as a canary."""
    found = run_query(settings.snapshot, "releases", {})
    return found.filter("is_canary")["release"].to_list()


def state(settings: Settings) -> str:
    with opened_for_writing(settings.warehouse) as connection:
        found = latest(connection)
    assert found is not None
    return found.state


@pytest.mark.parametrize("end", [roll_back, abort])
def test_a_canary_shows_the_candidate_to_its_share_and_its_end_exactly_what_was_before(
    settings: Settings, end: object
) -> None:
    before, content = releases(settings), content_hash(settings.snapshot)
    show_canary(settings, teams=["blue"])
    status = rollout_status(settings)
    candidate = status["rollout"]["candidate"]
    assert releases(settings) == [candidate, before[1]]
    with pytest.raises(DoneAlreadyError, match="the canary is in force: team blue"):
        show_canary(settings, teams=["blue"])
    assert status["promoted"] == before[0]
    assert shown_as_canary(settings) == [candidate]
    assert (status["canary"]["who"], status["canary"]["trials"], status["canary"]["measured"]) == ("team blue", 2, 1)
    assert status["acts"][-1]["release"] == candidate
    assert aliased_versions(settings, "champion") == dict.fromkeys(STAGES, 1)
    end(settings, reason="knees jump")  # type: ignore[operator]
    assert releases(settings) == before
    assert content_hash(settings.snapshot) == content
    with pytest.raises(DoneAlreadyError):  # nor does it go back one release further
        end(settings, reason="knees jump")  # type: ignore[operator]
    assert state(settings) == "stopped"
    assert rollout_status(settings)["canary"] is None
    assert shown_as_canary(settings) == []


def test_a_canary_is_widened_and_promoted_to_all(settings: Settings) -> None:
    show_canary(settings, share=1.0, unit="trial")
    show_canary(settings, teams=["blue"])
    load_trials(settings.warehouse, [run_of(settings, "jump2", 2)])
    candidate = promote(settings)
    assert releases(settings) == [candidate.name] * 2
    assert aliased_versions(settings, "champion") == dict.fromkeys(STAGES, 2)
    assert state(settings) == "watch"
    roll_back(settings, reason="knees jump")
    assert candidate.name not in releases(settings)
    assert state(settings) == "stopped"


def test_what_cannot_be_a_canary_is_named_and_changes_nothing(settings: Settings) -> None:
    content = content_hash(settings.warehouse)
    with pytest.raises(ReleaseError, match="a share of 1e-06 chooses none of the 1 athletes here; give a larger"):
        show_canary(settings, share=1e-6)
    away = Settings.load(settings.home, mlflow_tracking_uri="http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(BioposeError, match="no server responds there"):
        show_canary(away, teams=["blue"])
    with registry(settings) as client:
        client.delete_model_version("keypoints", "2")
    with pytest.raises(ModelError, match="keypoints version 2 is not in the registry"):
        show_canary(settings, teams=["blue"])
    with opened_for_writing(settings.warehouse) as connection:
        connection.execute("UPDATE rollout SET verdict = 'fail', state = 'stopped'")
    with pytest.raises(ReleaseError, match=r"the gate's verdict is: fail\. Promoting against that needs --reason"):
        show_canary(settings, teams=["blue"])
    assert content_hash(settings.warehouse) == content


def test_a_canary_ends_although_its_model_is_gone_and_the_registry_is_down(settings: Settings) -> None:
    before = releases(settings)
    show_canary(settings, teams=["blue"])
    with registry(settings) as client:
        client.delete_model_version("keypoints", "2")
    away = Settings.load(settings.home, mlflow_tracking_uri="http://127.0.0.1:9")
    roll_back(away, reason="the model is gone")
    assert releases(settings) == before


def test_a_canary_that_was_not_published_is_by_the_next_command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("tasks.promotion.publish_snapshot", lambda *_: None)
        show_canary(settings, teams=["blue"])
    before = releases(settings)
    assert complete_interrupted(settings) == [
        "the last promotion or rollback is published to readers, which was interrupted"
    ]
    assert releases(settings) != before


def test_a_night_measures_each_trial_with_its_own_release_and_waits_where_the_candidates_model_is_gone(
    settings: Settings, tmp_path: Path
) -> None:
    entries = []
    for team in ("blue", "red"):
        (tmp_path / team).mkdir()
        manifest = tmp_path / team / "session.toml"
        manifest.write_text(MANIFEST.format(team=team))
        (tmp_path / team / "t.mp4").write_bytes(b"film")
        entries += read_session(manifest).trials
    promoted = PinnedRelease("keypoint_fit", ())
    assert [len(share.entries) for share in shares_of(entries, settings, promoted)] == [2]
    show_canary(settings, teams=["blue"])
    of_red, of_blue = shares_of(entries, settings, promoted)
    assert of_red.release is promoted
    assert [entry.team_id for entry in of_red.entries] == ["red"]
    assert [entry.team_id for entry in of_blue.entries] == ["blue"]
    assert of_blue.release is not None
    assert of_blue.release.is_promoted
    assert {model.version for model in of_blue.release.models} == {2}
    assert "a canary, team blue: 1 trials here are of it" in of_blue.release.notes[0]
    with registry(settings) as client:
        client.delete_model_version("keypoints", "2")
    assert "keypoints version 2 is not in the registry" in str(shares_of(entries, settings, promoted)[1].fault)
    other = PinnedRelease("mqhmr", (), is_promoted=False)
    assert [share.release for share in shares_of(entries, settings, other)] == [other]
    with opened_for_writing(settings.warehouse) as connection:
        assert release_of(connection, "keypoint_fit-" + of_blue.release.release_id[:8])
