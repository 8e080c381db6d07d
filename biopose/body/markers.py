"""Named virtual markers: points of the rest mesh, placed where an anatomist would palpate them.

Each is a weighted mean of up to four vertices, chosen on a mesh of 1.76 m and 78 kg from the joint centres and the mean
landmark heights of ANSUR II (cervicale, suprasternale, waist, malleolus), and checked by eye in images of several
shapes (``python -m biopose.rendering.body_views``). The left side mirrors the right.

A landmark on bone moves with the bones of its own segment alone, as the bone under the skin does: of its vertices'
skinning weights, those of other segments are dropped. So the acromion does not follow the arm (60 mm at 90 degrees of
flexion, were it skin), nor the malleoli the foot, nor the iliac spines the thigh. A cluster marker moves with the skin.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from biopose.body.anny import Body
from biopose.body.rig import PosedBody, Rig, ShapedBody, blend
from biopose.body.segments import SEGMENT_BONES

Place = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Marker:
    """A marker's name, the skeleton segment that it belongs to, and whether it is a palpable point of its bone."""

    name: str
    segment: str
    bony: bool


# Of the right side and the midline: (vertex, weight), ...
_PELVIS_AND_TRUNK: Mapping[str, Place] = {
    "RASI": ((4302, 0.53), (4347, 0.47)),
    "RPSI": ((4176, 0.44), (4376, 0.45), (4374, 0.11)),
    "STRN": ((1877, 0.44), (4072, 0.56)),
    "CLAV": ((1522, 1.0),),
    "C7": ((857, 0.82), (858, 0.18)),
    "T1": ((1496, 0.71), (858, 0.29)),
    "T8": ((1598, 0.87), (1599, 0.13)),
    "T10": ((3916, 0.89), (3930, 0.11)),
    "T12": ((3944, 0.61), (3958, 0.39)),
    "RSHO": ((1558, 0.64), (1557, 0.36)),
}
_HEAD: Mapping[str, Place] = {
    "RFHD": ((242, 0.29), (5214, 0.41), (266, 0.3)),
    "RBHD": ((960, 0.84), (5361, 0.16)),
    "TOPH": ((881, 1.0),),
}
_LEG: Mapping[str, Place] = {
    "RKNE": ((4594, 0.53), (4614, 0.37), (4613, 0.1)),
    "RKNI": ((4583, 0.31), (6389, 0.58), (4602, 0.11)),
    "RANK": ((4810, 0.43), (6224, 0.28), (6223, 0.29)),
    "RANI": ((6326, 0.39), (6327, 0.31), (6329, 0.3)),
    "RHEE": ((5851, 0.24), (6340, 0.48), (5840, 0.28)),
    "RMT1": ((6165, 0.09), (5776, 0.71), (6692, 0.2)),
    "RMT5": ((6684, 0.13), (6139, 0.87)),
    "RTOE": ((4917, 1.0),),
}
_ARM: Mapping[str, Place] = {
    "RELB": ((3371, 0.43), (3355, 0.37), (3354, 0.2)),
    "RELBIN": ((3394, 0.25), (3378, 0.75)),
    "ROWR": ((3874, 0.44), (3885, 0.56)),
    "RIWR": ((3518, 0.3), (3881, 0.14), (3884, 0.56)),
    "RFIN": ((3125, 0.35), (3124, 0.24), (3094, 0.41)),
}
_CLUSTERS: Mapping[str, Place] = {
    "RTHI1": ((6734, 0.46), (6735, 0.54)),
    "RTHI2": ((4497, 0.71), (4500, 0.09), (4481, 0.2)),
    "RTHI3": ((4541, 0.23), (4520, 0.77)),
    "RTIB1": ((4710, 0.36), (4684, 0.33), (4691, 0.31)),
    "RTIB2": ((4727, 0.55), (4746, 0.23), (4737, 0.22)),
    "RTIB3": ((4760, 0.63), (4741, 0.19), (4767, 0.18)),
    "RUPA1": ((1721, 0.35), (1694, 0.37), (1704, 0.28)),
    "RUPA2": ((1735, 0.31), (1718, 0.26), (1739, 0.43)),
    "RUPA3": ((1755, 1.0),),
    "RFRM1": ((3430, 0.43), (3413, 0.44), (3783, 0.13)),
    "RFRM2": ((3423, 0.66), (3406, 0.21), (3422, 0.13)),
    "RFRM3": ((3423, 0.29), (3440, 0.54), (3441, 0.17)),
}
ANNY_PLACES: Mapping[str, Place] = {**_PELVIS_AND_TRUNK, **_HEAD, **_LEG, **_ARM, **_CLUSTERS}

# Both styloids rotate with the radius, as in the Rajagopal models; the first and fifth metatarsal heads with the foot.
_SEGMENTS: Mapping[str, tuple[str, ...]] = {
    "pelvis": ("RASI", "RPSI"),
    "torso": ("STRN", "CLAV", "C7", "T1", "T8", "T10", "T12", "RSHO"),
    "head": ("RFHD", "RBHD", "TOPH"),
    "femur_r": ("RKNE", "RKNI", "RTHI1", "RTHI2", "RTHI3"),
    "tibia_r": ("RANK", "RANI", "RTIB1", "RTIB2", "RTIB3"),
    "calcn_r": ("RHEE", "RMT1", "RMT5"),
    "toes_r": ("RTOE",),
    "humerus_r": ("RELB", "RELBIN", "RUPA1", "RUPA2", "RUPA3"),
    "ulna_r": ("RFRM1", "RFRM2", "RFRM3"),
    "radius_r": ("ROWR", "RIWR"),
    "hand_r": ("RFIN",),
}


def _left(name: str) -> str:
    return f"L{name[1:]}" if name.startswith("R") else name


def _all_markers() -> dict[str, Marker]:
    markers = {}
    for segment, names in _SEGMENTS.items():
        for name in names:
            bony = name not in _CLUSTERS
            markers[name] = Marker(name, segment, bony)
            markers[_left(name)] = Marker(_left(name), segment.removesuffix("_r") + "_l" * segment.endswith("_r"), bony)
    return markers


MARKERS: Mapping[str, Marker] = _all_markers()

# The 28 over which MPBLPE is measured, in the order of the design.
BONY_LANDMARKS = (
    *("LPSI", "RPSI", "LASI", "RASI", "C7", "T10", "STRN", "CLAV", "LSHO", "RSHO"),
    *("LELB", "RELB", "LELBIN", "RELBIN", "LOWR", "ROWR", "LIWR", "RIWR"),
    *("LKNE", "RKNE", "LKNI", "RKNI", "LANK", "RANK", "LANI", "RANI", "LHEE", "RHEE"),
)


@dataclass(frozen=True)
class MarkerSet:
    """Named markers on a body, M of them: rest template (M, 3), blendshapes (K, M, 3), skinning weights (M, J)."""

    names: tuple[str, ...]
    template: Tensor
    blendshapes: Tensor
    skin_matrix: Tensor

    def at_rest(self, shaped: ShapedBody) -> Tensor:
        """Positions (..., M, 3) on the rest mesh of a shape, in metres."""
        return shaped.stretched(blend(self.template, self.blendshapes, shaped.coefficients), self.skin_matrix)

    def positions(self, posed: PosedBody) -> Tensor:
        """Positions (..., M, 3) in the world, in metres; no other part of the mesh is computed."""
        return posed.skin(self.at_rest(posed.shaped), self.skin_matrix)


def anny_markers(body: Body, names: Iterable[str] = tuple(MARKERS)) -> MarkerSet:
    """Markers on the default body.

    Raises:
        ValueError: a name is not a marker's.
    """
    mirror = body.mirror_vertex.tolist()
    left = {
        _left(name): tuple((mirror[vertex], weight) for vertex, weight in place) for name, place in ANNY_PLACES.items()
    }
    return place_markers(body, left | dict(ANNY_PLACES), names, SEGMENT_BONES)


def place_markers(
    rig: Rig, places: Mapping[str, Place], names: Iterable[str], segment_bones: Mapping[str, tuple[str, ...]]
) -> MarkerSet:
    """Markers on any rig, from their vertices and from the bones that make up each segment.

    Raises:
        ValueError: a name has no place on this body.
    """
    names = tuple(names)
    unknown = [name for name in names if name not in places]
    if unknown:
        raise ValueError(f"no place on this body for markers {unknown}; it has {sorted(places)}")
    used = sorted({vertex for name in names for vertex, _ in places[name]})  # a hundred of thousands
    column = {vertex: i for i, vertex in enumerate(used)}
    mean = rig.template_vertices.new_zeros(len(names), len(used))
    follows = rig.template_vertices.new_ones(len(names), len(rig.bone_labels))
    for row, name in enumerate(names):
        for vertex, weight in places[name]:
            mean[row, column[vertex]] += weight
        if MARKERS[name].bony:
            follows[row] = 0.0
            follows[row, [rig.bone_index[bone] for bone in segment_bones[MARKERS[name].segment]]] = 1.0
    skin = (mean @ rig.skin_matrix[used]) * follows
    return MarkerSet(
        names=names,
        template=mean @ rig.template_vertices[used],
        blendshapes=mean @ rig.vertex_blendshapes[:, used],
        skin_matrix=skin / skin.sum(dim=1, keepdim=True),
    )
