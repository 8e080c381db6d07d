"""Training as a step of a flow: a library function, its record in MLflow, and what becomes of its weights."""

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
from tasks.models import experiment_id, registry
from tasks.settings import Settings
from tasks.shipped_models import ShippedModel, trained_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "training"
RUN_FILE = "mlflow_run_id"  # in the folder of a training: a training that was interrupted goes on in its run

NetworkName = Literal["lifter", "mqhmr", "neurik"]
PRESETS: Mapping[NetworkName, Mapping[str, Any]] = {
    "lifter": LIFTER_PRESETS,
    "mqhmr": MQHMR_PRESETS,
    "neurik": NEURIK_PRESETS,
}
# The stage that a network belongs to, and the title of its card.
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
        motion: folder of CMU's motion capture.
        out: folder of the run.
        preset: of the network's.
        device: where the network is.
        processes: that draw what is trained on.
        drawn: folder that keeps what is drawn to train on, pictures or clips; None keeps it in `out`.
    """

    network: NetworkName
    motion: Path
    out: Path
    preset: str
    device: str
    processes: int
    drawn: Path | None

    @property
    def params(self) -> dict[str, str]:
        """For MLflow, nested names joined by dots."""
        preset = PRESETS[self.network][self.preset]
        return {"network": self.network, "preset": self.preset, **dict(_flat(asdict(preset)))}

    def trained(self, weights: Path, metrics: Mapping[str, float]) -> ShippedModel:
        """The weights as the registry takes them."""
        figures = ", ".join(f"{name} {value:.3g}" for name, value in metrics.items())
        said = f"Trained here by `biopose train {self.network} --preset {self.preset}`.\n\n**Held out.** {figures}."
        stage, title = STAGE_AND_TITLE[self.network]
        return trained_model(stage, weights, f"# {title}\n\n{said}")


def _flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in nested.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", str(value)


@task(name="train", task_run_name="train {order.network}", cache_policy=NO_CACHE, persist_result=False)
def train_network(order: TrainingOrder, report: Report, say: Callable[[str], None]) -> Path:
    """Train, or go on with a training that was interrupted; the weights.

    Args:
        order: what to train.
        report: called with the step and figures.
        say: told of pictures and clips that were made.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    chosen: dict[str, Any] = {"preset": order.preset, "device": order.device, "report": report}
    if order.network == "lifter":
        return train_lifter_from(order.motion, order.out, **chosen)
    what = "pictures" if order.network == "mqhmr" else "clips"
    chosen["processes"] = order.processes
    chosen["shard_made"] = lambda split, index: say(f"{what}: {split} shard {index} made")
    if order.network == "mqhmr":
        return train_mqhmr_from(order.motion, order.out, pictures=order.drawn, **chosen)
    return train_neurik_from(order.motion, order.out, clips=order.drawn, **chosen)


class TrainingRun:
    """The MLflow run of a training's folder, opened again where an interrupted training goes on.

    Args:
        settings: say where MLflow is.
        order: what is trained.
    """

    def __init__(self, settings: Settings, order: TrainingOrder) -> None:
        self.settings = settings
        file = order.out / RUN_FILE
        with registry(settings) as client:
            known = _known(client, file.read_text(encoding="utf-8").strip()) if file.is_file() else None
            self.id = known or self._created(client, order)
            client.update_run(self.id, status="RUNNING")
        file.write_text(self.id, encoding="utf-8")

    def report(self, step: int, figures: Mapping[str, float]) -> None:
        """Log a step's figures."""
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        now_ms = get_current_time_millis()
        with registry(self.settings) as client:
            client.log_batch(self.id, [Metric(name, float(value), now_ms, step) for name, value in figures.items()])

    @property
    def metrics(self) -> dict[str, float]:
        """The last of each that was reported."""
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
        run_id: str = client.create_run(experiment, run_name=f"{order.network} {order.out.name}").info.run_id
        client.log_batch(run_id, params=[Param(name, value) for name, value in order.params.items()])
        return run_id


def _known(client: MlflowClient, run_id: str) -> str | None:
    """The run, if this MLflow has it: a folder may have been moved to another home."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_run(run_id).info.run_id)
    except MlflowException:
        return None
