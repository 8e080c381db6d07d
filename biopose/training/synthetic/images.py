"""Crops of made-up people, as the keypoint network is given crops of real ones, with the truth behind them.

    source = PictureSource(segment_body, people, motions, seed=3)
    batch = source.draw(64)
    batch.pixels                    # (64, 3, 256, 192) bytes

A crop is drawn directly, at twice its size: the picture that it would have been cut from is never made. Where a box
would be off, cut by the picture's edge, blurred or compressed, so is the crop.
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
from biopose.training.synthetic.sensor_noise import photographed

FloatArray = NDArray[np.float32]

BLURRED_SHARE = 0.08  # of the pictures drawn at all moments; the others are sharp
COMPANY_SHARE, COMPANY_M = 0.1, (0.5, 1.8)  # a second person beside, before or behind
SAME_KIT_SHARE = 0.4
SHADOW_DARKNESS = (0.2, 0.7)
LOWEST_CAMERA_M = 0.1


@dataclass(frozen=True, eq=False)
class PictureBatch:
    """N crops and their truth.

    Attributes:
        pixels: (N, 3, 256, 192) red green blue, bytes.
        corner: (N, 2) x / z and y / z of the crop's upper left edge.
        ray_per_px: (N,) how much of x / z one pixel of the crop is.
        person: (N,) indices.
        R_camera_segment: (N, 20, 3, 3) global turns from the reference posture.
        root_m: (N, 3) head of the pelvis's bone in the camera's frame.
    """

    pixels: Tensor
    corner: Tensor
    ray_per_px: Tensor
    person: Tensor
    R_camera_segment: Tensor
    root_m: Tensor


def with_mirror_images(batch: PictureBatch) -> PictureBatch:
    """The pictures (N, ...), then what a mirror makes of each: (2 N, ...)."""
    right_edge = batch.corner[:, 0] + batch.ray_per_px * batch.pixels.shape[-1]
    image = PictureBatch(
        pixels=batch.pixels.flip(-1),
        corner=torch.stack([-right_edge, batch.corner[:, 1]], dim=-1),
        ray_per_px=batch.ray_per_px,
        person=batch.person,
        R_camera_segment=mirrored_global_rotations(batch.R_camera_segment),
        root_m=batch.root_m * torch.tensor(CAMERA_MIRROR),
    )
    return PictureBatch(**{name: torch.cat([value, getattr(image, name)]) for name, value in vars(batch).items()})


class PictureSource:
    """Draws batches; all of it hangs on the seed.

    Args:
        segment_body: the body.
        people: whose shapes are drawn.
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
        """Begin again with another seed."""
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = np.random.default_rng(seed)

    def draw(self, n: int) -> PictureBatch:
        """As many crops."""
        scene = self.scenes.draw(self.rng, self.generator, n=n)
        pixels, crops = zip(*(self._picture(scene, index) for index in range(n)), strict=True)
        return PictureBatch(
            pixels=torch.from_numpy(np.stack(pixels).transpose(0, 3, 1, 2).copy()),
            corner=torch.from_numpy(np.stack([crop.corner for crop in crops])),
            ray_per_px=torch.tensor([crop.ray_per_px for crop in crops], dtype=torch.float32),
            person=scene.person,
            R_camera_segment=scene.R_camera_segment,
            root_m=scene.root_m,
        )

    def _picture(self, scene: Scene, index: int) -> tuple[NDArray[np.uint8], Crop]:
        rng, renderer = self.rng, self.renderer
        light, outfit = draw_light(rng), self.clothing.draw(rng)
        moments = range(MOMENTS) if rng.random() < BLURRED_SHARE else (MIDDLE,)
        meshes = renderer.clothed(scene, index, outfit.thickness, moments)
        seen_m = [scene.seen(index, mesh) for mesh in meshes]
        crop = draw_crop(rng, seen_m[len(meshes) // 2])
        company = self._company(scene, index, light, outfit.colours)
        occluders = draw_occluders(rng, depth_m=float(seen_m[len(meshes) // 2][:, 2].mean()))
        lights = [renderer.light_on(mesh, outfit.colours, light) for mesh in meshes]
        people = renderer.exposed([[person, *company] for person in zip(seen_m, lights, strict=True)], crop, occluders)
        backdrop = self._backdrop(scene, index, crop, light, meshes[0])
        picture = people[..., :3] + (1 - people[..., 3:]) * backdrop
        return photographed(rng, picture, black=crop.is_outside()), crop

    def _company(self, scene: Scene, index: int, light: Light, colours: FloatArray) -> list[LitMesh]:
        """Another person of the batch, somewhere near, in the same light, often in the same kit; mostly nobody."""
        rng = self.rng
        if rng.random() >= COMPANY_SHARE:
            return []
        other = (index + 1) % len(scene.person)
        outfit = self.clothing.draw(rng)
        (mesh,) = self.renderer.clothed(scene, other, outfit.thickness)
        angle, away_m = rng.uniform(0, 2 * np.pi), rng.uniform(*COMPANY_M)
        worn = colours if rng.random() < SAME_KIT_SHARE else outfit.colours
        up_m = float(scene.ground_m[index] - scene.ground_m[other])
        shift_m = np.array([away_m * np.cos(angle), up_m, away_m * np.sin(angle)])
        mesh = (mesh + shift_m).astype(np.float32)
        return [(scene.seen(index, mesh), self.renderer.light_on(mesh, worn, light))]

    def _backdrop(self, scene: Scene, index: int, crop: Crop, light: Light, mesh: FloatArray) -> FloatArray:
        """(H, W, 3) what is behind, with the person's shadow on it."""
        R_world_camera = scene.R_camera_world[index].numpy().T
        height_m = max(float(scene.camera_m[index, 1] - scene.ground_m[index]), LOWEST_CAMERA_M)
        backdrop = draw_backdrop(self.rng, crop.rays(), R_world_camera, camera_height_m=height_m)
        shadow = self.renderer.shadow(scene, index, crop, light, mesh)
        return backdrop * (1 - self.rng.uniform(*SHADOW_DARKNESS) * shadow[..., None])
