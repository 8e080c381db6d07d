"""By which method a video is measured."""

from __future__ import annotations

from typing import Literal, get_args

MethodName = Literal["mqhmr", "keypoint_fit"]
METHODS: tuple[MethodName, ...] = get_args(MethodName)
DEFAULT_METHOD: MethodName = "keypoint_fit"
METHOD_HELP = "mqhmr: mesh recovery, refined; keypoint_fit: the skeleton on the 2D keypoints alone."
