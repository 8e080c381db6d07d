"""The terms of the fit, each as residuals: errors in standard deviations, with the weight of each.

Energy, gradient and Jacobian come from the residuals; the energy is a negative log likelihood up to a constant. Each
term is an integral over time in units of `NOMINAL_RATE_HZ` frames: a clip filmed eight times as fast has eight times as
many frames, each of an eighth of the weight, since the errors of a keypoint network repeat themselves in neighbouring
frames. Errors of observations have Student's t distribution, so a wrong keypoint has little influence.

Functions take S motions of T frames at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINT_HEIGHT_M, FOOT_KEYPOINTS
from biopose.camera.ground_levels import LEAST_STEP_M
from biopose.reconstruction.fit_options import FitWeights
from biopose.reconstruction.observations import KEYPOINT_MASK, Observations
from biopose.skeleton.student_t import student_t_loss, student_t_weight

NEAREST_M = 0.2
INDEPENDENT_ACCELERATIONS = 12  # that the accelerations of the 26 keypoints count for: of the limbs' joints
GROUND_SLOPE_SD = 0.05  # of the ground against the lifter's level: 3 degrees

# What a residual depends on: its own keypoint in the world, the same in the camera's axes, there about the hips, its
# own foot point in the world, or its own angle.
Of = Literal["keypoints", "keypoints in camera", "keypoints about hips", "feet", "angles"]


class Derivatives(NamedTuple):
    """Of errors of one motion, (T, N, d), each by what it depends on; axes of length 1 stand for any.

    Attributes:
        by_point: (T, N, d, 3) by its point.
        by_focal: (T, N, d) by the logarithm of the focal length; None: it does not depend on it.
        by_ground: (T, N, d, 3) by height and slopes of the ground; None: it does not depend on them.
    """

    by_point: Tensor
    by_focal: Tensor | None = None
    by_ground: Tensor | None = None


@dataclass(frozen=True)
class Residuals:
    """Residuals of S motions.

    Attributes:
        by_frame: (S, T, N, d) errors in standard deviations of each frame; with a stencil, what it combines.
        weight: broadcast to (S, T - k, N).
        degrees_of_freedom: of Student's t distribution; None for a normal one.
        stencil: k + 1 coefficients (T - k,): residual t is their combination of frames t, t + 1, ..., t + k.
        of: what by_frame (S, T, n, d) is a function of; None for what is not observed frame by frame.
        derivatives: of by_frame, of the first motion; None where by_frame is the point or the angle itself.
    """

    by_frame: Tensor
    weight: Tensor
    degrees_of_freedom: float | None = None
    stencil: tuple[Tensor, ...] = ()
    of: Of | None = None
    derivatives: Callable[[], Derivatives] | None = None

    @property
    def values(self) -> Tensor:
        """(S, T - k, N, d) errors in standard deviations."""
        if not self.stencil:
            return self.by_frame
        parts = (c[:, None, None] * self.by_frame[:, lag : lag + len(c)] for lag, c in enumerate(self.stencil))
        return sum(parts, torch.zeros(()))

    @property
    def energy(self) -> Tensor:
        """(S,) negative log likelihood up to a constant."""
        squared, nu = self.values.square().sum(-1), self.degrees_of_freedom
        loss = 0.5 * squared if nu is None else student_t_loss(squared, degrees_of_freedom=nu, dimension=self.dimension)
        return (self.weight * loss).flatten(1).sum(1)

    @property
    def precision(self) -> Tensor:
        """(S, T - k, N) weight of each squared error in the normal equations."""
        squared, nu = self.values.square().sum(-1), self.degrees_of_freedom
        if nu is None:
            return self.weight.expand(squared.shape)
        return self.weight * student_t_weight(squared, degrees_of_freedom=nu, dimension=self.dimension)

    @property
    def dimension(self) -> int:
        """Of each error."""
        return self.by_frame.shape[-1]


Term = tuple[Residuals, ...]


def energy_of(term: Term) -> Tensor:
    """(S,) of all its residuals."""
    return torch.stack([residuals.energy for residuals in term]).sum(0)


def reprojection(keypoints_camera_m: Tensor, observed: Observations, log_focal: Tensor, weights: FitWeights) -> Term:
    """Reprojection errors (S, T, 26, 2).

    Args:
        keypoints_camera_m: (S, T, 26, 3).
        observed: the observations.
        log_focal: (S,) logarithm of the focal length over the one that the rays were made with.
        weights: of the terms.
    """
    xy = keypoints_camera_m[..., :2] / keypoints_camera_m[..., 2:].clamp(min=NEAREST_M)
    projected = xy * log_focal.exp()[:, None, None, None]
    error = (projected - observed.rays) / observed.ray_sd[..., None]
    weight = KEYPOINT_MASK * observed.weight * observed.duration[:, None]

    def derivatives() -> Derivatives:
        depth = keypoints_camera_m[0, ..., 2:]
        per_metre = log_focal[0].exp() / (depth.clamp(min=NEAREST_M) * observed.ray_sd[..., None])
        by_depth = torch.where(depth > NEAREST_M, -per_metre * xy[0], 0.0)
        across = per_metre[..., None] * torch.eye(2).to(xy)
        return Derivatives(torch.cat([across, by_depth[..., None]], -1), projected[0] / observed.ray_sd[..., None])

    return (Residuals(error, weight, weights.degrees_of_freedom, of="keypoints in camera", derivatives=derivatives),)


def lifted(about_hips_m: Tensor, observed: Observations, weights: FitWeights) -> Term:
    """Errors from the lifted keypoints about the hips, across the view (S, T, 26, 2) and along it (S, T, 26, 1).

    Args:
        about_hips_m: (S, T, 26, 3) in the camera's axes.
        observed: the observations.
        weights: of the terms.
    """
    error = about_hips_m @ observed.R_camera_view - observed.lifted_view_m
    sd, weight, nu = observed.lifted_sd_m, KEYPOINT_MASK * observed.duration[:, None], weights.degrees_of_freedom

    def errors(axes: slice, sd: Tensor, share: float) -> Residuals:
        def derivatives() -> Derivatives:
            return Derivatives(observed.R_camera_view.mT[:, None, axes] / sd[..., None])

        by_frame = error[..., axes] / sd
        return Residuals(by_frame, share * weight, nu, of="keypoints about hips", derivatives=derivatives)

    across = errors(slice(2), sd[..., :1], weights.lifted_across)
    return across, errors(slice(2, 3), sd[..., 1:], weights.lifted)


def smoothness(keypoints_m: Tensor, angles: Tensor, observed: Observations, weights: FitWeights) -> Term:
    """Accelerations of keypoints (S, T - 2, 26, 3) and of angles (S, T - 2, A, 1).

    Args:
        keypoints_m: (S, T, 26, 3).
        angles: (S, T, A) radians.
        observed: the observations.
        weights: of the terms.
    """
    duration, nu = observed.duration[1:-1, None], weights.degrees_of_freedom
    linear, angular = (
        tuple(c / sd for c in second_derivative(observed.interval_s))
        for sd in (weights.acceleration_m_s2, weights.turning_rad_s2)
    )
    per_keypoint = INDEPENDENT_ACCELERATIONS / keypoints_m.shape[-2]
    return (
        Residuals(keypoints_m, per_keypoint * duration, nu, linear, of="keypoints"),
        Residuals(angles[..., None], duration, nu, angular, of="angles"),
    )


def angle_prior(angles: Tensor, near: Tensor, observed: Observations, sd: Tensor, weights: FitWeights) -> Term:
    """Normal errors of angles (S, T, A, 1) from an earlier estimate of them.

    Args:
        angles: (S, T, A) radians.
        near: (T, A) the estimate.
        observed: the observations.
        sd: (A,) standard deviations of the estimate; infinite where there is none.
        weights: of the terms.
    """
    weight = weights.lifted * observed.duration[:, None] / sd.square()
    return (Residuals((angles - near)[..., None], weight, None, (torch.ones_like(observed.duration),), of="angles"),)


def foot_sliding(keypoints_m: Tensor, observed: Observations, weights: FitWeights) -> Term:
    """Velocity of foot points in contact (S, T - 1, 4, 3).

    Args:
        keypoints_m: (S, T, 26, 3) in a world that stands.
        observed: the observations.
        weights: of the terms.
    """
    contact = _certain_contact(observed)
    weight = weights.contact * torch.minimum(contact[1:], contact[:-1]) * observed.duration[1:, None]
    per_s = 1 / (weights.sliding_m_s * observed.interval_s)
    feet = keypoints_m[..., FOOT_KEYPOINTS, :]
    return (Residuals(feet, weight, weights.degrees_of_freedom, (-per_s, per_s), of="feet"),)


def foot_height(keypoints_m: Tensor, ground: Tensor, observed: Observations, weights: FitWeights) -> Term:
    """Height of foot points in contact over the ground, and depth of any foot point below it, (S, T, 4, 1) each.

    A foot that rests LEAST_STEP_M above the ground is not drawn to it: it rests on another level.

    Args:
        keypoints_m: (S, T, 26, 3) in a world whose y is up.
        ground: (S, 3) height at the origin and slopes along x and z.
        observed: the observations.
        weights: of the terms.
    """
    feet = keypoints_m[..., FOOT_KEYPOINTS, :]
    level = ground[:, 0, None, None] + (feet[..., [0, 2]] * ground[:, None, None, 1:]).sum(-1)
    height = (feet[..., 1] - feet.new_tensor(FOOT_KEYPOINT_HEIGHT_M) - level)[..., None] / weights.ground_m
    nu, weight = weights.degrees_of_freedom, weights.contact * observed.duration[:, None]

    def derivatives() -> Derivatives:
        up = torch.stack([-ground[0, 1], torch.ones_like(ground[0, 0]), -ground[0, 2]]) / weights.ground_m
        level = torch.cat([torch.ones_like(feet[0, ..., :1]), feet[0][..., [0, 2]]], dim=-1) / -weights.ground_m
        return Derivatives(up.expand(1, 1, 1, 3), by_ground=level[..., None, :])

    def clamped(most: float, weight: Tensor) -> Residuals:
        """Of heights up to a limit; above it the loss stays the same."""

        def up_to_limit() -> Derivatives:
            one, is_free = derivatives(), (height[0] < most).to(height)[..., None]
            assert one.by_ground is not None
            return Derivatives(one.by_point * is_free, by_ground=one.by_ground * is_free)

        return Residuals(height.clamp(max=most), weight, nu, of="feet", derivatives=up_to_limit)

    in_contact = clamped(LEAST_STEP_M / weights.ground_m, _certain_contact(observed) * weight)
    return in_contact, clamped(0.0, weight)


def _certain_contact(observed: Observations) -> Tensor:
    """(T, 4) from 0, at a probability of contact of a half or less, to 1."""
    return (2 * observed.contact - 1).clamp(min=0.0)


def normal_prior(error: Tensor, sd: float) -> Term:
    """A normal prior on variables, by their errors (S, d) from the mean."""
    return (Residuals(error[:, None] / sd, torch.ones(())),)


def second_derivative(interval_s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients (T - 2,) of three consecutive values in their second derivative at uneven times."""
    before, after = interval_s[:-1], interval_s[1:]
    first, last = 2 / (before * (before + after)), 2 / (after * (before + after))
    return first, -(first + last), last
