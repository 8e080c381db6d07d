"""Scenes: people in a posture, dressed, in a world with a ground, and a camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.rig import PosedBody, ShapedBody
from biopose.body.segment_body import SegmentBody
from biopose.training.data.motion import Motion
from biopose.training.data.projected_motion import draw_cameras
from biopose.training.synthetic.people import People
from biopose.training.synthetic.posing import PostureSource
from biopose.training.synthetic.rasterizer import Rasterizer

FloatArray = NDArray[np.float32]

MOMENTS, EXPOSURE_S = 3, (0.002, 0.03)
MIDDLE = MOMENTS // 2  # the moment of the truth, and of images without motion blur
SOLE_BELOW_KEYPOINTS_M = 0.04


@dataclass(frozen=True, eq=False)
class Scene:
    """N people, each in a world of their own with the origin at the head of the pelvis's bone, and a camera for each.

    Attributes:
        person: (N,) indices.
        R_world_segment: (N, T, 20, 3, 3) global rotations from the reference posture at the moments of the exposure.
        R_camera_world: (N, 3, 3).
        camera_m: (N, 3) in the world, y up.
        ground_m: (N,) height of the ground in the world.
    """

    person: Tensor
    R_world_segment: Tensor
    R_camera_world: Tensor
    camera_m: Tensor
    ground_m: Tensor

    def in_camera(self, index: int, points_m: FloatArray) -> FloatArray:
        """Points (V, 3) of a person's world in the frame of that person's camera."""
        points: FloatArray = (points_m - self.camera_m[index].numpy()) @ self.R_camera_world[index].numpy().T
        return points

    @property
    def R_camera_segment(self) -> Tensor:
        """(N, 20, 3, 3) global rotations in the camera's frame, at the middle of the exposure."""
        return self.R_camera_world[:, None] @ self.R_world_segment[:, MIDDLE]

    @property
    def root_m(self) -> Tensor:
        """(N, 3) head of the pelvis's bone in the camera's frame."""
        return (self.R_camera_world @ -self.camera_m[..., None])[..., 0]


class SceneSource:
    """Draws scenes.

    Args:
        segment_body: the body.
        people: that are drawn from.
        motions: the library.
    """

    def __init__(self, segment_body: SegmentBody, people: People, motions: Sequence[Motion]) -> None:
        self.body, self.people = segment_body, people
        self.postures = PostureSource(motions, segment_body.R_ground_reference)
        self.triangles = segment_body.rig.triangles.numpy().astype(np.int32)

    def draw(self, rng: np.random.Generator, generator: torch.Generator, *, n: int) -> Scene:
        """Scenes of n people.

        Args:
            rng: draws the exposure.
            generator: draws everything else.
            n: number of people.
        """
        person = torch.randint(len(self.people), (n,), generator=generator)
        exposure_s = float(rng.uniform(*EXPOSURE_S))
        postures = self.postures.draw(generator, n, moments=MOMENTS, exposure_s=exposure_s)
        posed = self._posed(person[:, None], postures.R_world_segment)
        unscaled = posed.skin(self.people.keypoints[person][:, None], self.body.keypoints.skin_matrix)
        keypoints_m = unscaled * self.people.height_m[person, None, None, None]
        R_camera_world, camera_m = draw_cameras(generator, keypoints_m)
        ground_m = keypoints_m[..., 1].amin(dim=(1, 2)) - SOLE_BELOW_KEYPOINTS_M - postures.flight_m
        return Scene(person, postures.R_world_segment, R_camera_world, camera_m, ground_m)

    def clothed(
        self, scene: Scene, index: int, thickness: FloatArray, *, rasterizer: Rasterizer, moments: Sequence[int]
    ) -> list[FloatArray]:
        """A dressed person's meshes (V, 3) in the world, at each moment.

        Args:
            scene: of the person.
            index: of the person.
            thickness: (V,) of the clothes, in heights.
            rasterizer: computes the normals, along which clothes are offset.
            moments: of the exposure.
        """
        person = scene.person[index]
        rest = self.people.vertices[person].numpy()
        rest = rest + rasterizer.normals(rest, self.triangles) * thickness[:, None]
        posed = self._posed(person, scene.R_world_segment[index, list(moments)])
        meshes = posed.skin(torch.from_numpy(rest), self.body.rig.skin_matrix) * self.people.height_m[person]
        return [mesh.numpy() for mesh in meshes]

    def _posed(self, person: Tensor, R_world_segment: Tensor) -> PosedBody:
        """Bones of people (...), the pelvis's head at the origin; points are skinned from their own rest positions."""
        no_shape = torch.zeros(*person.shape, len(self.body.rig.vertex_blendshapes))
        shaped = ShapedBody(self.body.rig, no_shape, self.people.bone_heads[person])
        return shaped.with_global_rotations(R_world_segment, root_position=torch.zeros(3))
