"""How a person's pelvis differs in shape from a model's: the inclination of its landmarks.

The line from the posterior to the anterior superior iliac spines is inclined differently in different pelves that stand
the same way, by 0 to 23 degrees, 13 on average with a standard deviation of 5 (Preece et al. 2008, J Man Manip Ther
16:113; 30 cadavers). Landmarks alone therefore leave a pelvis's tilt, and with it hip flexion and lumbar extension,
uncertain by as much. While a static trial is fitted, the pelvis's markers turn together in it about the axis that
points to the right, by so much as the posture of somebody standing makes likely.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from biopose.skeleton.functions import PiecewisePolynomial
from biopose.skeleton.model import GROUND, Body, Coordinate, Joint, JointAxis, Skeleton
from biopose.skeleton.segment_names import standard_name

INCLINATION = "pelvis_landmark_inclination"  # the coordinate that the skeleton gets
INCLINATION_SD_RAD = np.radians(5.0)
MOST_RAD = np.radians(20.0)
LEAST_MARKERS = 3


def with_inclination(skeleton: Skeleton) -> Skeleton | None:
    """The skeleton with one more body, joint and coordinate, the last: its pelvis's markers turn about their middle.

    None where the skeleton has no pelvis on the ground, or too few markers on it.
    """
    pelvis = _pelvis(skeleton)
    mine = [m for m in skeleton.markers if m.body == pelvis]
    if pelvis is None or len(mine) < LEAST_MARKERS:
        return None
    middle, turning = np.mean([m.location_m for m in mine], axis=0), len(skeleton.bodies)
    T = np.eye(4)
    T[:3, 3] = middle
    zero, coordinate = PiecewisePolynomial.polynomial([0.0]), len(skeleton.coordinates)
    identity = PiecewisePolynomial.polynomial([0.0, 1.0])
    axes = [JointAxis(np.eye(3)[2], identity, coordinate)] + [JointAxis(np.eye(3)[k % 3], zero, None) for k in range(5)]
    body = Body(INCLINATION, 0.0, np.zeros(3), np.zeros((3, 3)), segment=pelvis)
    placed = (
        replace(m, body=turning, location_m=m.location_m - middle) if m.body == pelvis else m for m in skeleton.markers
    )
    return replace(
        skeleton,
        bodies=(*skeleton.bodies, body),
        joints=(*skeleton.joints, Joint(INCLINATION, pelvis, turning, T, np.eye(4), tuple(axes))),
        coordinates=(
            *skeleton.coordinates,
            Coordinate(INCLINATION, "rotational", 0.0, -MOST_RAD, MOST_RAD, locked=False, clamped=True),
        ),
        markers=tuple(placed),
    )


def turned(skeleton: Skeleton, names: Collection[str], inclination_rad: float) -> Skeleton:
    """The (scaled) skeleton with its pelvis's markers turned about the middle of those named."""
    pelvis = _pelvis(skeleton)
    middle = np.mean([m.location_m for m in skeleton.markers if m.body == pelvis and m.name in names], axis=0)
    c, s = np.cos(inclination_rad), np.sin(inclination_rad)
    R = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return skeleton.with_markers(
        tuple(
            replace(m, location_m=middle + R @ (m.location_m - middle)) if m.body == pelvis else m
            for m in skeleton.markers
        )
    )


def _pelvis(skeleton: Skeleton) -> int | None:
    on_ground = [joint.child for joint in skeleton.joints if joint.parent == GROUND]
    return next((body for body in on_ground if standard_name(skeleton.body_names[body]) == "pelvis"), None)
