"""`biopose train` as a user starts it, stops it and starts it again: real Prefect, real MLflow, tiny networks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from biopose.body.segment_body import SEGMENT_BODY
from biopose.hmr.mqhmr import load_mqhmr
from biopose.neurik.network import load_neurik
from biopose.training.synthetic.clip_shards import KIND, ClipFolder, RecordedClips
from biopose.training.synthetic.marker_trajectories import MarkerSource
from biopose.training.synthetic.shards import ShardFolder
from tasks.models import registry
from tasks.settings import Settings
from tasks.shipped_models import hash_of_files
from tests.swinging_person import synthetic_motion
from tests.training.synthetic_markers import synthetic_people
from tests.training.tiny_images import TINY_SHAPE, needs_images

pytestmark = [pytest.mark.slow, needs_images]

STEPS = 12
WAIT_AT_STEP = "6"  # until the interrupt
END = "-- end of the command --"
# Runs `biopose train` with each list of arguments, in one process, until one fails.
COMMAND = f"""
import json, os, sys, time
from dataclasses import replace
import pytest
from biopose.neurik.network import NeurikShape
from biopose.training import lifter, loop, mqhmr, neurik
from tests.training.tiny_images import TINY, small
small(pytest.MonkeyPatch())
report_line = loop.report_line
def waiting(step, metrics):
    if str(step) == os.environ.get("WAIT_AT_STEP"):
        time.sleep(600)
    return report_line(step, metrics)
loop.report_line = waiting
mqhmr.PRESETS["cpu"] = replace(TINY, schedule=replace(TINY.schedule, steps={STEPS}))
lifter.PEOPLE, lifter.HELD_OUT_PEOPLE, lifter.HELD_OUT_WINDOWS = 2, 1, 4
lifter.PRESETS["cpu"] = lifter.LifterPreset(TINY.schedule, windows=2, frames=4)
neurik.EVALUATION_WINDOWS = neurik.EVALUATION_BATCHES = neurik.CALIBRATION_BATCHES = 2
neurik.PRESETS["cpu"] = neurik.NeurikPreset(
    TINY.schedule,
    windows=4,
    clip_shards={{"train": 1, "validation": 1}},
    shape=NeurikShape(segment_width=6, width=20, layers=1, heads=2, hidden=24, waves=4),
)
from flows.cli.main import cli
for arguments in json.loads(sys.argv[1]):
    try:
        cli(["train", *arguments])
    except SystemExit as end:
        if end.code:
            raise
    print("{END}", flush=True)
"""


@pytest.fixture(scope="module")
def clips(tiny_images: ShardFolder, tmp_path_factory: pytest.TempPathFactory) -> ClipFolder:
    """Shards as of clips of people who move as the swinging person does."""
    where = ClipFolder(tmp_path_factory.mktemp("run") / "clips", tiny_images.motion)
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


def start(home: Path, *commands: tuple[object, ...], **variables: str) -> subprocess.Popen[str]:
    """Without variables of a Prefect API each command starts a server of its own, as a user's does."""
    arguments = [[*map(str, command), "--home", str(home)] for command in commands]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, json.dumps(arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_interruptible,
        env=dict(os.environ) | {"OMP_NUM_THREADS": "1"} | variables,
    )


def _interruptible() -> None:
    """A shell that runs the tests in the background has their processes ignore ^C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Trained:
    """What the commands left: the home, what each printed, and the last one's error.

    Attributes:
        home: of all of them.
        out: folders of the runs, by network.
        stopped: status of the run of mqhmr after the interrupt.
        outputs: of mqhmr resumed, of mqhmr again, of lifter, of neurik.
        error: of a training without motions, which failed.
    """

    home: Path
    out: Path
    stopped: str
    outputs: list[str]
    error: str


@pytest.fixture(scope="module")
def trained(
    tiny_images: ShardFolder, clips: ClipFolder, server: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """MQ-HMR's training is interrupted, resumed and run again; then the other networks' and one that is refused."""
    folder = tmp_path_factory.mktemp("trained")
    home, out, motion = folder / "home", folder / "runs", ("--motion", tiny_images.motion)
    mqhmr = ("mqhmr", *motion, "--pictures", tiny_images.folder, "--out", out / "mqhmr")
    first = start(home, mqhmr, WAIT_AT_STEP=WAIT_AT_STEP)
    assert first.stdout is not None
    while "step 4" not in first.stdout.readline():  # the checkpoint of step 2 is written
        assert first.poll() is None, first.communicate()
    os.killpg(first.pid, signal.SIGINT)
    first.communicate(timeout=300)
    assert first.returncode == 1
    with registry(Settings.load(home)) as client:
        experiment = client.get_experiment_by_name("training")
        (stopped,) = client.search_runs([experiment.experiment_id])
    others = start(
        home,
        (*mqhmr, "--json"),
        (*mqhmr, "--json"),
        ("lifter", *motion, "--out", out / "lifter"),
        ("neurik", *motion, "--clips", clips.folder, "--out", out / "neurik"),
        ("mqhmr", "--motion", folder, "--out", out / "none"),
        **server,
    )
    printed, error = others.communicate(timeout=500)
    assert others.returncode == 1, f"{printed[-2000:]}\n{error[-4000:]}"
    *outputs, _ = printed.split(END)
    assert len(outputs) == 4, f"{printed[-2000:]}\n{error[-4000:]}"
    return Trained(home, out, stopped.info.status, outputs, error)


def test_a_stopped_training_is_resumed_in_its_run_and_registered_once_after_what_ships(trained: Trained) -> None:
    assert trained.stopped == "KILLED"
    result, again = (json.loads(output.strip().splitlines()[-1]) for output in trained.outputs[:2])
    assert again == result
    assert (result["model"], result["version"]) == ("mqhmr", 2)
    assert load_mqhmr(Path(result["weights"])).shape == TINY_SHAPE
    with registry(Settings.load(trained.home)) as client:
        run = client.get_run(result["mlflow_run_id"])
        version, shipped = (client.get_model_version("mqhmr", number) for number in "21")
        steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "pve_mm")]
        named = client.search_runs([run.info.experiment_id], f"attributes.run_name = '{run.info.run_name}'")
    assert len(named) == 1
    assert version.tags["training_run"] == run.info.run_id
    assert run.info.status == "FINISHED"
    assert set(steps) == set(range(2, STEPS + 1, 2))
    assert "training_run" not in shipped.tags
    assert shipped.aliases == ["champion"]
    files = {path.name: path for path in (Path(result["weights"]), SEGMENT_BODY)}
    assert version.tags["sha256"] == hash_of_files(files)
    assert run.data.metrics["mpjpe_mm"] == result["mpjpe_mm"]


def test_the_lifter_is_trained_and_registered(trained: Trained) -> None:
    text = trained.outputs[2]
    assert "step 2: loss" in text
    assert "registered: keypoint_fit version 2" in text


def test_neurik_is_trained_on_the_clips_that_are_there_and_registered(trained: Trained) -> None:
    text = trained.outputs[3]
    assert "step 2: loss" in text
    assert "clips: " not in text
    assert "registered: neurik version 2" in text
    assert load_neurik(trained.out / "neurik" / "neurik.safetensors").shape.width == 20
    with registry(Settings.load(trained.home)) as client:
        version = client.get_model_version("neurik", "2")
        run = client.get_run(version.tags["training_run"])
    assert run.data.params["clip_shards.validation"] == "1"
    assert {"mae_deg", "clean_mae_deg", "recorded_mae_deg"} <= set(run.data.metrics)


def test_a_folder_without_motions_is_refused_in_one_line(trained: Trained) -> None:
    assert "Traceback" not in trained.error
    assert trained.error.strip().splitlines()[-1].startswith("Error: ")
