"""Mesh recovery of a track: MQ-HMR's tokens fused with the lifter's prediction, refined; the skeleton put onto it.

The fit of the skeleton (`track_fit`) starts there, with the fused keypoints among its observations.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.segment_body import SEGMENT_BODY, SegmentBody
from biopose.body.subject import with_markers_of
from biopose.camera.pinhole import Camera
from biopose.errors import ModelError
from biopose.hmr.feature_head import unpacked
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.mqhmr import MQHMR_WEIGHTS, Mqhmr, load_mqhmr
from biopose.io.trajectories import MarkerTrajectories
from biopose.reconstruction.fusion import fit_rotations, with_prediction
from biopose.reconstruction.initialisation import root_position_m
from biopose.reconstruction.method_names import MeshStage
from biopose.reconstruction.observations import Observations
from biopose.reconstruction.observed_track import ObservedTrack, R_camera_world_of, reprojection_errors_px
from biopose.reconstruction.refinement import (
    MeshMotion,
    Refined,
    Refinement,
    RefinementGain,
    RefinementOptions,
    about_root,
)
from biopose.reconstruction.residuals import FitWeights
from biopose.reconstruction.track_fit import FittedMotion
from biopose.skeleton.gap_filling import fill_gaps
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling import scale_to_markers
from biopose.skeleton.threads import one_torch_thread
from biopose.tracking.tracks import PersonTrack

GAP_SD_FACTOR = 3.0  # on the decoder's standard deviations in frames whose tokens are interpolated
SHAPE_TRIM = 0.2  # fraction of frames at either end that the trimmed mean of each shape coefficient leaves out
IK_TOLERANCE = 1e-4

# The decoder's prediction; fused with the lifter's; refined by the 2D keypoints.


@dataclass(frozen=True, eq=False)
class MeshModels:
    """What is loaded once.

    Attributes:
        network: that predicted the track's tokens.
        body: the segment body.
        options: of the refinement.
        stage: the last one; before "refined", the skeleton put onto the mesh is the result and is not fitted.
    """

    network: Mqhmr
    body: SegmentBody
    options: RefinementOptions = field(default_factory=RefinementOptions)
    stage: MeshStage = "refined"

    @classmethod
    def load(
        cls,
        *,
        network: Path = MQHMR_WEIGHTS,
        body: Path = SEGMENT_BODY,
        options: RefinementOptions | None = None,
        stage: MeshStage = "refined",
    ) -> MeshModels:
        """Load all.

        Raises:
            ModelError: weights are missing or broken.
        """
        return cls(
            load_mqhmr(network).requires_grad_(False), SegmentBody.load(body), options or RefinementOptions(), stage
        )


@dataclass(frozen=True, eq=False)
class PersonMesh:
    """What is known of a person before their mesh is fitted.

    Attributes:
        skeleton: the default model, unscaled, with its landmarks.
        height_m: of the person.
        focal_sd: of the logarithm of the focal length; 0 keeps it.
        weights: of the terms.
    """

    skeleton: Skeleton
    height_m: float
    focal_sd: float = 0.0
    weights: FitWeights = field(default_factory=FitWeights)


@dataclass(frozen=True, eq=False)
class RefinedMesh:
    """A person's mesh through T frames.

    Attributes:
        refinement: the problem.
        start: the fused predictions.
        refined: the result.
    """

    refinement: Refinement
    start: MeshMotion
    refined: Refined

    @torch.no_grad()
    def markers_m(self) -> Tensor:
        """(T, M, 3) the segment body's markers in the camera's frame."""
        body, motion, height_m = self.refinement.body, self.refined.motion, self.refinement.height_m
        return body.markers.positions(self.refinement.posed(motion)) * height_m + motion.root_m[:, None]


@one_torch_thread()
def recover_mesh(
    track: PersonTrack,
    observed: ObservedTrack,
    known: PersonMesh,
    camera: Camera,
    *,
    models: MeshModels,
    threads: int = 2,
) -> tuple[ObservedTrack, FittedMotion]:
    """Fuse the predictions of a person's mesh, refine it and put the skeleton onto it, up to the models' stage.

    Args:
        track: with the decoder's tokens.
        observed: the same track, as the keypoint fit takes it.
        known: of the person.
        camera: whose pixels these are.
        models: loaded.
        threads: of inverse kinematics.

    Returns:
        The observed track, its lifted keypoints fused with the decoder's; and the motion.

    Raises:
        ModelError: the track has no tokens.
    """
    mesh = refine_mesh(track, observed, known, camera, models=models)
    motion, observations = _on_skeleton(mesh, known, track.time_s, threads=threads), mesh.refinement.observations
    if observations.weight.any() and models.stage == "refined":
        before_px, after_px = (
            _reprojection_px(mesh.refinement, at, track, camera) for at in (mesh.start, mesh.refined.motion)
        )
        motion = replace(motion, refinement=RefinementGain(mesh.refined.iterations, before_px, after_px))
    return replace(observed, observations=observations), motion


@one_torch_thread()
def refine_mesh(
    track: PersonTrack, observed: ObservedTrack, known: PersonMesh, camera: Camera, *, models: MeshModels
) -> RefinedMesh:
    """The first half of `recover_mesh`, whose arguments and errors it has: the mesh, without the skeleton."""
    if track.tokens is None:
        raise ModelError("the track has no MQ-HMR tokens to refine; perceive the video again with MQ-HMR")
    found = ~torch.from_numpy(np.isnan(track.tokens[:, 0]))
    rows = fill_gaps(track.tokens.astype(np.float64), found.numpy(), track.time_s)
    decoded = unpacked(rows, models.network.shape)
    middle_px = decoded.middle.double() * torch.tensor([camera.width_px, camera.height_px]) - 0.5
    R_camera_view = rotation_towards(camera.rays(middle_px).float())
    shape = _trimmed_mean(decoded.shape[found])
    tokens, observations = _fused(observed, decoded.tokens, shape, R_camera_view, found, known, models)
    keypoints_m = _keypoints_m(models.network.head(tokens)[0], shape, R_camera_view, known, models)
    root_m = root_position_m(keypoints_m, observations.rays, observed.weight, track.time_s).float()
    refinement = Refinement(
        models.network.head,
        models.body,
        observations,
        R_camera_view,
        R_camera_world_of(observed.up_camera),
        height_m=known.height_m,
        focal_sd=known.focal_sd,
        weights=known.weights,
        options=models.options if models.stage == "refined" else replace(models.options, iterations=0),
    )
    start = MeshMotion(tokens, root_m, shape, torch.zeros(()), torch.zeros(3))
    return RefinedMesh(refinement, start, refinement.refine(start))


@torch.no_grad()
def _fused(
    observed: ObservedTrack,
    tokens: Tensor,
    shape: Tensor,
    R_camera_view: Tensor,
    found: Tensor,
    known: PersonMesh,
    models: MeshModels,
) -> tuple[Tensor, Observations]:
    """Tokens (T, Q, D) of the fused pose, and the observations with the fused keypoints."""
    R_local, sd = models.network.head(tokens)
    decoded = _keypoints_m(R_local, shape, R_camera_view, known, models)
    sd = torch.where(found[:, None, None], sd, GAP_SD_FACTOR * sd) * known.height_m
    factor = models.options.lifter_sd_factor
    observations = with_prediction(observed.observations, decoded, sd, R_camera_view, lifter_sd_factor=factor)
    if models.stage == "decoded":
        return tokens, observations
    fused = observations.lifted_m @ R_camera_view / known.height_m
    R_fused = fit_rotations(fused, observations.lifted_sd_m / known.height_m, R_local, models.body, shape)
    return models.network.head.with_rotations(tokens, R_fused), observations


def _keypoints_m(
    R_local: Tensor, shape: Tensor, R_camera_view: Tensor, known: PersonMesh, models: MeshModels
) -> Tensor:
    """(T, 26, 3) from the pelvis's bone, in the camera's axes."""
    posed = about_root(models.body, R_local, shape, R_camera_view)
    return models.body.keypoints.positions(posed) * known.height_m


@torch.no_grad()
def _on_skeleton(mesh: RefinedMesh, known: PersonMesh, time_s: NDArray[np.float64], *, threads: int) -> FittedMotion:
    """The skeleton scaled to the mesh, and its coordinates from the mesh's virtual markers."""
    refinement, motion, body = mesh.refinement, mesh.refined.motion, mesh.refinement.body
    at_rest = body.markers.at_rest(body.rig.with_coefficients(motion.shape)) * known.height_m
    rest = dict(zip(body.markers.names, at_rest.double().numpy(), strict=True))
    scaling = scale_to_markers(known.skeleton, rest, all_anatomical=True)
    skeleton = with_markers_of(scaling.skeleton, scaling.static_pose, rest)
    world = (mesh.markers_m() @ refinement.R_camera_world).double().numpy()
    markers = MarkerTrajectories(time_s, body.markers.names, world)
    solution = inverse_kinematics(skeleton, markers, tolerance=IK_TOLERANCE, threads=threads)
    return FittedMotion(
        q=solution.coordinates.values,
        body_scales=scaling.body_scales,
        R_camera_world=refinement.R_camera_world.double().numpy(),
        focal_factor=float(motion.log_focal.exp()),
        starts=("mqhmr",),
    )


@torch.no_grad()
def _reprojection_px(refinement: Refinement, at: MeshMotion, track: PersonTrack, camera: Camera) -> float:
    """Median reprojection error of the mesh's keypoints."""
    keypoints_m = refinement.keypoints_m(at).double()
    keypoints_m[..., :2] *= at.log_focal.exp()  # the rays are those of `camera`
    return float(np.nanmedian(reprojection_errors_px(track, camera, keypoints_m.numpy())))


def _trimmed_mean(shapes: Tensor) -> Tensor:
    """(K,) mean of shapes (T, K) without the lowest and highest of each coefficient."""
    cut = int(SHAPE_TRIM * len(shapes))
    return shapes.sort(dim=0).values[cut : len(shapes) - cut].mean(0)
