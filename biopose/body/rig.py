"""A rig: a mesh with linear shape, a tree of bones, and linear blend skinning. Every body model here is one.

``rig.with_coefficients(c) -> shaped.with_pose(R_bone_local) -> posed.vertices``; every step is stateless, takes any
batch axes, and is differentiable. Everything is in the world frame: x forward, y up, z right, metres.

The convention of rotations ("delta rotations"). At rest every bone's frame is aligned with the world and has its origin
at the bone's head (its joint centre), whatever the body's shape. A pose is a rotation away from that:

- ``R_world_delta[b]``, global: bone ``b`` and what is rigidly attached to it is rotated by this rotation, in world
  axes, relative to the rest mesh. It is the rotation part of ``T_world_bone[b]``.
- ``R_bone_local[b]``, local: ``R_world_delta[b] = R_world_delta[parent(b)] @ R_bone_local[b]``. A local rotation is
  written in the world axes of the rest pose (a knee flexed about the world's z axis at rest is a rotation about z here,
  however the thigh is oriented). The root's local rotation is its global one.

The identity everywhere is the rest mesh of that very shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Rig:
    """A body before it has a shape: ``V`` vertices, ``J`` bones (parents before children), ``K`` shape coefficients.

    template_vertices is (V, 3), vertex_blendshapes (K, V, 3), template_bone_heads (J, 3), bone_head_blendshapes
    (K, J, 3), skin_matrix (V, J) with rows that sum to 1, triangles (F, 3) counter-clockwise seen from outside.
    pose_blendshapes, where a model has them, are (9 (J - 1), V, 3): per entry of each local rotation, but the root's,
    minus the identity.
    """

    bone_labels: tuple[str, ...]
    bone_parents: tuple[int, ...]
    template_vertices: Tensor
    vertex_blendshapes: Tensor
    template_bone_heads: Tensor
    bone_head_blendshapes: Tensor
    skin_matrix: Tensor
    triangles: Tensor
    pose_blendshapes: Tensor | None

    def with_coefficients(self, coefficients: Tensor) -> "ShapedBody":
        """Give the body a shape by its linear coefficients (..., K)."""
        bone_heads = blend(self.template_bone_heads, self.bone_head_blendshapes, coefficients)
        return ShapedBody(body=self, coefficients=coefficients, bone_heads=bone_heads)

    @cached_property
    def bone_index(self) -> dict[str, int]:
        """Bone label to index."""
        return {label: index for index, label in enumerate(self.bone_labels)}

    @cached_property
    def is_ancestor(self) -> Tensor:
        """(J, J) with 1 where the column's bone is the row's bone or one above it."""
        matrix = torch.eye(len(self.bone_parents))
        for bone, parent in enumerate(self.bone_parents):
            if parent >= 0:
                matrix[bone] += matrix[parent]
        return matrix.to(self.template_vertices)

    @cached_property
    def parents(self) -> Tensor:
        """(J - 1,) the parent of every bone but the root, which is bone 0."""
        return self._indices(list(self.bone_parents[1:]))

    def local_from_global(self, R_world_delta: Tensor) -> Tensor:
        """Local delta rotations (..., J, 3, 3) that compose to global ones (module docstring)."""
        own, parent = R_world_delta[..., 1:, :, :], R_world_delta[..., self.parents, :, :]
        return torch.cat([R_world_delta[..., :1, :, :], parent.mT @ own], dim=-3)

    @cached_property
    def depth_levels(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """For each depth below the root: the bones there, and where their parents stand in the level above."""
        levels, above = [], [0]
        while bones := [bone for bone, parent in enumerate(self.bone_parents) if parent in above]:
            places = [above.index(self.bone_parents[bone]) for bone in bones]
            levels.append((self._indices(bones), self._indices(places)))
            above = bones
        return tuple(levels)

    @cached_property
    def from_depth_order(self) -> Tensor:
        """(J,) where each bone stands in the order root, first level, second level, ..."""
        root = torch.zeros(1, dtype=torch.int64, device=self.triangles.device)
        return torch.argsort(torch.cat([root, *(bones for bones, _ in self.depth_levels)]))

    def local_rotations(self, by_label: Mapping[str, Tensor]) -> Tensor:
        """Local delta rotations (..., J, 3, 3) from a few named bones; the others stay at the identity.

        Raises:
            ValueError: a label is not a bone.
        """
        unknown = sorted(set(by_label) - set(self.bone_labels))
        if unknown:
            raise ValueError(f"no bones {unknown} in the body; its bones are {list(self.bone_labels)}")
        batch = np.broadcast_shapes(*(R.shape[:-2] for R in by_label.values()))
        eye = torch.eye(3, dtype=self.template_vertices.dtype, device=self.template_vertices.device)
        return torch.stack([by_label.get(label, eye).expand(*batch, 3, 3) for label in self.bone_labels], dim=-3)

    def _indices(self, values: list[int]) -> Tensor:
        return torch.tensor(values, device=self.triangles.device)


@dataclass(frozen=True)
class ShapedBody:
    """A body with a shape, at rest.

    ``bone_heads``: (..., J, 3) joint centres at rest. ``stretch``: (J, 3, 4) an affine map for each bone that changes
    the shape's proportions at rest, or None.
    """

    body: Rig
    coefficients: Tensor
    bone_heads: Tensor
    stretch: Tensor | None = None

    @cached_property
    def vertices(self) -> Tensor:
        """Rest vertices (..., V, 3), made when first asked for: markers alone never need the whole mesh."""
        vertices = blend(self.body.template_vertices, self.body.vertex_blendshapes, self.coefficients)
        return self.stretched(vertices, self.body.skin_matrix)

    def stretched(self, rest_points: Tensor, weights: Tensor) -> Tensor:
        """Rest points (..., P, 3) as the stretch moves them, by their weights (P, J) as in linear blend skinning."""
        if self.stretch is None:
            return rest_points
        blended = (weights @ self.stretch.flatten(-2)).unflatten(-1, (3, 4))
        return (blended[..., :3] @ rest_points[..., None])[..., 0] + blended[..., 3]

    def points(self, vertex_indices: Tensor) -> Tensor:
        """Rest positions (..., P, 3) of P vertices only."""
        if "vertices" in self.__dict__:
            return self.vertices[..., vertex_indices, :]
        blendshapes = self.body.vertex_blendshapes[:, vertex_indices]
        unstretched = blend(self.body.template_vertices[vertex_indices], blendshapes, self.coefficients)
        return self.stretched(unstretched, self.body.skin_matrix[vertex_indices])

    @cached_property
    def T_world_bone(self) -> Tensor:
        """Rest poses of the bones (..., J, 4, 4): world-aligned, at the bone heads."""
        return self.with_global_rotations(self._identity_rotations()).T_world_bone

    def with_pose(
        self, R_bone_local: Tensor | Mapping[str, Tensor], *, root_position: Tensor | None = None
    ) -> "PosedBody":
        """Pose the body by local delta rotations (module docstring).

        Args:
            R_bone_local: (..., J, 3, 3), or a mapping from bone labels to (..., 3, 3). The batch axes broadcast with
                the shape's: shape (S, 1) and pose (S, T) pose S bodies over T frames each.
            root_position: (..., 3) where the root's head is in the world; the default leaves it where it rests.
        """
        R_local = self.body.local_rotations(R_bone_local) if isinstance(R_bone_local, Mapping) else R_bone_local
        R_levels = [R_local[..., :1, :, :]]
        for bones, places in self.body.depth_levels:
            R_levels.append(R_levels[-1][..., places, :, :] @ R_local[..., bones, :, :])
        R_world = torch.cat(R_levels, dim=-3)[..., self.body.from_depth_order, :, :]
        return self.with_global_rotations(R_world, root_position=root_position)

    def with_global_rotations(self, R_world_delta: Tensor, *, root_position: Tensor | None = None) -> "PosedBody":
        """Pose the body by global delta rotations (..., J, 3, 3); positions follow the bone chain by the rest offsets.

        Args:
            R_world_delta: (..., J, 3, 3), broadcast with the shape's batch axes.
            root_position: (..., 3) where the root's head is in the world; the default leaves it where it rests.

        Raises:
            ValueError: not one rotation matrix per bone.
        """
        if R_world_delta.shape[-3:] != (len(self.body.bone_labels), 3, 3):
            raise ValueError(
                f"rotations must end in the axes ({len(self.body.bone_labels)}, 3, 3), got {tuple(R_world_delta.shape)}"
            )
        heads = self.bone_heads
        parents = self.body.parents
        offsets = (R_world_delta[..., parents, :, :] @ (heads[..., 1:, :] - heads[..., parents, :])[..., None])[..., 0]
        root = heads[..., 0, :] if root_position is None else root_position
        root = root.expand(*np.broadcast_shapes(root.shape[:-1], offsets.shape[:-2]), 3)
        steps = torch.cat([root[..., None, :], offsets.expand(*root.shape[:-1], -1, -1)], dim=-2)
        return PosedBody(shaped=self, R_world_delta=R_world_delta, bone_heads=self.body.is_ancestor @ steps)

    def _identity_rotations(self) -> Tensor:
        return torch.eye(3, dtype=self.bone_heads.dtype, device=self.bone_heads.device).expand(
            len(self.body.bone_labels), 3, 3
        )


@dataclass(frozen=True)
class PosedBody:
    """A body with a shape and a pose. ``bone_heads``: (..., J, 3) joint centres in the world."""

    shaped: ShapedBody
    R_world_delta: Tensor
    bone_heads: Tensor

    @cached_property
    def T_world_bone(self) -> Tensor:
        """Bone poses (..., J, 4, 4): the global delta rotations, at the bone heads."""
        batch = self.bone_heads.shape[:-1]
        top = torch.cat([self.R_world_delta.expand(*batch, 3, 3), self.bone_heads[..., None]], dim=-1)
        bottom = top.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*batch, 1, 4)
        return torch.cat([top, bottom], dim=-2)

    @cached_property
    def vertices(self) -> Tensor:
        """Vertices (..., V, 3) in the world by linear blend skinning, made when first asked for."""
        return self.skin(self.shaped.vertices + self._pose_correction(slice(None)), self.shaped.body.skin_matrix)

    def points(self, vertex_indices: Tensor) -> Tensor:
        """Positions (..., P, 3) of P vertices only: the rest of the mesh is never skinned."""
        if "vertices" in self.__dict__:
            return self.vertices[..., vertex_indices, :]
        unskinned = self.shaped.points(vertex_indices) + self._pose_correction(vertex_indices)
        return self.skin(unskinned, self.shaped.body.skin_matrix[vertex_indices])

    def skin(self, rest_points: Tensor, weights: Tensor) -> Tensor:
        """Move rest points (..., P, 3) by the weighted mean (P, J) of the bones' rigid motions: (..., P, 3)."""
        R, rest_heads = self.R_world_delta, self.shaped.bone_heads
        t = self.bone_heads - (R @ rest_heads[..., None])[..., 0]
        motions = torch.cat([R.expand(*t.shape, 3), t[..., None]], dim=-1).flatten(-2)
        blended = (weights @ motions).unflatten(-1, (3, 4))
        return (blended[..., :3] @ rest_points[..., None])[..., 0] + blended[..., 3]

    def _pose_correction(self, vertices: Tensor | slice) -> Tensor:
        """Displacement (..., P, 3) of some rest vertices by the pose; 0 for a model without pose blendshapes."""
        rig = self.shaped.body
        if rig.pose_blendshapes is None:
            return self.bone_heads.new_zeros(())
        R_local = self.R_world_delta[..., rig.parents, :, :].mT @ self.R_world_delta[..., 1:, :, :]
        bend = (R_local - torch.eye(3, dtype=R_local.dtype, device=R_local.device)).flatten(-3)
        blendshapes = rig.pose_blendshapes[:, vertices]
        return blend(torch.zeros_like(blendshapes[0]), blendshapes, bend)


def blend(template: Tensor, blendshapes: Tensor, coefficients: Tensor) -> Tensor:
    """Template (P, D) plus the coefficients' (..., K) combination of blendshapes (K, P, D): (..., P, D)."""
    return template + (coefficients @ blendshapes.flatten(1)).unflatten(-1, template.shape)
