"""`biopose rollout`: a candidate release is measured in the shadow, compared, decided on, promoted or rolled back."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import EXISTING, Commands, as_json, show
from biopose.reconstruction.method_names import EVALUATED_METHOD_HELP, EVALUATED_METHODS, MethodName
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import with_home
from flows.cli.model_version import ModelVersion

if TYPE_CHECKING:
    from tasks.audit import Act

NOT_PASSED = 3  # the exit code where the gate did not pass a candidate

with_reason = click.option("--reason", required=True, help="Kept with the act.")


@click.group(cls=Commands)
def rollout() -> None:
    """Bring a new model version to everybody safely, or not at all.

    A release is a method with exact model versions. `start` measures a sample of stored trials with a candidate release
    beside the promoted one, compares them and decides by a policy; nothing that is shown changes. `promote` makes the
    candidate's numbers current, `rollback` those of the release before, each in seconds.

    \b
    Examples:
      biopose rollout start --model mqhmr=2 --why "trained on twice the motions"
      biopose rollout promote
      biopose rollout rollback --reason "knee angles of sprints jump"
    """


@rollout.command()
@with_home
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
    help="Most minutes of processor time, as the promoted release took; no limit by default.",
)
@click.option("--policy", type=EXISTING, help="The gate's policy, TOML; else the one that ships.")
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

    The exit code is 0 where the gate passes the candidate, 3 where it does not.

    \b
    Examples:
      biopose rollout start --model mqhmr=2 --why "trained on twice the motions"
      biopose rollout start --method keypoint_fit --trials 100
      biopose rollout start
    """
    from flows.serving.ingest_server import ingest_server
    from tasks.registration import register_once
    from tasks.settings import Settings

    settings = Settings.load(home)
    with as_one_line(), ingest_server(settings, partial(click.echo, err=True)) as wait_until_ready:
        from flows.rollout import rollout as flow

        register_once(settings)  # while the server starts
        wait_until_ready()
        with redirect_stdout(StringIO()) if json_ else nullcontext():
            status = flow(
                home=str(settings.home),
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


@rollout.command()
@with_home
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


@rollout.command()
@with_home
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


@rollout.command()
@with_home
@click.option("--reason", help="Needed against the gate, and kept for ever.")
@as_json
def promote(home: Path | None, reason: str | None, json_: bool) -> None:
    """Make the candidate of the last rollout the release in use.

    Each trial then shows the last release that measured it: those of the sample the candidate's numbers, the others
    theirs, until an ingest measures them. The next ingest measures with the candidate.

    \b
    Examples:
      biopose rollout promote
      biopose rollout promote --reason "the margin of hip_flexion is too narrow for squats"
    """
    from tasks.promotion import promote as act

    _change(home, "promote", lambda settings: act(settings, reason=reason), json_=json_)


@rollout.command()
@with_home
@with_reason
@as_json
def rollback(home: Path | None, reason: str, json_: bool) -> None:
    """Make the release before the promoted one the release in use; every trial shows what it showed then.

    Trials that the later release alone measured are not current until an ingest measures them.

    \b
    Example:
      biopose rollout rollback --reason "knee angles of sprints jump"
    """
    from tasks.promotion import roll_back as act

    _change(home, "roll back", lambda settings: act(settings, reason=reason), json_=json_)


@rollout.command()
@with_home
@with_reason
@as_json
def abort(home: Path | None, reason: str, json_: bool) -> None:
    """End the open rollout; what its candidate measured stays stored, and not current.

    \b
    Example:
      biopose rollout abort --reason "wrong version"
    """
    from tasks.promotion import abort as act

    _change(home, "abort", lambda settings: act(settings, reason=reason), json_=json_)


def status_lines(status: Mapping[str, Any]) -> list[str]:
    """The status as text."""
    shown = ", ".join(f"{count} show {name}" for name, count in status["trials_shown"].items())
    lines = [f"In use: {status['promoted'] or 'none yet'}; of the current trials {shown or 'none'}"]
    lines += [
        f"  {act['at'][:19]}  {act['act']:<9} {act['release']}{', against the gate' * act['against_the_gate']}, by "
        f"{act['who']}: {act['why']}"
        for act in status["acts"]
    ]
    if status["interrupted"]:
        lines.append(f"  interrupted: {status['interrupted']}; the next ingest or rollout command completes it")
    rollout = status["rollout"]
    if rollout is None:
        return [*lines, "No rollout yet: biopose rollout start --model STAGE=VERSION"]
    counts = ", ".join(f"{count} {outcome}" for outcome, count in rollout["sample"].items())
    lines.append(
        f"Rollout {rollout['number']}: {rollout['champion']} -> {rollout['candidate']}, at {rollout['state']}; {counts}"
    )
    if rollout["comparison"]:
        lines += _decision_lines(rollout["comparison"]["decision"])
    lines += [f"  {one['at'][:19]}  {one['to']:<9} {one['who']}: {one['why']}" for one in rollout["transitions"]]
    if rollout["verdict"]:
        lines.append(f"Page: {rollout['page']}")
    if rollout["state"] == "gate" and rollout["verdict"] == "pass":
        lines.append("Next: biopose rollout promote")
    elif rollout["state"] == "gate" and rollout["verdict"]:  # a promotion against the gate was taken back
        lines.append("Next: biopose rollout abort --reason WHY, or against the gate: promote --reason WHY")
    return lines


def _decision_lines(decision: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Gate (look {decision['look']}, level {decision['level']:.3g}): {decision['line']}",
        f"  {decision['reason']}",
    ]
    shown = [one for one in decision["judged"] if not _is_quiet(one)]
    for one in shown:
        ends = " to ".join("unknown" if one[end] is None else f"{one[end]:+.3g}" for end in ("low_end", "high_end"))
        mean = "unknown" if one["mean"] is None else f"{one['mean']:+.3g}"
        more = f", {one['more_trials']} more trials" if one["more_trials"] else ""
        lines.append(f"  {one['name']:<48} {mean:>8} {one['unit']:<5} ({ends}): {one['verdict']}{more}")
    if quiet := len(decision["judged"]) - len(shown):
        lines.append(
            f"  {quiet} criteria of groups and of small golden sets, none beyond its bound; all are on the page"
        )
    return lines


def _is_quiet(one: Mapping[str, Any]) -> bool:
    """Whether a criterion that can only stop a candidate does not, by its mean."""
    low, high = (-math.inf if one["low"] is None else one["low"]), (math.inf if one["high"] is None else one["high"])
    within = one["mean"] is None or low <= one["mean"] <= high
    return bool(one["may_only_fail"] and one["verdict"] != "fail" and within)


def _change(home: Path | None, name: Act, act: Any, *, json_: bool) -> None:
    """An act on the home, held by its lock and recorded; then how things stand."""
    from tasks.audit import AuditLog
    from tasks.locks import exclusive
    from tasks.rollout_status import rollout_status
    from tasks.settings import Settings
    from tasks.user_name import user_name

    settings = Settings.load(home)
    with as_one_line(), exclusive(settings.home):
        act(settings)
        found = rollout_status(settings)
        AuditLog(settings.home).append(user_name(), name, f"release in use: {found['promoted']}")
    show(found, json_=json_, lines=lambda: status_lines(found))
