"""Films of made-up people, as the keypoint network is given them: crops that follow one person, and the truth.

    source = ClipSource(segment_body, people, skeletons, motions, seed=3)
    clip = source.draw()
    clip.pixels                     # (48, 3, 256, 192) bytes
    clip.take.q                     # (48, Q) coordinates of the person's own skeleton

The person, the clothes, the light, what is behind and the camera are those of one clip; the rest is as in single
pictures (`pictures`).
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
    COMPANY_M,
    COMPANY_SHARE,
    SAME_KIT_SHARE,
    SHADOW_DARKNESS,
)
from biopose.training.synthetic.lighting import Light, draw_light
from biopose.training.synthetic.occluders import Occluders, draw_occluders
from biopose.training.synthetic.people import People
from biopose.training.synthetic.renderer import LitMesh, SceneRenderer
from biopose.training.synthetic.scenes import MIDDLE, MOMENTS, Scene, SceneSource
from biopose.training.synthetic.sensor_noise import (
    Compression,
    Look,
    compressed,
    developed,
    draw_compression,
    draw_look,
    size_at,
)
from biopose.training.synthetic.sequences import MotionSequence, MotionSequenceSource
from biopose.training.synthetic.skeletons import Skeletons
from biopose.training.synthetic.views import WideBackdrop, draw_camera, follow

FRAMES, RATE_HZ = 48, (25.0, 60.0)
PASSING_SHARE, PASSING_PER_S = 0.3, (0.1, 0.6)  # of clips whose occluders move, in heights of the crop


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames of one person.

    Attributes:
        take: the truth, in its world.
        time_s: (T,).
        pixels: (T, 3, 256, 192) red green blue, bytes.
        regions_px: (T, 4) left, top, right, bottom edges of what each crop shows, in pixels of the picture.
        in_view: (T,) whether enough of the person is in the picture to be followed.
        camera: the true one.
        R_camera_world: (3, 3).
        camera_m: (3,) where it stands in the world.
    """

    take: MotionSequence
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
class Performer:
    """Somebody in a clip: each frame's scene, and what they wear."""

    scene: Scene
    outfit: Outfit


@dataclass(frozen=True, eq=False)
class Stage:
    """What lasts through a clip.

    Attributes:
        light: on everybody.
        backdrop: behind all crops.
        darkness: of shadows, 0 to 1.
        occluders: in each frame.
        moments: of each exposure.
        look: of the camera.
        compression: of the file.
    """

    light: Light
    backdrop: WideBackdrop
    darkness: float
    occluders: Sequence[Occluders]
    moments: Sequence[int]
    look: Look
    compression: Compression


class ClipSource:
    """Draws clips; all of it hangs on the seed.

    Args:
        segment_body: the body.
        people: whose shapes are drawn.
        skeletons: theirs.
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
        """Begin again with another seed."""
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = np.random.default_rng(seed)

    def draw(self) -> Clip:
        """One clip."""
        rng, g = self.rng, self.generator
        interval_s = 1.0 / rng.uniform(*RATE_HZ)
        take = self.sequences.draw(g, self.frames, interval_s=interval_s)
        R_camera_world, camera_m = (part[0] for part in draw_cameras(g, take.keypoints_m[None]))
        person = Performer(take.before(R_camera_world, camera_m), self.clothing.draw(rng))
        boxes = np.stack([self._box(person, frame) for frame in range(self.frames)])
        camera = draw_camera(rng, boxes)
        following = follow(g, boxes, camera, interval_s=interval_s)
        regions_px = following.regions_px(camera)
        company = self._company(person, take, interval_s, R_camera_world, camera_m)
        share = float((regions_px[:, 3] - regions_px[:, 1]).mean()) / HEIGHT_PX
        stage = self._stage(person.scene, following.crops, interval_s, share)
        pictures = [self._picture(stage, [person, *company], t, crop) for t, crop in enumerate(following.crops)]
        return Clip(
            take=take,
            time_s=np.arange(self.frames, dtype=np.float64) * interval_s,
            pixels=torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy()),
            regions_px=regions_px,
            in_view=following.in_view,
            camera=camera,
            R_camera_world=R_camera_world,
            camera_m=camera_m,
        )

    def _box(self, person: Performer, frame: int) -> NDArray[np.float32]:
        (mesh,) = self.renderer.clothed(person.scene, frame, person.outfit.thickness)
        return box_of(person.scene.seen(frame, mesh))

    def _company(
        self, person: Performer, take: MotionSequence, interval_s: float, R_camera_world: Tensor, camera_m: Tensor
    ) -> list[Performer]:
        """Another person who begins somewhere near, often in the same kit; mostly nobody."""
        rng = self.rng
        if rng.random() >= COMPANY_SHARE:
            return []
        other, worn = self.sequences.draw(self.generator, self.frames, interval_s=interval_s), self.clothing.draw(rng)
        angle, away_m = rng.uniform(0, 2 * np.pi), rng.uniform(*COMPANY_M)
        shift_m = torch.tensor([away_m * np.cos(angle), 0.0, away_m * np.sin(angle)], dtype=torch.float32)
        apart_m = (take.root_m[0] - other.root_m[0]) * torch.tensor([1.0, 0.0, 1.0])
        outfit = Outfit(person.outfit.colours, worn.thickness) if rng.random() < SAME_KIT_SHARE else worn
        return [Performer(other.moved(shift_m + apart_m).before(R_camera_world, camera_m), outfit)]

    def _stage(self, scene: Scene, crops: Sequence[Crop], interval_s: float, share: float) -> Stage:
        """All that is drawn once; so many pixels of the picture make one of a crop."""
        rng, height_m = self.rng, float(scene.camera_m[0, 1] - scene.ground_m[0])
        return Stage(
            light=draw_light(rng),
            backdrop=WideBackdrop(rng, crops, scene.R_camera_world[0].numpy().T, camera_height_m=height_m),
            darkness=rng.uniform(*SHADOW_DARKNESS),
            occluders=self._occluders(scene, crops, interval_s),
            moments=range(MOMENTS) if rng.random() < BLURRED_SHARE else (MIDDLE,),
            look=draw_look(rng),
            compression=replace(draw_compression(rng), size_px=size_at(share)),
        )

    def _picture(self, stage: Stage, everybody: Sequence[Performer], frame: int, crop: Crop) -> NDArray[np.uint8]:
        behind = stage.backdrop.behind(crop)
        drawn: list[list[LitMesh]] = []
        for person in everybody:
            scene, outfit = person.scene, person.outfit
            meshes = self.renderer.clothed(scene, frame, outfit.thickness, stage.moments)
            lights = [self.renderer.light_on(mesh, outfit.colours, stage.light) for mesh in meshes]
            drawn.append([(scene.seen(frame, mesh), light) for mesh, light in zip(meshes, lights, strict=True)])
            shadow = self.renderer.shadow(scene, frame, crop, stage.light, meshes[0])
            behind = behind * (1 - stage.darkness * shadow[..., None])
        people = self.renderer.exposed(list(zip(*drawn, strict=True)), crop, stage.occluders[frame])
        picture = people[..., :3] + (1 - people[..., 3:]) * behind
        pixels = developed(self.rng, picture, stage.look, black=crop.is_outside())
        return compressed(pixels, stage.compression)

    def _occluders(self, scene: Scene, crops: Sequence[Crop], interval_s: float) -> list[Occluders]:
        """For each frame what stands before the person of a drawn one, in its place or passing at a steady pace."""
        rng = self.rng
        at = int(rng.integers(len(crops)))
        depth_m = float(-(scene.R_camera_world[at] @ scene.camera_m[at])[2])
        drawn = draw_occluders(rng, depth_m=depth_m)
        speed, angle = rng.uniform(*PASSING_PER_S) * (rng.random() < PASSING_SHARE), rng.uniform(0, 2 * np.pi)
        step = speed * interval_s * crops[at].ray_per_px * HEIGHT_PX * np.array([np.cos(angle), np.sin(angle)])
        return [drawn.seen_in(crops[at], crop, shift=(t - at) * step) for t, crop in enumerate(crops)]
