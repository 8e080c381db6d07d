"""What a static trial's posture is expected to be like, before its markers are seen.

Who stands has legs and trunk near the model's default posture, which is upright; the pelvis's tilt differs by 7 degrees
between people (Murphy et al. 2013, Clin Orthop Relat Res 471:417; radiographs of 30 patients standing). The arms hang
with the palms forward, to the side or to the back, are held out, or folded: nothing is presumed of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.ik.least_squares import root_coordinates
from biopose.skeleton.model import Skeleton
from biopose.skeleton.pelvis_shape import INCLINATION, INCLINATION_SD_RAD
from biopose.skeleton.segment_names import standard_name

# Standing for a static trial, a joint is rarely further than this from the model's default, but it may well be.
POSTURE_SD_RAD = 0.35
# Of each hip's flexion: both together know the pelvis's tilt as well as one with 7 degrees would.
STANDING_HIP_SD_RAD = np.radians(7.0 * 2**0.5)
HIP_FLEXION = "hip_flexion"  # begins its coordinates' names in OpenSim's models
UPRIGHT_RAD = np.radians(30.0)
AT_END_RAD = 1e-3
FREE_SD_RAD = 3.0  # so wide that it decides only what no marker does


def posture_sd(skeleton: Skeleton, *, standing: bool) -> NDArray[np.float64]:
    """(n,) standard deviation of each free coordinate from its default, infinite of the root's.

    Args:
        skeleton: whose upper arms have one of their usual names; where its pelvis's landmarks may be inclined
            (`pelvis_shape`), hips are as in upright standing.
        standing: whether the posture is that of a static trial; else it is known to be near the default, arms, too.
    """
    names = skeleton.coordinate_names
    sd = np.full(len(names), POSTURE_SD_RAD)
    if standing:
        sd[list(arm_coordinates(skeleton))] = FREE_SD_RAD
    if INCLINATION in names:
        sd[[c for c, name in enumerate(names) if name.startswith(HIP_FLEXION)]] = STANDING_HIP_SD_RAD
        sd[names.index(INCLINATION)] = INCLINATION_SD_RAD
    sd[list(root_coordinates(skeleton))] = np.inf
    return sd[list(skeleton.free_coordinates)]


def arm_coordinates(skeleton: Skeleton) -> frozenset[int]:
    """Coordinates of the shoulder and of the joints beyond it."""
    upper_arms = {b for b, name in enumerate(skeleton.body_names) if (standard_name(name) or "").endswith("_uarm")}
    joints = (joint for joint in skeleton.joints if skeleton.ancestors[joint.child] & upper_arms)
    return frozenset(c for joint in joints for axis in joint.axes for c in axis.coordinates)


def hips_are_straight(skeleton: Skeleton, pose: NDArray[np.float64]) -> bool:
    """Whether a posture (Q,) is one of upright standing, as far as the hips tell; false without hips."""
    flexion = [pose[c] for c, name in enumerate(skeleton.coordinate_names) if name.startswith(HIP_FLEXION)]
    return bool(flexion) and max(abs(angle) for angle in flexion) < UPRIGHT_RAD


def arms_at_limits(skeleton: Skeleton, pose: NDArray[np.float64]) -> dict[str, float]:
    """Clamped coordinates of the arms that a posture (Q,) has at an end of their range that is not their default."""
    found = {}
    for c in sorted(arm_coordinates(skeleton)):
        coordinate = skeleton.coordinates[c]
        ends = (
            end for end in (coordinate.range_min, coordinate.range_max) if abs(end - coordinate.default) > AT_END_RAD
        )
        if coordinate.clamped and any(abs(pose[c] - end) < AT_END_RAD for end in ends):
            found[coordinate.name] = float(pose[c])
    return found
