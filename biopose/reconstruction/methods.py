"""The methods of measuring: which networks run, how far their prediction is refined, with which constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from biopose.reconstruction.fit_options import FitWeights, RefinementOptions, SolverOptions
from biopose.reconstruction.method_names import MESH, WITH_NEURIK, MeshStage, MethodName, networks


@dataclass(frozen=True)
class Method:
    """Which networks measure, how far they are refined, and with which constants.

    Attributes:
        name: of the method.
        mesh: how far MQ-HMR's mesh is taken; None fits the skeleton to the keypoints alone.
        neurik: whether NeurIK predicts the coordinates; else inverse kinematics solves for them.
        solver: of the fit of the skeleton.
        weights: of the fit's terms.
        refinement: of the mesh.
        cross_check_frames: of each trial, that OpenSim's own inverse kinematics solves, too.
    """

    name: MethodName
    mesh: MeshStage | None = None
    neurik: bool = False
    solver: SolverOptions = field(default_factory=SolverOptions)
    weights: FitWeights = field(default_factory=FitWeights)
    refinement: RefinementOptions = field(default_factory=RefinementOptions)
    cross_check_frames: int = 4

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the models that it runs, as a registry keeps them, in order."""
        return networks(mesh=self.mesh is not None, neurik=self.neurik)


METHODS: Mapping[MethodName, Method] = {
    name: Method(name, mesh=mesh, neurik=name in WITH_NEURIK) for name, mesh in MESH.items()
}
