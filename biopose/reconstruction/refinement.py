"""2D-informed refinement: MQ-HMR's query tokens are optimised until the projected body agrees with the 2D keypoints.

The network's weights stay; the variables are the tokens of every frame of a person, the position of the root, one
shape, the focal length and the ground (BioPose, WACV 2025). The terms are the keypoint fit's (`residuals`):
reprojection, lifted keypoints, accelerations and foot contact. It starts at the fused predictions of decoder and lifter
(`fusion`), and a prior keeps the segments' rotations near there.

    refinement = Refinement(head, body, observations, R_camera_view, R_camera_world, height_m=1.8)
    refined = refinement.refine(start)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINT_HEIGHT_M, FOOT_KEYPOINTS
from biopose.body.rig import PosedBody
from biopose.body.segment_body import SegmentBody
from biopose.hmr.head import PoseHead
from biopose.reconstruction.fit_options import FitWeights, RefinementOptions
from biopose.reconstruction.gradient_descent import Adam
from biopose.reconstruction.observations import Observations, relative_to_hips
from biopose.reconstruction.residuals import (
    GROUND_SLOPE_SD,
    Residuals,
    Term,
    energy_of,
    foot_height,
    foot_sliding,
    lifted,
    normal_prior,
    reprojection,
    smoothness,
)

TOKEN_STEP, ROOT_STEP, SHAPE_STEP, FOCAL_STEP = 0.03, 0.01, 0.02, 0.003  # of Adam; the root's in body heights
FTOL = 1e-4  # relative fall of the energy over CHECK_EVERY iterations, at which it stops
CHECK_EVERY = 20


@dataclass(frozen=True)
class MeshMotion:
    """A person's mesh through T frames.

    Attributes:
        tokens: (T, Q, D).
        root_m: (T, 3) head of the pelvis's bone in the camera's frame.
        shape: (K,) coefficients of the segment body.
        log_focal: () over the focal length that the rays were made with.
        ground: (3,) height and slopes in the world, below the camera.
    """

    tokens: Tensor
    root_m: Tensor
    shape: Tensor
    log_focal: Tensor
    ground: Tensor


@dataclass(frozen=True)
class Refined:
    """The result of a refinement.

    Attributes:
        motion: refined.
        iterations: of gradient descent.
        energy_before, energy_after: sum of all terms.
        reprojection_before, reprojection_after: that term alone; the second is never the larger.
    """

    motion: MeshMotion
    iterations: int
    energy_before: float
    energy_after: float
    reprojection_before: float
    reprojection_after: float


@dataclass(frozen=True)
class RefinementGain:
    """What the refinement of a person gained, from what prediction.

    Attributes:
        iterations: of gradient descent.
        reprojection_before_px, reprojection_after_px: median reprojection error over frames and observed keypoints.
        mirror_disagreement_deg: of the prediction, as `mirror_disagreement_deg` gives it; None: too few frames.
        prediction_sd_mm: standard deviation that the network itself gives its keypoints: their mean, the median over
            frames.
    """

    iterations: int
    reprojection_before_px: float
    reprojection_after_px: float
    mirror_disagreement_deg: float | None = None
    prediction_sd_mm: float | None = None

    @property
    def sentence(self) -> str:
        """For the report."""
        disagreement = self.mirror_disagreement_deg
        return (
            f"median reprojection error {self.reprojection_before_px:.1f} px before, "
            f"{self.reprojection_after_px:.1f} px after, {self.iterations} iteration{'s' * (self.iterations != 1)}"
        ) + ("" if disagreement is None else f"; predictions of mirrored frames disagree by {disagreement:.1f} degrees")


class Refinement:
    """The energy of a person's mesh through time, and its minimisation.

    Args:
        head: from tokens to local rotations.
        body: the segment body.
        observations: whose lifted keypoints are the fused predictions.
        R_camera_view: (T, 3, 3) of the decoder's views.
        R_camera_world: (3, 3) of a world whose y is up.
        height_m: of the person.
        focal_sd: of the logarithm of the focal length; 0 keeps it.
        weights: of the terms.
        options: iterations and prior deviations.
    """

    def __init__(
        self,
        head: PoseHead,
        body: SegmentBody,
        observations: Observations,
        R_camera_view: Tensor,
        R_camera_world: Tensor,
        *,
        height_m: float,
        focal_sd: float = 0.0,
        weights: FitWeights | None = None,
        options: RefinementOptions | None = None,
    ) -> None:
        self.head, self.body, self.observations = head, body, observations
        self.R_camera_view, self.R_camera_world = R_camera_view, R_camera_world.float()
        self.height_m, self.focal_sd = height_m, focal_sd
        self.weights, self.options = weights or FitWeights(), options or RefinementOptions()

    def posed(self, at: MeshMotion) -> PosedBody:
        """The body in the camera's axes, in body heights, the pelvis's bone at the origin."""
        return about_root(self.body, self.head(at.tokens)[0], at.shape, self.R_camera_view)

    def keypoints_m(self, at: MeshMotion) -> Tensor:
        """(T, 26, 3) in the camera's frame."""
        return self.body.keypoints.positions(self.posed(at)) * self.height_m + at.root_m[:, None]

    def on_ground(self, at: MeshMotion) -> MeshMotion:
        """The same with the ground under its lowest feet."""
        feet = (self.keypoints_m(at) @ self.R_camera_world)[:, FOOT_KEYPOINTS, 1]
        height = torch.quantile((feet - feet.new_tensor(FOOT_KEYPOINT_HEIGHT_M)).flatten(), 0.05)
        return replace(at, ground=torch.stack([height, torch.zeros(()), torch.zeros(())]))

    def terms(self, at: MeshMotion, start: MeshMotion, R_start: Tensor) -> dict[str, Term]:
        """The terms of the energy.

        Args:
            at: the motion.
            start: the prior's mean.
            R_start: (T, 20, 3, 3) the local rotations of its tokens.
        """
        observed, weights, options = self.observations, self.weights, self.options
        R_local, _ = self.head(at.tokens)
        posed = about_root(self.body, R_local, at.shape, self.R_camera_view)
        camera = (self.body.keypoints.positions(posed) * self.height_m + at.root_m[:, None])[None]
        world = camera @ self.R_camera_world
        terms = {
            "reprojection": reprojection(camera, observed, at.log_focal[None], weights),
            "decoder": lifted(relative_to_hips(camera), observed, weights),
            "rotations": self._rotation_prior(R_local, R_start),
            "shape": normal_prior((at.shape - start.shape)[None], options.shape_sd),
            "ground": normal_prior(at.ground[None, 1:], GROUND_SLOPE_SD),
        }
        if len(observed.interval_s) > 0:
            terms["height over ground"] = foot_height(world, at.ground[None], observed, weights)
            terms["sliding"] = foot_sliding(world, observed, weights)
        if len(observed.interval_s) > 1:
            terms["smoothness"] = smoothness(world, _as_angles(R_local).flatten(1)[None], observed, weights)
        if self.focal_sd > 0:
            terms["focal"] = normal_prior(at.log_focal[None, None], self.focal_sd)
        return terms

    def _rotation_prior(self, R_local: Tensor, R_start: Tensor) -> Term:
        """A normal prior on the local rotations about their start, (1, T, 20, 9)."""
        error = _as_angles(R_local - R_start).flatten(2)[None] / self.options.turn_sd_rad
        return (Residuals(error, self.weights.lifted * self.observations.duration[:, None]),)

    def refine(self, start: MeshMotion) -> Refined:
        """Gradient descent to the lowest energy whose reprojection is no worse than the start's."""
        start = self.on_ground(start)
        R_start = self.head(start.tokens)[0].detach()
        names = ["tokens", "root_m", "shape", "ground"] + ["log_focal"] * (self.focal_sd > 0)
        steps = {"tokens": TOKEN_STEP, "root_m": ROOT_STEP * self.height_m, "shape": SHAPE_STEP, "ground": SHAPE_STEP}
        free = {name: getattr(start, name).detach().clone().requires_grad_() for name in names}
        sizes = [(free[name], steps.get(name, FOCAL_STEP)) for name in names]
        adam = Adam(sizes, iterations=self.options.iterations)
        at = replace(start, **free)
        best, history = start, list[float]()
        before = after = (np.inf, np.inf)
        for iteration in range(self.options.iterations + 1):
            energies = {name: energy_of(term) for name, term in self.terms(at, start, R_start).items()}
            energy = torch.cat([*energies.values()]).sum()
            now = float(energy.detach()), float(energies["reprojection"].detach())
            before = before if history else now
            if now[0] <= min(history, default=np.inf) and now[1] <= before[1]:
                best, after = _detached(at), now
            history.append(now[0])
            if iteration == self.options.iterations or _has_converged(history):
                break
            adam.descend(energy)
        return Refined(best, iteration, before[0], after[0], before[1], after[1])


def about_root(body: SegmentBody, R_local: Tensor, shape: Tensor, R_camera_view: Tensor) -> PosedBody:
    """A body in the camera's axes, in body heights, the pelvis's bone at the origin.

    Args:
        body: the segment body.
        R_local: (T, 20, 3, 3) local rotations, the pelvis's in the view.
        shape: (K,), or (T, K).
        R_camera_view: (T, 3, 3).
    """
    R_camera_local = torch.cat([R_camera_view[:, None] @ R_local[:, :1], R_local[:, 1:]], dim=1)
    return body.rig.with_coefficients(shape).with_pose(R_camera_local, root_position=torch.zeros(3))


def _as_angles(R: Tensor) -> Tensor:
    """Entries of rotations whose distances, while small, are the angles between the rotations, in radians."""
    return R / 2**0.5


def _has_converged(energies: list[float]) -> bool:
    if len(energies) <= CHECK_EVERY:
        return False
    before, now = min(energies[:-CHECK_EVERY]), min(energies[-CHECK_EVERY:])
    return before - now <= FTOL * abs(before)


def _detached(at: MeshMotion) -> MeshMotion:
    return MeshMotion(**{name: value.detach().clone() for name, value in vars(at).items()})
