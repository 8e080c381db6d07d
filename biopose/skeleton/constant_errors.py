"""Errors of angles that are the same in every frame of a trial: those of the segments' anatomical frames.

A model's frames follow from landmarks, whose place on the bones differs from person to person. An angle is then off by
as much throughout, so that such an error is in a peak and in a curve, and cancels in a range or a velocity. Standard
deviations:

- The pelvis's frame about the axis to the right: 5 degrees, by which the inclination of the iliac spines differs
  between pelves that stand the same way (Preece et al. 2008, J Man Manip Ther 16:113; 30 cadavers). It tilts the
  pelvis and turns hip flexion on both sides and lumbar extension by as much the other way.
- Every other frame: by how much the angles of one posture of the bones, the body model's at rest, differ between 40
  bodies drawn from it (`biopose evaluate consistency --shapes 40`; of hip flexion and lumbar extension their sums with
  the pelvis's tilt). Bodies are symmetric, so both sides err alike. They are of the size of errors of gait analysis,
  mostly below 5 degrees (McGinley et al. 2009, Gait Posture 29:360, a review).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PELVIS_TILT = "pelvis_tilt"
PELVIS_SD_DEG = 5.0
TURNED_WITH_PELVIS = ("hip_flexion", "lumbar_extension")  # by the error of its tilt, the other way
OWN_SD_DEG = {
    "hip_flexion": 2.3,
    "hip_adduction": 0.8,
    "hip_rotation": 2.9,
    "knee_angle": 2.3,
    "ankle_angle": 1.8,
    "subtalar_angle": 3.9,
    "mtp_angle": 5.4,
    "lumbar_extension": 2.1,
    "arm_flex": 3.5,
    "arm_add": 1.6,
    "arm_rot": 2.6,
    "elbow_flex": 2.4,
    "pro_sup": 2.1,
    "wrist_flex": 1.8,
    "wrist_dev": 1.6,
    "neck_flexion": 1.2,
}
# What keypoints do not show, in place of the above. The forearm's rotation, which is held (`unseen_coordinates`), lies
# anywhere in its range of 160 degrees: 160 / sqrt(12). Hip flexion errs, besides,
# by how differently people tilt the pelvis: with 2.3 and 6.1 degrees its 95 % intervals hold 94 % on film of ten
# synthetic jumps (87 % without), those of the tilt and of lumbar extension 98 % and more without.
UNSEEN_ON_FILM_SD_DEG = {"pro_sup": 46.2, "hip_flexion": 6.5}


def without_side(coordinate: str) -> str:
    """A coordinate's name without its side, such as hip_flexion of hip_flexion_l."""
    return coordinate.removesuffix("_beta").removesuffix("_r").removesuffix("_l")


def constant_sd_rad(names: Sequence[str], *, of_film: bool = False) -> NDArray[np.float64]:
    """(Q,) standard deviation of the constant error of each coordinate, radians; 0 of those that have none.

    Args:
        names: of the coordinates.
        of_film: whether they come from keypoints in images.
    """
    own_deg = OWN_SD_DEG | UNSEEN_ON_FILM_SD_DEG if of_film else OWN_SD_DEG
    return np.radians([np.hypot(_of_pelvis_deg(name), own_deg.get(name, 0.0)) for name in map(without_side, names)])


def _of_pelvis_deg(name: str) -> float:
    return PELVIS_SD_DEG if name == PELVIS_TILT or name in TURNED_WITH_PELVIS else 0.0
