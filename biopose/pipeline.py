"""How a video is measured, defined once: perceive -> reconstruct -> solve -> analyse.

    trial = Trial(Clip(Path("jump.mp4")), (Subject(height_m=1.78),), activity="countermovement_jump")
    models = Models.load(METHODS["mqhmr"])
    measurement = measure(trial, models=models)
    analyse(measurement.people, trial, Path("jump"), versions=models.versions, ...)

`measure` chains the stages in memory. A nightly ingestion maps the same functions over files: `perceive_shards` and
`read_shard`, `write_motion` and `read_motion` stand between them. Evaluation and the training data call them, too.
A recording of markers takes another way, `biopose.markers.pipeline`. What the other stages run is imported
beside the networks of `perceive`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biopose.camera.motion_summary import CameraMotionResult
from biopose.errors import TrackingError
from biopose.reconstruction.athlete import Athlete
from biopose.reconstruction.low_pass_filter import CUTOFF_HZ
from biopose.reconstruction.methods import METHODS, Method
from biopose.reconstruction.models import Models, SolveModels
from biopose.skeleton.threads import in_threads, torch_threads
from biopose.stages import ANALYSE, PERCEIVE, RECONSTRUCT, SOLVE, STAGES, Stage
from biopose.tracking.left_right_repair import repair_side_swaps
from biopose.tracking.people import People, join_shards
from biopose.tracking.shards import perceive
from biopose.tracking.subject_choice import choose_athletes, refuse_surplus_heights
from biopose.tracking.tracks import PersonTrack
from biopose.trial import Clip, Subject, Trial
from biopose.video.probe import probe_video
from biopose.video.read_ahead import read_ahead

if TYPE_CHECKING:
    from biopose.camera.pinhole import Camera
    from biopose.reconstruction.fitted_person import FittedPerson
    from biopose.reconstruction.measurement import PersonMeasurement
    from biopose.reconstruction.people_fit import FitModels

__all__ = [
    "ANALYSE",
    "METHODS",
    "PERCEIVE",
    "RECONSTRUCT",
    "SOLVE",
    "STAGES",
    "Clip",
    "Measurement",
    "Method",
    "Models",
    "Reconstruction",
    "Stage",
    "Subject",
    "Trial",
    "analyse",
    "measure",
    "reconstruct",
    "reconstruct_tracks",
    "solve",
]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """People in motion, in one world.

    Attributes:
        people: as chosen.
        camera_motion: whether the camera moved.
        frame_count: of the clip.
    """

    people: list[FittedPerson]
    camera_motion: CameraMotionResult
    frame_count: int


def reconstruct(
    tracked: tuple[People, CameraMotionResult, Sequence[str]],
    trial: Trial,
    *,
    models: FitModels,
    progress: Callable[[int, int], None] | None = None,
) -> Reconstruction:
    """From tracked people to the subjects' motion: choose, repair sides, camera, fit.

    Args:
        tracked: everybody, the camera's motion and notes, as `join_shards` gives them.
        trial: what is to be measured.
        models: loaded.
        progress: called with frames done and frames in all.

    Raises:
        TrackingError: nobody to measure, or not who was asked for.
        VideoError: the video cannot be opened any more.
    """
    clip = trial.clip
    people, camera_motion, notes = tracked
    try:
        chosen = choose_athletes(
            people.tracks,
            choices=[subject.person for subject in trial.subjects],
            width_px=people.width_px,
            height_px=people.height_px,
            frame_count=people.frame_count,
        )
        refuse_surplus_heights(len(trial.subjects), found=len(chosen))
    except TrackingError as error:
        noted = f". Noted about the video: {' '.join(notes)}" if notes else ""
        raise TrackingError(f"{clip.video}: {error}{noted}") from error
    fitted = reconstruct_tracks(
        chosen,
        _athletes(trial),
        clip.camera(probe_video(clip.video)),
        models=models,
        camera_motion=camera_motion,
        notes=notes,
        progress=progress,
    )
    return Reconstruction(fitted, camera_motion, people.frame_count)


def _athletes(trial: Trial) -> list[Athlete]:
    return [Athlete(subject.height_m, subject.mass_kg, subject.sex) for subject in trial.subjects]


def reconstruct_tracks(
    tracks: Sequence[PersonTrack],
    athletes: Sequence[Athlete],
    camera: Camera,
    *,
    models: FitModels,
    camera_motion: CameraMotionResult | None = None,
    notes: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[FittedPerson]:
    """From the subjects' tracks to their motion: repair sides, fit. Of `reconstruct`, what needs no video.

    Args:
        tracks: of the subjects, in their order.
        athletes: height, mass and sex of each; the last stands for all tracks that follow.
        camera: intrinsics.
        models: loaded.
        camera_motion: None for a static camera.
        notes: what limits the measurement.
        progress: called with frames done and frames in all.
    """
    from biopose.reconstruction.people_fit import fit_people

    repaired = [repair_side_swaps(track) for track in tracks]
    return fit_people(
        repaired, athletes, camera, models=models, camera_motion=camera_motion, notes=notes, progress=progress
    )


def solve(people: Sequence[FittedPerson], *, activity: str, models: SolveModels) -> list[PersonMeasurement]:
    """From motions to coordinates with their standard deviations, low-pass filtered as the activity asks for."""
    from biopose.reconstruction.coordinates import solve_person

    one = partial(
        solve_person,
        body=models.body,
        skeleton=models.skeleton,
        cutoff_hz=CUTOFF_HZ[activity],
        neural_ik=models.neural_ik,
        threads=models.threads,
    )
    if len(people) == 1:
        with torch_threads(models.threads):
            return [one(people[0])]
    return in_threads(one, people, threads=models.threads)


def analyse(
    people: Sequence[PersonMeasurement],
    trial: Trial,
    out: Path,
    *,
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
    cross_check_frames: int,
    overlay: bool = True,
    overlay_height_px: int | None = None,
    blur_bystanders: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Path]:
    """Events and metrics, and every file of a measured trial: motion files, tables, overlay, report; all or none.

    Args:
        people: measured.
        trial: what was asked for.
        out: the folder; what an earlier measurement left in it is replaced.
        settings: further facts for the files; can be JSON.
        versions: of the code and of the weights that measured, as `WeightFiles.versions` gives them.
        cross_check_frames: of each person, that OpenSim's own inverse kinematics solves, too.
        overlay: whether the overlay is drawn.
        overlay_height_px: its height; None: as `overlay_layout` has it for the video's.
        blur_bystanders: whether pictures show all but the measured people blurred.
        progress: called with 1 after each frame of the overlay.

    Returns:
        The files: the overlay and the report first.

    Raises:
        VideoError: the video cannot be read any more.
    """
    from biopose.report.folder import write_outputs

    clip = trial.clip
    return write_outputs(
        people,
        video=clip.video,
        out=out,
        info=probe_video(clip.video),
        activity=trial.activity,
        cross_check_frames=cross_check_frames,
        settings=settings,
        versions=versions,
        start_s=clip.start_s,
        end_s=clip.end_s,
        recorded_rate_hz=clip.recorded_rate_hz,
        heights_m=[trial.height_m_of(one.track.person) for one in people],
        overlay=overlay,
        overlay_height_px=overlay_height_px,
        blur_bystanders=blur_bystanders,
        progress=progress,
    )


@dataclass(frozen=True, eq=False)
class Measurement:
    """Everybody who was measured in a clip.

    Attributes:
        people: as chosen.
        camera_motion: whether the camera moved.
        frame_count: frames decoded.
        seconds: spent in each stage.
    """

    people: list[PersonMeasurement]
    camera_motion: CameraMotionResult
    frame_count: int
    seconds: dict[str, float] = field(default_factory=dict)


def measure(trial: Trial, *, models: Models, progress: Progress | None = None) -> Measurement:
    """Measure the people in a clip, in memory: perceive, reconstruct, solve.

    Args:
        trial: what is to be measured.
        models: loaded.
        progress: called with the stage, how many of its frames are done and how many there are (0: not known).

    Raises:
        VideoError: the file cannot be decoded.
        TrackingError: nobody to measure.
        ModelError: an asset is missing or broken.
        ValueError: a camera that cannot be.
    """
    seconds: dict[str, float] = {}
    info = probe_video(trial.clip.video)
    trial.clip.camera(info)  # an error in it is raised before the networks run
    show = progress or (lambda _stage, _done, _total: None)
    count = _Count(partial(show, PERCEIVE.name), info.frame_count or 0)

    def done(frames: int) -> None:
        models.check_loaded()  # an error there is raised now, not once the whole video is perceived
        count(frames)

    (shard,) = trial.clip.shards(info, shard_s=float("inf"))
    with _timed(seconds, PERCEIVE), ThreadPoolExecutor(1) as beside:
        beside.submit(_prepare, trial, models)  # what fails there is raised where it is needed
        networks = models.perception
        parts = perceive(shard, detector=networks.detector, network=networks.keypoints, progress=done)
        with closing(read_ahead(parts, depth=1)) as found_beside:
            tracked = join_shards(found_beside)
    with _timed(seconds, RECONSTRUCT):
        found = reconstruct(tracked, trial, models=models.fit, progress=partial(show, RECONSTRUCT.name))
    with _timed(seconds, SOLVE):
        people = solve(found.people, activity=trial.activity, models=models.solve)
    return Measurement(people, found.camera_motion, found.frame_count, seconds)


def _prepare(trial: Trial, models: Models) -> None:
    """What the stages after `perceive` begin with; all of it is kept."""
    models.fit.scale_skeletons(_athletes(trial))
    for module in ("biopose.reconstruction.coordinates", "biopose.report.folder", "scipy.linalg"):
        import_module(module)
    models.files.versions()  # hashes of the weights


class _Count:
    """Adds up frames that are reported a few at a time."""

    def __init__(self, report: Callable[[int, int], None], total: int) -> None:
        self._report, self._total, self._done = report, total, 0

    def __call__(self, frames: int) -> None:
        self._done += frames
        self._report(self._done, self._total)


@contextmanager
def _timed(seconds: dict[str, float], stage: Stage) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage.name] = time.perf_counter() - began
