"""What the fit weighs against each other: energies of a motion, each a negative log likelihood up to a constant.

Each is an integral over time, in units of `NOMINAL_RATE_HZ` frames: a clip filmed eight times as fast has eight times
as many frames of which each tells an eighth, since the errors of a keypoint network repeat themselves. Errors have
Student's t distribution where some are far outside, so a wrong keypoint bends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINT_HEIGHT_M, FOOT_KEYPOINTS
from biopose.reconstruction.observations import KEYPOINT_MASK, Observations, relative_to_hips

NEAREST_M = 0.2


@dataclass(frozen=True)
class FitWeights:
    """How uncertain each piece of knowledge is: chosen on made-up tracks (`biopose evaluate projected`), by hand.

    Attributes:
        lifted: weight of the lifter's word on depth; its errors repeat themselves over joints and frames.
        lifted_across: the same across the view, where the keypoints themselves are seen.
        pose: weight of the pose prior.
        acceleration_m_s2: standard deviation of the keypoints' acceleration, per frame at the nominal rate.
        turning_rad_s2: the same for the coordinates that turn.
        sliding_m_s: of a foot point in contact.
        ground_m: of a foot point in contact from the ground's plane.
        contact: weight of both.
        degrees_of_freedom: of Student's t distribution for the keypoints.
    """

    lifted: float = 0.3
    lifted_across: float = 0.1
    pose: float = 1.0
    acceleration_m_s2: float = 50.0
    turning_rad_s2: float = 60.0
    sliding_m_s: float = 0.15
    ground_m: float = 0.02
    contact: float = 0.2
    degrees_of_freedom: float = 4.0


def reprojection(keypoints_camera_m: Tensor, seen: Observations, log_focal: Tensor, weights: FitWeights) -> Tensor:
    """How far the keypoints project from where they were seen: (S, T).

    Args:
        keypoints_camera_m: (S, T, 26, 3).
        seen: the evidence.
        log_focal: (S,) logarithm of the focal length over the one that the rays were made with.
        weights: of the terms.
    """
    xy = keypoints_camera_m[..., :2] / keypoints_camera_m[..., 2:].clamp(min=NEAREST_M)
    error = (xy * log_focal.exp()[:, None, None, None] - seen.rays) / seen.ray_sd[..., None]
    energy = KEYPOINT_MASK * seen.weight * student_t(error.square().sum(-1), weights.degrees_of_freedom)
    return energy.sum(-1) * seen.duration


def lifted(keypoints_camera_m: Tensor, seen: Observations, weights: FitWeights) -> Tensor:
    """How far the keypoints lie from where the lifter puts them, about the hips: (S, T)."""
    error = relative_to_hips(keypoints_camera_m - seen.lifted_m) @ seen.R_camera_view
    across = error[..., :2].square().sum(-1) / seen.lifted_sd_m[..., 0].square()
    along = error[..., 2].square() / seen.lifted_sd_m[..., 1].square()
    nu = weights.degrees_of_freedom
    energy = weights.lifted_across * student_t(across, nu) + weights.lifted * student_t(along, nu)
    return (KEYPOINT_MASK * energy).sum(-1) * seen.duration


def smoothness(keypoints_m: Tensor, q: Tensor, turning: Tensor, seen: Observations, weights: FitWeights) -> Tensor:
    """Accelerations of the keypoints and of the coordinates that turn: (S, T - 2)."""
    linear = acceleration(keypoints_m, seen.interval_s).square().sum(-1) / weights.acceleration_m_s2**2
    angular = acceleration(q[..., turning], seen.interval_s).square() / weights.turning_rad_s2**2
    nu = weights.degrees_of_freedom
    energy = student_t(linear, nu).mean(-1) * 12 + student_t(angular, nu).sum(-1)
    return energy * seen.duration[1:-1]


def foot_contact(keypoints_m: Tensor, ground: Tensor, seen: Observations, weights: FitWeights) -> Tensor:
    """Sliding of foot points that rest, and their height over the ground; depth of any that sinks in: (S,).

    Args:
        keypoints_m: (S, T, 26, 3) in a world whose y is up.
        ground: (S, 3) height at the origin and slopes along x and z.
        seen: the evidence.
        weights: of the terms.
    """
    feet = keypoints_m[..., FOOT_KEYPOINTS, :]
    sure = (2 * seen.contact - 1).clamp(min=0.0)
    rests = torch.minimum(sure[1:], sure[:-1])
    speed = feet.diff(dim=1).square().sum(-1) / seen.interval_s[:, None].square()
    level = ground[:, 0, None, None] + (feet[..., [0, 2]] * ground[:, None, None, 1:]).sum(-1)
    over = feet[..., 1] - feet.new_tensor(FOOT_KEYPOINT_HEIGHT_M) - level
    nu, duration = weights.degrees_of_freedom, seen.duration
    sliding = (rests * student_t(speed / weights.sliding_m_s**2, nu)).sum(-1) * duration[1:]
    height = sure * student_t((over / weights.ground_m).square(), nu)
    sunk = student_t((over.clamp(max=0.0) / weights.ground_m).square(), nu)
    return weights.contact * (sliding.sum(-1) + ((height + sunk).sum(-1) * duration).sum(-1))


def acceleration(values: Tensor, interval_s: Tensor) -> Tensor:
    """Second derivative (S, T - 2, ...) of values (S, T, ...) at uneven times."""
    shape = (-1, *[1] * (values.dim() - 2))
    before, after = interval_s[:-1].reshape(shape), interval_s[1:].reshape(shape)
    step = values.diff(dim=1)
    return 2 * (step[:, 1:] / after - step[:, :-1] / before) / (before + after)


def student_t(squared: Tensor, nu: float) -> Tensor:
    """Negative log density of errors whose square, in standard deviations, is given; near zero half the square."""
    return 0.5 * (nu + 1) * torch.log1p(squared / nu)
