"""Coordinates that the 26 keypoints do not show, held at their means in recorded motion: forearm rotation and wrists.

No keypoint lies beyond the wrist, so what would move these coordinates in a fit are errors of the elbow's and the
wrist's keypoints. Means and standard deviations are those of the recordings that the pose prior was learned from, both
sides together (CMU's subjects 01, 02, 03). A regression of forearm rotation on the elbow's and the shoulder's angles
predicts a held-out subject no better than the mean does: root mean square errors of 32, 33 and 11 degrees, 25, 30 and
11 with the mean.

On ten clips of synthetic film the angles of forearm and wrist differed by up to 11 degrees (95 %) from those of the
mirror image where they were fitted; they err by 34, 3.2 and 3.8 degrees then, by 33, 2.2 and 3.0 where they are held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.constant_errors import without_side

MEAN_DEG: Mapping[str, float] = {"pro_sup": 122.0, "wrist_flex": 0.0, "wrist_dev": 0.0}
SD_DEG: Mapping[str, float] = {"pro_sup": 20.0, "wrist_flex": 10.0, "wrist_dev": 11.0}


def unseen_columns(names: Sequence[str]) -> list[int]:
    """Which of these coordinates the keypoints do not show."""
    return [column for column, name in enumerate(names) if without_side(name) in MEAN_DEG]


def held_note(names: Sequence[str]) -> str:
    """A sentence on those of a model's coordinates that are held; empty where it has none of them."""
    held = [names[column] for column in unseen_columns(names)]
    return f"held at means of recorded motion, not shown by keypoints: {', '.join(held)}" if held else ""


def with_unseen_at_their_means(q: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Coordinates (..., Q) of a motion, radians and metres, those that are not seen at their means."""
    columns = unseen_columns(names)
    q = q.copy()
    q[..., columns] = np.radians([MEAN_DEG[without_side(names[column])] for column in columns])
    return q


def with_unseen_sd(sd: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Standard deviations (..., Q) in radians, of coordinates that are not seen those about their means."""
    columns = unseen_columns(names)
    sd = sd.copy()
    sd[..., columns] = np.radians([SD_DEG[without_side(names[column])] for column in columns])
    return sd
