"""Batched, differentiable forward kinematics of a `Skeleton` in torch.

    kinematics = Kinematics(skeleton)                     # once: the skeleton's arrays as tensors
    scaled = kinematics.with_scales(body_scales)          # optional: one set of scale factors an athlete
    pose = scaled.with_coordinates(q)                     # any batch axes
    pose.T_ground_body, pose.joint_centers, pose.markers, pose.marker_jacobian()

Transforms are those of OpenSim: T_ground_child = T_ground_parent @ T_parent_joint @ X(q) @ inverse(T_child_joint), X
being three body-fixed rotations and a displacement in the joint's parent frame (Seth et al. 2010, Multibody System
Dynamics 24:1; Sherman, Seth & Delp 2011, Procedia IUTAM 2:241).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from biopose.skeleton.functions import FunctionBank
from biopose.skeleton.model import Joint, JointAxis, Skeleton


@dataclass(frozen=True)
class _JointMotion:
    """Which of a joint's axes move it, as rows of the function bank: what is fixed at identity costs nothing."""

    parent: int
    rotations: tuple[tuple[int, int], ...]  # (axis number 0..2, row)
    translations: tuple[tuple[int, int], ...]  # (axis number 3..5, row)
    parent_frame_turned: bool
    child_frame_turned: bool
    child_frame_moved: bool


class Kinematics(torch.nn.Module):
    """A skeleton's arrays as tensors; `.to(device, dtype)` moves them.

    Attributes:
        skeleton: what it was made from.
        body_scales: (..., B, 3) scale factors in force, or None for the skeleton as it is.
    """

    directions: Tensor
    turners: Tensor
    turners_squared: Tensor
    R_parent_joint: Tensor
    R_joint_child: Tensor
    p_parent_joint: Tensor
    p_child_joint: Tensor
    marker_bodies: Tensor
    marker_locations: Tensor
    translation_gains: Tensor

    def __init__(self, skeleton: Skeleton, *, dtype: torch.dtype = torch.float64, device: str = "cpu") -> None:
        super().__init__()
        self.skeleton = skeleton
        self.body_scales: Tensor | None = None
        self._register(skeleton)
        self.to(dtype=dtype, device=device)

    def _register(self, skeleton: Skeleton) -> None:
        joints = skeleton.joints
        self._axes: list[tuple[int, int, JointAxis]] = []  # (joint, axis number, axis), a row of the bank each
        self._motions = [self._motion(index, joint) for index, joint in enumerate(joints)]
        n = len(skeleton.coordinates)
        self.functions = FunctionBank([(a.function, a.coordinate or 0) for _, _, a in self._axes], n_inputs=n)
        self.couplings = [
            (c.dependent, FunctionBank([(c.function, c.independent)], n_inputs=n)) for c in skeleton.couplings
        ]
        for _, bank in self.couplings:
            self.add_module(f"coupling_{len(self._modules)}", bank)
        directions = np.array([axis.direction for _, _, axis in self._axes])
        turners = np.cross(directions[:, None], np.eye(3)[None]).transpose(0, 2, 1)  # direction x (.)
        gains = np.array([[axis.direction if axis.scales_with_parent else np.zeros(3)] for _, _, axis in self._axes])
        tables = {
            "directions": directions,
            "turners": turners,
            "turners_squared": turners @ turners,
            "R_parent_joint": np.array([j.T_parent_joint[:3, :3] for j in joints]),
            "R_joint_child": np.array([j.T_child_joint[:3, :3].T for j in joints]),
            "p_parent_joint": np.array([j.T_parent_joint[:3, 3] for j in joints]),
            "p_child_joint": np.array([j.T_child_joint[:3, 3] for j in joints]),
            "marker_locations": np.array([m.location_m for m in skeleton.markers]).reshape(-1, 3),
            "translation_gains": gains.reshape(-1, 3),
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.tensor(table, dtype=torch.float64))
        self._row_coordinates = [axis.coordinate or 0 for _, _, axis in self._axes]
        self.register_buffer("marker_bodies", torch.tensor([m.body for m in skeleton.markers], dtype=torch.long))

    def _motion(self, index: int, joint: Joint) -> _JointMotion:
        rows: list[tuple[int, int]] = []
        for number, axis in enumerate(joint.axes):
            if not axis.is_fixed:
                rows.append((number, len(self._axes)))
                self._axes.append((index, number, axis))
        return _JointMotion(
            parent=joint.parent,
            rotations=tuple(r for r in rows if r[0] < 3),
            translations=tuple(r for r in rows if r[0] >= 3),
            parent_frame_turned=not np.array_equal(joint.T_parent_joint[:3, :3], np.eye(3)),
            child_frame_turned=not np.array_equal(joint.T_child_joint[:3, :3], np.eye(3)),
            child_frame_moved=bool(joint.T_child_joint[:3, 3].any()),
        )

    def with_scales(self, body_scales: Tensor) -> Kinematics:
        """This skeleton with its bodies scaled, as OpenSim's Model::scale does it.

        Args:
            body_scales: (..., B, 3) factors along each body's axes, ground's (index 0) ignored. Batch axes broadcast
                against those of the coordinates.

        Raises:
            ValueError: if the last two axes are not (B, 3), or if the bodies are scaled already.
        """
        bodies = len(self.skeleton.bodies)
        if body_scales.shape[-2:] != (bodies, 3):
            raise ValueError(f"body_scales has shape {tuple(body_scales.shape)}; expected (..., {bodies}, 3)")
        if self.body_scales is not None:
            raise ValueError("these kinematics are scaled already; scale the unscaled ones")
        scaled = copy.copy(self)
        scaled._buffers = dict(self._buffers)
        scaled.body_scales = body_scales.to(self.p_parent_joint)
        parents = [m.parent for m in self._motions]
        scaled._buffers["p_parent_joint"] = self.p_parent_joint * scaled.body_scales[..., parents, :]
        scaled._buffers["p_child_joint"] = self.p_child_joint * scaled.body_scales[..., 1:, :]
        scaled._buffers["marker_locations"] = self.marker_locations * scaled.body_scales[..., self.marker_bodies, :]
        return scaled

    def satisfy_couplings(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates with each dependent one computed, and the slope of each by its independent one (1 if free).

        Args:
            q: (..., Q).

        Returns:
            q (..., Q) and slopes (..., Q).
        """
        slopes = torch.ones_like(q)
        for (dependent, bank), coupling in zip(self.couplings, self.skeleton.couplings, strict=True):
            value, slope = bank(q)
            index = torch.tensor([dependent], device=q.device)
            q = q.index_copy(-1, index, value)
            slopes = slopes.index_copy(-1, index, slope * slopes[..., [coupling.independent]])
        return q, slopes

    def axis_values(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Angles (rad) or displacements (m) of the moving axes, (..., A), and their slopes by their coordinate."""
        value, slope = self.functions(q)
        if self.body_scales is None:
            return value, slope
        parents = [self._motions[joint].parent for joint, _, _ in self._axes]
        gain = (self.translation_gains * self.body_scales[..., parents, :]).sum(-1)
        plain = ~self.translation_gains.any(-1)
        gain = torch.where(plain, torch.ones_like(gain), gain)
        return value * gain, slope * gain

    def with_coordinates(self, q: Tensor) -> Pose:
        """The skeleton in a pose.

        Args:
            q: (..., Q) coordinates in the skeleton's order, radians and metres. Dependent coordinates are computed,
                whatever q holds for them.

        Raises:
            ValueError: if the last axis is not Q.
        """
        if q.shape[-1] != len(self.skeleton.coordinates):
            raise ValueError(f"q has {q.shape[-1]} coordinates; the skeleton has {len(self.skeleton.coordinates)}")
        q, coupling_slopes = self.satisfy_couplings(q.to(self.p_parent_joint))
        values, slopes = self.axis_values(q)
        slopes = slopes * coupling_slopes[..., self._row_coordinates]
        batch = torch.broadcast_shapes(values.shape[:-1], self.p_parent_joint.shape[:-2])
        return Pose(self, values.expand(*batch, -1), slopes.expand(*batch, -1))

    @cached_property
    def row_drivers(self) -> list[int | None]:
        """For each moving axis the coordinate that drives it in the end, couplings followed; None if constant."""
        source = {c.dependent: c.independent for c in self.skeleton.couplings}

        def driver(coordinate: int | None) -> int | None:
            while coordinate in source:
                coordinate = source[coordinate]
            return coordinate

        return [driver(axis.coordinate) for _, _, axis in self._axes]

    @cached_property
    def carries_marker(self) -> list[list[bool]]:
        """For each moving axis (A), whether it moves each marker (M)."""
        bodies = [marker.body for marker in self.skeleton.markers]
        ancestors = self.skeleton.ancestors
        return [[joint + 1 in ancestors[body] for body in bodies] for joint, _, _ in self._axes]

    def rotation(self, row: int, angle: Tensor) -> Tensor:
        """(..., 3, 3) rotation about an axis of the bank by `angle` (...,): Rodrigues' formula."""
        sine, versine = torch.sin(angle)[..., None, None], (1 - torch.cos(angle))[..., None, None]
        eye = torch.eye(3, dtype=angle.dtype, device=angle.device)
        return eye + sine * self.turners[row] + versine * self.turners_squared[row]


class Pose:
    """A skeleton in a pose: everything is computed at construction except the markers and the Jacobian.

    Attributes:
        R_ground_body: list of B tensors (..., 3, 3).
        p_ground_body: list of B tensors (..., 3), metres.
        joint_centers: (..., J, 3) where each joint's moving frame lies, metres.
    """

    def __init__(self, kinematics: Kinematics, values: Tensor, slopes: Tensor) -> None:
        self.kinematics = kinematics
        self.values, self.slopes = values, slopes
        self.axis_directions: list[Tensor] = [values] * len(kinematics._axes)
        eye = torch.eye(3, dtype=values.dtype, device=values.device)
        self.R_ground_body = [eye.expand(*values.shape[:-1], 3, 3)]
        self.p_ground_body = [values.new_zeros(*values.shape[:-1], 3)]
        centers = [self._add_body(index, motion) for index, motion in enumerate(kinematics._motions)]
        self.joint_centers = torch.stack(centers, dim=-2)

    def _add_body(self, index: int, motion: _JointMotion) -> Tensor:
        k = self.kinematics
        R_parent, p_parent = self.R_ground_body[motion.parent], self.p_ground_body[motion.parent]
        R = R_parent @ k.R_parent_joint[index] if motion.parent_frame_turned else R_parent
        center = p_parent + _apply(R_parent, k.p_parent_joint[..., index, :])
        for _, row in motion.translations:
            self.axis_directions[row] = R @ k.directions[row]
            center = center + self.axis_directions[row] * self.values[..., row, None]
        for _, row in motion.rotations:
            self.axis_directions[row] = R @ k.directions[row]
            R = R @ k.rotation(row, self.values[..., row])
        R = R @ k.R_joint_child[index] if motion.child_frame_turned else R
        self.R_ground_body.append(R)
        moved = motion.child_frame_moved
        self.p_ground_body.append(center - _apply(R, k.p_child_joint[..., index, :]) if moved else center)
        return center

    @property
    def T_ground_body(self) -> Tensor:
        """(..., B, 4, 4) poses of all bodies, ground first."""
        R, p = torch.stack(self.R_ground_body, dim=-3), torch.stack(self.p_ground_body, dim=-2)
        last = R.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*R.shape[:-2], 1, 4)
        return torch.cat([torch.cat([R, p[..., None]], dim=-1), last], dim=-2)

    @property
    def markers(self) -> Tensor:
        """(..., M, 3) marker positions in ground, metres."""
        k = self.kinematics
        R = torch.stack(self.R_ground_body, dim=-3)[..., k.marker_bodies, :, :]
        p = torch.stack(self.p_ground_body, dim=-2)[..., k.marker_bodies, :]
        return (R @ k.marker_locations[..., None])[..., 0] + p

    def twists(self) -> Tensor:
        """(..., A, 6) velocity of each moving axis per unit of its coordinate: angular, then linear at the origin.

        A point p that the axis carries moves at angular x p + linear.
        """
        rows = []
        for row, (joint, number, _) in enumerate(self.kinematics._axes):
            direction, slope = self.axis_directions[row], self.slopes[..., row, None]
            if number >= 3:
                angular, linear = torch.zeros_like(direction), direction
            else:
                angular, linear = direction, torch.linalg.cross(self.joint_centers[..., joint, :], direction)
            rows.append(torch.cat([angular, linear], dim=-1) * slope)
        return torch.stack(rows, dim=-2)

    def marker_jacobian(self) -> Tensor:
        """(..., M, 3, Q) analytic derivative of the markers by the coordinates, metres per radian or metre.

        A dependent coordinate's motion is counted under its independent one; its own column is zero.
        """
        k = self.kinematics
        twists, markers = self.twists(), self.markers
        angular, linear = twists[..., None, :, :3], twists[..., None, :, 3:]
        velocity = torch.linalg.cross(angular, markers[..., :, None, :]) + linear  # (..., M, A, 3)
        carried = torch.tensor(k.carries_marker, device=velocity.device).T  # (M, A)
        drives = torch.zeros(len(k._axes), len(k.skeleton.coordinates)).to(velocity)
        for row, coordinate in enumerate(k.row_drivers):
            if coordinate is not None:
                drives[row, coordinate] = 1.0
        return torch.where(carried[..., None], velocity, 0.0).transpose(-1, -2) @ drives


def _apply(R: Tensor, v: Tensor) -> Tensor:
    """R v for (..., 3, 3) and (3,) or (..., 3)."""
    return R @ v if v.dim() == 1 else (R @ v[..., None])[..., 0]
