"""Marker trajectories from any file format that the project knows, chosen by suffix."""

from pathlib import Path

from biopose.io.c3d import read_c3d
from biopose.io.files import existing_file, malformed
from biopose.io.parquet import read_markers_parquet
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import read_trc

READERS = {".trc": read_trc, ".c3d": read_c3d, ".parquet": read_markers_parquet}


def read_markers(path: Path | str) -> MarkerTrajectories:
    """Read marker trajectories from a .trc, .c3d or .parquet file.

    Returns:
        Positions in metres, in the axes of the file, NaN for gaps.

    Raises:
        FileFormatError: The file is missing, has another suffix, or breaks its format.
    """
    path = existing_file(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise malformed(path, found=f"the suffix '{path.suffix}'", expected=f"one of {', '.join(READERS)}")
    return reader(path)
