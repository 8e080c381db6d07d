"""`biopose train` as a user starts it, stops it and starts it again: real Prefect, real MLflow, tiny networks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from biopose.body.segment_body import SEGMENT_BODY
from biopose.hmr.mqhmr import load_mqhmr
from biopose.neurik.network import load_neurik
from biopose.training.data.marker_trajectories import MarkerSource
from biopose.training.synthetic.clip_shards import KIND, ClipFolder, RecordedClips
from biopose.training.synthetic.shards import ShardFolder
from tasks.models import registry
from tasks.settings import Settings
from tasks.shipped_models import hash_of_files
from tests.swinging_person import synthetic_motion
from tests.training.synthetic_markers import synthetic_people
from tests.training.tiny_images import TINY_SHAPE, make_tiny_pictures, needs_pictures

pytestmark = [pytest.mark.slow, needs_pictures]

STEPS = 60  # long enough to be stopped in the middle
COMMAND = f"""
from dataclasses import replace
from biopose.neurik.network import NeurikShape
from biopose.training import lifter, loop, mqhmr, neurik
from tests.training.tiny_images import TINY, small
import pytest
small(pytest.MonkeyPatch())
schedule = replace(TINY.schedule, steps={STEPS})
mqhmr.PRESETS["cpu"] = replace(TINY, schedule=schedule)
lifter.PRESETS["cpu"] = lifter.LifterPreset(schedule, windows=2, frames=4)
neurik.EVALUATION_WINDOWS = neurik.EVALUATION_BATCHES = neurik.CALIBRATION_BATCHES = 2
neurik.PRESETS["cpu"] = neurik.NeurikPreset(
    TINY.schedule,
    windows=4,
    clip_shards={{"train": 1, "validation": 1}},
    shape=NeurikShape(segment_width=6, width=20, layers=1, heads=2, hidden=24, waves=4),
)
from flows.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    return make_tiny_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def clips(pictures: ShardFolder, tmp_path: Path) -> ClipFolder:
    """As if they had been recorded of people who move as the swinging person does."""
    where = ClipFolder(tmp_path / "clips", pictures.motion)
    where.folder.mkdir()
    source = MarkerSource([synthetic_motion()], synthetic_people(), seed=0)
    for split in ("train", "validation"):
        batch = source.draw(3, frames=32)
        clips = RecordedClips(
            markers_m=batch.windows.markers_m,
            weight=batch.windows.weight,
            interval_s=batch.windows.interval_s,
            q=batch.q,
            solved_q=batch.q.clone(),
            body_scales=batch.body_scales,
            solved_scales=batch.body_scales.clone(),
            solved_places_m=batch.locations_m.clone(),
            marker_locations_m=batch.locations_m,
            person=torch.zeros(3, dtype=torch.long),
        )
        made = json.dumps({"kind": KIND, "mqhmr_sha256": where.mqhmr})
        tensors = {name: value.contiguous() for name, value in vars(clips).items()}
        save_file(tensors, where.path(split, 0), {"made": made})
    return where


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "train", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def end(process: subprocess.Popen[str], *, expect: int = 0) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == expect, f"exit code {process.returncode}\n{out[-2000:]}\n{err[-4000:]}"
    return out


def test_a_training_that_was_stopped_goes_on_in_its_run_and_is_registered_once(
    pictures: ShardFolder, tmp_path: Path
) -> None:
    home, out = tmp_path / "home", tmp_path / "run"
    given = ("mqhmr", "--motion", pictures.motion, "--pictures", pictures.folder, "--out", out, "--home", home)
    process = start(*given)
    assert process.stdout is not None
    while "step 2" not in process.stdout.readline():  # it says so before it writes the checkpoint
        assert process.poll() is None, process.communicate()
    while "step 4" not in process.stdout.readline():
        assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGINT)
    end(process, expect=1)
    settings = Settings.load(home)
    with registry(settings) as client:
        experiment = client.get_experiment_by_name("training")
        (stopped,) = client.search_runs([experiment.experiment_id])
        assert stopped.info.status == "KILLED"
    result: dict[str, Any] = json.loads(end(start(*given, "--json")).splitlines()[-1])
    again: dict[str, Any] = json.loads(end(start(*given, "--json")).splitlines()[-1])
    assert again == result
    assert (result["model"], result["version"]) == ("mqhmr", 1)
    assert load_mqhmr(Path(result["weights"])).shape == TINY_SHAPE
    with registry(settings) as client:
        (run,) = client.search_runs([experiment.experiment_id])
        version = client.get_model_version("mqhmr", "1")
        steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "pve_mm")]
    assert run.info.run_id == result["mlflow_run_id"] == version.tags["training_run"]
    assert run.info.status == "FINISHED"
    assert set(steps) == set(range(2, STEPS + 1, 2))
    files = {path.name: path for path in (Path(result["weights"]), SEGMENT_BODY)}
    assert version.tags["sha256"] == hash_of_files(files)
    assert run.data.metrics["mpjpe_mm"] == result["mpjpe_mm"]


def test_the_lifter_goes_the_same_way(pictures: ShardFolder, tmp_path: Path) -> None:
    given = ("lifter", "--motion", pictures.motion, "--out", tmp_path / "run", "--home", tmp_path / "home")
    text = end(start(*given))
    assert "step 2: loss" in text
    assert "registered: keypoint_fit version 1" in text


def test_neurik_goes_the_same_way_and_records_no_clip_again(clips: ClipFolder, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "run"
    given = ("neurik", "--motion", clips.motion, "--clips", clips.folder, "--out", out, "--home", home)
    text = end(start(*given))
    assert "step 2: loss" in text
    assert "clips: " not in text
    assert "registered: neurik version 1" in text
    assert load_neurik(out / "neurik.safetensors").shape.width == 20
    with registry(Settings.load(home)) as client:
        version = client.get_model_version("neurik", "1")
        run = client.get_run(version.tags["training_run"])
    assert run.data.params["clip_shards.validation"] == "1"
    assert {"mae_deg", "clean_mae_deg", "recorded_mae_deg"} <= set(run.data.metrics)


def test_a_folder_without_motions_is_refused_in_one_line(tmp_path: Path) -> None:
    process = start("mqhmr", "--motion", tmp_path, "--out", tmp_path / "run", "--home", tmp_path / "home")
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("Error: ")
