"""The stages of a trial as Prefect tasks: a call of an engine each, with retries of transient failures.

They are coroutines, so a stage that waits for its engine blocks no thread. An input at fault (`BioposeError`) is not
retried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from biopose.errors import BioposeError
from biopose.tracking.shard import Shard, ShardFiles
from tasks.dask_pool import DaskPool
from tasks.marker_plan import PlannedMarkers
from tasks.plan import Planned, PlannedTrial
from tasks.ray_pool import ActorPool
from tasks.warehouse_writer import WarehouseWriter

RETRIES = 3
BACK_OFF_S = 2


async def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure is worth a retry: a lost connection or a full disk, not an input at fault or a bug."""
    from ray.exceptions import GetTimeoutError, RayActorError

    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, (OSError, RayActorError, GetTimeoutError)) and not getattr(
        error, "actor_init_failed", False
    )


_quiet: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
_retries: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(backoff_factor=BACK_OFF_S),
    "retry_jitter_factor": 0.2,
    "retry_condition_fn": is_transient,
    **_quiet,
}


@task(name="perceive", **_retries)
async def perceive(group: Sequence[tuple[Shard, ShardFiles]], actors: ActorPool) -> dict[ShardFiles, BioposeError]:
    """Perceive shards; what is wrong with the video of each that could not be perceived.

    Args:
        group: shards, each with the files to write.
        actors: that perceive.
    """
    shards, files = [shard for shard, _ in group], [file for _, file in group]
    errors = await actors.perceive(shards, files)
    return {file: error for file, error in zip(files, errors, strict=True) if error is not None}


@task(name="reconstruct", task_run_name="reconstruct {planned.trial_id}", **_retries)
async def reconstruct(planned: PlannedTrial, workers: DaskPool) -> None:
    """Reconstruct the subject's motion.

    Args:
        planned: the trial, every shard perceived.
        workers: that reconstruct.

    Raises:
        BioposeError: the video or what it shows is at fault, or it changed since it was planned.
    """
    await asyncio.to_thread(planned.check_inputs)
    await workers.reconstruct(planned.trial, planned.perceived, planned.motion)


@task(name="solve and analyse", task_run_name="solve and analyse {planned.trial_id}", **_retries)
async def solve_and_analyse(planned: PlannedTrial, workers: DaskPool) -> None:
    """Solve for the coordinates, filter, find events and metrics, draw, write.

    Args:
        planned: the trial, reconstructed.
        workers: that solve and analyse.

    Raises:
        BioposeError: the input is at fault.
    """
    settings = {"trial_id": planned.trial_id, "run_id": planned.run_id}
    await workers.solve_and_analyse(
        planned.trial,
        planned.motion,
        planned.folder,
        athlete_id=str(planned.record["athlete"]["athlete_id"]),
        settings=settings,
        made_from=planned.intermediates,
    )


@task(name="measure markers", task_run_name="measure markers {planned.trial_id}", **_retries)
async def measure_markers(planned: PlannedMarkers, workers: DaskPool) -> None:
    """Scale a model, solve for the coordinates, find events and metrics, write: all of a recording of markers.

    Args:
        planned: the trial.
        workers: that measure.

    Raises:
        BioposeError: the input is at fault, or it changed since it was planned.
    """
    await asyncio.to_thread(planned.check_inputs)
    settings = {"trial_id": planned.trial_id, "run_id": planned.run_id}
    await workers.measure_markers(planned.trial, planned.folder, settings=settings)


@task(name="load", task_run_name="load {planned.trial_id}", **_quiet)
async def load(planned: Planned, writer: WarehouseWriter, mlflow_run_id: str | None) -> None:
    """Load an analysed trial into the warehouse, in one transaction; readers see it with the next snapshot.

    Args:
        planned: the trial.
        writer: of the warehouse.
        mlflow_run_id: of the run's record in MLflow.

    Raises:
        WarehouseError: another process has the database open, or the trial's files do not fit the tables.
        VideoChangedError: the video changed while it was measured.
    """
    await asyncio.to_thread(planned.check_inputs)
    await asyncio.to_thread(
        writer.load, {**planned.record, "mlflow_run_id": mlflow_run_id, "costs": planned.costs()}, planned.folder
    )
