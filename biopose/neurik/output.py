"""From NeurIK's raw output to coordinates inside their ranges, body scales and standard deviations.

    decoder = OutputDecoder(full_body_skeleton())
    prediction = decoder(network(windows))

Raw outputs of overlapping windows may be averaged (`RawOutput`): they are corrections of the same closed-form values,
so no angle has two representations; and any raw output decodes to coordinates within the limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.neurik.joint_angles import limited_coordinates
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.rotations import body_fixed_angles, rotation_axes, rotation_from_6d

SCALE_RANGE = (0.5, 1.5)  # of body scales: mean and amplitude
INSIDE = 1 - 1e-4  # of half a range, that coordinates stay within: single precision tells this from its end
LEAST_COSINE = 0.1  # of the pelvis's middle angle, near gimbal lock


@dataclass(frozen=True, eq=False)
class RawOutput:
    """The network's output for N windows of T frames; C coordinates have limits, the skeleton has B bodies.

    Attributes:
        logits: (N, T, C): 0 in the middle of a range.
        rotation_6d: (N, T, 6) of the pelvis in the root frame, two columns of its matrix.
        shift_m: (N, T, 3) position of the pelvis in the root frame.
        log_sd: (N, T, C + 2) of the coordinates, the pelvis's rotation about and position along any axis; rad and m.
        scale_logits: (N, 3 (B - 1)).
        R_world_root: (N, T, 3, 3) the root frame.
        p_world_root: (N, T, 3) metres.
        observed: (N, T) sum of the markers' weights.
    """

    logits: Tensor
    rotation_6d: Tensor
    shift_m: Tensor
    log_sd: Tensor
    scale_logits: Tensor
    R_world_root: Tensor
    p_world_root: Tensor
    observed: Tensor


@dataclass(frozen=True, eq=False)
class NeurikOutput:
    """Coordinates of the default skeleton; (...) are the batch axes.

    Attributes:
        q: (..., T, Q) radians and metres, dependent coordinates computed.
        sd: (..., T, Q) their standard deviations.
        body_scales: (..., B, 3) ground's being 1.
        root_sd: (..., T, 2) standard deviation of the pelvis's rotation about, and position along, any axis; rad, m.
    """

    q: Tensor
    sd: Tensor
    body_scales: Tensor
    root_sd: Tensor


class OutputDecoder:
    """Turns raw outputs into coordinates.

    Args:
        skeleton: the default one, whose pelvis moves freely in the world's axes.
        device: of the raw outputs.
    """

    def __init__(self, skeleton: Skeleton, *, device: str = "cpu") -> None:
        self.kinematics = Kinematics(skeleton, dtype=torch.float32, device=device)
        root = skeleton.joints[0]
        self.root = [axis.coordinate for axis in root.axes]
        self.root_axes = rotation_axes(root).float().to(device)
        self.limited = limited_coordinates(skeleton)
        ranges = torch.tensor(
            [[skeleton.coordinates[c].range_min, skeleton.coordinates[c].range_max] for c in self.limited]
        )
        self.middle, self.half = ranges.mean(-1).to(device), ((ranges[:, 1] - ranges[:, 0]) / 2).to(device)
        self.default = torch.from_numpy(skeleton.default_pose).float().to(device)

    def __call__(self, raw: RawOutput) -> NeurikOutput:
        """Decode; (N, T, ...) to the same axes."""
        R_world_pelvis = raw.R_world_root @ rotation_from_6d(raw.rotation_6d)
        p_world_pelvis = raw.p_world_root + (raw.R_world_root @ raw.shift_m[..., None])[..., 0]
        root_angles = body_fixed_angles(R_world_pelvis, self.root_axes)
        angles = self.angles(raw.logits)
        columns = torch.tensor([*self.root, *self.limited], device=angles.device)
        q = self.default.expand(*angles.shape[:-1], -1)
        q = q.index_copy(-1, columns, torch.cat([root_angles, p_world_pelvis, angles], dim=-1))
        q, slopes = self.kinematics.satisfy_couplings(q)
        own, root_sd = raw.log_sd.exp().split([len(self.limited), 2], dim=-1)
        sd = torch.zeros_like(q).index_copy(-1, columns, torch.cat([*self._root_sd(root_sd, root_angles), own], dim=-1))
        for coupling in self.kinematics.skeleton.couplings:
            dependent, independent = coupling.dependent, coupling.independent
            sd[..., dependent] = slopes[..., dependent].abs() * sd[..., independent]
        return NeurikOutput(q, sd, self._scales(raw.scale_logits), root_sd)

    def angles(self, logits: Tensor) -> Tensor:
        """(..., C) radians, inside their ranges whatever the logits are."""
        return self.middle + INSIDE * self.half * (2 * logits.sigmoid() - 1)

    def _root_sd(self, sd: Tensor, root_angles: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 3) of the pelvis's angles: the outer two are less certain the nearer the middle one is to 90 degrees.

        The rates of the angles are the angular velocity times the inverse of the axes' matrix, whose rows have the
        norms 1 / cos b, 1 and 1 / cos b; and (..., 3) of its position.
        """
        outer = sd[..., 0] / root_angles[..., 1].cos().abs().clamp(min=LEAST_COSINE)
        return torch.stack([outer, sd[..., 0], outer], dim=-1), sd[..., 1:].expand(*sd.shape[:-1], 3)

    def _scales(self, logits: Tensor) -> Tensor:
        low, high = SCALE_RANGE
        factors = (low + high) / 2 + (high - low) / 2 * (2 * logits.sigmoid() - 1)
        factors = factors.unflatten(-1, (-1, 3))
        return torch.cat([torch.ones_like(factors[..., :1, :]), factors], dim=-2)
