"""`biopose convert`: one motion file into another format, axis, rate or with its gaps filled."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from biopose.cli.command_line import EXISTING, NewFile, as_json, show, with_subject, with_units, with_up

if TYPE_CHECKING:
    from biopose.io.units import LengthUnit
    from biopose.io.up_axis import UpAxis


@click.command()
@click.argument("source", type=EXISTING)
@click.argument("out", type=NewFile(".trc", ".c3d", ".parquet", ".mot", ".sto"))
@click.option("--rate-hz", type=click.FloatRange(0, min_open=True), help="Resample to uniform times.")
@click.option(
    "--fill-gaps-s",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Interpolate gaps of up to so many seconds; longer ones are kept.",
)
@click.option("--model", type=EXISTING, help="The .osim of coordinates: which of them are angles.")
@click.option("--angles", type=click.Choice(["degrees", "radians"]), help="Of a .mot or .sto; else they are kept.")
@with_up
@with_units
@with_subject
@as_json
def convert(
    source: Path,
    out: Path,
    rate_hz: float | None,
    fill_gaps_s: float,
    model: Path | None,
    angles: str | None,
    up: UpAxis,
    units: LengthUnit | None,
    subject: str | None,
    json_: bool,
) -> None:
    """Convert a motion file: markers (.trc, .c3d, .parquet) or coordinates (.mot, .sto, .parquet).

    Positions are written in metres, y up. Resampling and filling interpolate by a cubic through the known neighbours;
    nothing is filtered, so low-pass a recording before its rate is lowered. A .c3d needs uniform times: give --rate-hz.
    A .c3d of segment poses without markers (markerless systems export such) becomes the segments' origins (NAME_O) and
    the ends of their axes at 0.1 m (NAME_X, NAME_Y, NAME_Z).

    \b
    Examples:
      biopose convert jump.c3d jump.trc --up z
      biopose convert jump.trc jump.c3d --rate-hz 100 --fill-gaps-s 0.1
      biopose convert jump.mot jump.parquet --model scaled.osim
      biopose convert jump.mot jump.sto --model scaled.osim --angles radians
    """
    if out.exists() and out.samefile(source):
        raise click.UsageError(f"{out} is the file to convert; it would be lost")
    from biopose.cli.convert_files import convert_file

    in_degrees = None if angles is None else angles == "degrees"
    summary = convert_file(
        source,
        out,
        up=up,
        units=units,
        subject=subject,
        rate_hz=rate_hz,
        longest_gap_s=fill_gaps_s,
        model=model,
        in_degrees=in_degrees,
    )
    show(summary.as_dict(), json_=json_, lines=summary.lines)
