"""The solve stage: from a person's reconstructed motion to coordinates of their skeleton, filtered, with deviations."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.keypoint_displacements import displacements
from biopose.body.keypoint_landmarks import skeleton_with_keypoints
from biopose.body.segment_body import SEGMENTS
from biopose.body.subject import BodyWithSkeleton
from biopose.camera.pinhole import Camera
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.reconstruction.fitted_person import FittedPerson, person_of, virtual_markers
from biopose.reconstruction.low_pass_filter import can_filter, low_pass
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.neural_ik import NeuralIK
from biopose.reconstruction.observed_track import reprojection_errors_px
from biopose.reconstruction.unseen_coordinates import held_note, with_unseen_at_their_means, with_unseen_sd
from biopose.skeleton.constant_errors import constant_sd_rad
from biopose.skeleton.gap_filling import fill_gaps
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.kinematics import FRAMES_AT_ONCE, Kinematics
from biopose.skeleton.model import Skeleton
from biopose.tracking.tracks import PersonTrack

IK_TOLERANCE = 1e-4
# Of the squared errors that NeurIK predicts, what is the same in every frame: on film of ten synthetic jumps the means
# over a trial were 40 to 75 % of the squared errors of hips, knees, lumbar extension and arms, 11 % of the ankles'. It
# is no larger in uncertain frames than in the surest one, so that this one, too, has an error that varies.
CONSTANT_SHARE = 0.5
# Means of the neck's angles and of lumbar rotation err 1.16 to 1.35 times as much as it gives, on the 22 clips of
# `view_deviations`, with this share 0.92 to 1.07 times; those of knees and elbows 0.84 and 0.88 times without.
LARGER_SHARE = dict.fromkeys(("neck_flexion", "neck_bending", "neck_rotation", "lumbar_rotation"), 0.8)
HEIGHT = "pelvis_ty"
HALF_QUALITY_ERROR = 0.03  # reprojection error, as a fraction of the box's height, at which quality is halved


def solve_person(
    fitted: FittedPerson,
    *,
    body: Body,
    skeleton: Skeleton,
    cutoff_hz: float,
    neural_ik: NeuralIK | None = None,
    threads: int = 2,
) -> PersonMeasurement:
    """Coordinates from the virtual markers of a reconstructed motion, filtered.

    Args:
        fitted: the person.
        body: the default body.
        skeleton: the default skeleton, unscaled.
        cutoff_hz: of the low-pass filter.
        neural_ik: predicts the coordinates and their standard deviations; None solves by inverse kinematics, which
            gives no standard deviations.
        threads: of inverse kinematics.
    """
    track, notes = fitted.track, fitted.notes
    person = person_of(fitted, body=body, skeleton=skeleton)
    names = person.skeleton.coordinate_names
    if held := held_note(names):
        notes = (*notes, held)
    if neural_ik is None:
        coordinates = inverse_kinematics_of(person, virtual_markers(person, fitted), threads=threads)
        sd = constant_sd = None
    else:
        coordinates, sd = neural_ik.predict(fitted, person)
        sd = with_unseen_sd(sd, names)
        of_frames = constant_sd_rad(names, of_film=True)
        shares = np.array([LARGER_SHARE.get(name, CONSTANT_SHARE) for name in names])
        constant_sd = np.sqrt(of_frames**2 + shares * sd.min(axis=0) ** 2)
        sd = np.hypot(sd, of_frames)
        sd[:, names.index(HEIGHT)] = constant_sd[names.index(HEIGHT)] = fitted.height_sd_m
    unfiltered = _continuous(person.skeleton, with_unseen_at_their_means(coordinates, names))
    values = low_pass(unfiltered, track.time_s, cutoff_hz=cutoff_hz)
    if len(track) > 1 and not can_filter(track.time_s, cutoff_hz=cutoff_hz):
        notes = (*notes, f"{track.rate_hz:.0f} frames/s cannot carry {cutoff_hz:g} Hz: the angles are not filtered.")
    values = _inside_limits(person.skeleton, values)
    q = torch.from_numpy(values)
    keypoints = Kinematics(skeleton_with_keypoints(skeleton)).with_scales(torch.from_numpy(person.body_scales))
    keypoints_m = keypoints.markers_over_time(q).numpy()
    seen_m = keypoints_m + _displacements_m(fitted, keypoints, q) if fitted.motion.is_from_mesh else keypoints_m
    markers_m = Kinematics(person.skeleton).markers_over_time(q).numpy()
    return PersonMeasurement(
        track=track,
        camera=fitted.camera,
        T_camera_world=fitted.T_camera_world,
        person=person,
        coordinates=CoordinateTrajectories(track.time_s, names, values),
        coordinate_sd=sd,
        constant_sd=constant_sd,
        unfiltered=CoordinateTrajectories(track.time_s, names, unfiltered),
        markers=MarkerTrajectories(track.time_s, person.skeleton.marker_names, markers_m),
        keypoints_m=keypoints_m,
        contact=fitted.contact,
        quality=_quality(track, fitted.camera, seen_m, fitted.T_camera_world),
        notes=notes,
        refinement=fitted.motion.refinement,
    )


def inverse_kinematics_of(
    person: BodyWithSkeleton, markers: MarkerTrajectories, *, threads: int = 2
) -> NDArray[np.float64]:
    """(T, Q) coordinates of a person's skeleton from their virtual markers, gaps interpolated."""
    solution = inverse_kinematics(person.skeleton, markers, tolerance=IK_TOLERANCE, threads=threads)
    values = solution.coordinates.values
    return fill_gaps(np.nan_to_num(values), ~np.isnan(values), markers.time_s)


def _displacements_m(fitted: FittedPerson, keypoints: Kinematics, q: Tensor) -> NDArray[np.float64]:
    """(T, 26, 3) where the network sees the keypoints, from the body's points, for coordinates (T, Q)."""
    bodies = [keypoints.skeleton.body_names.index(segment) for segment in SEGMENTS]
    parts = [keypoints.with_coordinates(part).R_ground_body[:, bodies] for part in q.split(FRAMES_AT_ONCE)]
    return fitted.athlete.height_m * torch.cat([displacements(R) for R in parts]).numpy()


def _quality(
    track: PersonTrack, camera: Camera, keypoints_m: NDArray[np.float64], T_camera_world: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Per-frame metrics, of keypoints (T, 26, 3) where they are seen; see `PersonMeasurement.quality`."""
    in_camera = keypoints_m @ T_camera_world[:3, :3].T + T_camera_world[:3, 3]
    error_px = reprojection_errors_px(track, camera, in_camera)
    known = ~np.isnan(error_px)
    empty = ~known.any(axis=1)
    error_px[empty] = 0.0
    reprojection_px = np.where(empty, np.nan, np.nanmedian(error_px, axis=1))
    box_px = np.where(track.detected, track.boxes_px[:, 3] - track.boxes_px[:, 1], np.nan)
    confidence = np.where(track.detected, track.confidence.mean(axis=1), 0.0)
    seen_fraction = known.mean(axis=1)
    fit = 1.0 / (1.0 + (reprojection_px / (HALF_QUALITY_ERROR * box_px)) ** 2)
    return {
        "reprojection_px": reprojection_px,
        "confidence": confidence,
        "seen_fraction": seen_fraction,
        "quality": np.nan_to_num(fit) * confidence,
    }


def _continuous(skeleton: Skeleton, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unlimited angles without jumps of 2 pi, the first frame within [-pi, pi]."""
    values = values.copy()
    for column, coordinate in enumerate(skeleton.coordinates):
        if coordinate.name in skeleton.rotational_names and not coordinate.clamped:
            values[:, column] = np.unwrap(values[:, column])
            values[:, column] -= 2 * np.pi * np.round(values[0, column] / (2 * np.pi))
    return values


def _inside_limits(skeleton: Skeleton, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Clamped coordinates within their ranges, which filtering overshoots a little."""
    low = [c.range_min if c.clamped else -np.inf for c in skeleton.coordinates]
    high = [c.range_max if c.clamped else np.inf for c in skeleton.coordinates]
    return skeleton.satisfy_couplings(values.clip(low, high))
