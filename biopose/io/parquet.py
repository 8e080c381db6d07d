"""Trajectories as Parquet: one float64 column a quantity, its unit in its name, so that SQL needs no manual.

Markers are ``time_s``, ``LKNE_x_m``, ``LKNE_y_m``, ``LKNE_z_m``, ...; coordinates are ``time_s``, ``knee_angle_r_rad``,
``pelvis_tx_m``, ... The schema's metadata names the kind under the key ``biopose``: {"kind": "markers", "version": 1}.
A gap is NaN, not null. Every float64 reads back bit for bit, and damaged pages are found by their checksums.
"""

import json
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biopose.io.files import existing_file, file_format_errors, malformed, quoted, written_whole
from biopose.io.trajectories import CoordinateTrajectories, FloatArray, MarkerTrajectories

METADATA_KEY = b"biopose"
VERSION = 1
TIME = "time_s"
POSITION_SUFFIXES = ("_x_m", "_y_m", "_z_m")
ANGLE_SUFFIX, LENGTH_SUFFIX = "_rad", "_m"


def write_markers_parquet(path: Path | str, markers: MarkerTrajectories) -> None:
    """Write marker trajectories, whole or not at all."""
    names = [name + suffix for name in markers.names for suffix in POSITION_SUFFIXES]
    _write(path, "markers", markers.time_s, names, markers.positions_m.reshape(len(markers.time_s), -1))


def read_markers_parquet(path: Path | str) -> MarkerTrajectories:
    """Read marker trajectories in metres.

    Raises:
        FileFormatError: The file is missing, no Parquet, of another kind, or its columns are not those of markers.
    """
    time_s, columns, values = _read(path, "markers")
    names = [column.removesuffix(POSITION_SUFFIXES[0]) for column in columns[::3]]
    expected = [name + suffix for name in names for suffix in POSITION_SUFFIXES]
    if columns != expected:
        wrong = next((c for c, e in zip(columns, expected, strict=False) if c != e), columns[-1])
        raise malformed(Path(path), found=f"column {quoted(wrong)}", expected="NAME_x_m, NAME_y_m, NAME_z_m a marker")
    with file_format_errors(path):
        return MarkerTrajectories(time_s, tuple(names), values.reshape(len(time_s), len(names), 3))


def write_coordinates_parquet(
    path: Path | str, coordinates: CoordinateTrajectories, *, translational: Collection[str]
) -> None:
    """Write coordinates, whole or not at all.

    Args:
        path: The file.
        coordinates: Radians and metres.
        translational: Names of the model's translational coordinates, whose columns end in ``_m``. All others are in
            radians: the rotational ones and OpenSim's "coupled" ones, which ``mot`` does not count as rotational.
    """
    names = [name + (LENGTH_SUFFIX if name in translational else ANGLE_SUFFIX) for name in coordinates.names]
    _write(path, "coordinates", coordinates.time_s, names, coordinates.values)


def read_coordinates_parquet(path: Path | str) -> CoordinateTrajectories:
    """Read coordinates in radians and metres; the units in the columns' names are dropped.

    Raises:
        FileFormatError: The file is missing, no Parquet, of another kind, or its columns are not those of coordinates.
    """
    time_s, columns, values = _read(path, "coordinates")
    for column in columns:
        if not column.endswith((ANGLE_SUFFIX, LENGTH_SUFFIX)):
            raise malformed(Path(path), found=f"column {quoted(column)}", expected="names ending in _rad or _m")
    names = [column.rpartition("_")[0] for column in columns]
    with file_format_errors(path):
        return CoordinateTrajectories(time_s, tuple(names), values)


def kind_of(path: Path | str) -> str:
    """Whether a file that BioPose wrote holds "markers" or "coordinates"; "" for any other."""
    try:
        stated = (pq.read_schema(existing_file(path)).metadata or {}).get(METADATA_KEY, b"{}")
        return str(json.loads(stated).get("kind", ""))
    except (pa.ArrowException, OSError, ValueError, AttributeError):
        return ""  # its reader reports what is wrong with it


def read_parquet_table(path: Path | str) -> pa.Table:
    """Read a whole file, its checksums checked where it has them.

    Raises:
        FileFormatError: The file is missing, no Parquet, or damaged.
    """
    path = existing_file(path)
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
        _ = table.column_names  # a damaged name is found when it is decoded
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise malformed(path, found=f"no readable Parquet ({error})", expected="a .parquet file") from error
    return table


def _write(path: Path | str, kind: str, time_s: FloatArray, names: list[str], values: FloatArray) -> None:
    """Write time and the (F, C) values under these column names."""
    metadata = {METADATA_KEY: json.dumps({"kind": kind, "version": VERSION}).encode()}
    columns = [pa.array(column) for column in (time_s, *values.T)]
    table = pa.table(columns, names=[TIME, *names]).replace_schema_metadata(metadata)
    with written_whole(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def _read(path: Path | str, kind: str) -> tuple[FloatArray, list[str], FloatArray]:
    """Read time, the other columns' names and their values (F, C)."""
    path, table = Path(path), read_parquet_table(path)
    columns = table.column_names
    _check_kind(table, kind, path)
    if columns[:1] != [TIME] or len(columns) < 2 or not table.num_rows:
        found = f"{table.num_rows} rows, {len(columns)} columns from {quoted(', '.join(columns))}"
        raise malformed(path, found=found, expected=f"rows, the column {TIME} first and at least one more")
    for name, column in zip(columns, table.columns, strict=True):
        if column.type != pa.float64() or column.null_count:
            found = f"column {name} of {column.type} with {column.null_count} nulls"
            raise malformed(path, found=found, expected="float64, NaN for gaps")
    values = np.empty((table.num_rows, len(columns) - 1))
    for index, column in enumerate(table.columns[1:]):
        values[:, index] = column.to_numpy()
    return np.array(table.column(0)), columns[1:], values


def _check_kind(table: pa.Table, kind: str, path: Path) -> None:
    """Raise FileFormatError unless the schema's metadata names ``kind``."""
    stated = (table.schema.metadata or {}).get(METADATA_KEY, b"no metadata 'biopose'")
    try:
        content = json.loads(stated)
    except ValueError:
        content = None
    if content != {"kind": kind, "version": VERSION}:
        expected = f'{{"kind": "{kind}", "version": {VERSION}}}'
        raise malformed(path, found=quoted(stated.decode("latin-1")), expected=f"{expected}: a file that BioPose wrote")
