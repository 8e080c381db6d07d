"""The line in front of the actors, with real Ray actors that do little."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from biopose.errors import BioposeError, VideoError
from biopose.pipeline import METHODS
from biopose.reconstruction.method_names import DEFAULT_METHOD
from biopose.tracking.shards import Shard
from tasks.quarantine import CrashedError
from tasks.ray_pool import ATTEMPTS, ActorPool, _slots, ray_pool, short_folder
from tasks.settings import Settings


class SmallActor:
    """Perceives by the video's name: `kill` dies of it, `bad` is refused, others are noted in their file."""

    def perceive(self, shards: list[Shard], files: list[Path]) -> list[BioposeError | None]:
        for shard, file in zip(shards, files, strict=True):
            if shard.video.name == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.05)
            file.write_text(str(time.monotonic()))
        return [VideoError("broken") if shard.video.name == "bad" else None for shard in shards]


@pytest.fixture(scope="module")
def actors() -> Iterator[ActorPool]:
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    options: dict[str, Any] = {"max_restarts": -1, "max_task_retries": ATTEMPTS - 1, "num_cpus": 1}
    yield ActorPool([ray.remote(**options)(SmallActor).remote()])
    ray.shutdown()


def test_whoever_has_the_lowest_rank_is_served_first(actors: ActorPool, tmp_path: Path) -> None:
    def perceive(rank: int) -> None:
        actors.perceive([Shard(Path("x"))], [tmp_path / str(rank)], rank=rank)

    threads = [threading.Thread(target=perceive, args=(rank,)) for rank in (0, 5, 3, 4, 1, 2)]
    for thread in threads:
        thread.start()
        time.sleep(0.005)  # the first is at work before the others come
    for thread in threads:
        thread.join()
    served = sorted(range(6), key=lambda rank: float((tmp_path / str(rank)).read_text()))
    assert served == [0, 1, 2, 3, 4, 5]


def test_a_video_that_kills_its_actor_costs_only_itself(actors: ActorPool, tmp_path: Path) -> None:
    shards = [Shard(Path(name)) for name in ("good", "kill", "bad")]
    files = [tmp_path / shard.video.name for shard in shards]
    found = actors.perceive(shards, files, rank=0)
    assert [type(error) for error in found] == [type(None), CrashedError, VideoError]
    assert files[0].exists()


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


def test_rays_sockets_lie_in_a_folder_with_a_short_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    assert short_folder() == Path("/tmp/ray")
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert short_folder() == Path("/var/tmp/ray")
    for too_long in ("/tmp/" + 90 * "l", "/tmp/" + 14 * "é", "/absent"):
        monkeypatch.setenv("TMPDIR", too_long)
        assert short_folder() == Path("/tmp/ray")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_a_cluster_that_does_not_respond_is_named(address: str, tmp_path: Path) -> None:
    with (
        pytest.raises(BioposeError, match=f"BIOPOSE_RAY_ADDRESS is '{address}': no cluster can be joined"),
        ray_pool(Settings(home=tmp_path, ray_address=address), METHODS[DEFAULT_METHOD], (), at_most=1),
    ):
        pass
