"""The result of measuring a video: each person's kinematics and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from biopose.body.subject import BodyWithSkeleton
from biopose.camera.pinhole import Camera
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.reconstruction.refinement import RefinementGain
from biopose.tracking.tracks import PersonTrack

FOOT_POINTS = ("left_heel", "left_toe", "right_heel", "right_toe")


@dataclass(frozen=True, eq=False)
class PersonMeasurement:
    """One person's motion through T frames, in a world whose y is up and whose ground is y = 0.

    Attributes:
        track: the observed keypoints.
        camera: intrinsics.
        T_camera_world: (4, 4) p_camera = T_camera_world @ p_world.
        person: the body's shape and the skeleton scaled to it, with the virtual markers.
        coordinates: (T, Q) of the skeleton, filtered; radians and metres.
        markers: (T, M, 3) the virtual markers, metres.
        keypoints_m: (T, 26, 3) the fitted person's keypoints in the world, metres.
        contact: (T, 4) probability that each of FOOT_POINTS rests on the ground.
        quality: per-frame metrics by name, (T,) each: reprojection_px (median over the observed keypoints), confidence
            (mean), seen_fraction (of keypoints that are observed), quality (0 to 1).
        notes: sentences for the user about what limits this measurement.
        refinement: the gain of refining MQ-HMR's output; None where nothing was refined.
        coordinate_sd: (T, Q) standard deviations of `coordinates`, radians and metres, NaN where one is not known;
            None where the method gives none.
        constant_sd: (Q,) of that the part that is the same error in every frame; None likewise.
        unfiltered: (T, Q) the coordinates before the low-pass filter; None where they were not kept.
    """

    track: PersonTrack
    camera: Camera
    T_camera_world: NDArray[np.float64]
    person: BodyWithSkeleton
    coordinates: CoordinateTrajectories
    markers: MarkerTrajectories
    keypoints_m: NDArray[np.float64]
    contact: NDArray[np.float64]
    quality: dict[str, NDArray[np.float64]]
    notes: tuple[str, ...] = field(default=())
    refinement: RefinementGain | None = None
    coordinate_sd: NDArray[np.float64] | None = None
    constant_sd: NDArray[np.float64] | None = None
    unfiltered: CoordinateTrajectories | None = None
