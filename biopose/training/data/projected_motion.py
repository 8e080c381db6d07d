"""Keypoints as a network would see them, with the truth behind: motion, varied, seen by drawn cameras through noise.

Nothing is stored: each call draws a new batch from the motion library. A window's motion is a piece of a clip, played
faster or slower, often mirrored, with another clip's arms, with slow swings added to the joints or a squat to the legs;
the person's proportions, the camera and the keypoints' errors are drawn too.
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
STAND_SHARE, STAND_HEIGHT_M = 0.25, (2.0, 7.0)  # filmed from a stand or a gantry
OFF_AXIS_DEG = (22.0, 10.0)  # how far the camera points beside the person, at most
ROLL_SD_DEG = 3.0
CANTED_SHARE, CANTED_DEG = 0.3, 35.0  # held askew, on a slope or a crooked mount; rolled by so much at most
FOCAL_LOG_SD = 0.12  # what is believed of the focal length is wrong by so much
LANDMARK_SD_M = 0.012  # a keypoint lies elsewhere on another person, or in another's eyes
WHOLE_BODY_SD = 0.015  # of the size beside the height that is known, log


@dataclass(frozen=True)
class ProjectedMotion:
    """A batch of N windows of T frames.

    Attributes:
        input: what the lifter sees.
        keypoints: (N, T, 26, 3) truth in the view that looks at the person, from the middle of the hips, body heights.
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
    """Of the population's bodies (`biopose.body.shape.draw_shapes`); half a second each."""
    body = Body.load()
    people = []
    for phenotype in draw_shapes(body, n, seed=seed):
        shaped = body.with_shape(phenotype)
        scales = skeleton_of_body(body, shaped, skeleton).body_scales
        people.append(Proportions(float(height_m(shaped.vertices)), scales))
    return people


@dataclass(frozen=True)
class Film:
    """N people's keypoints before cameras, as seen and as they are.

    Attributes:
        rays: (N, T, 26, 2) as a network would see them, with a focal length that is a little wrong.
        weight: (N, T, 26) how well each is seen.
        keypoints_m: (N, T, 26, 3) the truth in the camera's frame.
        up: (N, 3) against gravity, likewise.
        height_m: (N,) of the people.
        person: (N,) which of the projector's people each is.
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
        people: whose proportions are drawn around.
        seed: of everything that is drawn.
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
        """A batch of n windows of so many frames."""
        interval_s = 1.0 / _uniform(self.generator, n, low=RATE_HZ[0], high=RATE_HZ[1])
        film = self.film(n, frames=frames, interval_s=interval_s, varied=True)
        seen = lifter_input(film.rays, film.weight, interval_s=interval_s)
        relative = film.keypoints_m - film.keypoints_m[..., [KEYPOINTS.index("mid_hip")], :]
        R_view_camera = seen.R_camera_view.mT
        return ProjectedMotion(
            input=seen,
            keypoints=relative @ R_view_camera.mT / film.height_m[:, None, None, None],
            up=(R_view_camera @ film.up[:, None, :, None])[..., 0],
        )

    def film(self, n: int, *, frames: int, interval_s: Tensor, varied: bool) -> Film:
        """People in motion before drawn cameras.

        Args:
            n: windows.
            frames: of each.
            interval_s: (n,) between frames.
            varied: whether the motion is varied, or as it was recorded.
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
        return Film(rays, weight, camera, R_camera_world[..., 1], self.height_m[person], person)

    def _keypoints_m(self, q: Tensor, clip: Tensor, person: Tensor) -> Tensor:
        """(N, T, 26, 3) in the world, of people of drawn proportions whose keypoints lie a little elsewhere.

        The feet are as high as in the clip, so that bent legs lower the body and a flight stays one.
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
    """(N, T) height of the lowest foot point."""
    return keypoints_m[..., FOOT_KEYPOINTS, 1].amin(-1)


def draw_cameras(generator: torch.Generator, keypoints_m: Tensor) -> tuple[Tensor, Tensor]:
    """Cameras that see the whole window.

    Args:
        generator: drawn from.
        keypoints_m: (N, T, 26, 3) in the world, y up.

    Returns:
        R_camera_world (N, 3, 3) and the camera's place (N, 3).
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
    place = torch.stack([level * azimuth.cos(), height + ground - target[:, 1], level * azimuth.sin()], dim=-1) + target
    beside = torch.deg2rad(torch.tensor(OFF_AXIS_DEG)) * (2 * torch.rand(n, 2, generator=g) - 1)
    return _looking_at(target - place, beside, _rolls(g, n)), place


def _rolls(generator: torch.Generator, n: int) -> Tensor:
    """(N,) radians about the line of sight: most cameras stand nearly level."""
    level = ROLL_SD_DEG * torch.randn(n, generator=generator)
    canted = _uniform(generator, n, low=-CANTED_DEG, high=CANTED_DEG)
    return torch.deg2rad(torch.where(torch.rand(n, generator=generator) < CANTED_SHARE, canted, level))


def _looking_at(direction: Tensor, beside: Tensor, roll: Tensor) -> Tensor:
    """R_camera_world (N, 3, 3) of cameras that look along a direction, then turned by pan, tilt and roll."""
    z = torch.nn.functional.normalize(direction, dim=-1)
    down = torch.tensor([0.0, -1.0, 0.0]).expand_as(z)
    x = torch.nn.functional.normalize(torch.linalg.cross(down, z), dim=-1)
    R_world_camera = torch.stack([x, torch.linalg.cross(z, x), z], dim=-1)
    pan, tilt = beside.unbind(-1)
    zero = torch.zeros_like(pan)
    turn = torch.linalg.matrix_exp(skew(torch.stack([zero, zero, roll], -1)))
    turn = turn @ torch.linalg.matrix_exp(skew(torch.stack([tilt, pan, zero], -1)))
    return turn @ R_world_camera.mT


def _uniform(generator: torch.Generator, n: int, *, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator)


def _log_uniform(generator: torch.Generator, n: int, low: float, high: float) -> Tensor:
    return (np.log(low) + np.log(high / low) * torch.rand(n, generator=generator)).exp()
