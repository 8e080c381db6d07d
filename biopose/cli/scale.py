"""`biopose scale`: a model scaled to a person from a static trial."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from biopose.cli.command_line import (
    EXISTING,
    Height,
    NewFile,
    as_json,
    refuse_overwriting,
    show,
    with_subject,
    with_units,
    with_up,
)

if TYPE_CHECKING:
    from biopose.io.units import LengthUnit
    from biopose.io.up_axis import UpAxis

DOUBTFUL = 3  # the exit code where the model was written, and the trial is not as it should be


@click.command()
@click.option("--markers", required=True, type=EXISTING, help="A static trial: .trc, .c3d or .parquet.")
@click.option("--model", type=EXISTING, help="The generic .osim; BioPose's full-body model if none is given.")
@click.option(
    "--height-m",
    type=Height(),
    help="The person's height, for segments without markers.",
)
@click.option("--mass-kg", type=click.FloatRange(10, 300), help="The person's mass; the model's if none is given.")
@click.option("--out", required=True, type=NewFile(".osim"), help="The scaled .osim to write.")
@with_up
@with_units
@with_subject
@as_json
def scale(
    markers: Path,
    model: Path | None,
    height_m: float | None,
    mass_kg: float | None,
    out: Path,
    up: UpAxis,
    units: LengthUnit | None,
    subject: str | None,
    json_: bool,
) -> None:
    """Scale a model to a person from a static trial.

    Markers that the model declares as <fixed> keep their anatomical location; the others are moved to their recorded
    positions, but for landmarks more than 40 mm from there. Landmarks are markers at the ends of the long segments and
    on the others; those that are not <fixed> count less, and more than markers along a shaft. Arms may be in any
    posture.

    A second is used in which the person stands still, upright if there is a choice; a recording without one is refused,
    with the frames that would serve. The report names markers that move in that second, hips and knees that are bent,
    and landmarks far from the scaled model; the model is written, and the exit code is then 3.

    \b
    Example:
      biopose scale --markers static.trc --model generic.osim --height-m 1.78 --mass-kg 72 --out scaled.osim
    """
    refuse_overwriting(out, markers=markers, model=model)
    from biopose.cli.marker_files import scale_files

    summary = scale_files(markers, model, out, up=up, units=units, subject=subject, height_m=height_m, mass_kg=mass_kg)
    show(summary.as_dict(), json_=json_, lines=summary.lines)
    if summary.doubtful:
        raise click.exceptions.Exit(DOUBTFUL)
