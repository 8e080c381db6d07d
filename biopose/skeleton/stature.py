"""The height of the person that a model stands for."""

from __future__ import annotations

import numpy as np
import torch

from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton

# Hip and ankle joint heights as fractions of stature: 0.530 and 0.039 (Drillis & Contini 1966, in Winter 2009,
# Biomechanics and Motor Control of Human Movement, figure 4.1).
LEG_PER_STATURE = 0.530 - 0.039
# Relative, between a height that is stated and that by the legs, which scatters by some 3 % (standard deviation).
MOST_HEIGHT_DIFFERENCE = 0.1


def model_height_m(skeleton: Skeleton) -> float | None:
    """Stature by the length of the legs, from hip to knee to ankle.

    Returns:
        metres, or None for a model without joints of the Rajagopal family's names (hip_r, ankle_r and a joint between).
    """
    joints = {joint.name: i for i, joint in enumerate(skeleton.joints)}
    if "hip_r" not in joints or "ankle_r" not in joints:
        return None
    ankle = skeleton.joints[joints["ankle_r"]]
    centers = Kinematics(skeleton).with_coordinates(torch.from_numpy(skeleton.default_pose)).joint_centers.numpy()
    hip, knee, ankle_center = centers[joints["hip_r"]], centers[ankle.parent - 1], centers[joints["ankle_r"]]
    leg = np.linalg.norm(hip - knee) + np.linalg.norm(knee - ankle_center)
    return float(leg) / LEG_PER_STATURE
