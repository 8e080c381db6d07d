"""The measuring processes: Ray actors that load the weights once and see and fit whatever they are given.

One actor for each CPU slot, or for each share of a GPU where there are GPUs: counted here, so that nothing waits for a
resource that does not exist. A call borrows an actor from a line that the earliest trials lead; at most one call an
actor is under way, and calls carry paths, so memory stays bounded whatever the night brings.
"""

from __future__ import annotations

import heapq
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from biopose.errors import BioposeError
from biopose.tracking.shards import Shard
from biopose.trial import TrialRequest
from tasks.models import PinnedModel, weights_of
from tasks.quarantine import CrashedError
from tasks.settings import Settings

if TYPE_CHECKING:
    from biopose.reconstruction.people_fit import FitModels

ATTEMPTS = 3  # of a call whose actor dies
OBJECT_STORE_BYTES = 100 * 2**20  # only paths travel
# What versions of MQ-HMR ran with that were registered before their configuration told it.
UNTOLD = {"lifter_sd_factor": 1.0, "pose_prior_share": 1.0}


class MeasuringActor:
    """Sees stretches of video and fits motions, with the weights that it was made with.

    Args:
        models: pinned versions; with MQ-HMR's among them, it measures, else the keypoint fit; NeurIK tells angles if it
            is among them.
        settings: say where the registry keeps their files.
        device: of the networks.
    """

    def __init__(self, models: Sequence[PinnedModel], settings: Settings, device: str) -> None:
        import torch

        from biopose.pipeline import Models

        torch.set_num_threads(1)  # an actor has one slot
        files: dict[str, Mapping[str, Path]] = {m.stage: weights_of(m, settings) for m in models}
        fit = _fit_models(files, {m.stage: json.loads(m.configuration_json) for m in models})
        (detector,), (keypoints,) = files["detector"].values(), files["keypoints"].values()
        self._models = Models.load(threads=1, device=device, detector=detector, keypoints=keypoints, fit=fit)

    def see(self, shards: Sequence[Shard], files: Sequence[Path]) -> list[BioposeError | None]:
        """See those stretches that are not on disk yet; what is wrong with each one's video."""
        from biopose.tracking.shards import perceive_shards

        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
        todo = [i for i, file in enumerate(files) if not file.exists()]
        errors: list[BioposeError | None] = [None] * len(shards)
        found = perceive_shards(
            [shards[i] for i in todo],
            [files[i] for i in todo],
            detector=self._models.detector,
            network=self._models.keypoints,
        )
        for i, error in zip(todo, found, strict=True):
            errors[i] = error
        return errors

    def fit(self, trial: TrialRequest, seen: Sequence[Path], fitted: Path) -> None:
        """Fit the athlete of a trial."""
        from biopose.trial import fit_trial

        fitted.parent.mkdir(parents=True, exist_ok=True)
        fit_trial(trial, seen, fitted, models=self._models.fit)


class MeasuringActors:
    """The actors, and the line of calls that wait for one.

    Args:
        actors: handles.
    """

    def __init__(self, actors: Sequence[Any]) -> None:
        self._free = list(actors)
        self._line: list[tuple[int, int]] = []
        self._tickets = count()
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._free)

    def see(self, shards: Sequence[Shard], files: Sequence[Path], *, rank: int) -> list[BioposeError | None]:
        """See stretches together; where that kills the actor, each alone, so that one bad video costs only itself.

        Args:
            shards: of any videos.
            files: to write.
            rank: the lowest is served first.
        """
        try:
            return list(self._call("see", shards, files, rank=rank))
        except CrashedError as error:
            if len(shards) == 1:
                return [error]
            alone = [self.see([s], [f], rank=rank) for s, f in zip(shards, files, strict=True)]
            return [error for (error,) in alone]

    def fit(self, trial: TrialRequest, seen: Sequence[Path], fitted: Path, *, rank: int) -> None:
        """Fit a trial.

        Raises:
            BioposeError: the input is at fault.
        """
        self._call("fit", trial, seen, fitted, rank=rank)

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
                    f"the measuring process died {ATTEMPTS} times in {method}. Look at the video; where it is sound, "
                    "there may be too little memory"
                ) from error

    @contextmanager
    def _turn(self, rank: int) -> Iterator[Any]:
        """An actor, once one is free and nobody of a lower rank waits."""
        ticket = (rank, next(self._tickets))
        with self._changed:
            heapq.heappush(self._line, ticket)
            self._changed.wait_for(lambda: self._free and self._line[0] == ticket)
            heapq.heappop(self._line)
            actor = self._free.pop()
            self._changed.notify_all()
        try:
            yield actor
        finally:
            with self._changed:
                self._free.append(actor)
                self._changed.notify_all()


@contextmanager
def measuring_actors(settings: Settings, models: Sequence[PinnedModel], *, at_most: int) -> Iterator[MeasuringActors]:
    """Start Ray, or join the cluster of settings.ray_address, and the actors; all stop at the end.

    Args:
        settings: of this machine.
        models: pinned.
        at_most: as many stretches and trials as there are: more actors would only start.
    """
    if settings.ray_address:
        ray.init(address=settings.ray_address, logging_level=logging.ERROR, log_to_driver=False)
    else:
        ray.init(
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    try:
        slots, needs, device = _slots(ray.cluster_resources(), actors_per_gpu=settings.actors_per_gpu)
        options: dict[str, Any] = {"max_restarts": -1, "max_task_retries": ATTEMPTS - 1, **needs}
        remote = ray.remote(**options)(MeasuringActor)
        yield MeasuringActors([remote.remote(models, settings, device) for _ in range(min(slots, at_most))])
    finally:
        ray.shutdown()


def _slots(resources: Mapping[str, float], *, actors_per_gpu: int) -> tuple[int, dict[str, float], str]:
    """How many actors there is room for, what each asks for, and the device that it runs on."""
    gpus = int(resources.get("GPU", 0))
    if gpus:
        return gpus * actors_per_gpu, {"num_gpus": 1 / actors_per_gpu, "num_cpus": 0}, "cuda"
    return max(int(resources.get("CPU", 1)), 1), {"num_cpus": 1}, "cpu"


def _fit_models(files: Mapping[str, Mapping[str, Path]], configuration: Mapping[str, Any]) -> FitModels:
    """What a motion is fitted with.

    Args:
        files: of the weights, by stage.
        configuration: of the stages.
    """
    from biopose.neurik.network import load_neurik
    from biopose.reconstruction.mesh_recovery import MeshModels
    from biopose.reconstruction.motion_solver import SolverOptions
    from biopose.reconstruction.people_fit import FitModels
    from biopose.reconstruction.refinement import RefinementOptions
    from biopose.reconstruction.residuals import FitWeights

    mesh = None
    if "mqhmr" in files:
        mesh = MeshModels.load(
            network=files["mqhmr"]["mqhmr.safetensors"],
            body=files["mqhmr"]["segment_body.safetensors"],
            options=RefinementOptions(**UNTOLD | configuration["mqhmr"]["budget"]),
        )
    return FitModels.load(
        lifter=files["keypoint_fit"]["lifter.safetensors"],
        pose_prior=files["keypoint_fit"]["pose_prior.safetensors"],
        options=SolverOptions(**configuration["keypoint_fit"]["budget"]),
        weights=FitWeights(**configuration["keypoint_fit"]["weights"]),
        mesh=mesh,
        neurik=load_neurik(files["neurik"]["neurik.safetensors"]) if "neurik" in files else None,
    )
