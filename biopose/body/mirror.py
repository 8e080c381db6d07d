"""Poses of mirrored images: right and left are exchanged, and rotations change their sense.

A mirror image shows the same body, whose shape is the same on both sides. Each segment is rotated as its opposite
was, mirrored in the camera's plane and in the body's sagittal plane:
R_image = CAMERA_MIRROR @ R_opposite @ BODY_MIRROR. Between a segment and its parent the camera's mirror cancels.
"""

from __future__ import annotations

from torch import Tensor

from biopose.body.segment_body import SEGMENTS

CAMERA_MIRROR, BODY_MIRROR = (-1.0, 1.0, 1.0), (1.0, 1.0, -1.0)  # x is right in a camera, z in the body
_OTHER_SIDE = {"_r": "_l", "_l": "_r"}
OPPOSITE_SEGMENT = [SEGMENTS.index(name[:-2] + _OTHER_SIDE.get(name[-2:], name[-2:])) for name in SEGMENTS]


def mirrored_global_rotations(R_camera_segment: Tensor) -> Tensor:
    """Global rotations (..., 20, 3, C) of the mirror image; also of the first C columns of each."""
    image = R_camera_segment[..., OPPOSITE_SEGMENT, :, :]
    return image * image.new_tensor(CAMERA_MIRROR)[:, None] * _columns(image)


def mirrored_local_rotations(R_segment_local: Tensor) -> Tensor:
    """Local rotations (..., 20, 3, C) likewise; the pelvis's are global, in the camera's frame."""
    image = R_segment_local[..., OPPOSITE_SEGMENT, :, :]
    rows = image.new_tensor([CAMERA_MIRROR] + [BODY_MIRROR] * (len(SEGMENTS) - 1))
    return image * rows[..., None] * _columns(image)


def _columns(rotations: Tensor) -> Tensor:
    return rotations.new_tensor(BODY_MIRROR[: rotations.shape[-1]])
