"""Motion projected to keypoints with the errors of a network, with the truth.

Nothing is stored: each call draws a new batch from the motion library. A window's motion is a piece of a clip,
augmented (`motion_variation`); the person's proportions, the camera and the keypoints' errors are random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS
from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.shape import draw_shapes, height_m
from biopose.body.subject import skeleton_of_body
from biopose.hmr.lifter_input import LifterInput, lifter_input
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.rotations import skew
from biopose.skeleton.scaling_prior import scale_prior
from biopose.training.data.keypoint_noise import corrupt
from biopose.training.data.motion import Motion
from biopose.training.data.motion_variation import MotionPool, vary

RATE_HZ = (20.0, 45.0)
DISTANCE_M = (2.2, 18.0)
CAMERA_HEIGHT_M = (0.2, 2.4)
STAND_SHARE, STAND_HEIGHT_M = 0.25, (2.0, 7.0)  # of cameras on a stand or a gantry
OFF_AXIS_DEG = (22.0, 10.0)  # largest angle between optical axis and person
ROLL_SD_DEG = 3.0
TILTED_SHARE, TILTED_DEG = 0.3, 35.0  # of hand-held cameras, slopes, tilted mounts; largest roll
FOCAL_LOG_SD = 0.12  # of the assumed focal length
LANDMARK_SD_M = 0.012  # of keypoint locations between people and annotators
WHOLE_BODY_SD = 0.015  # of the logarithm of body size at a given height


@dataclass(frozen=True)
class ProjectedMotion:
    """A batch of N windows of T frames.

    Attributes:
        input: of the lifter.
        keypoints: (N, T, 26, 3) truth in the view towards the person, relative to the mid-hip, in body heights.
        up: (N, T, 3) against gravity, in that view.
    """

    input: LifterInput
    keypoints: Tensor
    up: Tensor


@dataclass(frozen=True, eq=False)
class Proportions:
    """A person's height and the skeleton's scale factors (B, 3) for them."""

    height_m: float
    body_scales: NDArray[np.float64]


def draw_proportions(n: int, skeleton: Skeleton, *, seed: int) -> list[Proportions]:
    """Proportions of n bodies of the population (`biopose.body.shape.draw_shapes`); half a second each."""
    body = Body.load()
    people = []
    for phenotype in draw_shapes(body, n, seed=seed):
        shaped = body.with_shape(phenotype)
        scales = skeleton_of_body(body, shaped, skeleton).body_scales
        people.append(Proportions(float(height_m(shaped.vertices)), scales))
    return people


@dataclass(frozen=True)
class ProjectedSequences:
    """Keypoints of N people in motion, observed and true.

    Attributes:
        rays: (N, T, 26, 2) observed, with the errors of a network and of the focal length.
        weight: (N, T, 26) confidence of each.
        keypoints_m: (N, T, 26, 3) the truth in the camera's frame.
        up: (N, 3) against gravity, likewise.
        height_m: (N,) of the people.
        person: (N,) index among the projector's people.
    """

    rays: Tensor
    weight: Tensor
    keypoints_m: Tensor
    up: Tensor
    height_m: Tensor
    person: Tensor


class MotionProjector:
    """Draws batches.

    Args:
        motions: the library.
        skeleton: the default model with the 26 keypoints as its markers, unscaled.
        people: whose proportions are varied.
        seed: of everything.
    """

    def __init__(
        self, motions: Sequence[Motion], skeleton: Skeleton, people: Sequence[Proportions], *, seed: int
    ) -> None:
        self.pool = MotionPool(motions, skeleton)
        self.kinematics = Kinematics(skeleton, dtype=torch.float32)
        self.height_m = torch.tensor([person.height_m for person in people])
        self.log_scales = torch.from_numpy(np.log([person.body_scales for person in people])).float().flatten(1)
        self.generator = torch.Generator().manual_seed(seed)
        prior = scale_prior(skeleton, height_ratio=1.0)
        self.scale_design = torch.from_numpy(prior.design).float()
        self.scale_sd = torch.from_numpy(prior.sd).float()
        self.scale_sd[0] = WHOLE_BODY_SD

    def draw(self, n: int, *, frames: int) -> ProjectedMotion:
        """Draw a batch of n windows of `frames` frames."""
        interval_s = 1.0 / _uniform(self.generator, n, low=RATE_HZ[0], high=RATE_HZ[1])
        observed = self.project(n, frames=frames, interval_s=interval_s, varied=True)
        lifter = lifter_input(observed.rays, observed.weight, interval_s=interval_s)
        relative = observed.keypoints_m - observed.keypoints_m[..., [KEYPOINTS.index("mid_hip")], :]
        R_view_camera = lifter.R_camera_view.mT
        return ProjectedMotion(
            input=lifter,
            keypoints=relative @ R_view_camera.mT / observed.height_m[:, None, None, None],
            up=(R_view_camera @ observed.up[:, None, :, None])[..., 0],
        )

    def project(self, n: int, *, frames: int, interval_s: Tensor, varied: bool) -> ProjectedSequences:
        """Draw people in motion before random cameras.

        Args:
            n: number of windows.
            frames: of each.
            interval_s: (n,) between frames.
            varied: whether the motion is augmented, or as recorded.
        """
        g = self.generator
        q, clip = vary(self.pool, g, n=n, frames=frames, interval_s=interval_s)
        person = torch.randint(len(self.height_m), (n,), generator=g)
        world = self._keypoints_m(q if varied else clip, clip, person)
        R_camera_world, p_camera = draw_cameras(g, world)
        camera = (world - p_camera[:, None, None]) @ R_camera_world.mT[:, None]
        rays = camera[..., :2] / camera[..., 2:].clamp(min=0.3)
        rays = rays * (FOCAL_LOG_SD * torch.randn(n, 1, 1, 1, generator=g)).exp()
        rays, weight = corrupt(g, rays, interval_s=interval_s)
        return ProjectedSequences(rays, weight, camera, R_camera_world[..., 1], self.height_m[person], person)

    def _keypoints_m(self, q: Tensor, clip: Tensor, person: Tensor) -> Tensor:
        """(N, T, 26, 3) in the world, of people of random proportions and keypoint locations.

        The lowest foot has the height that it has in the clip, so that bent legs lower the body and flight is kept.
        """
        g, n = self.generator, len(q)
        terms = self.scale_sd * torch.randn(n, len(self.scale_sd), generator=g)
        scales = (self.log_scales[person] + terms @ self.scale_design.T).exp().unflatten(-1, (-1, 3))
        k = self.kinematics.with_scales(scales[:, None])
        pose = k.with_coordinates(q)
        moved = k.marker_locations + LANDMARK_SD_M * torch.randn(n, 1, len(KEYPOINTS), 3, generator=g)
        R, p = pose.R_ground_body[..., k.marker_bodies, :, :], pose.p_ground_body[..., k.marker_bodies, :]
        lifted = _lowest(k.with_coordinates(clip).markers) - _lowest(pose.markers)
        keypoints = (R @ moved[..., None])[..., 0] + p
        return keypoints + torch.tensor([0.0, 1.0, 0.0]) * lifted[..., None, None]


def _lowest(keypoints_m: Tensor) -> Tensor:
    """(N, T) height of the lowest foot keypoint."""
    return keypoints_m[..., FOOT_KEYPOINTS, 1].amin(-1)


def draw_cameras(generator: torch.Generator, keypoints_m: Tensor) -> tuple[Tensor, Tensor]:
    """Random cameras that view the whole window.

    Args:
        generator: drawn from.
        keypoints_m: (N, T, 26, 3) in the world, y up.

    Returns:
        R_camera_world (N, 3, 3) and the camera's position (N, 3).
    """
    g, n = generator, len(keypoints_m)
    target = keypoints_m.mean(dim=(1, 2))
    extent = (keypoints_m - target[:, None, None]).norm(dim=-1).amax(dim=(1, 2))
    distance = _log_uniform(g, n, *DISTANCE_M).clamp(min=extent + 1.0)
    azimuth = 2 * np.pi * torch.rand(n, generator=g)
    low = _uniform(g, n, low=CAMERA_HEIGHT_M[0], high=CAMERA_HEIGHT_M[1])
    stand = _uniform(g, n, low=STAND_HEIGHT_M[0], high=STAND_HEIGHT_M[1]).minimum(0.8 * distance)
    height = torch.where(torch.rand(n, generator=g) < STAND_SHARE, stand, low)
    ground = keypoints_m[..., 1].amin(dim=(1, 2))
    level = (distance**2 - (height + ground - target[:, 1]) ** 2).clamp(min=0.25 * distance**2).sqrt()
    position = (
        torch.stack([level * azimuth.cos(), height + ground - target[:, 1], level * azimuth.sin()], dim=-1) + target
    )
    off_axis = torch.deg2rad(torch.tensor(OFF_AXIS_DEG)) * (2 * torch.rand(n, 2, generator=g) - 1)
    return _camera_rotations(target - position, off_axis, _rolls(g, n)), position


def _rolls(generator: torch.Generator, n: int) -> Tensor:
    """(N,) roll about the line of sight in radians: most cameras are nearly level."""
    level = ROLL_SD_DEG * torch.randn(n, generator=generator)
    tilted = _uniform(generator, n, low=-TILTED_DEG, high=TILTED_DEG)
    return torch.deg2rad(torch.where(torch.rand(n, generator=generator) < TILTED_SHARE, tilted, level))


def _camera_rotations(direction: Tensor, off_axis: Tensor, roll: Tensor) -> Tensor:
    """R_camera_world (N, 3, 3) of cameras directed at the target, then rotated by pan, tilt and roll."""
    z = torch.nn.functional.normalize(direction, dim=-1)
    down = torch.tensor([0.0, -1.0, 0.0]).expand_as(z)
    x = torch.nn.functional.normalize(torch.linalg.cross(down, z), dim=-1)
    R_world_camera = torch.stack([x, torch.linalg.cross(z, x), z], dim=-1)
    pan, tilt = off_axis.unbind(-1)
    zero = torch.zeros_like(pan)
    R = torch.linalg.matrix_exp(skew(torch.stack([zero, zero, roll], -1)))
    R = R @ torch.linalg.matrix_exp(skew(torch.stack([tilt, pan, zero], -1)))
    return R @ R_world_camera.mT


def _uniform(generator: torch.Generator, n: int, *, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator)


def _log_uniform(generator: torch.Generator, n: int, low: float, high: float) -> Tensor:
    return (np.log(low) + np.log(high / low) * torch.rand(n, generator=generator)).exp()
