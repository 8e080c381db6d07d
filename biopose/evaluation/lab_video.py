"""Part (b) of the accuracy protocol: an expert's motion on a body, rendered, and measured from the pixels alone.

`biopose.evaluation.lab_rendering` renders the clips; the reference is the expert's angles. A method is given a clip and
the person's height, nothing else. Errors are those of part (a): mean absolute differences in degrees
over the coordinates that the expert's model has, pelvis orientation excluded. Beside them stand the distances of the
12 limb joints from the body's own, in the camera's frame, and the metrics against those of the expert's angles.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.trial_analysis import analyse_motion
from biopose.body.keypoint_names import KEYPOINTS, LIMB_JOINTS
from biopose.errors import BioposeError, TrackingError
from biopose.evaluation.event_errors import EventErrors, PlateEvents
from biopose.evaluation.events import PLATES, activity_of, contacts_in
from biopose.evaluation.lab_film import measured_motion
from biopose.evaluation.lab_markers import LAB_MASS_KG, AngleErrors, lab_trials, metrics_of, moved
from biopose.evaluation.lab_rendering import VIEWS, ExpertMotion, person_like, read_expert_motion, render
from biopose.evaluation.method import MeasureVideo, our_method
from biopose.evaluation.metric_errors import MetricErrors, activity_of_metrics
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from biopose.skeleton.angles import nearest_representation
from biopose.skeleton.pose_errors import centred_distances, procrustes_distances, transformed
from biopose.skeleton.reader import read_osim

FloatArray = NDArray[np.float64]

SDS_OF_95, LEAST_FRAMES = 1.96, 3
HIPS = (LIMB_JOINTS.index("right_hip"), LIMB_JOINTS.index("left_hip"))


class ClipErrors:
    """Errors of the measurements of rendered clips, pooled."""

    def __init__(self) -> None:
        self.angles = AngleErrors()
        self.centred_mm: list[FloatArray] = []
        self.procrustes_mm: list[FloatArray] = []
        self.frames_measured = self.frames_rendered = 0
        self.covered: dict[str, list[NDArray[np.bool_]]] = {}
        self.acceleration: dict[str, list[FloatArray]] = {"measured": [], "expert": []}

    def add(self, motion: ExpertMotion, T_camera_world: FloatArray, measured: PersonMeasurement) -> None:
        """Compare a clip's measurement with the motion that was rendered.

        Args:
            motion: the expert's.
            T_camera_world: (4, 4) of the clip's camera.
            measured: the measurement of the motion.
        """
        frames = measured.track.frame_indices
        self.add_angles(motion, measured)
        limbs = [KEYPOINTS.index(name) for name in LIMB_JOINTS]
        found = transformed(measured.T_camera_world, measured.keypoints_m[:, limbs])
        expected = transformed(T_camera_world, motion.limb_joints_m()[frames])
        self.centred_mm.append(1e3 * centred_distances(found, expected, root=HIPS))
        self.procrustes_mm.append(1e3 * procrustes_distances(found, expected))
        self.frames_measured += int(np.isfinite(found).all(axis=(1, 2)).sum())
        self.frames_rendered += len(motion.q)

    def add_angles(self, motion: ExpertMotion, measured: PersonMeasurement) -> None:
        """Compare the angles alone, and whether their intervals hold the errors."""
        skeleton = measured.person.skeleton
        rotational = skeleton.rotational_names & set(motion.truth.names) & set(measured.coordinates.names)
        names = [name for name in motion.truth.names if name in rotational]
        expected = motion.truth.select(names).values[measured.track.frame_indices]
        values = nearest_representation(skeleton, names, measured.coordinates.select(names).values, expected)
        for column, name in enumerate(names):
            if not name.startswith("pelvis_"):
                self.angles.add(name, np.degrees(values[:, column] - expected[:, column]))
        joints = [column for column, name in enumerate(names) if not name.startswith("pelvis_")]
        for source, angles in (("measured", values), ("expert", expected)):
            self.acceleration[source].append(_accelerations_deg_s2(angles[:, joints], measured.track.time_s))
        if measured.coordinate_sd is not None:
            sd = measured.coordinate_sd[:, [measured.coordinates.names.index(name) for name in names]]
            for column in joints:
                covered = np.abs(values[:, column] - expected[:, column]) <= SDS_OF_95 * sd[:, column]
                self.covered.setdefault(names[column], []).append(covered)

    def as_dict(self) -> dict[str, Any]:
        """The means."""
        return {
            "mae_deg": self.angles.group_mae_deg,
            "mae_by_coordinate_deg": self.angles.mae_deg,
            "mpjpe_mm": float(np.nanmean(np.concatenate(self.centred_mm))),
            "pa_mpjpe_mm": float(np.nanmean(np.concatenate(self.procrustes_mm))),
            "acceleration_deg_s2": {source: _median(values) for source, values in self.acceleration.items()},
            "frames_measured": self.frames_measured,
            "frames_rendered": self.frames_rendered,
        } | self.coverage()

    def coverage(self) -> dict[str, Any]:
        """The share of the errors within the 95 % intervals; empty where the method gives no standard deviations."""
        if not self.covered:
            return {}
        by_coordinate = {name: float(np.concatenate(covered).mean()) for name, covered in self.covered.items()}
        return {"coverage95": float(np.mean(list(by_coordinate.values()))), "coverage95_by_coordinate": by_coordinate}


def _accelerations_deg_s2(angles: FloatArray, time_s: FloatArray) -> FloatArray:
    """All absolute second derivatives of angles (T, C) in radians: a measure of jitter."""
    if len(time_s) < LEAST_FRAMES:
        return np.empty(0)
    return np.degrees(
        np.abs(np.gradient(np.gradient(np.unwrap(angles, axis=0), time_s, axis=0), time_s, axis=0))
    ).ravel()


def _median(values: Sequence[FloatArray]) -> float:
    return float(np.nanmedian(np.concatenate(values)))


def evaluate_lab_b(
    data: Path,
    *,
    trials: Sequence[str] | None = None,
    cameras: Sequence[str] = tuple(VIEWS),
    method: MethodName = DEFAULT_METHOD,
    threads: int = 2,
    keep: Path | None = None,
    measure: MeasureVideo | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Render the expert's motion and measure the clips.

    Args:
        data: the reference recordings; mocap/lab is read.
        trials: names; all if None.
        cameras: of lab_rendering.VIEWS.
        method: of BioPose's.
        threads: for BioPose's method.
        keep: a folder for the clips, <trial>_<camera>.mp4; a temporary one if None.
        measure: a method to evaluate instead of ours.
        progress: called with the name of each clip before it.

    Returns:
        mae_deg by group, mae_by_coordinate_deg, mpjpe_mm and pa_mpjpe_mm over all clips, the median
        acceleration_deg_s2 of the measured angles and of the expert's, and, where the method gives standard deviations,
        coverage95 of the 95 % intervals, overall and by coordinate; the same by camera under cameras and by clip under
        clips; metrics, by metric, as `metric_errors` has them; events and jump of the trials with force plates, as
        `EventErrors` has them; refused: clips in which nobody was found; height_m and mass_kg of the person.

    Raises:
        BioposeError: the recordings are not there, or a clip cannot be measured.
    """
    lab, trials = _lab_with(data, trials)
    measure = measure or our_method(method, threads=threads)
    expert = read_osim(lab / "hand_scaled.osim")
    person, height_m = person_like(expert)
    overall, by_camera, by_clip = ClipErrors(), {camera: ClipErrors() for camera in cameras}, {}
    metrics, events, refused = MetricErrors(), EventErrors(), list[str]()
    with _folder(keep) as folder:
        for trial, camera in itertools.product(trials, cameras):
            path = folder / f"{trial}_{camera}.mp4"
            if progress:
                progress(path.stem)
            motion = read_expert_motion(lab, trial, expert, person)
            T_camera_world = render(motion, camera, path)
            try:
                measured = measure(path, height_m=height_m, camera=None)
            except TrackingError:
                refused.append(path.stem)
                for errors in (overall, by_camera[camera]):
                    errors.frames_rendered += len(motion.q)
                continue
            found_motion = measured_motion(measured)
            _, found = analyse_motion(found_motion, activity=activity_of_metrics(trial))
            metrics.add(found, metrics_of((expert, motion.truth), trial))
            if (activity := activity_of(trial)) and (plates := lab / f"{trial}{PLATES}").is_file():
                expected = PlateEvents.of(moved((expert, motion.truth)), contacts_in(plates))
                start_s = float(motion.truth.time_s[0])
                events.add(found_motion, expected.since(start_s), activity=activity, methods=False)
            by_clip[path.stem] = ClipErrors()
            for errors in (overall, by_camera[camera], by_clip[path.stem]):
                errors.add(motion, T_camera_world, measured)
    if not by_clip:
        raise BioposeError(f"nobody was found in any of {len(refused)} clips")
    measured_by = {name: one for name, one in by_camera.items() if any(clip.endswith(f"_{name}") for clip in by_clip)}
    by_group = {"cameras": measured_by, "clips": by_clip}
    pooled = {key: {name: errors.as_dict() for name, errors in group.items()} for key, group in by_group.items()}
    of_person = {"height_m": height_m, "mass_kg": LAB_MASS_KG}
    of_plates = {"events": events.events_dict(), "jump": events.jump_dict()}
    return {**overall.as_dict(), **pooled, "metrics": metrics.as_dict(), **of_plates, "refused": refused, **of_person}


def lab_b_lines(result: dict[str, Any]) -> list[str]:
    """As text: groups and every coordinate, of all clips and each camera; then each clip."""
    columns = {"all": result} | result["cameras"]
    lines = [
        f"Mean absolute error of the angles, degrees (a body of {result['height_m']:.2f} m, "
        f"{result['mass_kg']:.1f} kg); somebody was found in {len(result['clips'])} of "
        f"{len(result['clips']) + len(result['refused'])} clips",
        f"{'':18}" + "".join(f"{name:>10}" for name in columns),
    ]
    for key in ("mae_deg", "mae_by_coordinate_deg"):
        rows = {name: [c[key].get(name, float("nan")) for c in columns.values()] for name in result[key]}
        lines += [f"{name:18}" + "".join(f"{value:10.2f}" for value in values) for name, values in rows.items()]
    for label, key in (("PA-MPJPE (mm)", "pa_mpjpe_mm"), ("MPJPE (mm)", "mpjpe_mm")):
        lines.append(f"{label:18}" + "".join(f"{c[key]:10.1f}" for c in columns.values()))
    lines.append(
        f"{'jitter (deg/s2)':18}" + "".join(f"{c['acceleration_deg_s2']['measured']:10.0f}" for c in columns.values())
    )
    lines.append(
        f"{'  the expert':18}" + "".join(f"{c['acceleration_deg_s2']['expert']:10.0f}" for c in columns.values())
    )
    if "coverage95" in result:
        lines.append(f"{'within 95 %':18}" + "".join(f"{c['coverage95']:10.2f}" for c in columns.values()))
        covered = result["coverage95_by_coordinate"]
        lines += [f"{'  ' + name:18}{covered[name]:10.2f}" for name in covered]
    lines.append("Each clip: lower limb and all (degrees), PA-MPJPE (mm), frames measured")
    for name, errors in result["clips"].items():
        mae, frames = errors["mae_deg"], f"{errors['frames_measured']}/{errors['frames_rendered']}"
        lines.append(f"{name:18}{mae['lower']:10.2f}{mae['all']:10.2f}{errors['pa_mpjpe_mm']:10.1f}{frames:>10}")
    return [*lines, *(f"Nobody was found in {clip}" for clip in result["refused"])]


def _lab_with(data: Path, trials: Sequence[str] | None) -> tuple[Path, Sequence[str]]:
    """The laboratory's folder, and the trials, if it has an expert's solution of all."""
    lab = data / "mocap" / "lab"
    known = lab_trials(lab)
    if unknown := sorted(set(trials or ()) - set(known)):
        raise BioposeError(f"{lab}: no expert's solution of {', '.join(unknown)}")
    return lab, known if trials is None else trials


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder to keep, created where it is missing; or a temporary one."""
    if keep is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
