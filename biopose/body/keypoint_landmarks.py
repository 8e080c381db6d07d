"""Where the 26 Halpe keypoints lie on the default skeleton: constants in its segments, scaled as they are.

    with_keypoints = skeleton_with_keypoints(full_body)
    keypoints = Kinematics(with_keypoints).with_scales(body_scales).with_coordinates(q).markers   # (..., 26, 3)

The network does not see joint centres: its teachers clicked what a person in clothes shows. So the locations are
measured, all but those of the face. 50 bodies of drawn shapes, each posed 24 times (standing, walking, running, squats,
lunges, raised arms), were drawn in clothes' colours before random backgrounds, 300 to 680 pixels tall, seen from all
around and from -10 to 35 degrees of elevation; RTMPose-s located its keypoints; and each keypoint's location in its
segment, equal left and right, is the one with the least Huber loss of reprojection (camera, pose and scale factors
known; confidence above 0.7; knee of the loss at 1 % of stature). Half of the people give the same to 3 mm, 600 other
images in poses of recorded motion to 4 mm (the shoulder to 6). In mm, how far from the anatomical point (forward, up,
to the right), and the median error over the other half of the people, in % of stature, of the anatomical point and of
the location fitted to the first half:

    shoulder  -22 -34 -11  2.38 1.18        hip         4  19  23  1.89 1.51
    elbow       7  15   1  1.20 0.76        mid_hip    -2  32   0  2.17 1.43
    wrist       2  -8   0  0.66 0.61        knee       -3   1   4  0.96 0.92
    neck       11  33   0  1.99 0.92        ankle       8  10   3  0.92 0.66
    head_top   19 -13   0  1.35 0.69        big_toe   -34  13  11  2.05 0.93
    heel       26   0   9  1.53 0.87        small_toe -21  13 -12  1.62 0.89

Anatomical points: the hip and shoulder joints; the middles of epicondyles, malleoli and styloids; between C7 and the
top of the sternum for the neck; the crown; the toes' tips; the back of the heel. In a video of real people the
network's lengths stand to each other as in these images, not as between anatomical points: forearm to upper arm 0.88
(drawn 0.87, anatomical 0.72), foot to shank 0.51 (0.49, 0.61), shoulders below the neck by 0.13 of the trunk (0.16,
0.04).

What is seen of shoulders, hips and neck also turns with a neighbouring segment: `keypoint_displacements`.

Nose tip, eyes and ears are the mean over 50 drawn shapes of points of the mesh (`biopose.body.keypoints`), since the
drawn face is a poor one. `keypoint_locations` computes all of them from bodies again, to 3 mm.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.body.keypoints import KEYPOINT_SEGMENTS, anny_keypoints
from biopose.body.subject import skeleton_of_body
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Marker, Skeleton

PREFIX = "kp_"
MIRROR = np.array([1.0, 1.0, -1.0])  # across the sagittal plane

# (x, y, z) in the segment of KEYPOINT_SEGMENTS, metres, of the unscaled skeleton: right side and midline.
RIGHT_LOCATIONS_M: Mapping[str, tuple[float, float, float]] = {
    "nose": (0.139, 0.110, 0.000),
    "right_eye": (0.113, 0.146, 0.028),
    "right_ear": (0.024, 0.122, 0.074),
    "right_shoulder": (-0.019, 0.198, 0.159),
    "right_elbow": (0.015, -0.270, -0.005),
    "right_wrist": (-0.009, -0.228, 0.012),
    "right_hip": (-0.051, -0.059, 0.101),
    "right_knee": (-0.001, -0.401, 0.013),
    "right_ankle": (-0.016, -0.375, 0.011),
    "head_top": (0.034, 0.242, 0.000),
    "neck": (-0.009, 0.290, 0.000),
    "mid_hip": (-0.058, -0.046, 0.000),
    "right_big_toe": (0.036, 0.010, -0.008),
    "right_small_toe": (0.002, 0.005, 0.038),
    "right_heel": (0.011, 0.017, -0.003),
}

# Points of the feet that rest on the ground, and how high each is above the sole of a flat foot: the mean of 12 drawn
# shapes of 1.55 to 1.85 m at rest, over the mesh's lowest vertex (heel 36 to 44 mm, toe 28 to 34).
FOOT_KEYPOINTS = tuple(
    KEYPOINTS.index(f"{side}_{point}") for side in ("left", "right") for point in ("heel", "big_toe")
)
FOOT_KEYPOINT_HEIGHT_M = (0.040, 0.031, 0.040, 0.031)


def skeleton_with_keypoints(skeleton: Skeleton) -> Skeleton:
    """The default full-body skeleton with the keypoints, in the order of KEYPOINTS, as its only markers, `kp_<name>`.

    Args:
        skeleton: the default full-body model, unscaled. (Scale factors that belong to it apply to the keypoints too.)

    Raises:
        ValueError: it lacks a segment that carries a keypoint.
    """
    if missing := sorted(set(KEYPOINT_SEGMENTS.values()) - set(skeleton.body_names)):
        raise ValueError(
            f"the skeleton {skeleton.name} has no {', '.join(missing)}; use the default full-body skeleton"
        )
    return skeleton.with_markers(
        tuple(
            Marker(PREFIX + name, skeleton.body_names.index(KEYPOINT_SEGMENTS[name]), location, fixed=True)
            for name, location in zip(KEYPOINTS, _locations_m(), strict=True)
        )
    )


def keypoint_locations(body: Body, phenotypes: Tensor, skeleton: Skeleton) -> NDArray[np.float64]:
    """Recompute the locations from bodies.

    Args:
        body: the default body.
        phenotypes: (N, 6) shapes.
        skeleton: the default full-body model, unscaled.

    Returns:
        (N, 26, 3) each keypoint in its segment, metres, of the unscaled skeleton.
    """
    keypoints = anny_keypoints(body)
    bodies = [skeleton.body_names.index(KEYPOINT_SEGMENTS[name]) for name in KEYPOINTS]
    found = []
    for phenotype in phenotypes:
        person = skeleton_of_body(body, body.with_shape(phenotype), skeleton)
        at_rest = keypoints.at_rest(person.shaped).double().numpy()
        rest = Kinematics(person.skeleton).with_coordinates(torch.from_numpy(person.rest_pose))
        T_ground_body = rest.T_ground_body.numpy()[bodies]
        offsets = (at_rest - T_ground_body[:, :3, 3])[:, :, None]
        found.append((T_ground_body[:, :3, :3].transpose(0, 2, 1) @ offsets)[:, :, 0] / person.body_scales[bodies])
    return np.array(found)


def _locations_m() -> NDArray[np.float64]:
    """(26, 3) both sides, in the order of KEYPOINTS."""
    return np.array(
        [
            RIGHT_LOCATIONS_M[name] if name in RIGHT_LOCATIONS_M else MIRROR * RIGHT_LOCATIONS_M[KEYPOINTS[mirrored]]
            for name, mirrored in zip(KEYPOINTS, MIRRORED, strict=True)
        ]
    )
