"""The standard deviation of a keypoint's error by its confidence.

RTMPose's scores are no probabilities: they are heights of peaks that training pulled towards one. So they were
calibrated: five Anny bodies of drawn shapes in 450 poses of real motion (CMU), clothed in drawn colours, under drawn
lights, from all around (elevation -10 to 25 degrees) before images of a park; each as it is, partly covered, and
blurred with noise: 35,000 keypoints of known position. Their offset that is common to all images (the network's hip is
not quite the body's) was taken off. From 0.4 on no body differs from the whole by more than 16 %. One body filmed level
before plain colours errs by 0.6 of these values where the confidence is high: they are for images of every kind.

    confidence   0.05  0.15  0.25  0.35  0.45  0.55  0.65  0.75  0.85  0.95
    within 68 %  0.179 0.147 0.086 0.051 0.032 0.022 0.016 0.012 0.009 0.009     as a standard deviation on each axis
    within 90 %  0.189 0.174 0.116 0.073 0.043 0.026 0.019 0.014 0.010 0.010     likewise
    root mean square   0.185 0.157 0.110 0.073 0.052 0.029 0.020 0.013 0.010 0.010

in units of the box's scale. From 0.3 to 0.5 the tails are heavy (sides exchanged, a hidden limb guessed): a fit should
be robust there. Below 0.2 little is known but that the person is there. A keypoint covered by something and yet given
0.7 or more errs by 0.017.

Most of the error lasts from frame to frame, since it belongs to the pose and the clothing. What changes when the box
around real people moves a little is a fifth to a quarter of it (0.0022 at 0.85, 0.0035 at 0.65, 0.0070 at 0.45):
frames are no independent evidence.

All this is of a single pass, as measuring has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biopose.perception.crops import HEIGHT_PX, WIDTH_PX

# Standard deviation on each axis at confidences, as a share of the box's scale; between them its logarithm is linear.
CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SD_OF_SCALE = (0.17, 0.119, 0.068, 0.041, 0.027, 0.0192, 0.0140, 0.0101, 0.0088)


def box_scale_px(boxes_px: NDArray[np.floating]) -> NDArray[np.float64]:
    """(...) the length that a crop of a box is scaled by: its height, or four thirds of its width where that is more.

    Args:
        boxes_px: (..., 4) left, top, right, bottom.
    """
    width, height = boxes_px[..., 2] - boxes_px[..., 0], boxes_px[..., 3] - boxes_px[..., 1]
    return np.maximum(height, width * (HEIGHT_PX / WIDTH_PX)).astype(np.float64)


def pixel_sd(confidence: ArrayLike, boxes_px: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., K) standard deviation of a keypoint's error on each axis, in pixels of the image.

    It holds for the middle of the distribution (the nearest 68 %), as a robust fit wants it.

    Args:
        confidence: (..., K) of the keypoints; below 0.1 and above 0.9 nothing more is known.
        boxes_px: (..., 4) in which they were found; NaN gives NaN.
    """
    share = np.exp(np.interp(np.asarray(confidence, dtype=np.float64), CONFIDENCES, np.log(SD_OF_SCALE)))
    return np.asarray(share * box_scale_px(boxes_px)[..., None])
