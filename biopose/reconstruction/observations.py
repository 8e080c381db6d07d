"""The observations of a person that a fit takes: rays of keypoints, lifted keypoints and contacts, with deviations."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS
from biopose.hmr.lifter_input import NOMINAL_RATE_HZ

MID_HIP = KEYPOINTS.index("mid_hip")
HIPS = [KEYPOINTS.index("left_hip"), KEYPOINTS.index("right_hip")]
# The network's mid_hip lies 14 mm off the line between the hips. As a lever for the pelvis's tilt that is far too short
# for the precision of a keypoint, and its error is the same in every frame.
KEYPOINT_MASK = torch.tensor([0.0 if name == "mid_hip" else 1.0 for name in KEYPOINTS])
LEAST_CONFIDENCE = 0.15  # a keypoint of less counts as not observed
UNOBSERVED_SD = 1e3


@dataclass(frozen=True)
class Observations:
    """What is observed of T frames of one person.

    Attributes:
        rays: (T, 26, 2) x / z and y / z of the observed keypoints.
        ray_sd: (T, 26) standard deviation of each.
        weight: (T, 26) 1 for an observed keypoint, else 0.
        lifted_m: (T, 26, 3) relative to the middle of the hips, in the camera's axes.
        lifted_sd_m: (T, 26, 2) standard deviations across the view and along it.
        R_camera_view: (T, 3, 3).
        contact: (T, 4) probability that each of FOOT_KEYPOINTS rests on the ground.
        interval_s: (T - 1,) between frames.
    """

    rays: Tensor
    ray_sd: Tensor
    weight: Tensor
    lifted_m: Tensor
    lifted_sd_m: Tensor
    R_camera_view: Tensor
    contact: Tensor
    interval_s: Tensor

    @cached_property
    def lifted_view_m(self) -> Tensor:
        """(T, 26, 3) the lifted keypoints about the hips in the axes of the view."""
        return relative_to_hips(self.lifted_m) @ self.R_camera_view

    @cached_property
    def duration(self) -> Tensor:
        """(T,) time that each frame stands for, in frames of the nominal rate."""
        if len(self.interval_s) == 0:
            return torch.ones(1)
        half = 0.5 * NOMINAL_RATE_HZ * self.interval_s
        edge = torch.zeros(1)
        return torch.cat([half, edge]) + torch.cat([edge, half])

    def window(self, frames: slice) -> Observations:
        """Those of a stretch of frames."""
        by_frame = {one.name: getattr(self, one.name)[frames] for one in fields(self) if one.name != "interval_s"}
        return Observations(**by_frame, interval_s=self.interval_s[frames.start : frames.stop - 1])


def relative_to_hips(keypoints: Tensor) -> Tensor:
    """Keypoints (..., 26, 3) relative to the middle of the hips."""
    return keypoints - keypoints[..., HIPS, :].mean(-2, keepdim=True)
