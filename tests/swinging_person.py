"""A synthetic person who swings arms and legs before a synthetic camera, observed without error: for the fit."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.keypoint_landmarks import skeleton_with_keypoints
from biopose.camera.pinhole import Camera
from biopose.hmr.lifter_input import rotation_towards
from biopose.reconstruction.observations import MID_HIP, Observations
from biopose.reconstruction.observed_track import R_camera_world_of
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.tracking.tracks import PersonTrack
from biopose.training.data.motion import Motion

CAMERA = Camera(1280, 720, (1100.0, 1100.0), (639.5, 359.5))
CAMERA_HEIGHT_M, DISTANCE_M = 1.2, 5.0
STRIDES_HZ = 0.8
# (mean, swing), degrees: the right side; the left does the same half a stride later.
SWINGS_DEG = {
    "hip_flexion": (15.0, 25.0),
    "knee_angle": (35.0, 25.0),
    "ankle_angle": (5.0, 10.0),
    "arm_flex": (10.0, -30.0),
    "arm_add": (-15.0, 5.0),
    "elbow_flex": (40.0, 20.0),
    "pro_sup": (90.0, 0.0),
}


@cache
def full_body() -> Skeleton:
    return full_body_skeleton()


@cache
def with_keypoints() -> Skeleton:
    return skeleton_with_keypoints(full_body())


def unscaled() -> NDArray[np.float64]:
    """(B, 3) factors of someone of the model's own size."""
    return np.ones((len(full_body().bodies), 3))


def frame_times(frames: int, *, rate_hz: float = 30.0) -> NDArray[np.float64]:
    return np.arange(frames) / rate_hz


def swinging(time_s: NDArray[np.float64], *, facing_deg: float = 60.0) -> NDArray[np.float64]:
    """(T, Q) coordinates in the fit's world: y up, the camera at the origin looking along x."""
    names = full_body().coordinate_names
    q = np.repeat(full_body().default_pose[None], len(time_s), axis=0)
    phase = 2 * np.pi * STRIDES_HZ * time_s
    for joint, (mean, swing) in SWINGS_DEG.items():
        for side, later in (("r", 0.0), ("l", np.pi)):
            q[:, names.index(f"{joint}_{side}")] = np.radians(mean + swing * np.sin(phase + later))
    q[:, names.index("pelvis_rotation")] = np.radians(facing_deg + 8.0 * np.sin(phase))
    q[:, names.index("lumbar_rotation")] = np.radians(-12.0 * np.sin(phase))
    q[:, names.index("pelvis_tx")] = DISTANCE_M
    q[:, names.index("pelvis_ty")] -= CAMERA_HEIGHT_M - 0.02 * np.sin(2 * phase)
    q[:, names.index("pelvis_tz")] = 0.3 * np.sin(phase / 2)
    return full_body().satisfy_couplings(q)


def synthetic_motion(*, frames: int = 240, rate_hz: float = 60.0, name: str = "swinging") -> Motion:
    """The same for the motion library, standing at the origin."""
    q = swinging(frame_times(frames, rate_hz=rate_hz))
    names = full_body().coordinate_names
    q[:, names.index("pelvis_tx")] -= DISTANCE_M
    q[:, names.index("pelvis_ty")] += CAMERA_HEIGHT_M
    return Motion(name, rate_hz, names, q, flat_ground=True)


def keypoints_m(q: NDArray[np.float64]) -> Tensor:
    """(T, 26, 3) in the fit's world, double."""
    return Kinematics(with_keypoints()).with_coordinates(torch.from_numpy(q)).markers


def level() -> Tensor:
    """R_camera_world of the camera, which is level; double."""
    return R_camera_world_of(torch.tensor([0.0, -1.0, 0.0])).double()


def observations_of(q: NDArray[np.float64], time_s: NDArray[np.float64], *, ray_sd: float = 0.002) -> Observations:
    """The observations if every keypoint were detected exactly, lifted exactly, and no foot rested."""
    camera = keypoints_m(q) @ level().T
    rays = (camera[..., :2] / camera[..., 2:]).float()
    frames = len(q)
    return Observations(
        rays=rays,
        ray_sd=torch.full((frames, 26), ray_sd),
        weight=torch.ones(frames, 26),
        lifted_m=(camera - camera[:, MID_HIP : MID_HIP + 1]).float(),
        lifted_sd_m=torch.full((frames, 26, 2), 0.03),
        R_camera_view=rotation_towards(rays.mean(1)),
        contact=torch.zeros(frames, 4),
        interval_s=torch.from_numpy(np.diff(time_s)).float(),
    )


def track_of(q: NDArray[np.float64], time_s: NDArray[np.float64]) -> PersonTrack:
    """Every keypoint found where it is, with confidence 0.9."""
    pixels = CAMERA.project(keypoints_m(q) @ level().T).numpy()
    boxes_px = np.concatenate([pixels.min(1) - 10, pixels.max(1) + 10], axis=1)
    return PersonTrack(0, np.arange(len(q)), time_s, boxes_px, pixels, np.full((len(q), 26), 0.9))


def not_found(track: PersonTrack, frames: slice) -> PersonTrack:
    """The track with nobody found in some frames."""
    boxes_px, keypoints_px, confidence = track.boxes_px.copy(), track.keypoints_px.copy(), track.confidence.copy()
    boxes_px[frames], keypoints_px[frames], confidence[frames] = np.nan, np.nan, 0.0
    return PersonTrack(track.person, track.frame_indices, track.time_s, boxes_px, keypoints_px, confidence)
