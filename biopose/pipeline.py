"""From a video to people's joint angles.

    models = Models.load()
    measurement = measure_video(Path("jump.mp4"), [Athlete(height_m=1.78)], models=models)

The stages, one after the other: decode, detect, keypoints and tracks (`biopose.tracking.shards`), lift and fit each
person (`biopose.fitting`), ground from everybody's contacts, then the body's virtual markers and inverse kinematics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from biopose.camera.intrinsics import camera_of
from biopose.camera.motion_summary import CameraMotionResult
from biopose.camera.pinhole import Camera
from biopose.hmr.feature_head import MqhmrHead
from biopose.neurik.network import load_neurik
from biopose.perception.detector import PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.reconstruction.fitted_person import Athlete, measured
from biopose.reconstruction.low_pass_filter import CUTOFF_HZ
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.mesh_recovery import MeshModels, MeshStage
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from biopose.reconstruction.people_fit import FitModels, fit_people
from biopose.tracking.left_right_repair import repair_side_swaps
from biopose.tracking.people import People, join_shards
from biopose.tracking.shards import Shard, perceive
from biopose.tracking.subject_choice import Choice, choose_athletes
from biopose.video.probe import VideoInfo, probe_video

Stage = Literal["keypoints", "fit", "overlay"]
Progress = Callable[[Stage, int, int], None]

MESH_STAGES: Mapping[MethodName, MeshStage] = {
    "mqhmr": "refined",
    "mqhmr_unrefined": "fused",
    "mqhmr_alone": "decoded",
}


@dataclass(frozen=True, eq=False)
class Models:
    """Everything that is loaded once, whatever is measured with it."""

    detector: PersonDetector
    keypoints: KeypointNetwork
    fit: FitModels

    @classmethod
    def load(
        cls,
        *,
        threads: int = 2,
        device: str = "cpu",
        detector: Path | None = None,
        keypoints: Path | None = None,
        fit: FitModels | None = None,
        method: MethodName = DEFAULT_METHOD,
    ) -> Models:
        """Load all.

        Args:
            threads: of the networks on a CPU.
            device: of the networks; on a CPU onnxruntime runs what nobody needs the features of.
            detector: its weights; None takes the asset.
            keypoints: likewise.
            fit: loaded before; None loads what ships for the method.
            method: of measuring; `fit` decides where it is given.

        Raises:
            ModelError: if an asset is missing or broken; the message says how to get it.
        """
        if fit is None:
            mesh = None if method == "keypoint_fit" else MeshModels.load(stage=MESH_STAGES[method])
            fit = FitModels.load(mesh=mesh, neurik=load_neurik() if method == "mqhmr" else None)
        head = MqhmrHead(fit.mesh.network, device=device) if fit.mesh else None
        backend: Literal["onnxruntime", "torch"] = "onnxruntime" if device == "cpu" else "torch"
        looks: Literal["onnxruntime", "torch"] = "torch" if head else backend
        return cls(
            detector=PersonDetector.load(backend=backend, threads=threads, device=device, weights=detector),
            keypoints=KeypointNetwork.load(backend=looks, threads=threads, device=device, weights=keypoints, head=head),
            fit=fit,
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
    camera = options.camera or camera_of(info)
    if (camera.width_px, camera.height_px) != (info.width_px, info.height_px):
        raise ValueError(
            f"the camera is for pictures of {camera.width_px} x {camera.height_px}; {path} has {info.width_px} x "
            f"{info.height_px}"
        )
    with _timed(seconds, "keypoints"):
        people, motion, told = _find_people(path, info, options, models, progress)
    chosen = choose_athletes(
        people.tracks,
        choice=options.choice,
        width_px=people.width_px,
        height_px=people.height_px,
        frame_count=people.frame_count,
    )
    with _timed(seconds, "fit"):
        fitted = fit_people(
            [repair_side_swaps(track) for track in chosen],
            athletes,
            camera,
            models=models.fit,
            camera_motion=motion,
            notes=told,
            progress=None if progress is None else partial(progress, "fit"),
        )
        cutoff_hz = CUTOFF_HZ[options.activity]
        measured_people = [
            measured(one, body=models.fit.body, skeleton=models.fit.skeleton, cutoff_hz=cutoff_hz) for one in fitted
        ]
    return Measurement(measured_people, info, motion, people.frame_count, seconds)


def _find_people(
    path: Path, info: VideoInfo, options: MeasureOptions, models: Models, progress: Progress | None
) -> tuple[People, CameraMotionResult, tuple[str, ...]]:
    shard = Shard(
        path,
        options.start_s or 0.0,
        options.end_s,
        recorded_rate_hz=options.recorded_rate_hz,
        keep_readable=options.keep_readable,
    )
    done = 0

    def tell(frames: int) -> None:
        nonlocal done
        done += frames
        if progress:
            progress("keypoints", done, info.frame_count or 0)

    return join_shards(perceive(shard, detector=models.detector, network=models.keypoints, progress=tell))


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began
