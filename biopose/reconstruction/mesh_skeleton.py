"""The skeleton on a person's mesh: in closed form where a fit goes on from there, else by inverse kinematics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.rig import ShapedBody
from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.body.subject import with_markers_of
from biopose.io.trajectories import MarkerTrajectories
from biopose.neurik.joint_angles import JointAngles, limited_coordinates
from biopose.neurik.marker_segments import SEGMENTS as JOINED_SEGMENTS
from biopose.neurik.marker_segments import SegmentFit
from biopose.skeleton.angles import Representation
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.rotations import body_fixed_angles, rotation_axes
from biopose.skeleton.scaling import ScaledPosture, Scaling, scale_to_markers

IK_TOLERANCE = 1e-4
ROWS = [SEGMENTS.index(segment) for segment in JOINED_SEGMENTS]  # of the segments between which joint angles are


def coordinates_in_closed_form(
    R_ground_segment: Tensor, keypoints_m: Tensor, skeleton: Skeleton, body_scales: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(T, Q) coordinates from the orientations of the segments; the keypoints, on average, where they are.

    Args:
        R_ground_segment: (T, 20, 3, 3) by the segment body's SEGMENTS.
        keypoints_m: (T, 26, 3) in ground.
        skeleton: the default one with the keypoints as markers, unscaled; its root moves along the axes of ground.
        body_scales: (B, 3).
    """
    R = R_ground_segment[:, ROWS].float()
    angles = _joint_angles(skeleton)
    limited, root = limited_coordinates(skeleton), skeleton.joints[0]
    q = torch.from_numpy(skeleton.default_pose).float().repeat(len(R), 1)
    q[:, limited] = angles.between(R)[0]
    R_root = (
        torch.from_numpy(root.T_parent_joint[:3, :3].T)
        @ R[:, 0].double()
        @ torch.from_numpy(root.T_child_joint[:3, :3])
    )
    turning, moving = ([axis.coordinate for axis in root.axes[part]] for part in (slice(3), slice(3, None)))
    q[:, turning] = body_fixed_angles(R_root, rotation_axes(root)).float()
    q[:, moving] = 0.0
    scaled = Kinematics(skeleton, dtype=torch.float32).with_scales(torch.from_numpy(body_scales))
    q[:, moving] = (keypoints_m - scaled.with_coordinates(q).markers).mean(1)
    values = _continuous(q.double().numpy(), skeleton, limited)
    return skeleton.satisfy_couplings(values)


def _continuous(q: NDArray[np.float64], skeleton: Skeleton, limited: Sequence[int]) -> NDArray[np.float64]:
    """The same poses (T, Q) without jumps from frame to frame, then clamped to the limits.

    Each frame's angles in the representation that lies in their ranges would jump where a joint leaves them, such as a
    shoulder behind the back, and no fit finds the way over such a jump. So of the two continuous representations of a
    joint, that is taken whose whole course is less outside.
    """
    limits = np.array([(c.range_min, c.range_max) for c in skeleton.coordinates]).T
    low, high = (
        np.where(np.isin(np.arange(q.shape[1]), limited), limit, other)
        for limit, other in zip(limits, (-np.inf, np.inf), strict=True)
    )
    free = Representation.of(skeleton, {})
    q = free.continuous_in_time(q)
    for triple in free.triples:
        if set(triple) <= set(limited):
            middle = (low[triple] + high[triple]) / 2
            written = [_around(middle, angles) for angles in (q[:, triple], q[:, triple] * (1, -1, 1) + np.pi)]
            q[:, triple] = min(
                written, key=lambda angles: np.abs(angles - angles.clip(low[triple], high[triple])).sum()
            )
    return q.clip(low, high)


def _around(middle: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles (T, n) moved by those multiples of 2 pi that bring their medians near (n,)."""
    turns = np.round((np.median(angles, axis=0) - middle) / (2 * np.pi))
    return np.asarray(angles - 2 * np.pi * turns)


@lru_cache(maxsize=4)
def _joint_angles(skeleton: Skeleton) -> JointAngles:
    return JointAngles(skeleton, SegmentFit(skeleton))


@torch.no_grad()
def skeleton_of_mesh(
    shaped: ShapedBody, body: SegmentBody, skeleton: Skeleton, *, height_m: float, near: ScaledPosture
) -> Scaling:
    """The skeleton scaled to the mesh of a shape, with the mesh's markers.

    Args:
        shaped: the segment body's.
        body: the segment body.
        skeleton: the default one, unscaled, with its landmarks.
        height_m: of the person.
        near: someone of this height, mass and sex at rest.
    """
    at_rest = body.markers.at_rest(shaped) * height_m
    rest = dict(zip(body.markers.names, at_rest.double().numpy(), strict=True))
    scaling = scale_to_markers(skeleton, rest, all_anatomical=True, near=near)
    return replace(scaling, skeleton=with_markers_of(scaling.skeleton, scaling.static_pose, rest))


def coordinates_by_markers(
    markers_m: Tensor, body: SegmentBody, skeleton: Skeleton, time_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(T, Q) coordinates of a skeleton with the mesh's markers, from their positions (T, M, 3) in ground."""
    markers = MarkerTrajectories(time_s, body.markers.names, markers_m.double().numpy())
    return inverse_kinematics(skeleton, markers, tolerance=IK_TOLERANCE).coordinates.values
