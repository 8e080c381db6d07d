"""How a recording of markers is measured: scale a model to the static trial, solve, analyse.

    trial = MarkerTrial(Path("jump.c3d"), height_m=1.78, static=Path("static.c3d"), model=Path("lab.osim"), up="z")
    measured = measure_markers(trial, folder)
    analyse_markers(measured, trial, Path("jump"), settings={}, versions={})

No network on images runs here: processors alone are needed. Coordinates are those of the fit, not filtered; their
standard deviations follow from the marker error, or are NeurIK's, and hold the constant errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biopose.body.keypoint_recording import keypoint_recording
from biopose.body.keypoint_spellings import read_keypoint_names
from biopose.errors import BioposeError, ModelError
from biopose.io.files import prefixed_errors, written_whole
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.markers.scaling import scaled_athlete
from biopose.markers.trial import MarkerTrial
from biopose.neurik.network import NEURIK_WEIGHTS, load_neurik
from biopose.neurik.predicted_model import write_predicted_model
from biopose.neurik.recording import predict_recording
from biopose.neurik.static_trial import static_scaling
from biopose.outputs.marker_trial import MarkerMeasurement
from biopose.report.marker_folder import write_marker_outputs
from biopose.skeleton.constant_errors import constant_sd_rad
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.branches import jumps
from biopose.skeleton.ik.fit_report import (
    doubt_lines,
    error_without_faults_m,
    far_line,
    fault_lines,
    faults_as_dicts,
    jump_lines,
    jumps_as_dicts,
    markers_far,
    poorly_determined,
    poorly_determined_line,
)
from biopose.skeleton.ik.handedness import examined_handedness
from biopose.skeleton.ik.inverse_kinematics import IKSolution, inverse_kinematics
from biopose.skeleton.ik.marker_faults import without_faults
from biopose.skeleton.ik.recording_solver import MIN_MARKERS
from biopose.skeleton.lying import lies_on_its_side
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaled_model import write_scaled_default
from biopose.skeleton.static_trial import judge_static, scaling_notes
from biopose.skeleton.stature import MOST_HEIGHT_DIFFERENCE, model_height_m
from biopose.skeleton.threads import torch_threads

NEEDED = tuple(f"{joint}_{side}" for joint in ("hip_flexion", "knee_angle", "ankle_angle") for side in "rl")
ALWAYS_UPRIGHT = ("walk", "run", "sprint", "squat", "countermovement_jump", "drop_jump", "throw", "kick")
SCALED = "scaled.osim"


def measure_markers(
    trial: MarkerTrial, folder: Path, *, weights: Path = NEURIK_WEIGHTS, threads: int = 1
) -> MarkerMeasurement:
    """Measure a recording of markers.

    Args:
        trial: what is to be measured.
        folder: for the scaled model; it exists, and outlives the measurement.
        weights: of NeurIK.
        threads: of the solver.

    Raises:
        BioposeError: a file is malformed, model and recording do not belong together, or the person lies on their side
            in an activity that is done upright: the vertical axis is another.
    """
    recording = trial.read()
    with torch_threads(threads):
        match trial.method(recording.names):
            case "marker_neurik":
                measured = _by_network(trial, recording, folder, weights)
            case "keypoint_ik":
                measured = _of_keypoints(trial, recording, folder, threads=threads)
            case "marker_ik":
                measured = _by_solver(trial, recording, folder, threads=threads)
    if trial.activity in ALWAYS_UPRIGHT and lies_on_its_side(measured.skeleton, measured.coordinates):
        others = " or ".join(f'"{axis}"' for axis in "zyx" if axis != trial.up)
        raise BioposeError(
            f"{trial.markers}: the person lies on their side most of the time, in the activity {trial.activity}: the "
            f"vertical axis is not {trial.up}; state it in session.toml, as [recording] up = {others}"
        )
    plates, notes = trial.read_plates()
    return replace(_with_constant_errors(measured), plates=plates, notes=(*measured.notes, *notes))


def analyse_markers(
    measured: MarkerMeasurement,
    trial: MarkerTrial,
    out: Path,
    *,
    settings: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> list[Path]:
    """Events and metrics, and every file of a measured recording: motion files, tables, report; all or none.

    Args:
        measured: by `measure_markers`.
        trial: what was asked for.
        out: the folder; what an earlier measurement left in it is replaced.
        settings: further facts for the files; can be JSON.
        versions: of the code and of every network; can be JSON.

    Returns:
        The files: the report first.
    """
    return write_marker_outputs(
        measured,
        recording=trial.markers,
        out=out,
        activity=trial.activity,
        height_m=trial.height_m,
        settings=settings,
        versions=versions,
    )


def _with_constant_errors(measured: MarkerMeasurement) -> MarkerMeasurement:
    """With standard deviations that hold the constant errors besides what each frame's markers tell."""
    if measured.coordinate_sd is None:
        return measured
    constant_sd = constant_sd_rad(measured.coordinates.names)
    return replace(measured, coordinate_sd=np.hypot(measured.coordinate_sd, constant_sd), constant_sd=constant_sd)


def _by_solver(trial: MarkerTrial, recording: MarkerTrajectories, folder: Path, *, threads: int) -> MarkerMeasurement:
    model, skeleton, body_scales, scale_notes = _athletes_model(trial, folder)
    _check_coordinates(trial, skeleton)
    with prefixed_errors(trial.markers):
        solution = inverse_kinematics(skeleton, recording, outliers="left out", deviations=True, threads=threads)
    if not solution.solved.any():
        raise ModelError(f"{trial.markers}: no frame has {MIN_MARKERS} markers of the model {skeleton.name}")
    return MarkerMeasurement(
        method="marker_ik",
        model=model,
        skeleton=skeleton,
        coordinates=solution.coordinates,
        coordinate_sd=solution.coordinate_sd,
        markers=recording,
        used=solution.marker_names,
        error_m=error_without_faults_m(solution),
        body_scales=body_scales,
        notes=(*recording.notes, *scale_notes, *_fit_notes(skeleton, recording, solution)),
        held=solution.held,
    )


def _of_keypoints(
    trial: MarkerTrial, recording: MarkerTrajectories, folder: Path, *, threads: int
) -> MarkerMeasurement:
    names = None if trial.names is None else read_keypoint_names(trial.names)
    with prefixed_errors(trial.markers):
        found = keypoint_recording(recording, names=names)
        solution = inverse_kinematics(
            found.skeleton, found.markers, limits="all", outliers="left out", deviations=True, threads=threads
        )
    if not solution.solved.any():
        raise ModelError(f"{trial.markers}: no frame has {MIN_MARKERS} keypoints")
    factors = found.body_scales[1:].round(4).tolist()
    return MarkerMeasurement(
        method="keypoint_ik",
        model=write_scaled_default(folder / SCALED, found.body_scales, mass_kg=trial.mass_kg),
        skeleton=found.skeleton,
        coordinates=solution.coordinates,
        coordinate_sd=solution.coordinate_sd,
        markers=recording,
        used=solution.marker_names,
        error_m=error_without_faults_m(solution),
        body_scales=dict(zip(full_body_skeleton().body_names[1:], factors, strict=True)),
        notes=(
            *found.markers.notes,
            f"held at default, not shown by keypoints: {', '.join(found.held)}",
            *_height_notes(trial.height_m, found.skeleton),
            *_fit_notes(found.skeleton, found.markers, solution),
        ),
        held=(*solution.held, *found.held),
    )


def _height_notes(height_m: float, skeleton: Skeleton) -> list[str]:
    by_legs_m = model_height_m(skeleton)
    if by_legs_m is None or abs(by_legs_m / height_m - 1) <= MOST_HEIGHT_DIFFERENCE:
        return []
    return [
        f"legs as long as the keypoints' belong to a height of {by_legs_m:.2f} m, and the athlete's is {height_m:.2f} "
        "m: lengths, heights and speeds may be wrong by as much; check the scale of the cameras' calibration, and the "
        "height"
    ]


def _athletes_model(trial: MarkerTrial, folder: Path) -> tuple[Path, Skeleton, dict[str, list[float]], tuple[str, ...]]:
    """The athlete's model and its skeleton, the factors by which it was scaled, and notes on the static trial."""
    if trial.static is None:
        assert trial.model is not None  # `MarkerTrial.method` asks for one of the two
        note = "the model is taken as the athlete's own: there is no static trial to scale it to"
        return trial.model, read_osim(trial.model), {}, (note,)
    athlete = scaled_athlete(trial)
    with written_whole(folder / SCALED) as partial:
        partial.write_bytes(athlete.osim)
    return folder / SCALED, athlete.skeleton, athlete.body_scales, athlete.notes


def _check_coordinates(trial: MarkerTrial, skeleton: Skeleton) -> None:
    """Raise ModelError unless events, metrics and tables mean the same in this model as in the default one."""
    default = {c.name: c for c in full_body_skeleton().coordinates}
    own = {c.name: c for c in skeleton.coordinates}
    if missing := [name for name in NEEDED if name not in own]:
        raise ModelError(
            f"{trial.model}: has no coordinate {', '.join(missing)}; the warehouse keeps those of the Rajagopal "
            "family. Use a model of it, or none: BioPose's own has 68 markers by name"
        )
    for name in NEEDED:
        middles = [c.range_min + c.range_max for c in (own[name], default[name])]
        if middles[0] * middles[1] < 0 and "knee" in name:
            low, high = np.degrees([own[name].range_min, own[name].range_max])
            raise ModelError(
                f"{trial.model}: {name} ranges from {low:.0f} to {high:.0f} degrees: it bends to the other side than "
                "the warehouse's, where flexion is positive; use a model of the Rajagopal family, or none"
            )


def _fit_notes(skeleton: Skeleton, recording: MarkerTrajectories, solution: IKSolution) -> list[str]:
    """What `biopose ik` prints about the fit."""
    rms_mm = 1e3 * float(np.nanmean(solution.rms_m))
    lying = lies_on_its_side(skeleton, solution.coordinates)
    judged = without_faults(recording, solution.faults).select(solution.marker_names)
    lines = [
        *doubt_lines(rms_mm, examined_handedness(skeleton, recording, solution), lies_on_its_side=lying),
        *fault_lines(faults_as_dicts(solution.faults), outliers="left out"),
        *far_line(markers_far(solution)),
        *jump_lines(jumps_as_dicts(jumps(skeleton, solution.coordinates, judged))),
        *_gap_lines(solution.solved),
        *_undetermined_lines(solution),
        *poorly_determined_line(poorly_determined(skeleton, solution)),
    ]
    if solution.held:
        lines.append(f"held at default, observed by no marker: {', '.join(solution.held)}")
    if solution.unused_markers:
        lines.append(f"markers that the model lacks: {', '.join(solution.unused_markers)}")
    return lines


def _gap_lines(solved: NDArray[np.bool_]) -> list[str]:
    if solved.all():
        return []
    frames = np.flatnonzero(~solved)
    return [
        f"{len(frames)} frames of {len(solved)} have fewer than {MIN_MARKERS} markers (from {frames[0]} to "
        f"{frames[-1]}, counted from 0): nothing is known there"
    ]


def _undetermined_lines(solution: IKSolution) -> list[str]:
    counts = zip(solution.coordinates.names, solution.undetermined.sum(axis=0).tolist(), strict=True)
    return [f"{name} is not determined in {count} frames: too few markers" for name, count in counts if count]


def _by_network(trial: MarkerTrial, recording: MarkerTrajectories, folder: Path, weights: Path) -> MarkerMeasurement:
    network, static = load_neurik(weights), trial.read_static()
    notes, calibration = list(recording.notes), None
    if static is not None:
        with prefixed_errors(trial.static or trial.markers):
            found = static_scaling(static)
        calibration = found.calibration(network.locations_m)
        doubts = judge_static(found.standing, found.scaling, landmarks=found.scaling.marker_names).lines()
        of_static = (*static.notes, *scaling_notes(found.standing, found.scaling), *doubts)
        notes += [f"static trial: {note}" for note in of_static]
    else:
        notes.append("no static trial: the network assumes the population's marker locations")
    with prefixed_errors(trial.markers):
        prediction = predict_recording(network, recording, subject=calibration)
    model = write_predicted_model(folder / SCALED, prediction, mass_kg=trial.mass_kg)
    skeleton = read_osim(model)
    factors = prediction.body_scales[1:].round(4).tolist()
    unused = [name for name in recording.names if name not in prediction.markers.names]
    notes += _gap_lines(prediction.solved)
    if prediction.unobserved:
        notes.append(f"estimated without any marker: {', '.join(prediction.unobserved)}")
    if unused:
        notes.append(f"markers that NeurIK does not know: {', '.join(unused)}")
    return MarkerMeasurement(
        method="marker_neurik",
        model=model,
        skeleton=skeleton,
        coordinates=_in_order(prediction.coordinates, skeleton),
        coordinate_sd=_in_order(prediction.sd, skeleton).values,
        markers=recording,
        used=prediction.markers.names,
        error_m=prediction.error_m,
        body_scales=dict(zip(full_body_skeleton().body_names[1:], factors, strict=True)),
        notes=tuple(notes),
    )


def _in_order(coordinates: CoordinateTrajectories, skeleton: Skeleton) -> CoordinateTrajectories:
    return coordinates.select(skeleton.coordinate_names)
