"""An OpenSim inverse kinematics set-up file applied to a recording and a model: the work of `biopose ik --weights`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from biopose.cli.command_line import NewFile
from biopose.errors import FileFormatError, ModelError
from biopose.io.files import malformed
from biopose.io.ik_setup import IKSetup, read_ik_setup
from biopose.io.ik_tasks import CoordinateTask
from biopose.io.mot import read_mot, write_storage
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories, Storage
from biopose.skeleton.ik.coordinate_targets import CoordinateTargets
from biopose.skeleton.ik.recording_solver import MIN_MARKERS
from biopose.skeleton.model import Coordinate, Skeleton
from biopose.skeleton.quiet_opensim import opensim

SPLINE_DEGREE = 5  # OpenSim's, of values from a file
TIME_SLACK_S = 1e-4  # a time that a file rounds
ACCURACY = 1e-5  # of both solvers; OpenSim's default
FINEST_ACCURACY = 1e-9  # that our solver's convergence can reach in double precision
ERRORS_SUFFIX = "_ik_marker_errors.sto"  # as OpenSim's tool names the file


@dataclass(frozen=True, eq=False)
class AppliedSetup:
    """What a set-up file makes of a recording; the defaults are those without one.

    Attributes:
        trajectories: the frames to be solved.
        weights: of the markers that recording and model share; None where all weigh 1.
        ignored: markers with a weight that the recording or the model lacks.
        targets: of the coordinates.
        accuracy: of the solution, relative.
        constraint_weight: of the model's constraints, for OpenSim's solver.
        report_errors: whether to write a file of marker errors.
        notes: what was odd, or is not applied, a sentence each.
    """

    trajectories: MarkerTrajectories
    weights: dict[str, float] | None = None
    ignored: tuple[str, ...] = ()
    targets: CoordinateTargets | None = None
    accuracy: float = ACCURACY
    constraint_weight: float = math.inf
    report_errors: bool = False
    notes: tuple[str, ...] = ()

    @property
    def tolerance(self) -> float:
        """Of our solver, which is never coarser than without a set-up file."""
        return min(max(self.accuracy, FINEST_ACCURACY), ACCURACY)


def applied_setup(
    path: Path | None, skeleton: Skeleton, trajectories: MarkerTrajectories, *, solver: str, **given: Path
) -> AppliedSetup:
    """Read a set-up file and apply it.

    Args:
        path: of the file; None: all frames and markers, no targets.
        skeleton: of the model.
        trajectories: of the recording.
        solver: biopose or opensim.
        given: by the set-up's property, the files that are read and written in place of those it names.

    Raises:
        FileFormatError: the file is malformed, or asks for what recording, model or solver do not have.
        ModelError: fewer than three markers have a weight.
    """
    if path is None:
        return AppliedSetup(trajectories)
    setup = read_ik_setup(path)
    frames, frame_notes = _frames(setup, trajectories)
    weights, ignored, weight_notes = _usable_weights(setup, skeleton, trajectories)
    tasks, task_notes = _usable_tasks(setup, skeleton, solver=solver)
    targets, target_notes = _targets(setup, tasks, skeleton, frames.time_s)
    notes = (*setup.notes, *_files_not_used(setup, given), *frame_notes, *weight_notes, *task_notes, *target_notes)
    return AppliedSetup(
        frames,
        weights,
        ignored,
        targets,
        accuracy=ACCURACY if setup.accuracy is None else setup.accuracy,
        constraint_weight=setup.constraint_weight,
        report_errors=setup.report_errors,
        notes=(*notes, *_solver_notes(setup, skeleton, solver=solver)),
    )


def files_of_setup(
    path: Path, *, markers: Path | None, model: Path | None, out: Path | None
) -> tuple[Path | None, Path | None, Path | None]:
    """The trial, the model and the file to write, each as given, else as the set-up file names it.

    Raises:
        FileFormatError: a file that the set-up file names is not there, or cannot be written.
    """
    setup = read_ik_setup(path)
    if out is None and (named := setup.file("output_motion_file")) is not None:
        try:
            out = NewFile(".mot").convert(str(named), None, None)
        except click.BadParameter as error:
            raise FileFormatError(f"{setup.where('output_motion_file')}: output_motion_file {error.message}") from error
    return _input_file(setup, "marker_file", markers), _input_file(setup, "model_file", model), out


def write_marker_errors(out: Path, time_s: NDArray[np.float64], error_m: NDArray[np.float64]) -> Path:
    """Write each frame's errors beside the .mot, as OpenSim's tool does: m^2 and m, markers unweighted.

    Args:
        out: the .mot.
        time_s: (F,).
        error_m: (F, M), NaN where missing.
    """
    squares = np.square(error_m)
    count = (~np.isnan(squares)).sum(axis=1)
    total = np.where(count > 0, np.nansum(squares, axis=1), np.nan)
    most = np.sqrt(np.where(count > 0, np.nan_to_num(squares).max(axis=1), np.nan))
    values = np.stack([total, np.sqrt(total / np.maximum(count, 1)), most], axis=1)
    columns = ("total_squared_error", "marker_error_RMS", "marker_error_max")
    path = out.with_name(out.stem + ERRORS_SUFFIX)
    write_storage(path, Storage(time_s, columns, values, in_degrees=False, name="Model Marker Errors from IK"))
    return path


def _input_file(setup: IKSetup, tag: str, given: Path | None) -> Path | None:
    named = setup.file(tag)
    if given is not None or named is None:
        return given
    if not named.is_file():
        raise FileFormatError(
            f"{setup.where(tag)}: found {tag} {named}, which is not there; expected a file (relative names are within "
            "the set-up file's folder), or the option on the command line"
        )
    return named


def _files_not_used(setup: IKSetup, given: dict[str, Path]) -> list[str]:
    """One note on the files that the set-up names and the command line overrules."""
    named = [(tag, setup.file(tag), path) for tag, path in given.items()]
    other = [f"{tag} {theirs} ({ours} is used)" for tag, theirs, ours in named if theirs and not _same(theirs, ours)]
    folder = setup.file("results_directory")
    if folder and not _same(folder, given["output_motion_file"].parent):
        other.append(f"results_directory {folder} (results lie beside {given['output_motion_file']})")
    return [f"{setup.path}: not used, since the command line names others: {'; '.join(other)}"] if other else []


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _frames(setup: IKSetup, trajectories: MarkerTrajectories) -> tuple[MarkerTrajectories, list[str]]:
    """The frames from the one nearest to the range's start to the one nearest to its end, as OpenSim's tool solves."""
    (start_s, end_s), time_s = setup.time_range_s, trajectories.time_s
    if math.isinf(start_s) and math.isinf(end_s):
        return trajectories, []
    where = setup.where("time_range")
    if start_s > time_s[-1] + TIME_SLACK_S or end_s < time_s[0] - TIME_SLACK_S:
        raise FileFormatError(
            f"{where}: found time_range {start_s:g} to {end_s:g} s; expected times within the recording, which has "
            f"{time_s[0]:g} to {time_s[-1]:g} s"
        )
    first, last = (int(np.abs(time_s - np.clip(t, time_s[0], time_s[-1])).argmin()) for t in (start_s, end_s))
    notes = [
        f"{where}: time_range {start_s:g} to {end_s:g} s: {last + 1 - first} of the recording's {len(time_s)} frames "
        f"are solved, {first} to {last} counted from 0; frames of the fit count from the first of these, "
        "those of gaps from the recording's first"
    ]
    beyond = [t for t in (start_s, end_s) if math.isfinite(t) and not _within(t, time_s)]
    if beyond:
        notes.append(
            f"{where}: time_range goes beyond the recording, which has {time_s[0]:g} to {time_s[-1]:g} s; what it has "
            "is solved"
        )
    return trajectories.at(slice(first, last + 1)), notes


def _within(time_s: float, times_s: NDArray[np.float64]) -> bool:
    return bool(times_s[0] - TIME_SLACK_S <= time_s <= times_s[-1] + TIME_SLACK_S)


def _usable_weights(
    setup: IKSetup, skeleton: Skeleton, trajectories: MarkerTrajectories
) -> tuple[dict[str, float] | None, tuple[str, ...], list[str]]:
    """Weights of the markers that recording and model share; the names of the others; notes."""
    given, path = setup.marker_weights, setup.path
    if given is None:
        return None, (), [f"{path}: no marker task; every marker weighs 1, as in OpenSim"]
    shared = [name for name in skeleton.marker_names if name in set(trajectories.names)]
    used = {name: weight for name, weight in given.items() if name in set(shared)}
    if sum(weight > 0 for weight in used.values()) < MIN_MARKERS:
        raise ModelError(
            f"{path}: fewer than {MIN_MARKERS} of the markers with a weight above 0 are in both the recording and the "
            f"model; it names {', '.join(given)}"
        )
    without = [name for name in shared if not used.get(name, 0.0) > 0]
    notes = [f"{path}: without a task that is applied, so not used: {', '.join(without)}"] if without else []
    return used, tuple(sorted(set(given) - set(shared))), notes


def _usable_tasks(
    setup: IKSetup, skeleton: Skeleton, *, solver: str
) -> tuple[list[tuple[CoordinateTask, Coordinate]], list[str]]:
    """The coordinate tasks that the solver can apply, with their coordinate, and notes on the others."""
    coupled = {coupling.dependent: coupling.independent for coupling in skeleton.couplings}
    usable, notes = [], []
    for task in setup.coordinate_tasks:
        if task.name not in skeleton.coordinate_names:
            found = f"a task of coordinate {task.name}, which the model {skeleton.name} lacks"
            expected = f"one of {', '.join(skeleton.coordinate_names)}"
            raise malformed(setup.path, line=task.line, found=found, expected=expected)
        index = skeleton.coordinate_names.index(task.name)
        coordinate = skeleton.coordinates[index]
        if coordinate.locked:
            notes.append(
                f"{setup.path}:{task.line}: coordinate {task.name} is locked in the model: its task has no effect"
            )
            continue
        if index in coupled and solver == "biopose":
            leader = skeleton.coordinate_names[coupled[index]]
            found = f"a task of coordinate {task.name}, which the model couples to {leader}"
            expected = f"the task to be of {leader}, or --solver opensim"
            raise malformed(setup.path, line=task.line, found=found, expected=expected)
        notes += _doubtful_value(setup, task, coordinate)
        usable.append((task, coordinate))
    return usable, notes


def _doubtful_value(setup: IKSetup, task: CoordinateTask, coordinate: Coordinate) -> list[str]:
    """A note on an angle outside its coordinate's range, which is likely to be in degrees."""
    low, high = coordinate.range_min, coordinate.range_max
    if task.value is None or coordinate.motion != "rotational" or low <= task.value <= high:
        return []
    found, least, most = (math.degrees(angle) for angle in (task.value, low, high))
    return [
        f"{setup.path}:{task.line}: value {task.value:g} of coordinate {task.name} is {found:.0f} degrees, outside its "
        f"range of {least:.0f} to {most:.0f}; OpenSim takes radians there"
    ]


def _targets(
    setup: IKSetup,
    tasks: Sequence[tuple[CoordinateTask, Coordinate]],
    skeleton: Skeleton,
    time_s: NDArray[np.float64],
) -> tuple[CoordinateTargets | None, list[str]]:
    if not tasks:
        return None, []
    from_file = [task for task, _ in tasks if task.value_type == "from_file"]
    filed, notes = _values_from_file(setup, from_file, skeleton, time_s)
    values = np.empty((len(time_s), len(tasks)))
    for column, (task, coordinate) in enumerate(tasks):
        values[:, column] = filed.get(task.name, coordinate.default if task.value is None else task.value)
    weights = np.array([task.weight for task, _ in tasks])
    return CoordinateTargets(tuple(task.name for task, _ in tasks), values, weights), [*_applied(tasks), *notes]


def _applied(tasks: Sequence[tuple[CoordinateTask, Coordinate]]) -> Iterator[str]:
    names = ", ".join(f"{task.name} (weight {task.weight:g}, {task.value_type})" for task, _ in tasks)
    yield f"coordinate tasks applied: {names}"


def _values_from_file(
    setup: IKSetup, tasks: Sequence[CoordinateTask], skeleton: Skeleton, time_s: NDArray[np.float64]
) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """The coordinate file's values at some times, through OpenSim's spline; radians and metres."""
    path = setup.file("coordinate_file")
    if not tasks or path is None:
        return {}, []
    if not path.is_file():
        raise FileFormatError(
            f"{setup.where('coordinate_file')}: found coordinate_file {path}, which is not there; expected a file "
            "(relative names are within the set-up file's folder)"
        )
    table = read_mot(path, rotational=skeleton.rotational_names)
    lacking = [task for task in tasks if task.name not in table.names]
    if lacking:
        found = f"value_type from_file of coordinate {lacking[0].name}, which {path} lacks"
        raise malformed(setup.path, line=lacking[0].line, found=found, expected=f"one of {', '.join(table.names)}")
    table = table.select([task.name for task in tasks])
    _check_table(path, table, time_s)
    return _interpolated(table, time_s), [f"{path}: {note}" for note in table.notes]


def _check_table(path: Path, table: CoordinateTrajectories, time_s: NDArray[np.float64]) -> None:
    if len(table.time_s) <= SPLINE_DEGREE:
        rows = f"{len(table.time_s)} rows"
        raise malformed(path, found=rows, expected=f"{SPLINE_DEGREE + 1} or more, which OpenSim's spline needs")
    if not (_within(time_s[0], table.time_s) and _within(time_s[-1], table.time_s)):
        found = f"times from {table.time_s[0]:g} to {table.time_s[-1]:g} s"
        expected = f"{time_s[0]:g} to {time_s[-1]:g} s, as solved: extend it or shorten time_range"
        raise malformed(path, found=found, expected=f"{expected} (OpenSim extrapolates)")
    gaps = np.isnan(table.values)
    if gaps.any():
        row, column = (int(i) for i in np.argwhere(gaps)[0])
        found = f"{gaps.sum()} gaps, the first at {table.time_s[row]:g} s in column {table.names[column]}"
        raise malformed(path, found=found, expected="a value in every row; fill the gaps")


def _interpolated(table: CoordinateTrajectories, time_s: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Values by name at some times, from the natural spline that OpenSim's tool puts through them."""
    series = opensim.TimeSeriesTable()
    series.setColumnLabels(list(table.names))
    for time, row in zip(table.time_s, table.values, strict=True):
        series.appendRow(float(time), opensim.RowVector(row.tolist()))
    splines = opensim.GCVSplineSet(series, list(table.names), SPLINE_DEGREE, 0.0)
    times = [opensim.Vector(1, float(t)) for t in np.clip(time_s, table.time_s[0], table.time_s[-1])]
    return {name: np.array([splines.get(i).calcValue(time) for time in times]) for i, name in enumerate(table.names)}


def _solver_notes(setup: IKSetup, skeleton: Skeleton, *, solver: str) -> list[str]:
    notes = []
    if math.isfinite(setup.constraint_weight) and solver == "biopose" and skeleton.couplings:
        notes.append(
            f"{setup.where('constraint_weight')}: constraint_weight {setup.constraint_weight:g} is not applied: "
            "couplings hold exactly; --solver opensim applies it"
        )
    if setup.accuracy is not None and setup.accuracy < FINEST_ACCURACY and solver == "biopose":
        notes.append(
            f"{setup.where('accuracy')}: accuracy {setup.accuracy:g} is beyond double precision; solved to "
            f"{FINEST_ACCURACY:g}"
        )
    return notes
