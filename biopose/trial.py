"""One trial of a session in two steps with files between them: what was seen to a fitted motion, and that to results.

Seeing (`biopose.tracking.shards`) comes before. Each step reads paths and writes paths, so that any process may take
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from biopose.analysis.trial_analysis import analyse_trial
from biopose.body.anny import Body
from biopose.camera.intrinsics import camera_of
from biopose.errors import TrackingError
from biopose.reconstruction.fitted_person import Athlete, measured
from biopose.reconstruction.low_pass_filter import CUTOFF_HZ
from biopose.reconstruction.motion_file import read_motion, write_motion
from biopose.reconstruction.people_fit import FitModels, fit_people
from biopose.report.folder import write_outputs
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Skeleton
from biopose.tracking.left_right_repair import repair_side_swaps
from biopose.tracking.people import join_shards
from biopose.tracking.shard_file import read_shard
from biopose.tracking.subject_choice import Choice, choose_athletes
from biopose.versions import versions
from biopose.video.probe import probe_video


@dataclass(frozen=True)
class TrialRequest:
    """What is to be measured in a video.

    Attributes:
        trial_id: for messages.
        video: the file.
        athlete: what is known of the person.
        person: which of the people in the picture.
        activity: of `CUTOFF_HZ`.
        start_s: of the part, in seconds of the file as it is played; None: from its first frame.
        end_s: likewise.
        recorded_rate_hz: of slow motion.
        focal_px: where known.
        horizontal_fov_deg: where known.
    """

    trial_id: str
    video: Path
    athlete: Athlete
    person: Choice = "largest"
    activity: str = "other"
    start_s: float | None = None
    end_s: float | None = None
    recorded_rate_hz: float | None = None
    focal_px: float | None = None
    horizontal_fov_deg: float | None = None


def fit_trial(trial: TrialRequest, seen: Sequence[Path], fitted: Path, *, models: FitModels) -> None:
    """Follow everybody through what was seen, choose the athlete, fit their motion.

    Args:
        trial: what is asked for.
        seen: Parquet of consecutive stretches.
        fitted: the file to write, whole or not at all.
        models: loaded.

    Raises:
        TrackingError: the athlete is not there.
        VideoError: the video cannot be opened any more, or stretches do not fit together.
        FileFormatError: a stretch is not there or broken.
    """
    people, motion, notes = join_shards(map(read_shard, seen))
    try:
        chosen = choose_athletes(
            people.tracks,
            choice=trial.person,
            width_px=people.width_px,
            height_px=people.height_px,
            frame_count=people.frame_count,
        )
    except TrackingError as error:
        raise TrackingError(f"{trial.video}: {error}") from error
    camera = camera_of(probe_video(trial.video), focal_px=trial.focal_px, horizontal_fov_deg=trial.horizontal_fov_deg)
    tracks = [repair_side_swaps(track) for track in chosen[:1]]
    (person,) = fit_people(tracks, [trial.athlete], camera, models=models, camera_motion=motion, notes=notes)
    write_motion(person, fitted)


def finish_trial(
    trial: TrialRequest, fitted: Path, folder: Path, *, settings: dict[str, Any], cross_check_frames: int
) -> None:
    """Scale the skeleton to the athlete, solve and filter the coordinates, write every file, analyse.

    Args:
        trial: what is asked for.
        fitted: by `fit_trial`.
        folder: for the results; what an earlier attempt left in it is replaced.
        settings: what the measurement was asked to do, for the files; can be JSON.
        cross_check_frames: how many frames OpenSim's own solver takes, too.

    Raises:
        FileFormatError: the fitted file is not there or broken.
        VideoError: the video cannot be read any more.
    """
    body, skeleton = _body_and_skeleton()
    person = measured(read_motion(fitted), body=body, skeleton=skeleton, cutoff_hz=CUTOFF_HZ[trial.activity])
    write_outputs(
        [person],
        video=trial.video,
        out=folder,
        info=probe_video(trial.video),
        settings=settings,
        versions=versions(),
        start_s=trial.start_s,
        end_s=trial.end_s,
        recorded_rate_hz=trial.recorded_rate_hz,
    )
    analyse_trial(folder, activity=trial.activity, cross_check_frames=cross_check_frames)


@cache
def _body_and_skeleton() -> tuple[Body, Skeleton]:
    return Body.load(), full_body_skeleton()
