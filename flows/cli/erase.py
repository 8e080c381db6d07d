"""`biopose erase`: every row and file of a person."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import as_json, show
from biopose.cli.given_options import refuse_unused
from flows.cli.home_option import refuse_without_warehouse, with_home

if TYPE_CHECKING:
    from tasks.erasure import Erasure
    from tasks.settings import Settings


@click.command()
@click.argument("athlete", metavar="TEAM/ATHLETE")
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--readmit", is_flag=True, help="Measure somebody again who was erased: they consented anew.")
@with_home
@as_json
def erase(athlete: str, dry_run: bool, yes: bool, readmit: bool, home: Path | None, json_: bool) -> None:
    """Remove every row and file of a person from the home, for good.

    Removed are their rows in the warehouse, which is rewritten so that no byte of them stays, and its snapshot; their
    trials' files; detections and motions made of their videos; overlays and reports of others that were drawn from
    the same videos, for they show this person; quarantine records; lines of logs; and Prefect's history of runs, which
    names trials. All numbers of others stay. At the end the home's files are searched for the person's ids; where one
    is left, it is named, and the exit code is 1.

    The person is not measured again, whatever manifests say, unless readmitted. Videos in the inbox are the team's:
    they are listed, not removed. Copies elsewhere, such as exports and backups, are out of reach. An erasure that was
    interrupted is ended by running it again.

    \b
    Examples:
      biopose erase blue/ann --dry-run
      biopose erase blue/ann --yes --home /data/biopose
      biopose erase blue/ann --readmit
    """
    from tasks.erasure import interrupted_erasure
    from tasks.locks import exclusive
    from tasks.settings import Settings
    from warehouse.errors import WarehouseError

    settings = Settings.load(home)
    refuse_without_warehouse(settings)
    if readmit:
        refuse_unused("with --readmit", "dry_run", "yes")
    try:
        with exclusive(settings.home), exclusive(settings.home, "up"):
            if readmit:
                if pending := interrupted_erasure(settings):
                    raise click.ClickException(f"the erasure of {pending} was interrupted; run it again first")
                _readmit(settings, athlete, json_=json_)
            else:
                _erase(settings, athlete, dry_run=dry_run, yes=yes, json_=json_)
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error


def _readmit(settings: Settings, athlete: str, *, json_: bool) -> None:
    from tasks.audit import AuditLog, People
    from tasks.erased_people import ErasedPeople
    from tasks.user_name import user_name

    if not ErasedPeople(settings.home).readmit(athlete):
        raise click.ClickException(f"{athlete} was not erased here; nothing is to be done")
    AuditLog(settings.home).append(user_name(), "readmit", "to be measured again", People(athletes=(athlete,)))
    line = f"{athlete} is measured again by the next `biopose ingest`, as far as manifests name them with consent"
    show({"readmitted": athlete}, json_=json_, lines=lambda: [line])


def _erase(settings: Settings, athlete: str, *, dry_run: bool, yes: bool, json_: bool) -> None:
    from tasks.erased_people import ErasedPeople
    from tasks.erasure import erase, plan_erasure, videos_in_inbox
    from warehouse.errors import QueryError

    try:
        erasure = plan_erasure(settings, athlete)
    except QueryError:
        when = ErasedPeople(settings.home).erased_at(athlete)
        if when is None:
            raise
        line = f"{athlete} was erased at {when} (UTC) already"
        show({"athlete": athlete, "erased_at": when}, json_=json_, lines=lambda: [line])
        return
    videos = [str(video) for video in videos_in_inbox(settings, erasure)]
    found = _counts(erasure) | {"videos_in_inbox": videos}
    if dry_run:
        show(found, json_=json_, lines=lambda: _lines(erasure, videos))
        return
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is nobody to ask here; look at --dry-run, then add --yes")
        click.echo("\n".join(_lines(erasure, videos)))
        click.confirm(f"Remove all this of {athlete} for good?", abort=True)
    done = erase(settings, erasure)
    lines = _done_lines(athlete, done, videos)
    show(
        done | {"videos_in_inbox": videos},
        json_=json_,
        lines=lambda: [*lines[:-1], *_others_lines(erasure.others_trials), lines[-1]],
    )
    if done["left"]:
        raise click.exceptions.Exit(1)


def _counts(erasure: Erasure) -> dict[str, Any]:
    return {
        "athlete": erasure.athlete_id,
        "trials": list(erasure.trial_ids),
        "rows": erasure.rows,
        "folders": list(erasure.folders),
        "unloaded": list(erasure.unloaded),
        "pictures_of_others": list(erasure.pictures),
        "others_trials_of_the_same_videos": list(erasure.others_trials),
        "reports": list(erasure.reports),
        "rollouts": list(erasure.rollouts),
        "intermediates": list(erasure.intermediates),
        "quarantined": list(erasure.quarantined),
    }


def _lines(erasure: Erasure, videos: list[str]) -> list[str]:
    """What would be removed."""
    return [
        f"{erasure.athlete_id}: {len(erasure.trial_ids)} trials, {sum(erasure.rows.values())} rows of the warehouse",
        *(f"  {folder}/" for folder in erasure.folders),
        *(f"  {folder}/, which is not in the warehouse and may be anybody's" for folder in erasure.unloaded),
        *(f"  {picture}, which shows others, too" for picture in erasure.pictures),
        *(f"  {page}" for page in (*erasure.reports, *erasure.rollouts)),
        f"  {len(erasure.intermediates)} detections and motions, which are made anew where they are needed",
        f"  {len(erasure.quarantined)} records of the quarantine; lines of logs; Prefect's history of runs",
        *_others_lines(erasure.others_trials),
        *_inbox_lines(videos),
    ]


def _done_lines(athlete: str, done: dict[str, Any], videos: list[str]) -> list[str]:
    removed = (
        f"{athlete} is erased: {done['trials']} trials, {sum(done['rows'].values())} rows, {done['folders']} folders "
        f"and {done['unloaded']} of runs that were not loaded, "
        f"{done['pictures_of_others']} overlays and reports of others, {done['reports']} reports of nights, "
        f"{done['intermediates']} detections and motions, "
        f"{done['quarantined']} records of the quarantine, {done['log_lines']} lines of logs"
    )
    searched = f"{done['files_searched']} files of the home were searched for the ids: "
    left = [f"  {name} still holds one; remove it by hand" for name in done["left"]]
    backups = "Backups hold this person still: make another with `biopose backup`, which names those to remove"
    verdict = "these hold one" if left else "none holds one"
    certificate = f"Certificate, which names nobody: {done['certificate']}"
    offsets = [
        f"Rollout {number} has no release offsets now: {why}"
        for number, why in done["rollouts_without_offsets"].items()
    ]
    unknown = [
        f"{count} deleted trials are of an unknown athlete, since their runs were removed by an earlier version: "
        "`biopose delete --list` names them"
        for count in [done["deleted_trials_of_unknown_athlete"]]
        if count
    ]
    return [removed, *offsets, *unknown, searched + verdict, *left, *_inbox_lines(videos), certificate, backups]


def _others_lines(trials: tuple[str, ...]) -> list[str]:
    """Who was filmed together keeps their numbers; whether two were mixed up no program can tell."""
    heading = (
        "Trials of others were measured from the same videos, and their numbers stay. Look whether one of them shows "
        "this person, by a mix-up of names: `biopose delete` hides it, and `BIOPOSE_DELETED_DAYS=0 "
        "BIOPOSE_SUPERSEDED_DAYS=0 biopose prune` then removes it, with all runs that were measured anew since:"
    )
    return [heading, *(f"  {trial}" for trial in trials)] if trials else []


def _inbox_lines(videos: list[str]) -> list[str]:
    heading = "These videos are the team's own and stay; remove them, and the person from session.toml, by hand:"
    return [heading, *(f"  {video}" for video in videos)] if videos else []
