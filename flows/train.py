"""Training: drawn pictures or clips -> network -> a registered version, recorded as one MLflow run a folder.

The library trains and reports to a callback; here its figures go to MLflow. What was interrupted is resumed by running
it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger

from biopose.training.loop import Report, report_line
from tasks.locks import exclusive
from tasks.models import register_trained
from tasks.settings import Settings
from tasks.training import NetworkName, TrainingOrder, TrainingRun, train_network


@flow(name="train", persist_result=False)
def train(
    network: NetworkName,
    motion: str,
    out: str,
    preset: str = "cpu",
    device: str = "cpu",
    processes: int = 2,
    drawn: str | None = None,
    home: str | None = None,
) -> dict[str, Any]:
    """Train a network and register what comes of it; no alias moves.

    Args:
        network: lifter, mqhmr or neurik.
        motion: folder of CMU's motion capture.
        out: folder of the run.
        preset: of the network's.
        device: where the network is.
        processes: that draw what is trained on.
        drawn: folder that keeps it, pictures or clips; None keeps it in `out`.
        home: holds all state; None: of the settings.

    Returns:
        weights, model and version in the registry, mlflow_run_id, and the last figures.

    Raises:
        BioposeError: another training is at work in this folder, no motions there, or a file of the run is broken.
    """
    settings = Settings.load(home)
    folder = Path(out)
    order = TrainingOrder(network, Path(motion), folder, preset, device, processes, Path(drawn) if drawn else None)
    with exclusive(folder, "training"):
        run = TrainingRun(settings, order)
        with run.closed_at_the_end():
            weights = train_network(order, _told(run), _say)
            run.keep(weights)
            metrics = run.metrics
            model = order.trained(weights, metrics)
            version = register_trained(settings, model, training_run=run.id, metrics=metrics)
    return {"weights": str(weights), "model": model.name, "version": version, "mlflow_run_id": run.id, **metrics}


def _told(run: TrainingRun) -> Report:
    """What tells a watcher and MLflow."""

    def report(step: int, figures: dict[str, float]) -> None:
        _say(report_line(step, figures))
        run.report(step, figures)

    return report


def _say(line: str) -> None:
    """To whoever watches: a terminal, and Prefect's page of the run."""
    print(line, flush=True)
    get_run_logger().info(line)
