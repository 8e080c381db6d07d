"""The stages of a trial as Prefect tasks: a library function each, with retries of transient failures.

An input at fault (`BioposeError`) is not retried.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff
from ray.exceptions import GetTimeoutError, RayActorError

from biopose.errors import BioposeError
from biopose.tracking.shards import Shard
from tasks.dask_pool import DaskPool
from tasks.plan import PlannedTrial
from tasks.ray_pool import ActorPool
from tasks.warehouse_writer import WarehouseWriter

RETRIES = 3
BACK_OFF_S = 2


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure is worth a retry: a lost connection or a full disk, not an input at fault or a bug."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, (OSError, RayActorError, GetTimeoutError)) and not getattr(
        error, "actor_init_failed", False
    )


_retries: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(backoff_factor=BACK_OFF_S),
    "retry_jitter_factor": 0.2,
    "retry_condition_fn": is_transient,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


@task(name="perceive", **_retries)
def perceive(group: Sequence[tuple[Shard, Path]], actors: ActorPool | None, *, rank: int) -> dict[Path, BioposeError]:
    """Perceive shards; what is wrong with the video of each that could not be perceived.

    Args:
        group: shards, each with the file to write.
        actors: that perceive.
        rank: the lowest is served first.
    """
    assert actors is not None
    shards, files = [shard for shard, _ in group], [file for _, file in group]
    errors = actors.perceive(shards, files, rank=rank)
    return {file: error for file, error in zip(files, errors, strict=True) if error is not None}


@task(name="reconstruct", task_run_name="reconstruct {planned.trial_id}", **_retries)
def reconstruct(
    planned: PlannedTrial, perceived: Sequence[dict[Path, BioposeError]], actors: ActorPool | None, *, rank: int
) -> None:
    """Reconstruct the subject's motion.

    Args:
        planned: the trial.
        perceived: errors of its shards.
        actors: that reconstruct.
        rank: the lowest is served first.

    Raises:
        BioposeError: the video or what it shows is at fault.
    """
    wrong = {file: error for errors in perceived for file, error in errors.items()}
    for file in planned.perceived:
        if file in wrong:
            raise wrong[file]
    if not (planned.motion.exists() or planned.is_finished):
        assert actors is not None
        actors.reconstruct(planned.trial, planned.perceived, planned.motion, rank=rank)


@task(name="solve and analyse", task_run_name="solve and analyse {planned.trial_id}", **_retries)
def solve_and_analyse(planned: PlannedTrial, _reconstructed: None, dask: DaskPool | None, *, rank: int) -> None:
    """Solve for the coordinates, filter, find events and metrics, draw, write.

    Args:
        planned: the trial.
        _reconstructed: by the stage before.
        dask: the workers.
        rank: the lowest is served first.

    Raises:
        BioposeError: the input is at fault.
    """
    if planned.is_finished:
        return
    assert dask is not None
    settings = {"trial_id": planned.trial_id, "run_id": planned.run_id}
    dask.solve_and_analyse(planned.trial, planned.motion, planned.folder, settings=settings, rank=rank)


@task(name="load", task_run_name="load {planned.trial_id}", cache_policy=NO_CACHE, persist_result=False)
def load(planned: PlannedTrial, _analysed: None, writer: WarehouseWriter, mlflow_run_id: str | None) -> None:
    """Load an analysed trial into the warehouse, in one transaction; readers see it with the next snapshot.

    Args:
        planned: the trial.
        _analysed: by the stage before.
        writer: of the warehouse.
        mlflow_run_id: of the run's record in MLflow.

    Raises:
        WarehouseError: another process has the database open, or the trial's files do not fit the tables.
    """
    writer.load({**planned.record, "mlflow_run_id": mlflow_run_id}, planned.folder)
