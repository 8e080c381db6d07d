"""The nightly ingestion: an inbox of sessions becomes a loaded warehouse.

    discover -> plan -> perceive (Ray) -> reconstruct (Ray) -> solve and analyse (Dask) -> load -> report

A trial that cannot be processed goes into quarantine and the run goes on. Results are addressed by their keys: what is
there is not made again, so a run that was interrupted is resumed by running it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from biopose.errors import BioposeError
from biopose.io.manifest import TrialEntry
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from tasks import stages
from tasks.dask_pool import DaskPool, dask_pool
from tasks.errors import TrialsFailedError
from tasks.flow_runs import close_crashed_runs
from tasks.ingest_page import publish_ingest
from tasks.ingest_run import IngestRun
from tasks.locks import exclusive
from tasks.methods import pinned_method, weight_files
from tasks.models import begin_ingest, end_ingest, pin_models, register_shipped
from tasks.notify import on_crashed, on_failure
from tasks.plan import Discovered, IngestOptions, PlannedTrial, discover, groups_of, plan_trial
from tasks.ray_pool import ActorPool, ray_pool
from tasks.settings import Settings
from tasks.video_hash import VideoHashes
from tasks.warehouse_writer import WarehouseWriter
from warehouse.errors import WarehouseBusyError

GROUP_S = 1.0  # of video that an actor perceives at once: shorter clips fill the batches of 16 frames together
IN_FLIGHT = 16  # stages under way or waiting: bounds memory and disk


@flow(
    name="ingest",
    task_runner=ThreadPoolTaskRunner(max_workers=IN_FLIGHT),  # type: ignore[arg-type]
    on_failure=[on_failure],
    on_crashed=[on_crashed],
    persist_result=False,
)
def ingest(
    inbox: str | None = None,
    home: str | None = None,
    alias: str = "champion",
    shard_s: float = 20.0,
    cross_check_frames: int = 4,
    method: MethodName = DEFAULT_METHOD,
    retry: Sequence[str] = (),
) -> dict[str, Any]:
    """Measure whatever is new in an inbox and load it.

    Args:
        inbox: holds TEAM/SESSION/session.toml; None: of the settings.
        home: holds all state; None: of the settings.
        alias: of the model versions to measure with; resolved once, here.
        shard_s: the longest shard of a video that one process takes at a time.
        cross_check_frames: of each trial, that OpenSim's own solver solves, too.
        method: mqhmr, or keypoint_fit without a mesh; the others stop early, for their evaluation.
        retry: trials to take out of quarantine first; "all" takes every one.

    Returns:
        The run's account, as `IngestRun.as_dict` gives it.

    Raises:
        BioposeError: another ingest is at work in this home, a model is missing, or the inbox holds no session.
        ValueError: the inbox is no folder.
        TrialsFailedError: something failed that is not an input's fault; the rest is stored.
    """
    settings = Settings.load(home, inbox=inbox)
    options = IngestOptions(shard_s=shard_s, cross_check_frames=cross_check_frames, method=method)
    with exclusive(settings.home):
        close_crashed_runs()
        register_shipped(settings)
        run = IngestRun(settings, settings.inbox, pin_models(settings, alias, method=method), log=_log)
        writer = WarehouseWriter(settings.warehouse, settings.snapshot)
        run.retry(retry)
        with run.part("discover and plan"):
            found = _discover(run)
            run.quarantine_invalid(found)
            trials = _plan(found.entries, run, options)
            new = run.not_loaded(trials, writer.loaded_runs())
        if new:
            run.mlflow_run_id = begin_ingest(settings, settings.inbox.name)
            _work(new, run, options, writer)
        _publish(writer)
        with run.part("report"):
            _report(run, options)
    return run.as_dict()


def _log(line: str) -> None:
    """To the terminal, and to Prefect's page of the run."""
    print(line)
    get_run_logger().info(line)


def _discover(run: IngestRun) -> Discovered:
    """What lies in the inbox; where it holds no session, the page reports what it holds, and the run fails."""
    found = discover(run.inbox)
    try:
        run.report_unmatched(found)
    except BioposeError:
        publish_ingest(run.as_dict(), run.settings)
        raise
    return found


def _plan(entries: Iterable[TrialEntry], run: IngestRun, options: IngestOptions) -> list[PlannedTrial]:
    """Probe every video; those that cannot be read go into quarantine."""
    hashes = VideoHashes(run.settings.home / "video_hashes.json")
    trials = []
    for entry in entries:
        try:
            trials.append(plan_trial(entry, models=run.models, options=options, settings=run.settings, hashes=hashes))
        except BioposeError as error:
            run.quarantine(entry.trial_id, error, stage="probe")
    hashes.save()
    return trials


def _work(new: Sequence[PlannedTrial], run: IngestRun, options: IngestOptions, writer: WarehouseWriter) -> None:
    """Take every new trial through its stages, with as many processes as there is work for."""
    unfinished = sum(not trial.is_finished for trial in new)
    with ExitStack() as engines:
        actors, dask = None, None
        if unfinished:
            with run.part("start Ray and Dask"):
                settings, models = run.settings, run.models
                method = pinned_method(options.method, models, cross_check_frames=options.cross_check_frames)
                actors = engines.enter_context(ray_pool(settings, method, models, at_most=unfinished))
                files = weight_files(models, settings)
                dask = engines.enter_context(dask_pool(settings, method, files, at_most=unfinished))
        with run.part("work"):
            _take_through(new, run, writer, actors, dask)


def _take_through(
    new: Sequence[PlannedTrial],
    run: IngestRun,
    writer: WarehouseWriter,
    actors: ActorPool | None,
    dask: DaskPool | None,
) -> None:
    group_of = {file: group for group in groups_of(new, group_s=GROUP_S) for _, file in group}
    perceiving: dict[Path, PrefectFuture[Any]] = {}
    under_way = []
    for rank, trial in enumerate(new):
        for _, file in trial.missing_shards:
            if file not in perceiving:
                group = group_of[file]
                future = stages.perceive.submit(group, actors, rank=rank)
                perceiving |= dict.fromkeys((own for _, own in group), future)
        perceived = list(dict.fromkeys(perceiving[file] for _, file in trial.missing_shards))
        reconstructed: PrefectFuture[None] = stages.reconstruct.submit(trial, perceived, actors, rank=rank)  # type: ignore[arg-type]
        analysed = stages.solve_and_analyse.submit(trial, reconstructed, dask, rank=rank)  # type: ignore[call-overload]
        loaded = stages.load.submit(trial, analysed, writer, run.mlflow_run_id)
        by_stage = {
            "perceive": perceived,
            "reconstruct": [reconstructed],
            "solve and analyse": [analysed],
            "load": [loaded],
        }
        under_way.append((trial, by_stage))
    for trial, futures in under_way:
        stage, error = _outcome(futures)
        run.record_outcome(trial, stage=stage, error=error)


def _outcome(stages: dict[str, list[PrefectFuture[Any]]]) -> tuple[str, BaseException | None]:
    """The stage that a trial reached, and what ended it there."""
    for stage, futures in stages.items():
        for future in futures:
            future.wait()
            if not future.state.is_completed():
                error = future.state.result(raise_on_failure=False)
                return stage, error if isinstance(error, BaseException) else RuntimeError(str(future.state))
    return "load", None


def _publish(writer: WarehouseWriter) -> None:
    try:
        writer.publish()
    except WarehouseBusyError as error:
        _log(f"  queries read the last snapshot: {error}")


def _report(run: IngestRun, options: IngestOptions) -> None:
    """Prefect's page, MLflow's record, the webhook; then say whether something failed unexpectedly."""
    account = run.as_dict()
    publish_ingest(account, run.settings)
    if run.mlflow_run_id:
        end_ingest(
            run.settings,
            run.mlflow_run_id,
            params={"inbox": str(run.inbox), **asdict(options)},
            metrics=run.metrics(),
            models=run.models,
            failed=bool(run.failed),
        )
    run.notify_incomplete()
    if run.failed:
        name, error = next(iter(run.failed.items()))
        for one, why in run.failed.items():
            get_run_logger().error("%s failed", one, exc_info=why)
        raise TrialsFailedError(
            f"{len(run.failed)} trials failed for no fault of theirs, the first {name} "
            f"({type(error).__name__}: {error}); the rest is stored. Mend the cause and run the ingest again"
        ) from error
