"""The input of the lifter: keypoints in a virtual camera that is rotated towards the person, scaled to unit spread.

The rotation and the scaling make the features of a pose the same wherever in the image the person is and however large.
The direction and the scale are features of their own, since the perspective depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS

NOMINAL_RATE_HZ = 30.0
N_FEATURES = 3 * len(KEYPOINTS) + 4
WEIGHT_SD = 0.06  # error (of the keypoints' spread) at which a keypoint's weight is one half
SMALLEST_SPREAD = 1e-4  # of the keypoints, in units of depth; a person a kilometre away
LEAST_WEIGHT = 1e-3  # total of a frame's keypoints, below which the person counts as not observed


@dataclass(frozen=True)
class LifterInput:
    """A person's features.

    Attributes:
        features: (..., T, N_FEATURES).
        R_camera_view: (..., T, 3, 3) from the view towards the person to the camera.
    """

    features: Tensor
    R_camera_view: Tensor


def lifter_input(rays: Tensor, weight: Tensor, *, interval_s: Tensor) -> LifterInput:
    """The lifter's features from a person's rays.

    Args:
        rays: (..., T, 26, 2) x / z and y / z in the camera's frame; anything where the weight is 0.
        weight: (..., T, 26) from 0, not observed, to 1, most confident.
        interval_s: (...) seconds between frames.
    """
    observed = torch.where(weight[..., None] > 0, rays, 0.0)
    total = weight.sum(-1, keepdim=True)
    centre = (observed * weight[..., None]).sum(-2) / total.clamp(min=LEAST_WEIGHT)
    R_camera_view = rotation_towards(centre)
    direction = torch.cat([observed, torch.ones_like(observed[..., :1])], dim=-1) @ R_camera_view  # R' v, as rows
    xy = direction[..., :2] / direction[..., 2:].clamp(min=0.1)
    spread = (xy.square().sum(-1) * weight).sum(-1, keepdim=True) / total.clamp(min=LEAST_WEIGHT)
    spread = spread.sqrt().clamp(min=SMALLEST_SPREAD)
    xy = torch.where(weight[..., None] > 0, xy / spread[..., None], 0.0)
    known = (total > LEAST_WEIGHT).to(xy)
    interval = (interval_s * NOMINAL_RATE_HZ).log().to(xy)[..., None, None].expand_as(total)
    context = torch.cat([centre * known, spread.log() * known, interval], dim=-1)
    return LifterInput(torch.cat([xy.flatten(-2), weight, context], dim=-1), R_camera_view)


def weight_of_error(sd: Tensor) -> Tensor:
    """Weight from 0 to 1 of a keypoint by its expected error, a share of the spread (RMS about the mean) of all."""
    return 1.0 / (1.0 + (sd / WEIGHT_SD) ** 2)


def rotation_towards(ray: Tensor) -> Tensor:
    """The rotation (..., 3, 3) to the camera from a view along a ray (..., 2), x axis horizontal in the image."""
    z = torch.nn.functional.normalize(torch.cat([ray, torch.ones_like(ray[..., :1])], dim=-1), dim=-1)
    down = torch.zeros_like(z)
    down[..., 1] = 1.0
    x = torch.nn.functional.normalize(torch.linalg.cross(down, z), dim=-1)
    return torch.stack([x, torch.linalg.cross(z, x), z], dim=-1)
