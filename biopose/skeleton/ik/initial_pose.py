"""Starting poses of inverse kinematics: the skeleton aligned with the markers as a rigid body, in several postures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import GROUND, Joint, Skeleton
from biopose.skeleton.rotations import best_rotation, body_fixed_angles, rotation_axes

_OTHER_BODIES_WEIGHT = 0.05  # the root's own markers decide where there are enough of them


def starting_poses(skeleton: Skeleton, *, count: int, seed: int = 0) -> Tensor:
    """(count, Q) postures: the default, then random ones in the ranges' inner half, at most 1.5 rad from mid-range.

    Locked coordinates keep their default in all of them.
    """
    rng = np.random.default_rng(seed)
    low = np.array([c.range_min for c in skeleton.coordinates])
    high = np.array([c.range_max for c in skeleton.coordinates])
    middle, half = (low + high) / 2, np.minimum((high - low) / 4, 1.5)
    drawn = middle + half * rng.uniform(-1, 1, (count - 1, len(middle)))
    poses = np.vstack([skeleton.default_pose, skeleton.satisfy_couplings(drawn)])
    fixed = [i for i, c in enumerate(skeleton.coordinates) if c.locked]
    poses[:, fixed] = skeleton.default_pose[fixed]
    return torch.from_numpy(poses)


def align_root(kinematics: Kinematics, q: Tensor, observed: Tensor, weights: Tensor) -> Tensor:
    """Rotate and shift each posture as a whole so that its markers lie nearest to the observed ones.

    Args:
        kinematics: of the skeleton with the observed markers.
        q: (F, Q) postures.
        observed: (F, M, 3) metres, NaN where missing.
        weights: (F, M), zero where missing.

    Returns:
        (F, Q) with new root coordinates; unchanged where the root joint is not a free one (three rotation axes at right
        angles and three displacements).
    """
    root = _free_root(kinematics.skeleton)
    if root is None:
        return q
    pose = kinematics.with_coordinates(q)
    on_root = torch.tensor([m.body == root.child for m in kinematics.skeleton.markers], device=q.device)
    weights = weights * torch.where(on_root, 1.0, _OTHER_BODIES_WEIGHT)
    R, shift = rigid_alignment(pose.markers, torch.nan_to_num(observed), weights)
    R_ground_root = R @ pose.R_ground_body[..., root.child, :, :]
    p_ground_root = (R @ pose.p_ground_body[..., root.child, :, None])[..., 0] + shift
    T_child, T_parent = torch.from_numpy(root.T_child_joint).to(q), torch.from_numpy(root.T_parent_joint).to(q)
    R_joint = T_parent[:3, :3].T @ R_ground_root @ T_child[:3, :3]
    center = p_ground_root + R_ground_root @ T_child[:3, 3]
    displacement = (center - T_parent[:3, 3]) @ T_parent[:3, :3]
    moving = torch.tensor(np.array([axis.direction for axis in root.axes[3:]])).to(q)
    angles = body_fixed_angles(R_joint, rotation_axes(root).to(q))
    values = torch.cat([angles, displacement @ torch.linalg.inv(moving)], dim=-1)
    return q.index_copy(-1, torch.tensor([axis.coordinate for axis in root.axes], device=q.device), values)


def rigid_alignment(source: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Rotation (..., 3, 3) and shift (..., 3) with R source + shift = target, in weighted least squares."""
    share = (weights / weights.sum(-1, keepdim=True))[..., None]
    source_mean, target_mean = (share * source).sum(-2), (share * target).sum(-2)
    products = (share * (source - source_mean[..., None, :])).mT @ (target - target_mean[..., None, :])
    R = best_rotation(products)
    return R, target_mean - (R @ source_mean[..., None])[..., 0]


def _free_root(skeleton: Skeleton) -> Joint | None:
    """The one joint on ground, if it can rotate and move the skeleton freely."""
    on_ground = [joint for joint in skeleton.joints if joint.parent == GROUND]
    if len(on_ground) != 1 or not all(axis.is_plain for axis in on_ground[0].axes):
        return None
    axes = np.array([axis.direction for axis in on_ground[0].axes[:3]])
    locked = any(skeleton.coordinates[axis.coordinate or 0].locked for axis in on_ground[0].axes)
    return on_ground[0] if np.allclose(axes @ axes.T, np.eye(3), atol=1e-9) and not locked else None
