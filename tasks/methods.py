"""The method of a run, with the configuration and the weights of the model versions that were pinned for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from biopose.pipeline import METHODS, Method
from biopose.reconstruction.method_names import MethodName
from biopose.reconstruction.models import WeightFiles
from biopose.reconstruction.motion_solver import SolverOptions
from biopose.reconstruction.refinement import RefinementOptions
from biopose.reconstruction.residuals import FitWeights
from tasks.models import PinnedModel, weights_of
from tasks.settings import Settings

# What versions of MQ-HMR ran with that were registered before their configuration held these values.
BEFORE_CONFIGURED = {"lifter_sd_factor": 1.0, "pose_prior_share": 1.0}
# The file of a registered model that each network is read from.
FILE_NAMES = {
    "lifter": ("keypoint_fit", "lifter.safetensors"),
    "pose_prior": ("keypoint_fit", "pose_prior.safetensors"),
    "mqhmr": ("mqhmr", "mqhmr.safetensors"),
    "segment_body": ("mqhmr", "segment_body.safetensors"),
    "neurik": ("neurik", "neurik.safetensors"),
}


def pinned_method(name: MethodName, models: Sequence[PinnedModel], *, cross_check_frames: int) -> Method:
    """A method with the configuration of pinned models.

    Args:
        name: of the method.
        models: one for each of its networks.
        cross_check_frames: of each trial, that OpenSim's own inverse kinematics solves, too.
    """
    configuration = {model.stage: json.loads(model.configuration_json) for model in models}
    method = replace(
        METHODS[name],
        solver=SolverOptions(**configuration["keypoint_fit"]["budget"]),
        weights=FitWeights(**configuration["keypoint_fit"]["weights"]),
        cross_check_frames=cross_check_frames,
    )
    if method.mesh is None:
        return method
    return replace(method, refinement=RefinementOptions(**BEFORE_CONFIGURED | configuration["mqhmr"]["budget"]))


def weight_files(models: Sequence[PinnedModel], settings: Settings) -> WeightFiles:
    """Where the weights of pinned models lie, each checked against its hash.

    Raises:
        ModelError: weights are gone or differ from what was registered.
    """
    files = {model.stage: weights_of(model, settings) for model in models}
    (detector,), (keypoints,) = files["detector"].values(), files["keypoints"].values()
    others = {network: files[model][name] for network, (model, name) in FILE_NAMES.items() if model in files}
    return WeightFiles(detector=detector, keypoints=keypoints, **others)
