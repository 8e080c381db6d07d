"""Fusion of the mesh decoder's and the lifter's predictions of a pose, by their inverse variances.

The decoder's input are single images, the lifter's are keypoints through time, and their errors are only in part common
(Shin et al. 2024, WHAM, fuse both in a network). Keypoints are averaged by their inverse variances (`with_prediction`);
then the body's segments are rotated to fit them, near their initial rotations (`fit_rotations`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.reconstruction.observations import HIPS, KEYPOINT_MASK, Observations, relative_to_hips
from biopose.skeleton.damped_gauss_newton import minimise
from biopose.skeleton.rotations import skew

# Errors of the decoder's local rotations about the segment's axes at rest (forward, up, right): root mean square over
# the frames of 32 synthetic clips of held-out people and motions. Hands have no keypoint, and a torso is rigid to the
# abdomen.
ROTATION_SD_RAD = {
    "pelvis": (0.23, 0.59, 0.27),
    "abdomen": (0.19, 0.28, 0.41),
    "head": (0.19, 0.45, 0.27),
    "femur": (0.23, 0.23, 0.37),
    "tibia": (0.10, 0.05, 0.37),
    "calcn": (0.16, 0.13, 0.32),
    "toes": (0.16, 0.01, 0.26),
    "humerus": (0.54, 0.68, 0.60),
    "ulna": (0.04, 0.30, 0.40),
    "radius": (0.28, 0.27, 0.31),
}
STEPS = 6  # of Gauss and Newton; ten move keypoints of synthetic clips by under 0.5 mm more, on average
FRAMES_AT_ONCE = 512  # to keep memory small
FREE = [segment for segment, name in enumerate(SEGMENTS) if name.split("_")[0] in ROTATION_SD_RAD]


def with_prediction(
    observations: Observations, keypoints_m: Tensor, sd_m: Tensor, R_camera_view: Tensor, *, lifter_sd_factor: float
) -> Observations:
    """Observations whose lifted keypoints are averaged with another prediction of them, by inverse variance.

    This takes the errors as independent; those of depth correlate by 0.59 on synthetic clips, so the variance of the
    mean is underestimated. The few degrees between the two views are neglected.

    Args:
        observations: with the lifter's prediction.
        keypoints_m: (T, 26, 3) in the camera's axes.
        sd_m: (T, 26, 2) across the view and along it.
        R_camera_view: (T, 3, 3) of that view.
        lifter_sd_factor: what the lifter's standard deviations are multiplied by.
    """
    ours_m, lifted_m = (relative_to_hips(points) @ R_camera_view for points in (keypoints_m, observations.lifted_m))
    deviations = (sd_m, lifter_sd_factor * observations.lifted_sd_m)
    ours, lifters = (sd[..., [0, 0, 1]].square().reciprocal() for sd in deviations)
    precision = ours + lifters
    mean = (ours * ours_m + lifters * lifted_m) / precision
    return replace(
        observations,
        lifted_m=mean @ R_camera_view.mT,
        lifted_sd_m=precision.rsqrt()[..., [0, 2]],
        R_camera_view=R_camera_view,
    )


@torch.no_grad()
def fit_rotations(keypoints: Tensor, sd: Tensor, R_local: Tensor, body: SegmentBody, shape: Tensor) -> Tensor:
    """Local rotations of a body's segments for which its keypoints lie nearest to given ones: least squares by frame.

    No frame's cost ends higher than it began.

    Args:
        keypoints: (T, 26, 3) relative to the hips, in the view, in body heights.
        sd: (T, 26, 2) of them, across the view and along it.
        R_local: (T, 20, 3, 3) initial local rotations, which are the prior's mean; the pelvis's is in the view.
        body: the segment body.
        shape: (K,) coefficients.

    Returns:
        (T, 20, 3, 3).
    """
    parts = range(0, len(keypoints), FRAMES_AT_ONCE)
    pieces = [slice(first, first + FRAMES_AT_ONCE) for first in parts]
    return torch.cat([_fit_rotations(keypoints[piece], sd[piece], R_local[piece], body, shape) for piece in pieces])


def _fit_rotations(keypoints: Tensor, sd: Tensor, R_local: Tensor, body: SegmentBody, shape: Tensor) -> Tensor:
    problem = _RotationProblem(body, shape, relative_to_hips(keypoints), sd)
    start = _RotationIterate.of(problem, R_local, torch.zeros(len(R_local), len(FREE) * 3))
    return minimise(start, steps=STEPS, first_damping=0.0).R_local


class _RotationProblem:
    """Keypoints of T frames against the rotations of the free segments."""

    def __init__(self, body: SegmentBody, shape: Tensor, keypoints: Tensor, sd: Tensor) -> None:
        self.body, self.shaped, self.keypoints = body, body.rig.with_coefficients(shape), keypoints
        self.precision = (KEYPOINT_MASK[:, None] * sd[..., [0, 0, 1]].square().reciprocal()).flatten(1)[..., None]
        deviations = torch.tensor([ROTATION_SD_RAD[SEGMENTS[s].split("_")[0]] for s in FREE])
        self.stiffness = deviations.flatten().square().reciprocal()
        self.is_below = (body.keypoints.skin_matrix @ body.rig.is_ancestor)[:, FREE, None, None]

    def residuals(self, R_local: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals (T, 78) of the keypoints, and the derivatives (T, 78, 3 S) of the keypoints by the S free segments.

        A rotation w of a segment about its own axes moves the points below it, at levers r, by w x r.
        """
        posed = self.shaped.with_pose(R_local, root_position=torch.zeros(3))
        now = self.body.keypoints.positions(posed)
        levers = now[:, :, None] - posed.bone_heads[:, None, FREE]
        by_rotation = -self.is_below * skew(levers) @ posed.R_world_delta[:, None, FREE]  # (T, 26, S, 3, 3)
        by_rotation = by_rotation - by_rotation[:, HIPS].mean(1, keepdim=True)
        jacobian = by_rotation.transpose(2, 3).flatten(1, 2).flatten(2)
        return (self.keypoints - relative_to_hips(now)).flatten(1), jacobian


@dataclass(frozen=True, eq=False)
class _RotationIterate:
    """Local rotations of T frames, with the sum (T, 3 S) of the rotations since the start, and the normal equations."""

    problem: _RotationProblem
    R_local: Tensor
    rotated: Tensor
    cost: Tensor
    descent: Tensor
    normal: Tensor

    @classmethod
    def of(cls, problem: _RotationProblem, R_local: Tensor, rotated: Tensor) -> _RotationIterate:
        residual, jacobian = problem.residuals(R_local)
        residual = residual[..., None]
        cost = (problem.precision * residual.square()).sum((1, 2)) + (problem.stiffness * rotated.square()).sum(-1)
        descent = (jacobian.mT @ (problem.precision * residual))[..., 0] - problem.stiffness * rotated
        normal = jacobian.mT @ (problem.precision * jacobian) + torch.diag(problem.stiffness)
        return cls(problem, R_local, rotated, cost, descent, normal)

    def moved(self, damping: Tensor) -> _RotationIterate:
        """The iterate after a damped step."""
        diagonal = self.normal.diagonal(dim1=-2, dim2=-1)
        step = torch.linalg.solve(self.normal + torch.diag_embed(damping[:, None] * diagonal), self.descent)
        R_step = torch.eye(3).repeat(len(step), len(SEGMENTS), 1, 1)
        R_step[:, FREE] = torch.linalg.matrix_exp(skew(step.unflatten(-1, (len(FREE), 3))))
        return self.of(self.problem, self.R_local @ R_step, self.rotated + step)

    def where(self, better: Tensor, other: _RotationIterate) -> _RotationIterate:
        """The other's frames where better (T,), these elsewhere."""
        fields = ("R_local", "rotated", "cost", "descent", "normal")
        pairs = ((getattr(other, name), getattr(self, name)) for name in fields)
        chosen = (torch.where(better.reshape(-1, *[1] * (new.dim() - 1)), new, old) for new, old in pairs)
        return _RotationIterate(self.problem, *chosen)
