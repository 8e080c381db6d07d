"""`biopose ingest`: run the ingestion now."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext, redirect_stdout, suppress
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import as_json, is_quiet, show, with_quiet
from biopose.cli.inbox import any_to_do, unmatched_lines
from biopose.errors import BioposeError
from biopose.io.file_names import escaped
from biopose.reconstruction.method_names import EVALUATED_METHOD_HELP, EVALUATED_METHODS, MethodName
from flows.cli.home_option import with_home

if TYPE_CHECKING:
    from tasks.settings import Settings

SOME_NOT_STORED = 3  # the exit code for "the rest is stored"


@click.command()
@click.argument("inbox", type=click.Path(file_okay=False, path_type=Path))
@with_home
@click.option(
    "--alias",
    default="champion",
    show_default=True,
    help="champion: the promoted release. Another: the model versions with that alias, whose numbers are not current.",
)
@click.option(
    "--method",
    type=click.Choice(EVALUATED_METHODS),
    help=f"{EVALUATED_METHOD_HELP} By default that of the promoted release; numbers of another are not current.",
)
@click.option(
    "--retry", multiple=True, metavar="TRIAL", help="A trial to take out of quarantine; `all` takes every one."
)
@click.option(
    "--take-over",
    multiple=True,
    metavar="SESSION",
    help="A session TEAM/SESSION that another folder brought first and INBOX now owns; `all` for every one.",
)
@with_quiet
@as_json
def ingest(
    inbox: Path,
    home: Path | None,
    alias: str,
    method: MethodName | None,
    retry: tuple[str, ...],
    take_over: tuple[str, ...],
    json_: bool,
) -> None:
    """Measure whatever is new in INBOX and load it into the warehouse.

    INBOX holds TEAM/SESSION/session.toml beside the videos, or recordings of markers (.c3d, .trc) or of 3D keypoints;
    `biopose inbox init` writes an example. Of markers and keypoints the processor alone is needed: no network on images
    starts for them. What was measured before, with the same models, configuration and code, is not measured again; to
    resume an interrupted run, run the command again. A trial that cannot be processed goes into quarantine, the others
    are stored, and the exit code is 3; so it is where something in INBOX belongs to no trial, a file is still being
    copied, or the warehouse is open elsewhere. An inbox without a session is an error.

    Numbers become current where they are measured with the promoted release (`biopose rollout`); those of any other are
    stored beside them.

    A session belongs to the folder that brought it first. A trial that its session.toml no longer names is no longer
    current in the warehouse, and is again once it is named again; a renamed trial is recognised by its video.

    \b
    Examples:
      biopose ingest inbox
      biopose ingest inbox --home /data/biopose --json
      biopose ingest inbox --retry blue/2026-11-25-jumps/jump1
    """
    from tasks.errors import TrialsFailedError
    from warehouse.errors import WarehouseError

    try:
        account = run_ingest(
            inbox, home=home, alias=alias, method=method, retry=retry, take_over=take_over, quiet=json_ or is_quiet()
        )
    except (WarehouseError, TrialsFailedError) as error:
        raise click.ClickException(str(error)) from error
    show(account, json_=json_, lines=lambda: account_lines(account))
    if any(account[part] for part in ("quarantined", "unloaded", "waiting")) or any_to_do(account["unmatched"]):
        raise click.exceptions.Exit(SOME_NOT_STORED)


def run_ingest(
    inbox: Path,
    *,
    home: Path | None,
    alias: str = "champion",
    method: MethodName | None = None,
    retry: tuple[str, ...] = (),
    take_over: tuple[str, ...] = (),
    quiet: bool = False,
) -> dict[str, Any]:
    """Run the flow in this process.

    Args:
        inbox: of sessions.
        home: that holds all state; None: of the settings.
        alias: of the model versions.
        method: of measuring; None: that of the promoted release.
        retry: trials to take out of quarantine.
        take_over: sessions that the inbox takes over.
        quiet: print no progress.

    Raises:
        BioposeError: as the flow does.
        ValueError: the inbox is no folder.
    """
    from biopose.io.loading import without_garbage_collection
    from flows.serving.ingest_server import ingest_server
    from tasks.reachable import unreachable_engines
    from tasks.settings import Settings

    if not str(inbox.resolve()).isprintable():
        raise click.UsageError(f"{escaped(str(inbox))}: its path is no printable UTF-8; rename the folder")
    if not inbox.is_dir():
        raise click.UsageError(f"{inbox}: no such folder; give the inbox that holds TEAM/SESSION/session.toml")
    settings = Settings.load(home)
    for line in unreachable_engines(settings):  # now: the server of the run takes longer to start
        click.echo(line, err=True)
    with ingest_server(settings, partial(click.echo, err=True)) as wait_until_ready:
        with without_garbage_collection():  # while the server starts
            from flows.ingest import ingest as flow
            from tasks.registration import register_once

            register_once(settings)
        _begin_ahead(inbox.resolve(), settings, is_retry=bool(retry))
        wait_until_ready()
        with redirect_stdout(StringIO()) if quiet else nullcontext():
            account: dict[str, Any] = flow(
                inbox=str(inbox.resolve()),
                home=str(settings.home),
                alias=alias,
                method=method,
                retry=list(retry),
                take_over=list(take_over),
            )
    account["notes"] += _erase_withdrawn(settings)
    return account


def _erase_withdrawn(settings: Settings) -> list[str]:
    """Erase who withdrew consent and whose grace is over, a line each; a running `biopose up` does so itself."""
    from tasks.locks import exclusive, holder
    from tasks.withdrawals import erase_withdrawn, who_is_to_be_erased
    from warehouse.errors import WarehouseError

    try:
        if not who_is_to_be_erased(settings) or holder(settings.home, "up"):
            return []
        with exclusive(settings.home), exclusive(settings.home, "up"):
            return [f"{one.athlete_id}: {line}" for one in erase_withdrawn(settings) for line in one.lines]
    except (BioposeError, WarehouseError, OSError) as error:
        return [f"who withdrew consent is not erased yet, and the next ingest tries again: {error}"]


def _begin_ahead(inbox: Path, settings: Settings, *, is_retry: bool) -> None:
    """While the server starts, which keeps one core busy: imports for the workers, where a video will be measured."""
    from tasks.dask_pool import import_ahead
    from tasks.plan import has_new_video
    from tasks.quarantine import Quarantine
    from tasks.video_hash import VideoHashes

    if settings.dask_address:
        return
    with suppress(BioposeError, ValueError, OSError):  # the flow reports what is wrong with an inbox
        quarantined = () if is_retry else {record.name for record in Quarantine(settings.quarantine)}
        if has_new_video(inbox, VideoHashes(settings.home / "video_hashes.json"), quarantined=quarantined):
            import_ahead()


def account_lines(account: Mapping[str, Any]) -> list[str]:
    """The result of the run as text."""
    stored, aside = account["stored"], account["quarantined"]
    lines = [
        f"{len(stored)} stored, {len(account['known'])} unchanged, {len(aside)} in quarantine; "
        f"{account['frames']:.0f} frames in {account['seconds']:.0f} s ({account['frames_per_s']:.1f} frames/s)"
    ]
    lines += unmatched_lines(account["unmatched"])
    if account["unloaded"]:
        lines += ["Measured, not loaded; run the ingest again to load:"]
        lines += [f"  {name}: {why}" for name, why in account["unloaded"].items()]
    if account["waiting"]:
        lines += ["Left for the next run:", *(f"  {name}: {why}" for name, why in account["waiting"].items())]
    lines += [f"Note: {note}" for note in account["notes"]]
    by_message: dict[str, list[Mapping[str, Any]]] = {}
    for record in aside:
        by_message.setdefault(record["message"], []).append(record)
    for message, records in by_message.items():  # one static trial may refuse all trials of a session
        lines += [f"In quarantine: {record['name']} ({record['kind']})" for record in records]
        lines += [f"  {message}", *(f"  {record['retry']}" for record in records)]
    if stored:
        lines += ["Overlays, and reports of what has none:"]
        lines += [f"  {trial.get('overlay', trial['report'])}" for trial in stored]
        lines.append(f"Next: biopose query quality_overview --home {account['home']}")
    return lines
