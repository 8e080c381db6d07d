"""What a candidate measures in the shadow: videos and recordings of markers, with the options of the stored runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from biopose.io.manifest import TrialEntry, read_session
from biopose.reconstruction.method_names import MethodName, networks_of
from flows.rollout import _shadow
from tasks.costs import shard_cost, trial_cost
from tasks.dask_pool import DONE
from tasks.errors import GivesWayError
from tasks.ingest_run import IngestRun
from tasks.marker_plan import PlannedMarkers
from tasks.models import PinnedModel
from tasks.plan import IngestOptions, Planned, PlannedTrial, plan_trial
from tasks.priority import Background
from tasks.releases import PinnedRelease
from tasks.session_owners import SessionOwners
from tasks.settings import Settings
from tasks.shadow import ShadowPlan, kept_stages, plan_shadow
from tasks.shadow_sample import StoredTrial, stored_trials
from tasks.stored_plan import by_options
from tasks.video_hash import VideoHashes
from tests.marker_recordings import laboratory
from tests.video.filming import film
from tests.warehouse.trials import SyntheticTrial
from warehouse.connection import opened_for_writing
from warehouse.load import load_trial, loaded_runs
from warehouse.releases import record_release
from warehouse.rollouts import latest, register, sample
from warehouse.run_costs import run_options

VIDEO = """
[[trial]]
file = "walk2.mp4"
athlete = "ann"
activity = "walk"
"""
OPTIONS = IngestOptions(shard_s=0.5, cross_check_frames=2)


def release(method: MethodName, neurik: int = 1) -> PinnedRelease:
    models = (PinnedModel(stage, stage, 1, "a" * 64, "{}") for stage in networks_of(method))
    return PinnedRelease(
        method,
        tuple(replace(m, version=neurik, sha256=f"{neurik}" * 64) if m.stage == "neurik" else m for m in models),
    )


CHAMPION, CANDIDATE = release("mqhmr"), release("mqhmr", neurik=2)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with a video and a recording of markers, as a night of the champion leaves it."""
    settings = Settings(home=tmp_path / "home")
    manifest = laboratory(settings.inbox, "walk1.trc")
    film(manifest.parent / "walk2.mp4", frames=10)
    manifest.write_text(manifest.read_text() + VIDEO)
    owners = SessionOwners(settings.home)
    owners.claim("lab/day", manifest.parent)
    owners.save()
    for entry in read_session(manifest).trials:
        trial = planned(entry, settings)
        load_trial(settings.warehouse, trial.record, SyntheticTrial().write(tmp_path / entry.trial_id))
    return settings


def planned(entry: TrialEntry, settings: Settings) -> Planned:
    hashes = VideoHashes(settings.home / "video_hashes.json")
    models = CHAMPION.models
    one = plan_trial(entry, models=models, options=OPTIONS, settings=settings, hashes=hashes)
    hashes.save()
    return one


def shadow(settings: Settings, *, forget_options: bool = False) -> ShadowPlan:
    with opened_for_writing(settings.warehouse) as connection:
        options = {} if forget_options else run_options(connection, CHAMPION.release_id)
        drawn = stored_trials(connection, CHAMPION.release_id, neurik=True)
    return plan_shadow(
        [one.trial_id for one in drawn],
        settings,
        champion=CHAMPION,
        candidate=CANDIDATE,
        loaded=loaded_runs(settings.warehouse, CHAMPION.release_id),
        options=options,
    )


def test_recordings_of_markers_are_sampled_where_a_candidate_changes_neurik(settings: Settings) -> None:
    with opened_for_writing(settings.warehouse) as connection:
        changed, same = (
            [(one.trial_id, one.camera) for one in stored_trials(connection, CHAMPION.release_id, neurik=changes)]
            for changes in (True, False)
        )
    assert changed == [("lab/day/walk1", "markers"), ("lab/day/walk2", "not stated")]
    assert same == changed[1:]


def test_a_candidate_measures_videos_and_markers_with_the_options_of_the_stored_runs(settings: Settings) -> None:
    found = shadow(settings)
    assert found.left_out == {}
    by_id = {trial.trial_id: trial for trial in found.trials}
    markers = by_id["lab/day/walk1"]
    assert isinstance(markers, PlannedMarkers)
    assert [model["version"] for model in markers.record["models"]] == [2]
    assert by_id["lab/day/walk2"].record["options"] == {"shard_s": 0.5, "cross_check_frames": 2}
    assert found.shared == {
        "locate": (0, 1),
        "decode": (0, 1),
        "reconstruct": (0, 1),
        "solve and analyse": (0, 1),
        "measure markers": (0, 1),
    }
    together = by_options(found.trials, "mqhmr")
    assert together[replace(OPTIONS, method="mqhmr")] == [by_id["lab/day/walk2"]]
    assert together[IngestOptions(method="mqhmr")] == [markers]


def test_a_run_whose_options_are_not_known_is_compared_only_if_the_default_ones_give_the_same(
    settings: Settings,
) -> None:
    found = shadow(settings, forget_options=True)
    assert list(found.left_out) == ["lab/day/walk2"]
    assert "changed since the champion measured it" in found.left_out["lab/day/walk2"]


def test_what_was_pruned_is_not_shared(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    trial = StoredTrial("blue/s/1", "blue", "blue/ann", "walk", "not stated", 100, 0.5, artifacts="artifacts/trials/1")
    perceived, motion = (settings.artifacts / name for name in ("perceived/a", "motions/b.safetensors"))
    done = settings.artifacts / "trials/1" / DONE
    for file in (perceived / "0000.parquet", motion, done):
        file.parent.mkdir(parents=True)
        file.write_text('["motions/b.safetensors", "perceived/a"]')

    def kept(*shared: str) -> Set[str]:
        return kept_stages(trial, set(shared), settings)

    of_neurik, of_mqhmr = ("locate", "decode", "reconstruct"), ("locate",)
    assert (kept(*of_neurik), kept(*of_mqhmr)) == ({*of_neurik}, {*of_mqhmr})
    motion.unlink()
    assert kept(*of_neurik) == {"locate", "decode"}
    shutil.rmtree(perceived)
    assert (kept(*of_neurik), kept(*of_mqhmr)) == (set(), set())
    motion.touch()
    assert (kept(*of_neurik), kept(*of_mqhmr)) == ({*of_neurik}, set())  # the people are not needed where it is
    done.write_text("")  # as by an earlier version
    assert kept(*of_neurik) == set()


def cost(file: Path, seconds: float) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"processor_s": seconds, "wall_s": seconds, "peak_mb": 500.0}))


def test_what_both_share_is_not_spent_and_a_spent_budget_ends_the_shadow(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each trial takes 70 seconds of a minute; the people of the video are located for both, whatever that took."""
    found = shadow(settings)
    video = next(trial for trial in found.trials if isinstance(trial, PlannedTrial))
    located = shard_cost(video.perceived[0].located)  # the champion's, too: NeurIK alone is another
    cost(located, 100.0)
    assert found.spent_s == 100.0  # the champion's was pruned, and is made again
    found = shadow(settings)
    assert found.spent_s == 0.0
    with opened_for_writing(settings.warehouse) as connection:
        register(
            connection,
            champion_id=CHAMPION.release_id,
            candidate_id=record_release(connection, "mqhmr", [model.identity for model in CANDIDATE.models]),
            policy="",
            trials=[trial.trial_id for trial in found.trials],
            who="ann",
            why="test",
            most_minutes=1.0,
        )
        current = latest(connection)
    assert current is not None

    def measured(new: Sequence[Planned], run: IngestRun, *_: Any, gives_way: Callable[[], bool], **__: Any) -> None:
        for trial in new:
            if gives_way():
                run.waiting[trial.trial_id] = str(GivesWayError())
            else:
                cost(trial_cost(trial.folder), 70.0)
                run.known.append(trial.trial_id)

    monkeypatch.setattr("flows.rollout.measure", measured)
    monkeypatch.setattr(
        "flows.rollout._pinned", lambda _, release: CHAMPION if release == CHAMPION.release_id else CANDIDATE
    )
    with disable_run_logger():
        _shadow(settings, current, Background(settings.home, print))
    with opened_for_writing(settings.warehouse) as connection:
        outcomes = {one.outcome: one.message for one in sample(connection, current.number)}
        after = latest(connection)
    assert outcomes == {"measured": None, "left out": "the budget, 1 min, was spent before it was measured"}
    assert after is not None
    assert after.state == "compare"
