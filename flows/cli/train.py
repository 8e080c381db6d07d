"""`biopose train`: train the networks that ship."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import click

from biopose.cli.command_line import FOLDER, Commands, as_json, show
from flows.cli.home_option import with_home

Command = TypeVar("Command", bound=Callable[..., Any])
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


def _with_run(*presets: str) -> Callable[[Command], Command]:
    """Options of every training.

    Args:
        presets: of the network, the default first; named here, since importing a training would make `--help` slow.
    """
    default, choice = presets[0], click.Choice(presets)
    return _with(
        click.option("--motion", required=True, type=FOLDER, help="CMU's motion capture: .asf and .amc files."),
        click.option("--out", required=True, type=NEW_FOLDER, help="Folder of the run."),
        click.option(
            "--preset",
            type=choice,
            default=default,
            show_default=True,
            help="Length of the training and size of its data.",
        ),
        click.option("--steps", type=click.IntRange(1), help="Of the optimizer; by default the preset's."),
        click.option("--device", default="cpu", show_default=True, help="Of torch: cpu, cuda, cuda:1."),
    )


def _with_drawn(what: str) -> Callable[[Command], Command]:
    """Options of a training on synthetic data.

    Args:
        what: the data: pictures or clips.
    """
    return _with(
        click.option(
            "--processes", default=2, show_default=True, type=click.IntRange(1), help=f"To make {what}, on a core each."
        ),
        click.option(f"--{what}", "drawn", type=NEW_FOLDER, help=f"Folder that keeps the {what}; by default in --out."),
    )


def _with(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Options in the order in which `--help` lists them."""

    def decorated(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


@click.group(cls=Commands)
def train() -> None:
    """Train the networks that ship.

    An interrupted training is resumed from its last checkpoint when it is started again. Its metrics and weights are
    logged to MLflow, and the weights are registered as a version; which version measures is not changed. That is for
    `biopose rollout` to decide. The preset rehearsal goes all this way in about a minute, with weights of no use.

    \b
    Examples:
      biopose train mqhmr --motion ../shared/data/mocap/cmu --out runs/mqhmr
      biopose train neurik --preset rehearsal --motion ../shared/data/mocap/cmu --out runs/rehearsal
    """


@train.command("lifter")
@_with_run("cpu", "cpu-further", "gpu", "rehearsal")
@with_home
@as_json
def train_lifter(**given: Any) -> None:
    """The temporal lifter, which gives the keypoint fit its starting values.

    The cpu preset takes about an hour on two cores. The preset cpu-further starts from the weights that ship and
    takes about fifty minutes on one core.

    \b
    Examples:
      biopose train lifter --motion ../shared/data/mocap/cmu --out runs/lifter
      biopose train lifter --preset cpu-further --motion ../shared/data/mocap/cmu --out runs/further
    """
    _train("lifter", **given)


@train.command("mqhmr")
@_with_run("cpu", "cpu-further", "gpu", "rehearsal")
@_with_drawn("pictures")
@with_home
@as_json
def train_mqhmr(**given: Any) -> None:
    """MQ-HMR, from a crop of a person to the body's mesh.

    First the images are rendered, half of them mirror images: the cpu preset's 76,000 take 25 minutes on two cores, the
    gpu preset's 410,000 are for a machine with more. Then the cpu preset trains for about two hours. The preset
    cpu-further starts from the weights that ship, with 25,000 images of its own, takes about half an hour, and ends at
    the mean of those weights and of the trained ones.

    \b
    Examples:
      biopose train mqhmr --motion ../shared/data/mocap/cmu --out runs/mqhmr
      biopose train mqhmr --preset cpu-further --motion ../shared/data/mocap/cmu --out runs/further
      biopose train mqhmr --preset gpu --device cuda --processes 16 --motion cmu --out runs/large
    """
    _train("mqhmr", **given)


@train.command("neurik")
@_with_run("cpu", "gpu", "rehearsal")
@_with_drawn("clips")
@with_home
@as_json
def train_neurik(**given: Any) -> None:
    """NeurIK, from a person's markers through time to joint angles.

    First clips are rendered and measured with the MQ-HMR that ships: the cpu preset's 160 take about twenty minutes on
    two cores. Then the cpu preset trains for ten. Clips of other MQ-HMR weights are not used.

    \b
    Examples:
      biopose train neurik --motion ../shared/data/mocap/cmu --out runs/neurik
      biopose train neurik --clips runs/clips --motion ../shared/data/mocap/cmu --out runs/again
    """
    _train("neurik", **given)


@train.command("ablation")
@_with_run("cpu", "gpu")
@_with_drawn("pictures")
@click.option("--network", type=click.Choice(["mqhmr", "neurik"]), required=True, help="The network.")
@as_json
def train_ablation(
    network: str,
    motion: Path,
    out: Path,
    preset: str,
    steps: int | None,
    device: str,
    processes: int,
    drawn: Path | None,
    json_: bool,
) -> None:
    """Ablation: train variants of a network alike and compare them.

    MQ-HMR: queries, maps, layers, kinds of attention. NeurIK: spatial encoder, length of the windows, angles limited to
    their ranges or not, losses. All variants are trained on the same data for the same steps. The table is written to
    ablation.md and ablation.json of --out; nothing is registered.

    \b
    Examples:
      biopose train ablation --network mqhmr --motion ../shared/data/mocap/cmu --out runs/mqhmr-variants
      biopose train ablation --network neurik --motion ../shared/data/mocap/cmu --out runs/neurik-variants
    """
    from biopose.training.ablation import ablation_lines
    from biopose.training.loop import report_line
    from biopose.training.mqhmr_ablation import ablate_mqhmr
    from biopose.training.neurik_ablation import ablate_neurik
    from biopose.training.run import TrainingRequest

    def report(variant: str, step: int, metrics: dict[str, float]) -> None:
        click.echo(f"{variant}: {report_line(step, metrics)}", err=json_)

    def made(split: str, index: int) -> None:
        click.echo(f"pictures: {split} shard {index} made", err=json_)

    request = TrainingRequest(motion, out, preset, device, processes, drawn, steps)
    if network == "neurik":
        result = ablate_neurik(request, report=report)
    else:
        result = ablate_mqhmr(request, report=report, shard_made=made)
    show(result, json_=json_, lines=lambda: ablation_lines(result))


def _train(
    network: str, *, motion: Path, out: Path, home: Path | None, json_: bool, drawn: Path | None = None, **given: Any
) -> None:
    """Run the flow in this process and show its result."""
    from flows.serving.ingest_server import ingest_server
    from tasks.settings import Settings

    settings = Settings.load(home)
    folders = {"motion": motion, "out": out, "home": settings.home, "drawn": drawn}
    given |= {"network": network, **{name: str(folder) for name, folder in folders.items() if folder}}
    with ingest_server(settings, partial(click.echo, err=True)) as wait_until_ready:
        from flows.train import train as flow

        wait_until_ready()
        with redirect_stdout(StringIO()) if json_ else nullcontext():
            result: dict[str, Any] = flow(**given)
    registered = f"registered: {result['model']} version {result['version']}, mlflow run {result['mlflow_run_id']}"
    compared = f"next: biopose rollout start --model {result['model']}={result['version']}"
    show(result, json_=json_, lines=lambda: [f"written: {result['weights']}", registered, compared])
