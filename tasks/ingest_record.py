"""The record of each ingest as a run of MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.models import PinnedModel, experiment_id, registry
from tasks.settings import Settings

INGEST_EXPERIMENT = "ingest"


def begin_ingest(settings: Settings, name: str) -> str:
    """Open the MLflow run of one ingest; those that a killed ingest left open are ended as killed.

    Call it while holding the home's lock.

    Args:
        settings: of the registry.
        name: of the run.

    Returns:
        The run's id.
    """
    with registry(settings) as client:
        experiment = experiment_id(client, settings, INGEST_EXPERIMENT)
        for left in client.search_runs([experiment], filter_string="attributes.status = 'RUNNING'"):
            client.set_terminated(left.info.run_id, "KILLED")
        run_id: str = client.create_run(experiment, run_name=name).info.run_id
    return run_id


def end_ingest(
    settings: Settings,
    run_id: str,
    *,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    models: Sequence[PinnedModel],
    failed: bool,
) -> None:
    """Record the result of an ingest, and close its run.

    Args:
        settings: of the registry.
        run_id: of `begin_ingest`.
        params: inbox and options.
        metrics: throughput, counts, quality.
        models: the versions that were used.
        failed: whether some trial failed unexpectedly.
    """
    with registry(settings) as client:
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.utils.time import get_current_time_millis

        now_ms = get_current_time_millis()
        versions = {f"model.{pinned.stage}": f"{pinned.version}" for pinned in models}
        client.log_batch(
            run_id,
            metrics=[Metric(key, float(value), now_ms, 0) for key, value in metrics.items()],
            params=[Param(key, str(value)) for key, value in {**params, **versions}.items()],
            tags=[RunTag(f"model.{pinned.stage}.sha256", pinned.sha256) for pinned in models],
        )
        client.set_terminated(run_id, "FAILED" if failed else "FINISHED")
