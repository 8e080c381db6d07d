"""Which bones of Anny make up each segment of a skeleton.

A bone's head is where the model's artists put it, not where the anatomical joint is: in a man of 1.76 m Anny's hip
joints lie 63 mm from where the regression of Harrington et al. 2007 puts them (54 mm too far back, 32 mm too far out),
and its knees are 23 mm above the epicondyles in a small woman, 28 mm below them in a tall heavy man. The mesh at rest
does not depend on the heads, so `biopose.body.subject` moves them to the joints of a skeleton that landmarks place.

Anny's root and the first two bones of its spine lie inside the bony pelvis: the skin over the iliac spines follows
``spine05`` and ``spine04``, and ``spine03`` begins 17 cm above the hip joints, at the height of the lumbar joint of the
Rajagopal models. So the pelvis is these four and the two ``pelvis`` bones, and the lumbar joint is at ``spine03``.
"""

from collections.abc import Mapping

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

SEGMENT_OF_BONE: Mapping[str, str] = {bone: segment for segment, bones in SEGMENT_BONES.items() for bone in bones}
