"""Calls of actors, with real Ray actors that do little."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray

from biopose.errors import BioposeError, VideoError
from biopose.perception.backends import Device
from biopose.tracking.shard import Shard, ShardFiles
from tasks.faults import CrashedError, EngineError, as_input_error
from tasks.methods import PinnedMethod
from tasks.ray_folder import keep_token, made_for_ray, ray_folder
from tasks.ray_pool import ATTEMPTS, ActorPool, _slots, _start_here, ray_pool
from tasks.settings import Settings
from tests.tasks.small_actors import FailingActor, SmallActor


@pytest.fixture(scope="module")
def actors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActorPool]:
    _start_here(Settings(home=tmp_path_factory.mktemp("home"), cores=1))
    yield ActorPool(ray.remote(num_cpus=1)(SmallActor).remote, 1)
    ray.shutdown()


def test_a_video_that_kills_its_actor_costs_only_itself(actors: ActorPool, tmp_path: Path) -> None:
    shards = [Shard(Path(name)) for name in ("good", "kill", "bad")]
    files = [ShardFiles(tmp_path / shard.video.name) for shard in shards]
    found = asyncio.run(actors.perceive(shards, files))
    assert [type(error) for error in found] == [type(None), CrashedError, VideoError]
    assert files[0].are_there


@pytest.mark.parametrize(
    ("how", "reason"), [("raise", "ValueError: no weights"), ("die", "its process died"), ("hang", "not within 2 s")]
)
@pytest.mark.usefixtures("actors")
def test_an_actor_that_does_not_start_ends_the_run_with_its_cause(
    how: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.ray_pool.LONGEST_START_S", 2.0 if how == "hang" else 60.0)
    pool = ActorPool(partial(ray.remote(num_cpus=0)(FailingActor).remote, how), 1, logs="/logs")
    message = rf"does not start \({reason}\)\. Its logs are in /logs"
    with pytest.raises(EngineError, match=message):
        pool.wait_for_first()


def test_an_actor_that_cannot_be_replaced_fails_every_call_and_no_video(actors: ActorPool, tmp_path: Path) -> None:
    starts = iter([ray.remote(num_cpus=0)(SmallActor).remote, *ATTEMPTS * [failing]])
    pool = ActorPool(lambda: next(starts)(), 1)
    kills, good = Shard(Path("kill")), Shard(Path("good"))
    for shard in (kills, good):
        with pytest.raises(EngineError, match="no weights") as raised:
            asyncio.run(pool.perceive([shard], [ShardFiles(tmp_path / "file")]))
        assert as_input_error(raised.value, [shard.video]) is None


@pytest.mark.usefixtures("actors")
def test_an_actor_that_cannot_be_replaced_leaves_the_calls_to_the_others(tmp_path: Path) -> None:
    starts = iter([ray.remote(num_cpus=0)(SmallActor).remote, *ATTEMPTS * [failing]])
    pool = ActorPool(lambda: next(starts)(), 2)

    async def both() -> list[list[BioposeError | None]]:
        calls = [pool.perceive([Shard(Path(name))], [ShardFiles(tmp_path / name)]) for name in ("one", "other")]
        return await asyncio.gather(*calls)

    assert asyncio.run(both()) == [[None], [None]]
    assert (tmp_path / "one").read_text() == (tmp_path / "other").read_text()  # of one process


def failing() -> Any:
    return ray.remote(num_cpus=0)(FailingActor).remote("raise")


@pytest.mark.parametrize(
    ("device", "resources", "expected"),
    [
        ("cpu", {"CPU": 8.0}, (8, {"num_cpus": 1})),
        ("cuda", {"CPU": 8.0, "GPU": 2.0}, (4, {"num_gpus": 0.5, "num_cpus": 0})),
        ("cpu", {"CPU": 8.0, "GPU": 2.0}, (8, {"num_cpus": 1})),  # the GPUs stay idle, as is asked for
        ("cpu", {}, (1, {"num_cpus": 1})),
    ],
)
def test_nothing_is_asked_for_that_is_not_there(
    device: Device, resources: dict[str, float], expected: tuple, tmp_path: Path
) -> None:
    assert _slots(resources, Settings(home=tmp_path, device=device, actors_per_gpu=2)) == expected


def test_a_night_does_not_run_on_another_device_than_it_was_planned_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(BioposeError, match=r"finds no GPU.*set BIOPOSE_DEVICE to cpu"):
        _slots({"CPU": 8.0}, Settings(home=tmp_path, device="cuda"))
    monkeypatch.setattr("biopose.perception.backends._gpu_count", lambda: 0)
    monkeypatch.delenv("BIOPOSE_DEVICE", raising=False)
    with pytest.raises(BioposeError, match=r"cluster at gpus:6379 has 2 GPUs.*set BIOPOSE_DEVICE to cuda, or to cpu"):
        _slots({"CPU": 8.0, "GPU": 2.0}, Settings(home=tmp_path, ray_address="gpus:6379"))


def test_rays_sockets_lie_in_a_folder_of_the_home_with_a_short_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    folder = ray_folder(settings)
    assert folder.parent == Path("/tmp")
    assert folder != ray_folder(Settings(home=tmp_path / "other"))
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert ray_folder(settings) == Path("/var/tmp") / folder.name
    for too_long in ("/tmp/" + 90 * "l", "/tmp/" + 14 * "é", "/absent"):
        monkeypatch.setenv("TMPDIR", too_long)
        assert ray_folder(settings) == folder


def test_the_token_of_ray_is_for_its_owner_alone_and_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    keep_token()
    token = tmp_path / ".ray" / "auth_token"
    text = token.read_text()
    assert (len(text), token.stat().st_mode & 0o777) == (64, 0o600)
    token.chmod(0o644)  # as Ray makes it
    keep_token()
    assert (token.read_text(), token.stat().st_mode & 0o777) == (text, 0o600)


def test_logs_of_ray_are_for_the_owner_of_the_home_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tasks.ray_folder.LONGEST_FOLDER_BYTES", 1000)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    settings = Settings(home=tmp_path / "home")
    ray_folder(settings).mkdir()
    ray_folder(settings).chmod(0o777)  # as earlier versions of BioPose left it
    assert made_for_ray(settings).parent == ray_folder(settings)
    assert ray_folder(settings).stat().st_mode & 0o777 == 0o700
    ray_folder(settings).rmdir()
    ray_folder(settings).symlink_to(tmp_path)
    with pytest.raises(BioposeError, match="belongs to another user, or is no folder"):
        made_for_ray(settings)


@pytest.mark.parametrize(
    ("address", "why"),
    [("127.0.0.1:1", "refused"), ("ray://127.0.0.1:10001", "give the head node's own address, as in HOST:6379")],
)
def test_a_cluster_that_does_not_respond_is_named(address: str, why: str, tmp_path: Path) -> None:
    with (
        pytest.raises(BioposeError, match=f"BIOPOSE_RAY_ADDRESS is '{address}': no cluster can be joined.*{why}"),
        ray_pool(Settings(home=tmp_path, ray_address=address), PinnedMethod("mqhmr", (), (), 0), at_most=1),
    ):
        pass
