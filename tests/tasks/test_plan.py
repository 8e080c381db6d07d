"""What is measured again when a model changes: what hangs on it, and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from biopose.io.manifest import read_session
from biopose.reconstruction.method_names import METHODS, MethodName
from tasks.models import PinnedModel
from tasks.plan import IngestOptions, PlannedTrial, plan_trial
from tasks.settings import Settings
from tasks.shipped_models import STAGES_OF_METHOD
from tasks.video_hash import VideoHashes
from tests.flows.ingest_runs import CLIPS, Session, needs_clips

pytestmark = needs_clips
SEEING = {"detector", "keypoints", "mqhmr"}


def planned(home: Path, models: list[PinnedModel], method: MethodName) -> PlannedTrial:
    session = Session("beam")
    session.add("trial", CLIPS[0].name, start_s=0.0, frames=10)
    (entry,) = read_session(session.write(home / "inbox", CLIPS[0])).trials
    options, hashes = IngestOptions(method=method), VideoHashes(home / "hashes.json")
    return plan_trial(entry, models=models, options=options, settings=Settings.load(home), hashes=hashes)


@pytest.mark.parametrize("method", METHODS)
def test_another_model_fits_again_and_sees_again_only_where_it_sees(method: MethodName, tmp_path: Path) -> None:
    pins = {stage: PinnedModel(stage, stage, 1, "a" * 64, "{}") for stage in STAGES_OF_METHOD[method]}
    first = planned(tmp_path, list(pins.values()), method)
    assert planned(tmp_path, list(pins.values()), method) == first
    for stage, pin in pins.items():
        for other in (replace(pin, sha256="b" * 64), replace(pin, configuration_json='{"budget": 2}')):
            again = planned(tmp_path, [*(pins | {stage: other}).values()], method)
            assert (again.seen != first.seen) == (stage in SEEING), stage
            assert again.fitted != first.fitted
            assert again.run_id != first.run_id
