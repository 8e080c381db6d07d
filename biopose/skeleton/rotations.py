"""Rotations in batches: the best one between points, and conversions from and to angles, vectors and 6D."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from biopose.skeleton.model import Joint


def best_rotation(products: Tensor) -> Tensor:
    """The rotation R (..., 3, 3) for which the sum of w y . (R x) is largest, by the sum of w x y' (..., 3, 3).

    Kabsch 1976, Acta Crystallographica A32:922, reflections excluded.
    """
    U, _, Vh = torch.linalg.svd(products.mT)
    sign = torch.ones_like(products[..., 0])
    sign[..., 2] = torch.linalg.det(U @ Vh)
    return (U * sign[..., None, :]) @ Vh


def rotation_vector(R: Tensor) -> Tensor:
    """(..., 3) axis times angle in radians, of R (..., 3, 3); its direction undefined at pi."""
    doubled = torch.stack([R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], -1)
    sine = doubled.norm(dim=-1) / 2
    cosine = (R.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return doubled / 2 * (torch.atan2(sine, cosine) / sine.clamp(min=1e-7))[..., None]


def body_fixed_angles(R: Tensor, axes: Tensor) -> Tensor:
    """(..., 3) angles about three orthogonal axes, the rows of (..., 3, 3), whose rotations in that order give R.

    In the axes' own basis it is an x-y-z sequence (Craig 2005, Introduction to Robotics, appendix B); a left-handed
    triple is minus a right-handed one, which reverses the angles' signs. The second lies within [-pi/2, pi/2].
    """
    hand = torch.linalg.det(axes).sign()[..., None]
    basis = axes * hand[..., None]
    r = basis @ R @ basis.mT
    second = torch.asin(r[..., 0, 2].clamp(-1, 1))
    first = torch.atan2(-r[..., 1, 2], r[..., 2, 2])
    third = torch.atan2(-r[..., 0, 1], r[..., 0, 0])
    return hand * torch.stack([first, second, third], dim=-1)


def rotation_axes(joint: Joint) -> Tensor:
    """(3, 3) directions of a joint's first three axes, in rows."""
    return torch.tensor(np.array([axis.direction for axis in joint.axes[:3]]))


def other_angles(angles: Tensor) -> Tensor:
    """The other three angles about orthogonal axes (..., 3) that give the same rotation, up to multiples of 2 pi."""
    return angles * angles.new_tensor([1.0, -1.0, 1.0]) + np.pi


def rotation_from_6d(six: Tensor) -> Tensor:
    """(..., 6), two columns one after the other, to the rotation (..., 3, 3) by Gram and Schmidt (Zhou et al. 2019)."""
    first, second = six.unflatten(-1, (2, 3)).unbind(-2)
    x = torch.nn.functional.normalize(first, dim=-1)
    y = torch.nn.functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def skew(v: Tensor) -> Tensor:
    """(..., 3) to the matrices (..., 3, 3) of the cross product with them."""
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], dim=-1).unflatten(-1, (3, 3))
