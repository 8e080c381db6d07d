"""Ray actors that load the networks once and perceive whatever shards they are given.

One actor for each CPU slot, or for each share of a GPU where there are GPUs: counted here, so that nothing waits for a
resource that does not exist. An actor has one call at a time, and calls carry paths, so memory stays bounded whatever
an inbox holds. Who is served first is decided by `tasks.slots`.

An actor that dies is replaced here, not restarted by Ray, which would do so for ever, and waits for one without limit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError

from biopose.errors import BioposeError
from biopose.io.loading import without_garbage_collection
from biopose.tracking.shard import Shard, ShardFiles
from tasks.costs import recorded_cost, second_pass_cost, shard_cost
from tasks.faults import CrashedError, EngineError, each_alone_if_need_be
from tasks.methods import PinnedMethod
from tasks.ray_folder import OF_RAY, keep_token, made_for_ray, ray_folder
from tasks.reachable import connect
from tasks.settings import Settings

ATTEMPTS = 3  # of a call whose actor dies, and to start Ray
LOOK_S = 0.1  # between looks for an actor that is free
LONGEST_START_S = 300.0  # of an actor, which takes seconds on a machine that does nothing else
RAY_CLIENT = "ray://"
DEATHS = (RayActorError, OutOfMemoryError)  # of an actor
QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
LOCAL: dict[str, Any] = {  # of a cluster that is started here
    "include_dashboard": False,
    "object_store_memory": 100 * 2**20,  # only paths travel
    "_system_config": {
        # Else Ray starts a process for each core that waits for tasks; actors need none of them.
        "enable_worker_prestart": False,
        "prestart_worker_first_driver": False,
        "worker_niceness": 0,  # else 15: actors would get next to nothing beside anything else that runs
        # Else 60: on a machine as busy as that, Ray would start process after process and end each before it is up.
        "worker_register_timeout_seconds": int(LONGEST_START_S),
    },
}


class PerceptionActor:
    """Perceives shards, with the weights that it was made with.

    Args:
        method: of the run, with its weights.
    """

    def __init__(self, method: PinnedMethod) -> None:
        with without_garbage_collection():
            import torch

            from biopose.reconstruction.models import PerceptionModels

            torch.set_num_threads(1)  # an actor has one slot
            self._networks = PerceptionModels.load(
                method.load(), method.weight_files(), threads=1, device=method.device, cpu_backend=method.cpu_backend
            )

    def ready(self) -> None:
        """Return once the actor is started; Ray's own method for that is absent where a client is joined."""

    def perceive(self, shards: Sequence[Shard], files: Sequence[ShardFiles]) -> list[BioposeError | None]:
        """Perceive those shards that are not on disk yet; what is wrong with each one's video."""

        def missing(_: Sequence[Path], work: Sequence[tuple[Shard, ShardFiles]]) -> list[BioposeError | None]:
            is_located = [files.located.exists() for _, files in work]
            errors: list[BioposeError | None] = [None] * len(work)
            for again in (False, True):
                some = [n for n, (_, files) in enumerate(work) if is_located[n] == again and not files.are_there]
                for number, error in zip(some, self._perceived([work[n] for n in some], again=again), strict=True):
                    errors[number] = error
            return errors

        for path in (path for file in files for path in file.paths):
            path.parent.mkdir(parents=True, exist_ok=True)
        videos = [shard.video for shard in shards]
        return each_alone_if_need_be(missing, videos, list(zip(shards, files, strict=True)))

    def _perceived(self, work: Sequence[tuple[Shard, ShardFiles]], *, again: bool) -> list[BioposeError | None]:
        """Perceive shards, of all of which the people are located already, or of none."""
        from biopose.tracking.shards import perceive_shards

        if not work:
            return []
        shards, files = zip(*work, strict=True)
        network = self._networks.keypoints
        tokens = [one.tokens for one in files if one.tokens is not None]
        with recorded_cost(
            list(map(second_pass_cost, tokens)) if again else [shard_cost(one.located) for one in files],
            parts=list(map(shard_cost, tokens)),
            of_part=lambda: (network.head_processor_s, network.head_wall_s),
        ):
            return perceive_shards(shards, files, detector=self._networks.detector, network=network)


class ActorPool:
    """The actors, each lent to one call at a time.

    Args:
        start: starts an actor, and returns its handle at once.
        number: of actors.
        share_cores: whether they run on the cores of this machine, not on a GPU or elsewhere.
        logs: where an actor that does not start leaves its logs.
    """

    def __init__(
        self, start: Callable[[], Any], number: int, *, share_cores: bool = True, logs: str = "Ray's folder"
    ) -> None:
        self._start, self._logs = start, logs
        self._free = [start() for _ in range(number)]
        self._left = number  # of actors, free and lent, that are not given up
        self._failure: EngineError  # of the last that was given up
        self.takes = ("actor", "core") if share_cores else ("actor",)

    def __len__(self) -> int:
        return len(self._free)

    def wait_for_first(self) -> None:
        """Wait until an actor is ready.

        Raises:
            EngineError: it fails at every attempt, or is not ready in time.
        """
        self._free[0] = asyncio.run(self._started(self._free[0]))

    async def perceive(self, shards: Sequence[Shard], files: Sequence[ShardFiles]) -> list[BioposeError | None]:
        """Perceive shards together; where that kills the actor, each alone, so that one bad video costs only itself.

        Args:
            shards: of any videos.
            files: to write.

        Raises:
            EngineError: no actor is left: none starts that replaces one that died.
        """
        try:
            return await self._perceived(shards, files)
        except CrashedError as error:
            if len(shards) == 1:
                return [error]
            return [await self._perceived_alone(*one) for one in zip(shards, files, strict=True)]

    async def _perceived_alone(self, shard: Shard, file: ShardFiles) -> BioposeError | None:
        try:
            (error,) = await self._perceived([shard], [file])
        except CrashedError as crash:
            return crash
        return error

    async def _perceived(self, shards: Sequence[Shard], files: Sequence[ShardFiles]) -> list[BioposeError | None]:
        """What one actor finds; one that dies of it is replaced."""
        for _ in range(ATTEMPTS):
            actor = await self._taken()
            try:
                return list(await actor.perceive.remote(shards, files))
            except RayTaskError as error:
                raise error.cause or error from (None if isinstance(error.cause, BioposeError) else error)
            except DEATHS as error:
                death, actor = error, self._replaced(actor)
            finally:
                self._free.append(actor)
        raise CrashedError(
            f"the process died {ATTEMPTS} times in perceive. Look at the video; where it is sound, there may be too "
            "little memory"
        ) from death

    async def _taken(self) -> Any:
        """A free actor that is ready; one that neither starts nor can be replaced is given up while others are left."""
        while self._left:
            if not self._free:  # where some are given up there are more calls than actors
                await asyncio.sleep(LOOK_S)
                continue
            actor = self._free.pop()
            try:
                return await self._started(actor)
            except EngineError as error:
                self._left -= 1
                self._failure = error
            except BaseException:
                self._free.append(actor)
                raise
        raise self._failure

    async def _started(self, actor: Any) -> Any:
        """An actor once it is ready, else one that replaces it; no video is at fault where none starts."""
        for attempt in range(ATTEMPTS):
            if attempt:
                actor = self._replaced(actor)
            try:
                await asyncio.wait_for(actor.ready.remote(), LONGEST_START_S)
            except (*DEATHS, TimeoutError) as error:
                failure = self._start_failure(error)
                if isinstance(error, TimeoutError):  # another would be as late
                    break
            else:
                return actor
        ray.kill(actor)  # one that is late holds its share of the machine
        raise failure

    def _replaced(self, actor: Any) -> Any:
        ray.kill(actor)  # it may be alive, and out of reach
        return self._start()

    def _start_failure(self, error: Exception) -> EngineError:
        is_late = isinstance(error, TimeoutError)
        why = f"not within {LONGEST_START_S:.0f} s" if is_late else _reason(error)
        return EngineError(
            f"Ray's process that holds the networks does not start ({why}). Its logs are in {self._logs}; where they "
            "name no cause, the machine is too busy or its memory is full: run it again with fewer BIOPOSE_CORES"
        )


def _reason(error: Exception) -> str:
    """What an actor's constructor raised, which ends Ray's report of it; or that its process died."""
    if getattr(error, "actor_init_failed", False):
        return str(error).strip().splitlines()[-1].strip()
    return "its process died"


@contextmanager
def ray_pool(settings: Settings, method: PinnedMethod, *, at_most: int) -> Iterator[ActorPool]:
    """Start Ray, or join the cluster of settings.ray_address, and the actors; all stop at the end.

    Args:
        settings: of this machine.
        method: of the run.
        at_most: as many calls as there will be: more actors would only start.

    Raises:
        BioposeError: Ray or its first actor does not start here, no cluster responds at that address, or it has no
            GPU, or one that is not planned with.
    """
    try:
        _start_ray(settings)
        slots, options = _slots(ray.cluster_resources(), settings)
        actor = ray.remote(**options)(PerceptionActor)
        pool = ActorPool(
            lambda: actor.remote(method),
            min(slots, at_most),
            share_cores=settings.device == "cpu" and not settings.ray_address,
            logs=_logs(settings),
        )
        pool.wait_for_first()
        yield pool
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
    keep_token()
    for attempt in range(ATTEMPTS):
        try:  # without an address Ray would join a cluster that RAY_ADDRESS names
            ray.init(
                address="local",
                num_cpus=settings.cores,
                num_gpus=0 if settings.device == "cpu" else None,  # None: Ray counts them
                _temp_dir=str(made_for_ray(settings)),
                **LOCAL,
                **QUIET,
            )
            return
        except BioposeError:
            raise
        except Exception:
            ray.shutdown()
            if attempt == ATTEMPTS - 1:
                raise


def _logs(settings: Settings) -> str:
    if settings.ray_address:
        return f"the cluster at {settings.ray_address}"
    return str(ray_folder(settings) / OF_RAY / "session_latest" / "logs")


def _check_responds(address: str) -> None:
    """Connect once, where the address is HOST:PORT: Ray itself tries for minutes, then may abort.

    Raises:
        BioposeError: it is of Ray's client, which travels over grpc and needs another process on the cluster.
        OSError: nothing responds there.
    """
    if address.startswith(RAY_CLIENT):
        raise BioposeError("Ray's client is not supported; give the head node's own address, as in HOST:6379")
    connect(address)


def _slots(resources: Mapping[str, float], settings: Settings) -> tuple[int, dict[str, Any]]:
    """How many actors there is room for, and what each requests.

    Raises:
        BioposeError: the device that the night is planned with is not there, or GPUs would be left idle unasked.
    """
    gpus, is_chosen = int(resources.get("GPU", 0)), "device" in settings.model_fields_set
    if settings.device == "cuda":
        if not gpus:
            raise BioposeError("Ray finds no GPU, and the networks are to run on one: set BIOPOSE_DEVICE to cpu")
        return gpus * settings.actors_per_gpu, {"num_gpus": 1 / settings.actors_per_gpu, "num_cpus": 0}
    if gpus and not is_chosen:
        raise BioposeError(
            f"the cluster at {settings.ray_address} has {gpus} GPU{'s' * (gpus > 1)}, and this machine, which plans "
            "the night, has none: set BIOPOSE_DEVICE to cuda, or to cpu where they are to stay idle"
        )
    return max(int(resources.get("CPU", 1)), 1), {"num_cpus": 1}
