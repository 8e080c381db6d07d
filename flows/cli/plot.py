"""`biopose plot`: a curve, a trend or a comparison as .png or .svg."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from biopose.cli.command_line import NewFile, as_json, show, with_quiet
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import refuse_inside_home, with_home, with_teams

if TYPE_CHECKING:
    from tasks.audit import People
    from tasks.settings import Settings

with_out = click.option("--out", required=True, type=NewFile(".png", ".svg"), help="The .png or .svg to write.")
with_coordinates = click.option(
    "--coordinate",
    "coordinates",
    multiple=True,
    default=("hip_flexion", "knee_angle", "ankle_angle"),
    show_default=True,
    help="An angle without its side, such as knee_angle or pelvis_tilt; several times for several.",
)


@click.group()
def plot() -> None:
    """Draw curves, trends and comparisons as .png or .svg.

    \b
    Examples:
      biopose plot curve blue/2026-11-25-jumps/jump1 --coordinate knee_angle --out knee.png
      biopose plot trend blue/ann jump_height --out jump_height.svg
      biopose plot comparison blue/2026-11-18-jumps/jump1 blue/2026-11-25-jumps/jump1 --out before_after.png
    """


@plot.command()
@click.argument("trial")
@with_coordinates
@click.option("--from-s", type=float, help="Begin at this second of the video.")
@click.option("--to-s", type=float, help="End at this second of the video.")
@with_out
@with_teams
@with_home
@with_quiet
@as_json
def curve(
    trial: str,
    coordinates: tuple[str, ...],
    from_s: float | None,
    to_s: float | None,
    out: Path,
    teams: tuple[str, ...],
    home: Path | None,
    json_: bool,
) -> None:
    """Draw angles of TRIAL over time, with their 95 % intervals; frames that are not trusted are grey.

    \b
    Example:
      biopose plot curve blue/2026-11-25-jumps/jump1 --coordinate knee_angle --from-s 1 --to-s 2.5 --out knee.png
    """
    from flows.pages.plots import curve_plot
    from tasks.audit import People
    from tasks.settings import Settings

    settings = Settings.load(home)
    start, end = ("" if second is None else str(second) for second in (from_s, to_s))
    with as_one_line():
        drawn = curve_plot(settings, trial, coordinates, start=start, end=end, teams=teams or None)
        _write(drawn, out, settings, People(trials=(trial,)), json_=json_)


@plot.command()
@click.argument("athlete")
@click.argument("metric")
@click.option("--activity", default="", show_default="that of the most trials", help="Of the trials.")
@with_out
@with_teams
@with_home
@with_quiet
@as_json
def trend(
    athlete: str, metric: str, activity: str, out: Path, teams: tuple[str, ...], home: Path | None, json_: bool
) -> None:
    """Draw the sessions' means of ATHLETE's METRIC, with interval, the squad's band and the smallest detectable change.

    \b
    Example:
      biopose plot trend blue/ann jump_height --activity countermovement_jump --out jump_height.png
    """
    from flows.pages.plots import trend_plot
    from tasks.audit import People
    from tasks.settings import Settings

    settings = Settings.load(home)
    with as_one_line():
        drawn = trend_plot(settings, athlete, metric, activity=activity, teams=teams or None)
        _write(drawn, out, settings, People(athletes=(athlete,)), json_=json_)


@plot.command()
@click.argument("first")
@click.argument("second")
@with_coordinates
@with_out
@with_teams
@with_home
@with_quiet
@as_json
def comparison(
    first: str,
    second: str,
    coordinates: tuple[str, ...],
    out: Path,
    teams: tuple[str, ...],
    home: Path | None,
    json_: bool,
) -> None:
    """Draw the curves of two trials over each other, from 0 to 100 %: in gait the mean over a side's strides.

    \b
    Example:
      biopose plot comparison blue/2026-11-18-jumps/jump1 blue/2026-11-25-jumps/jump1 --out before_after.svg
    """
    from flows.pages.plots import comparison_plot
    from tasks.audit import People
    from tasks.settings import Settings

    settings = Settings.load(home)
    with as_one_line():
        drawn = comparison_plot(settings, first, second, coordinates, teams=teams or None)
        _write(drawn, out, settings, People(trials=(first, second)), json_=json_)


def _write(svg: str, out: Path, settings: Settings, people: People, *, json_: bool) -> None:
    """Record whom a plot shows, and write it."""
    from biopose.report.plot_file import write_plot
    from tasks.audit import AuditLog
    from tasks.user_name import user_name

    refuse_inside_home(out, settings.home)
    AuditLog(settings.home).append(user_name(), "export", "plot", people)
    file = str(write_plot(svg, out))
    show({"files": [file]}, json_=json_, lines=lambda: [file])
