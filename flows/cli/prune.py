"""`biopose prune`: remove what has been kept long enough."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.cli.command_line import as_json, show
from flows.cli.home_option import refuse_without_warehouse, with_home


@click.command()
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@with_home
@as_json
def prune(dry_run: bool, home: Path | None, json_: bool) -> None:
    """Remove what has been kept long enough; every ingest ends with it.

    That is, each so many days after it was written, deleted or superseded:

    \b
      detections and motions, made anew from the videos   BIOPOSE_INTERMEDIATES_DAYS, 30
      folders of runs that were never loaded              BIOPOSE_INTERMEDIATES_DAYS, 30
      trials that were deleted (biopose delete)           BIOPOSE_DELETED_DAYS, 30
      runs of trials that were measured anew since        BIOPOSE_SUPERSEDED_DAYS, 90
      logs of ended sessions of Ray                       BIOPOSE_RAY_LOGS_DAYS, 7
      logs of ingests, but the last that ended well       BIOPOSE_INGEST_LOGS_DAYS, 90
      half-written files of killed processes              1

    Results that are shown, or that a release in use or before it can show, and models are kept. After an upgrade of
    BioPose, queries can read the home again then.

    \b
    Examples:
      biopose prune --dry-run
      biopose prune --home /data/biopose
    """
    from tasks.locks import exclusive
    from tasks.retention import expired, pruned_line
    from tasks.retention import prune as remove
    from tasks.settings import Settings

    settings = Settings.load(home)
    refuse_without_warehouse(settings)
    with exclusive(settings.home):
        found = expired(settings) if dry_run else remove(settings)
    done = "would be removed" if dry_run else "removed"
    files = [{"path": str(one.path), "kind": one.kind, "size_bytes": one.size_bytes} for one in found]
    line = f"{pruned_line(found) or 'nothing'} {done}"
    show({"removed": not dry_run, "files": files}, json_=json_, lines=lambda: [line])
