"""Which of a skeleton's markers lie on anatomical landmarks, and how far from there a static trial may have them.

What a model declares as <fixed> is one sign of a landmark, where the marker lies is another: bony landmarks that can be
palpated on a long segment are at its ends, at the knee, the ankle, the elbow and the wrist, while markers along its
shaft serve to track it. On the pelvis, the trunk, the head, the hands and the feet all markers count as landmarks.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton

# Palpated landmarks are found to within 6 to 21 mm between examiners (Della Croce et al. 2005, Gait & Posture 21:226).
LANDMARK_SD_M = 0.012
# Where <fixed> and the marker's place disagree: at the end of a segment, not fixed; or fixed along its shaft.
UNSURE_LANDMARK_SD_M = 0.025
# A marker that is not on a landmark determines little more than the segment that it is on.
LOOSE_MARKER_SD_M = 0.05
LONG_SEGMENT_M = 0.2  # thigh, shank, upper arm and forearm are longer, the foot from ankle to toes is shorter
END_SHARE = 0.15  # of a segment's length, to either side of its joints
DISTANT_M = 0.040  # OpenSim's guidance for a single marker (Simulation with OpenSim - Best Practices)
ONE_JOINT_SHARE = 0.25  # of it, within which distal joints are one: the knee and the kneecap's


def marker_sd_m(skeleton: Skeleton, *, all_anatomical: bool = False) -> NDArray[np.float64]:
    """(M,) standard deviation of each marker in a static trial from where the scaled skeleton has it, metres.

    Args:
        skeleton: unscaled.
        all_anatomical: whether every marker counts as a landmark, wherever it lies.
    """
    if all_anatomical:
        return np.full(len(skeleton.markers), LANDMARK_SD_M)
    at_ends, fixed = ~along_a_shaft(skeleton), np.array([marker.fixed for marker in skeleton.markers], dtype=bool)
    if not fixed.any():
        return np.where(at_ends, LANDMARK_SD_M, LOOSE_MARKER_SD_M)
    unsure = np.where(at_ends | fixed, UNSURE_LANDMARK_SD_M, LOOSE_MARKER_SD_M)
    return np.where(at_ends & fixed, LANDMARK_SD_M, unsure)


def landmarks(skeleton: Skeleton) -> tuple[str, ...]:
    """Names of the markers that lie on landmarks: not along the shaft of a long segment, or declared as fixed there."""
    shaft = along_a_shaft(skeleton)
    return tuple(m.name for m, along in zip(skeleton.markers, shaft, strict=True) if m.fixed or not along)


def registered_markers(skeleton: Skeleton, residual_m: NDArray[np.float64]) -> list[str]:
    """Names of the markers that a static trial determines the location of: all but fixed ones and distant landmarks.

    A landmark beyond DISTANT_M of where the scaled skeleton has it is not where it should be, or the posture is wrong;
    to move it there would hide either.

    Args:
        skeleton: unscaled, with the recorded markers.
        residual_m: (M,) distance of each from the scaled skeleton's.
    """
    distant = ~along_a_shaft(skeleton) & (residual_m > DISTANT_M)
    return [m.name for m, kept in zip(skeleton.markers, distant, strict=True) if not (m.fixed or kept)]


def along_a_shaft(skeleton: Skeleton) -> NDArray[np.bool_]:
    """(M,) whether a marker lies between the ends of a long segment: one with a joint at either end."""
    pose = Kinematics(skeleton).with_coordinates(torch.from_numpy(skeleton.default_pose))
    centers, markers = pose.joint_centers.numpy(), pose.markers.numpy()
    shafts = {body: _shaft(skeleton, centers, body) for body in {marker.body for marker in skeleton.markers}}
    found = np.zeros(len(markers), dtype=bool)
    for m, marker in enumerate(skeleton.markers):
        shaft = shafts[marker.body]
        if shaft is not None:
            start, along = shaft
            share = float((markers[m] - start) @ along / (along @ along))
            found[m] = END_SHARE < share < 1 - END_SHARE
    return found


def _shaft(
    skeleton: Skeleton, centers: NDArray[np.float64], body: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The proximal end and the line to the distal one (3,), of a long segment with one distal joint; None of others."""
    start = centers[body - 1]
    ends = [centers[j] - start for j, joint in enumerate(skeleton.joints) if joint.parent == body]
    if not ends:
        return None
    along = max(ends, key=lambda end: float(np.linalg.norm(end)))
    length = float(np.linalg.norm(along))
    one = all(np.linalg.norm(end - along) <= ONE_JOINT_SHARE * length for end in ends)
    return (start, along) if one and length >= LONG_SEGMENT_M else None
