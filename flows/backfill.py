"""A backfill: stored history is measured anew with the promoted release, between nights.

What it stores becomes current trial by trial, since it is of the release in use. It gives way to a night at its next
trial, and whatever interrupts it, run again it goes on with what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from prefect import flow, get_run_logger

from flows.ingest import measure
from tasks.device_of_home import keep_device
from tasks.errors import TrialsFailedError
from tasks.ingest_run import IngestRun
from tasks.plan import Planned, PlannedTrial
from tasks.priority import Background, in_background
from tasks.promotion import complete_interrupted
from tasks.releases import PinnedRelease, release_to_measure
from tasks.settings import Settings
from tasks.stored_plan import by_options, plan_stored
from tasks.user_name import user_name
from tasks.warehouse_writer import WarehouseWriter
from warehouse.backfills import backfills, begin_backfill, note_backfilled, to_measure
from warehouse.connection import opened_for_writing, transaction
from warehouse.errors import ReleaseError, no_home
from warehouse.releases import canary, promoted_release
from warehouse.run_costs import run_options


@flow(name="backfill", persist_result=False)
def backfill(since: date, until: date, home: str | None = None) -> dict[str, Any]:
    """Measure the trials of a time with the promoted release, as far as that did not measure them.

    Args:
        since: the first date of their sessions.
        until: the last.
        home: holds all state; None: of the settings.

    Returns:
        The backfill, as `warehouse.backfills` has it, with `left` by trial id why one was left out.

    Raises:
        BioposeError: another rollout or backfill is at work here, or a model version is missing.
        ReleaseError: no release is promoted, a canary is in force, or another was promoted meanwhile.
        TrialsFailedError: something failed that no input caused; run it again.
    """
    settings = Settings.load(home)
    with in_background(settings.home, log=_log) as background:
        with background.turn():
            for line in complete_interrupted(settings):
                _log(line)
            release = _promoted(settings)
            with opened_for_writing(settings.warehouse) as connection, transaction(connection):
                number = begin_backfill(connection, release.release_id, since=since, until=until, who=user_name())
        run: IngestRun | None = None
        left_out: dict[str, str] = {}
        while run is None or run.gave_way:
            with background.turn():
                if _promoted(settings).release_id != release.release_id:
                    raise ReleaseError("another release was promoted meanwhile; run the backfill again for that one")
                run, left_out = _turn(settings, release, background, number, since=since, until=until)
        with background.turn():
            WarehouseWriter(settings.warehouse, settings.snapshot).publish()
            with opened_for_writing(settings.warehouse) as connection:
                row = next(one for one in backfills(connection) if one["number"] == number)
    if run.failed:
        name, error = next(iter(run.failed.items()))
        raise TrialsFailedError(
            f"{len(run.failed)} trials failed for no fault of theirs, the first {name} ({error}); the rest is stored. "
            "Mend the cause and run the backfill again"
        )
    return {**row, "home": str(settings.home), "left": left_out}


def _log(line: str) -> None:
    print(line)
    get_run_logger().info(line)


def _promoted(settings: Settings) -> PinnedRelease:
    if not settings.warehouse.is_file():
        raise no_home(settings.home)
    with opened_for_writing(settings.warehouse) as connection:
        if canary(connection) is not None:
            raise ReleaseError(
                "a canary is in force, so that two releases are in use: promote its candidate or roll it back, then "
                "run the backfill"
            )
        if promoted_release(connection) is None:
            raise ReleaseError("no release is in use here yet; `biopose ingest INBOX` makes the first")
    return release_to_measure(settings)


def _turn(
    settings: Settings, release: PinnedRelease, background: Background, number: int, *, since: date, until: date
) -> tuple[IngestRun, dict[str, str]]:
    """Measure what is left until a night comes."""
    with opened_for_writing(settings.warehouse) as connection:
        todo = to_measure(connection, release.release_id, since=since, until=until)
        options = run_options(connection)  # with others, the next night would measure them once more
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    plans, left_out = plan_stored(todo, [release], settings, options)  # those left out keep their numbers
    planned = [one for (one,) in plans.values()]
    for line in keep_device(settings) if any(isinstance(one, PlannedTrial) for one in planned) else ():
        _log(f"  note         {line}")
    for one in _deleted(planned, writer):
        planned.remove(one)
        left_out[one.trial_id] = "the recording that lies there was deleted from it"
    run = IngestRun(settings, settings.inbox, release, log=_log)
    new = run.not_loaded(planned, writer.loaded_runs(release.release_id))
    _log(f"  backfill     {len(todo)} trials are not measured yet, {len(new)} of them can be")
    for same, trials in by_options(new, release.method).items():
        measure(trials, run, writer, release=release, options=same, gives_way=background.gives_way)
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        note_backfilled(
            connection,
            number,
            failed=len(run.quarantined),
            left_out=len(left_out),
            is_over=not (run.gave_way or run.failed or run.unloaded or run.waiting),
        )
    for name, message in left_out.items():
        _log(f"  left out     {name}: {message}")
    if run.gave_way:
        _log(f"  gives way    to an ingest; {len(run.waiting)} trials are still to be measured")
    return run, left_out


def _deleted(trials: Sequence[Planned], writer: WarehouseWriter) -> list[Planned]:
    """Those whose recording was deleted from the trial, and lies there again."""
    deleted = {(one.trial_id, one.video_sha256) for one in writer.deleted_trials()}
    return [one for one in trials if (one.trial_id, one.record["run"]["video_sha256"]) in deleted]
