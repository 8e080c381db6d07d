"""A subject, their reconstructed motion, and the virtual markers on their body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.anny import Body
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body, stretched_to
from biopose.camera.pinhole import Camera
from biopose.io.trajectories import MarkerTrajectories
from biopose.reconstruction.athlete import Athlete
from biopose.reconstruction.track_fit import FittedMotion
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling import ScaledPosture
from biopose.tracking.tracks import PersonTrack

__all__ = ["Athlete", "FittedPerson", "person_of", "virtual_markers"]

CHUNK_FRAMES = 256


@dataclass(frozen=True, eq=False)
class FittedPerson:
    """One person whose motion is fitted.

    Attributes:
        track: the observed keypoints.
        athlete: what is known of the person.
        camera: with the fitted focal length.
        contact: (T, 4) probability that each foot point rests on the ground.
        motion: the fit.
        T_camera_world: (4, 4) of the measurement's world.
        keypoint_sd_m: (T, 26, 2) of the keypoints relative to the hips, across the view and along it.
        height_sd_m: of heights over the ground, the same error in all frames; NaN where it is not known.
        notes: sentences for the user about what limits the measurement.
    """

    track: PersonTrack
    athlete: Athlete
    camera: Camera
    contact: NDArray[np.float64]
    motion: FittedMotion
    T_camera_world: NDArray[np.float64]
    keypoint_sd_m: NDArray[np.float64]
    height_sd_m: float
    notes: tuple[str, ...] = ()


def person_of(fitted: FittedPerson, *, body: Body, skeleton: Skeleton) -> BodyWithSkeleton:
    """The body with the fitted proportions, and the skeleton scaled to it.

    Args:
        fitted: the person.
        body: the default body.
        skeleton: the default skeleton, unscaled.
    """
    default = fitted.athlete.body_with_skeleton(body, skeleton)
    near = ScaledPosture(default.rest_pose, fitted.motion.body_scales)
    return skeleton_of_body(body, stretched_to(default, near.body_scales), skeleton, near=near)


def virtual_markers(person: BodyWithSkeleton, fitted: FittedPerson) -> MarkerTrajectories:
    """The body's markers in the fitted poses, in the measurement's world."""
    motion, T_camera_world = fitted.motion, fitted.T_camera_world
    R_world_fit = T_camera_world[:3, :3].T @ motion.R_camera_world
    origin = -T_camera_world[:3, :3].T @ T_camera_world[:3, 3]
    positions = [
        person.markers.positions(person.with_coordinates(torch.from_numpy(motion.q[a : a + CHUNK_FRAMES])))
        for a in range(0, len(motion.q), CHUNK_FRAMES)
    ]
    in_fit = torch.cat(positions).double().numpy()
    names = tuple(marker.name for marker in person.skeleton.markers)
    return MarkerTrajectories(fitted.track.time_s, names, in_fit @ R_world_fit.T + origin)
