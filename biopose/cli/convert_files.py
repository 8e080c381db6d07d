"""From one motion file to another: the work of `biopose convert`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from biopose.errors import FileFormatError
from biopose.io.c3d import write_c3d
from biopose.io.c3d_rotations import holds_poses_alone, markers_of_poses, read_segment_poses
from biopose.io.files import file_format_errors
from biopose.io.markers import read_markers
from biopose.io.mot import from_coordinates, read_storage, to_coordinates, write_storage
from biopose.io.parquet import kind_of, read_coordinates_parquet, write_coordinates_parquet, write_markers_parquet
from biopose.io.resampling import interpolated, uniform_times
from biopose.io.trajectories import FloatArray, MarkerTrajectories, Storage, frame_rate_hz
from biopose.io.trc import write_trc
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis
from biopose.skeleton.marker_names import some
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim

MARKER_WRITERS: dict[str, Callable[[Path, MarkerTrajectories], None]] = {
    ".trc": write_trc,
    ".c3d": write_c3d,
    ".parquet": write_markers_parquet,
}
STORAGE = (".mot", ".sto")
TURN_TOLERANCE = 0.25  # of a turn, that an angle may move between two frames besides


@dataclass(frozen=True)
class ConversionSummary:
    """The result of `biopose convert`; gaps are counted in frames, over all markers or columns.

    Attributes:
        out: the file written.
        kind: markers, or coordinates (any table over time of .mot and .sto).
        columns: number of markers or columns.
        frames_read: of the input.
        frames: of the output.
        rate_hz: of the output; None for a single frame.
        gap_frames_before: without a value, in the input.
        gap_frames: without a value, in the output.
        notes: what was odd in the input and how it was read.
    """

    out: str
    kind: str
    columns: int
    frames_read: int
    frames: int
    rate_hz: float | None
    gap_frames_before: int
    gap_frames: int
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """As text."""
        rate = f" at {self.rate_hz:.6g} Hz" if self.rate_hz else ""
        lines = [f"{self.out}: {self.frames} frames{rate} of {self.columns} {self.kind}"]
        if self.frames != self.frames_read:
            lines.append(f"resampled from {self.frames_read} frames, by cubic interpolation and without a filter")
        if self.gap_frames_before or self.gap_frames:
            lines.append(f"gaps: {self.gap_frames_before} values in the input, {self.gap_frames} in the output")
        return lines + self.notes


def convert_file(
    source: Path,
    out: Path,
    *,
    up: UpAxis = "y",
    units: LengthUnit | None = None,
    subject: str | None = None,
    rate_hz: float | None = None,
    longest_gap_s: float = 0.0,
    model: Path | None = None,
    in_degrees: bool | None = None,
) -> ConversionSummary:
    """Convert a motion file; the suffixes give the formats.

    Args:
        source: .trc, .c3d, .mot, .sto or .parquet.
        out: markers to .trc, .c3d or .parquet; coordinates to .mot, .sto or .parquet.
        up: the axis of marker positions that is up; in the output it is y.
        units: of marker positions, where the file states none or a wrong one.
        subject: whose markers, where labels are SUBJECT:MARKER.
        rate_hz: of the output; None keeps the input's times.
        longest_gap_s: gaps up to it are filled.
        model: the .osim whose coordinates the columns are, which decides what is an angle.
        in_degrees: angles of a .mot or .sto in degrees, or in radians; None keeps them.

    Raises:
        FileFormatError: a file breaks its format, or the output's format cannot hold the content.
        click.UsageError: an option has no effect on what the file holds.
    """
    if source.suffix.lower() in STORAGE or (source.suffix.lower() == ".parquet" and kind_of(source) == "coordinates"):
        _refuse_without_effect("coordinates", up=None if up == "y" else up, units=units, subject=subject)
        table, skeleton = _read_table(source, model=read_osim(model) if model else None, in_degrees=in_degrees)
        return _convert_table(source, out, table, skeleton, rate_hz=rate_hz, longest_gap_s=longest_gap_s)
    _refuse_without_effect("markers", model=model, angles=in_degrees)
    if holds_poses_alone(source):
        markers = markers_of_poses(read_segment_poses(source, up=up, units=units))
    else:
        markers = read_markers(source, up=up, units=units, subject=subject)
    return _convert_markers(source, out, markers, rate_hz=rate_hz, longest_gap_s=longest_gap_s)


def _refuse_without_effect(kind: str, **options: object) -> None:
    for option, given in options.items():
        if given is not None:
            raise click.UsageError(f"--{option} has no effect on {kind}; leave it out")


def _convert_markers(
    source: Path, out: Path, read: MarkerTrajectories, *, rate_hz: float | None, longest_gap_s: float
) -> ConversionSummary:
    if out.suffix.lower() not in MARKER_WRITERS:
        raise FileFormatError(f"{source} holds markers: write them as {' or '.join(MARKER_WRITERS)}, not as {out.name}")
    count = len(read.names)
    time_s, flat = _at_rate(read.time_s, read.positions_m.reshape(len(read.time_s), -1), rate_hz, longest_gap_s)
    markers = replace(read, time_s=time_s, positions_m=flat.reshape(len(time_s), count, 3), filled=None)
    with file_format_errors(out):
        MARKER_WRITERS[out.suffix.lower()](out, markers)
    gaps = (_gap_count(read), _gap_count(markers))
    return _summary(out, "markers", count, read.time_s, time_s, gaps, read.notes)


def _gap_count(markers: MarkerTrajectories) -> int:
    return int(np.isnan(markers.positions_m).any(axis=2).sum())


def _read_table(source: Path, *, model: Skeleton | None, in_degrees: bool | None) -> tuple[Storage, Skeleton | None]:
    """The input as the table of a .mot, its angles in the unit asked for."""
    from_parquet = source.suffix.lower() == ".parquet"
    if model is None:
        if from_parquet or in_degrees is not None:
            raise FileFormatError(f"{source}: which columns are angles only the model knows: give it, --model")
        return read_storage(source), None
    if from_parquet:
        coordinates = read_coordinates_parquet(source)
    else:
        table = read_storage(source)
        in_degrees = table.in_degrees if in_degrees is None else in_degrees
        coordinates = to_coordinates(table, rotational=model.rotational_names)
    if unknown := [name for name in coordinates.names if name not in model.coordinate_names]:
        raise FileFormatError(f"{source}: the model {model.name} has no coordinate {some(unknown)}")
    in_degrees = True if in_degrees is None else in_degrees
    return from_coordinates(coordinates, rotational=model.rotational_names, in_degrees=in_degrees), model


def _convert_table(
    source: Path, out: Path, read: Storage, model: Skeleton | None, *, rate_hz: float | None, longest_gap_s: float
) -> ConversionSummary:
    if out.suffix.lower() not in (*STORAGE, ".parquet"):
        raise FileFormatError(
            f"{source} holds coordinates: write them as .mot, .sto or .parquet, not as {out.name}; markers at these "
            "coordinates need a model and are no conversion"
        )
    notes = list(read.notes)
    if not read.unit_is_stated:
        written = "yes" if read.in_degrees else "no"
        notes.append(f"the header has no inDegrees: inDegrees={written} is written, as OpenSim reads the input")
    if rate_hz is not None or longest_gap_s:
        read, turned = _without_whole_turns(read)
        notes += [f"{name} passes the end of a turn: written continuous, beyond it" for name in turned]
    time_s, values = _at_rate(read.time_s, read.values, rate_hz, longest_gap_s)
    table = replace(read, time_s=time_s, values=values)
    if out.suffix.lower() != ".parquet":
        write_storage(out, table)
    elif model is None:
        raise FileFormatError(f"{source}: which columns are angles only the model knows: give it, --model")
    else:
        translational = {c.name for c in model.coordinates if c.motion == "translational"}
        coordinates = to_coordinates(table, rotational=model.rotational_names)
        write_coordinates_parquet(out, coordinates, translational=translational)
    gaps = (int(np.isnan(read.values).sum()), int(np.isnan(values).sum()))
    return _summary(out, "columns", len(read.columns), read.time_s, time_s, gaps, notes)


def _without_whole_turns(table: Storage) -> tuple[Storage, list[str]]:
    """The table with columns that jump by a whole turn made continuous, as interpolation needs; and their names."""
    turn = 360.0 if table.in_degrees else 2 * np.pi
    values, turned = table.values.copy(), []
    for column, name in enumerate(table.columns):
        known = np.flatnonzero(~np.isnan(values[:, column]))
        steps = np.diff(values[known, column])
        whole = np.where(np.abs(np.abs(steps) - turn) < TURN_TOLERANCE * turn, np.sign(steps), 0)
        if whole.any():
            values[known[1:], column] -= turn * np.cumsum(whole)
            turned.append(name)
    return replace(table, values=values), turned


def _at_rate(
    time_s: FloatArray, values: FloatArray, rate_hz: float | None, longest_gap_s: float
) -> tuple[FloatArray, FloatArray]:
    """Times and values (F, n) at a rate, or at the input's times; short gaps are filled."""
    if rate_hz is None and longest_gap_s == 0:
        return time_s, values
    at_s = time_s if rate_hz is None else uniform_times(time_s, rate_hz=rate_hz)
    return at_s, interpolated(time_s, values, at_s, longest_gap_s=longest_gap_s)


def _summary(
    out: Path,
    kind: str,
    columns: int,
    before_s: FloatArray,
    time_s: FloatArray,
    gaps: tuple[int, int],
    notes: Sequence[str],
) -> ConversionSummary:
    return ConversionSummary(
        out=str(out),
        kind=kind,
        columns=columns,
        frames_read=len(before_s),
        frames=len(time_s),
        rate_hz=round(frame_rate_hz(time_s), 6) if len(time_s) > 1 else None,
        gap_frames_before=gaps[0],
        gap_frames=gaps[1],
        notes=list(notes),
    )
