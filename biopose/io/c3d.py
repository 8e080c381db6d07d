"""Marker trajectories in .c3d files, the binary format of motion capture (https://www.c3d.org, user guide).

Positions are stored as float32, so a round trip is exact at that precision only (about 0.1 micrometre at one metre).
A gap is a negative residual. Axes stay as in the file, and many laboratories record z up. Analogue channels (force
plates, EMG) are not read.

The header counts frames in 16 bits from 1; frame 1 is time 0. The format has one rate and no times, so it can hold only
uniformly sampled recordings that start at or after 0; those written here end before frame 65,535.

`ezc3d` writes; files are read from their bytes, because `ezc3d` 1.7.2 mixes points and analogue values where their
rates make no whole number and ends the process on some broken files.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import ezc3d
import numpy as np
from numpy.typing import NDArray

from biopose.io.c3d_events import C3DEvent, add_events
from biopose.io.c3d_labels import marker_columns
from biopose.io.c3d_layout import Layout, first_frame, integer_scale, rate_hz, read_layout
from biopose.io.c3d_parameters import C3DContent, read_content
from biopose.io.c3d_rotations import has_rotations, segment_names
from biopose.io.c3d_units import c3d_units_per_metre
from biopose.io.files import existing_file, file_format_errors, malformed, written_whole
from biopose.io.gaps import with_gaps
from biopose.io.repeated_values import BoolArray
from biopose.io.trajectories import FloatArray, MarkerTrajectories
from biopose.io.units import LengthUnit

UNITS = {"m": 1.0, "mm": 1000.0}  # in a metre, of files that are written
FRAME_LIMIT = 65_535  # what 16 bits count to
RESIDUAL_LIMIT = 65_535  # a mask of cameras in the upper 8 bits, the residual in steps of the scale in the lower
RESIDUAL_STEP = 1e-6  # smaller values are no residuals in any unit
STRANGE_SHARE = 0.05  # of points
TIME_TOLERANCE_FRAMES = 0.25  # times rounded to milliseconds at 240 Hz are off by 0.12 of a frame


def read_c3d(path: Path | str, *, units: LengthUnit | None = None) -> MarkerTrajectories:
    """Read marker trajectories from a .c3d file.

    Args:
        path: the file.
        units: the file's unit of length, where the file states none or a wrong one.

    Returns:
        Positions in metres, in the axes of the file, NaN for gaps; time starts at the first frame's. Its notes name
        what was odd: header and parameters that disagree, trajectories left out, positions that are gaps.

    Raises:
        FileFormatError: The file is missing, cut off or no C3D; it has no markers or no known units; or header and
            parameters contradict each other.
    """
    content = read_content(existing_file(path))
    _check_points(content)
    layout, notes = read_layout(content)
    if has_rotations(content):
        notes = [*notes, f"the poses of segments besides the points are not used: {', '.join(segment_names(content))}"]
    positions, missing = _points(content, layout)
    columns, names, label_notes = marker_columns(content, positions, missing)
    rate, rate_notes = rate_hz(content)
    first, first_notes = first_frame(content)
    per_metre, unit_notes = c3d_units_per_metre(content, units)
    time_s = (first + np.arange(layout.frames)) / rate
    positions_m, gap_notes, filled = with_gaps(positions[:, columns] / per_metre, names, marked=missing[:, columns])
    with file_format_errors(content.path):
        return MarkerTrajectories(
            time_s,
            tuple(names),
            positions_m,
            filled=filled,
            notes=(*notes, *rate_notes, *first_notes, *unit_notes, *label_notes, *gap_notes),
        )


def write_c3d(
    path: Path | str,
    markers: MarkerTrajectories,
    *,
    units: Literal["m", "mm"] = "m",
    events: Sequence[C3DEvent] = (),
) -> None:
    """Write marker trajectories as a .c3d file, whole or not at all.

    A marker with any component NaN is a gap.

    Args:
        path: the file.
        markers: to write, in the axes that the file shall have.
        units: of length in the file.
        events: for its group EVENT; without any there is no such group.

    Raises:
        ValueError: The format cannot hold the recording: it has a single frame, its times are not uniform, or it
            starts before 0 or ends after the last frame that the format counts.
    """
    rate = markers.rate_hz
    frames = markers.time_s * rate
    first_frame = round(frames[0])
    if np.abs(frames - first_frame - np.arange(len(frames))).max() > TIME_TOLERANCE_FRAMES:
        raise ValueError(
            "a .c3d holds uniform times at whole frames from 0: resample (--rate-hz), or write .trc or .parquet"
        )
    if first_frame < 0 or first_frame + len(frames) >= FRAME_LIMIT:
        ends = f"frames {first_frame} to {first_frame + len(frames) - 1}"
        raise ValueError(
            f"{ends} are beyond what a .c3d counts, 0 to {FRAME_LIMIT - 2}: cut, or write .trc or .parquet"
        )
    gaps = np.isnan(markers.positions_m).any(axis=2).T  # (M, F)
    content = ezc3d.c3d()
    points = content["parameters"]["POINT"]
    points["LABELS"]["value"] = list(markers.names)
    points["UNITS"]["value"] = [units]
    points["RATE"]["value"] = [rate]
    content["header"]["points"]["first_frame"] = first_frame
    positions = np.ones((4, *gaps.shape))
    positions[:3] = np.where(gaps, 0.0, UNITS[units] * markers.positions_m.transpose(2, 1, 0))
    content["data"]["points"] = positions
    content["data"]["meta_points"]["residuals"] = np.where(gaps, -1.0, 0.0)[None]
    if events:
        add_events(content, events)
    with written_whole(path) as partial:
        content.write(str(partial))


def _check_points(content: C3DContent) -> None:
    """Raise FileFormatError where the file has no trajectories of points, naming what it has."""
    if content.header.points or content.number("POINT:USED"):
        return
    if has_rotations(content):
        names = segment_names(content)
        found = f"no markers but poses of {len(names)} segments (ROTATION group: {', '.join(names)})"
        expected = (
            "marker positions; `biopose ik` solves poses of segments with its default solver, and needs no model for "
            "it; `biopose convert` writes the segments' origins and axes as markers"
        )
    else:
        found = f"no trajectories of points, and {content.header.analog_values} analogue values a frame"
        expected = "marker positions: export the trial with its trajectories"
    raise malformed(content.path, found=found, expected=expected)


def _points(content: C3DContent, layout: Layout) -> tuple[FloatArray, BoolArray]:
    """Positions (F, P, 3) in the file's units, and (F, P) where the residual is negative or no number: a gap."""
    count, stored = layout.frames * layout.frame_values, content.stored
    read = stored.floats if layout.in_floats else stored.integers
    values = read(content.raw, count=count, offset=layout.begin).reshape(layout.frames, layout.frame_values)
    points = values[:, : 4 * layout.points].reshape(layout.frames, layout.points, 4)
    with np.errstate(invalid="ignore"):  # a NaN of any kind
        positions = points[..., :3].astype(np.float64)
    if layout.in_floats:
        _check_residuals(content, points[..., 3])
    else:
        positions *= integer_scale(content)
    return positions, ~(points[..., 3] >= 0)


def _check_residuals(content: C3DContent, residuals: NDArray[Any]) -> None:
    """Raise FileFormatError where the fourth values of points are none, as in data that do not start where stated."""
    size = np.abs(residuals[np.isfinite(residuals)])
    strange = (size > RESIDUAL_LIMIT) | ((size > 0) & (size < RESIDUAL_STEP))
    if strange.sum() > STRANGE_SHARE * residuals.size:
        found = f"residuals such as {size[strange][0]:.3g} in {strange.sum() / residuals.size:.0%} of all points"
        expected = f"0 to {RESIDUAL_LIMIT}, or below 0 for a gap; bytes are lost or added before the data"
        raise malformed(content.path, found=found, expected=expected)
