"""Synthetic crops of people as the keypoint network is given real ones, with the truth.

    source = ImageSource(segment_body, people, motions, seed=3)
    batch = source.draw(64)
    batch.pixels                    # (64, 3, 256, 192) bytes

A crop is rendered directly, at twice its size, not cut from a whole image. It has the errors of a detector's box,
is cut off by the image's edge, blurred and compressed as real crops are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.mirror import CAMERA_MIRROR, mirrored_global_rotations
from biopose.body.segment_body import SegmentBody
from biopose.training.data.motion import Motion
from biopose.training.synthetic.background import draw_backdrop
from biopose.training.synthetic.clothing import Clothing
from biopose.training.synthetic.crops import Crop, draw_crop
from biopose.training.synthetic.lighting import Light, draw_light
from biopose.training.synthetic.occluders import draw_occluders
from biopose.training.synthetic.people import People
from biopose.training.synthetic.renderer import LitMesh, SceneRenderer
from biopose.training.synthetic.scenes import MIDDLE, MOMENTS, Scene, SceneSource
from biopose.training.synthetic.sensor_noise import capture

FloatArray = NDArray[np.float32]

BLURRED_SHARE = 0.08  # of images with motion blur
BYSTANDER_SHARE, BYSTANDER_DISTANCE_M = 0.1, (0.5, 1.8)  # a second person near
SAME_CLOTHES_SHARE = 0.4
SHADOW_DARKNESS = (0.2, 0.7)
LOWEST_CAMERA_M = 0.1


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """N crops and their truth.

    Attributes:
        pixels: (N, 3, 256, 192) red green blue, uint8.
        corner: (N, 2) x / z and y / z of the crop's upper left corner.
        ray_per_px: (N,) x / z per pixel of the crop.
        person: (N,) indices.
        R_camera_segment: (N, 20, 3, 3) global rotations from the reference posture.
        root_m: (N, 3) head of the pelvis's bone in the camera's frame.
    """

    pixels: Tensor
    corner: Tensor
    ray_per_px: Tensor
    person: Tensor
    R_camera_segment: Tensor
    root_m: Tensor


def with_mirror_images(batch: ImageBatch) -> ImageBatch:
    """The images (N, ...) followed by their mirror images: (2 N, ...)."""
    right_edge = batch.corner[:, 0] + batch.ray_per_px * batch.pixels.shape[-1]
    mirrored = ImageBatch(
        pixels=batch.pixels.flip(-1),
        corner=torch.stack([-right_edge, batch.corner[:, 1]], dim=-1),
        ray_per_px=batch.ray_per_px,
        person=batch.person,
        R_camera_segment=mirrored_global_rotations(batch.R_camera_segment),
        root_m=batch.root_m * torch.tensor(CAMERA_MIRROR),
    )
    return ImageBatch(**{name: torch.cat([value, getattr(mirrored, name)]) for name, value in vars(batch).items()})


class ImageSource:
    """Renders batches; all randomness is from the seed.

    Args:
        segment_body: the body.
        people: that are drawn from.
        motions: the library.
        seed: of everything.
        device: of the rasterizer, "cpu" or "cuda:0".
    """

    def __init__(
        self, segment_body: SegmentBody, people: People, motions: Sequence[Motion], *, seed: int, device: str = "cpu"
    ) -> None:
        self.scenes = SceneSource(segment_body, people, motions)
        self.renderer = SceneRenderer(self.scenes, device=device)
        self.clothing = Clothing(segment_body)
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Restart with another seed."""
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = np.random.default_rng(seed)

    def draw(self, n: int) -> ImageBatch:
        """Render n crops."""
        scene = self.scenes.draw(self.rng, self.generator, n=n)
        pixels, crops = zip(*(self._render(scene, index) for index in range(n)), strict=True)
        return ImageBatch(
            pixels=torch.from_numpy(np.stack(pixels).transpose(0, 3, 1, 2).copy()),
            corner=torch.from_numpy(np.stack([crop.corner for crop in crops])),
            ray_per_px=torch.tensor([crop.ray_per_px for crop in crops], dtype=torch.float32),
            person=scene.person,
            R_camera_segment=scene.R_camera_segment,
            root_m=scene.root_m,
        )

    def _render(self, scene: Scene, index: int) -> tuple[NDArray[np.uint8], Crop]:
        rng, renderer = self.rng, self.renderer
        light, outfit = draw_light(rng), self.clothing.draw(rng)
        moments = range(MOMENTS) if rng.random() < BLURRED_SHARE else (MIDDLE,)
        meshes = renderer.clothed(scene, index, outfit.thickness, moments)
        vertices_m = [scene.in_camera(index, mesh) for mesh in meshes]
        crop = draw_crop(rng, vertices_m[len(meshes) // 2])
        bystanders = self._bystanders(scene, index, light, outfit.colours)
        occluders = draw_occluders(rng, depth_m=float(vertices_m[len(meshes) // 2][:, 2].mean()))
        lights = [renderer.light_on(mesh, outfit.colours, light) for mesh in meshes]
        people = renderer.exposed(
            [[person, *bystanders] for person in zip(vertices_m, lights, strict=True)], crop, occluders
        )
        backdrop = self._backdrop(scene, index, crop, light, meshes[0])
        image = people[..., :3] + (1 - people[..., 3:]) * backdrop
        return capture(rng, image, black=crop.is_outside()), crop

    def _bystanders(self, scene: Scene, index: int, light: Light, colours: FloatArray) -> list[LitMesh]:
        """Another person of the batch, nearby, in the same light, often in the same clothes; in most images none."""
        rng = self.rng
        if rng.random() >= BYSTANDER_SHARE:
            return []
        other = (index + 1) % len(scene.person)
        outfit = self.clothing.draw(rng)
        (mesh,) = self.renderer.clothed(scene, other, outfit.thickness)
        angle, distance_m = rng.uniform(0, 2 * np.pi), rng.uniform(*BYSTANDER_DISTANCE_M)
        worn = colours if rng.random() < SAME_CLOTHES_SHARE else outfit.colours
        up_m = float(scene.ground_m[index] - scene.ground_m[other])
        shift_m = np.array([distance_m * np.cos(angle), up_m, distance_m * np.sin(angle)])
        mesh = (mesh + shift_m).astype(np.float32)
        return [(scene.in_camera(index, mesh), self.renderer.light_on(mesh, worn, light))]

    def _backdrop(self, scene: Scene, index: int, crop: Crop, light: Light, mesh: FloatArray) -> FloatArray:
        """(H, W, 3) the background with the person's shadow on it."""
        R_world_camera = scene.R_camera_world[index].numpy().T
        height_m = max(float(scene.camera_m[index, 1] - scene.ground_m[index]), LOWEST_CAMERA_M)
        backdrop = draw_backdrop(self.rng, crop.rays(), R_world_camera, camera_height_m=height_m)
        shadow = self.renderer.shadow(scene, index, crop, light, mesh)
        return backdrop * (1 - self.rng.uniform(*SHADOW_DARKNESS) * shadow[..., None])
