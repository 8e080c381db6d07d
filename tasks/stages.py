"""The steps of a trial as Prefect tasks: a library function each, with retries for what may pass.

An input at fault (`BioposeError`) never passes by itself: it is not tried again.
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
from tasks.dask_pool import Analysts
from tasks.plan import IngestOptions, PlannedTrial
from tasks.ray_pool import MeasuringActors
from tasks.warehouse_writer import WarehouseWriter
from warehouse.errors import WarehouseBusyError

RETRIES = 3
BACK_OFF_S = 2
BUSY_RETRIES = 8


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure is worth another try: a lost connection or a full disk, not an input at fault or a bug."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, (OSError, RayActorError, GetTimeoutError)) and not getattr(
        error, "actor_init_failed", False
    )


def is_busy(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the warehouse was held by another process."""
    return isinstance(state.result(raise_on_failure=False), WarehouseBusyError)


_patient: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(backoff_factor=BACK_OFF_S),
    "retry_jitter_factor": 0.2,
    "retry_condition_fn": may_pass,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
_patient_writer = _patient | {"retries": BUSY_RETRIES, "retry_condition_fn": is_busy}


@task(name="see", **_patient)
def see(group: Sequence[tuple[Shard, Path]], actors: MeasuringActors | None, *, rank: int) -> dict[Path, BioposeError]:
    """See stretches of video; what is wrong with the video of each that could not be seen.

    Args:
        group: stretches, each with the file to write.
        actors: that see.
        rank: the lowest is served first.
    """
    assert actors is not None
    shards, files = [shard for shard, _ in group], [file for _, file in group]
    errors = actors.see(shards, files, rank=rank)
    return {file: error for file, error in zip(files, errors, strict=True) if error is not None}


@task(name="fit", task_run_name="fit {trial.trial_id}", **_patient)
def fit(
    trial: PlannedTrial, seen: Sequence[dict[Path, BioposeError]], actors: MeasuringActors | None, *, rank: int
) -> None:
    """Fit the athlete's motion.

    Args:
        trial: planned.
        seen: what came of seeing its stretches.
        actors: that fit.
        rank: the lowest is served first.

    Raises:
        BioposeError: the video or what it shows is at fault.
    """
    wrong = {file: error for errors in seen for file, error in errors.items()}
    for file in trial.seen:
        if file in wrong:
            raise wrong[file]
    if not (trial.fitted.exists() or trial.is_finished):
        assert actors is not None
        actors.fit(trial.request, trial.seen, trial.fitted, rank=rank)


@task(name="finish", task_run_name="finish {trial.trial_id}", **_patient)
def finish(trial: PlannedTrial, _fitted: None, dask: Analysts | None, options: IngestOptions, *, rank: int) -> None:
    """Scale, solve, filter, draw, analyse.

    Args:
        trial: planned.
        _fitted: by the step before.
        dask: that does it.
        options: the run's choices.
        rank: the lowest is served first.

    Raises:
        BioposeError: the input is at fault.
    """
    if trial.is_finished:
        return
    assert dask is not None
    dask.finish(
        trial.request,
        trial.fitted,
        trial.folder,
        settings={"trial_id": trial.trial_id, "run_id": trial.run_id},
        cross_check_frames=options.cross_check_frames,
        rank=rank,
    )


@task(name="load", task_run_name="load {trial.trial_id}", **_patient_writer)
def load(trial: PlannedTrial, _finished: None, writer: WarehouseWriter, mlflow_run_id: str | None) -> None:
    """Load a finished trial into the warehouse, in one transaction; readers see it with the next snapshot.

    Args:
        trial: planned.
        _finished: by the step before.
        writer: of the warehouse.
        mlflow_run_id: of the run's record in MLflow.

    Raises:
        WarehouseError: another process writes, again and again, or the trial's files do not fit the tables.
    """
    writer.load({**trial.record, "mlflow_run_id": mlflow_run_id}, trial.folder)
