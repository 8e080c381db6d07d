"""`biopose audit`: who read, exported, erased, deleted and promoted what, and whether the record is whole."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from biopose.cli.command_line import as_json, show
from biopose.cli.given_options import refuse_unused
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import refuse_without_warehouse, with_home

if TYPE_CHECKING:
    from tasks.audit import AuditLog, Entry
    from tasks.settings import Settings


@click.command()
@click.option("--athlete", metavar="TEAM/ATHLETE", help="Only what concerned this athlete, or everybody of the team.")
@click.option("--user", "who", metavar="NAME", help="Only what this user did.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only from this day on, UTC.")
@click.option("--verify", is_flag=True, help="Only check that no line was changed, taken out or put in.")
@with_home
@as_json
def audit(
    athlete: str | None, who: str | None, since: datetime | None, verify: bool, home: Path | None, json_: bool
) -> None:
    """Show who saw, exported, erased, deleted and promoted what.

    Recorded are pages and files that the pages' users open (repeats within ten minutes once), the commands query,
    compare, export, erase, delete, rollout promote, rollback and abort, and users that were added or removed. A
    notebook that reads the home's files by `warehouse.api` is its owner's, and is not recorded.

    The record holds pseudonyms; names are filled in for those who are still stored. Each line holds the hash of the one
    before: --verify names the first that was changed. Whoever can write the home's files could write all of it anew, so
    note the last hash elsewhere from time to time.

    \b
    Examples:
      biopose audit --athlete blue/ann --since 2026-11-01
      biopose audit --user coach.bob --json
      biopose audit --verify
    """
    from tasks.audit import AuditLog
    from tasks.settings import Settings
    from tasks.users import Users

    settings = Settings.load(home)
    refuse_without_warehouse(settings)
    log = AuditLog(settings.home)
    with as_one_line():
        if verify:
            refuse_unused("with --verify", "athlete", "who", "since")
            count, last = log.verify()
            found = {"lines": count, "last_hash": last}
            show(found, json_=json_, lines=lambda: [f"{count} lines, each follows the one before; the last is {last}"])
            return
        trials, athletes, names = _names(settings, log, athlete)
    recorded = list(log.entries())
    if not _is_recorded(athlete, recorded, log):
        _refuse_unknown("--athlete", athlete, athletes)
    _refuse_unknown("--user", who, {entry.who for entry in recorded} | Users(settings.home).all().keys())
    entries = [
        entry
        for entry in recorded
        if (who is None or entry.who == who)
        and (since is None or entry.at >= since.replace(tzinfo=UTC))
        and (athlete is None or _concerns(entry, athlete, trials, log))
    ]
    show(
        {"entries": [_as_dict(entry, names) for entry in entries]},
        json_=json_,
        lines=lambda: [_line(entry, names) for entry in entries] or ["Nothing of this is recorded."],
    )


def _names(settings: Settings, log: AuditLog, athlete: str | None) -> tuple[set[str], set[str], dict[str, str]]:
    """Pseudonyms of the athlete's trials, all athletes, and the id behind each pseudonym of who is stored."""
    from tasks.audit import names_of
    from warehouse.connection import opened_for_reading

    with opened_for_reading(settings.snapshot) as connection:
        rows = connection.execute("SELECT trial_id, athlete_id FROM trial_manifest").fetchall()
    trials = {log.pseudonym(str(trial)) for trial, of in rows if of == athlete}
    return trials, {str(of) for _, of in rows}, names_of(log, {str(one) for row in rows for one in row})


def _is_recorded(athlete: str | None, entries: Iterable[Entry], log: AuditLog) -> bool:
    """Whether an athlete is in the record, though perhaps no longer stored."""
    pseudonym = None if athlete is None else log.pseudonym(athlete)
    return any(pseudonym in entry.athletes for entry in entries)


def _refuse_unknown(option: str, name: str | None, known: Collection[str]) -> None:
    """Raise an error for a name of nobody: the empty record of a misspelt name would pass for an answer."""
    from warehouse.nearest import suggestion

    if name is not None and name not in known:
        raise click.ClickException(f"{option} {name}: is neither stored nor in the record; {suggestion(name, known)}")


def _concerns(entry: Entry, athlete: str, trials: set[str], log: AuditLog) -> bool:
    from tasks.audit import EVERY_TEAM

    is_named = log.pseudonym(athlete) in entry.athletes or not trials.isdisjoint(entry.trials)
    return is_named or athlete.partition("/")[0] in entry.teams or EVERY_TEAM in entry.teams


def _as_dict(entry: Entry, names: Mapping[str, str]) -> dict[str, object]:
    return {
        "at": entry.at.isoformat(),
        "who": entry.who,
        "act": entry.act,
        "what": entry.what,
        "athletes": [names.get(one, one) for one in entry.athletes],
        "trials": [names.get(one, one) for one in entry.trials],
        "teams": list(entry.teams),
    }


def _line(entry: Entry, names: Mapping[str, str]) -> str:
    from tasks.audit import EVERY_TEAM

    people = [names.get(one, f"somebody no longer stored ({one[:8]})") for one in (*entry.athletes, *entry.trials)]
    teams = ["everybody" if team == EVERY_TEAM else f"everybody of {team}" for team in entry.teams]
    whom = ", ".join([*people, *teams])
    return f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.who}  {entry.act}  {entry.what}{f': {whom}' if whom else ''}"
