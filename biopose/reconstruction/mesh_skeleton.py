"""The skeleton on a person's mesh: in closed form where a fit goes on from there, else by inverse kinematics."""

from __future__ import annotations

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
    q[:, limited] = angles.between(R)[0].clamp(angles.low, angles.high)
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
    limits = {c: (skeleton.coordinates[c].range_min, skeleton.coordinates[c].range_max) for c in limited}
    values = Representation.of(skeleton, limits).continuous_in_time(q.double().numpy())
    return skeleton.satisfy_couplings(values)


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
