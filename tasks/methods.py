"""The method of a run, with the configuration and the weights of the model versions that were pinned for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from biopose.perception.backends import Backend, Device
from biopose.reconstruction.method_names import MethodName
from tasks.models import PinnedModel, weights_of
from tasks.settings import Settings

if TYPE_CHECKING:
    from biopose.reconstruction.methods import Method
    from biopose.reconstruction.models import WeightFiles

# What versions of MQ-HMR ran with that were registered before their configuration held these values.
BEFORE_CONFIGURED = {"lifter_sd_factor": 1.0, "pose_prior_share": 1.0}
# Iterations of the solver that the keypoint fit had before.
OTHER_SOLVER = ("first_iterations", "shape_iterations", "newton_steps")
# The file of a registered model that each network is read from.
FILE_NAMES = {
    "lifter": ("keypoint_fit", "lifter.safetensors"),
    "pose_prior": ("keypoint_fit", "pose_prior.safetensors"),
    "mqhmr": ("mqhmr", "mqhmr.safetensors"),
    "segment_body": ("mqhmr", "segment_body.safetensors"),
    "neurik": ("neurik", "neurik.safetensors"),
}


@dataclass(frozen=True)
class PinnedMethod:
    """What a process needs to know to load a run's method: small, hashable, and it imports nothing.

    Attributes:
        name: of the method.
        models: one for each of its networks.
        weights: by the field of `WeightFiles`, each network's file.
        cross_check_frames: of each trial, that OpenSim's own inverse kinematics solves, too.
        marker_weights: of NeurIK for recordings of markers; None: those that ship.
        device: of the networks, on every machine.
        cpu_backend: of the networks on every machine's CPU; None: as each has it.
    """

    name: MethodName
    models: tuple[PinnedModel, ...]
    weights: tuple[tuple[str, Path], ...]
    cross_check_frames: int
    marker_weights: Path | None = None
    device: Device = "cpu"
    cpu_backend: Backend | None = None

    @classmethod
    def of(
        cls,
        name: MethodName,
        models: Sequence[PinnedModel],
        settings: Settings,
        *,
        cross_check_frames: int,
        neurik: PinnedModel | None = None,
    ) -> PinnedMethod:
        """Look up the weights, and check each against its hash.

        Args:
            name: of the method.
            models: one for each of its networks.
            settings: say where the weights are, and what runs the networks.
            cross_check_frames: as above.
            neurik: for recordings of markers, where the method has no NeurIK of its own.

        Raises:
            ModelError: weights are gone or differ from what was registered.
        """
        files = {model.stage: weights_of(model, settings) for model in models}
        (detector,), (keypoints,) = files["detector"].values(), files["keypoints"].values()
        others = {network: files[model][name] for network, (model, name) in FILE_NAMES.items() if model in files}
        weights = {"detector": detector, "keypoints": keypoints, **others}
        of_markers = others.get("neurik") or (weights_of(neurik, settings)[FILE_NAMES["neurik"][1]] if neurik else None)
        return cls(
            name,
            tuple(models),
            tuple(weights.items()),
            cross_check_frames,
            of_markers,
            settings.device,
            settings.cpu_backend,
        )

    def load(self) -> Method:
        """The method with the configuration of the pinned models."""
        from biopose.reconstruction.fit_options import FitWeights, RefinementOptions, SolverOptions
        from biopose.reconstruction.methods import METHODS

        configuration = {model.stage: json.loads(model.configuration_json) for model in self.models}
        budget = configuration["keypoint_fit"]["budget"]
        method = replace(
            METHODS[self.name],
            solver=SolverOptions(**{name: steps for name, steps in budget.items() if name not in OTHER_SOLVER}),
            weights=FitWeights(**configuration["keypoint_fit"]["weights"]),
            cross_check_frames=self.cross_check_frames,
        )
        if method.mesh is None:
            return method
        return replace(method, refinement=RefinementOptions(**BEFORE_CONFIGURED | configuration["mqhmr"]["budget"]))

    def weight_files(self) -> WeightFiles:
        """Where the weights are."""
        from biopose.reconstruction.models import WeightFiles

        return WeightFiles(**dict(self.weights))
