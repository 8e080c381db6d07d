"""From a fitted motion to a measurement: the body, its virtual markers, coordinates from them, filtered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.keypoint_landmarks import skeleton_with_keypoints
from biopose.body.shape import phenotype_for
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body, stretched_to
from biopose.camera.pinhole import Camera
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.reconstruction.low_pass_filter import can_filter, low_pass
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.observations import reprojection_errors_px
from biopose.reconstruction.trajectories import FittedMotion
from biopose.skeleton.ik.solve import inverse_kinematics
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.tracking.tracks import PersonTrack

DEFAULT_BMI = 23.0  # kg/m2, where the mass is not known
SEX_AS_GENDER = {"male": 0.0, "female": 1.0, None: 0.5}
CHUNK_FRAMES = 256
GOOD_FIT_OF_BOX = 0.03  # keypoints this far off (share of the box's height) halve a frame's quality


@dataclass(frozen=True)
class Athlete:
    """What is known of a person before they are measured.

    Attributes:
        height_m: standing, without shoes.
        mass_kg: of a person of that height and a body mass index of 23 where it is not known.
        sex: "male", "female" or None.
    """

    height_m: float
    mass_kg: float | None = None
    sex: str | None = None

    def phenotype(self, body: Body) -> Tensor:
        """The body (6,) of someone of this height, mass and sex.

        Raises:
            ValueError: if no body of the model is so tall or so heavy.
        """
        mass_kg = self.mass_kg or DEFAULT_BMI * self.height_m**2
        return phenotype_for(body, height_m=self.height_m, mass_kg=mass_kg, gender=SEX_AS_GENDER[self.sex])

    def body_with_skeleton(self, body: Body, skeleton: Skeleton) -> BodyWithSkeleton:
        """The same with the default skeleton scaled to it."""
        return skeleton_of_body(body, body.with_shape(self.phenotype(body)), skeleton)


@dataclass(frozen=True, eq=False)
class FittedPerson:
    """One person whose motion is fitted: all that the measurement needs.

    Attributes:
        track: what was seen.
        athlete: what is known of the person.
        camera: with the focal length that the fit found.
        contact: (T, 4) probability that each foot point rests on the ground.
        motion: the fit.
        T_camera_world: (4, 4) of the world that the measurement is given in.
        keypoint_sd_m: (T, 26, 2) how well the keypoints about the hips are known, across the view and along it.
        notes: what limits it.
        coordinates: (T, Q) NeurIK's, of the person's skeleton in the measurement's world; None where it was not asked,
            and inverse kinematics solves for them.
        coordinate_sd: (T, Q) standard deviations of the coordinates, radians and metres, NaN where one is not known;
            None where NeurIK was not asked.
    """

    track: PersonTrack
    athlete: Athlete
    camera: Camera
    contact: NDArray[np.float64]
    motion: FittedMotion
    T_camera_world: NDArray[np.float64]
    keypoint_sd_m: NDArray[np.float64]
    notes: tuple[str, ...] = ()
    coordinates: NDArray[np.float64] | None = None
    coordinate_sd: NDArray[np.float64] | None = None


def person_of(fitted: FittedPerson, *, body: Body, skeleton: Skeleton) -> BodyWithSkeleton:
    """The body as the fit stretched it, with the skeleton scaled to it.

    Args:
        fitted: the person.
        body: the default body.
        skeleton: the default skeleton, unscaled.
    """
    usual = fitted.athlete.body_with_skeleton(body, skeleton)
    return skeleton_of_body(body, stretched_to(usual, fitted.motion.body_scales), skeleton)


def measured(fitted: FittedPerson, *, body: Body, skeleton: Skeleton, cutoff_hz: float) -> PersonMeasurement:
    """The measurement that a fit gives: scaling to the person, virtual markers, coordinates from them, filtering.

    Args:
        fitted: the person.
        body: the default body.
        skeleton: the default skeleton, unscaled.
        cutoff_hz: of the low-pass filter.
    """
    track, T_camera_world, notes = fitted.track, fitted.T_camera_world, fitted.notes
    person = person_of(fitted, body=body, skeleton=skeleton)
    coordinates = fitted.coordinates
    if coordinates is None:
        coordinates = solved(person, virtual_markers(person, fitted))
    values = _continuous(person.skeleton, coordinates)
    values = low_pass(values, track.time_s, cutoff_hz=cutoff_hz)
    if len(track) > 1 and not can_filter(track.time_s, cutoff_hz=cutoff_hz):
        notes = (*notes, f"{track.rate_hz:.0f} frames/s cannot carry {cutoff_hz:g} Hz: the angles are not filtered.")
    values = _inside_limits(person.skeleton, values)
    q = torch.from_numpy(values)
    keypoints = Kinematics(skeleton_with_keypoints(skeleton)).with_scales(torch.from_numpy(person.body_scales))
    keypoints_m = keypoints.markers_over_time(q).numpy()
    markers_m = Kinematics(person.skeleton).markers_over_time(q).numpy()
    return PersonMeasurement(
        track=track,
        camera=fitted.camera,
        T_camera_world=T_camera_world,
        person=person,
        coordinates=CoordinateTrajectories(track.time_s, person.skeleton.coordinate_names, values),
        coordinate_sd=fitted.coordinate_sd,
        markers=MarkerTrajectories(track.time_s, person.skeleton.marker_names, markers_m),
        keypoints_m=keypoints_m,
        contact=fitted.contact,
        quality=_quality(track, fitted.camera, keypoints_m, T_camera_world),
        notes=notes,
        refinement=fitted.motion.refinement,
    )


def solved(person: BodyWithSkeleton, markers: MarkerTrajectories) -> NDArray[np.float64]:
    """(T, Q) coordinates by batched inverse kinematics, without gaps."""
    solution = inverse_kinematics(person.skeleton, markers, tolerance=1e-4, threads=2)
    return _without_gaps(solution.coordinates.values, markers.time_s)


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


def _quality(
    track: PersonTrack, camera: Camera, keypoints_m: NDArray[np.float64], T_camera_world: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Per-frame figures; see `PersonMeasurement.quality`."""
    in_camera = keypoints_m @ T_camera_world[:3, :3].T + T_camera_world[:3, 3]
    error_px = reprojection_errors_px(track, camera, in_camera)
    known = ~np.isnan(error_px)
    empty = ~known.any(axis=1)
    error_px[empty] = 0.0
    reprojection_px = np.where(empty, np.nan, np.nanmedian(error_px, axis=1))
    box_px = np.where(track.seen, track.boxes_px[:, 3] - track.boxes_px[:, 1], np.nan)
    confidence = np.where(track.seen, track.confidence.mean(axis=1), 0.0)
    seen_fraction = known.mean(axis=1)
    fit = 1.0 / (1.0 + (reprojection_px / (GOOD_FIT_OF_BOX * box_px)) ** 2)
    return {
        "reprojection_px": reprojection_px,
        "confidence": confidence,
        "seen_fraction": seen_fraction,
        "quality": np.nan_to_num(fit) * confidence,
    }


def _without_gaps(values: NDArray[np.float64], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    return np.stack(
        [
            np.interp(time_s, time_s[k], column[k]) if k.any() else np.zeros(len(time_s))
            for column, k in zip(values.T, known.T, strict=True)
        ],
        axis=-1,
    )


def _continuous(skeleton: Skeleton, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles that may turn all the way round, without jumps of a whole turn; the first frame within half a turn."""
    values = values.copy()
    for column, coordinate in enumerate(skeleton.coordinates):
        if coordinate.name in skeleton.rotational_names and not coordinate.clamped:
            values[:, column] = np.unwrap(values[:, column])
            values[:, column] -= 2 * np.pi * np.round(values[0, column] / (2 * np.pi))
    return values


def _inside_limits(skeleton: Skeleton, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filtering overshoots a little at a limit."""
    low = [c.range_min if c.clamped else -np.inf for c in skeleton.coordinates]
    high = [c.range_max if c.clamped else np.inf for c in skeleton.coordinates]
    return skeleton.satisfy_couplings(values.clip(low, high))
