"""`biopose train`: the networks that ship."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.command_line import FOLDER, Commands, as_json, show


@click.group(cls=Commands)
def train() -> None:
    """Train the networks that ship.

    \b
    Example:
      biopose train lifter --motion ../shared/data/mocap/cmu --out runs/lifter
    """


@train.command("lifter")
@click.option("--motion", required=True, type=FOLDER, help="CMU's motion capture: .asf and .amc files.")
@click.option("--preset", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True, help="How much of it.")
@click.option("--device", default="cpu", show_default=True, help="Where the network is: cpu, cuda, cuda:1.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the run.")
@as_json
def train_lifter(motion: Path, preset: str, device: str, out: Path, json_: bool) -> None:
    """The temporal lifter, which gives the keypoint fit its starting values.

    A run that was interrupted goes on from its checkpoint. The cpu preset takes about an hour on two cores.

    \b
    Example:
      biopose train lifter --motion ../shared/data/mocap/cmu --out runs/lifter
    """
    from biopose.training.lifter_run import train_lifter_from

    def report(step: int, figures: dict[str, float]) -> None:
        if not json_:
            click.echo(f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
        last.update(figures)

    last: dict[str, float] = {}
    weights = train_lifter_from(motion, out, preset=preset, device=device, report=report)
    show({"weights": str(weights), **last}, json_=json_, lines=lambda: [f"written: {weights}"])
