"""Film of the laboratory's motions, rendered and perceived once: what a later evaluation finds in a folder.

A clip is kept under a key of its motion, view and rendering; its people, and their tokens, under one of the clip and of
everything that they depend on. What follows perceive is computed anew each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biopose.analysis.measured_trial import MeasuredTrial
from biopose.analysis.motion import Motion, motion_of
from biopose.camera.motion_summary import CameraMotionResult
from biopose.evaluation.lab_rendering import ExpertMotion, render
from biopose.io.files import sha256_of, written_whole
from biopose.outputs.file_names import TRIAL
from biopose.outputs.trial import trial_table
from biopose.pipeline import PERCEIVE, Clip, Models, Subject, Trial, reconstruct, solve
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.tracking.people import People, join_shards
from biopose.tracking.shard import ShardFiles
from biopose.tracking.shard_file import read_shard
from biopose.tracking.shards import perceive_shards
from biopose.video.probe import probe_video

RENDERING = 1  # raised where the same motion is drawn otherwise
Tracked = tuple[People, CameraMotionResult, tuple[str, ...]]


@dataclass(frozen=True)
class FilmedMotion:
    """A motion on film, and the people in it.

    Attributes:
        video: the clip.
        tracked: as `join_shards` gives it.
    """

    video: Path
    tracked: Tracked


def filmed(motion: ExpertMotion, view: str, folder: Path, *, models: Models) -> FilmedMotion:
    """Render a motion and perceive its people, or read both where they are kept.

    Args:
        motion: of the laboratory.
        view: of `lab_rendering.VIEWS`.
        folder: that keeps them; created where it is missing.
        models: loaded.

    Raises:
        BioposeError: the clip cannot be perceived.
    """
    folder.mkdir(parents=True, exist_ok=True)
    video = folder / f"{motion.trial}_{view}_{_key(motion, view)}.mp4"
    if not video.exists():
        with written_whole(video) as partial:
            render(motion, view, partial)
    files = _files(video, models)
    if not files.are_there:
        networks = models.perception
        (shard,) = Clip(video).shards(probe_video(video), shard_s=float("inf"))
        (error,) = perceive_shards([shard], [files], detector=networks.detector, network=networks.keypoints)
        if error is not None:
            raise error
    return FilmedMotion(video, join_shards([read_shard(files)]))


def measured(film: FilmedMotion, *, height_m: float, activity: str, models: Models) -> PersonMeasurement:
    """Everything after perceive, for the largest person.

    Args:
        film: the clip.
        height_m: of the person.
        activity: of the manifest.
        models: loaded.

    Raises:
        TrackingError: nobody is there.
    """
    trial = Trial(Clip(film.video), (Subject(height_m),), activity=activity)
    found = reconstruct(film.tracked, trial, models=models.fit)
    (person,) = solve(found.people, activity=activity, models=models.solve)
    return person


def measured_motion(person: PersonMeasurement) -> Motion:
    """The motion as the analysis reads it from a trial's table."""
    table = trial_table(person, settings={}, versions={})
    return motion_of(MeasuredTrial(Path(TRIAL), table), person.person.skeleton)


def _key(motion: ExpertMotion, view: str) -> str:
    digest = hashlib.sha256(f"{RENDERING} {view} {motion.trial}".encode())
    digest.update(np.ascontiguousarray(motion.q).tobytes())
    digest.update(motion.person.shaped.vertices.double().numpy().tobytes())
    return digest.hexdigest()[:12]


def _files(video: Path, models: Models) -> ShardFiles:
    """Of a clip, which is one shard: its people, and their tokens where the method has any."""
    weights = models.files.versions()
    of = {name: f"{name}={weights[f'{name}_sha256']}" for name in PERCEIVE.networks}
    located = [sha256_of(video), str(PERCEIVE.version), *(of[name] for name in of if name not in PERCEIVE.heads)]
    if models.method.mesh is None:
        return ShardFiles(_keyed(video, located))
    return ShardFiles(_keyed(video, located), _keyed(video, [*located, *(of[name] for name in PERCEIVE.heads)]))


def _keyed(video: Path, parts: Sequence[str]) -> Path:
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    return video.with_name(f"{video.stem}_{key}.parquet")
