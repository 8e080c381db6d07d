"""The problem of the fit: pose and root of every frame, proportions, focal length and ground of one person at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINT_HEIGHT_M, FOOT_KEYPOINTS
from biopose.body.keypoint_names import KEYPOINTS
from biopose.hmr.pose_prior import PosePrior
from biopose.reconstruction.fit_options import FitWeights
from biopose.reconstruction.fusion import ROTATION_SD_RAD
from biopose.reconstruction.observations import Observations, relative_to_hips
from biopose.reconstruction.residuals import (
    GROUND_SLOPE_SD,
    Term,
    angle_prior,
    energy_of,
    foot_height,
    foot_sliding,
    lifted,
    normal_prior,
    reprojection,
    smoothness,
)
from biopose.reconstruction.unseen_coordinates import unseen_columns, with_unseen_at_their_means
from biopose.skeleton.constant_errors import without_side
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling_prior import scale_prior

HEIGHT_SD = 0.005  # of the logarithm: a height is known to a centimetre
LEAST_PROPORTION_SD = 0.02  # of a component's log factors; the differences of left and right are smaller, and unseen
# What the mesh tells, each about an axis of `ROTATION_SD_RAD`, whose deviation it has. The pelvis's tilt is told by
# neither keypoints nor mesh; hip flexion and lumbar extension depend on it, and err more with it on synthetic film.
FORWARD, UP, RIGHT = range(3)
TOLD_BY_MESH: Mapping[str, tuple[str, int]] = {
    "hip_adduction": ("femur", FORWARD),
    "hip_rotation": ("femur", UP),
    "knee_angle": ("tibia", RIGHT),
    "ankle_angle": ("calcn", RIGHT),
    "subtalar_angle": ("calcn", FORWARD),
    "mtp_angle": ("toes", RIGHT),
    "lumbar_bending": ("abdomen", FORWARD),
    "lumbar_rotation": ("abdomen", UP),
    "neck_flexion": ("head", RIGHT),
    "neck_bending": ("head", FORWARD),
    "neck_rotation": ("head", UP),
    "arm_flex": ("humerus", RIGHT),
    "arm_add": ("humerus", FORWARD),
    "arm_rot": ("humerus", UP),
    "elbow_flex": ("ulna", RIGHT),
}
HEAD_TOP = KEYPOINTS.index("head_top")
HEELS = [KEYPOINTS.index("left_heel"), KEYPOINTS.index("right_heel")]


class Poses(NamedTuple):
    """S motions of T frames.

    Attributes:
        world: (S, T, 26, 3) keypoints in the world.
        camera: the same in the camera's frame.
        about_hips: the same relative to the hips, in the camera's axes.
        q: (S, T, Q) coordinates.
    """

    world: Tensor
    camera: Tensor
    about_hips: Tensor
    q: Tensor


PoseTerm = Callable[[Poses], Term]


@dataclass(frozen=True, eq=False)
class PersonModel:
    """A person before the fit.

    Attributes:
        skeleton: the default model with the 26 keypoints as its markers, unscaled.
        body_scales: (B, 3) factors of someone of this person's height, mass and sex.
        pose_prior: None leaves it out.
        focal_sd: of the logarithm of the focal length; 0 keeps it.
        weights: of the terms.
    """

    skeleton: Skeleton
    body_scales: NDArray[np.float64]
    pose_prior: PosePrior | None
    focal_sd: float = 0.0
    weights: FitWeights = field(default_factory=FitWeights)


@dataclass(frozen=True)
class MotionVariables:
    """The variables of the fit, for S starts.

    Attributes:
        q: (S, T, Q) in a world whose y is up and whose origin is the camera.
        proportions: (S, K) principal components of the scale prior, in standard deviations.
        log_focal: (S,) over the focal length that the rays were made with.
        ground: (S, 3) height at the origin and slopes along x and z.
    """

    q: Tensor
    proportions: Tensor
    log_focal: Tensor
    ground: Tensor

    def __getitem__(self, start: slice) -> MotionVariables:
        """Some of the starts."""
        return MotionVariables(self.q[start], self.proportions[start], self.log_focal[start], self.ground[start])


class MotionProblem:
    """The energy of a person's motion.

    Args:
        model: the person.
        observations: of their frames.
        R_camera_world: (3, 3) of the world that the coordinates are in.
        shape_is_known: whether proportions, focal length and ground stay at their starting values.
        mesh_q: (T, Q) coordinates of the skeleton on the mesh; None where there is none.
    """

    def __init__(
        self,
        model: PersonModel,
        observations: Observations,
        R_camera_world: Tensor,
        *,
        shape_is_known: bool = False,
        mesh_q: NDArray[np.float64] | None = None,
    ) -> None:
        self.model, self.observations = model, observations
        self.R_camera_world = R_camera_world.float()
        self.shape_is_known = shape_is_known
        self.kinematics = Kinematics(model.skeleton, dtype=torch.float32)
        prior = scale_prior(model.skeleton, height_ratio=1.0)
        self.scale_design = torch.from_numpy(prior.principal_components(least_sd=LEAST_PROPORTION_SD)).float()
        self.scale_mean = torch.from_numpy(np.log(model.body_scales)).float().flatten()
        coordinates = model.skeleton.coordinates
        self.low = torch.tensor([c.range_min if c.clamped else -np.inf for c in coordinates]).float()
        self.high = torch.tensor([c.range_max if c.clamped else np.inf for c in coordinates]).float()
        held = {c.dependent for c in model.skeleton.couplings} | {*unseen_columns(model.skeleton.coordinate_names)}
        self.free = torch.tensor([i not in held for i in range(len(coordinates))])
        self.standing = torch.from_numpy(model.skeleton.default_pose).float()
        # A clip shorter than an error lasts is one observation.
        self.prior_sd = max(min(model.weights.repeated_frames, float(observations.duration.sum())), 1.0) ** -0.5
        self.default_stature_m = self._stature_m(self.scale_mean.exp().unflatten(-1, (-1, 3))[None])
        self.rotational = torch.tensor([c.name in model.skeleton.rotational_names for c in coordinates])
        self.mesh_sd = torch.tensor([_mesh_sd_rad(c.name) for c in coordinates])[self.rotational]
        self.mesh_angles = None if mesh_q is None else torch.from_numpy(mesh_q).float()[:, self.rotational]

    def start(self, q: NDArray[np.float64]) -> MotionVariables:
        """Variables at starting coordinates (S, T, Q), what is not seen at its mean; the ground is under the feet."""
        n, q = len(q), with_unseen_at_their_means(q, self.model.skeleton.coordinate_names)
        zero = torch.zeros(n)
        at = MotionVariables(
            torch.from_numpy(q).float(), torch.zeros(n, self.scale_design.shape[1]), zero, torch.zeros(n, 3)
        )
        return replace(at, ground=torch.stack([self._lowest(at), zero, zero], dim=-1))

    def _lowest(self, at: MotionVariables) -> Tensor:
        heights = self.keypoints_m(at)[..., FOOT_KEYPOINTS, 1]
        return torch.quantile((heights - heights.new_tensor(FOOT_KEYPOINT_HEIGHT_M)).flatten(1), 0.05, dim=1)

    def body_scales(self, proportions: Tensor) -> Tensor:
        """(S, B, 3) scale factors."""
        return (self.scale_mean + proportions @ self.scale_design.T).exp().unflatten(-1, (-1, 3))

    def scale_directions(self, proportions: Tensor) -> Tensor:
        """(B, 3, K) derivative of the scale factors by the proportions (K,)."""
        return self.body_scales(proportions[None])[0][..., None] * self.scale_design.unflatten(0, (-1, 3))

    def _stature_m(self, body_scales: Tensor) -> Tensor:
        """(S,) from the heels to the top of the head, standing, of scale factors (S, B, 3)."""
        return _stature(self.kinematics.with_scales(body_scales).with_coordinates(self.standing).markers[..., 1].T)

    def keypoints_m(self, at: MotionVariables) -> Tensor:
        """(S, T, 26, 3) in the world."""
        scaled = self.kinematics.with_scales(self.body_scales(at.proportions)[:, None])
        return scaled.with_coordinates(at.q).markers

    def energy(self, at: MotionVariables) -> Tensor:
        """The sum of all terms, (S,)."""
        return torch.stack([*self.energies(at).values()]).sum(0)

    def energies(self, at: MotionVariables) -> dict[str, Tensor]:
        """Each term's energy, (S,)."""
        return self.pose_energies(at, self.poses(self.keypoints_m(at), at.q)) | self.shape_energies(at)

    def poses(self, keypoints_m: Tensor, q: Tensor) -> Poses:
        """Of keypoints (S, T, 26, 3) in the world and coordinates (S, T, Q)."""
        camera = keypoints_m @ self.R_camera_world.T
        return Poses(keypoints_m, camera, relative_to_hips(camera), q)

    def pose_energies(self, at: MotionVariables, poses: Poses) -> dict[str, Tensor]:
        """The energies (S,) that depend on the poses, at(.q) left aside."""
        energies = {name: energy_of(term(poses)) for name, term in self.pose_terms(at).items()}
        if self.model.pose_prior is not None:
            energies["pose"] = self.prior_energy(poses.q)
        return energies

    def prior_energy(self, q: Tensor) -> Tensor:
        """(S,) of the pose prior, for coordinates (S, T, Q)."""
        assert self.model.pose_prior is not None
        energy = self.model.pose_prior.energy(q)
        return self.model.weights.pose * (energy * self.observations.duration).sum(-1)

    def pose_terms(self, at: MotionVariables) -> dict[str, PoseTerm]:
        """The terms that depend on the poses, as functions of them."""
        observed, weights = self.observations, self.model.weights
        terms: dict[str, PoseTerm] = {
            "reprojection": lambda poses: reprojection(poses.camera, observed, at.log_focal, weights),
            "lifted": lambda poses: lifted(poses.about_hips, observed, weights),
        }
        if len(observed.interval_s) > 0:
            terms["height over ground"] = lambda poses: foot_height(poses.world, at.ground, observed, weights)
            terms["sliding"] = lambda poses: foot_sliding(poses.world, observed, weights)
        if len(observed.interval_s) > 1:
            terms["smoothness"] = lambda poses: smoothness(
                poses.world, poses.q[..., self.rotational], observed, weights
            )
        if (mesh := self.mesh_angles) is not None:
            terms["mesh"] = lambda poses: angle_prior(
                poses.q[..., self.rotational], mesh, observed, self.mesh_sd, weights
            )
        return terms

    def shape_energies(self, at: MotionVariables) -> dict[str, Tensor]:
        """The energies (S,) that do not depend on the poses."""
        return {name: energy_of(term) for name, term in self.shape_terms(at).items()}

    def shape_terms(self, at: MotionVariables) -> dict[str, Term]:
        """The terms that do not depend on the poses."""
        log_stature = (self._stature_m(self.body_scales(at.proportions)) / self.default_stature_m).log()
        sd = self.prior_sd
        terms = {
            "height": normal_prior(log_stature[:, None], HEIGHT_SD * sd),
            "proportions": normal_prior(at.proportions, sd),
            "ground": normal_prior(at.ground[:, 1:], GROUND_SLOPE_SD * sd),
        }
        if self.model.focal_sd > 0:
            terms["focal"] = normal_prior(at.log_focal[:, None], self.model.focal_sd * sd)
        return terms

    def shape_jacobians(self, at: MotionVariables) -> dict[str, Tensor]:
        """(d, K + 4) of the errors of `shape_terms` by proportions, focal length and ground; of one start."""
        proportions, focal, ground = (
            torch.eye(at.proportions.shape[1] + 4).to(at.q).split([at.proportions.shape[1], 1, 3])
        )
        scales = self.body_scales(at.proportions)[0]
        standing = self.kinematics.with_scales(scales).with_coordinates(self.standing)
        heights = standing.scale_jacobian(self.scale_directions(at.proportions[0]))[:, 1]
        by_proportions = _stature(heights) / _stature(standing.markers[:, 1])
        jacobians = {
            "height": by_proportions[None] @ proportions / HEIGHT_SD,
            "proportions": proportions,
            "ground": ground[1:] / GROUND_SLOPE_SD,
        } | ({"focal": focal / self.model.focal_sd} if self.model.focal_sd > 0 else {})
        return {name: jacobian / self.prior_sd for name, jacobian in jacobians.items()}


def _mesh_sd_rad(name: str) -> float:
    """Of a coordinate's angle on the mesh; infinite where the mesh does not tell it."""
    if (base := without_side(name)) not in TOLD_BY_MESH or name.endswith("_beta"):
        return float("inf")
    segment, axis = TOLD_BY_MESH[base]
    return ROTATION_SD_RAD[segment][axis]


def _stature(heights: Tensor) -> Tensor:
    """(...) from the heels to the top of the head, of the keypoints' heights (26, ...)."""
    return heights[HEAD_TOP] - heights[HEELS].mean(0)
