"""`biopose delete`: a wrong upload is shown no longer, and can be restored for a time."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from biopose.cli.command_line import as_json, show
from biopose.cli.given_options import refuse_unused
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import refuse_without_warehouse, with_home

if TYPE_CHECKING:
    from tasks.settings import Settings
    from warehouse.deleted import DeletedTrial


@click.command()
@click.argument("names", nargs=-1, metavar="[TRIAL|SESSION]...")
@click.option("--restore", is_flag=True, help="Show what was deleted again.")
@click.option("--list", "list_", is_flag=True, help="List the trials that were deleted.")
@with_home
@as_json
def delete(names: tuple[str, ...], restore: bool, list_: bool, home: Path | None, json_: bool) -> None:
    """Show a TRIAL team/session/trial, or all of a SESSION team/session, no longer: a wrong upload, for instance.

    It disappears from queries, exports and pages at once, and the same recording is not measured again; another under
    the same name is. For BIOPOSE_DELETED_DAYS, by default 30, --restore shows it again as it was; then the next ingest,
    or `biopose prune`, removes its rows and files for good. To remove a person at once, use `biopose erase`. What was
    interrupted is completed by running it again.

    \b
    Examples:
      biopose delete blue/2026-11-25-jumps/jump1
      biopose delete --restore blue/2026-11-25-jumps/jump1
      biopose delete --list --home /data/biopose
    """
    from tasks.settings import Settings

    settings = Settings.load(home)
    refuse_without_warehouse(settings)
    if list_:
        refuse_unused("with --list", "names", "restore")
        _list(settings, json_=json_)
        return
    if not names:
        raise click.UsageError("give a trial or a session, or --list")
    _change(settings, names, restore=restore, json_=json_)


def _change(settings: Settings, names: tuple[str, ...], *, restore: bool, json_: bool) -> None:
    from tasks.audit import AuditLog, People
    from tasks.locks import exclusive
    from tasks.user_name import user_name
    from warehouse.deleted import delete_trials, restore_trials
    from warehouse.snapshot import publish_snapshot

    with as_one_line(), exclusive(settings.home):
        if restore:
            changed = restore_trials(settings.warehouse, names)
        else:
            changed = delete_trials(settings.warehouse, names, who=user_name())
        publish_snapshot(settings.warehouse, settings.snapshot)
        AuditLog(settings.home).append(
            user_name(), "restore" if restore else "delete", "trials", People(trials=changed.all)
        )
    done, before = ("shown again", "is shown already") if restore else ("no longer shown", "was deleted before")
    lines = [*(f"{trial} is {done}" for trial in changed.now), *(f"{trial} {before}" for trial in changed.before)]
    if changed.now and not restore:
        lines.append(
            f"For {settings.deleted_days:g} days `biopose delete --restore` takes it back; then it is removed for good"
        )
    show({"restored" if restore else "deleted": list(changed.all)}, json_=json_, lines=lambda: lines)


def _list(settings: Settings, *, json_: bool) -> None:
    from warehouse.deleted import published_deleted_trials

    with as_one_line():
        found = published_deleted_trials(settings.snapshot)
    listed = [
        {
            "trial_id": one.trial_id,
            "deleted_at": one.deleted_at.isoformat(timespec="seconds"),
            "who": one.who,
            "is_restorable": one.is_restorable,
        }
        for one in found
    ]
    show({"deleted": listed}, json_=json_, lines=lambda: [_line(one, settings) for one in found] or ["Nothing is."])


def _line(one: DeletedTrial, settings: Settings) -> str:
    until = one.deleted_at + timedelta(days=settings.deleted_days)
    state = f"can be restored until {until:%Y-%m-%d}" if one.is_restorable else "cannot be restored any more"
    return f"{one.trial_id}  deleted {one.deleted_at:%Y-%m-%d %H:%M} by {one.who}, {state}"
