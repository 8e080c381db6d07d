"""Fit the motion of every person of a clip, and place all of them in one world with one ground."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.anny import Body
from biopose.body.keypoint_landmarks import FOOT_KEYPOINT_HEIGHT_M, FOOT_KEYPOINTS, skeleton_with_keypoints
from biopose.body.keypoint_names import KEYPOINTS
from biopose.camera.ground import (
    Contacts,
    Ground,
    T_camera_world,
    Vertical,
    ground_from_contacts,
    vertical_of_each_alone,
)
from biopose.camera.motion_summary import CameraMotionResult
from biopose.camera.pinhole import Camera
from biopose.hmr.lifter import LIFTER_WEIGHTS, Lifter, load_lifter
from biopose.hmr.pose_prior import POSE_PRIOR_WEIGHTS, PosePrior
from biopose.reconstruction.common_floor import Footing, floor_notes, unseen_ground_notes
from biopose.reconstruction.fit_options import FitWeights, SolverOptions
from biopose.reconstruction.fitted_person import Athlete, FittedPerson
from biopose.reconstruction.height_over_ground import HeightOverGround
from biopose.reconstruction.mesh_recovery import MeshModels, PersonMesh, recover_mesh
from biopose.reconstruction.motion_problem import PersonModel
from biopose.reconstruction.observations import MID_HIP
from biopose.reconstruction.observed_track import ObservedTrack, observe
from biopose.reconstruction.seen_keypoints import at_body_points
from biopose.reconstruction.track_fit import FittedMotion, fit_track
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.threads import in_threads
from biopose.tracking.tracks import PersonTrack
from biopose.tracking.visibility import limits_of_view

# Of the lifter's vertical, the mean over a clip: of a level camera, and by how much more of one that looks up or down
# or is rolled, which the lifter takes to be nearer to level. On film of 57 synthetic walks, runs, jumps and stairs by
# cameras 0.4 to 3.2 m high its pitch is off by 4.6 degrees (rms), the ground's by 3.0. On this film the camera's pitch
# is 1.5 times what the lifter finds, but not in real film (the accuracy page has both), so it is not corrected.
PITCH_SD_DEG, PITCH_SHARE = 4.0, 0.5
ROLL_SD_DEG, ROLL_SHARE = 1.0, 0.4
LEAST_CONTACT = 0.5
TRAVEL_M = 1.0  # of the pelvis through a clip, above which the heading is the direction of travel
FACING_M = 0.03  # horizontal distance between the hips, on average, below which there is no facing direction


@dataclass(frozen=True, eq=False)
class FitModels:
    """What the fit loads once, and its configuration."""

    lifter: Lifter
    pose_prior: PosePrior
    body: Body
    skeleton: Skeleton
    options: SolverOptions = field(default_factory=SolverOptions)
    weights: FitWeights = field(default_factory=FitWeights)
    mesh: MeshModels | None = None
    threads: int = 2

    @classmethod
    def load(
        cls,
        *,
        lifter: Path = LIFTER_WEIGHTS,
        pose_prior: Path = POSE_PRIOR_WEIGHTS,
        options: SolverOptions | None = None,
        weights: FitWeights | None = None,
        mesh: MeshModels | None = None,
        threads: int = 2,
    ) -> FitModels:
        """Load all.

        Args:
            lifter: its weights.
            pose_prior: the mixture.
            options: of the solver; None takes the default.
            weights: of the terms; None takes the default.
            mesh: MQ-HMR and its refinement; None fits the keypoints alone.
            threads: how many people are fitted at a time.

        Raises:
            ModelError: if the body's asset or weights are missing or broken; the message says how to get them.
        """
        return cls(
            load_lifter(lifter),
            PosePrior.load(pose_prior),
            Body.load(),
            full_body_skeleton(),
            options or SolverOptions(),
            weights or FitWeights(),
            mesh,
            threads,
        )

    def scale_skeletons(self, athletes: Sequence[Athlete]) -> None:
        """Make the bodies that the fit starts from, once for equal athletes; they are kept for it."""
        in_threads(
            lambda athlete: athlete.body_with_skeleton(self.body, self.skeleton),
            list(dict.fromkeys(athletes)),
            threads=self.threads,
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
        camera_motion: None for a static camera.
        notes: sentences for the user about what limits the measurement.
        progress: called with the number of frames finished, and of all.
    """
    if not athletes:
        raise ValueError("no athlete is described; at least a height is needed")
    total, done, alone = sum(len(track) for track in tracks), 0, Lock()

    def advance(frames: int) -> None:
        nonlocal done
        with alone:
            done += frames
            if progress:
                progress(done, total)

    stands = camera_motion is None or not camera_motion.moves
    keypoint_skeleton = skeleton_with_keypoints(models.skeleton)
    models.scale_skeletons(athletes[: len(tracks)])

    threads = max(1, models.threads // len(tracks))  # for the windows of each person

    def fit(number: int) -> tuple[Athlete, ObservedTrack, FittedMotion]:
        track, athlete = tracks[number], athletes[min(number, len(athletes) - 1)]
        if models.mesh is not None:
            track = at_body_points(track, camera, models.mesh, height_m=athlete.height_m)
        observed = observe(track, camera, models.lifter, height_m=athlete.height_m, camera_stands=stands)
        found = _fitted(track, observed, athlete, camera, models, keypoint_skeleton, threads=threads, progress=advance)
        return athlete, *found

    fits = in_threads(fit, range(len(tracks)), threads=models.threads)
    footings = [
        _footing(track, athlete, observed, motion, keypoint_skeleton)
        for track, (athlete, observed, motion) in zip(tracks, fits, strict=True)
    ]
    expected_up = fits[0][2].R_camera_world[:, 1]
    ground = _ground(footings, expected_up)
    T = _world(ground, fits[0][2], keypoint_skeleton)
    all_notes = (*notes, *_notes(camera, camera_motion))
    of_floor: dict[int, tuple[str, ...]] = {}
    if stands and len(fits) > 1:
        of_floor = floor_notes(footings, vertical=_vertical(footings, [fit[2] for fit in fits]))
    unseen = unseen_ground_notes(footings, ground) if stands else {}
    heights = [HeightOverGround.of(one, ground, up_camera=expected_up) for one in footings]
    return [
        FittedPerson(
            track=track,
            athlete=athlete,
            camera=camera.with_focal(camera.focal_px[0] * motion.focal_factor),
            contact=observed.observations.contact.double().numpy(),
            motion=motion,
            T_camera_world=T,
            keypoint_sd_m=observed.observations.lifted_sd_m.double().numpy(),
            height_sd_m=height.sd_m,
            notes=all_notes
            + of_floor.get(track.person, ())
            + unseen.get(track.person, ())
            + height.notes
            + limits_of_view(track),
        )
        for track, (athlete, observed, motion), height in zip(tracks, fits, heights, strict=True)
    ]


def _fitted(
    track: PersonTrack,
    observed: ObservedTrack,
    athlete: Athlete,
    camera: Camera,
    models: FitModels,
    keypoint_skeleton: Skeleton,
    *,
    threads: int,
    progress: Callable[[int], None],
) -> tuple[ObservedTrack, FittedMotion]:
    """One person's motion; where MQ-HMR is loaded, the fit starts at the recovered mesh and observes its keypoints."""
    start = refinement = None
    weights = models.weights
    default = athlete.body_with_skeleton(models.body, models.skeleton)
    if models.mesh is not None:
        known = PersonMesh(
            models.skeleton,
            keypoint_skeleton,
            default.rest_posture,
            athlete.height_m,
            focal_sd=camera.focal_sd,
            weights=weights,
        )
        observed, recovered = recover_mesh(track, observed, known, camera, models=models.mesh, threads=threads)
        if models.mesh.stage != "refined":
            progress(len(track))
            return observed, recovered
        start, refinement = recovered.q, recovered.refinement
        weights = replace(weights, pose=models.mesh.options.pose_prior_share * weights.pose)
    model = PersonModel(
        keypoint_skeleton, default.body_scales, models.pose_prior, focal_sd=camera.focal_sd, weights=weights
    )
    motion = fit_track(
        observed, model, track.time_s, options=models.options, start=start, threads=threads, progress=progress
    )
    return observed, replace(motion, refinement=refinement)


def _footing(
    track: PersonTrack, athlete: Athlete, observed: ObservedTrack, fitted: FittedMotion, skeleton: Skeleton
) -> Footing:
    """Where a person's feet rest."""
    feet = _keypoints_camera(fitted, skeleton)[:, FOOT_KEYPOINTS]
    feet = feet - np.outer(FOOT_KEYPOINT_HEIGHT_M, fitted.R_camera_world[:, 1])
    contact = observed.observations.contact.double().numpy()
    weights = np.where(contact > LEAST_CONTACT, contact, 0.0)
    return Footing(track.person, athlete.height_m, Contacts(feet, weights, track.time_s))


def _ground(footings: Sequence[Footing], up_camera: NDArray[np.float64]) -> Ground:
    """From the contacts of all people, and where up is expected."""
    people = [footing.contacts for footing in footings]
    if not any(one.there.any() for one in people):
        people = [_lowest(one, up_camera) for one in people]
    return ground_from_contacts(people, up_camera=up_camera, **_up_sds_deg(up_camera))


def _vertical(footings: Sequence[Footing], fits: Sequence[FittedMotion]) -> Vertical:
    """Of the bodies and of each person's own contacts."""
    up_camera = np.mean([fit.R_camera_world[:, 1] for fit in fits], axis=0)
    up_camera /= np.linalg.norm(up_camera)
    contacts = [footing.contacts for footing in footings]
    return vertical_of_each_alone(contacts, up_camera=up_camera, **_up_sds_deg(up_camera, people=len(fits)))


def _up_sds_deg(up_camera: NDArray[np.float64], *, people: int = 1) -> dict[str, float]:
    """Standard deviations of the mean of people's verticals: only what they owe to the camera is the same in all."""
    pitch_deg = np.degrees(np.arcsin(np.clip(up_camera[2], -1.0, 1.0)))
    roll_deg = np.degrees(np.arctan2(up_camera[0], -up_camera[1]))
    return {
        "pitch_sd_deg": float(np.hypot(PITCH_SD_DEG / np.sqrt(people), PITCH_SHARE * pitch_deg)),
        "roll_sd_deg": float(np.hypot(ROLL_SD_DEG / np.sqrt(people), ROLL_SHARE * roll_deg)),
    }


def _world(ground: Ground, first: FittedMotion, skeleton: Skeleton) -> NDArray[np.float64]:
    """T_camera_world (4, 4); origin and heading are the first person's."""
    keypoints = _keypoints_camera(first, skeleton)
    return T_camera_world(ground, origin_m=keypoints[0, MID_HIP], forward=_forward(keypoints, ground.up_camera))


def _lowest(person: Contacts, up_camera: NDArray[np.float64]) -> Contacts:
    """Of somebody without a contact: the ground is under the lowest feet."""
    height_m = person.points_m @ up_camera
    return replace(person, weights=(height_m <= np.quantile(height_m, 0.05)).astype(float))


def _keypoints_camera(fitted: FittedMotion, skeleton: Skeleton) -> NDArray[np.float64]:
    scaled = Kinematics(skeleton).with_scales(torch.from_numpy(fitted.body_scales))
    return scaled.markers_over_time(torch.from_numpy(fitted.q)).numpy() @ fitted.R_camera_world.T


def _forward(keypoints_m: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Horizontal direction of travel; else the mean facing direction; else, of one who lies, away from the camera."""
    path = keypoints_m[-1, MID_HIP] - keypoints_m[0, MID_HIP]
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
