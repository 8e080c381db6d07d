"""The record of a training in MLflow, and the versions that come of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from biopose.errors import BioposeError
from biopose.io.files import sha256_of
from biopose.training.loop import Report
from biopose.training.mqhmr import train_mqhmr_from
from biopose.training.neurik import train_neurik_from
from biopose.training.run import ShardMade, TrainingRequest
from tasks.locks import exclusive
from tasks.models import PinnedModel, register_shipped, register_trained, registered_versions, registry, weights_of
from tasks.settings import Settings
from tasks.shipped_models import shipped_models
from tasks.training import PRESETS, RUN_FILE, NetworkName, TrainingOrder, TrainingRun, train_network


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home that knows what ships."""
    settings = Settings.load(tmp_path_factory.mktemp("registered"))
    register_shipped(settings)
    return settings


@pytest.fixture
def order(tmp_path: Path) -> TrainingOrder:
    return an_order("mqhmr", tmp_path)


def an_order(network: NetworkName, out: Path, *, drawn: Path | None = None) -> TrainingOrder:
    return TrainingOrder(network, TrainingRequest(out, out, "cpu", processes=1, drawn=drawn))


def weights(folder: Path, content: bytes, name: str = "mqhmr.safetensors") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def test_a_training_has_its_preset_as_parameters_and_a_history_of_metrics(
    settings: Settings, order: TrainingOrder
) -> None:
    run = TrainingRun(settings, order)
    with run.closed_at_the_end():
        run.report(250, {"mpjpe_mm": 120.0})
        run.report(500, {"mpjpe_mm": 90.0})
        run.keep(weights(order.request.out, b"w"))
    assert run.metrics == {"mpjpe_mm": 90.0}
    with registry(settings) as client:
        found = client.get_run(run.id)
        history = [(metric.step, metric.value) for metric in client.get_metric_history(run.id, "mpjpe_mm")]
        assert [file.path for file in client.list_artifacts(run.id, "weights")] == ["weights/mqhmr.safetensors"]
    assert history == [(250, 120.0), (500, 90.0)]
    assert found.info.status == "FINISHED"
    params = found.data.params
    steps = str(PRESETS["mqhmr"]["cpu"].schedule.steps)
    assert (params["network"], params["schedule.steps"], params["shape.queries"]) == ("mqhmr", steps, "20")


def test_an_interrupted_training_goes_on_in_its_run(settings: Settings, order: TrainingOrder) -> None:
    first = TrainingRun(settings, order)
    with pytest.raises(KeyboardInterrupt), first.closed_at_the_end():
        raise KeyboardInterrupt
    with registry(settings) as client:
        assert client.get_run(first.id).info.status == "KILLED"
    again = TrainingRun(settings, order)
    assert again.id == first.id
    with registry(settings) as client:
        assert client.get_run(first.id).info.status == "RUNNING"
    with pytest.raises(BioposeError), again.closed_at_the_end():
        raise BioposeError
    with registry(settings) as client:
        assert client.get_run(first.id).info.status == "FAILED"


def test_a_folder_that_came_from_elsewhere_gets_a_run_here(settings: Settings, order: TrainingOrder) -> None:
    (order.request.out / RUN_FILE).write_text("0123456789abcdef0123456789abcdef")
    run = TrainingRun(settings, order)
    assert run.id != "0123456789abcdef0123456789abcdef"
    assert TrainingRun(settings, order).id == run.id


def test_a_trained_network_becomes_a_version_with_its_metrics_and_no_alias(
    settings: Settings, order: TrainingOrder
) -> None:
    run = TrainingRun(settings, order)
    metrics = {"mpjpe_mm": 91.5}
    models = [order.trained(weights(order.request.out, content), metrics) for content in (b"first", b"second")]
    versions = []
    for content, model in zip((b"first", b"second", b"second"), (*models, models[1]), strict=True):
        weights(order.request.out, content)
        versions.append(register_trained(settings, model, training_run=run.id, metrics=metrics))
    assert versions == [1, 2, 2]
    with registry(settings) as client:
        found = client.get_model_version("mqhmr", "1")
        assert client.get_run(found.run_id).data.metrics == metrics
        assert client.search_registered_models("name='mqhmr'")[0].aliases == {}
    assert found.tags["training_run"] == run.id
    assert "91.5" in found.description
    pin = PinnedModel("mqhmr", "mqhmr", 1, found.tags["sha256"], found.tags["configuration"])
    assert weights_of(pin, settings)["mqhmr.safetensors"].read_bytes() == b"first"


@pytest.mark.parametrize(("network", "stage"), [("lifter", "keypoint_fit"), ("mqhmr", "mqhmr"), ("neurik", "neurik")])
def test_a_trained_network_is_a_version_of_its_stage_and_does_not_measure_yet(
    network: NetworkName, stage: str, registered: Settings, tmp_path: Path
) -> None:
    file = f"{network}.safetensors"
    model = an_order(network, tmp_path).trained(weights(tmp_path, b"trained", file), {"mae_deg": 4.0})
    assert register_trained(registered, model, training_run="none", metrics={}) == 2
    found = {v.version: v for v in registered_versions(registered) if v.model == stage}
    assert found[1].aliases == ("champion",)
    assert found[2].aliases == ()
    assert found[2].configuration_json == found[1].configuration_json
    files = weights_of(PinnedModel(stage, stage, 2, found[2].sha256, "{}"), registered)
    assert files.pop(file).read_bytes() == b"trained"
    (shipped,) = (model for model in shipped_models() if model.name == stage)
    kept = {path.name: sha256_of(path) for path in shipped.files if path.name != file}
    assert {name: sha256_of(path) for name, path in files.items()} == kept


@pytest.mark.parametrize(
    ("network", "train_from", "what"),
    [("mqhmr", train_mqhmr_from, "pictures"), ("neurik", train_neurik_from, "clips")],
)
def test_training_data_is_kept_in_the_requested_folder_and_reported(
    network: NetworkName, train_from: Callable[..., Path], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(request: TrainingRequest, *, report: Report, shard_made: ShardMade) -> Path:
        assert (request.data_folder(what), request.processes) == (tmp_path / "drawn", 1)
        shard_made("validation", 3)
        return request.out / "weights"

    monkeypatch.setattr(f"tasks.training.{train_from.__name__}", create_autospec(train_from, side_effect=trained))
    logged: list[str] = []
    order = an_order(network, tmp_path, drawn=tmp_path / "drawn")
    assert train_network.fn(order, lambda _step, _figures: None, logged.append) == tmp_path / "weights"
    assert logged == [f"{what}: validation shard 3 made"]


def test_two_trainings_do_not_meet_in_one_folder(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path, "training"),
        pytest.raises(BioposeError, match="a training is at work here"),
        exclusive(tmp_path, "training"),
    ):
        pass
