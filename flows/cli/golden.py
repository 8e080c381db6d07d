"""`biopose golden`: stored trials with a reference, which every rollout measures."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import EXISTING, FOLDER, Commands, as_json, show, with_subject, with_units, with_up
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import refuse_without_home, with_home

if TYPE_CHECKING:
    from biopose.io.units import LengthUnit
    from biopose.io.up_axis import UpAxis


@click.group(cls=Commands)
def golden() -> None:
    """Stored trials with a reference, by which every rollout judges a candidate.

    A reference is another measurement of the same seconds: joint angles, or a recording of markers, which is solved; or
    the trial's own numbers, approved by a person. Each is kept with its hash, and one that changed is refused by name.

    \b
    Examples:
      biopose golden add lab/day1/walk1 --reference walk1_ik.mot
      biopose golden add lab/day1/walk2 --reference walk2.c3d --static static.c3d --up z
      biopose golden add demo/street/walk --approve --by "A. Miller"
      biopose golden known --data ../shared/data
      biopose golden list
    """


@golden.command()
@click.argument("trial")
@click.option(
    "--reference", type=EXISTING, help="Of the same seconds: joint angles, .mot or .sto, or markers, .trc or .c3d."
)
@click.option("--static", type=EXISTING, help="Of markers: the athlete standing still.")
@click.option("--model", type=EXISTING, help="Of markers: .osim that has them; scaled to the static trial.")
@with_up
@with_units
@with_subject
@click.option(
    "--offset-s", default=0.0, show_default=True, help="Time of the reference at time 0 of the trial's recording."
)
@click.option("--approve", is_flag=True, help="The trial's current numbers are the reference.")
@click.option("--by", help="Who adds or approves it; by default the user of this machine.")
@with_home
@as_json
def add(
    trial: str,
    reference: Path | None,
    static: Path | None,
    model: Path | None,
    up: UpAxis,
    units: LengthUnit | None,
    subject: str | None,
    offset_s: float,
    approve: bool,
    by: str | None,
    home: Path | None,
    json_: bool,
) -> None:
    """Add TRIAL, as team/session/trial, to the golden set, or change its reference.

    Markers are solved as `biopose ingest` solves them, with the trial's height and mass, by the network that ships or
    on the model; their joint angles are kept in the home, and what limits them is printed.

    \b
    Examples:
      biopose golden add lab/day1/walk1 --reference walk1_ik.mot --offset-s 12.4
      biopose golden add lab/day1/walk2 --reference walk2.c3d --static static.c3d --up z
      biopose golden add demo/street/walk --approve
    """
    if approve == (reference is not None):
        raise click.UsageError("give either --reference FILE.mot or --approve")
    from tasks.golden_trials import MarkerFiles, add_golden
    from tasks.settings import Settings

    with as_one_line():
        beside = MarkerFiles(static, model, up, units, subject)
        added = add_golden(Settings.load(home), trial, reference=reference, offset_s=offset_s, who=by, beside=beside)
    show(asdict(added), json_=json_, lines=lambda: _lines([asdict(added)]))


@golden.command()
@click.option("--data", type=FOLDER, help="The folder of reference data, which has references as files.")
@click.option("--approve", is_flag=True, help="Approve the current numbers of the demonstration's clips.")
@click.option("--by", help="Who adds or approves them; by default the user of this machine.")
@with_home
@as_json
def known(data: Path | None, approve: bool, by: str | None, home: Path | None, json_: bool) -> None:
    """Add the stored trials of recordings that ship in a definition, by hash, with their references.

    They are the laboratory's recordings of markers, with an expert's joint angles, and the demonstration's clips, which
    have no other measurement: a person may approve their numbers. What is in the golden set already stays as it is.

    \b
    Examples:
      biopose golden known --data ../shared/data
      biopose golden known --approve --by "A. Miller"
    """
    if data is None and not approve:
        raise click.UsageError("give --data FOLDER, or --approve, or both")
    from tasks.golden_known import add_known
    from tasks.settings import Settings

    with as_one_line():
        added = [asdict(one) for one in add_known(Settings.load(home), data=data, approve=approve, who=by)]
    stays = ["All of them are in the golden set, and stay as they are; `biopose golden add` replaces one"]
    show({"added": added}, json_=json_, lines=lambda: _lines(added) if added else stays)


@golden.command("list")
@with_home
@as_json
def list_trials(home: Path | None, json_: bool) -> None:
    """The golden set; a reference that is gone or changed is named, and the exit code is 1 then.

    \b
    Example:
      biopose golden list --home /data/biopose
    """
    from tasks.golden import GoldenSet
    from tasks.settings import Settings

    settings = Settings.load(home)
    refuse_without_home(settings)
    with as_one_line():
        found = GoldenSet(settings)
        faults = found.faults()
    rows = [asdict(one) | {"fault": faults.get(name)} for name, one in sorted(found.trials.items())]
    show({"trials": rows}, json_=json_, lines=lambda: _lines(rows))
    if faults:
        raise click.exceptions.Exit(1)


@golden.command()
@click.argument("trial")
@with_home
@as_json
def remove(trial: str, home: Path | None, json_: bool) -> None:
    """Take TRIAL out of the golden set; its numbers and the reference file stay.

    \b
    Example:
      biopose golden remove demo/street/walk
    """
    from tasks.golden import GoldenSet
    from tasks.locks import exclusive
    from tasks.settings import Settings

    settings = Settings.load(home)
    refuse_without_home(settings)
    with as_one_line(), exclusive(settings.home):
        removed = GoldenSet(settings).remove([trial])
    if not removed:
        raise click.ClickException(f"{trial} is not in the golden set; `biopose golden list` shows it")
    show({"removed": removed}, json_=json_, lines=lambda: [f"{trial} is no longer in the golden set"])


def _lines(rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["The golden set is empty: biopose golden add TRIAL --reference FILE.mot, or --approve"]
    head = f"{'trial':<32} {'reference':<10} {'added':<10}  {'by':<16} file"
    lines = [head]
    for row in rows:
        lines.append(
            f"{row['trial_id']:<32} {row['kind']:<10} {row['added_at'][:10]:<10}  {row['who']:<16} {row['file']}"
        )
        if row["markers"]:
            lines += [f"  of the markers {row['markers']}", *(f"    {note}" for note in row["notes"])]
        if row.get("fault"):
            lines.append(f"  {row['fault']}")
    return lines
