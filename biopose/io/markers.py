"""Marker trajectories from any file format that the project knows, chosen by suffix."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from biopose.io.c3d import read_c3d
from biopose.io.files import existing_file, malformed
from biopose.io.parquet import read_markers_parquet
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import read_trc

UpAxis = Literal["x", "y", "z"]

READERS = {".trc": read_trc, ".c3d": read_c3d, ".parquet": read_markers_parquet}


def read_markers(path: Path | str, *, up: UpAxis = "y") -> MarkerTrajectories:
    """Read marker trajectories from a .trc, .c3d or .parquet file.

    Args:
        path: the file.
        up: the file's vertical axis; the axes are permuted cyclically so that y is vertical, as in OpenSim.

    Returns:
        Positions in metres, NaN for gaps.

    Raises:
        FileFormatError: The file is missing, has another suffix, or breaks its format.
    """
    path = existing_file(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise malformed(path, found=f"the suffix '{path.suffix}'", expected=f"one of {', '.join(READERS)}")
    return with_y_up(reader(path), up)


def with_y_up(markers: MarkerTrajectories, up: UpAxis) -> MarkerTrajectories:
    """Markers whose axis `up` points up, with the axes exchanged in turn so that y does."""
    rotated = np.roll(markers.positions_m, "xyz".index("y") - "xyz".index(up), axis=-1)
    return replace(markers, positions_m=rotated)
