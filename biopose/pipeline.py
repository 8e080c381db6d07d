"""How a video is measured, defined once: perceive -> reconstruct -> solve -> analyse.

    trial = Trial(Clip(Path("jump.mp4")), (Subject(height_m=1.78),), activity="countermovement_jump")
    models = Models.load(METHODS["mqhmr"])
    measurement = measure(trial, models=models)
    analyse(measurement.people, trial, Path("jump"), versions=models.versions, ...)

`measure` chains the stages in memory. A nightly ingestion maps the same functions over files: `perceive_shards` and
`read_shard`, `write_motion` and `read_motion` stand between them. Evaluation and the training data call them, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from biopose.camera.motion_summary import CameraMotionResult
from biopose.camera.pinhole import Camera
from biopose.errors import TrackingError
from biopose.reconstruction.athlete import Athlete
from biopose.reconstruction.coordinates import solve_person
from biopose.reconstruction.fitted_person import FittedPerson
from biopose.reconstruction.low_pass_filter import CUTOFF_HZ
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.methods import METHODS, Method
from biopose.reconstruction.models import Models, SolveModels
from biopose.reconstruction.people_fit import FitModels, fit_people
from biopose.report.folder import write_outputs
<<<<<<< HEAD
from biopose.skeleton.threads import in_threads
=======
from biopose.stages import ANALYSE, PERCEIVE, RECONSTRUCT, SOLVE, STAGES, Stage
>>>>>>> i20-night
from biopose.tracking.left_right_repair import repair_side_swaps
from biopose.tracking.people import People, join_shards
from biopose.tracking.shards import perceive
from biopose.tracking.subject_choice import choose_athletes, refuse_surplus_heights
from biopose.tracking.tracks import PersonTrack
from biopose.trial import Clip, Subject, Trial
from biopose.video.probe import probe_video

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


<<<<<<< HEAD
@dataclass(frozen=True)
class Clip:
    """A video, or a part of it, and what is known of its camera.

    Attributes:
        video: the file.
        start_s: of the part, in seconds of the file as it is played; None: from its first frame.
        end_s: likewise; None: to its last.
        recorded_rate_hz: frame rate at which slow motion was filmed; None: as the file states, else as it is played.
        keep_readable: of a broken file, measure what comes before the break.
        focal_px: focal length, where known.
        horizontal_fov_deg: horizontal field of view, where known.
        distortion: the lens's coefficients k1, k2, p1, p2, k3 as OpenCV defines them, where known.
        calibrated: the whole camera, from a calibration; stands for the three above.
    """

    video: Path
    start_s: float | None = None
    end_s: float | None = None
    recorded_rate_hz: float | None = None
    keep_readable: bool = False
    focal_px: float | None = None
    horizontal_fov_deg: float | None = None
    distortion: tuple[float, ...] | None = None
    calibrated: Camera | None = None

    def shards(self, info: VideoInfo, *, shard_s: float = SHARD_S) -> list[Shard]:
        """The clip in shards of at most shard_s seconds."""
        return shards_of(
            info,
            start_s=self.start_s,
            end_s=self.end_s,
            recorded_rate_hz=self.recorded_rate_hz,
            keep_readable=self.keep_readable,
            shard_s=shard_s,
        )

    def camera(self, info: VideoInfo) -> Camera:
        """Its intrinsics: as calibrated or given, else from the file's metadata, else an estimate.

        Raises:
            ValueError: impossible or contradictory numbers, or a calibration for images of another size.
        """
        if self.calibrated is None:
            return camera_of(
                info, focal_px=self.focal_px, horizontal_fov_deg=self.horizontal_fov_deg, distortion=self.distortion
            )
        if (self.calibrated.width_px, self.calibrated.height_px) != (info.width_px, info.height_px):
            raise ValueError(
                f"the camera is for images of {self.calibrated.width_px} x {self.calibrated.height_px}; {self.video} "
                f"has {info.width_px} x {info.height_px}"
            )
        return self.calibrated


@dataclass(frozen=True)
class Subject(Athlete):
    """A person to measure: height, mass and sex of an `Athlete`, and which of the people in the clip they are.

    Attributes:
        person: "largest", "central", a box (left, top, right, bottom) in pixels, or "all" for everybody.
    """

    person: Choice = "largest"


@dataclass(frozen=True)
class Trial:
    """What is to be measured.

    Attributes:
        clip: the video.
        subjects: one; with person "all" one for each person, the largest first, the last standing for all that follow.
        activity: of `CUTOFF_HZ`; decides the low-pass filter's cut-off and which events and metrics there are.
        trial_id: for messages.
    """

    clip: Clip
    subjects: tuple[Subject, ...]
    activity: str = "other"
    trial_id: str = ""

    def __post_init__(self) -> None:
        if not self.subjects:
            raise ValueError("no subject is described; at least a height is needed")
        if len({subject.person for subject in self.subjects}) > 1 or (len(self.subjects) > 1 and self.person != "all"):
            raise ValueError('several subjects of one clip are measured with person "all" each')
        if self.activity not in CUTOFF_HZ:
            raise ValueError(f"activity {self.activity!r}; expected one of {', '.join(CUTOFF_HZ)}")

    @property
    def person(self) -> Choice:
        """Which people of the clip."""
        return self.subjects[0].person

    def height_m_of(self, person: int) -> float:
        """The height that was given for a person, by their number; the last stands for all that follow."""
        return self.subjects[min(person, len(self.subjects) - 1)].height_m


@dataclass(frozen=True)
class Stage:
    """A stage of a measurement.

    Attributes:
        name: of its function.
        version: raised whenever the same input gives another result; part of every key.
        needs: what it keeps busy: networks on whole images, or the processor alone.
        unit: of its work.
        networks: names of the models whose weights and configuration its result depends on.
    """

    name: str
    version: int
    needs: Literal["network", "processor"]
    unit: Literal["shard", "trial"]
    networks: tuple[str, ...] = ()


PERCEIVE = Stage("perceive", 3, needs="network", unit="shard", networks=("detector", "keypoints", "mqhmr"))
RECONSTRUCT = Stage("reconstruct", 3, needs="processor", unit="trial", networks=("keypoint_fit", "mqhmr"))
SOLVE = Stage("solve", 2, needs="processor", unit="trial", networks=("neurik",))
ANALYSE = Stage("analyse", 2, needs="processor", unit="trial")
STAGES = (PERCEIVE, RECONSTRUCT, SOLVE, ANALYSE)


=======
>>>>>>> i20-night
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
            choice=trial.person,
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
        [Athlete(subject.height_m, subject.mass_kg, subject.sex) for subject in trial.subjects],
        clip.camera(probe_video(clip.video)),
        models=models,
        camera_motion=camera_motion,
        notes=notes,
        progress=progress,
    )
    return Reconstruction(fitted, camera_motion, people.frame_count)


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
    repaired = [repair_side_swaps(track) for track in tracks]
    return fit_people(
        repaired, athletes, camera, models=models, camera_motion=camera_motion, notes=notes, progress=progress
    )


def solve(people: Sequence[FittedPerson], *, activity: str, models: SolveModels) -> list[PersonMeasurement]:
    """From motions to coordinates with their standard deviations, low-pass filtered as the activity asks for."""
    one = partial(
        solve_person,
        body=models.body,
        skeleton=models.skeleton,
        cutoff_hz=CUTOFF_HZ[activity],
        neural_ik=models.neural_ik,
        threads=models.threads,
    )
    if len(people) == 1:  # has all of torch's threads
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
        overlay_height_px: its height; None: the video's, so that it is at most 1280 pixels wide (`overlay_layout`).
        progress: called with 1 after each frame of the overlay.

    Returns:
        The files: the overlay and the report first.

    Raises:
        VideoError: the video cannot be read any more.
    """
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
        ValueError: a camera that cannot be.
    """
    seconds: dict[str, float] = {}
    info = probe_video(trial.clip.video)
    trial.clip.camera(info)  # an error in it is raised before the networks run
    show = progress or (lambda _stage, _done, _total: None)
    done = _Count(partial(show, PERCEIVE.name), info.frame_count or 0)
    (shard,) = trial.clip.shards(info, shard_s=float("inf"))
    with _timed(seconds, PERCEIVE):
        networks = models.perception
        tracked = join_shards(perceive(shard, detector=networks.detector, network=networks.keypoints, progress=done))
    with _timed(seconds, RECONSTRUCT):
        found = reconstruct(tracked, trial, models=models.fit, progress=partial(show, RECONSTRUCT.name))
    with _timed(seconds, SOLVE):
        people = solve(found.people, activity=trial.activity, models=models.solve)
    return Measurement(people, found.camera_motion, found.frame_count, seconds)


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
