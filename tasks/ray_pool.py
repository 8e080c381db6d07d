"""Ray actors that load the networks once and perceive whatever shards they are given.

One actor for each CPU slot, or for each share of a GPU where there are GPUs: counted here, so that nothing waits for a
resource that does not exist. An actor has one call at a time, and calls carry paths, so memory stays bounded whatever
an inbox holds. Who is served first is decided by `tasks.slots`.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ray
from ray.exceptions import RayActorError, RayTaskError

from biopose.errors import BioposeError
from biopose.tracking.shard import Shard
from tasks.costs import recorded_cost, shard_cost
from tasks.faults import CrashedError, each_alone_if_need_be
from tasks.methods import PinnedMethod
from tasks.ray_folder import made_for_ray
from tasks.settings import Settings

ATTEMPTS = 3  # of a call whose actor dies, and to start Ray
REACH_TIMEOUT_S = 10.0
QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
LOCAL: dict[str, Any] = {  # of a cluster that is started here
    "include_dashboard": False,
    "object_store_memory": 100 * 2**20,  # only paths travel
    "_system_config": {
        # Else Ray starts a process for each core that waits for tasks; actors need none of them.
        "enable_worker_prestart": False,
        "prestart_worker_first_driver": False,
        "worker_niceness": 0,  # else 15: actors would get next to nothing beside anything else that runs
    },
}


class PerceptionActor:
    """Perceives shards, with the weights that it was made with.

    Args:
        method: of the run, with its weights.
        device: of the networks.
    """

    def __init__(self, method: PinnedMethod, device: str) -> None:
        import torch

        from biopose.reconstruction.models import PerceptionModels

        torch.set_num_threads(1)  # an actor has one slot
        self._networks = PerceptionModels.load(
            method.load(), method.weight_files(), threads=1, device=device, cpu_backend=method.cpu_backend
        )

    def perceive(self, shards: Sequence[Shard], files: Sequence[Path]) -> list[BioposeError | None]:
        """Perceive those shards that are not on disk yet; what is wrong with each one's video."""
        from biopose.tracking.shards import perceive_shards

        def missing(_: Sequence[Path], work: Sequence[tuple[Shard, Path]]) -> list[BioposeError | None]:
            of = {file: number for number, (_, file) in enumerate(work) if not file.exists()}
            errors: list[BioposeError | None] = [None] * len(work)
            with recorded_cost([shard_cost(file) for file in of]):
                found = perceive_shards(
                    [work[number][0] for number in of.values()],
                    list(of),
                    detector=self._networks.detector,
                    network=self._networks.keypoints,
                )
            for number, error in zip(of.values(), found, strict=True):
                errors[number] = error
            return errors

        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
        videos = [shard.video for shard in shards]
        return each_alone_if_need_be(missing, videos, list(zip(shards, files, strict=True)))


class ActorPool:
    """The actors, each lent to one call at a time.

    Args:
        actors: handles.
        share_cores: whether they run on the cores of this machine, not on a GPU or elsewhere.
    """

    def __init__(self, actors: Sequence[Any], *, share_cores: bool = True) -> None:
        self._free = list(actors)
        self.takes = ("actor", "core") if share_cores else ("actor",)

    def __len__(self) -> int:
        return len(self._free)

    async def perceive(self, shards: Sequence[Shard], files: Sequence[Path]) -> list[BioposeError | None]:
        """Perceive shards together; where that kills the actor, each alone, so that one bad video costs only itself.

        No more calls may be under way than there are actors.

        Args:
            shards: of any videos.
            files: to write.
        """
        actor = self._free.pop()
        try:
            return await _perceived(actor, shards, files)
        except CrashedError as error:
            if len(shards) == 1:
                return [error]
            return [await _perceived_alone(actor, s, f) for s, f in zip(shards, files, strict=True)]
        finally:
            self._free.append(actor)


async def _perceived_alone(actor: Any, shard: Shard, file: Path) -> BioposeError | None:
    try:
        (error,) = await _perceived(actor, [shard], [file])
    except CrashedError as crash:
        return crash
    return error


async def _perceived(actor: Any, shards: Sequence[Shard], files: Sequence[Path]) -> list[BioposeError | None]:
    try:
        return list(await actor.perceive.remote(shards, files))
    except RayTaskError as error:
        raise error.cause or error from (None if isinstance(error.cause, BioposeError) else error)
    except RayActorError as error:
        if error.actor_init_failed:  # no video's fault
            raise
        raise CrashedError(
            f"the process died {ATTEMPTS} times in perceive. Look at the video; where it is sound, there may be too "
            "little memory"
        ) from error


@contextmanager
def ray_pool(settings: Settings, method: PinnedMethod, *, at_most: int) -> Iterator[ActorPool]:
    """Start Ray, or join the cluster of settings.ray_address, and the actors; all stop at the end.

    Args:
        settings: of this machine.
        method: of the run.
        at_most: as many calls as there will be: more actors would only start.

    Raises:
        BioposeError: Ray does not start here, or no cluster responds at that address.
    """
    try:
        _start_ray(settings)
        slots, needs, device = _slots(ray.cluster_resources(), actors_per_gpu=settings.actors_per_gpu)
        options: dict[str, Any] = {"max_restarts": -1, "max_task_retries": ATTEMPTS - 1, **needs}
        remote = ray.remote(**options)(PerceptionActor)
        actors = [remote.remote(method, device) for _ in range(min(slots, at_most))]
        yield ActorPool(actors, share_cores=device == "cpu" and not settings.ray_address)
    finally:
        ray.shutdown()


def _start_ray(settings: Settings) -> None:
    try:
        if settings.ray_address:
            _check_responds(settings.ray_address)
            ray.init(address=settings.ray_address, **QUIET)
        else:
            _start_here(settings)
    except Exception as error:  # Ray raises an Exception itself where a machine is too busy to start it in time
        address = settings.ray_address
        what = f"BIOPOSE_RAY_ADDRESS is {address!r}: no cluster can be joined" if address else "Ray does not start here"
        raise BioposeError(f"{what} ({' '.join(str(error).split())})") from error


def _start_here(settings: Settings) -> None:
    """Start Ray; on a machine that is busy just now it may take longer than Ray allows, so it has several attempts."""
    for attempt in range(ATTEMPTS):
        try:  # without an address Ray would join a cluster that RAY_ADDRESS names
            ray.init(address="local", num_cpus=settings.cores, _temp_dir=str(made_for_ray(settings)), **LOCAL, **QUIET)
            return
        except BioposeError:
            raise
        except Exception:
            ray.shutdown()
            if attempt == ATTEMPTS - 1:
                raise


def _check_responds(address: str) -> None:
    """Connect once, where the address is HOST:PORT or ray://HOST:PORT: Ray itself tries for minutes, then may abort."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    if parts.scheme == "ray" and parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=REACH_TIMEOUT_S).close()


def _slots(resources: Mapping[str, float], *, actors_per_gpu: int) -> tuple[int, dict[str, float], str]:
    """How many actors there is room for, what each requests, and the device that it runs on."""
    gpus = int(resources.get("GPU", 0))
    if gpus:
        return gpus * actors_per_gpu, {"num_gpus": 1 / actors_per_gpu, "num_cpus": 0}, "cuda"
    return max(int(resources.get("CPU", 1)), 1), {"num_cpus": 1}, "cpu"
