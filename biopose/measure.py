"""From a video to people's joint angles.

    models = Models.load()
    measurement = measure_video(Path("jump.mp4"), [Athlete(height_m=1.78)], models=models)

The stages, one after the other: decode, detect, keypoints and tracks (`biopose.vision.people`), lift and fit each
person (`biopose.fitting`), ground from everybody's contacts, then the body's virtual markers and inverse kinematics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.model import Body
from biopose.body_skeleton import BodyWithSkeleton
from biopose.fitting.evidence import SeenPerson, see
from biopose.fitting.filtering import CUTOFF_HZ
from biopose.fitting.fit import PersonModel
from biopose.fitting.person import Athlete, measured
from biopose.fitting.terms import MIDDLE
from biopose.fitting.track_fit import FittedMotion, fit_track
from biopose.keypoint_landmarks import FOOT_KEYPOINT_HEIGHT_M, FOOT_KEYPOINTS, skeleton_with_keypoints
from biopose.measurement import PersonMeasurement
from biopose.models.lifter import Lifter, load_lifter
from biopose.models.pose_prior import PosePrior
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.vision.athlete import Choice, choose_athletes
from biopose.vision.camera import Camera
from biopose.vision.camera_motion import CameraMotion
from biopose.vision.camera_motion_result import CameraMotionResult
from biopose.vision.detection import PersonDetector
from biopose.vision.ground import T_camera_world, ground_from_contacts
from biopose.vision.intrinsics import intrinsics
from biopose.vision.keypoint_names import KEYPOINTS
from biopose.vision.keypoints import KeypointNetwork
from biopose.vision.people import People, find_people
from biopose.vision.quicktime import quicktime_tags
from biopose.vision.side_swaps import repair_side_swaps
from biopose.vision.tracks import PersonTrack
from biopose.vision.video import Frame, read_frames
from biopose.vision.video_probe import VideoInfo, probe_video

UP_SD_DEG = 4.0  # of the lifter's word on gravity, on held-out windows
LEAST_CONTACT = 0.5
TRAVEL_M = 1.0  # who goes farther is taken to face where they go
FACING_M = 0.03  # of the level distance between the hips, below which nobody faces anywhere
Stage = Literal["keypoints", "fit", "overlay"]
Progress = Callable[[Stage, int, int], None]


@dataclass(frozen=True, eq=False)
class Models:
    """Everything that is loaded once, whatever is measured with it."""

    detector: PersonDetector
    keypoints: KeypointNetwork
    lifter: Lifter
    pose_prior: PosePrior
    body: Body
    skeleton: Skeleton

    @classmethod
    def load(cls, *, threads: int = 2) -> Models:
        """Load all.

        Raises:
            ModelError: if an asset is missing or broken; the message says how to get it.
        """
        return cls(
            detector=PersonDetector.load(threads=threads),
            keypoints=KeypointNetwork.load(threads=threads),
            lifter=load_lifter(),
            pose_prior=PosePrior.load(),
            body=Body.load(),
            skeleton=full_body_skeleton(),
        )


@dataclass(frozen=True)
class MeasureOptions:
    """Choices for one video.

    Attributes:
        choice: which people.
        camera: intrinsics, where known; else from the file's metadata, else estimated.
        activity: of `CUTOFF_HZ`, tells the low-pass filter's cut-off.
        start_s: of the file as it is played.
        end_s: likewise.
        recorded_rate_hz: of slow motion.
        keep_readable: measure what comes before a break in a broken file.
    """

    choice: Choice = "largest"
    camera: Camera | None = None
    activity: str = "other"
    start_s: float | None = None
    end_s: float | None = None
    recorded_rate_hz: float | None = None
    keep_readable: bool = False


@dataclass(frozen=True, eq=False)
class Measurement:
    """Everybody who was measured in a video.

    Attributes:
        people: as chosen.
        info: of the file.
        camera_motion: whether the camera moved.
        frame_count: frames decoded.
        seconds: spent in each stage.
    """

    people: list[PersonMeasurement]
    info: VideoInfo
    camera_motion: CameraMotionResult
    frame_count: int
    seconds: dict[str, float] = field(default_factory=dict)


def measure_video(
    path: Path,
    athletes: Sequence[Athlete],
    *,
    options: MeasureOptions | None = None,
    models: Models | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Measure the people in a video.

    Args:
        path: of the video.
        athletes: what is known of the people chosen, in their order; the last stands for all that follow.
        options: choices.
        models: loaded before; None loads them.
        progress: told the stage, how many of its frames are done and how many there are (0: not known).

    Raises:
        VideoError: the file cannot be decoded.
        TrackingError: nobody to measure.
        ModelError: an asset is missing.
        ValueError: options or athletes that cannot be.
    """
    options = options or MeasureOptions()
    models = models or Models.load()
    seconds: dict[str, float] = {}
    info = probe_video(path)
    camera = options.camera or intrinsics(
        width_px=info.width_px, height_px=info.height_px, metadata=dict(info.metadata) | quicktime_tags(path)
    )
    if (camera.width_px, camera.height_px) != (info.width_px, info.height_px):
        raise ValueError(
            f"the camera is for pictures of {camera.width_px} x {camera.height_px}; {path} has {info.width_px} x "
            f"{info.height_px}"
        )
    with _timed(seconds, "keypoints"):
        people, motion = _see_people(path, info, options, models, progress)
    chosen = choose_athletes(
        people.tracks,
        choice=options.choice,
        width_px=people.width_px,
        height_px=people.height_px,
        frame_count=people.frame_count,
    )
    with _timed(seconds, "fit"):
        measured_people = measure_people(
            [repair_side_swaps(track) for track in chosen],
            athletes,
            camera,
            models=models,
            camera_motion=motion,
            cutoff_hz=CUTOFF_HZ[options.activity],
            progress=progress,
        )
    return Measurement(measured_people, info, motion, people.frame_count, seconds)


def _see_people(
    path: Path, info: VideoInfo, options: MeasureOptions, models: Models, progress: Progress | None
) -> tuple[People, CameraMotionResult]:
    frames = read_frames(
        path,
        start_s=options.start_s,
        end_s=options.end_s,
        recorded_rate_hz=options.recorded_rate_hz,
        keep_readable=options.keep_readable,
    )
    motion = CameraMotion()

    def watch(frame: Frame, boxes_px: NDArray[np.float64]) -> None:
        motion.add(frame_index=frame.index, time_s=frame.time_s, image=frame.image, boxes_px=boxes_px)

    done = 0

    def tell(frames: int) -> None:
        nonlocal done
        done += frames
        if progress:
            progress("keypoints", done, info.frame_count or 0)

    people = find_people(frames, detector=models.detector, network=models.keypoints, watch=watch, progress=tell)
    return people, motion.result()


def measure_people(
    tracks: Sequence[PersonTrack],
    athletes: Sequence[Athlete],
    camera: Camera,
    *,
    models: Models,
    camera_motion: CameraMotionResult | None,
    cutoff_hz: float,
    progress: Progress | None = None,
) -> list[PersonMeasurement]:
    """From keypoints to joint angles.

    Args:
        tracks: the people to measure.
        athletes: what is known of them, in their order; the last stands for all that follow.
        camera: intrinsics.
        models: loaded.
        camera_motion: what is known of it; None for a camera that stands.
        cutoff_hz: of the low-pass filter.
        progress: as for `measure_video`.
    """
    if not athletes:
        raise ValueError("no athlete is described; at least a height is needed")
    total, done = sum(len(track) for track in tracks), 0

    def tell(frames: int) -> None:
        nonlocal done
        done += frames
        if progress:
            progress("fit", done, total)

    keypoint_skeleton = skeleton_with_keypoints(models.skeleton)
    fits: list[tuple[PersonTrack, SeenPerson, BodyWithSkeleton, FittedMotion]] = []
    for number, track in enumerate(tracks):
        athlete = athletes[min(number, len(athletes) - 1)]
        usual = athlete.body_with_skeleton(models.body, models.skeleton)
        seen = see(track, camera, models.lifter, height_m=athlete.height_m)
        model = PersonModel(keypoint_skeleton, usual.body_scales, models.pose_prior, focal_sd=camera.focal_sd)
        fits.append((track, seen, usual, fit_track(seen, model, track.time_s, progress=tell)))
    T = _world([(seen, fitted) for _, seen, _, fitted in fits], keypoint_skeleton)
    notes = _notes(camera, camera_motion)
    return [
        measured(
            track,
            camera.with_focal(camera.focal_px[0] * fitted.focal_factor),
            seen,
            fitted,
            body=models.body,
            skeleton=models.skeleton,
            usual=usual,
            T_camera_world=T,
            cutoff_hz=cutoff_hz,
            notes=notes,
        )
        for track, seen, usual, fitted in fits
    ]


def _world(fits: Sequence[tuple[SeenPerson, FittedMotion]], skeleton: Skeleton) -> NDArray[np.float64]:
    """T_camera_world (4, 4) from everybody's contacts; the origin and the heading are the first person's."""
    points, weights = [], []
    for seen, fitted in fits:
        feet = _keypoints_camera(fitted, skeleton)[:, FOOT_KEYPOINTS]
        feet = feet - np.outer(FOOT_KEYPOINT_HEIGHT_M, fitted.R_camera_world[:, 1])
        contact = seen.lifted.contact.double().numpy()
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


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began
