"""Crops without an image: projected keypoints with a network's own errors.

Lifting keypoints into depth needs far more postures than can be rendered, and no image. So some crops of each batch
have feature maps of zeros, and keypoints with the errors of the keypoint network on a synthetic image of another
person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from biopose.body.rig import ShapedBody
from biopose.body.segment_body import SegmentBody
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.mqhmr import CropInput
from biopose.hmr.template_body import crop_sides
from biopose.perception.crops import BOX_MARGIN, HEIGHT_PX, WIDTH_PX
from biopose.perception.detections import BOX_MARGIN as BEYOND_KEYPOINTS
from biopose.training.data.motion import Motion
from biopose.training.data.projected_motion import draw_cameras
from biopose.training.synthetic.crop_batches import CropBatch
from biopose.training.synthetic.people import People
from biopose.training.synthetic.posing import PostureSource

SHIFT_SD, SIZE_LOG_SD = 0.05, 0.08  # of the crop about the person, in its heights; of its size
SIZES = ((64, 48), (32, 24), (16, 12), (8, 6))


class ProjectedCrops:
    """Draws crops without an image.

    Args:
        motions: the library.
        body: the segment body.
        people: that are drawn from.
        errors: (E, 26, 2) of the network's keypoints, in shares of a crop.
        confidence: (E, 26) of the network.
        channels: of the encoder's four maps.
        levels: of those that the decoder uses.
    """

    def __init__(
        self,
        motions: Sequence[Motion],
        body: SegmentBody,
        people: People,
        *,
        errors: Tensor,
        confidence: Tensor,
        channels: Sequence[int],
        levels: Sequence[int],
    ) -> None:
        self.postures = PostureSource(motions, body.R_ground_reference)
        self.body, self.people = body, people
        self.errors, self.confidence = errors, confidence
        self.sizes = [
            (c, *size) if i in levels else (0,) for i, (c, size) in enumerate(zip(channels, SIZES, strict=True))
        ]

    def draw(self, generator: torch.Generator, n: int) -> CropBatch:
        """Draw n crops."""
        g = generator
        person = torch.randint(len(self.people), (n,), generator=g)
        R_world = self.postures.draw(g, n, moments=1, exposure_s=0.0).R_world_segment[:, 0]
        zero = torch.zeros(n, len(self.body.rig.vertex_blendshapes))
        shaped = ShapedBody(self.body.rig, zero, self.people.bone_heads[person])
        posed = shaped.with_global_rotations(R_world, root_position=torch.zeros(3))
        height_m = self.people.height_m[person]
        world = posed.skin(self.people.keypoints[person], self.body.keypoints.skin_matrix) * height_m[:, None, None]
        R_camera_world, camera_m = draw_cameras(g, world[:, None])
        projected = (world - camera_m[:, None]) @ R_camera_world.mT
        place, keypoints = _cropped(g, projected[..., :2] / projected[..., 2:].clamp(min=0.3))
        like = torch.randint(len(self.errors), (n,), generator=g)
        maps = tuple(torch.zeros(n, *size) for size in self.sizes)
        crops = CropInput(maps, keypoints + self.errors[like], self.confidence[like], place)
        R_view_camera = rotation_towards(place[:, :2]).mT
        R = (R_view_camera @ R_camera_world)[:, None] @ R_world
        root = (R_view_camera @ R_camera_world @ -camera_m[..., None])[..., 0] / height_m[:, None]
        return CropBatch(crops, R, self.body.rig.local_from_global(R), root, person)


def network_errors(batches: Iterable[CropBatch], body: SegmentBody, people: People) -> tuple[Tensor, Tensor]:
    """Errors of the keypoint network on synthetic images.

    Args:
        batches: without augmentation.
        body: the segment body.
        people: of the batches.

    Returns:
        errors (E, 26, 2) in shares of the crops, and confidence (E, 26).
    """
    errors, confidence = [], []
    for batch in batches:
        shaped = ShapedBody(body.rig, people.shape[batch.person], people.bone_heads[batch.person])
        posed = shaped.with_global_rotations(batch.R_view_segment, root_position=batch.root)
        truth = posed.skin(people.keypoints[batch.person], body.keypoints.skin_matrix)
        place = batch.crops.position
        projected = truth @ rotation_towards(place[:, :2]).mT
        errors.append(batch.crops.keypoints - _in_crop(projected[..., :2] / projected[..., 2:].clamp(min=0.3), place))
        confidence.append(batch.crops.confidence)
    return torch.cat(errors), torch.cat(confidence)


def _in_crop(xy: Tensor, place: Tensor) -> Tensor:
    """Points (N, K, 2), x / z and y / z, in shares of crops at positions (N, 3)."""
    return (xy - place[:, None, :2]) / crop_sides(place) + 0.5


def _cropped(generator: torch.Generator, xy: Tensor) -> tuple[Tensor, Tensor]:
    """Crops about projected keypoints (N, 26, 2): their positions (N, 3), and the keypoints in shares of them."""
    low, high = xy.amin(1), xy.amax(1)
    size = (high - low) + 2 * BEYOND_KEYPOINTS * (high - low).amax(-1, keepdim=True)
    height = torch.maximum(size[:, 1], size[:, 0] * HEIGHT_PX / WIDTH_PX) * BOX_MARGIN
    height = height * (SIZE_LOG_SD * torch.randn(len(xy), generator=generator)).exp()
    middle = (low + high) / 2 + SHIFT_SD * height[:, None] * torch.randn(len(xy), 2, generator=generator)
    place = torch.cat([middle, height.log()[:, None]], dim=-1)
    return place, _in_crop(xy, place)
