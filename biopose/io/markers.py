"""Marker trajectories from any file format that the project knows, chosen by suffix."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from biopose.io.c3d import read_c3d
from biopose.io.files import existing_file, malformed
from biopose.io.parquet import read_markers_parquet
from biopose.io.subjects import of_subject
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import read_trc
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis, y_up

READERS_OF_UNITS: dict[str, Callable[..., MarkerTrajectories]] = {".trc": read_trc, ".c3d": read_c3d}
SUFFIXES = (*READERS_OF_UNITS, ".parquet")


def read_markers(
    path: Path | str,
    *,
    up: UpAxis = "y",
    units: LengthUnit | None = None,
    subject: str | None = None,
    model_markers: Collection[str] = (),
) -> MarkerTrajectories:
    """Read marker trajectories from a .trc, .c3d or .parquet file.

    Args:
        path: the file.
        up: the file's vertical axis; the axes are permuted cyclically so that y is vertical, as in OpenSim.
        units: the file's unit of length, where it states none or a wrong one; a .parquet file is in metres.
        subject: whose markers to read, where labels are SUBJECT:MARKER; needed where there are several subjects.
        model_markers: names of the model's markers; where it has a label with its prefix, prefixes stay.

    Returns:
        Positions in metres, NaN for gaps.

    Raises:
        FileFormatError: The file is missing, has another suffix, or breaks its format.
    """
    path = existing_file(path)
    markers = of_subject(_read(path, units), path, subject=subject, model_markers=model_markers)
    return with_y_up(markers, up)


def _read(path: Path, units: LengthUnit | None) -> MarkerTrajectories:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise malformed(path, found=f"the suffix '{path.suffix}'", expected=f"one of {', '.join(SUFFIXES)}")
    if suffix in READERS_OF_UNITS:
        return READERS_OF_UNITS[suffix](path, units=units)
    if units is not None:
        raise malformed(path, found=f"--units {units}", expected="no unit: positions in a .parquet file are in metres")
    return read_markers_parquet(path)


def with_y_up(markers: MarkerTrajectories, up: UpAxis) -> MarkerTrajectories:
    """Markers whose axis `up` points up, with the axes exchanged in turn so that y does."""
    return replace(markers, positions_m=y_up(markers.positions_m, up, axis=-1))
