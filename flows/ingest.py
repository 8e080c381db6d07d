"""The nightly ingestion: an inbox of sessions becomes a loaded warehouse.

    discover -> plan -> perceive (Ray) -> reconstruct, solve and analyse (Dask) -> load -> derive -> report

A recording of markers needs no networks on images: discover -> plan -> measure markers (Dask) -> load -> ...

A trial that cannot be processed goes into quarantine and the run goes on. Results are addressed by their keys: what is
there is not made again, so a run that was interrupted is resumed by running it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from prefect import flow, get_run_logger
from prefect.runtime import deployment

from biopose.errors import BioposeError, ManifestError
from biopose.io.inbox_sessions import alike_names
from biopose.io.manifest import MANIFEST, TrialEntry
from biopose.reconstruction.method_names import MethodName
from flows.after_loading import (
    prune_expired,
    publish,
    refresh_derived,
    renew_athletes_reports,
    report,
    retire,
    watch,
)
from tasks.consent import former_name_lines, leave_out_erased, refuse_withdrawn, sessions_with
from tasks.consent_record import ConsentRecord
from tasks.dask_pool import FOR_MARKERS, FOR_VIDEO, dask_pool
from tasks.device_of_home import keep_device
from tasks.erased_people import ErasedPeople
from tasks.faults import as_input_error
from tasks.flow_runs import close_crashed_runs
from tasks.height_jumps import height_jumps
from tasks.ingest_log import IngestLog, ingest_log
from tasks.ingest_page import publish_ingest
from tasks.ingest_record import begin_ingest
from tasks.ingest_run import IngestRun
from tasks.marker_plan import PlannedMarkers
from tasks.methods import PinnedMethod
from tasks.notify import on_crashed, on_failure
from tasks.pictures import remove_pictures
from tasks.plan import Discovered, IngestOptions, Planned, discover, plan_trial
from tasks.priority import as_night
from tasks.promotion import complete_interrupted
from tasks.ray_pool import ray_pool
from tasks.releases import PinnedRelease, Share, neurik_of_markers, release_to_measure, shares_of
from tasks.schedule import Schedule, ranked
from tasks.session_owners import EVERY, SessionOwners
from tasks.settings import Settings
from tasks.video_hash import WATCH_S, VideoChangedError, VideoHashes, VideoState
from tasks.warehouse_writer import WarehouseWriter
from warehouse.errors import WarehouseBusyError
from warehouse.nights import MeasuredCount


@flow(
    name="ingest",
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
    method: MethodName | None = None,
    retry: Sequence[str] = (),
    take_over: Sequence[str] = (),
) -> dict[str, Any]:
    """Measure whatever is new in an inbox and load it.

    Args:
        inbox: holds TEAM/SESSION/session.toml; None: of the settings.
        home: holds all state; None: of the settings.
        alias: champion is the promoted release; another: the model versions that have it, whose numbers are stored
            beside the current ones. Resolved once, here.
        shard_s: the longest shard of a video that one process takes at a time.
        cross_check_frames: of each trial, that OpenSim's own solver solves, too.
        method: mqhmr, or keypoint_fit without a mesh; the others stop early, for their evaluation; None: that of the
            promoted release. Numbers of another are stored beside the current ones.
        retry: trials to take out of quarantine first; "all" takes every one.
        take_over: sessions that this inbox may take over from the folder that brought them; "all" for every one.

    Returns:
        The run's account, as `IngestRun.as_dict` gives it.

    Raises:
        BioposeError: another ingest is at work in this home, a model is missing, the inbox holds no session, or the
            networks would run on another device than before.
        ValueError: the inbox is no folder.
        TrialsFailedError: something failed that is not an input's fault; the rest is stored.
    """
    settings = Settings.load(home, inbox=inbox)
    started_by = f"the deployment {deployment.name}" if deployment.name else "biopose ingest"
    with as_night(settings.home, log=_show), ingest_log(settings, started_by=started_by) as night:
        close_crashed_runs(settings)
        interrupted = _complete_interrupted(settings)
        release = release_to_measure(settings, alias, method=method)
        options = IngestOptions(shard_s=shard_s, cross_check_frames=cross_check_frames, method=release.method)
        run = IngestRun(settings, settings.inbox, release, log=partial(_log, night), record=night.write)
        for line in (*interrupted, *release.notes):
            run.note(line)
        writer = WarehouseWriter(settings.warehouse, settings.snapshot)
        run.retry(retry)
        with run.part("discover and plan"):
            found = _discover(run)
            if any(entry.kind == "video" for entry in found.entries):
                for line in keep_device(settings):
                    run.note(line)
            _claim(found, run, take_over)
            erased_in = _leave_out_erased(found, run)
            _hide_withdrawn(found, run, writer, erased_in=erased_in)
            run.quarantine_invalid(found)
            for line in (*height_jumps(found.entries), *alike_names(found.sessions.values())):
                run.note(line)
            work = [
                (one, _new(share, one, run, options, writer))
                for share in shares_of(found.entries, settings, release)
                if (one := _release_of(share, run)) is not None
            ]
        if any(new for _, new in work):
            run.mlflow_run_id = begin_ingest(settings, settings.inbox.name)
        counts = [_measured(new, run, writer, release=one, options=options) for one, new in work if new]
        if release.is_promoted:
            retire(found, run, writer)
            watch(run, counts)
        publish(run, writer)
        with run.part("cohort"):
            refresh_derived(run, writer)
        renew_athletes_reports(run)
        prune_expired(run)
        with run.part("report"):
            report(run, options)
        night.write("ended", summary=run.summary)
    return run.as_dict()


def _log(night: IngestLog, line: str) -> None:
    """To the home's log, too."""
    night.write("line", text=line)
    _show(line)


def _show(line: str) -> None:
    """To the terminal, and to Prefect's page of the run."""
    print(line)
    get_run_logger().info(line)


def _complete_interrupted(settings: Settings) -> list[str]:
    try:
        return complete_interrupted(settings)
    except WarehouseBusyError as error:
        return [f"whether a promotion was interrupted is not known: {error}"]


def _discover(run: IngestRun) -> Discovered:
    """What lies in the inbox; where it holds no session, the page reports what it holds, and the run fails."""
    found = discover(run.inbox)
    try:
        run.report_unmatched(found)
    except BioposeError:
        publish_ingest(run.as_dict(), run.settings)
        raise
    return found


def _claim(found: Discovered, run: IngestRun, take_over: Sequence[str]) -> None:
    """Refuse sessions that another folder brought first, such as that of another inbox."""
    owners = SessionOwners(run.settings.home)
    for session_id, one in list(found.sessions.items()):
        try:
            owners.claim(session_id, one.manifest.parent, take_over=take_over)
        except BioposeError as error:
            found.refuse(session_id, error)
        except OSError as error:  # it vanished meanwhile
            found.refuse(session_id, ManifestError(f"{one.manifest}: cannot be read ({error.strerror})"))
    owners.save()
    for name in sorted(set(take_over) - {EVERY, *found.sessions}):
        run.note(f"--take-over {name}: the inbox holds no such session; it is TEAM/SESSION")


def _leave_out_erased(found: Discovered, run: IngestRun) -> set[str]:
    """Leave out who was erased; their names are in the manifests, and stay out of the home. The sessions of these."""
    left_out = leave_out_erased(found, ErasedPeople(run.settings.home))
    for session_id, count in left_out.items():
        run.note(
            f"{session_id}: {count} of its trials are of people who were erased, and are not measured; take them out "
            f"of {MANIFEST}, or run `biopose erase TEAM/ATHLETE --readmit` for who is to be measured again"
        )
    return set(left_out)


def _hide_withdrawn(
    found: Discovered, run: IngestRun, writer: WarehouseWriter, *, erased_in: Collection[str] = ()
) -> None:
    """Refuse and hide every trial of those who have not consented, and remove pictures that nobody agreed to.

    Args:
        found: in the inbox; changed in place.
        run: is told.
        writer: of the warehouse.
        erased_in: sessions whose manifests name somebody who was erased.
    """
    record = ConsentRecord(run.settings.home)
    known = record.withdrawn.keys()
    withdrawn = refuse_withdrawn(found, record, there=SessionOwners(run.settings.home).there())
    without = {trial.trial_id: trial.athlete_id for trial in found.refused if trial.kind == "consent"}
    reassigned = writer.reassign_trials({trial: who for trial, who in without.items() if who in withdrawn})
    hidden = writer.retire_people(withdrawn, trials=without)
    if withdrawn or without:
        publish(run, writer)  # at once, and again where it failed in the last night
    days = run.settings.withdrawn_days
    for athlete_id, count in hidden.items():
        run.note(
            f"{athlete_id} has not consented: {count} of their trials are no longer current, and are erased in "
            f"{days:g} days unless a newer session.toml says otherwise; `biopose erase {athlete_id}` does it now"
            if athlete_id in withdrawn
            else f"{athlete_id}: {count} of their trials are no longer current, as their own {MANIFEST} says that who "
            f"is in them has not consented; all others of {athlete_id} stay, and nothing is erased"
        )
    for athlete_id in set(record.overdue(after_days=days)).difference(record.due(after_days=days)):
        run.note(
            f"{athlete_id} withdrew consent {days:g} days ago and is erased once one more ingest finds it so; it does "
            f"not while a {MANIFEST} of the team cannot be read, or lies in another inbox"
        )
    for line in former_name_lines(run.settings, found, withdrawn - known, reassigned):
        run.note(line)
    trials = {entry.trial_id: entry.athlete_id for entry in found.entries}
    sessions = sessions_with(record.without_pictures, found) | set(erased_in)
    removed = remove_pictures(run.settings, record.without_pictures, trials=trials, sessions=sessions)
    if removed.own:
        run.note(f"{removed.own} overlays and reports were removed: who is in them has not agreed to pictures")
    if removed.others:
        run.note(
            f"{removed.others} overlays and reports of others were removed: somebody of their sessions has not agreed "
            "to pictures, or was erased, and may be seen in them; new overlays of the team show all but the measured "
            "person blurred"
        )


def _release_of(share: Share, run: IngestRun) -> PinnedRelease | None:
    """The release of a share; None where a model of it is gone: its trials wait, and the others are measured."""
    if share.fault is not None:
        for entry in share.entries:
            run.wait(entry.trial_id, share.fault)
        return None
    assert share.release is not None
    for line in share.release.notes if share.release is not run.release else ():
        run.note(line)
    return share.release


def _new(
    share: Share, release: PinnedRelease, run: IngestRun, options: IngestOptions, writer: WarehouseWriter
) -> list[Planned]:
    """The trials of a share that are to be measured."""
    planned = _plan(share.entries, run, release, replace(options, method=release.method))
    trials = _without_deleted(planned, run, writer)
    return run.not_loaded(trials, writer.loaded_runs(release.release_id))


def _measured(
    new: Sequence[Planned], run: IngestRun, writer: WarehouseWriter, *, release: PinnedRelease, options: IngestOptions
) -> MeasuredCount:
    """Measure a share; how many trials were stored, and how many could not be measured, whatever its release raised."""
    stored, unmeasured = len(run.stored), len(run.unmeasured)
    measure(new, run, writer, release=release, options=replace(options, method=release.method))
    return MeasuredCount(release.release_id, len(run.stored) - stored, len(run.unmeasured) - unmeasured)


def _plan(
    entries: Sequence[TrialEntry], run: IngestRun, release: PinnedRelease, options: IngestOptions
) -> list[Planned]:
    """Probe every recording; those that cannot be read go into quarantine."""
    hashes = VideoHashes(run.settings.home / "video_hashes.json")
    neurik = neurik_of_markers(run.settings, release) if any(entry.kind != "video" for entry in entries) else None
    trials, refused = [], []
    for entry in entries:
        states = {path: VideoState.of(path) for path in entry.inputs}
        try:
            trials.append(
                plan_trial(
                    entry,
                    models=release.models,
                    options=options,
                    settings=run.settings,
                    hashes=hashes,
                    neurik=None if entry.kind == "video" else neurik,
                )
            )
        except VideoChangedError as error:
            run.wait(entry.trial_id, error)
        except Exception as error:
            if (wrong := as_input_error(error, entry.inputs)) is None:
                raise
            refused.append((entry, states, wrong))
    hashes.save()
    if any(state and not state.is_settled for _, states, _ in refused for state in states.values()):
        time.sleep(WATCH_S)  # what is still being copied cannot be read: once for all, see whether they grow
    for entry, states, wrong in refused:
        changed = next((path for path, state in states.items() if state and state.differs(path)), None)
        if changed is not None:
            run.wait(entry.trial_id, VideoChangedError(changed))
        else:
            run.quarantine(entry.trial_id, wrong, stage="probe", athlete=entry.athlete_id)
    return trials


def _without_deleted(trials: Sequence[Planned], run: IngestRun, writer: WarehouseWriter) -> list[Planned]:
    """Leave out recordings that were deleted from their trials."""
    deleted = {(one.trial_id, one.video_sha256) for one in writer.deleted_trials()}
    kept = [trial for trial in trials if (trial.trial_id, trial.record["run"]["video_sha256"]) not in deleted]
    for trial_id in sorted({trial.trial_id for trial in trials} - {trial.trial_id for trial in kept}):
        run.note(
            f"{trial_id} was deleted and is not measured; take it out of {MANIFEST}, replace its recording, or "
            f"`biopose delete --restore {trial_id}`"
        )
    return kept


def measure(
    new: Sequence[Planned],
    run: IngestRun,
    writer: WarehouseWriter,
    *,
    release: PinnedRelease,
    options: IngestOptions,
    gives_way: Callable[[], bool] = lambda: False,
) -> None:
    """Take every new trial through its stages, with as many processes as there is work for.

    Args:
        new: planned with the release's models.
        run: keeps how each ends.
        writer: loads them.
        release: whose models measure.
        options: with its method.
        gives_way: asked between calls; once a night needs the machine, what is left waits.
    """
    settings = run.settings

    of_markers = [isinstance(trial, PlannedMarkers) for trial in new]
    # As planned, maybe hours ago: MLflow's alias champion may have been moved since.
    neurik = next((trial.neurik for trial in new if isinstance(trial, PlannedMarkers) and trial.neurik), None)

    @cache
    def method() -> PinnedMethod:
        return PinnedMethod.of(
            options.method,
            release.models,
            settings,
            cross_check_frames=options.cross_check_frames,
            neurik=neurik,
        )

    imports = (*(() if all(of_markers) else FOR_VIDEO), *(FOR_MARKERS if any(of_markers) else ()))
    schedule = Schedule(
        ranked(new),
        actors=lambda calls: ray_pool(settings, method(), at_most=calls),
        workers=lambda trials: dask_pool(settings, method(), at_most=trials, imports=imports),
        cores=settings.cores,
        gives_way=gives_way,
        began=run.begin_stage,
    )
    with run.part("work"):
        schedule.run(writer, run.mlflow_run_id, ended=run.record_outcome)
        if writer.due_in_s is not None:
            publish(run, writer)
        run.judge_unexpected()
    run.slots_busy = schedule.slots.busy_share("core")
