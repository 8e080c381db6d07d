"""`biopose report`: one file about an athlete, a trial or a squad, to be read without the pages and to be printed."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import datetime
from pathlib import Path

import click

from biopose.cli.command_line import NewFile, as_json, show, with_quiet
from biopose.cli.given_options import refuse_unused
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import refuse_inside_home, with_home, with_teams


@click.command()
@click.option("--athlete", metavar="TEAM/ATHLETE", help="Whose report.")
@click.option("--trial", metavar="TEAM/SESSION/TRIAL", help="Of one trial.")
@click.option("--squad", metavar="TEAM", help="Of all athletes of a team.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Sessions from this day on against those before; by default the four weeks up to the last session.",
)
@click.option("--out", required=True, type=NewFile(".html"), help="The .html to write.")
@click.option("--pdf", is_flag=True, help="Print it to FILE.pdf, too, by Chromium or Chrome where one is installed.")
@with_teams
@with_home
@with_quiet
@as_json
def report(
    athlete: str | None,
    trial: str | None,
    squad: str | None,
    since: datetime.datetime | None,
    out: Path,
    pdf: bool,
    teams: tuple[str, ...],
    home: Path | None,
    json_: bool,
) -> None:
    """Write a report of an athlete, a trial or a squad: one file that needs nothing else, and prints to A4.

    The first page is in sentences: what was measured, the main metrics, what changed for real, what is not to be
    trusted. Details follow; settings and scale factors come last. A change of an athlete is real where its 95 %
    interval over sessions leaves 0 out, or where it exceeds the smallest detectable change.

    \b
    Examples:
      biopose report --athlete blue/ann --out ann.html
      biopose report --trial blue/2026-11-25-jumps/jump1 --out jump1.html --pdf
      biopose report --squad blue --since 2026-11-01 --out blue.html
    """
    given = [one for one in (athlete, trial, squad) if one is not None]
    if len(given) != 1:
        raise click.UsageError("give one of --athlete, --trial and --squad")
    if trial is not None:
        refuse_unused("with --trial", "since")
    from flows.pages.pdf import installed_browser, print_pdf
    from flows.pages.report import athlete_report, squad_report, trial_report, write_report
    from tasks.audit import AuditLog, People
    from tasks.settings import Settings
    from tasks.user_name import user_name

    settings = Settings.load(home)
    refuse_inside_home(out, settings.home)
    day = None if since is None else since.date().isoformat()
    with as_one_line():
        browser = installed_browser() if pdf else ""
        if trial is not None:
            content, people = trial_report(settings, trial, teams=teams or None), People(trials=(trial,))
        elif athlete is not None:
            content = athlete_report(settings, athlete, since=day, teams=teams or None)
            people = People(athletes=(athlete,))
        else:
            content = squad_report(settings, str(squad), since=day, teams=teams or None)
            people = People(teams=(str(squad),))
        AuditLog(settings.home).append(user_name(), "export", "report", people)
        files = [write_report(content, out)]
        if pdf:
            print_pdf(out, out.with_suffix(".pdf"), browser=browser)
            files.append(out.with_suffix(".pdf"))
    names = [str(file) for file in files]
    show({"files": names}, json_=json_, lines=lambda: names)
