"""How much MQ-HMR's predictions of mirrored and other frames disagree: more, the less its input is like its training.

Of every second frame the networks are given the mirror image (`flip_augmentation`). A network predicts the same of an
image and of its mirror image as far as it understands what they show; by disagreement under such a transformation
inputs unlike the training data are detected without any statistics of those (Bahat & Shakhnarovich 2018,
arXiv:1804.00657; Ayhan & Berens 2018), and so are disturbed weights.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.segment_body import SEGMENTS
from biopose.hmr.head import RIGID
from biopose.skeleton.rotations import rotation_vector

# Of five frames: the fourth difference over 8. What alternates by d from frame to frame gives d, the motion itself
# nothing up to the third power of time: of a limb that swings by 100 degrees at 4 Hz 0.2 degrees at 50 Hz, 3 at 25 Hz.
COEFFICIENTS = {-2: 1 / 8, -1: -4 / 8, 1: -4 / 8, 2: 1 / 8}  # that of the middle frame meets no rotation
COMPARED = [i for i in range(1, len(SEGMENTS)) if i != RIGID]  # the pelvis's rotation is in a view that moves


@torch.no_grad()
def mirror_disagreement_deg(R_segment_local: Tensor, frame_indices: NDArray[np.int64]) -> float | None:
    """The mean over frames of the median over segments, in degrees.

    Args:
        R_segment_local: (T, 20, 3, 3) predicted local rotations.
        frame_indices: (T,) of the frames in the video, increasing; five that follow each other are compared.

    Returns:
        None where there are no such five.
    """
    middle = np.flatnonzero(frame_indices[4:] - frame_indices[:-4] == 4) + 2
    if not len(middle):
        return None
    at = torch.from_numpy(middle)
    R = R_segment_local[:, COMPARED].double()
    R_middle = R[at].mT
    difference = sum(factor * rotation_vector(R_middle @ R[at + step]) for step, factor in COEFFICIENTS.items())
    assert isinstance(difference, Tensor)
    return float(torch.rad2deg(difference.norm(dim=-1)).median(dim=-1).values.mean())
