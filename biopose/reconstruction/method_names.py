"""The methods by which a video is measured, and the networks that they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

MethodName = Literal["mqhmr", "keypoint_fit", "mqhmr_solver", "mqhmr_unrefined", "mqhmr_alone"]
EVALUATED_METHODS: tuple[MethodName, ...] = get_args(MethodName)
METHODS = EVALUATED_METHODS[:2]  # for users; the others lack a stage and serve evaluation
DEFAULT_METHOD: MethodName = "mqhmr"
MeshStage = Literal["decoded", "fused", "refined"]
MESH: Mapping[MethodName, MeshStage | None] = {  # how far a method takes MQ-HMR's mesh
    "mqhmr": "refined",
    "keypoint_fit": None,
    "mqhmr_solver": "refined",
    "mqhmr_unrefined": "fused",
    "mqhmr_alone": "decoded",
}
WITH_NEURIK: tuple[MethodName, ...] = ("mqhmr",)
NETWORKS = ("detector", "keypoints", "keypoint_fit", "mqhmr", "neurik")  # as a registry names them, in order
METHOD_HELP = "mqhmr: mesh recovery, refined and fitted; keypoint_fit: the skeleton on the 2D keypoints alone."
EVALUATED_METHOD_HELP = (
    f"{METHOD_HELP} To evaluate its stages: mqhmr_solver: as mqhmr, with inverse kinematics in place of "
    "NeurIK; mqhmr_unrefined: the fused predictions of decoder and lifter; mqhmr_alone: the prediction of the decoder."
)


def networks(*, mesh: bool, neurik: bool) -> tuple[str, ...]:
    """Names of the models that run, as a registry keeps them, in order.

    Args:
        mesh: whether a mesh is recovered; its prediction is fused with the lifter's, which also gives gravity and
            contacts.
        neurik: whether NeurIK predicts the coordinates.
    """
    chosen = {"mqhmr": mesh, "neurik": neurik}
    return tuple(name for name in NETWORKS if chosen.get(name, True))


def networks_of(method: MethodName) -> tuple[str, ...]:
    """Those of a method."""
    return networks(mesh=MESH[method] is not None, neurik=method in WITH_NEURIK)
