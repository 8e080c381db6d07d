"""Whether somebody lies on their side, or a recording's vertical axis is another than it was read with."""

from __future__ import annotations

import numpy as np
import torch

from biopose.io.trajectories import CoordinateTrajectories
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import GROUND, Skeleton

# The root segment lies on its side where what is upright in the model's default pose is within 30 degrees of level.
LEVEL = 0.5
POSTURE_FRAMES = 200


def lies_on_its_side(skeleton: Skeleton, coordinates: CoordinateTrajectories) -> bool:
    """Whether the root segment's upright axis is level in most frames."""
    values = coordinates.values
    known = values[~np.isnan(values).any(axis=1)]
    known = known[:: max(1, len(known) // POSTURE_FRAMES)]
    if len(known) == 0:
        return False
    kinematics = Kinematics(skeleton)
    root = next(i for i, joint in enumerate(skeleton.joints, start=1) if joint.parent == GROUND)
    default = kinematics.with_coordinates(torch.from_numpy(skeleton.default_pose)).R_ground_body[root]
    upright = kinematics.with_coordinates(torch.from_numpy(known)).R_ground_body[:, root] @ default[1]
    return float(upright[:, 1].abs().median()) < LEVEL
