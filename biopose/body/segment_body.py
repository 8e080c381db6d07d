"""The body as the networks know it: one bone for each segment of the skeleton, and a linear shape of few terms.

The default body drives 104 bones and takes its shape from six phenotypes through a grid of 720 nodes. Of all that, an
image shows the rotation of 20 segments and a handful of proportions. So this body is one `Rig` more: its mesh is the
default one in a reference posture at a height of 1, its bones rotate about the skeleton's joints, and its shape is the
mean of many drawn people plus their principal components, each in standard deviations.

    body = SegmentBody.load()
    posed = body.rig.with_coefficients(shape).with_pose(R_segment_local, root_position=root)
    body.keypoints.positions(posed)                   # (..., 26, 3), in heights
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.anny import Body, nearest_rotation
from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.keypoints import anny_keypoints
from biopose.body.markers import MARKERS, MarkerSet, anny_markers
from biopose.body.rig import Rig
from biopose.body.segments import SEGMENT_BONES, SEGMENT_OF_BONE
from biopose.body.shape import height_m
from biopose.body.subject import BodyWithSkeleton
from biopose.io.checkpoint import read_checkpoint, save_checkpoint
from biopose.io.weights_folder import WEIGHTS
from biopose.skeleton.kinematics import Kinematics

KIND = "segment_body"
SEGMENT_BODY = WEIGHTS / "segment_body.safetensors"
SHAPE_TERMS = 10
SEGMENTS = tuple(SEGMENT_BONES)
PARENTS = {"abdomen": "pelvis", "torso": "abdomen", "head": "torso"} | {
    f"{segment}_{side}": parent if parent in ("pelvis", "torso") else f"{parent}_{side}"
    for side in "rl"
    for segment, parent in {
        "femur": "pelvis",
        "tibia": "femur",
        "calcn": "tibia",
        "toes": "calcn",
        "humerus": "torso",
        "ulna": "humerus",
        "radius": "ulna",
        "hand": "radius",
    }.items()
}


@dataclass(frozen=True, eq=False)
class ReferencePerson:
    """One person in the reference posture at a height of 1, the head of the pelvis's bone at the origin.

    Attributes:
        vertices: (V, 3).
        bone_heads: (20, 3) by SEGMENTS.
        keypoints: (26, 3).
        markers: (M, 3) by MARKERS.
        height_m: what 1 stands for.
    """

    vertices: Tensor
    bone_heads: Tensor
    keypoints: Tensor
    markers: Tensor
    height_m: float


@dataclass(frozen=True, eq=False)
class SegmentBody:
    """The rig, and what is placed on it.

    Attributes:
        rig: 20 bones labelled as the first of Anny's in each segment, SHAPE_TERMS coefficients, in heights.
        keypoints: the 26.
        markers: the virtual markers.
        R_ground_reference: (20, 3, 3) the skeleton's segments in the reference posture: a bone that is rotated by R
            stands for a segment at R @ R_ground_reference.
    """

    rig: Rig
    keypoints: MarkerSet
    markers: MarkerSet
    R_ground_reference: Tensor

    @classmethod
    def load(cls, path: Path = SEGMENT_BODY, *, device: torch.device | str = "cpu") -> SegmentBody:
        """The body that ships, in float32.

        Raises:
            ModelError: the file is not there, broken or something else.
        """
        tensors, _ = read_checkpoint(path, kind=KIND)
        return cls.from_tensors({name: _real(tensor, device) for name, tensor in tensors.items()})

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> SegmentBody:
        """From what `tensors` gave."""
        rig = Rig(
            bone_labels=tuple(SEGMENT_BONES[segment][0] for segment in SEGMENTS),
            bone_parents=tuple(SEGMENTS.index(PARENTS[s]) if s in PARENTS else -1 for s in SEGMENTS),
            template_vertices=tensors["vertices.mean"],
            vertex_blendshapes=tensors["vertices.terms"],
            template_bone_heads=tensors["bone_heads.mean"],
            bone_head_blendshapes=tensors["bone_heads.terms"],
            skin_matrix=tensors["vertices.skin"],
            triangles=tensors["triangles"],
            pose_blendshapes=None,
        )
        return cls(
            rig=rig,
            keypoints=_marked(tensors, "keypoints", KEYPOINTS),
            markers=_marked(tensors, "markers", tuple(MARKERS)),
            R_ground_reference=tensors["R_ground_reference"],
        )

    def tensors(self) -> dict[str, Tensor]:
        """Everything, by name."""
        rig, keypoints, markers = self.rig, self.keypoints, self.markers
        return {
            "vertices.mean": rig.template_vertices,
            "vertices.terms": rig.vertex_blendshapes,
            "vertices.skin": rig.skin_matrix,
            "bone_heads.mean": rig.template_bone_heads,
            "bone_heads.terms": rig.bone_head_blendshapes,
            "triangles": rig.triangles,
            "keypoints.mean": keypoints.template,
            "keypoints.terms": keypoints.blendshapes,
            "keypoints.skin": keypoints.skin_matrix,
            "markers.mean": markers.template,
            "markers.terms": markers.blendshapes,
            "markers.skin": markers.skin_matrix,
            "R_ground_reference": self.R_ground_reference,
        }

    def save(self, path: Path, *, made: str) -> None:
        """Write it, the mesh in half precision (0.3 mm); `made` describes from what."""
        half = {name: t.half() if name.startswith("vertices") else t for name, t in self.tensors().items()}
        half["triangles"] = half["triangles"].int()
        save_checkpoint(path, half, kind=KIND, shape={"terms": len(self.rig.vertex_blendshapes), "made": made})

    def shape_of(self, person: ReferencePerson) -> Tensor:
        """(K,) the coefficients whose mesh is nearest to a person's."""
        terms = self.rig.vertex_blendshapes.flatten(1)
        away = (person.vertices - self.rig.template_vertices).flatten()
        return torch.linalg.lstsq(terms.T, away[:, None]).solution[:, 0]


def reference_orientations(people: Sequence[BodyWithSkeleton]) -> Tensor:
    """(20, 3, 3) the mean orientation of the skeleton's segments over people at rest, in ground."""
    return nearest_rotation(torch.stack([_at_rest(person) for person in people]).mean(0))


def _at_rest(person: BodyWithSkeleton) -> Tensor:
    pose = Kinematics(person.skeleton).with_coordinates(torch.from_numpy(person.rest_pose))
    return pose.R_ground_body[[person.skeleton.body_names.index(segment) for segment in SEGMENTS]].float()


def in_reference_posture(person: BodyWithSkeleton, body: Body, R_ground_reference: Tensor) -> ReferencePerson:
    """A person of the default body, brought into the reference posture."""
    R_segment = R_ground_reference @ _at_rest(person).mT
    which = [SEGMENTS.index(SEGMENT_OF_BONE[bone]) for bone in body.bone_labels]
    posed = person.shaped.with_global_rotations(R_segment[which], root_position=torch.zeros(3))
    first = [body.bone_index[SEGMENT_BONES[segment][0]] for segment in SEGMENTS]
    height = float(height_m(person.shaped.vertices))
    return ReferencePerson(
        vertices=posed.vertices / height,
        bone_heads=posed.bone_heads[first] / height,
        keypoints=anny_keypoints(body).positions(posed) / height,
        markers=person.markers.positions(posed) / height,
        height_m=height,
    )


def fit_segment_body(
    people: Sequence[ReferencePerson], body: Body, R_ground_reference: Tensor, *, terms: int = SHAPE_TERMS
) -> SegmentBody:
    """Principal components of people's meshes, and what else follows them linearly.

    Args:
        people: more than `terms` of them.
        body: the default body, whose triangles and skinning weights it keeps.
        R_ground_reference: (20, 3, 3) of the posture that the people are in.
        terms: how many components.
    """
    scores = _principal_scores(torch.stack([person.vertices for person in people]).flatten(1), terms=terms)
    design = torch.cat([torch.ones(len(people), 1), scores], dim=1)
    tensors: dict[str, Tensor] = {"triangles": body.triangles, "R_ground_reference": R_ground_reference}
    for part in ("vertices", "bone_heads", "keypoints", "markers"):
        values = torch.stack([getattr(person, part) for person in people])
        solution = torch.linalg.lstsq(design, values.flatten(1)).solution.unflatten(-1, values.shape[1:])
        tensors |= {f"{part}.mean": solution[0], f"{part}.terms": solution[1:]}
    return SegmentBody.from_tensors(tensors | _skins(body))


def _principal_scores(values: Tensor, *, terms: int) -> Tensor:
    """(N, K) of rows (N, D) along their principal components, of unit variance, the largest score positive."""
    U, _, _ = torch.linalg.svd(values - values.mean(0), full_matrices=False)
    scores = U[:, :terms] * len(values) ** 0.5
    signs = torch.sign(scores[scores.abs().argmax(0), torch.arange(terms)])  # of the SVD are anyone's guess
    return scores * signs


def _skins(body: Body) -> dict[str, Tensor]:
    """Skinning weights (P, 20) of the mesh, the keypoints and the markers: sums over the bones of each segment."""
    to_segment = torch.zeros(len(body.bone_labels), len(SEGMENTS))
    for bone, label in enumerate(body.bone_labels):
        to_segment[bone, SEGMENTS.index(SEGMENT_OF_BONE[label])] = 1.0
    weights = {
        "vertices": body.skin_matrix,
        "keypoints": anny_keypoints(body).skin_matrix,
        "markers": anny_markers(body).skin_matrix,
    }
    return {f"{part}.skin": skin_matrix @ to_segment for part, skin_matrix in weights.items()}


def _marked(tensors: dict[str, Tensor], kind: str, names: Sequence[str]) -> MarkerSet:
    return MarkerSet(tuple(names), *(tensors[f"{kind}.{part}"] for part in ("mean", "terms", "skin")))


def _real(tensor: Tensor, device: torch.device | str) -> Tensor:
    return tensor.to(device=device, dtype=torch.float32 if tensor.is_floating_point() else torch.int64)
