"""The segment body of mean shape, as a network may pass through it: turns to keypoints, and where these project.

It is how MQ-HMR sees, between its layers, how far what it has so far is from the 2D keypoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.hmr.lifter_input import rotation_towards
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX

DEPTH_WEIGHT = 0.02  # of the usual depth against the keypoints', where these hardly tell it
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
        """(N, 20, 3, 3) local turns to keypoints (N, 26, 3) from the pelvis's bone, in heights."""
        R, p = [R_local[:, 0]], [torch.zeros_like(R_local[:, 0, 0])]
        for s in range(1, len(SEGMENTS)):
            parent = self.parents[s]
            R.append(R[parent] @ R_local[:, s])
            p.append(p[parent] + R[parent] @ self.offsets[s])
        turned = torch.stack(R, dim=1)[:, self.segment] @ self.arms[..., None]
        return torch.stack(p, dim=1)[:, self.segment] + turned[..., 0]


def crop_sides(place: Tensor) -> Tensor:
    """(N, 1, 2) width and height in x / z and y / z of crops at places (N, 3), as `CropInput` has them."""
    height = place[:, 2].exp()
    return torch.stack([height * WIDTH_PX / HEIGHT_PX, height], dim=-1)[:, None]


def crop_rays(keypoints: Tensor, place: Tensor) -> Tensor:
    """Keypoints (N, 26, 2) in shares of crops at places (N, 3) as x / z and y / z of the camera."""
    return place[:, None, :2] + (keypoints - 0.5) * crop_sides(place)


def view_rays(keypoints: Tensor, place: Tensor) -> Tensor:
    """Keypoints in shares of their crops as x / z and y / z in the views that look at the crops' middles.

    Args:
        keypoints: (N, 26, 2).
        place: (N, 3) as `CropInput` has it.

    Returns:
        (N, 26, 2).
    """
    xy = crop_rays(keypoints, place)
    seen = torch.cat([xy, torch.ones_like(xy[..., :1])], dim=-1) @ rotation_towards(place[:, :2])
    return seen[..., :2] / seen[..., 2:].clamp(min=0.1)


def placed(figure: Tensor, rays: Tensor, weight: Tensor, depth: Tensor) -> Tensor:
    """Where a figure's origin is so that its points project nearest to rays: (N, 3), by linear least squares.

    Args:
        figure: (N, 26, 3) from its origin.
        rays: (N, 26, 2) x / z and y / z.
        weight: (N, 26).
        depth: (N,) that is usual.
    """
    x, y = rays.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = torch.stack([torch.stack([one, zero, -x], -1), torch.stack([zero, one, -y], -1)], -2)
    right = rays * figure[..., 2:] - figure[..., :2]
    w = weight / (weight.sum(-1, keepdim=True) + 1e-6)
    normal = torch.einsum("nk,nkij,nkil->njl", w, rows, rows)
    moment = torch.einsum("nk,nkij,nki->nj", w, rows, right)
    spread = (w[..., None] * (rays - (w[..., None] * rays).sum(1, keepdim=True)).square()).sum((1, 2))
    prior = torch.diag_embed(torch.stack([1e-6 * one[:, 0], 1e-6 * one[:, 0], DEPTH_WEIGHT * spread + 1e-8], dim=-1))
    moment = moment + prior[..., 2] * depth[:, None]
    at: Tensor = torch.linalg.solve(normal + prior, moment)
    return torch.cat([at[:, :2], at[:, 2:].clamp(min=NEAREST)], dim=-1)


def reprojection_residual(
    figure: Tensor, rays: Tensor, weight: Tensor, log_crop: Tensor, default_depth: Tensor
) -> Tensor:
    """How far a figure, put where it fits best, projects from where the keypoints are: (N, 26, 2), in crop heights.

    Args:
        figure: (N, 26, 3) from its origin, in heights.
        rays: (N, 26, 2) of the keypoints.
        weight: (N, 26) of them.
        log_crop: (N,) logarithm of the crop's height, in the rays' units.
        default_depth: (N,) of a person in such a crop, in heights.
    """
    camera = figure + placed(figure, rays, weight, default_depth)[:, None]
    apart = camera[..., :2] / camera[..., 2:].clamp(min=NEAREST) - rays
    return (apart / log_crop.exp()[:, None, None]).clamp(-1.0, 1.0) * weight[..., None]
