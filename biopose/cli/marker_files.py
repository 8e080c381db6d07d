"""From marker files to model and motion files: the work of `biopose scale` and `biopose ik`."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np

from biopose.cli.ik_setup_files import applied_setup, write_marker_errors
from biopose.cli.keypoint_files import KeypointNames, read_keypoints
from biopose.cli.marker_solution import solve_markers
from biopose.cli.marker_summaries import IKSummary, ScaleSummary
from biopose.cli.segment_files import read_segments
from biopose.errors import ModelError
from biopose.io.c3d_rotations import holds_poses_alone
from biopose.io.files import prefixed_errors
from biopose.io.markers import read_markers
from biopose.io.mot import from_coordinates, write_mot, write_storage
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis
from biopose.skeleton.constant_errors import constant_sd_rad
from biopose.skeleton.full_body import build_full_body
from biopose.skeleton.ik.branches import jumps
from biopose.skeleton.ik.fit_report import (
    error_without_faults_m,
    faults_as_dicts,
    jumps_as_dicts,
    markers_far,
    poorly_determined,
)
from biopose.skeleton.ik.inverse_kinematics import IKSolution, Outliers
from biopose.skeleton.ik.recording_solver import MIN_MARKERS, Limits
from biopose.skeleton.landmarks import landmarks
from biopose.skeleton.lying import lies_on_its_side
from biopose.skeleton.marker_names import other_case
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaled_model import write_scaled_osim
from biopose.skeleton.scaling import scale_to_static, standing_in
from biopose.skeleton.static_trial import judge_static, scaling_notes
from biopose.skeleton.stature import model_height_m


class ProgressBar(Protocol):
    """A command's progress bar."""

    length: int | None

    def update(self, n_steps: int) -> None:
        """Advance by n_steps."""


def scale_files(
    markers: Path,
    model: Path | None,
    out: Path,
    *,
    up: UpAxis = "y",
    units: LengthUnit | None = None,
    subject: str | None = None,
    height_m: float | None = None,
    mass_kg: float | None = None,
) -> ScaleSummary:
    """Scale a model file to a static trial's file; the default full-body model if `model` is None.

    Raises:
        BioposeError: if a file is malformed, or has too few of the model's markers.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = model or build_full_body(Path(folder) / "full_body.osim")
        skeleton = read_osim(source)
        static = read_markers(markers, up=up, units=units, subject=subject, model_markers=skeleton.marker_names)
        known_height = model_height_m(skeleton) if height_m else None
        with prefixed_errors(markers):
            scaling = scale_to_static(
                skeleton, static, height_m=height_m if known_height else None, model_height_m=known_height
            )
            standing = standing_in(skeleton, static)
        write_scaled_osim(source, out, scaling, mass_kg=mass_kg)
    factors = {
        body.name: factors
        for body, factors in zip(skeleton.bodies[1:], scaling.body_scales[1:].round(4).tolist(), strict=True)
        if not body.within_joint
    }
    return ScaleSummary(
        out=str(out),
        mass_kg=read_osim(out).mass_kg,
        body_scales=factors,
        marker_residual_mm=dict(zip(scaling.marker_names, (1e3 * scaling.residual_m).round(2).tolist(), strict=True)),
        moved_markers=list(scaling.moved_markers),
        landmarks=[n for n in landmarks(skeleton) if n in scaling.marker_names],
        unused_markers=[n for n in static.names if n not in set(skeleton.marker_names)],
        height_m=height_m,
        height_used=known_height is not None,
        notes=[*static.notes, *scaling_notes(standing, scaling), *model_notes(source, skeleton)],
        static_trial=judge_static(standing, scaling, landmarks=landmarks(skeleton), height_m=height_m),
    )


def model_notes(model: Path, skeleton: Skeleton) -> list[str]:
    """What a model's reader noted, with the file that it is about."""
    return [f"{model.name}: {note}" for note in skeleton.notes]


def read_recording(
    path: Path,
    *,
    up: UpAxis = "y",
    units: LengthUnit | None = None,
    subject: str | None = None,
    model_markers: Collection[str] = (),
    body_model: Path | None = None,
) -> MarkerTrajectories:
    """Read marker trajectories; with a body model, the virtual markers of a motion of SMPL or SMPL-X.

    Raises:
        BioposeError: if a file is malformed, or the motion is of another body model.
    """
    if body_model is None:
        return read_markers(path, up=up, units=units, subject=subject, model_markers=model_markers)
    from biopose.body.smpl_motion import read_smpl_markers

    return read_smpl_markers(path, body_model, up=up)


def solve_files(
    markers: Path,
    model: Path | None,
    out: Path,
    *,
    up: UpAxis = "y",
    units: LengthUnit | None = None,
    subject: str | None = None,
    body_model: Path | None = None,
    static: Path | None = None,
    model_out: Path | None = None,
    sd_out: Path | None = None,
    keypoints: KeypointNames | None = None,
    weights: Path | None,
    solver: str,
    limits: Limits,
    outliers: Outliers = "left out",
    threads: int,
    progress: ProgressBar,
) -> IKSummary:
    """Inverse kinematics from a marker file and a model file to a .mot file.

    Of keypoints, the default model scaled to them is solved; model is None then, and the scaled one is written to
    model_out. Of a .c3d with poses of segments in place of points, virtual markers are solved; the model may then be
    None, which is the default model, scaled to the segments and written to model_out; static is a trial in the neutral
    posture.

    Markers that do not fit are found for either solver, and left out or exchanged back in the frames concerned, unless
    outliers are kept. Standard deviations, which OpenSim's solver does not give, are written to sd_out.

    Raises:
        BioposeError: if a file is malformed, model and recording do not belong together, or no frame can be solved.
    """
    not_shown: tuple[str, ...] = ()
    if keypoints is not None:
        of_keypoints = read_keypoints(markers, keypoints, up=up, units=units, subject=subject, model_out=model_out)
        skeleton, trajectories, not_shown = of_keypoints.skeleton, of_keypoints.markers, of_keypoints.held
    elif model is None or holds_poses_alone(markers):
        skeleton, trajectories = read_segments(markers, model, up=up, units=units, static=static, model_out=model_out)
    else:
        skeleton = read_osim(model)
        trajectories = read_recording(
            markers, up=up, units=units, subject=subject, model_markers=skeleton.marker_names, body_model=body_model
        )
    files = {"marker_file": markers, "output_motion_file": out} | ({"model_file": model} if model else {})
    setup = applied_setup(weights, skeleton, trajectories, solver=solver, **files)
    progress.length = len(setup.trajectories.time_s)
    start = perf_counter()
    with prefixed_errors(markers):
        found = solve_markers(
            skeleton,
            setup,
            model=model if solver == "opensim" else None,
            limits=limits,
            outliers=outliers,
            threads=threads,
            progress=progress.update,
        )
    seconds = perf_counter() - start
    solution = replace(found.solution, held=(*found.solution.held, *not_shown))
    if not solution.solved.any():
        raise ModelError(
            f"{markers}: no frame has {MIN_MARKERS} markers of the model {model or skeleton.name}; nothing was written"
        )
    write_mot(out, solution.coordinates, rotational=skeleton.rotational_names)
    if sd_out and solution.coordinate_sd is not None:
        sd = replace(solution.coordinates, values=solution.coordinate_sd)
        write_deviations(sd_out, sd, rotational=skeleton.rotational_names)
    notes = [*setup.trajectories.notes, *(model_notes(model, skeleton) if model else ()), *setup.notes]
    if misspelt := other_case(setup.trajectories.names, skeleton.marker_names):
        notes.append(misspelt)
    if setup.report_errors:
        errors = write_marker_errors(out, setup.trajectories.time_s, solution.marker_error_m)
        notes.append(f"errors of each frame: {errors}")
    summary = _summary(out, solver, skeleton, solution, list(setup.ignored), seconds, notes=notes)
    return replace(
        summary,
        outliers=outliers,
        faults=faults_as_dicts(solution.faults),
        markers_far=markers_far(solution),
        poorly_determined=poorly_determined(skeleton, solution),
        jumps=jumps_as_dicts(jumps(skeleton, solution.coordinates, found.judged.select(solution.marker_names))),
        handedness=found.handedness,
        away_from_best_fit=found.away_from_best_fit,
    )


def write_deviations(path: Path, sd: CoordinateTrajectories, *, rotational: Collection[str]) -> None:
    """Write standard deviations as a .mot, with the constant errors besides.

    Args:
        path: the file.
        sd: without the constant errors, radians and metres.
        rotational: names of the angles.
    """
    both = replace(sd, values=np.hypot(sd.values, constant_sd_rad(sd.names)))
    write_storage(path, from_coordinates(both, rotational=rotational, name="Standard deviations"))


def _summary(
    out: Path,
    solver: str,
    skeleton: Skeleton,
    solution: IKSolution,
    ignored: list[str],
    seconds: float,
    *,
    notes: Sequence[str],
) -> IKSummary:
    mean_mm = np.nan_to_num(1e3 * np.array([_mean(column) for column in error_without_faults_m(solution).T]))
    worst = int(mean_mm.argmax())
    open_frames = solution.undetermined.sum(axis=0)
    return IKSummary(
        out=str(out),
        solver=solver,
        frames=len(solution.rms_m),
        frames_unsolved=np.flatnonzero(~solution.solved).tolist(),
        frames_not_converged=int((solution.solved & ~solution.converged).sum()),
        rms_mm=round(1e3 * float(np.nanmean(solution.rms_m)), 3),
        worst_marker=solution.marker_names[worst],
        worst_mm=round(float(mean_mm[worst]), 3),
        coordinates_held=list(solution.held),
        coordinates_undetermined={
            name: int(n) for name, n in zip(solution.coordinates.names, open_frames, strict=True) if n
        },
        unused_markers=list(solution.unused_markers),
        weights_ignored=ignored,
        lies_on_its_side=lies_on_its_side(skeleton, solution.coordinates),
        seconds=round(seconds, 3),
        notes=list(notes),
    )


def _mean(values: np.ndarray) -> float:
    """Of the values that are not NaN; NaN if all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
