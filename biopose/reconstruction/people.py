"""From everybody's tracks to fitted motions: fit each person, one ground and one world for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.anny import Body
from biopose.body.keypoint_landmarks import FOOT_KEYPOINT_HEIGHT_M, FOOT_KEYPOINTS, skeleton_with_keypoints
from biopose.body.keypoint_names import KEYPOINTS
from biopose.camera.ground import T_camera_world, ground_from_contacts
from biopose.camera.motion_summary import CameraMotionResult
from biopose.camera.pinhole import Camera
from biopose.hmr.lifter import LIFTER_WEIGHTS, Lifter, load_lifter
from biopose.hmr.pose_prior import POSE_PRIOR_WEIGHTS, PosePrior
from biopose.reconstruction.mesh import MeshModels, PersonMesh, read_mesh
from biopose.reconstruction.motion_problem import PersonModel, SolverOptions
from biopose.reconstruction.observations import ObservedTrack, see
from biopose.reconstruction.person import Athlete, FittedPerson
from biopose.reconstruction.residuals import MIDDLE, FitWeights
from biopose.reconstruction.trajectories import FittedMotion, fit_track
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.tracking.tracks import PersonTrack
from biopose.tracking.visibility import limits_of_view

UP_SD_DEG = 4.0  # of the lifter's word on gravity, the mean over a clip
LEAST_CONTACT = 0.5
TRAVEL_M = 1.0  # who goes farther is taken to face where they go
FACING_M = 0.03  # of the level distance between the hips, below which nobody faces anywhere


@dataclass(frozen=True, eq=False)
class FitModels:
    """What the fit loads once, and its configuration."""

    lifter: Lifter
    pose_prior: PosePrior
    body: Body
    skeleton: Skeleton
    budget: SolverOptions = field(default_factory=SolverOptions)
    weights: FitWeights = field(default_factory=FitWeights)
    mesh: MeshModels | None = None

    @classmethod
    def load(
        cls,
        *,
        lifter: Path = LIFTER_WEIGHTS,
        pose_prior: Path = POSE_PRIOR_WEIGHTS,
        budget: SolverOptions | None = None,
        weights: FitWeights | None = None,
        mesh: MeshModels | None = None,
    ) -> FitModels:
        """Load all.

        Args:
            lifter: its weights.
            pose_prior: the mixture.
            budget: how long to look; None takes the usual.
            weights: of the terms; None takes the usual.
            mesh: MQ-HMR, whose word is refined; None leaves it to the keypoint fit.

        Raises:
            ModelError: if the body's asset or weights are missing or broken; the message says how to get them.
        """
        return cls(
            load_lifter(lifter),
            PosePrior.load(pose_prior),
            Body.load(),
            full_body_skeleton(),
            budget or SolverOptions(),
            weights or FitWeights(),
            mesh,
        )


def fit_people(
    tracks: Sequence[PersonTrack],
    athletes: Sequence[Athlete],
    camera: Camera,
    *,
    models: FitModels,
    camera_motion: CameraMotionResult | None,
    notes: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[FittedPerson]:
    """From keypoints to fitted motions, all in one world.

    Args:
        tracks: the people to measure.
        athletes: what is known of them, in their order; the last stands for all that follow.
        camera: intrinsics.
        models: loaded.
        camera_motion: what is known of it; None for a camera that stands.
        notes: what is known beforehand to limit the measurement.
        progress: told how many frames are done, of how many.
    """
    if not athletes:
        raise ValueError("no athlete is described; at least a height is needed")
    total, done = sum(len(track) for track in tracks), 0

    def tell(frames: int) -> None:
        nonlocal done
        done += frames
        if progress:
            progress(done, total)

    stands = camera_motion is None or not camera_motion.moves
    keypoint_skeleton = skeleton_with_keypoints(models.skeleton)
    fits: list[tuple[Athlete, ObservedTrack, FittedMotion]] = []
    for number, track in enumerate(tracks):
        athlete = athletes[min(number, len(athletes) - 1)]
        seen = see(track, camera, models.lifter, height_m=athlete.height_m, camera_stands=stands)
        fits.append((athlete, *_fitted(track, seen, athlete, camera, models, keypoint_skeleton, progress=tell)))
    T = _world([(seen, motion) for _, seen, motion in fits], keypoint_skeleton)
    told = (*notes, *_notes(camera, camera_motion))
    return [
        FittedPerson(
            track=track,
            athlete=athlete,
            camera=camera.with_focal(camera.focal_px[0] * motion.focal_factor),
            contact=seen.evidence.contact.double().numpy(),
            motion=motion,
            T_camera_world=T,
            keypoint_sd_m=seen.evidence.lifted_sd_m.double().numpy(),
            notes=told + limits_of_view(track),
        )
        for track, (athlete, seen, motion) in zip(tracks, fits, strict=True)
    ]


def _fitted(
    track: PersonTrack,
    seen: ObservedTrack,
    athlete: Athlete,
    camera: Camera,
    models: FitModels,
    keypoint_skeleton: Skeleton,
    *,
    progress: Callable[[int], None],
) -> tuple[ObservedTrack, FittedMotion]:
    """One person's motion; MQ-HMR, where it was loaded, tells where to begin and joins its word to what was seen."""
    start = refinement = None
    weights = models.weights
    if models.mesh is not None:
        known = PersonMesh(models.skeleton, height_m=athlete.height_m, focal_sd=camera.focal_sd, weights=weights)
        seen, read = read_mesh(track, seen, known, camera, models=models.mesh)
        if models.mesh.stage != "refined":
            progress(len(track))
            return seen, read
        start, refinement = read.q, read.refinement
        weights = replace(weights, pose=models.mesh.budget.pose_prior_share * weights.pose)
    usual = athlete.body_with_skeleton(models.body, models.skeleton)
    model = PersonModel(
        keypoint_skeleton, usual.body_scales, models.pose_prior, focal_sd=camera.focal_sd, weights=weights
    )
    motion = fit_track(seen, model, track.time_s, budget=models.budget, start=start, progress=progress)
    return seen, replace(motion, refinement=refinement)


def _world(fits: Sequence[tuple[ObservedTrack, FittedMotion]], skeleton: Skeleton) -> NDArray[np.float64]:
    """T_camera_world (4, 4) from everybody's contacts; the origin and the heading are the first person's."""
    points, weights = [], []
    for seen, fitted in fits:
        feet = _keypoints_camera(fitted, skeleton)[:, FOOT_KEYPOINTS]
        feet = feet - np.outer(FOOT_KEYPOINT_HEIGHT_M, fitted.R_camera_world[:, 1])
        contact = seen.evidence.contact.double().numpy()
        points.append(feet.reshape(-1, 3))
        weights.append(np.where(contact > LEAST_CONTACT, contact, 0.0).ravel())
    seen, fitted = fits[0]
    all_points, all_weights = np.concatenate(points), np.concatenate(weights)
    up_camera = fitted.R_camera_world[:, 1]
    if not all_weights.any():  # nobody touches the ground: the lowest foot of all is as good a level as there is
        height = all_points @ up_camera
        all_weights = (height <= np.quantile(height, 0.05)).astype(float)
    ground = ground_from_contacts(all_points, all_weights, up_camera=up_camera, up_sd_deg=UP_SD_DEG)
    keypoints = _keypoints_camera(fitted, skeleton)
    return T_camera_world(ground, origin_m=keypoints[0, MIDDLE], forward=_forward(keypoints, ground.up_camera))


def _keypoints_camera(fitted: FittedMotion, skeleton: Skeleton) -> NDArray[np.float64]:
    scaled = Kinematics(skeleton).with_scales(torch.from_numpy(fitted.body_scales))
    return scaled.markers_over_time(torch.from_numpy(fitted.q)).numpy() @ fitted.R_camera_world.T


def _forward(keypoints_m: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where someone goes; or, who stays, faces on average; or, who lies, away from the camera."""
    path = keypoints_m[-1, MIDDLE] - keypoints_m[0, MIDDLE]
    level = path - (path @ up) * up
    if np.linalg.norm(level) > TRAVEL_M:
        return level
    right = keypoints_m[:, KEYPOINTS.index("right_hip")] - keypoints_m[:, KEYPOINTS.index("left_hip")]
    facing = np.cross(up, right.mean(axis=0))
    return facing if np.linalg.norm(facing) > FACING_M else np.cross(up, [1.0, 0.0, 0.0])


def _notes(camera: Camera, motion: CameraMotionResult | None) -> tuple[str, ...]:
    notes = []
    if camera.source == "estimate":
        notes.append(
            f"The focal length was not known; {camera.focal_px[0]:.0f} px was assumed, give or take "
            f"{100 * camera.focal_sd:.0f} %: distances from the camera are uncertain by as much. Give focal_px or the "
            "field of view to do better."
        )
    if motion is not None and (motion.moves or not motion.reliable):
        notes.append(motion.sentence)
    return tuple(notes)
