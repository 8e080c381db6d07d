"""`biopose rollout`: a candidate release is measured in the shadow, compared, decided on, promoted or rolled back."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from datetime import datetime
from functools import partial, wraps
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import EXISTING, Commands, as_json, show
from biopose.reconstruction.method_names import EVALUATED_METHOD_HELP, EVALUATED_METHODS, MethodName
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import refuse_without_warehouse, with_home
from flows.cli.model_version import ModelVersion
from flows.cli.rollout_text import backfill_lines, status_lines

if TYPE_CHECKING:
    from tasks.audit import Act
    from tasks.settings import Settings
    from warehouse.canary import Unit

Flow = Callable[..., dict[str, Any]]

UNITS: tuple[Unit, ...] = ("athlete", "team", "trial")
NOT_PASSED = 3  # the exit code where the gate did not pass a candidate

with_reason = click.option("--reason", required=True, help="Kept with the act.")
against_the_gate = click.option("--reason", help="Needed against the gate, and kept for ever.")


@click.group(cls=Commands)
def rollout() -> None:
    """Bring a new model version to everybody safely, or not at all.

    A release is a method with exact model versions. `start` measures a sample of stored trials with a candidate release
    beside the promoted one, compares them and decides by a policy; nothing that is shown changes. `canary` shows its
    numbers to a share, `promote` to all; `rollback` shows those of the release before again. Each takes seconds. Nights
    after it watch the release and roll it back by themselves where it surely drifts beyond the policy's bounds.

    \b
    Examples:
      biopose rollout start --model mqhmr=2 --why "trained on twice the motions"
      biopose rollout canary --share 0.1
      biopose rollout promote
      biopose rollout rollback --reason "knee angles of sprints jump"
      biopose rollout backfill --since 2026-01-01
    """


def command_of_home(function: Callable[..., None]) -> click.Command:
    """A command of the group, on a home."""
    return rollout.command()(with_home(function))


def act(recorded_as: Act) -> Callable[[Callable[..., object]], click.Command]:
    """A command that changes what is shown, held by the home's lock and recorded; then it shows how things stand.

    Args:
        recorded_as: in the audit log.
    """

    def command_of(change: Callable[..., object]) -> click.Command:
        @wraps(change)
        def command(home: Path | None, json_: bool, **given: Any) -> None:
            found = _changed(home, partial(change, **given), recorded_as)
            show(found, json_=json_, lines=lambda: status_lines(found, comparison=False))

        return command_of_home(command)

    return command_of


@command_of_home
@click.option("--method", type=click.Choice(EVALUATED_METHODS), help=f"{EVALUATED_METHOD_HELP} By default unchanged.")
@click.option(
    "--model", "models", multiple=True, type=ModelVersion(), help="STAGE=VERSION; stages not named stay as they are."
)
@click.option("--alias", help="The model versions that have this alias are the candidate's.")
@click.option("--name", help="Of the candidate release; else from its method and hash.")
@click.option("--trials", default=40, show_default=True, type=click.IntRange(1), help="Most trials of the sample.")
@click.option(
    "--budget-frames",
    "--frames",
    "frames",
    type=click.IntRange(1),
    help="Most frames of the sample; no limit by default.",
)
@click.option(
    "--budget-minutes",
    "minutes",
    type=click.FloatRange(0, min_open=True),
    help="Most minutes of processor time that the shadow spends; no limit by default.",
)
@click.option(
    "--policy",
    type=EXISTING,
    help="The gate's policy: a changed copy of tasks/gate_policy.toml, which holds otherwise.",
)
@click.option("--why", default="", help="Recorded with the rollout.")
@as_json
def start(
    home: Path | None,
    method: MethodName | None,
    models: tuple[tuple[str, int], ...],
    alias: str | None,
    name: str | None,
    trials: int,
    frames: int | None,
    minutes: float | None,
    policy: Path | None,
    why: str,
    json_: bool,
) -> None:
    """Start a rollout, or go on with the one that is open: shadow, compare, gate.

    The golden set is sampled first, then trials of every activity, team, camera and quality. What the candidate shares
    with the promoted release is not made again and counts for no budget of minutes: of other weights of MQ-HMR, who was
    located; of another NeurIK, all but the angles. What was pruned is made again, and counts. Once the minutes are
    spent, no further trial is begun.

    The exit code is 0 where the gate passes the candidate, 3 where it does not.

    \b
    Examples:
      biopose rollout start --model mqhmr=2 --why "trained on twice the motions"
      biopose rollout start --method keypoint_fit --trials 100 --budget-minutes 30
      biopose rollout start
    """
    from tasks.settings import Settings

    settings = Settings.load(home)
    status = _run(
        _rollout_flow,
        settings,
        json_=json_,
        method=method,
        models=dict(models) or None,
        alias=alias,
        name=name,
        most_trials=trials,
        most_frames=frames,
        most_minutes=minutes,
        policy=str(policy) if policy else None,
        why=why,
    )
    show(status, json_=json_, lines=lambda: status_lines(status))
    if status["rollout"]["verdict"] != "pass":
        raise click.exceptions.Exit(NOT_PASSED)


@command_of_home
@as_json
def status(home: Path | None, json_: bool) -> None:
    """Where the last rollout stands, how it got there, and what is current.

    \b
    Example:
      biopose rollout status --home /data/biopose
    """
    from tasks.rollout_status import rollout_status
    from tasks.settings import Settings

    with as_one_line():
        found = rollout_status(Settings.load(home))
    show(found, json_=json_, lines=lambda: status_lines(found))


@command_of_home
@as_json
def report(home: Path | None, json_: bool) -> None:
    """Write the page of the last comparison: what changes, for whom, by how much, the worst trials.

    \b
    Example:
      biopose rollout report
    """
    from tasks.rollout_status import write_page
    from tasks.settings import Settings

    with as_one_line():
        page = write_page(Settings.load(home))
    show({"page": str(page)}, json_=json_, lines=lambda: [str(page)])


@act("canary")
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    help="Of all athletes, or of what --of names; 0.1 is a tenth.",
)
@click.option("--of", "unit", type=click.Choice(UNITS), default="athlete", show_default=True, help="Unit of the share.")
@click.option("--team", "teams", multiple=True, help="A team that is in it besides.")
@against_the_gate
@as_json
def canary(settings: Settings, share: float | None, unit: Unit, teams: tuple[str, ...], reason: str | None) -> None:
    """Show the candidate's numbers to a share first; nights measure these trials with it, all others as before.

    Who is chosen follows from a hash, so that it is the same every night; a larger share holds the smaller one. The
    release of each trial is a column of `trial`, and series mark where it changes. `promote` goes on to all, `rollback`
    and `abort` show exactly what was shown before.

    \b
    Examples:
      biopose rollout canary --share 0.1
      biopose rollout canary --team blue
    """
    from tasks.promotion import show_canary

    if share is None and not teams:
        raise click.UsageError("a canary needs --share or --team")
    show_canary(settings, share=share or 0.0, unit=unit, teams=teams, reason=reason)


@act("promote")
@against_the_gate
@as_json
def promote(settings: Settings, reason: str | None) -> None:
    """Make the candidate of the last rollout the release in use.

    Each trial then shows the last release that measured it: those of the sample the candidate's numbers, the others
    theirs, until an ingest measures them. The next ingest measures with the candidate.

    \b
    Examples:
      biopose rollout promote
      biopose rollout promote --reason "the margin of hip_flexion is too narrow for squats"
    """
    from tasks.promotion import promote

    promote(settings, reason=reason)


@act("roll back")
@with_reason
@as_json
def rollback(settings: Settings, reason: str) -> None:
    """End the canary, else make the release before the promoted one the release in use; trials show what they showed.

    Trials that the later release alone measured are not current until an ingest measures them.

    \b
    Example:
      biopose rollout rollback --reason "knee angles of sprints jump"
    """
    from tasks.promotion import roll_back

    roll_back(settings, reason=reason)


@act("abort")
@with_reason
@as_json
def abort(settings: Settings, reason: str) -> None:
    """End the open rollout, with its canary; what its candidate measured stays stored, and not current.

    \b
    Example:
      biopose rollout abort --reason "wrong version"
    """
    from tasks.promotion import abort

    abort(settings, reason=reason)


@act("finish")
@with_reason
@as_json
def finish(settings: Settings, reason: str) -> None:
    """End the watch of a promoted release before its nights are over; the release stays.

    \b
    Example:
      biopose rollout finish --reason "checked by hand"
    """
    from tasks.promotion import finish

    finish(settings, reason=reason)


@command_of_home
@click.option("--since", required=True, type=click.DateTime(["%Y-%m-%d"]), help="First date of the sessions.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last date; else today.")
@as_json
def backfill(home: Path | None, since: datetime, until: datetime | None, json_: bool) -> None:
    """Measure stored history anew with the promoted release, between nights; run again, it goes on.

    The numbers of each trial become current as it is stored. Trials whose manifest or recording is gone keep theirs,
    and are listed.

    \b
    Examples:
      biopose rollout backfill --since 2026-01-01
      biopose rollout backfill --since 2026-01-01 --until 2026-06-30
    """
    from tasks.settings import Settings

    last = (until or datetime.now()).date()
    if last < since.date():
        raise click.UsageError(f"--until {last} lies before --since {since.date()}")
    settings = Settings.load(home)
    found = _run(_backfill_flow, settings, json_=json_, since=since.date(), until=last)
    show(found, json_=json_, lines=lambda: backfill_lines(found))
    if found["failed"] or found["ended_at"] is None:
        raise click.exceptions.Exit(NOT_PASSED)


def _rollout_flow() -> Flow:
    from flows.rollout import rollout as flow

    return flow


def _backfill_flow() -> Flow:
    from flows.backfill import backfill as flow

    return flow


def _run(load: Callable[[], Flow], settings: Settings, /, *, json_: bool, **given: Any) -> dict[str, Any]:
    """The result of a flow, which is imported while its server starts; JSON is all that stdout gets."""
    from biopose.io.loading import without_garbage_collection
    from flows.serving.ingest_server import ingest_server

    refuse_without_warehouse(settings)
    with as_one_line(), ingest_server(settings, partial(click.echo, err=True)) as wait_until_ready:
        with without_garbage_collection():
            from tasks.registration import register_once

            flow = load()
            register_once(settings)
        wait_until_ready()
        with redirect_stdout(StringIO()) if json_ else nullcontext():
            return flow(home=str(settings.home), **given)


def _changed(home: Path | None, change: Callable[[Settings], object], act: Act) -> dict[str, Any]:
    """How things stand after a change of the home."""
    from biopose.io.loading import without_garbage_collection

    with as_one_line(), without_garbage_collection(stays=False):  # loading MLflow's client is most of what an act takes
        from tasks.audit import AuditLog
        from tasks.locks import exclusive
        from tasks.rollout_status import rollout_status
        from tasks.settings import Settings
        from tasks.user_name import user_name
        from warehouse.errors import DoneAlreadyError

        settings = Settings.load(home)
        refuse_without_warehouse(settings)
        with exclusive(settings.home):
            before = ""
            try:
                change(settings)
            except DoneAlreadyError as done:
                click.echo(f"Nothing was left to do: {done}", err=True)
                before = ", as before: nothing was left to do"
            found = rollout_status(settings)
            AuditLog(settings.home).append(user_name(), act, f"release in use: {found['promoted']}{before}")
    return found
