"""Retargeting of recorded segment orientations to the default skeleton, by inverse kinematics.

The markers of inverse kinematics are points on each segment in its recorded orientation, the segments joined at our own
joint centres: what our joints cannot do remains as residual. Lengths are those of the default skeleton; the body is
moved so that the lower foot is where the recording has it, so that feet in stance rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.skeleton.ik.inverse_kinematics import IKSolution, inverse_kinematics
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Marker, Skeleton

FloatArray = NDArray[np.float64]

# Markers of a segment relative to its joint: far enough out that a degree is 3 mm.
ARMS_M = 0.15 * np.concatenate([np.eye(3), -np.eye(3)])
# Axial rotation of the feet is shared with the hip; the hands' markers were the least reliable.
WEIGHTS = {"calcn": 0.5, "toes": 0.1, "hand": 0.3}
CUTOFF_HZ = 12.0
# Of two feet that differ by this height, the higher one weighs e times less for the position of the body.
STANCE_HEIGHT_M = 0.03


def reference_rotations(skeleton: Skeleton, degrees: Mapping[str, float]) -> dict[str, FloatArray]:
    """(3, 3) by segment, in ground, with these coordinates; a name without a side is for both sides."""
    q = skeleton.default_pose.copy()
    for i, name in enumerate(skeleton.coordinate_names):
        stem = name[:-2] if name.endswith(("_r", "_l")) else name
        q[i] = np.radians(degrees[stem]) if stem in degrees else q[i]
    R = Kinematics(skeleton).with_coordinates(torch.from_numpy(q)).R_ground_body.numpy()
    return {name: R[i] for i, name in enumerate(skeleton.body_names)}


def leg_length_m(skeleton: Skeleton) -> float:
    """Hip to knee to ankle, of the right leg."""
    offsets = [skeleton.joints[skeleton.body_names.index(b) - 1].T_parent_joint[:3, 3] for b in ("tibia_r", "talus_r")]
    return float(np.linalg.norm(offsets, axis=1).sum())


def retargeted(
    skeleton: Skeleton,
    R_world_segment: Mapping[str, FloatArray],
    hip_centre_m: FloatArray,
    feet_m: Mapping[str, FloatArray],
    *,
    rate_hz: float,
    kept_every: int = 1,
) -> IKSolution:
    """Coordinates that give the segments their recorded orientations, low-pass filtered.

    The filter is applied to points in space, since angles jump at a shoulder's singular posture.

    Args:
        skeleton: the default full-body model, unscaled.
        R_world_segment: by segment, (T, 3, 3).
        hip_centre_m: (T, 3) midway between the hips, scaled to the skeleton's size.
        feet_m: by the segment whose joint it is ("toes_r", "toes_l"), (T, 3), likewise scaled.
        rate_hz: frames per second.
        kept_every: every n-th frame is kept.
    """
    smooth = butter(2, CUTOFF_HZ, fs=rate_hz, output="sos")  # applied forwards and backwards: fourth order, zero phase
    joint = _joint_centres(skeleton, R_world_segment, hip_centre_m)
    positions = [joint[s][:, None] + np.einsum("tij,kj->tki", R, ARMS_M) for s, R in R_world_segment.items()]
    marked = skeleton.with_markers(tuple(m for s in R_world_segment for m in _markers(skeleton, s)))
    weights = {m.name: WEIGHTS.get(m.name.split(":")[0].split("_")[0], 1.0) for m in marked.markers}
    filtered = sosfiltfilt(smooth, np.concatenate(positions, axis=1), axis=0)[::kept_every]
    trajectories = MarkerTrajectories(np.arange(len(filtered)) * kept_every / rate_hz, marked.marker_names, filtered)
    solution = inverse_kinematics(marked, trajectories, weights=weights, limits="clamped")
    feet_m = {segment: sosfiltfilt(smooth, p, axis=0)[::kept_every] for segment, p in feet_m.items()}
    return replace(solution, coordinates=_standing_on(feet_m, solution.coordinates, skeleton))


def _joint_centres(skeleton: Skeleton, R: Mapping[str, FloatArray], hip_centre_m: FloatArray) -> dict[str, FloatArray]:
    """(T, 3) by segment: its joint centre when each segment has the orientation R; the origin of the pelvis.

    The abdomen rotates with the torso that is welded to it, the talus with the foot.
    """
    hips = [skeleton.joints[skeleton.body_names.index(f"femur_{s}") - 1].T_parent_joint[:3, 3] for s in "rl"]
    origin = {"pelvis": hip_centre_m - R["pelvis"] @ np.mean(hips, axis=0)}
    centre = dict(origin)
    rotations = dict(R) | {"abdomen": R["torso"]} | {f"talus_{side}": R[f"calcn_{side}"] for side in "rl"}
    for joint in skeleton.joints[1:]:
        body, parent = skeleton.body_names[joint.child], skeleton.body_names[joint.parent]
        if body in rotations:
            centre[body] = origin[parent] + rotations[parent] @ joint.T_parent_joint[:3, 3]
            origin[body] = centre[body] - rotations[body] @ joint.T_child_joint[:3, 3]
    return centre


def _markers(skeleton: Skeleton, segment: str) -> list[Marker]:
    index = skeleton.body_names.index(segment)
    at = skeleton.joints[index - 1].T_child_joint[:3, 3]
    return [Marker(f"{segment}:{k}", index, at + arm) for k, arm in enumerate(ARMS_M)]


def _standing_on(
    feet_m: Mapping[str, FloatArray], coordinates: CoordinateTrajectories, skeleton: Skeleton
) -> CoordinateTrajectories:
    """The coordinates with the root translated so that the feet are where recorded, weighted to the lower one."""
    centers = Kinematics(skeleton).with_coordinates(torch.from_numpy(coordinates.values)).joint_centers.numpy()
    away = np.stack([p - centers[:, skeleton.body_names.index(segment) - 1] for segment, p in feet_m.items()])
    height = np.stack([p[:, 1] for p in feet_m.values()])
    share = np.exp(-(height - height.min(axis=0)) / STANCE_HEIGHT_M)
    values = coordinates.values.copy()
    root = [coordinates.names.index(name) for name in ("pelvis_tx", "pelvis_ty", "pelvis_tz")]
    values[:, root] += (away * (share / share.sum(axis=0))[..., None]).sum(axis=0)
    return CoordinateTrajectories(coordinates.time_s, coordinates.names, values)
