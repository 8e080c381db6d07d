"""What is measured again when a model changes: what hangs on it, and no more."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from biopose.io.manifest import TrialEntry, read_session
from biopose.perception.backends import Backend, Device
from biopose.pipeline import METHODS, PERCEIVE
from biopose.reconstruction.method_names import METHODS as MEASURING_METHODS
from biopose.reconstruction.method_names import MethodName
from tasks.models import PinnedModel
from tasks.plan import IngestOptions, PlannedTrial, has_new_video, plan_trial
from tasks.settings import Settings
from tasks.video_hash import VideoHashes
from tasks.video_keys import shared_stages
from tests.flows.ingest_runs import CLIPS, Session, needs_clips

pytestmark = needs_clips

PLAN = """
import sys
from pathlib import Path
import flows.ingest
from biopose.io.manifest import read_session
from tasks.plan import IngestOptions, plan_trial
from tasks.settings import Settings
from tasks.shipped_models import shipped_models
from tasks.video_hash import VideoHashes

shipped_models()
(entry,) = read_session(Path(sys.argv[1])).trials
hashes = VideoHashes(Path(sys.argv[2]) / "hashes.json")
plan_trial(entry, models=[], options=IngestOptions(), settings=Settings.load(sys.argv[2]), hashes=hashes)
print(sorted({"torch", "pandas", "distributed", "mlflow"} & set(sys.modules)))
"""


def planned(
    home: Path,
    models: list[PinnedModel],
    method: MethodName,
    *,
    device: Device = "cpu",
    cpu_backend: Backend | None = None,
) -> PlannedTrial:
    session = Session("beam")
    session.add("trial", CLIPS[0].name, start_s=0.0, frames=10)
    (entry,) = read_session(session.write(home / "inbox", CLIPS[0])).trials
    options, hashes = IngestOptions(method=method), VideoHashes(home / "hashes.json")
    settings = Settings.load(home, device=device, cpu_backend=cpu_backend)
    return plan_trial(entry, models=models, options=options, settings=settings, hashes=hashes)


def test_a_video_is_new_until_a_run_has_looked_at_it(tmp_path: Path) -> None:
    session, hashes = Session("beam"), VideoHashes(tmp_path / "hashes.json")
    session.add("trial", CLIPS[0].name, start_s=0.0, frames=10)
    manifest = session.write(tmp_path / "inbox", CLIPS[0])
    assert has_new_video(tmp_path / "inbox", hashes)
    hashes.state(manifest.parent / CLIPS[0].name)
    assert not has_new_video(tmp_path / "inbox", hashes)


def test_a_video_that_cannot_be_read_is_not_new_once_it_is_in_quarantine(tmp_path: Path) -> None:
    session, hashes = Session("beam"), VideoHashes(tmp_path / "hashes.json")
    session.add("broken", "broken.mp4", start_s=0.0, frames=10)
    (session.write(tmp_path / "inbox").parent / "broken.mp4").write_bytes(b"no video")
    assert has_new_video(tmp_path / "inbox", hashes)
    assert not has_new_video(tmp_path / "inbox", hashes, quarantined={"blue/beam/broken"})


@pytest.mark.parametrize("method", MEASURING_METHODS)
def test_another_model_measures_anew_what_depends_on_it_and_no_more(method: MethodName, tmp_path: Path) -> None:
    pins = {stage: PinnedModel(stage, stage, 1, "a" * 64, "{}") for stage in METHODS[method].networks}
    first = planned(tmp_path, list(pins.values()), method)
    assert planned(tmp_path, list(pins.values()), method) == first
    for stage, pin in pins.items():
        for other in (replace(pin, sha256="b" * 64), replace(pin, configuration_json='{"budget": 2}')):
            again = planned(tmp_path, [*(pins | {stage: other}).values()], method)
            is_refined = stage == "mqhmr" and other.sha256 == pin.sha256  # which needs no video
            assert (again.perceived != first.perceived) == (stage in PERCEIVE.networks and not is_refined), stage
            if stage in PERCEIVE.heads:  # nobody is located again
                assert [files.located for files in again.perceived] == [files.located for files in first.perceived]
            assert (again.motion != first.motion) == (stage != "neurik")
            assert again.run_id != first.run_id


def test_stages_are_shared_up_to_the_first_that_depends_on_what_is_changed() -> None:
    pins = {stage: PinnedModel(stage, stage, 1, "a" * 64, "{}") for stage in METHODS["mqhmr"].networks}
    mqhmr, neurik = (replace(pins[stage], sha256="b" * 64) for stage in ("mqhmr", "neurik"))
    refined = replace(pins["mqhmr"], configuration_json='{"budget": 2}')
    champion = "mqhmr", list(pins.values())
    of = {stage: [*(pins | {stage: pin}).values()] for stage, pin in (("mqhmr", mqhmr), ("neurik", neurik))}
    assert shared_stages(champion, ("mqhmr", of["neurik"])) == {"locate", "decode", "reconstruct"}
    assert shared_stages(champion, ("mqhmr", of["mqhmr"])) == {"locate"}
    assert shared_stages(champion, ("mqhmr", [*(pins | {"mqhmr": refined}).values()])) == {"locate", "decode"}
    fit = "keypoint_fit", [pins[stage] for stage in METHODS["keypoint_fit"].networks]
    assert shared_stages(champion, fit) == {"locate", "decode"}  # nothing is to be decoded
    assert shared_stages(fit, champion) == {"locate"}
    other = [*(pins | {"detector": replace(pins["detector"], sha256="b" * 64)}).values()]
    assert shared_stages(champion, ("mqhmr", other)) == set()


def test_what_one_backend_perceived_is_not_taken_for_what_another_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = [PinnedModel(stage, stage, 1, "a" * 64, "{}") for stage in METHODS["keypoint_fit"].networks]
    single, half = (planned(tmp_path, pins, "keypoint_fit", cpu_backend=name) for name in ("onnxruntime", "bfloat16"))
    assert not set(single.perceived) & set(half.perceived)
    assert single.motion != half.motion
    assert single.run_id != half.run_id
    monkeypatch.setenv("BIOPOSE_CPU_BACKEND", "bfloat16")
    assert planned(tmp_path, pins, "keypoint_fit") == half
    gpu = planned(tmp_path, pins, "keypoint_fit", device="cuda")
    assert not set(gpu.perceived) & set(half.perceived)
    assert gpu.run_id not in (single.run_id, half.run_id)
    monkeypatch.setenv("BIOPOSE_CPU_BACKEND", "onnxruntime")  # which no GPU runs
    assert planned(tmp_path, pins, "keypoint_fit", device="cuda") == gpu


def test_what_the_manifest_states_of_camera_and_age_is_recorded_and_nothing_else_is_added(tmp_path: Path) -> None:
    session = Session("beam")
    session.add("trial", CLIPS[0].name, start_s=0.0, frames=10)
    (bare,) = read_session(session.write(tmp_path / "inbox", CLIPS[0])).trials
    born = replace(bare, athlete=bare.athlete.model_copy(update={"birth_year": 2004}))
    pins = [PinnedModel(stage, stage, 1, "a" * 64, "{}") for stage in METHODS["keypoint_fit"].networks]
    settings, hashes = Settings.load(tmp_path), VideoHashes(tmp_path / "hashes.json")

    def plan(entry: TrialEntry) -> PlannedTrial:
        options = IngestOptions(method="keypoint_fit")
        return plan_trial(entry, models=pins, options=options, settings=settings, hashes=hashes)

    without = plan(replace(bare, focal_px=None, horizontal_fov_deg=None))
    assert "birth_year" not in without.record["athlete"]
    assert "camera" not in without.record["trial"]
    assert plan(born).record["athlete"]["birth_year"] == 2004
    assert plan(born).run_id == plan(bare).run_id  # nobody is measured again for it
    assert plan(replace(bare, focal_px=1400.0)).record["trial"]["camera"] == "focal length 1400 px"
    wide = plan(replace(bare, focal_px=None, horizontal_fov_deg=70.0))
    assert wide.record["trial"]["camera"] == "field of view 70 deg"


def test_the_hash_of_the_input_is_that_of_what_is_measured_whatever_measures_it(tmp_path: Path) -> None:
    session = Session("beam")
    session.add("trial", CLIPS[0].name, start_s=0.0, frames=10)
    (entry,) = read_session(session.write(tmp_path / "inbox", CLIPS[0])).trials
    settings, hashes = Settings.load(tmp_path, device="cpu"), VideoHashes(tmp_path / "hashes.json")

    def input_of(entry: TrialEntry, sha256: str = "a" * 64, method: MethodName = "keypoint_fit") -> str:
        models = [PinnedModel(stage, stage, 1, sha256, "{}") for stage in METHODS[method].networks]
        options = IngestOptions(method=method)
        trial = plan_trial(entry, models=models, options=options, settings=settings, hashes=hashes)
        return str(trial.record["input_sha256"])

    same = input_of(entry)
    born = replace(entry, athlete=entry.athlete.model_copy(update={"birth_year": 2004}))
    assert {input_of(entry, "b" * 64), input_of(entry, method="mqhmr"), input_of(born)} == {same}
    changed: list[dict[str, Any]] = [{"start_s": 0.1}, {"end_s": 0.2}, {"activity": "squat"}, {"person": "left"}]
    lens = {"distortion": (0.1, 0.0, 0.0, 0.0)}
    changed += [
        {"focal_px": 1400.0, "horizontal_fov_deg": None},
        {"focal_px": 1400.0, **lens, "horizontal_fov_deg": None},
    ]
    others = [input_of(replace(entry, **change)) for change in changed]
    assert len({same, *others}) == len(changed) + 1


def test_a_night_is_planned_without_the_libraries_that_measure(tmp_path: Path) -> None:
    session = Session("beam")
    session.add("trial", CLIPS[0].name, start_s=0.0, frames=10)
    manifest = session.write(tmp_path / "inbox", CLIPS[0])
    command = [sys.executable, "-c", PLAN, str(manifest), str(tmp_path / "home")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
