"""By which method a video is measured."""

from __future__ import annotations

from typing import Literal, get_args

MethodName = Literal["mqhmr", "keypoint_fit", "mqhmr_unrefined", "mqhmr_alone"]
JUDGED_METHODS: tuple[MethodName, ...] = get_args(MethodName)
METHODS = JUDGED_METHODS[:2]  # that measure; the others stop early, for their evaluation
DEFAULT_METHOD: MethodName = "mqhmr"
METHOD_HELP = "mqhmr: mesh recovery, refined and fitted; keypoint_fit: the skeleton on the 2D keypoints alone."
JUDGED_METHOD_HELP = (
    f"{METHOD_HELP} To judge its parts: mqhmr_unrefined: what its decoder and the lifter say together; mqhmr_alone: "
    "what the decoder says."
)
