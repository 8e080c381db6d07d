"""The line in front of the actors, with real Ray actors that do little."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from biopose.errors import BioposeError, VideoError
from biopose.reconstruction.method_names import METHODS, MethodName
from biopose.reconstruction.refinement import RefinementOptions
from biopose.tracking.shards import Shard
from tasks.quarantine import CrashedError
from tasks.ray_pool import ATTEMPTS, MeasuringActors, _fit_models, _slots
from tasks.shipped_models import STAGES_OF_METHOD, shipped_models
from tests.body.bodies import needs_body_asset
from tests.perception.real_people import needs_networks


class SmallActor:
    """Sees by the video's name: `kill` dies of it, `bad` is refused, others are noted in their file."""

    def see(self, shards: list[Shard], files: list[Path]) -> list[BioposeError | None]:
        for shard, file in zip(shards, files, strict=True):
            if shard.video.name == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.05)
            file.write_text(str(time.monotonic()))
        return [VideoError("broken") if shard.video.name == "bad" else None for shard in shards]


@pytest.fixture(scope="module")
def actors() -> Iterator[MeasuringActors]:
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    options: dict[str, Any] = {"max_restarts": -1, "max_task_retries": ATTEMPTS - 1, "num_cpus": 1}
    yield MeasuringActors([ray.remote(**options)(SmallActor).remote()])
    ray.shutdown()


def test_whoever_has_the_lowest_rank_is_served_first(actors: MeasuringActors, tmp_path: Path) -> None:
    def see(rank: int) -> None:
        actors.see([Shard(Path("x"))], [tmp_path / str(rank)], rank=rank)

    threads = [threading.Thread(target=see, args=(rank,)) for rank in (0, 5, 3, 4, 1, 2)]
    for thread in threads:
        thread.start()
        time.sleep(0.005)  # the first is at work before the others come
    for thread in threads:
        thread.join()
    served = sorted(range(6), key=lambda rank: float((tmp_path / str(rank)).read_text()))
    assert served == [0, 1, 2, 3, 4, 5]


def test_a_video_that_kills_its_actor_costs_only_itself(actors: MeasuringActors, tmp_path: Path) -> None:
    shards = [Shard(Path(name)) for name in ("good", "kill", "bad")]
    files = [tmp_path / shard.video.name for shard in shards]
    found = actors.see(shards, files, rank=0)
    assert [type(error) for error in found] == [type(None), CrashedError, VideoError]
    assert files[0].exists()


@needs_networks
@needs_body_asset
@pytest.mark.parametrize("method", METHODS)
def test_a_motion_is_fitted_with_the_networks_that_were_pinned_and_no_others(method: MethodName) -> None:
    models = [model for model in shipped_models() if model.name in STAGES_OF_METHOD[method]]
    files = {model.name: {path.name: path for path in model.files} for model in models}
    fit = _fit_models(files, {model.name: json.loads(model.configuration_json) for model in models})
    assert (fit.mesh is not None) == ("mqhmr" in files)
    assert (fit.neural_ik is not None) == ("neurik" in files)


@needs_networks
@needs_body_asset
def test_mqhmr_trusts_lifter_and_prior_as_its_version_says_and_as_it_did_before_versions_said() -> None:
    models = [model for model in shipped_models() if model.name in STAGES_OF_METHOD["mqhmr"]]
    files = {model.name: {path.name: path for path in model.files} for model in models}
    configuration = {model.name: json.loads(model.configuration_json) for model in models}
    now = _fit_models(files, configuration).mesh
    for untold in ("lifter_sd_factor", "pose_prior_share"):
        configuration["mqhmr"]["budget"].pop(untold)
    before = _fit_models(files, configuration).mesh
    assert now is not None
    assert before is not None
    assert now.options == RefinementOptions()
    assert before.options == replace(now.options, lifter_sd_factor=1.0, pose_prior_share=1.0)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"CPU": 8.0}, (8, {"num_cpus": 1}, "cpu")),
        ({"CPU": 8.0, "GPU": 2.0}, (4, {"num_gpus": 0.5, "num_cpus": 0}, "cuda")),
        ({}, (1, {"num_cpus": 1}, "cpu")),
    ],
)
def test_nothing_is_asked_for_that_is_not_there(resources: dict[str, float], expected: tuple) -> None:
    assert _slots(resources, actors_per_gpu=2) == expected
