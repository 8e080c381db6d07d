"""Ray actors that load the networks once and perceive and reconstruct whatever they are given.

One actor for each CPU slot, or for each share of a GPU where there are GPUs: counted here, so that nothing waits for a
resource that does not exist. A call borrows an actor from a queue ordered by rank; at most one call an actor is under
way, and calls carry paths, so memory stays bounded whatever an inbox holds.
"""

from __future__ import annotations

import heapq
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Condition
from typing import Any
from urllib.parse import urlsplit

import ray
from ray.exceptions import RayActorError, RayTaskError

from biopose.errors import BioposeError
from biopose.pipeline import Method, Trial
from biopose.tracking.shards import Shard
from tasks.methods import weight_files
from tasks.models import PinnedModel
from tasks.quarantine import CrashedError
from tasks.settings import Settings

ATTEMPTS = 3  # of a call whose actor dies
LONGEST_FOLDER_BYTES = 31  # the rest of a socket's address, such as /ray/session_.../sockets/plasma_store, has 72
REACH_TIMEOUT_S = 10.0
OBJECT_STORE_BYTES = 100 * 2**20  # only paths travel


class PipelineActor:
    """Perceives shards and reconstructs trials, with the weights that it was made with.

    Args:
        method: of the run.
        models: pinned versions of its networks.
        settings: say where the registry keeps their files.
        device: of the networks that see whole images.
    """

    def __init__(self, method: Method, models: Sequence[PinnedModel], settings: Settings, device: str) -> None:
        import torch

        from biopose.reconstruction.models import PerceptionModels, load_fit_models

        torch.set_num_threads(1)  # an actor has one slot
        files = weight_files(models, settings)
        self._fit = load_fit_models(method, files, threads=1)
        self._networks = PerceptionModels.load(method, files, threads=1, device=device, mesh=self._fit.mesh)

    def perceive(self, shards: Sequence[Shard], files: Sequence[Path]) -> list[BioposeError | None]:
        """Perceive those shards that are not on disk yet; what is wrong with each one's video."""
        from biopose.tracking.shards import perceive_shards

        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
        missing = [i for i, file in enumerate(files) if not file.exists()]
        errors: list[BioposeError | None] = [None] * len(shards)
        found = perceive_shards(
            [shards[i] for i in missing],
            [files[i] for i in missing],
            detector=self._networks.detector,
            network=self._networks.keypoints,
        )
        for i, error in zip(missing, found, strict=True):
            errors[i] = error
        return errors

    def reconstruct(self, trial: Trial, perceived: Sequence[Path], motion: Path) -> None:
        """Reconstruct the motion of a trial's subject."""
        from biopose.pipeline import reconstruct
        from biopose.reconstruction.motion_file import write_motion
        from biopose.tracking.people import join_shards
        from biopose.tracking.shard_file import read_shard

        (person,) = reconstruct(join_shards(map(read_shard, perceived)), trial, models=self._fit).people
        motion.parent.mkdir(parents=True, exist_ok=True)
        write_motion(person, motion)


class ActorPool:
    """The actors, and the queue of calls that wait for one.

    Args:
        actors: handles.
    """

    def __init__(self, actors: Sequence[Any]) -> None:
        self._free = list(actors)
        self._queue: list[tuple[int, int]] = []
        self._tickets = count()
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._free)

    def perceive(self, shards: Sequence[Shard], files: Sequence[Path], *, rank: int) -> list[BioposeError | None]:
        """Perceive shards together; where that kills the actor, each alone, so that one bad video costs only itself.

        Args:
            shards: of any videos.
            files: to write.
            rank: the lowest is served first.
        """
        try:
            return list(self._call("perceive", shards, files, rank=rank))
        except CrashedError as error:
            if len(shards) == 1:
                return [error]
            alone = [self.perceive([s], [f], rank=rank) for s, f in zip(shards, files, strict=True)]
            return [error for (error,) in alone]

    def reconstruct(self, trial: Trial, perceived: Sequence[Path], motion: Path, *, rank: int) -> None:
        """Reconstruct the motion of a trial's subject.

        Args:
            trial: what is asked for.
            perceived: a file for each of its shards.
            motion: the file to write.
            rank: the lowest is served first.

        Raises:
            BioposeError: the input is at fault.
        """
        self._call("reconstruct", trial, perceived, motion, rank=rank)

    def _call(self, method: str, *arguments: Any, rank: int) -> Any:
        with self._turn(rank) as actor:
            try:
                return ray.get(getattr(actor, method).remote(*arguments))
            except RayTaskError as error:
                raise error.cause or error from (None if isinstance(error.cause, BioposeError) else error)
            except RayActorError as error:
                if error.actor_init_failed:  # no video's fault
                    raise
                raise CrashedError(
                    f"the process died {ATTEMPTS} times in {method}. Look at the video; where it is sound, "
                    "there may be too little memory"
                ) from error

    @contextmanager
    def _turn(self, rank: int) -> Iterator[Any]:
        """An actor, once one is free and nobody of a lower rank waits."""
        ticket = (rank, next(self._tickets))
        with self._changed:
            heapq.heappush(self._queue, ticket)
            self._changed.wait_for(lambda: self._free and self._queue[0] == ticket)
            heapq.heappop(self._queue)
            actor = self._free.pop()
            self._changed.notify_all()
        try:
            yield actor
        finally:
            with self._changed:
                self._free.append(actor)
                self._changed.notify_all()


@contextmanager
def ray_pool(settings: Settings, method: Method, models: Sequence[PinnedModel], *, at_most: int) -> Iterator[ActorPool]:
    """Start Ray, or join the cluster of settings.ray_address, and the actors; all stop at the end.

    Args:
        settings: of this machine.
        method: of the run.
        models: pinned versions of its networks.
        at_most: as many trials as there are: more actors would only start.

    Raises:
        BioposeError: Ray does not start here, or no cluster responds at that address.
    """
    _start_ray(settings)
    try:
        slots, needs, device = _slots(ray.cluster_resources(), actors_per_gpu=settings.actors_per_gpu)
        options: dict[str, Any] = {"max_restarts": -1, "max_task_retries": ATTEMPTS - 1, **needs}
        remote = ray.remote(**options)(PipelineActor)
        yield ActorPool([remote.remote(method, models, settings, device) for _ in range(min(slots, at_most))])
    finally:
        ray.shutdown()


def _start_ray(settings: Settings) -> None:
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    local: dict[str, Any] = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    address = settings.ray_address
    try:
        if address:
            _check_responds(address)
            ray.init(address=address, **quiet)
        else:  # without an address Ray would join a cluster that RAY_ADDRESS names
            ray.init(address="local", _temp_dir=str(short_folder()), **local, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        what = f"BIOPOSE_RAY_ADDRESS is {address!r}: no cluster can be joined" if address else "Ray does not start here"
        raise BioposeError(f"{what} ({' '.join(str(error).split())})") from error


def _check_responds(address: str) -> None:
    """Connect once, where the address is HOST:PORT or ray://HOST:PORT: Ray itself tries for minutes, then may abort."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    if parts.scheme == "ray" and parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=REACH_TIMEOUT_S).close()


def short_folder() -> Path:
    """A folder for Ray's session: the address of a Unix socket in it has at most 107 bytes (103 on macOS).

    It is that of RAY_TMPDIR or TMPDIR where that is short enough, else one of the system's.

    Raises:
        BioposeError: there is no such folder.
    """
    given = [os.environ[name] for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)]
    for folder in map(Path, (*given[:1], "/tmp", "/var/tmp", "/dev/shm")):  # noqa: S108 - Ray makes its own folder there
        if len(os.fsencode(folder)) <= LONGEST_FOLDER_BYTES and os.access(folder, os.W_OK | os.X_OK):
            return folder / "ray"
    raise BioposeError(
        f"Ray needs a folder for sockets whose path has at most {LONGEST_FOLDER_BYTES} bytes, and can write neither to "
        "TMPDIR nor to /tmp; set RAY_TMPDIR to such a folder"
    )


def _slots(resources: Mapping[str, float], *, actors_per_gpu: int) -> tuple[int, dict[str, float], str]:
    """How many actors there is room for, what each requests, and the device that it runs on."""
    gpus = int(resources.get("GPU", 0))
    if gpus:
        return gpus * actors_per_gpu, {"num_gpus": 1 / actors_per_gpu, "num_cpus": 0}, "cuda"
    return max(int(resources.get("CPU", 1)), 1), {"num_cpus": 1}, "cpu"
