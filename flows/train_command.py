"""`biopose train`: the networks that ship."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import click

from biopose.command_line import FOLDER, Commands, as_json, show
from flows.home_option import with_home

Command = TypeVar("Command", bound=Callable[..., Any])
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


def _with_run(command: Command) -> Command:
    """What every training takes."""
    options = (
        click.option("--motion", required=True, type=FOLDER, help="CMU's motion capture: .asf and .amc files."),
        click.option("--out", required=True, type=NEW_FOLDER, help="Folder of the run."),
        click.option(
            "--preset", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True, help="How much of it."
        ),
        click.option("--device", default="cpu", show_default=True, help="Where the network is: cpu, cuda, cuda:1."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _with_pictures(command: Command) -> Command:
    """What a training on pictures takes."""
    command = click.option("--pictures", type=NEW_FOLDER, help="Folder that keeps the pictures; else in --out.")(
        command
    )
    return click.option(
        "--processes", default=2, show_default=True, type=click.IntRange(1), help="That make pictures, a core each."
    )(command)


@click.group(cls=Commands)
def train() -> None:
    """Train the networks that ship.

    A training that was interrupted goes on from its last checkpoint when it is started again. Its figures and weights
    go to MLflow, and what comes of it is registered as a version; which version measures is not changed by that.

    \b
    Example:
      biopose train mqhmr --motion ../shared/data/mocap/cmu --out runs/mqhmr
    """


@train.command("lifter")
@_with_run
@with_home
@as_json
def train_lifter(motion: Path, out: Path, preset: str, device: str, home: Path | None, json_: bool) -> None:
    """The temporal lifter, which gives the keypoint fit its starting values.

    The cpu preset takes about an hour on two cores.

    \b
    Example:
      biopose train lifter --motion ../shared/data/mocap/cmu --out runs/lifter
    """
    _train("lifter", motion, out, preset=preset, device=device, home=home, json_=json_)


@train.command("mqhmr")
@_with_run
@_with_pictures
@with_home
@as_json
def train_mqhmr(
    motion: Path,
    out: Path,
    preset: str,
    device: str,
    processes: int,
    pictures: Path | None,
    home: Path | None,
    json_: bool,
) -> None:
    """MQ-HMR, from a crop of a person to the body's mesh.

    First the pictures are made: the cpu preset's 76,000 take an hour on two cores, the gpu preset's 410,000 are for a
    machine with more. Then the cpu preset trains for about an hour and a half.

    \b
    Examples:
      biopose train mqhmr --motion ../shared/data/mocap/cmu --out runs/mqhmr
      biopose train mqhmr --preset gpu --device cuda --processes 16 --motion cmu --out runs/large
    """
    given = {"processes": processes, "pictures": str(pictures) if pictures else None}
    _train("mqhmr", motion, out, preset=preset, device=device, home=home, json_=json_, **given)


@train.command("ablation")
@_with_run
@_with_pictures
@as_json
def train_ablation(
    motion: Path, out: Path, preset: str, device: str, processes: int, pictures: Path | None, json_: bool
) -> None:
    """MQ-HMR in variants, to choose among: queries, maps, layers, kinds of attention.

    All learn from the same pictures for as many steps. The table is written to ablation.md and ablation.json of --out;
    nothing is registered.

    \b
    Example:
      biopose train ablation --motion ../shared/data/mocap/cmu --out runs/ablation
    """
    from biopose.training.loop import report_line
    from biopose.training.mqhmr_ablation import ablation_lines, train_ablation

    def report(variant: str, step: int, figures: dict[str, float]) -> None:
        click.echo(f"{variant}: {report_line(step, figures)}", err=json_)

    result = train_ablation(
        motion,
        out,
        preset=preset,
        device=device,
        processes=processes,
        pictures=pictures,
        report=report,
        shard_made=lambda split, index: click.echo(f"pictures: {split} shard {index} made", err=json_),
    )
    show(result, json_=json_, lines=lambda: ablation_lines(result))


def _train(network: str, motion: Path, out: Path, *, home: Path | None, json_: bool, **given: Any) -> None:
    """Run the flow in this process and show what came of it."""
    from flows.night_server import night_server
    from tasks.settings import Settings, prepare_environment

    settings = Settings.load(home)
    prepare_environment(settings)
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # the lines here are our own
    arguments = {"network": network, "motion": str(motion), "out": str(out), "home": str(settings.home), **given}
    with night_server(settings) as wait_until_it_answers:
        from flows.train import train as flow

        wait_until_it_answers()
        with redirect_stdout(StringIO()) if json_ else nullcontext():
            result: dict[str, Any] = flow(**arguments)
    registered = f"registered: {result['model']} version {result['version']}, mlflow run {result['mlflow_run_id']}"
    show(result, json_=json_, lines=lambda: [f"written: {result['weights']}", registered])
