"""Where the keypoint network sees shoulders, hips, wrists and neck: not at points that are rigid to one segment.

The points of `keypoint_landmarks` are. The network's shoulder, though, rides on the upper arm, its hip on the thigh and
its neck on the head: a point that moves with both segments of a joint is no fixed point of either. With rigid points a
hanging arm or a standing leg is seen 3 to 5 % too short.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.body.keypoints import KEYPOINT_SEGMENTS
from biopose.body.segment_body import SEGMENTS

# Where the network sees a keypoint, from its point of the body: a vector that turns with the point's own segment, and
# one that turns with a neighbour, in thousandths of the body's height along the skeleton's axes in either (forward, up,
# right), of the right side and the midline. Least Huber loss of reprojection over two sources of equal weight whose
# postures and cameras are known: 2,048 images of training's kind (24 people in random clothes before random rooms), and
# 22 clips of `lab_rendering`'s film (ten jumps, twelve of CMU's held-out motions; 14 bodies). Median errors, in mm of a
# person of 1.75 m, of the body's points, of points displaced rigidly and of such as these, both fitted to the other
# source: shoulder 29.8, 30.6, 26.1 in images and 20.5, 22.5, 19.2 on film; hip 35.9, 34.1, 32.4 and 24.6, 20.3, 20.2;
# neck 23.8, 24.5, 21.3 and 15.5, 16.8, 17.9; wrist, rigid, 15.3, 16.0 and 15.4, 14.2. Other keypoints gain nothing from
# one source to the other: in images, which have shoes, ankles lie 21 and heels 14 mm higher than on film.
SEEN_FROM: Mapping[str, tuple[str, tuple[float, float, float], tuple[float, float, float]]] = {
    "right_shoulder": ("humerus_r", (6.5, 16.3, 2.0), (-7.1, -16.2, -5.9)),
    "right_hip": ("femur_r", (-1.8, 10.5, -8.4), (-0.7, -21.7, 6.6)),
    "right_wrist": ("radius_r", (-0.7, 4.7, 1.3), (0.0, 0.0, 0.0)),
    "neck": ("head", (-4.2, -25.2, 0.0), (7.5, 25.0, 0.0)),
}
MIRROR = torch.tensor([1.0, 1.0, -1.0])  # across the sagittal plane


def _vectors() -> list[tuple[int, int, Tensor]]:
    """Of both sides: the keypoint, the segment that it turns with, and the vector (3,) in heights."""
    found = []
    for name, (neighbour, in_own, in_neighbour) in SEEN_FROM.items():
        right = KEYPOINTS.index(name)
        for segment, thousandths in ((KEYPOINT_SEGMENTS[name], in_own), (neighbour, in_neighbour)):
            vector = 1e-3 * torch.tensor(thousandths)
            found.append((right, SEGMENTS.index(segment), vector))
            if (left := MIRRORED[right]) != right:
                of_left = f"{segment[:-2]}_l" if segment.endswith("_r") else segment
                found.append((left, SEGMENTS.index(of_left), MIRROR * vector))
    return found


VECTORS = _vectors()


def displacements(R_segment: Tensor) -> Tensor:
    """Where keypoints are seen, from the body's points, in heights.

    Args:
        R_segment: (..., 20, 3, 3) orientations of the skeleton's segments, by SEGMENTS.

    Returns:
        (..., 26, 3) in the axes that these are in.
    """
    found = R_segment.new_zeros(*R_segment.shape[:-3], len(KEYPOINTS), 3)
    for number, segment, vector in VECTORS:
        found[..., number, :] += (R_segment[..., segment, :, :] @ vector.to(R_segment)[:, None])[..., 0]
    return found
