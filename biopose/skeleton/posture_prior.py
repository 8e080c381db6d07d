"""What a static trial's posture is expected to be like, before its markers are seen.

Who stands has legs and trunk near the model's default posture, which is upright. The arms hang with the palms forward,
to the side or to the back, are held out, or folded: nothing is presumed of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.ik.least_squares import root_coordinates
from biopose.skeleton.model import Skeleton
from biopose.skeleton.segment_names import standard_name

# Standing for a static trial, a joint is rarely further than this from the model's default, but it may well be.
POSTURE_SD_RAD = 0.35
FREE_SD_RAD = 3.0  # so wide that it decides only what no marker does


def posture_sd(skeleton: Skeleton, *, arms_free: bool) -> NDArray[np.float64]:
    """(n,) standard deviation of each free coordinate from its default, infinite of the root's.

    Args:
        skeleton: whose upper arms have one of their usual names.
        arms_free: whether nothing is known of the arms' posture.
    """
    root, arms = root_coordinates(skeleton), arm_coordinates(skeleton) if arms_free else frozenset()
    return np.array(
        [np.inf if c in root else FREE_SD_RAD if c in arms else POSTURE_SD_RAD for c in skeleton.free_coordinates]
    )


def arm_coordinates(skeleton: Skeleton) -> frozenset[int]:
    """Coordinates of the shoulder and of the joints beyond it."""
    upper_arms = {b for b, name in enumerate(skeleton.body_names) if (standard_name(name) or "").endswith("_uarm")}
    joints = (joint for joint in skeleton.joints if skeleton.ancestors[joint.child] & upper_arms)
    return frozenset(c for joint in joints for axis in joint.axes for c in axis.coordinates)
