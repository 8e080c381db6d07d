"""Coordinates over time in OpenSim's storage files (.mot, .sto), and any other table in that format (force plates).

Three dialects of the header are read: OpenSim 3 (``version=1``, ``nRows=``, ``nColumns=``, ``inDegrees=``), OpenSim 4
(``DataType=``, ``version=3``, ``OpenSimVersion=``, counts optional) and SIMM (``datarows 10``, ``datacolumns 3``).

What is in degrees: with ``inDegrees=yes`` only the columns of *rotational* coordinates are. Translations are metres,
and coordinates of OpenSim's motion type "coupled" (``knee_angle_r_beta``) are radians, because OpenSim converts by
motion type and leaves that type alone. Which columns are angles is known from the model only, so callers name the
``rotational`` ones. Where the header lacks inDegrees, OpenSim's Storage takes a file without a version
(SIMM) as degrees and any other as radians; so does this reader.

Gaps are NaN or empty fields. OpenSim's TimeSeriesTable reads them so; its older Storage class reads wrong numbers there
(observed with 4.6), whatever the notation, so fill gaps before giving a file to a tool that uses it.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from biopose.io.files import file_format_errors, quoted, written_whole
from biopose.io.text import NumberedLines, TableBuilder, check_labels, opened_lines, parse_count, parse_row
from biopose.io.trajectories import CoordinateTrajectories, Storage, duplicates

COUNT_KEYS = {"nrows": "nrows", "datarows": "nrows", "ncolumns": "ncolumns", "datacolumns": "ncolumns"}
SIMM_KEYS = ("name", "datarows", "datacolumns")
DEGREES_TOKENS = {"yes": True, "y": True, "no": False, "n": False}


def read_mot(path: Path | str, *, rotational: Collection[str]) -> CoordinateTrajectories:
    """Read coordinates in radians and metres.

    Args:
        path: A .mot or .sto file.
        rotational: Names of the model's rotational coordinates; others, present or not, are left as they are.

    Raises:
        FileFormatError: As ``read_storage`` and ``to_coordinates``.
    """
    with file_format_errors(path):
        return to_coordinates(read_storage(path), rotational=rotational)


def write_mot(
    path: Path | str, coordinates: CoordinateTrajectories, *, rotational: Collection[str], in_degrees: bool = True
) -> None:
    """Write coordinates as OpenSim's tools do; the arguments are those of ``from_coordinates``."""
    write_storage(path, from_coordinates(coordinates, rotational=rotational, in_degrees=in_degrees))


def to_coordinates(storage: Storage, *, rotational: Collection[str]) -> CoordinateTrajectories:
    """Convert a table of coordinates to radians and metres.

    A states file labels columns by path, ``/jointset/hip_r/hip_flexion_r/value``: these become the coordinate's name,
    and columns of any other path (``.../speed``, ``.../activation``) are left out.

    Args:
        storage: The table.
        rotational: Names of the model's rotational coordinates.

    Raises:
        ValueError: No column is a coordinate, or two columns are the same one.
    """
    names = {column: name for column, label in enumerate(storage.columns) if (name := _coordinate_name(label))}
    if not names or duplicates(names.values()):
        raise ValueError(f"no coordinates among the columns, or several times: {', '.join(duplicates(names.values()))}")
    values = storage.values[:, list(names)]
    if storage.in_degrees:
        rotational_columns = [name in rotational for name in names.values()]
        values[:, rotational_columns] = np.deg2rad(values[:, rotational_columns])
    return CoordinateTrajectories(storage.time_s, tuple(names.values()), values)


def from_coordinates(
    coordinates: CoordinateTrajectories,
    *,
    rotational: Collection[str],
    in_degrees: bool = True,
    name: str = "Coordinates",
) -> Storage:
    """Convert coordinates to the table of a .mot file.

    Args:
        coordinates: Radians and metres.
        rotational: Names of the model's rotational coordinates, which alone become degrees.
        in_degrees: Whether they do. In radians, values stay as they are bit for bit.
        name: The table's name; "Coordinates" as OpenSim's inverse kinematics writes.
    """
    values = coordinates.values
    if in_degrees:
        rotational_columns = [coordinate in rotational for coordinate in coordinates.names]
        values = values.copy()
        values[:, rotational_columns] = np.rad2deg(values[:, rotational_columns])
    return Storage(coordinates.time_s, coordinates.names, values, in_degrees=in_degrees, name=name)


def read_storage(path: Path | str) -> Storage:
    """Read a storage file as it stands, nothing converted.

    Raises:
        FileFormatError: The file is missing or breaks the format; the message names the line and the column.
    """
    with opened_lines(path) as lines:
        header = _read_header(lines)
        labels = _read_labels(lines)
        _check_column_count(header, labels, lines)
        row_count = int(header["nrows"]) if "nrows" in header else None
        table = TableBuilder(lines, width=len(labels) - 1, declared_rows=row_count)
        for fields in _rows(lines, width=len(labels)):
            row = parse_row(fields, lines, labels=labels)
            table.append(row[0], row[1:])
        if row_count is not None and table.row_count != row_count:
            found = f"the end after {table.row_count} rows"
            raise lines.malformed(found=found, expected=f"nRows {row_count}; the file may be cut off")
        time_s, values = table.finished()
    in_degrees = DEGREES_TOKENS[header["indegrees"]] if "indegrees" in header else "version" not in header
    return Storage(time_s, tuple(labels[1:]), values, in_degrees=in_degrees, name=header["name"])


def write_storage(path: Path | str, storage: Storage) -> None:
    """Write a table as a storage file, whole or not at all.

    The header is one that OpenSim 3 and 4 read. Every float64 reads back bit for bit.
    """
    with written_whole(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        in_degrees = "yes" if storage.in_degrees else "no"
        counts = f"nRows={len(storage.time_s)}\nnColumns={len(storage.columns) + 1}\n"
        stream.write(f"{storage.name}\nversion=1\n{counts}inDegrees={in_degrees}\nendheader\n")
        stream.write("\t".join(("time", *storage.columns)) + "\n")
        for time_s, values in zip(storage.time_s, storage.values, strict=True):
            stream.write("\t".join(map(repr, [float(time_s), *values.tolist()])) + "\n")


# What a label of two parts is a state of, in a states file of OpenSim 3 (soleus_r/activation).
_STATES = frozenset({"value", "speed", "activation", "fiber_length", "excitation"})


def _coordinate_name(label: str) -> str | None:
    """Name of the coordinate whose value a column holds; None for a column of something else."""
    if "/" not in label:
        return label
    *joint, coordinate, quantity = label.split("/")
    if (
        not joint and quantity not in _STATES
    ):  # a coordinate named by its joint, since another joint has one of its name
        return label
    return coordinate if quantity == "value" else None


def _read_header(lines: NumberedLines) -> dict[str, str]:
    """Read up to ``endheader``: keys in lower case, counts under OpenSim's keys, other lines passed over."""
    header = {"name": ""}
    while (line := lines.required("endheader").strip()).lower() != "endheader":
        key, value = _header_entry(line)
        if key in COUNT_KEYS:
            header[COUNT_KEYS[key]] = str(parse_count(value, lines, key=key))
        elif key == "indegrees" and value.lower() not in DEGREES_TOKENS:
            raise lines.malformed(found=f"inDegrees={quoted(value)}", expected="inDegrees=yes or inDegrees=no")
        elif key in ("indegrees", "version"):
            header[key] = value.lower()
        elif key == "name" or (lines.number == 1 and "=" not in line):
            name = value if key == "name" else line
            header["name"] = name.encode("utf-8", "replace").decode()  # what is not UTF-8 becomes "?"
    return header


def _header_entry(line: str) -> tuple[str, str]:
    """Split ``key=value``, or SIMM's ``key value``; the key in lower case, and empty for a comment."""
    if "=" in line:
        key, _, value = line.partition("=")
        return key.strip().lower(), value.strip()
    key, _, value = line.partition(" ")
    return (key.lower() if key.lower() in SIMM_KEYS else ""), value.strip()


def _read_labels(lines: NumberedLines) -> list[str]:
    """Read the row of column labels, ``time`` first."""
    line = lines.required("the row of column labels")
    while not line.strip():
        line = lines.required("the row of column labels")
    labels = [label.strip() for label in line.rstrip().split("\t")] if "\t" in line else line.split()
    if labels[0].lower() != "time" or len(labels) < 2:
        raise lines.malformed(found=quoted(line), expected="column labels, time first and at least one more")
    check_labels(labels, lines, what="column")
    return labels


def _check_column_count(header: dict[str, str], labels: list[str], lines: NumberedLines) -> None:
    """Raise FileFormatError where the header counts other columns than there are labels (time counts)."""
    if "ncolumns" in header and int(header["ncolumns"]) != len(labels):
        raise lines.malformed(found=f"{len(labels)} column labels", expected=f"nColumns {header['ncolumns']}")


def _rows(lines: NumberedLines, *, width: int) -> Iterator[list[str]]:
    """Split the rows at tabs, or at blanks where a row has none; lines without content are skipped."""
    for line in lines:
        if not line.strip():
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        while len(fields) > width and not fields[-1].strip():
            fields.pop()
        yield fields
