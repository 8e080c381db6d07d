"""Where the 26 Halpe keypoints lie on the default body: points that move rigidly with one segment each.

Each is a weighted mean of a few vertices, as a marker of `biopose.body.markers` is, and follows the bones of its own
segment alone. A point inside the body is a convex combination of skin vertices around it. The left side mirrors the
right. Nose tip, eyes and ears are at the visible features; all others are where the network of
`biopose.perception.keypoint_network` puts them, which is not in the joint's centre: `biopose.body.keypoint_landmarks`
describes how that was measured. The vertices are those of a non-negative least-squares fit to its constants on 50 drawn
shapes.
"""

from collections.abc import Iterable, Mapping

import torch

from biopose.body.anny import Body
from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.markers import MarkerSet, Place
from biopose.body.segments import SEGMENT_BONES

# Of the right side and the midline: the segment, and (vertex, weight), ...
RIGHT_PLACES: Mapping[str, tuple[str, Place]] = {
    "nose": ("head", ((294, 1.0),)),
    "right_eye": ("head", ((13646, 1.0),)),
    "right_ear": ("head", ((5510, 0.5), (5559, 0.5))),
    "head_top": ("head", ((882, 0.41), (983, 0.22), (5352, 0.37))),
    "neck": ("torso", ((791, 0.58), (854, 0.09), (857, 0.29), (1491, 0.04))),
    "right_shoulder": ("torso", ((1498, 0.19), (1450, 0.55), (1693, 0.18), (766, 0.08))),
    "right_elbow": ("humerus_r", ((3305, 0.30), (3367, 0.26), (3371, 0.22), (3377, 0.22))),
    "right_wrist": ("radius_r", ((3449, 0.01), (3470, 0.22), (3551, 0.29), (3791, 0.48))),
    "mid_hip": ("pelvis", ((4029, 0.12), (4207, 0.12), (4234, 0.38), (4351, 0.38))),
    "right_hip": ("pelvis", ((4337, 0.25), (4166, 0.27), (4373, 0.22), (4300, 0.26))),
    "right_knee": ("femur_r", ((4502, 0.11), (4611, 0.27), (4613, 0.24), (4621, 0.38))),
    "right_ankle": ("tibia_r", ((4727, 0.09), (6218, 0.19), (6341, 0.44), (6373, 0.28))),
    "right_big_toe": ("toes_r", ((6165, 0.25), (6497, 0.47), (4972, 0.28))),
    "right_small_toe": ("toes_r", ((6131, 0.42), (6109, 0.18), (4972, 0.06), (6494, 0.34))),
    "right_heel": ("calcn_r", ((6704, 0.09), (5851, 0.33), (6367, 0.17), (6298, 0.41))),
}


def _left(name: str) -> str:
    """The left side's keypoint or segment."""
    return name.replace("right_", "left_").removesuffix("_r") + "_l" * name.endswith("_r")


def _segments() -> dict[str, str]:
    right = {name: segment for name, (segment, _) in RIGHT_PLACES.items()}
    both = right | {_left(name): _left(segment) for name, segment in right.items()}
    return {name: both[name] for name in KEYPOINTS}


# The segment that each keypoint is fixed to, in the order of KEYPOINTS.
KEYPOINT_SEGMENTS: Mapping[str, str] = _segments()


def anny_keypoints(body: Body, names: Iterable[str] = KEYPOINTS) -> MarkerSet:
    """Keypoints on the default body.

    Raises:
        ValueError: a name is not a keypoint's.
    """
    names = tuple(names)
    if unknown := [name for name in names if name not in KEYPOINT_SEGMENTS]:
        raise ValueError(f"no such keypoints: {unknown}; there are {list(KEYPOINTS)}")
    places = _both_sides(body.mirror_vertex.tolist())
    mean = body.template_vertices.new_zeros(len(names), len(body.template_vertices))
    follows = body.template_vertices.new_zeros(len(names), len(body.bone_labels))
    for row, name in enumerate(names):
        for vertex, weight in places[name]:
            mean[row, vertex] += weight
        follows[row, [body.bone_index[bone] for bone in SEGMENT_BONES[KEYPOINT_SEGMENTS[name]]]] = 1.0
    skin = (mean @ body.skin_matrix) * follows
    return MarkerSet(
        names=names,
        template=mean @ body.template_vertices,
        blendshapes=torch.einsum("nv,kvd->knd", mean, body.vertex_blendshapes),
        skin_matrix=skin / skin.sum(dim=1, keepdim=True),
    )


def _both_sides(mirror_vertex: list[int]) -> dict[str, Place]:
    """Every keypoint's place."""
    right = {name: place for name, (_, place) in RIGHT_PLACES.items()}
    left = {_left(name): tuple((mirror_vertex[v], weight) for v, weight in place) for name, place in right.items()}
    return left | right
