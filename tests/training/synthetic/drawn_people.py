"""People, motions and pictures for tests, made from the segment body that ships and a made-up motion alone."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.rig import ShapedBody
from biopose.body.segment_body import SegmentBody
from biopose.training.synthetic.images import ImageBatch, ImageSource
from biopose.training.synthetic.people import People
from tests.swinging_person import synthetic_motion


@cache
def segment_body() -> SegmentBody:
    return SegmentBody.load()


@cache
def triangles() -> NDArray[np.int32]:
    return segment_body().rig.triangles.numpy().astype(np.int32)


def people(n: int = 4, *, seed: int = 0) -> People:
    body, generator = segment_body(), torch.Generator().manual_seed(seed)
    shape = torch.randn(n, len(body.rig.vertex_blendshapes), generator=generator).clamp(-2, 2)
    shaped = body.rig.with_coefficients(shape)
    height_m = 1.55 + 0.4 * torch.rand(n, generator=generator)
    return People(shaped.vertices, shaped.bone_heads, body.keypoints.at_rest(shaped), shape, height_m)


def image_source(seed: int = 0) -> ImageSource:
    return ImageSource(segment_body(), people(), [synthetic_motion()], seed=seed)


def posed_m(batch: ImageBatch, points: Tensor, skin_matrix: Tensor) -> Tensor:
    """Rest points (P, K, 3) of the people as the truth of a batch poses them, in the cameras' frames: (N, K, 3)."""
    body, who = segment_body(), people()
    shaped = ShapedBody(body.rig, who.shape[batch.person], who.bone_heads[batch.person])
    posed = shaped.with_global_rotations(batch.R_camera_segment, root_position=torch.zeros(3))
    placed = posed.skin(points[batch.person], skin_matrix) * who.height_m[batch.person, None, None]
    return placed + batch.root_m[:, None]


def keypoints_m(batch: ImageBatch) -> Tensor:
    """(N, 26, 3) true ones in the cameras' frames."""
    return posed_m(batch, people().keypoints, segment_body().keypoints.skin_matrix)


def vertices_m(batch: ImageBatch) -> Tensor:
    """(N, V, 3) of the naked bodies in the cameras' frames."""
    return posed_m(batch, people().vertices, segment_body().rig.skin_matrix)


def in_crops(batch: ImageBatch, points_m: Tensor) -> Tensor:
    """Points (N, K, 3) in pixels (N, K, 2) of the crops, the first pixel's centre being 0."""
    xy = points_m[..., :2] / points_m[..., 2:]
    return (xy - batch.corner[:, None]) / batch.ray_per_px[:, None, None] - 0.5
