"""Training: synthetic images or clips -> network -> a registered version, with one MLflow run for each folder.

The library trains and reports to a callback, which logs the metrics to MLflow. An interrupted training is resumed by
running it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger

from biopose.training.loop import Report, report_line
from biopose.training.run import TrainingRequest
from tasks.locks import exclusive
from tasks.models import register_trained
from tasks.registration import register_once
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
    steps: int | None = None,
    home: str | None = None,
) -> dict[str, Any]:
    """Train a network and register its weights as a version; no alias is moved, and those that ship come first.

    Args:
        network: lifter, mqhmr or neurik.
        motion: folder of CMU's motion capture.
        out: folder of the run.
        preset: of the network's.
        device: of torch, where the network is trained.
        processes: that synthesise training data.
        drawn: folder that keeps the training data, images or clips; None keeps it in `out`.
        steps: of the optimizer; None: the preset's.
        home: folder of all state; None takes that of the settings.

    Returns:
        weights, model and version in the registry, mlflow_run_id, and the last metrics.

    Raises:
        BioposeError: another training is at work in this folder, no motions there, a file of the run is broken, or an
            asset is missing.
    """
    settings = Settings.load(home)
    folder = Path(out)
    request = TrainingRequest(Path(motion), folder, preset, device, processes, Path(drawn) if drawn else None, steps)
    order = TrainingOrder(network, request)
    with exclusive(folder, "training"):
        register_once(settings)
        run = TrainingRun(settings, order)
        with run.closed_at_the_end():
            _log(f"{network}, preset {preset}: {order.params['schedule.steps']} steps; data first, where it is missing")
            weights = train_network(order, _reporting_to(run), _log)
            run.keep(weights)
            metrics = run.metrics
            model = order.trained(weights, metrics)
            version = register_trained(settings, model, training_run=run.id, metrics=metrics)
    return {"weights": str(weights), "model": model.name, "version": version, "mlflow_run_id": run.id, **metrics}


def _reporting_to(run: TrainingRun) -> Report:
    """A report to the log and to MLflow."""

    def report(step: int, metrics: dict[str, float]) -> None:
        _log(report_line(step, metrics))
        run.report(step, metrics)

    return report


def _log(line: str) -> None:
    """To the terminal and to Prefect's log of the run."""
    print(line, flush=True)
    get_run_logger().info(line)
