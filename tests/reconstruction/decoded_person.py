"""The swinging person as a decoder that errs by a drawn amount would have read them, for tests of the mesh fit."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.segment_body import SEGMENTS, SHAPE_TERMS, SegmentBody
from biopose.hmr.head import PoseHead
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.mqhmr import Mqhmr, new_mqhmr
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.reconstruction.mesh_recovery import MeshModels
from biopose.reconstruction.method_names import MeshStage
from biopose.skeleton.kinematics import Kinematics
from biopose.tracking.tracks import PersonTrack
from tests.swinging_person import CAMERA, full_body, level, track_of

SMALL = MqhmrShape(channels=(4, 4, 4, 4), width=8, layers=1, heads=1, points=1, hidden=8)


@cache
def network() -> Mqhmr:
    torch.manual_seed(0)
    return new_mqhmr(SMALL).eval().requires_grad_(False)


def mesh_models(*, stage: MeshStage = "refined") -> MeshModels:
    return MeshModels(network(), SegmentBody.load(), stage=stage)


def read_track(q: NDArray[np.float64], time_s: NDArray[np.float64], *, error: float = 0.0) -> PersonTrack:
    """The track of coordinates (T, Q), with the rows of a decoder whose tokens err by so much."""
    track = track_of(q, time_s)
    middle_px = (track.boxes_px[:, :2] + track.boxes_px[:, 2:]) / 2
    R_view_camera = rotation_towards(CAMERA.rays(torch.from_numpy(middle_px)).float()).mT
    tokens = _tokens(_local_turns(q, R_view_camera))
    tokens = tokens + error * torch.randn(tokens.shape, generator=torch.Generator().manual_seed(1))
    middle = (middle_px + 0.5) / (CAMERA.width_px, CAMERA.height_px)
    beside = np.zeros((len(q), SHAPE_TERMS))
    return replace(track, tokens=np.concatenate([tokens.flatten(1).numpy(), beside, middle], axis=1).astype(np.float16))


def _local_turns(q: NDArray[np.float64], R_view_camera: Tensor) -> Tensor:
    """(T, 20, 3, 3) of the segment body, the pelvis's in the view."""
    skeleton = full_body()
    bodies = [skeleton.body_names.index(segment) for segment in SEGMENTS]
    R = Kinematics(skeleton).with_coordinates(torch.from_numpy(q)).R_ground_body[:, bodies].float()
    R = R_view_camera[:, None] @ level().float() @ R @ SegmentBody.load().R_ground_reference.mT
    return SegmentBody.load().rig.local_from_global(R)


def _tokens(R_local: Tensor) -> Tensor:
    """(T, 20, D) the least tokens that the reader reads so."""
    reader: PoseHead = network().head
    six = R_local[..., :2].mT.flatten(-2) - reader.rotation_bias
    return torch.einsum("tsk,skd->tsd", six, torch.linalg.pinv(reader.rotation))
