"""From a track to the observations of a fit: rays, lifted keypoints and contacts with deviations, and the vertical."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS
from biopose.camera.pinhole import Camera
from biopose.hmr.lifter import Lifter
from biopose.hmr.lifter_input import weight_of_error
from biopose.perception.keypoint_confidence import pixel_sd
from biopose.reconstruction.contacts import foot_contacts
from biopose.reconstruction.initialisation import root_position_m
from biopose.reconstruction.lifting import LiftedTrack, lift
from biopose.reconstruction.observations import LEAST_CONFIDENCE, UNOBSERVED_SD, Observations
from biopose.tracking.tracks import PersonTrack


@dataclass(frozen=True)
class ObservedTrack:
    """A track as the fit takes it.

    Attributes:
        observations: of all its frames.
        lifted: the lifter's output.
        weight: (T, 26) of each keypoint by its deviation, 0 to 1.
    """

    observations: Observations
    lifted: LiftedTrack
    weight: Tensor

    @property
    def up_camera(self) -> Tensor:
        """(3,) against gravity in the camera's axes: the mean over frames, each by the weight of its keypoints."""
        weight = self.weight.sum(-1, keepdim=True) + 1e-6  # equal weights where no keypoint has any
        return torch.nn.functional.normalize((self.lifted.up * weight).sum(0), dim=-1)

    def window(self, frames: slice) -> ObservedTrack:
        """That of a stretch of frames."""
        lifted = LiftedTrack(**{name: value[frames] for name, value in vars(self.lifted).items()})
        return ObservedTrack(self.observations.window(frames), lifted, self.weight[frames])


def observe(
    track: PersonTrack, camera: Camera, lifter: Lifter, *, height_m: float, camera_stands: bool = True
) -> ObservedTrack:
    """The observations of a person's track.

    Args:
        track: their keypoints.
        camera: whose pixels these are.
        lifter: the network.
        height_m: of the person.
        camera_stands: whether contacts are estimated; with a moving camera they are all 0.
    """
    pixels = torch.from_numpy(np.nan_to_num(track.keypoints_px))
    rays = camera.rays(pixels).float()
    confidence = torch.from_numpy(track.confidence)
    known = (confidence >= LEAST_CONFIDENCE) & torch.from_numpy(track.detected)[:, None]
    sd_px = torch.from_numpy(pixel_sd(track.confidence, np.nan_to_num(track.boxes_px, nan=1.0)))
    ray_sd = (sd_px / float(np.mean(camera.focal_px))).float().clamp(min=1e-6)
    spread = _spread(rays, known)
    weight = torch.where(known, weight_of_error(ray_sd / spread), 0.0)
    lifted = lift(lifter, rays, weight, track.time_s)
    lifted_m = lifted.keypoints * height_m
    contact = torch.zeros(len(track), len(FOOT_KEYPOINTS))
    if camera_stands:
        depth_m = root_position_m(lifted_m, rays, weight, track.time_s)[:, 2]
        contact = foot_contacts(rays, weight, depth_m, track.time_s)
    observations = Observations(
        rays=torch.where(known[..., None], rays, 0.0),
        ray_sd=torch.where(known, ray_sd, UNOBSERVED_SD),
        weight=known.float(),
        lifted_m=lifted_m,
        lifted_sd_m=lifted.sd * height_m,
        R_camera_view=lifted.R_camera_view,
        contact=contact,
        interval_s=torch.from_numpy(np.diff(track.time_s)).float(),
    )
    return ObservedTrack(observations, lifted, weight)


def reprojection_errors_px(
    track: PersonTrack, camera: Camera, keypoints_camera_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Reprojection error of each keypoint in pixels: (T, 26), NaN where it was not observed.

    Args:
        track: the observed keypoints.
        camera: whose pixels these are.
        keypoints_camera_m: (T, 26, 3) in the camera's frame.
    """
    known = (track.confidence >= LEAST_CONFIDENCE) & track.detected[:, None]
    projected = camera.project(torch.from_numpy(keypoints_camera_m)).numpy()
    return np.where(known, np.linalg.norm(projected - np.nan_to_num(track.keypoints_px), axis=-1), np.nan)


def R_camera_world_of(up_camera: Tensor) -> Tensor:
    """(3, 3) of a world whose y is up and whose x points away from the camera, level.

    Args:
        up_camera: (3,) unit vector against gravity in the camera's axes.
    """
    away = torch.tensor([0.0, 0.0, 1.0]) if abs(float(up_camera[2])) < 0.95 else torch.tensor([0.0, -1.0, 0.0])
    right = torch.nn.functional.normalize(torch.linalg.cross(away, up_camera), dim=-1)
    return torch.stack([torch.linalg.cross(up_camera, right), up_camera, right], dim=-1)


def _spread(rays: Tensor, known: Tensor) -> Tensor:
    """(T, 1) RMS distance of a frame's known keypoints from their mean; the median frame's where few are known."""
    count = known.sum(-1, keepdim=True)
    centre = (rays * known[..., None]).sum(1, keepdim=True) / count[..., None].clamp(min=1)
    spread = ((rays - centre).square().sum(-1) * known).sum(-1, keepdim=True) / count.clamp(min=1)
    enough = count > 8
    spread = spread.sqrt()
    typical = spread[enough].median() if enough.any() else torch.tensor(0.05)
    return torch.where(enough, spread, typical).clamp(min=1e-5)
