"""Synthetic clips as the keypoint network is given them: crops that follow a person, and the truth.

    source = ClipSource(segment_body, people, skeletons, motions, seed=3)
    clip = source.draw()
    clip.pixels                     # (48, 3, 256, 192) bytes
    clip.sequence.q                     # (48, Q) coordinates of the person's own skeleton

Person, clothing, light, background and camera are constant through a clip; the rest is as in single images (`images`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.camera.pinhole import Camera
from biopose.perception.crops import HEIGHT_PX
from biopose.training.data.motion import Motion
from biopose.training.data.projected_motion import draw_cameras
from biopose.training.synthetic.clothing import Clothing, Outfit
from biopose.training.synthetic.crops import Crop, box_of
from biopose.training.synthetic.images import (
    BLURRED_SHARE,
    BYSTANDER_DISTANCE_M,
    BYSTANDER_SHARE,
    SAME_CLOTHES_SHARE,
    SHADOW_DARKNESS,
)
from biopose.training.synthetic.lighting import Light, draw_light
from biopose.training.synthetic.occluders import Occluders, draw_occluders
from biopose.training.synthetic.people import People
from biopose.training.synthetic.renderer import LitMesh, SceneRenderer
from biopose.training.synthetic.scenes import MIDDLE, MOMENTS, Scene, SceneSource
from biopose.training.synthetic.sensor_noise import (
    CameraResponse,
    Compression,
    apply_response,
    compressed,
    draw_compression,
    draw_response,
    size_at,
)
from biopose.training.synthetic.sequences import MotionSequence, MotionSequenceSource
from biopose.training.synthetic.skeletons import Skeletons
from biopose.training.synthetic.views import ClipBackdrop, draw_camera, tracked_crops

FRAMES, RATE_HZ = 48, (25.0, 60.0)
PASSING_SHARE, PASSING_PER_S = 0.3, (0.1, 0.6)  # of clips with moving occluders; crop heights per second


@dataclass(frozen=True, eq=False)
class SyntheticClip:
    """T frames of a person.

    Attributes:
        sequence: the true motion in its world.
        time_s: (T,).
        pixels: (T, 3, 256, 192) red green blue, uint8.
        regions_px: (T, 4) left, top, right, bottom edges of each crop, in pixels of the image.
        in_view: (T,) whether enough of the person is in the image to be tracked.
        camera: the true one.
        R_camera_world: (3, 3).
        camera_m: (3,) its position in the world.
    """

    sequence: MotionSequence
    time_s: NDArray[np.float64]
    pixels: Tensor
    regions_px: NDArray[np.float64]
    in_view: NDArray[np.bool_]
    camera: Camera
    R_camera_world: Tensor
    camera_m: Tensor

    def in_camera(self, points_m: Tensor) -> Tensor:
        """Points (..., 3) of the world in the camera's frame."""
        return (points_m - self.camera_m) @ self.R_camera_world.mT


@dataclass(frozen=True, eq=False)
class DressedPerson:
    """A person in a clip: the scene of each frame, and the outfit."""

    scene: Scene
    outfit: Outfit


@dataclass(frozen=True, eq=False)
class Setting:
    """What is constant through a clip.

    Attributes:
        light: of the scene.
        backdrop: background of all crops.
        darkness: of shadows, 0 to 1.
        occluders: in each frame.
        moments: rendered of each exposure.
        response: of the camera.
        compression: of the file.
    """

    light: Light
    backdrop: ClipBackdrop
    darkness: float
    occluders: Sequence[Occluders]
    moments: Sequence[int]
    response: CameraResponse
    compression: Compression


class ClipSource:
    """Renders clips; all randomness is from the seed.

    Args:
        segment_body: the body.
        people: that are drawn from.
        skeletons: of these people.
        motions: the library.
        seed: of everything.
        frames: of each clip.
        device: of the rasterizer, "cpu" or "cuda:0".
    """

    def __init__(
        self,
        segment_body: SegmentBody,
        people: People,
        skeletons: Skeletons,
        motions: Sequence[Motion],
        *,
        seed: int,
        frames: int = FRAMES,
        device: str = "cpu",
    ) -> None:
        scenes = SceneSource(segment_body, people, motions)
        self.sequences = MotionSequenceSource(scenes.postures, people, skeletons)
        self.renderer = SceneRenderer(scenes, device=device)
        self.clothing = Clothing(segment_body)
        self.frames = frames
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Restart with another seed."""
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = np.random.default_rng(seed)

    def draw(self) -> SyntheticClip:
        """Render a clip."""
        rng, g = self.rng, self.generator
        interval_s = 1.0 / rng.uniform(*RATE_HZ)
        sequence = self.sequences.draw(g, self.frames, interval_s=interval_s)
        R_camera_world, camera_m = (part[0] for part in draw_cameras(g, sequence.keypoints_m[None]))
        person = DressedPerson(sequence.scenes(R_camera_world, camera_m), self.clothing.draw(rng))
        boxes = np.stack([self._box(person, frame) for frame in range(self.frames)])
        camera = draw_camera(rng, boxes)
        tracked = tracked_crops(g, boxes, camera, interval_s=interval_s)
        regions_px = tracked.regions_px(camera)
        bystanders = self._bystanders(person, sequence, interval_s, R_camera_world, camera_m)
        share = float((regions_px[:, 3] - regions_px[:, 1]).mean()) / HEIGHT_PX
        setting = self._setting(person.scene, tracked.crops, interval_s, share)
        images = [self._render(setting, [person, *bystanders], t, crop) for t, crop in enumerate(tracked.crops)]
        return SyntheticClip(
            sequence=sequence,
            time_s=np.arange(self.frames, dtype=np.float64) * interval_s,
            pixels=torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy()),
            regions_px=regions_px,
            in_view=tracked.in_view,
            camera=camera,
            R_camera_world=R_camera_world,
            camera_m=camera_m,
        )

    def _box(self, person: DressedPerson, frame: int) -> NDArray[np.float32]:
        (mesh,) = self.renderer.clothed(person.scene, frame, person.outfit.thickness)
        return box_of(person.scene.in_camera(frame, mesh))

    def _bystanders(
        self,
        person: DressedPerson,
        sequence: MotionSequence,
        interval_s: float,
        R_camera_world: Tensor,
        camera_m: Tensor,
    ) -> list[DressedPerson]:
        """Another person who starts nearby, often in the same clothes; in most clips none."""
        rng = self.rng
        if rng.random() >= BYSTANDER_SHARE:
            return []
        other, clothes = (
            self.sequences.draw(self.generator, self.frames, interval_s=interval_s),
            self.clothing.draw(rng),
        )
        angle, distance_m = rng.uniform(0, 2 * np.pi), rng.uniform(*BYSTANDER_DISTANCE_M)
        shift_m = torch.tensor([distance_m * np.cos(angle), 0.0, distance_m * np.sin(angle)], dtype=torch.float32)
        between_roots_m = (sequence.root_m[0] - other.root_m[0]) * torch.tensor([1.0, 0.0, 1.0])
        outfit = Outfit(person.outfit.colours, clothes.thickness) if rng.random() < SAME_CLOTHES_SHARE else clothes
        return [DressedPerson(other.translated(shift_m + between_roots_m).scenes(R_camera_world, camera_m), outfit)]

    def _setting(self, scene: Scene, crops: Sequence[Crop], interval_s: float, share: float) -> Setting:
        """Draw what is constant; `share` is pixels of the image per pixel of the crop."""
        rng, height_m = self.rng, float(scene.camera_m[0, 1] - scene.ground_m[0])
        return Setting(
            light=draw_light(rng),
            backdrop=ClipBackdrop(rng, crops, scene.R_camera_world[0].numpy().T, camera_height_m=height_m),
            darkness=rng.uniform(*SHADOW_DARKNESS),
            occluders=self._occluders(scene, crops, interval_s),
            moments=range(MOMENTS) if rng.random() < BLURRED_SHARE else (MIDDLE,),
            response=draw_response(rng),
            compression=replace(draw_compression(rng), size_px=size_at(share)),
        )

    def _render(self, setting: Setting, dressed: Sequence[DressedPerson], frame: int, crop: Crop) -> NDArray[np.uint8]:
        behind = setting.backdrop.in_crop(crop)
        drawn: list[list[LitMesh]] = []
        for person in dressed:
            scene, outfit = person.scene, person.outfit
            meshes = self.renderer.clothed(scene, frame, outfit.thickness, setting.moments)
            lights = [self.renderer.light_on(mesh, outfit.colours, setting.light) for mesh in meshes]
            drawn.append([(scene.in_camera(frame, mesh), light) for mesh, light in zip(meshes, lights, strict=True)])
            shadow = self.renderer.shadow(scene, frame, crop, setting.light, meshes[0])
            behind = behind * (1 - setting.darkness * shadow[..., None])
        people = self.renderer.exposed(list(zip(*drawn, strict=True)), crop, setting.occluders[frame])
        image = people[..., :3] + (1 - people[..., 3:]) * behind
        pixels = apply_response(self.rng, image, setting.response, black=crop.is_outside())
        return compressed(pixels, setting.compression)

    def _occluders(self, scene: Scene, crops: Sequence[Crop], interval_s: float) -> list[Occluders]:
        """Occluders of each frame, before the person at a drawn frame: at rest or passing at constant velocity."""
        rng = self.rng
        at = int(rng.integers(len(crops)))
        depth_m = float(-(scene.R_camera_world[at] @ scene.camera_m[at])[2])
        drawn = draw_occluders(rng, depth_m=depth_m)
        speed, angle = rng.uniform(*PASSING_PER_S) * (rng.random() < PASSING_SHARE), rng.uniform(0, 2 * np.pi)
        step = speed * interval_s * crops[at].ray_per_px * HEIGHT_PX * np.array([np.cos(angle), np.sin(angle)])
        return [drawn.in_crop(crops[at], crop, shift=(t - at) * step) for t, crop in enumerate(crops)]
