"""`biopose user`: who may read a home's pages from other machines, and of which teams."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import Commands, as_json, show
from flows.cli.home_option import refuse_without_home, with_home

if TYPE_CHECKING:
    from tasks.settings import Settings


@click.group(cls=Commands)
def user() -> None:
    """Give people access to the pages of a home, each to the rows of their teams.

    As soon as a home has a user, its pages show nothing without a token, on this machine as well.

    \b
    Examples:
      biopose user add coach.ann --team blue
      biopose user list
    """


@user.command()
@click.argument("name")
@click.option("--team", "teams", multiple=True, metavar="TEAM", help="Whose rows they may read; several may be given.")
@click.option("--all-teams", is_flag=True, help="They may read all rows, and see where the home lies.")
@with_home
@as_json
def add(name: str, teams: tuple[str, ...], all_teams: bool, home: Path | None, json_: bool) -> None:
    """Add the user NAME and print their token, which is shown this once: the home keeps a hash of it.

    \b
    Examples:
      biopose user add coach.ann --team blue
      biopose user add physio --team blue --team red
      biopose user add head.scientist --all-teams
    """
    from tasks.audit import AuditLog, People
    from tasks.user_name import user_name

    if bool(teams) == all_teams:
        raise click.UsageError("give --team, once for each team, or --all-teams")
    settings, users = _of_home(home)
    token = users.add(name, None if all_teams else teams)
    AuditLog(settings.home).append(user_name(), "add user", name, People.of_teams(None if all_teams else teams))
    lines = [token, f"This is the token of {name}; it is shown this once. They sign in with it."]
    show(
        {"name": name, "teams": list(teams), "all_teams": all_teams, "token": token},
        json_=json_,
        lines=lambda: [*lines, *_unknown_teams(settings, teams)],
    )


@user.command("list")
@with_home
@as_json
def list_(home: Path | None, json_: bool) -> None:
    """List the users and their teams.

    \b
    Example:
      biopose user list --home /data/biopose
    """
    _, users = _of_home(home)
    found = list(users.all().values())
    listed = [{"name": one.name, "teams": one.teams, "added_at": one.added_at} for one in found]
    lines = [
        f"{one.name:<24} {'all teams' if one.teams is None else ', '.join(one.teams)}, since {one.added_at[:10]}"
        for one in found
    ]
    show({"users": listed}, json_=json_, lines=lambda: lines or ["There is no user."])


@user.command()
@click.argument("name")
@with_home
@as_json
def remove(name: str, home: Path | None, json_: bool) -> None:
    """Remove the user NAME: their token and sessions end at once.

    \b
    Example:
      biopose user remove coach.ann
    """
    from tasks.audit import AuditLog
    from tasks.user_name import user_name

    settings, users = _of_home(home)
    users.remove(name)
    AuditLog(settings.home).append(user_name(), "remove user", name)
    show({"removed": name}, json_=json_, lines=lambda: [f"{name} is no user any more"])


def _of_home(home: Path | None) -> tuple[Settings, Any]:
    from tasks.settings import Settings
    from tasks.users import Users

    settings = Settings.load(home)
    refuse_without_home(settings)
    return settings, Users(settings.home)


def _unknown_teams(settings: Settings, teams: tuple[str, ...]) -> list[str]:
    """A line for each team of which nothing is stored yet: its name may be misspelt."""
    from warehouse.connection import opened_for_reading
    from warehouse.errors import WarehouseError

    try:
        with opened_for_reading(settings.snapshot) as connection:
            known = {str(team) for (team,) in connection.execute("SELECT team_id FROM team").fetchall()}
    except WarehouseError:
        known = set()
    return [f"Note: nothing of the team {team} is stored yet" for team in teams if team not in known]
