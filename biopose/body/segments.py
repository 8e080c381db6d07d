"""Which bones of Anny make up each segment of a skeleton, and where the joints between them are.

A bone's head is where the model's artists put it, not where the anatomical joint is: in a man of 1.76 m Anny's hip
joints lie 63 mm from where the regression of Harrington et al. 2007 puts them (54 mm too far back, 32 mm too far out),
and its knees are 23 mm above the epicondyles in a small woman, 28 mm below them in a tall heavy man. The mesh at rest
does not depend on the heads, so ``with_anatomical_joints`` moves them to where the landmarks say.

Anny's root and the first two bones of its spine lie inside the bony pelvis: the skin over the iliac spines follows
``spine05`` and ``spine04``, and ``spine03`` begins 17 cm above the hip joints, at the height of the lumbar joint of the
Rajagopal models. So the pelvis is these four and the two ``pelvis`` bones, and the lumbar joint is at ``spine03``.
"""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from biopose.body.rig import PosedBody, ShapedBody

_TOES = tuple(f"toe{toe}-{bone}" for toe in range(1, 6) for bone in (1, 2, 3) if (toe, bone) != (1, 3))
_FINGERS = tuple(f"finger{finger}-{bone}" for finger in range(1, 6) for bone in (1, 2, 3))
_OF_ONE_SIDE = {
    "femur": ("upperleg01", "upperleg02"),
    "tibia": ("lowerleg01", "lowerleg02"),
    "calcn": ("foot",),
    "toes": _TOES,
    "humerus": ("upperarm01", "upperarm02"),
    "ulna": ("lowerarm01",),
    "radius": ("lowerarm02",),
    "hand": ("wrist", *(f"metacarpal{k}" for k in range(1, 5)), *_FINGERS),
}

SEGMENT_BONES: Mapping[str, tuple[str, ...]] = {
    "pelvis": ("root", "pelvis.L", "pelvis.R", "spine05", "spine04"),
    "abdomen": ("spine03",),
    "torso": ("spine02", "spine01", "clavicle.L", "clavicle.R", "shoulder01.L", "shoulder01.R"),
    "head": ("neck01", "neck02", "neck03", "head", "eye.L", "eye.R"),
} | {
    f"{segment}_{side}": tuple(f"{bone}.{side.upper()}" for bone in bones)
    for side in "rl"
    for segment, bones in _OF_ONE_SIDE.items()
}

JOINT_CENTRE_BONES: Mapping[str, str] = {"lumbar": "spine03", "neck": "neck01"} | {
    f"{joint}_{side}": f"{bone}.{side.upper()}"
    for side in "rl"
    for joint, bone in {
        "hip": "upperleg01",
        "knee": "lowerleg01",
        "ankle": "foot",
        "shoulder": "upperarm01",
        "elbow": "lowerarm01",
        "wrist": "wrist",
    }.items()
}


def joint_centres(posed: PosedBody, bones: Mapping[str, str] = JOINT_CENTRE_BONES) -> dict[str, Tensor]:
    """Joint centres (..., 3) by name, in metres in the world: the heads of the bones that move about them."""
    return {name: posed.bone_heads[..., posed.shaped.body.bone_index[bone], :] for name, bone in bones.items()}


def with_anatomical_joints(shaped: ShapedBody, landmarks: Mapping[str, Tensor]) -> ShapedBody:
    """The same shape with hips, knees, ankles and elbows that turn about their anatomical centres.

    The hip is at the regression of Harrington et al. 2007 from the iliac spines, knee, ankle and elbow are midway
    between their epicondyles or malleoli. The mesh at rest stays as it is.

    Args:
        shaped: a shape of the default body.
        landmarks: name to position (..., 3) on that shape at rest: both ASI, PSI, KNE, KNI, ANK, ANI, ELB and ELBIN.
    """
    index, heads = shaped.body.bone_index, shaped.bone_heads.clone()
    for side in "RL":
        heads[..., index[f"upperleg01.{side}"], :] = harrington_hip_centre(landmarks, side=side)
        for bone, lateral, medial in (
            ("lowerleg01", "KNE", "KNI"),
            ("foot", "ANK", "ANI"),
            ("lowerarm01", "ELB", "ELBIN"),
        ):
            midpoint = (landmarks[side + lateral] + landmarks[side + medial]) / 2
            heads[..., index[f"{bone}.{side}"], :] = midpoint
    return dataclasses.replace(shaped, bone_heads=heads)


def harrington_hip_centre(landmarks: Mapping[str, Tensor], *, side: str) -> Tensor:
    """Hip joint centre (..., 3) of side R or L from the iliac spines RASI, LASI, RPSI, LPSI (..., 3), in metres.

    Harrington et al. 2007, "Prediction of the hip joint centre in adults, children, and patients with cerebral palsy
    based on magnetic resonance imaging", J. Biomech. 40: in the pelvis frame, from the midpoint of the front spines,
    with pelvis depth PD and width PW in mm: -0.24 PD - 9.9 forward, -0.30 PW - 10.9 up, 0.33 PW + 7.3 outward.
    """
    front = (landmarks["RASI"] + landmarks["LASI"]) / 2
    back = (landmarks["RPSI"] + landmarks["LPSI"]) / 2
    width_m = (landmarks["RASI"] - landmarks["LASI"]).norm(dim=-1, keepdim=True)
    depth_m = (front - back).norm(dim=-1, keepdim=True)
    rightward = (landmarks["RASI"] - landmarks["LASI"]) / width_m
    ahead = front - back
    ahead = ahead - (ahead * rightward).sum(dim=-1, keepdim=True) * rightward
    forward = ahead / ahead.norm(dim=-1, keepdim=True)
    upward = torch.linalg.cross(rightward, forward)
    outward = rightward if side == "R" else -rightward
    return (
        front
        + (-0.24 * depth_m - 0.0099) * forward
        + (-0.30 * width_m - 0.0109) * upward
        + (0.33 * width_m + 0.0073) * outward
    )
