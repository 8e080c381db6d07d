"""The segment body of mean shape, differentiable: local rotations to keypoints, and their reprojection residual.

MQ-HMR feeds the residual back to its tokens between its layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.hmr.lifter_input import rotation_towards
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX

DEPTH_WEIGHT = 0.02  # of the default depth against the keypoints', where these hardly determine it
NEAREST = 0.3  # heights


class TemplateBody(nn.Module):
    """Keypoints of the mean body, rigid to its segments; nothing here learns."""

    offsets: Tensor
    arms: Tensor
    segment: Tensor

    def __init__(self, body: SegmentBody) -> None:
        super().__init__()
        self.parents = body.rig.bone_parents
        heads = body.rig.template_bone_heads
        segment = body.keypoints.skin_matrix.argmax(dim=1)
        parents = torch.tensor([max(parent, 0) for parent in self.parents])
        self.register_buffer("offsets", heads - heads[parents], persistent=False)
        self.register_buffer("arms", body.keypoints.template - heads[segment], persistent=False)
        self.register_buffer("segment", segment, persistent=False)

    def forward(self, R_local: Tensor) -> Tensor:
        """(N, 20, 3, 3) local rotations to keypoints (N, 26, 3) from the pelvis's bone, in heights."""
        R, p = [R_local[:, 0]], [self.offsets[0].expand_as(R_local[:, 0, 0])]  # no offset: it has no parent
        for s in range(1, len(SEGMENTS)):
            parent = self.parents[s]
            R.append(R[parent] @ R_local[:, s])
            p.append(p[parent] + R[parent] @ self.offsets[s])
        arms = torch.stack(R, dim=1)[:, self.segment] @ self.arms[..., None]
        return torch.stack(p, dim=1)[:, self.segment] + arms[..., 0]


def crop_sides(position: Tensor) -> Tensor:
    """(N, 1, 2) width and height in x / z and y / z of crops at positions (N, 3), as `CropInput` has them."""
    height = position[:, 2].exp()
    return torch.stack([height * WIDTH_PX / HEIGHT_PX, height], dim=-1)[:, None]


def crop_rays(keypoints: Tensor, position: Tensor) -> Tensor:
    """Keypoints (N, 26, 2) in shares of crops at positions (N, 3) as x / z and y / z of the camera."""
    return position[:, None, :2] + (keypoints - 0.5) * crop_sides(position)


def view_rays(keypoints: Tensor, position: Tensor) -> Tensor:
    """Keypoints in shares of their crops as x / z and y / z in the views towards the crops' middles.

    Args:
        keypoints: (N, 26, 2).
        position: (N, 3) as `CropInput` has it.

    Returns:
        (N, 26, 2).
    """
    xy = crop_rays(keypoints, position)
    view = torch.cat([xy, torch.ones_like(xy[..., :1])], dim=-1) @ rotation_towards(position[:, :2])
    return view[..., :2] / view[..., 2:].clamp(min=0.1)


def fit_translation(points: Tensor, rays: Tensor, weight: Tensor, depth: Tensor) -> Tensor:
    """The translation (N, 3) of points so that they project nearest to rays, by linear least squares.

    Args:
        points: (N, 26, 3) from their origin.
        rays: (N, 26, 2) x / z and y / z.
        weight: (N, 26).
        depth: (N,) the default one.
    """
    w = (weight / (weight.sum(-1, keepdim=True) + 1e-6))[..., None]
    mean = (w * rays).sum(1)
    spread = (w * (rays - mean[:, None]).square()).sum((1, 2))
    prior = DEPTH_WEIGHT * spread + 1e-8
    # Normal equations [total 0 -mean_x; 0 total -mean_y; -mean_x -mean_y square] t = moment, by elimination of x and y.
    total, square = w.sum(1) + 1e-6, (w * rays.square()).sum((1, 2)) + prior
    right = rays * points[..., 2:] - points[..., :2]
    across, along = (w * right).sum(1), prior * depth - (w * rays * right).sum((1, 2))
    z = (along + (mean * across / total).sum(-1)) / (square - (mean.square() / total).sum(-1))
    xy = (across + mean * z[:, None]) / total
    return torch.cat([xy, z[:, None].clamp(min=NEAREST)], dim=-1)


def reprojection_residual(
    points: Tensor, rays: Tensor, weight: Tensor, log_crop: Tensor, default_depth: Tensor
) -> Tensor:
    """Reprojection residual (N, 26, 2) of points at their best translation, by weight, in crop heights.

    Args:
        points: (N, 26, 3) from their origin, in heights.
        rays: (N, 26, 2) of the keypoints.
        weight: (N, 26) of them.
        log_crop: (N,) logarithm of the crop's height, in the rays' units.
        default_depth: (N,) of a person in such a crop, in heights.
    """
    camera = points + fit_translation(points, rays, weight, default_depth)[:, None]
    residual = camera[..., :2] / camera[..., 2:].clamp(min=NEAREST) - rays
    return (residual / log_crop.exp()[:, None, None]).clamp(-1.0, 1.0) * weight[..., None]
