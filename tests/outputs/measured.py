"""People as if measured: a made-up jump in front of a made-up camera, its keypoints those of the body itself."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.subject import BodyWithSkeleton
from biopose.camera.pinhole import Camera
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.refinement import RefinementGain
from biopose.rendering.sample_jump import synthetic_jump
from biopose.skeleton.kinematics import Kinematics
from biopose.tracking.tracks import PersonTrack
from biopose.video.frames import Frame

RATE_HZ = 25.0
SETTINGS = {"height_m": 1.78, "cutoff_hz": 6.0}
GAIN = RefinementGain(80, 6.1, 3.9)
VERSIONS = {"biopose": "0.1.0", "weights": {"rtmpose-s": {"sha256": "ab" * 32}}}
JOINTS = {"hip": "femur", "knee": "tibia", "ankle": "talus", "shoulder": "humerus", "elbow": "ulna", "wrist": "hand"}
ON_SKIN = {"big_toe": "TOE", "small_toe": "MT5", "heel": "HEE", "eye": "FHD", "ear": "BHD"}


def look_from(degrees: float, *, distance_m: float = 4.5, height_m: float = 1.4) -> np.ndarray:
    """T_camera_world of a level camera; 0 degrees is in front of the person, 90 on their right."""
    angle = np.radians(degrees)
    towards = np.array([np.cos(angle), 0.0, np.sin(angle)])
    down, forward = np.array([0.0, -1.0, 0.0]), -towards
    R = np.stack([np.cross(down, forward), down, forward])
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, -R @ (towards * distance_m + [0.0, height_m, 0.0])
    return T


@lru_cache(maxsize=1)
def jumper() -> tuple[BodyWithSkeleton, np.ndarray]:
    """A person, (T, Q) coordinates."""
    person, time_s, q = synthetic_jump()
    step = round(1 / (RATE_HZ * (time_s[1] - time_s[0])))
    return person, q[::step].copy()


def keypoints_of(person: BodyWithSkeleton, q: np.ndarray) -> np.ndarray:
    """(T, 26, 3) roughly where the keypoints are."""
    pose = Kinematics(person.skeleton).with_coordinates(torch.from_numpy(q))
    centers, markers = pose.joint_centers.numpy(), pose.markers.numpy()
    names = person.skeleton.body_names

    def marker(name: str) -> np.ndarray:
        return markers[:, person.skeleton.marker_names.index(name)]

    def point(keypoint: str) -> np.ndarray:
        side, _, rest = keypoint.partition("_")
        if rest in JOINTS and side != "mid":
            return centers[:, names.index(f"{JOINTS[rest]}_{side[0]}") - 1]
        if rest in ON_SKIN:
            return marker(side[0].upper() + ON_SKIN[rest])
        if keypoint == "mid_hip":
            return (point("left_hip") + point("right_hip")) / 2
        if keypoint == "neck":
            return (point("left_shoulder") + point("right_shoulder")) / 2
        return (marker("LFHD") + marker("RFHD")) / 2

    return np.stack([point(name) for name in KEYPOINTS], axis=1)


def measured(
    *,
    person_number: int = 0,
    first_frame: int = 0,
    frames: int | None = None,
    shift_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    camera: Camera | None = None,
    from_degrees: float = 60.0,
) -> PersonMeasurement:
    person, q = jumper()
    q = q[:frames].copy()
    q[:, [person.skeleton.coordinate_names.index(f"pelvis_t{axis}") for axis in "xyz"]] += shift_m
    camera = camera or Camera(640, 360, (520.0, 500.0), (330.0, 170.0), focal_sd=0.1, source="estimate")
    T = look_from(from_degrees)
    points = keypoints_of(person, q)
    rng = np.random.default_rng(1)
    pixels = camera.project(torch.from_numpy(points @ T[:3, :3].T + T[:3, 3])).numpy()
    pixels = pixels + rng.normal(scale=1.0, size=pixels.shape)
    box = np.concatenate([pixels.min(axis=1) - 8, pixels.max(axis=1) + 8], axis=1)
    n = len(q)
    lost = slice(n // 2, n // 2 + 2) if n > 2 else slice(0)
    box[lost], pixels[lost] = np.nan, np.nan
    confidence = rng.uniform(0.6, 0.95, (n, len(KEYPOINTS)))
    confidence[lost] = 0.0
    indices = np.arange(first_frame, first_frame + n)
    track = PersonTrack(person_number, indices, indices / RATE_HZ, box, pixels, confidence)
    quality = np.clip(rng.normal(0.85, 0.06, n), 0, 1)
    quality[lost] = 0.1
    names = person.skeleton.marker_names
    markers = Kinematics(person.skeleton).with_coordinates(torch.from_numpy(q)).markers.numpy()
    return PersonMeasurement(
        track=track,
        camera=camera,
        T_camera_world=T,
        person=person,
        coordinates=CoordinateTrajectories(track.time_s, person.skeleton.coordinate_names, q),
        markers=MarkerTrajectories(track.time_s, names, markers),
        keypoints_m=points,
        contact=rng.uniform(0, 1, (n, 4)),
        quality={
            "reprojection_px": np.where(np.isnan(box[:, 0]), np.nan, rng.gamma(4.0, 0.8, n)),
            "confidence": confidence.mean(axis=1),
            "seen_fraction": (confidence > 0.3).mean(axis=1),
            "quality": quality,
        },
        notes=("The focal length is an estimate: depth is uncertain by 10 %.",),
    )


def with_sd(one: PersonMeasurement) -> PersonMeasurement:
    """The same with a standard deviation of 2 to 4 degrees, or hundredths of a metre; unknown in frames 4 and 5."""
    frames, coordinates = one.coordinates.values.shape
    sd = np.radians(3 + np.sin(0.3 * np.arange(frames)[:, None] + np.arange(coordinates)))
    sd[4:6] = np.nan
    return replace(one, coordinate_sd=sd)


def two_people() -> list[PersonMeasurement]:
    return [measured(), measured(person_number=1, first_frame=10, frames=30, shift_m=(0.6, 0.0, -1.2))]


def video_of(people: list[PersonMeasurement], *, frames: int) -> Iterator[Frame]:
    """Grey pictures of the people's camera, one with a shade per frame."""
    camera = people[0].camera
    for index in range(frames):
        image = np.full((camera.height_px, camera.width_px, 3), 120 + index % 40, dtype=np.uint8)
        yield Frame(index, index / RATE_HZ, image)
