"""A body and a skeleton as one person: the skeleton scaled to the body's shape, the body posed by its coordinates.

    person = skeleton_of_body(body, shaped, full_body)
    posed = person.with_coordinates(q)                     # a mesh in the skeleton's pose
    markers = person.markers.positions(posed)              # virtual markers; inverse kinematics turns them back into q

The body's bones rotate with the skeleton's segments about the skeleton's joints, which scaling places by the landmarks,
so the same rotations move both. What is left between them: the knee glides as it bends, which a rig's bone does not,
and soft markers follow skin that two segments share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.markers import MARKERS, MarkerSet, anny_markers
from biopose.body.rig import PosedBody, ShapedBody
from biopose.body.segments import SEGMENT_OF_BONE
from biopose.skeleton.kinematics import Kinematics, Pose
from biopose.skeleton.model import Marker, Skeleton
from biopose.skeleton.scaling import ScaledPosture, scale_to_markers

# The bones whose heads are joint centres, by the segment that the joint moves. A foot rotates about its ankle.
_BONES_AT_JOINT = {"abdomen": ("spine03",), "head": ("neck01",)} | {
    f"{segment}_{side}": tuple(f"{bone}.{side.upper()}" for bone in bones)
    for side in "rl"
    for segment, bones in {
        "femur": ("upperleg01",),
        "tibia": ("lowerleg01",),
        "talus": ("foot",),
        "toes": tuple(f"toe{toe}-1" for toe in range(1, 6)),
        "humerus": ("upperarm01",),
        "ulna": ("lowerarm01",),
        "radius": ("lowerarm02",),
        "hand": ("wrist",),
    }.items()
}


@dataclass(frozen=True, eq=False)
class BodyWithSkeleton:
    """One person in both forms.

    Attributes:
        shaped: the body, its bones turning about the skeleton's joints.
        markers: its virtual markers.
        skeleton: scaled to the body, with those markers where the body has them.
        body_scales: (B, 3) the skeleton's factors.
        rest_pose: (Q,) coordinates of the skeleton when the body is at rest.
    """

    shaped: ShapedBody
    markers: MarkerSet
    skeleton: Skeleton
    body_scales: NDArray[np.float64]
    rest_pose: NDArray[np.float64]

    @property
    def rest_posture(self) -> ScaledPosture:
        """The posture and the factors of the skeleton when the body is at rest."""
        return ScaledPosture(self.rest_pose, self.body_scales)

    @cached_property
    def _at_rest(self) -> Pose:
        return Kinematics(self.skeleton).with_coordinates(torch.from_numpy(self.rest_pose))

    def with_coordinates(self, q: Tensor) -> PosedBody:
        """The body in the skeleton's pose.

        Args:
            q: (..., Q) coordinates in the skeleton's order, radians and metres.
        """
        rest = self._at_rest
        posed = rest.kinematics.with_coordinates(q)
        bodies = [self.skeleton.body_names.index(SEGMENT_OF_BONE[bone]) for bone in self.shaped.body.bone_labels]
        R_delta = posed.R_ground_body[..., bodies, :, :] @ rest.R_ground_body[bodies].mT
        pelvis = self.skeleton.body_names.index("pelvis")
        root = self.shaped.bone_heads[0].to(q) - rest.p_ground_body[pelvis]
        root_position = posed.p_ground_body[..., pelvis, :] + R_delta[..., 0, :, :] @ root
        like = self.shaped.bone_heads
        return self.shaped.with_global_rotations(R_delta.to(like), root_position=root_position.to(like))


def skeleton_of_body(
    body: Body,
    shaped: ShapedBody,
    skeleton: Skeleton,
    *,
    markers: Sequence[str] = tuple(MARKERS),
    near: ScaledPosture | None = None,
) -> BodyWithSkeleton:
    """Scale a skeleton to a body and join the two.

    Args:
        body: which `shaped` is of.
        shaped: one shape, without batch axes.
        skeleton: the default full-body model, unscaled, with its landmarks.
        markers: names of the virtual markers that the person gets.
        near: a similar person at rest, where the scaling starts; None finds a start by inverse kinematics.

    Raises:
        ValueError: if `shaped` has batch axes.
        ModelError: if the skeleton lacks the landmarks.
    """
    if shaped.bone_heads.dim() != 2:
        raise ValueError(f"one shape at a time; this one has batch axes {tuple(shaped.bone_heads.shape[:-2])}")
    marker_set = anny_markers(body, markers)
    at_rest = dict(zip(markers, marker_set.at_rest(shaped).double().numpy(), strict=True))
    scaling = scale_to_markers(skeleton, at_rest, all_anatomical=True, near=near)
    registered = with_markers_of(scaling.skeleton, scaling.static_pose, at_rest)
    return BodyWithSkeleton(
        shaped=_turning_about(shaped, registered, scaling.static_pose),
        markers=marker_set,
        skeleton=registered,
        body_scales=scaling.body_scales,
        rest_pose=scaling.static_pose,
    )


def with_markers_of(
    skeleton: Skeleton, rest_pose: NDArray[np.float64], at_rest: dict[str, NDArray[np.float64]]
) -> Skeleton:
    """The skeleton with the body's markers, each in its segment where the body at rest has it."""
    T_ground_body = Kinematics(skeleton).with_coordinates(torch.from_numpy(rest_pose)).T_ground_body.numpy()
    placed = []
    for name, position in at_rest.items():
        body = skeleton.body_names.index(MARKERS[name].segment)
        local = np.linalg.solve(T_ground_body[body], np.append(position, 1.0))[:3]
        placed.append(Marker(name, body, local, fixed=MARKERS[name].bony))
    return skeleton.with_markers(tuple(placed))


def _turning_about(shaped: ShapedBody, skeleton: Skeleton, rest_pose: NDArray[np.float64]) -> ShapedBody:
    """The same shape with the skeleton's joint centres; the mesh at rest stays as it is."""
    centers = Kinematics(skeleton).with_coordinates(torch.from_numpy(rest_pose)).joint_centers.to(shaped.bone_heads)
    heads = shaped.bone_heads.clone()
    for segment, bones in _BONES_AT_JOINT.items():
        for bone in bones:
            heads[shaped.body.bone_index[bone]] = centers[skeleton.body_names.index(segment) - 1]
    return replace(shaped, bone_heads=heads)


def stretched_to(person: BodyWithSkeleton, body_scales: NDArray[np.float64]) -> ShapedBody:
    """The person's body at rest with its segments stretched as if the skeleton were scaled otherwise.

    Each vertex moves as the weighted mean of what its segments' stretching does to it, as in linear blend skinning.

    Args:
        person: the body and the skeleton scaled to it.
        body_scales: (B, 3) the factors that the unscaled skeleton should have instead.
    """
    ratio = body_scales / person.body_scales
    scaled = Kinematics(person.skeleton).with_scales(torch.from_numpy(ratio))
    before, after = person._at_rest, scaled.with_coordinates(torch.from_numpy(person.rest_pose))
    R = before.R_ground_body
    stretch = R @ torch.diag_embed(torch.from_numpy(ratio)) @ R.mT
    shift = after.p_ground_body - (stretch @ before.p_ground_body[..., None])[..., 0]
    heads = person.shaped.bone_heads
    bodies = [person.skeleton.body_names.index(SEGMENT_OF_BONE[bone]) for bone in person.shaped.body.bone_labels]
    motions = torch.cat([stretch, shift[..., None]], dim=-1)[bodies].to(heads)
    moved = (motions[..., :3] @ heads[..., None])[..., 0] + motions[..., 3]
    return replace(person.shaped, bone_heads=moved, stretch=motions)
