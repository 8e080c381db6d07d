"""The error budget: how much of the error on rendered film goes when one stage is replaced by the truth.

Stages: keypoints (those that the network would see of the body, without error), camera (its focal length), filter (left
out), neurik (inverse kinematics on the fitted markers in its stead). Each is replaced alone, the others stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from biopose.assets import assets_folder
from biopose.body.keypoint_displacements import displacements
from biopose.body.keypoint_landmarks import skeleton_with_keypoints
from biopose.body.segment_body import SEGMENTS
from biopose.camera.motion_summary import CameraMotionResult
from biopose.camera.pinhole import Camera
from biopose.errors import TrackingError
from biopose.evaluation.film_events import Film, FilmedTrial
from biopose.evaluation.lab_film import FilmedMotion, filmed
from biopose.evaluation.lab_markers import AngleErrors
from biopose.evaluation.lab_rendering import LENS, VERTEX_STEP, camera_pose
from biopose.pipeline import METHODS, Clip, Models, Subject, Trial, reconstruct, solve
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from biopose.reconstruction.models import SolveModels
from biopose.skeleton.angles import nearest_representation
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.tracking.people import People

STAGES = ("none", "keypoints", "camera", "filter", "neurik")
CONFIDENT = 0.95  # of a keypoint without error
GROUPS = ("lower", "upper", "trunk", "all")


@dataclass
class StageErrors:
    """With one stage replaced.

    Attributes:
        angles: of the joints.
        root_height_m: of the pelvis about its median, absolute errors.
    """

    angles: AngleErrors = field(default_factory=AngleErrors)
    root_height_m: list[np.ndarray] = field(default_factory=list)

    def add(self, trial: FilmedTrial, measured: PersonMeasurement, *, filtered: bool) -> None:
        """Compare a clip's measurement with the motion on film."""
        motion, skeleton = trial.motion, measured.person.skeleton
        found = measured.coordinates if filtered or measured.unfiltered is None else measured.unfiltered
        rotational = skeleton.rotational_names & set(motion.truth.names)
        names = [name for name in motion.truth.names if name in rotational and not name.startswith("pelvis_")]
        frames = measured.track.frame_indices
        expected = motion.truth.select(names).values[frames]
        values = nearest_representation(skeleton, names, found.select(names).values, expected)
        for column, name in enumerate(names):
            self.angles.add(name, np.degrees(values[:, column] - expected[:, column]))
        height_m = motion.q[frames, motion.person.skeleton.coordinate_names.index("pelvis_ty")]
        off_m = found.select(["pelvis_ty"]).values[:, 0] - height_m
        self.root_height_m.append(np.abs(off_m - np.median(off_m)))

    def as_dict(self) -> dict[str, float]:
        """Mean absolute errors in degrees by group, and root_height_mm."""
        return dict(self.angles.group_mae_deg) | {
            "root_height_mm": 1e3 * float(np.concatenate(self.root_height_m).mean())
        }


def evaluate_budget(
    film: Film,
    *,
    folder: Path | None = None,
    method: MethodName = DEFAULT_METHOD,
    threads: int = 2,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """What errors remain where a stage is replaced by the truth.

    Args:
        film: what to film.
        folder: that keeps film and detections; None: beside the assets.
        method: of BioPose's.
        threads: of everything that runs on a CPU.
        progress: called with the name of each clip before it.

    Returns:
        budget: by stage that is replaced (none: as measured), its errors; refused: clips in which nobody was found.

    Raises:
        TrackingError: nobody is found in any clip.
    """
    models = Models.load(METHODS[method], threads=threads)
    errors, refused = {stage: StageErrors() for stage in STAGES}, list[str]()
    for trial in film.trials:
        for view in trial.views:
            progress(f"{trial.motion.trial}_{view}")
            clip = filmed(trial.motion, view, folder or assets_folder() / "film", models=models)
            try:
                measured = _measured_by_stage(clip, trial, view, models)
            except TrackingError:
                refused.append(clip.video.stem)
                continue
            for stage, person in measured.items():
                errors[stage].add(trial, person, filtered=stage != "filter")
    if not errors["none"].root_height_m:
        raise TrackingError(f"nobody was found in any clip: {', '.join(refused)}")
    return {"budget": {stage: one.as_dict() for stage, one in errors.items()}, "refused": refused}


def budget_lines(result: Mapping[str, Any]) -> list[str]:
    """As text: a row a stage, as measured first, and clips in which nobody was found."""
    columns = (*GROUPS, "root_height_mm")
    lines = [
        "Mean absolute errors, degrees, with one stage replaced by the truth (filter: left out; neurik: IK instead)"
    ]
    lines.append(f"{'':12}" + "".join(f"{name:>16}" for name in columns))
    lines += [
        f"{stage:12}" + "".join(f"{errors.get(name, float('nan')):16.2f}" for name in columns)
        for stage, errors in result["budget"].items()
    ]
    return [*lines, *(f"Nobody was found in {clip}" for clip in result["refused"])]


def _measured_by_stage(
    clip: FilmedMotion, trial: FilmedTrial, view: str, models: Models
) -> dict[str, PersonMeasurement]:
    """By stage that is replaced; without the filter, what it is given is part of the measurement."""
    measured = _measured(clip, trial, models)
    seen = replace(clip, tracked=_with_true_keypoints(clip, trial, view))
    return {
        "none": measured,
        "keypoints": _measured(seen, trial, models),
        "camera": _measured(clip, trial, models, camera=LENS),
        "filter": measured,
        "neurik": _measured(clip, trial, models, solving=replace(models.solve, neural_ik=None)),
    }


def _measured(
    clip: FilmedMotion,
    trial: FilmedTrial,
    models: Models,
    *,
    camera: Camera | None = None,
    solving: SolveModels | None = None,
) -> PersonMeasurement:
    asked = Trial(Clip(clip.video, calibrated=camera), (Subject(trial.height_m),), activity=trial.activity)
    found = reconstruct(clip.tracked, asked, models=models.fit)
    (person,) = solve(found.people, activity=trial.activity, models=solving or models.solve)
    return person


def _with_true_keypoints(
    clip: FilmedMotion, trial: FilmedTrial, view: str
) -> tuple[People, CameraMotionResult, tuple[str, ...]]:
    """What was perceived, the keypoints those of the body on film; confident where somebody was found."""
    people, camera_motion, notes = clip.tracked
    motion = trial.motion
    vertices = np.stack([mesh[::VERTEX_STEP] for mesh in motion.meshes()])
    T = camera_pose(motion, view, vertices)
    with_keypoints = Kinematics(skeleton_with_keypoints(full_body_skeleton()))
    scaled = with_keypoints.with_scales(torch.from_numpy(motion.person.body_scales))
    pose = scaled.with_coordinates(torch.from_numpy(motion.q))
    bodies = [scaled.skeleton.body_names.index(segment) for segment in SEGMENTS]
    seen_m = (pose.markers + trial.height_m * displacements(pose.R_ground_body[:, bodies])).numpy()
    pixels = LENS.project(torch.from_numpy(seen_m @ T[:3, :3].T + T[:3, 3])).numpy()
    tracks = [
        replace(
            track,
            keypoints_px=np.where(track.detected[:, None, None], pixels[track.frame_indices], np.nan),
            confidence=np.where(track.detected[:, None], CONFIDENT, 0.0) * np.ones((1, pixels.shape[1])),
        )
        for track in people.tracks
    ]
    return replace(people, tracks=tracks), camera_motion, notes
