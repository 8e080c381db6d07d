"""What MQ-HMR said of a person's frames, joined with the lifter's word, refined, and the skeleton put onto the mesh.

There the fit of the skeleton begins (`track_fit`), which weighs the decoder's word on depth beside the lifter's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

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
from biopose.reconstruction.initialisation import filled, root_position_m
from biopose.reconstruction.observations import ObservedTrack, R_camera_world_of, reprojection_errors_px
from biopose.reconstruction.refinement import (
    MeshMotion,
    Refined,
    Refinement,
    RefinementGain,
    RefinementOptions,
    about_root,
)
from biopose.reconstruction.residuals import FitWeights, Observations
from biopose.reconstruction.trajectories import FittedMotion
from biopose.skeleton.ik.solve import inverse_kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling import scale_to_markers
from biopose.skeleton.threads import one_torch_thread
from biopose.tracking.tracks import PersonTrack

GUESSED_SD_FACTOR = 3.0  # of the decoder's standard deviations where it saw nothing and its word is a neighbour's
SHAPE_TRIM = 0.2  # of the frames at either end are left out of the mean shape
IK_TOLERANCE = 1e-4

# The decoder's word alone; with the lifter's; and agreeing with the 2D keypoints.
MeshStage = Literal["decoded", "joined", "refined"]


@dataclass(frozen=True, eq=False)
class MeshModels:
    """What is loaded once.

    Attributes:
        network: whose tokens were read.
        body: the segment body.
        budget: of the refinement, and how far its parts are trusted.
        stage: how far a mesh is taken; before "refined", the skeleton put onto it stands as it is and is not fitted.
    """

    network: Mqhmr
    body: SegmentBody
    budget: RefinementOptions = field(default_factory=RefinementOptions)
    stage: MeshStage = "refined"

    @classmethod
    def load(
        cls,
        *,
        network: Path = MQHMR_WEIGHTS,
        body: Path = SEGMENT_BODY,
        budget: RefinementOptions | None = None,
        stage: MeshStage = "refined",
    ) -> MeshModels:
        """Load all.

        Raises:
            ModelError: weights are missing or broken.
        """
        return cls(
            load_mqhmr(network).requires_grad_(False), SegmentBody.load(body), budget or RefinementOptions(), stage
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
        refinement: its energy, with the evidence that it weighed.
        start: where the decoder and the lifter put it.
        refined: where it went.
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
def read_mesh(
    track: PersonTrack, seen: ObservedTrack, known: PersonMesh, camera: Camera, *, models: MeshModels
) -> tuple[ObservedTrack, FittedMotion]:
    """Join what was said of a person's mesh, refine it and put the skeleton onto it; as far as the models' stage goes.

    Args:
        track: with what the decoder said.
        seen: the track's keypoints, as the keypoint fit takes them.
        known: of the person.
        camera: whose pixels these are.
        models: loaded.

    Returns:
        What was seen, with the decoder's word on depth joined to the lifter's; and the motion.

    Raises:
        ModelError: the track was seen without MQ-HMR.
    """
    mesh = refined_mesh(track, seen, known, camera, models=models)
    motion, evidence = _on_skeleton(mesh, known, track.time_s), mesh.refinement.seen
    if evidence.weight.any() and models.stage == "refined":
        before_px, after_px = (
            _missed_px(mesh.refinement, at, track, camera) for at in (mesh.start, mesh.refined.motion)
        )
        motion = replace(motion, refinement=RefinementGain(mesh.refined.iterations, before_px, after_px))
    return replace(seen, evidence=evidence), motion


@one_torch_thread()
def refined_mesh(
    track: PersonTrack, seen: ObservedTrack, known: PersonMesh, camera: Camera, *, models: MeshModels
) -> RefinedMesh:
    """The first half of `read_mesh`, whose arguments and errors it has: the mesh, without the skeleton."""
    if track.tokens is None:
        raise ModelError("the people were seen without MQ-HMR, whose word is to be refined; see the video again")
    found = ~torch.from_numpy(np.isnan(track.tokens[:, 0]))
    rows = filled(torch.from_numpy(track.tokens.astype(np.float32)), found.numpy(), track.time_s)
    read = unpacked(rows.numpy(), models.network.shape)
    middle_px = read.middle.double() * torch.tensor([camera.width_px, camera.height_px]) - 0.5
    R_camera_view = rotation_towards(camera.rays(middle_px).float())
    shape = _trimmed_mean(read.shape[found])
    tokens, evidence = _joined(seen, read.tokens, shape, R_camera_view, found, known, models)
    keypoints_m = _keypoints_m(models.network.head(tokens)[0], shape, R_camera_view, known, models)
    root_m = root_position_m(keypoints_m, evidence.rays, seen.weight, track.time_s).float()
    refinement = Refinement(
        models.network.head,
        models.body,
        evidence,
        R_camera_view,
        R_camera_world_of(seen.up_camera),
        height_m=known.height_m,
        focal_sd=known.focal_sd,
        weights=known.weights,
        budget=models.budget if models.stage == "refined" else replace(models.budget, iterations=0),
    )
    start = MeshMotion(tokens, root_m, shape, torch.zeros(()), torch.zeros(3))
    return RefinedMesh(refinement, start, refinement.refine(start))


@torch.no_grad()
def _joined(
    seen: ObservedTrack,
    tokens: Tensor,
    shape: Tensor,
    R_camera_view: Tensor,
    found: Tensor,
    known: PersonMesh,
    models: MeshModels,
) -> tuple[Tensor, Observations]:
    """The decoder's tokens (T, Q, D), moved to say what the lifter says, too; the evidence with the decoder's word."""
    R_local, sd = models.network.head(tokens)
    decoded = _keypoints_m(R_local, shape, R_camera_view, known, models)
    sd = torch.where(found[:, None, None], sd, GUESSED_SD_FACTOR * sd) * known.height_m
    factor = models.budget.lifter_sd_factor
    evidence = with_prediction(seen.evidence, decoded, sd, R_camera_view, lifter_sd_factor=factor)
    if models.stage == "decoded":
        return tokens, evidence
    said = evidence.lifted_m @ R_camera_view / known.height_m
    R_joined = fit_rotations(said, evidence.lifted_sd_m / known.height_m, R_local, models.body, shape)
    return models.network.head.saying(tokens, R_joined), evidence


def _keypoints_m(
    R_local: Tensor, shape: Tensor, R_camera_view: Tensor, known: PersonMesh, models: MeshModels
) -> Tensor:
    """(T, 26, 3) from the pelvis's bone, in the camera's axes."""
    posed = about_root(models.body, R_local, shape, R_camera_view)
    return models.body.keypoints.positions(posed) * known.height_m


@torch.no_grad()
def _on_skeleton(mesh: RefinedMesh, known: PersonMesh, time_s: NDArray[np.float64]) -> FittedMotion:
    """The skeleton scaled to the mesh, and its coordinates from the mesh's virtual markers."""
    refinement, motion, body = mesh.refinement, mesh.refined.motion, mesh.refinement.body
    at_rest = body.markers.at_rest(body.rig.with_coefficients(motion.shape)) * known.height_m
    rest = dict(zip(body.markers.names, at_rest.double().numpy(), strict=True))
    scaling = scale_to_markers(known.skeleton, rest, all_anatomical=True)
    skeleton = with_markers_of(scaling.skeleton, scaling.static_pose, rest)
    world = (mesh.markers_m() @ refinement.R_camera_world).double().numpy()
    markers = MarkerTrajectories(time_s, body.markers.names, world)
    solution = inverse_kinematics(skeleton, markers, tolerance=IK_TOLERANCE, threads=2)
    return FittedMotion(
        q=solution.coordinates.values,
        body_scales=scaling.body_scales,
        R_camera_world=refinement.R_camera_world.double().numpy(),
        focal_factor=float(motion.log_focal.exp()),
        starts=("mqhmr",),
    )


@torch.no_grad()
def _missed_px(refinement: Refinement, at: MeshMotion, track: PersonTrack, camera: Camera) -> float:
    """Median distance of the mesh's keypoints from where they were seen."""
    keypoints_m = refinement.keypoints_m(at).double()
    keypoints_m[..., :2] *= at.log_focal.exp()  # as the energy weighs it: on the rays that `camera` made
    return float(np.nanmedian(reprojection_errors_px(track, camera, keypoints_m.numpy())))


def _trimmed_mean(shapes: Tensor) -> Tensor:
    """(K,) mean of shapes (T, K) without the lowest and highest of each coefficient."""
    cut = int(SHAPE_TRIM * len(shapes))
    return shapes.sort(dim=0).values[cut : len(shapes) - cut].mean(0)
