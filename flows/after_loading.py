"""What an ingest does once its trials are loaded: retire, watch, publish, derive, write reports, prune, report.

Everything is stored by then. So where a step fails, a note says what is lacking, and the night ends as without it; the
next one makes up for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from prefect import get_run_logger

from biopose.errors import BioposeError
from tasks.cohort import refresh
from tasks.errors import TrialsFailedError
from tasks.ingest_page import publish_ingest
from tasks.ingest_record import end_ingest
from tasks.ingest_run import IngestRun
from tasks.plan import Discovered, IngestOptions
from tasks.retention import prune, pruned_line
from tasks.session_owners import SessionOwners
from tasks.warehouse_writer import WarehouseWriter
from warehouse.errors import WarehouseBusyError, WarehouseError
from warehouse.nights import MeasuredCount

_LOG = logging.getLogger("biopose.ingest")


def retire(found: Discovered, run: IngestRun, writer: WarehouseWriter) -> None:
    """Retire the trials that their manifests no longer name, and those of sessions that were renamed."""
    named = {name: one.session.trial_ids for name, one in found.sessions.items() if one.session}
    try:
        retired = writer.retire(named, there=SessionOwners(run.settings.home).there())
    except WarehouseBusyError as error:
        run.log(f"  trials that manifests no longer name stay current until the next run: {error}")
        return
    for one in retired:
        why = (
            f"it is {one.renamed_to} now"
            if one.renamed_to
            else "its manifest no longer names it; named again, it is current again"
        )
        run.note(f"{one.trial_id} is no longer current: {why}")


def watch(run: IngestRun, counts: Sequence[MeasuredCount]) -> None:
    """Record the night; where a release is watched, judge it by what was measured, and roll back a breach.

    Where that cannot be, such as by the policy of an earlier version, the night is reported all the same.
    """
    from tasks.watch import watch_night

    with _reported_all_the_same(run, "this night counts in no watch of a release"):
        for line in watch_night(run.settings, counts):
            run.note(line)


def publish(run: IngestRun, writer: WarehouseWriter) -> None:
    """Publish the snapshot; where another process has the database open, the last one stays."""
    try:
        writer.publish()
    except WarehouseBusyError as error:
        run.log(f"  queries read the last snapshot: {error}")


def renew_athletes_reports(run: IngestRun) -> None:
    """Write the reports of athletes whose trials changed; without them the night is complete nevertheless."""
    if not (run.settings.reports_after_nights and run.release.is_promoted):
        return
    from flows.reports import renew_reports  # it imports the pages

    what = "reports of athletes could not be written, while everything is stored; `biopose report` writes one"
    with _reported_all_the_same(run, what), run.part("athletes' reports"):
        written, removed = renew_reports(run.settings)
        if written or removed:
            run.log(f"  reports      {written} written, {removed} removed in {run.settings.reports}")


def refresh_derived(run: IngestRun, writer: WarehouseWriter) -> None:
    """Derived tables; without them queries compute the same themselves, so the next run may make up for this one."""
    if not run.settings.snapshot.is_file():
        return
    with _reported_all_the_same(run, "derived tables are not refreshed"):
        refresh(run.settings, writer, run.log)


def prune_expired(run: IngestRun) -> None:
    """Remove what has expired; the next run removes what stays."""
    with _reported_all_the_same(run, "what has expired is not removed"):
        if line := pruned_line(prune(run.settings)):
            run.log(f"  pruned       {line}")


@contextmanager
def _reported_all_the_same(run: IngestRun, what: str) -> Iterator[None]:
    """For what follows the storing: where it fails, a note says so, and the night is reported and ends as without it.

    Args:
        run: of the night.
        what: is lacking then.
    """
    try:
        yield
    except (BioposeError, WarehouseError) as error:
        run.note(f"{what}: {error}")
    except Exception as error:
        _LOG.exception("%s", what)
        run.note(f"{what}: {type(error).__name__}: {error}")


def report(run: IngestRun, options: IngestOptions) -> None:
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
