"""Training as a task of a flow: a library function, its MLflow run, and the registration of its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prefect import task
from prefect.cache_policies import NO_CACHE

from biopose.training.lifter import PRESETS as LIFTER_PRESETS
from biopose.training.lifter import train_lifter_from
from biopose.training.loop import Report
from biopose.training.mqhmr import PRESETS as MQHMR_PRESETS
from biopose.training.mqhmr import train_mqhmr_from
from biopose.training.neurik import PRESETS as NEURIK_PRESETS
from biopose.training.neurik import train_neurik_from
from biopose.training.run import TrainingRequest
from tasks.models import experiment_id, registry
from tasks.settings import Settings
from tasks.shipped_models import ShippedModel, trained_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "training"
RUN_FILE = "mlflow_run_id"  # in the folder of a training: an interrupted training is resumed in its run

NetworkName = Literal["lifter", "mqhmr", "neurik"]
PRESETS: Mapping[NetworkName, Mapping[str, Any]] = {
    "lifter": LIFTER_PRESETS,
    "mqhmr": MQHMR_PRESETS,
    "neurik": NEURIK_PRESETS,
}
# The stage that a network belongs to, and the title of its model card.
STAGE_AND_TITLE: Mapping[NetworkName, tuple[str, str]] = {
    "lifter": ("keypoint_fit", "The keypoint fit, with a lifter of its own training"),
    "mqhmr": ("mqhmr", "MQ-HMR: from a crop to the body's mesh"),
    "neurik": ("neurik", "NeurIK: from markers to joint angles"),
}


@dataclass(frozen=True)
class TrainingOrder:
    """What to train.

    Attributes:
        network: lifter, mqhmr or neurik.
        request: the run; its preset is one of the network's.
    """

    network: NetworkName
    request: TrainingRequest

    @property
    def params(self) -> dict[str, str]:
        """For MLflow, nested names joined by dots."""
        preset = self.request.of_length(PRESETS[self.network][self.request.preset])
        return {"network": self.network, "preset": self.request.preset, **dict(_flat(asdict(preset)))}

    def trained(self, weights: Path, metrics: Mapping[str, float]) -> ShippedModel:
        """The weights as a model for the registry, with a card."""
        values = ", ".join(f"{name} {value:.3g}" for name, value in metrics.items())
        steps = "" if self.request.steps is None else f" --steps {self.request.steps}"
        command = f"biopose train {self.network} --preset {self.request.preset}{steps}"
        stage, title = STAGE_AND_TITLE[self.network]
        return trained_model(stage, weights, f"# {title}\n\nTrained here by `{command}`.\n\n**Held out.** {values}.")


def _flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in nested.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", str(value)


@task(name="train", task_run_name="train {order.network}", cache_policy=NO_CACHE, persist_result=False)
def train_network(order: TrainingOrder, report: Report, log: Callable[[str], None]) -> Path:
    """Train, or resume an interrupted training; the weights.

    Args:
        order: what to train.
        report: called with the step and its metrics.
        log: called with a line for each shard of training data that was made.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    if order.network == "lifter":
        return train_lifter_from(order.request, report=report)
    train_from, data = (train_mqhmr_from, "pictures") if order.network == "mqhmr" else (train_neurik_from, "clips")
    return train_from(
        order.request, report=report, shard_made=lambda split, index: log(f"{data}: {split} shard {index} made")
    )


class TrainingRun:
    """The MLflow run of a training's folder, reopened where an interrupted training is resumed.

    Args:
        settings: hold the address of MLflow.
        order: what is trained.
    """

    def __init__(self, settings: Settings, order: TrainingOrder) -> None:
        self.settings = settings
        file = order.request.out / RUN_FILE
        with registry(settings) as client:
            known = _known(client, file.read_text(encoding="utf-8").strip()) if file.is_file() else None
            self.id = known or self._created(client, order)
            client.update_run(self.id, status="RUNNING")
        file.write_text(self.id, encoding="utf-8")

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log a step's metrics."""
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        now_ms = get_current_time_millis()
        with registry(self.settings) as client:
            client.log_batch(self.id, [Metric(name, float(value), now_ms, step) for name, value in metrics.items()])

    @property
    def metrics(self) -> dict[str, float]:
        """The latest value of each metric."""
        with registry(self.settings) as client:
            return dict(client.get_run(self.id).data.metrics)

    def keep(self, weights: Path) -> None:
        """Log the weights as an artifact."""
        with registry(self.settings) as client:
            client.log_artifact(self.id, str(weights), "weights")

    @contextmanager
    def closed_at_the_end(self) -> Iterator[None]:
        """Close the run when the block ends: as finished, as killed by ^C, or as failed."""
        status = "FAILED"
        try:
            yield
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            with registry(self.settings) as client:
                client.set_terminated(self.id, status)

    def _created(self, client: MlflowClient, order: TrainingOrder) -> str:
        from mlflow.entities import Param

        experiment = experiment_id(client, self.settings, EXPERIMENT)
        run_id: str = client.create_run(experiment, run_name=f"{order.network} {order.request.out.name}").info.run_id
        client.log_batch(run_id, params=[Param(name, value) for name, value in order.params.items()])
        return run_id


def _known(client: MlflowClient, run_id: str) -> str | None:
    """The run's id if this MLflow has it; the folder may have been moved from another home."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_run(run_id).info.run_id)
    except MlflowException:
        return None
