"""The method of a run: its networks and no others, configured as the pinned versions say."""

import json
from dataclasses import replace

import pytest

from biopose.pipeline import METHODS, Method
from biopose.reconstruction.fit_options import RefinementOptions, SolverOptions
from tasks.methods import PinnedMethod
from tasks.models import PinnedModel
from tasks.shipped_models import shipped_models
from tests.perception.real_people import needs_networks

pytestmark = needs_networks


def pinned(method: Method) -> tuple[PinnedModel, ...]:
    shipped = [model for model in shipped_models() if model.name in method.networks]
    return tuple(PinnedModel(model.name, model.name, 1, model.sha256, model.configuration_json) for model in shipped)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_runs_as_it_ships_under_the_versions_that_ship(name: str) -> None:
    method = METHODS[name]
    assert PinnedMethod(name, pinned(method), (), method.cross_check_frames).load() == method
    assert PinnedMethod(name, pinned(method), (), 3).load().cross_check_frames == 3


def test_each_method_takes_its_mesh_as_far_as_its_name_says() -> None:
    assert {name: method.mesh for name, method in METHODS.items()} == {
        "mqhmr": "refined",
        "keypoint_fit": None,
        "mqhmr_solver": "refined",
        "mqhmr_unrefined": "fused",
        "mqhmr_alone": "decoded",
    }


def test_versions_from_before_two_options_were_configured_run_as_they_did() -> None:
    models = [*pinned(METHODS["mqhmr"])]
    (mqhmr,) = [model for model in models if model.stage == "mqhmr"]
    configuration = json.loads(mqhmr.configuration_json)
    for option in ("lifter_sd_factor", "pose_prior_share"):
        configuration["budget"].pop(option)
    models[models.index(mqhmr)] = replace(mqhmr, configuration_json=json.dumps(configuration))
    before = PinnedMethod("mqhmr", tuple(models), (), 12).load().refinement
    assert before == replace(RefinementOptions(), lifter_sd_factor=1.0, pose_prior_share=1.0)


def test_a_keypoint_fit_registered_with_another_solvers_iterations_takes_the_solvers_own_steps() -> None:
    models = [*pinned(METHODS["mqhmr"])]
    (fit,) = [model for model in models if model.stage == "keypoint_fit"]
    configuration = json.loads(fit.configuration_json)
    configuration["budget"] = {"first_iterations": 40, "shape_iterations": 40, "newton_steps": 12}
    models[models.index(fit)] = replace(fit, configuration_json=json.dumps(configuration))
    assert PinnedMethod("mqhmr", tuple(models), (), 12).load().solver == SolverOptions()
