"""The methods by which a video is measured, and the networks that they run."""

from __future__ import annotations

from typing import Literal, get_args

MethodName = Literal["mqhmr", "keypoint_fit", "mqhmr_unrefined", "mqhmr_alone"]
EVALUATED_METHODS: tuple[MethodName, ...] = get_args(MethodName)
METHODS = EVALUATED_METHODS[:2]  # for users; the others stop early and serve evaluation
DEFAULT_METHOD: MethodName = "mqhmr"
NETWORKS = ("detector", "keypoints", "keypoint_fit", "mqhmr", "neurik")  # as a registry names them, in order
METHOD_HELP = "mqhmr: mesh recovery, refined and fitted; keypoint_fit: the skeleton on the 2D keypoints alone."
EVALUATED_METHOD_HELP = (
    f"{METHOD_HELP} To evaluate its stages: mqhmr_unrefined: the fused predictions of decoder and lifter; mqhmr_alone: "
    "the prediction of the decoder."
)
