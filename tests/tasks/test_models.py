"""The registry: shipped weights once, exact versions, files that are what was registered, a record of each ingest."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from biopose.errors import BioposeError, ModelError
from biopose.io.files import sha256_of
from biopose.pipeline import METHODS as ALL_METHODS
from biopose.reconstruction.fit_options import SolverOptions
from biopose.reconstruction.method_names import EVALUATED_METHODS, NETWORKS, MethodName
from flows.cli.models import models
from tasks.ingest_record import begin_ingest, end_ingest
from tasks.models import (
    LONGEST_DESCRIPTION,
    MODELS_EXPERIMENT,
    PinnedModel,
    experiment_id,
    pin_models,
    register_shipped,
    registered_versions,
    registry,
    shortened_card,
    version_details,
    weights_of,
)
from tasks.settings import Settings
from tasks.shipped_models import shipped_models

REGISTER = """
import sys
from tasks.models import register_shipped
from tasks.settings import Settings
register_shipped(Settings.load(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home in which two processes registered at the same time."""
    home = tmp_path_factory.mktemp("home")
    both = [subprocess.Popen([sys.executable, "-c", REGISTER, str(home)]) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    return Settings.load(home)


@pytest.fixture
def own(registered: Settings, tmp_path: Path) -> Settings:
    """A copy of that home, to change; so a home can be moved, too."""
    shutil.copytree(registered.home, tmp_path / "home")
    return Settings.load(tmp_path / "home")


def _with_alias(settings: Settings, model: str, alias: str, version: int) -> None:
    with registry(settings) as client:
        client.set_registered_model_alias(model, alias, str(version))


def _another_version(settings: Settings, model: str, configuration_json: str) -> int:
    """As a training run would register it: the same weights, run otherwise."""
    with registry(settings) as client:
        first = client.get_model_version(model, "1")
        tags = {**first.tags, "configuration": configuration_json}
        return int(client.create_model_version(model, first.source, first.run_id, tags=tags).version)


def test_shipped_weights_are_registered_once_though_two_processes_do_it(registered: Settings) -> None:
    register_shipped(registered)
    versions = registered_versions(registered)
    assert [(found.model, found.version, found.aliases) for found in versions] == [
        (stage, 1, ("champion",)) for stage in NETWORKS
    ]
    assert {found.licence for found in versions} == {"Apache-2.0"}


def test_pins_are_exact_and_go_through_json(registered: Settings) -> None:
    pins = pin_models(registered, method="mqhmr")
    assert [(pin.stage, pin.version) for pin in pins] == [(stage, 1) for stage in NETWORKS]
    assert [PinnedModel(**json.loads(json.dumps(pin.as_dict()))) for pin in pins] == list(pins)
    assert json.loads(pins[2].configuration_json)["budget"]["steps"] == SolverOptions().steps


@pytest.mark.parametrize("method", EVALUATED_METHODS)
def test_a_method_has_the_models_that_it_runs_and_no_others(registered: Settings, method: MethodName) -> None:
    stages = [pin.stage for pin in pin_models(registered, method=method)]
    assert stages == list(ALL_METHODS[method].networks)
    assert ("mqhmr" in stages) == (method != "keypoint_fit")  # the keypoint fit needs no mesh recovery
    assert ("neurik" in stages) == (method == "mqhmr")  # the others, which lack a stage, have nothing of NeurIK's


def test_the_files_of_a_pin_are_those_that_ship(registered: Settings) -> None:
    for pin, shipped in zip(pin_models(registered, method="mqhmr"), shipped_models(), strict=True):
        files = weights_of(pin, registered)
        assert {name: sha256_of(path) for name, path in files.items()} == {p.name: sha256_of(p) for p in shipped.files}
        assert pin.sha256 == shipped.sha256


def test_a_single_files_hash_is_its_own(registered: Settings) -> None:
    pin = pin_models(registered)[0]
    (file,) = weights_of(pin, registered).values()
    assert sha256_of(file) == pin.sha256


def test_a_version_has_its_card_and_configuration_beside_its_weights(registered: Settings) -> None:
    pin = pin_models(registered)[2]
    with registry(registered) as client:
        version = client.get_model_version(pin.model, str(pin.version))
    folder = next(iter(weights_of(pin, registered).values())).parent.parent
    assert (folder / "configuration.json").read_text() == pin.configuration_json
    assert (folder / "card.md").read_text() == version.description
    assert "lifter" in version.description


def test_a_card_longer_than_a_database_takes_is_shortened_there_and_shown_whole(registered: Settings) -> None:
    with registry(registered) as client:
        descriptions = {stage: client.get_model_version(stage, "1").description for stage in NETWORKS}
    cards = {stage: version_details(registered, stage, 1)["card"] for stage in NETWORKS}
    assert all(len(text) <= 5000 for text in descriptions.values())
    assert len(cards["mqhmr"]) > 5000
    assert descriptions["mqhmr"].endswith("The whole card: card.md of the run.")
    assert cards == {model.name: model.card for model in shipped_models()}
    assert len(shortened_card("a card of one line " * 1000)) == LONGEST_DESCRIPTION


def test_a_home_that_was_moved_still_has_its_weights_and_changed_ones_are_refused(own: Settings) -> None:
    pin = pin_models(own)[2]
    file = weights_of(pin, own)["lifter.safetensors"]
    assert file.is_relative_to(own.home)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="keypoint_fit version 1 are not those that were registered"):
        weights_of(pin, own)


def test_what_is_registered_in_a_moved_home_lies_in_it_and_moved_back_it_goes_on_where_it_was(
    registered: Settings, own: Settings
) -> None:
    with registry(own) as client:
        before = client.get_experiment_by_name(MODELS_EXPERIMENT)
        moved = client.get_experiment(experiment_id(client, own, MODELS_EXPERIMENT))
        assert before.artifact_location == (registered.model_files / MODELS_EXPERIMENT).as_uri()
        assert moved.artifact_location == (own.model_files / MODELS_EXPERIMENT).as_uri()
        assert experiment_id(client, own, MODELS_EXPERIMENT) == moved.experiment_id
        assert experiment_id(client, registered, MODELS_EXPERIMENT) == before.experiment_id
    assert weights_of(pin_models(own)[2], own)["lifter.safetensors"].is_relative_to(own.home)


def test_what_differs_from_every_version_becomes_a_new_one_and_the_champion_stays(own: Settings) -> None:
    with registry(own) as client:
        client.set_model_version_tag("detector", "1", "configuration", '{"input_px": 640}')
    register_shipped(own)
    register_shipped(own)
    found = [(v.version, v.aliases) for v in registered_versions(own) if v.model == "detector"]
    assert found == [(2, ()), (1, ("champion",))]


def test_a_challenger_stands_in_for_its_stage_alone(own: Settings) -> None:
    version = _another_version(own, "keypoint_fit", '{"budget": "double"}')
    _with_alias(own, "keypoint_fit", "challenger", version)
    pins = {pin.stage: pin for pin in pin_models(own, "challenger", method="keypoint_fit")}
    assert {stage: pin.version for stage, pin in pins.items()} == {"detector": 1, "keypoints": 1, "keypoint_fit": 2}
    assert pins["keypoint_fit"].configuration_json == '{"budget": "double"}'
    assert [pin.version for pin in pin_models(own, method="keypoint_fit")] == [1, 1, 1]


def test_a_pin_holds_when_the_alias_moves(own: Settings) -> None:
    pin = pin_models(own)[2]
    _with_alias(own, "keypoint_fit", "champion", _another_version(own, "keypoint_fit", "{}"))
    assert weights_of(pin, own)
    assert pin_models(own)[2] == replace(pin, version=2, configuration_json="{}")


def test_an_alias_that_nobody_has_and_an_empty_registry_are_refused(registered: Settings, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'challenger'; `biopose models` lists"):
        pin_models(registered, "challenger")
    with pytest.raises(ModelError, match="no version of detector or keypoints or keypoint_fit"):
        pin_models(Settings.load(tmp_path))


def test_an_ingest_is_recorded_with_the_models_it_used(own: Settings) -> None:
    pins = pin_models(own)
    params, metrics = {"inbox": "/data/inbox"}, {"frames_per_s": 4.5, "trials_measured": 12}
    run_id = begin_ingest(own, "inbox")
    end_ingest(own, run_id, params=params, metrics=metrics, models=pins, failed=False)
    with registry(own) as client:
        run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == params | {f"model.{pin.stage}": "1" for pin in pins}
    assert run.data.metrics == metrics
    assert run.data.tags["model.detector.sha256"] == pins[0].sha256


def test_what_a_killed_ingest_left_open_is_ended_by_the_next(own: Settings) -> None:
    left = begin_ingest(own, "killed")
    now = begin_ingest(own, "next")
    with registry(own) as client:
        assert [client.get_run(run_id).info.status for run_id in (left, now)] == ["KILLED", "RUNNING"]


def test_the_command_lists_what_is_registered(registered: Settings) -> None:
    from click.testing import CliRunner

    text = CliRunner().invoke(models, ["--home", str(registered.home)]).stdout
    assert [line.split()[:3] for line in text.splitlines()[1:]] == [[stage, "1", "champion"] for stage in NETWORKS]
    result = json.loads(CliRunner().invoke(models, ["--home", str(registered.home), "--json"]).stdout)
    assert [model["sha256"] for model in result["models"]] == [
        pin.sha256 for pin in pin_models(registered, method="mqhmr")
    ]


def test_a_server_of_models_that_does_not_respond_is_named_at_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, mlflow_tracking_uri="http://127.0.0.1:1")
    with pytest.raises(
        BioposeError, match=r"BIOPOSE_MLFLOW_TRACKING_URI is 'http://127\.0\.0\.1:1': no server responds"
    ):
        pin_models(settings)
