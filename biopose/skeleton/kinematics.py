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
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from biopose.skeleton import axis_rows
from biopose.skeleton.functions import FunctionBank
from biopose.skeleton.model import GROUND, Skeleton
from biopose.skeleton.rotations import skew

FRAMES_AT_ONCE = 1024


class Kinematics(torch.nn.Module):
    """A skeleton's arrays as tensors; `.to(device, dtype)` moves them.

    The joints' frames on the parent are folded into the axes: X's rotations are about axes fixed in the parent body,
    followed by one constant rotation, so that all joints are computed at once and only their chaining goes level by
    level from the root.

    Attributes:
        skeleton: what it was made from.
        body_scales: (..., B, 3) scale factors in force, or None for the skeleton as it is.
        axes: the A axes that move, as (joint, number of the axis, axis); a row each wherever rows are spoken of.
    """

    row_directions: Tensor
    cross_matrices: Tensor
    cross_matrices_squared: Tensor
    R_after_rotations: Tensor
    p_parent_joint: Tensor
    p_child_joint: Tensor
    marker_bodies: Tensor
    marker_locations: Tensor
    translation_gains: Tensor
    row_joints: Tensor
    row_parents: Tensor
    row_scaling_bodies: Tensor
    row_coordinates: Tensor
    joint_parents: Tensor
    rotational_rows: Tensor
    translational_rows: Tensor
    body_order: Tensor

    def __init__(self, skeleton: Skeleton, *, dtype: torch.dtype = torch.float64, device: str = "cpu") -> None:
        super().__init__()
        self.skeleton = skeleton
        self.body_scales: Tensor | None = None
        self.axes = axis_rows.moving_axes(skeleton)
        n = len(skeleton.coordinates)
        self.functions = FunctionBank(axis_rows.functions(self.axes), n_inputs=n)
        self.couplings = torch.nn.ModuleList(
            FunctionBank([(c.function, c.independent)], n_inputs=n) for c in skeleton.couplings
        )
        for name, table in (axis_rows.geometry(skeleton) | axis_rows.row_tables(skeleton, self.axes)).items():
            self.register_buffer(name, torch.from_numpy(table))
        self._index_rotations()
        self._index_levels()
        self.to(dtype=dtype, device=device)

    def _index_rotations(self) -> None:
        """First, second ... rotations of the joints that have them: (joints, positions among rotational rows)."""
        turns: dict[int, list[int]] = {}
        for position, row in enumerate(self.rotational_rows.tolist()):
            turns.setdefault(int(self.row_joints[row]), []).append(position)
        self.n_ranks = max(map(len, turns.values()), default=0)
        for rank in range(self.n_ranks):
            having = [(joint, positions[rank]) for joint, positions in turns.items() if len(positions) > rank]
            indices = torch.tensor(having, dtype=torch.long).reshape(-1, 2)
            self.register_buffer(f"rotation_{rank}_joints", indices[:, 0].contiguous())
            self.register_buffer(f"rotation_{rank}_positions", indices[:, 1].contiguous())

    def _index_levels(self) -> None:
        """Joints by their distance from ground; each with its parent's position in the level above."""
        depth = [len(self.skeleton.ancestors[joint.parent]) for joint in self.skeleton.joints]
        self.n_levels = max(depth, default=0)
        order, position = [0], {GROUND: 0}
        for level in range(self.n_levels):
            joints = [j for j, d in enumerate(depth) if d == level + 1]
            parents = [position[self.skeleton.joints[j].parent] for j in joints]
            self.register_buffer(f"level_{level}_joints", torch.tensor(joints, dtype=torch.long))
            self.register_buffer(f"level_{level}_parents", torch.tensor(parents, dtype=torch.long))
            position = {self.skeleton.joints[j].child: i for i, j in enumerate(joints)}
            order += [1 + j for j in joints]
        self.register_buffer("body_order", torch.tensor(np.argsort(order), dtype=torch.long))

    def indices(self, name: str) -> Tensor:
        """One of the index tables that are made per rank of rotation or per level."""
        return self.get_buffer(name)

    def with_scales(self, body_scales: Tensor) -> Kinematics:
        """This skeleton with its bodies scaled, as OpenSim's Model::scale does it; move it to its device before.

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
        given = body_scales.to(self.p_parent_joint)
        factors = torch.cat([torch.ones_like(given[..., :1, :]), given[..., 1:, :]], dim=-2)
        factors = factors[..., list(self.skeleton.scaled_like), :]
        _ = self.drives, self.carried_markers, self.unscaled_offsets  # made once for all scales
        scaled = copy.copy(self)
        scaled.body_scales = factors
        scaled._buffers = self._buffers | {
            "p_parent_joint": self.p_parent_joint * factors[..., self.joint_parents, :],
            "p_child_joint": self.p_child_joint * factors[..., 1:, :],
            "marker_locations": self.marker_locations * factors[..., self.marker_bodies, :],
        }
        return scaled

    def satisfy_couplings(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates with each dependent one computed, and the slope of each by its independent one (1 if free).

        Args:
            q: (..., Q).

        Returns:
            q (..., Q) and slopes (..., Q).
        """
        slopes = torch.ones_like(q)
        for bank, coupling in zip(self.couplings, self.skeleton.couplings, strict=True):
            value, slope = bank(q)
            index = torch.tensor([coupling.dependent], device=q.device)
            q = q.index_copy(-1, index, value)
            slopes = slopes.index_copy(-1, index, slope * slopes[..., [coupling.independent]])
        return q, slopes

    def axis_values(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Angles (rad) or displacements (m) of the moving axes, (..., A), and their slopes by their coordinate."""
        value, slope = self.functions(q)
        if self.body_scales is None:
            return value, slope
        gain = self.gains(self.body_scales)
        return value * gain, slope * gain

    def gains(self, body_scales: Tensor) -> Tensor:
        """(..., A) what scale factors (..., B, 3) multiply each moving axis by: 1 where it does not grow."""
        gain = (self.translation_gains * body_scales[..., self.row_scaling_bodies, :]).sum(-1)
        return torch.where(self.translation_gains.any(-1), gain, torch.ones_like(gain))

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
        slopes = slopes * coupling_slopes[..., self.row_coordinates]
        batch = np.broadcast_shapes(values.shape[:-1], self.p_parent_joint.shape[:-2])
        return Pose(self, values.expand(*batch, -1), slopes.expand(*batch, -1))

    def markers_over_time(self, q: Tensor) -> Tensor:
        """(T, M, 3) markers in ground of a recording's coordinates (T, Q), a part of it at a time."""
        return torch.cat([self.with_coordinates(part).markers for part in q.split(FRAMES_AT_ONCE)])

    @cached_property
    def row_drivers(self) -> list[int | None]:
        """For each moving axis the coordinate that drives it in the end, couplings followed; None if constant."""
        source = {c.dependent: c.independent for c in self.skeleton.couplings}

        def driver(coordinate: int | None) -> int | None:
            while coordinate in source:
                coordinate = source[coordinate]
            return coordinate

        return [driver(axis.coordinate) for _, _, axis in self.axes]

    @cached_property
    def drives(self) -> Tensor:
        """(A, Q) 1 where the coordinate drives the moving axis in the end."""
        matrix = torch.zeros(len(self.axes), len(self.skeleton.coordinates))
        for row, coordinate in enumerate(self.row_drivers):
            if coordinate is not None:
                matrix[row, coordinate] = 1.0
        return matrix

    @cached_property
    def carried_markers(self) -> Tensor:
        """(M, A) whether the moving axis moves the marker."""
        return torch.tensor(self.carries_marker, dtype=torch.bool).reshape(len(self.axes), -1).T

    @cached_property
    def carries_marker(self) -> list[list[bool]]:
        """For each moving axis (A), whether it moves each marker (M)."""
        bodies = [marker.body for marker in self.skeleton.markers]
        ancestors = self.skeleton.ancestors
        return [[joint + 1 in ancestors[body] for body in bodies] for joint, _, _ in self.axes]

    @cached_property
    def unscaled_offsets(self) -> Tensor:
        """(M, B, 3) the part fixed in each body of the way from ground to each marker, unscaled, in its axes."""
        return torch.from_numpy(axis_rows.unscaled_offsets(self.skeleton))


class Pose:
    """A skeleton in a pose.

    Attributes:
        R_ground_body: (..., B, 3, 3), ground first.
        p_ground_body: (..., B, 3) origins of the bodies, metres.
    """

    def __init__(self, kinematics: Kinematics, values: Tensor, slopes: Tensor) -> None:
        self.kinematics = kinematics
        self._values, self._slopes = values, slopes
        k = kinematics
        R_parent_child = self._rotation(values[..., k.rotational_rows])
        slide = k.row_directions[k.translational_rows] * values[..., k.translational_rows, None]
        offset = k.p_parent_joint.expand(*values.shape[:-1], -1, 3).index_add(
            -2, k.row_joints[k.translational_rows], slide
        )
        self._chain(R_parent_child, offset)

    def _rotation(self, angles: Tensor) -> Tensor:
        """(..., J, 3, 3) each joint's rotation; the axes' directions in the parent body, as they stand, are kept."""
        k = self.kinematics
        eye = torch.eye(3, dtype=angles.dtype, device=angles.device)
        sine, versine = torch.sin(angles)[..., None, None], (1 - torch.cos(angles))[..., None, None]
        turn = torch.addcmul(torch.addcmul(eye, sine, k.cross_matrices), versine, k.cross_matrices_squared)  # Rodrigues
        R = eye.expand(*angles.shape[:-1], len(k.skeleton.joints), 3, 3)
        directions = k.row_directions.expand(*angles.shape[:-1], -1, 3)
        for rank in range(k.n_ranks):
            joints, positions = k.indices(f"rotation_{rank}_joints"), k.indices(f"rotation_{rank}_positions")
            before = R[..., joints, :, :]
            rows = k.rotational_rows[positions]
            if rank:
                directions = directions.index_copy(-2, rows, (before @ k.row_directions[rows, :, None])[..., 0])
            R = R.index_copy(-3, joints, before @ turn[..., positions, :, :] if rank else turn[..., positions, :, :])
        self._directions_in_parent = directions
        return R @ k.R_after_rotations

    def _chain(self, R_parent_child: Tensor, offset: Tensor) -> None:
        k = self.kinematics
        eye = torch.eye(3, dtype=offset.dtype, device=offset.device).expand(*offset.shape[:-2], 1, 3, 3)
        R, p = [eye], [offset.new_zeros(*offset.shape[:-2], 1, 3)]
        for level in range(k.n_levels):
            joints, parents = k.indices(f"level_{level}_joints"), k.indices(f"level_{level}_parents")
            R_parent = R[-1][..., parents, :, :]
            p_joint = p[-1][..., parents, :] + (R_parent @ offset[..., joints, :, None])[..., 0]
            R.append(R_parent @ R_parent_child[..., joints, :, :])
            p.append(p_joint - (R[-1] @ k.p_child_joint[..., joints, :, None])[..., 0])
        self.R_ground_body = torch.cat(R, dim=-3)[..., k.body_order, :, :]
        self.p_ground_body = torch.cat(p, dim=-2)[..., k.body_order, :]

    @property
    def joint_centers(self) -> Tensor:
        """(..., J, 3) where each joint's moving frame lies in ground, metres."""
        k = self.kinematics
        return self.p_ground_body[..., 1:, :] + (self.R_ground_body[..., 1:, :, :] @ k.p_child_joint[..., None])[..., 0]

    @property
    def T_ground_body(self) -> Tensor:
        """(..., B, 4, 4) poses of all bodies, ground first."""
        top = torch.cat([self.R_ground_body, self.p_ground_body[..., None]], dim=-1)
        last = top.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*top.shape[:-2], 1, 4)
        return torch.cat([top, last], dim=-2)

    @property
    def markers(self) -> Tensor:
        """(..., M, 3) marker positions in ground, metres."""
        k = self.kinematics
        R, p = self.R_ground_body[..., k.marker_bodies, :, :], self.p_ground_body[..., k.marker_bodies, :]
        return (R @ k.marker_locations[..., None])[..., 0] + p

    def twists(self) -> Tensor:
        """(..., A, 6) velocity of each moving axis per unit of its coordinate: angular, then linear at the origin.

        A point p that the axis carries moves at angular x p + linear.
        """
        k = self.kinematics
        R_parent = self.R_ground_body[..., k.row_parents, :, :]
        direction = (R_parent @ self._directions_in_parent[..., None])[..., 0] * self._slopes[..., None]
        about = torch.linalg.cross(self.joint_centers[..., k.row_joints, :], direction)
        turns = torch.zeros(len(k.axes), 1, dtype=torch.bool, device=direction.device)
        turns[k.rotational_rows] = True
        return torch.cat([torch.where(turns, direction, 0.0), torch.where(turns, about, direction)], dim=-1)

    def marker_jacobian(self) -> Tensor:
        """(..., M, 3, Q) analytic derivative of the markers by the coordinates, metres per radian or metre.

        A dependent coordinate's motion is counted under its independent one; its own column is zero.
        """
        k, markers = self.kinematics, self.markers
        by_twist = torch.cat([-skew(markers), torch.eye(3).to(markers).expand(*markers.shape, 3)], dim=-1)
        twists = self.twists()
        by_twist = by_twist.flatten(-3, -2).expand(*twists.shape[:-2], -1, -1)
        velocity = (by_twist @ twists.mT).unflatten(-2, (-1, 3))  # (..., M, 3, A)
        carried = k.carried_markers.to(markers.device)[:, None]
        return torch.where(carried, velocity, 0.0) @ k.drives.to(markers)

    def scale_jacobian(self, directions: Tensor) -> Tensor:
        """(..., M, 3, K) derivative of the markers along K directions (B, 3, K) of the bodies' scale factors.

        In a given pose markers are linear in the factors. Ground (index 0) does not scale.
        """
        k, R = self.kinematics, self.R_ground_body
        along = directions.to(R).clone()
        along[GROUND] = 0.0
        along = along[list(k.skeleton.scaled_like)]
        by_body = k.unscaled_offsets.to(R)[..., None] * along  # (M, B, 3, K)
        slides = k.translation_gains.any(-1).nonzero()[:, 0]
        growth = (k.translation_gains[slides, :, None] * along[k.row_scaling_bodies[slides]]).sum(1)
        by_slide = k.carried_markers[:, slides, None].to(R) * growth  # (M, slides, K)
        unscaled = self._values[..., slides]
        if k.body_scales is not None:
            unscaled = unscaled / k.gains(k.body_scales)[..., slides]
        R_parent = R[..., k.row_parents[slides], :, :]
        displaced = (R_parent @ k.row_directions[slides, :, None])[..., 0] * unscaled[..., None]
        left = torch.cat([R.transpose(-3, -2).flatten(-2), displaced.mT], dim=-1)
        right = torch.cat([by_body.flatten(1, 2), by_slide], dim=1).transpose(0, 1)
        return (left @ right.flatten(1)).unflatten(-1, right.shape[1:]).transpose(-3, -2)
