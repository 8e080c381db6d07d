"""`biopose backup` and `biopose restore`: a copy of a home, and a home from a copy."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.cli.command_line import FOLDER, as_json, show, with_quiet
from flows.cli.home_option import refuse_inside_home, with_home


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@with_home
@with_quiet
@as_json
def backup(folder: Path, home: Path | None, json_: bool) -> None:
    """Add a backup of the home to FOLDER, which may be done while a night is at work.

    It holds the warehouse, the files of all runs, the models, the quarantine and the records of sessions and of
    erased people. Files that did not change are hard links to the backup before, so that it grows by what is new.
    Videos are not in it: they are the team's; nor are detections and motions, which are made anew from them.

    \b
    Example:
      biopose backup /mnt/backups/biopose --home /data/biopose
    """
    from tasks.backup import back_up
    from tasks.settings import Settings
    from warehouse.errors import WarehouseError

    settings = Settings.load(home)
    refuse_inside_home(folder, settings.home, option="FOLDER")
    try:
        made = back_up(settings, folder)
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    result = {
        "folder": str(made.folder),
        "files": made.files,
        "copied_bytes": made.copied_bytes,
        "outdated": [str(path) for path in made.outdated],
    }
    lines = [f"{made.folder}: {made.files} files, {made.copied_bytes / 1e6:.1f} MB copied; restore it with"]
    lines += [f"  biopose restore {made.folder} --home NEW_HOME"]
    lines += [f"{path} still holds somebody who was erased since; remove it" for path in made.outdated]
    show(result, json_=json_, lines=lambda: lines)


@click.command()
@click.argument("folder", metavar="BACKUP", type=FOLDER)
@with_home
@with_quiet
@as_json
def restore(folder: Path, home: Path | None, json_: bool) -> None:
    """Make a home from BACKUP, one of the folders that `biopose backup` made.

    Every file is checked against its hash first. People who had been erased when the newest backup beside it was made
    are erased from the new home, so make a backup after each erasure. The home must not exist yet; the next
    `biopose ingest` goes on from there.

    \b
    Example:
      biopose restore /mnt/backups/biopose/2026-11-29T031500Z --home /data/biopose
    """
    from tasks.backup import restore as restore_home
    from tasks.settings import Settings
    from warehouse.errors import WarehouseError

    settings = Settings.load(home)
    try:
        again = restore_home(folder, settings)
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    lines = [f"{settings.home} is restored; `biopose ingest INBOX --home {settings.home}` goes on from there"]
    lines += [f"{athlete} was erased after this backup was made, and is erased from the new home" for athlete in again]
    show({"home": str(settings.home), "erased_again": again}, json_=json_, lines=lambda: lines)
