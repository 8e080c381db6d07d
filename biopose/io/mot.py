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

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from biopose.io.files import file_format_errors, quoted, written_whole
from biopose.io.frame_times import FrameTimes
from biopose.io.gaps import stretches
from biopose.io.text import (
    NumberedLines,
    RowParser,
    TableBuilder,
    all_different,
    check_labels,
    count_note,
    last_number_is_cut,
    left_out_note,
    opened_lines,
    parse_count,
    split_row,
)
from biopose.io.trajectories import CoordinateTrajectories, FloatArray, Storage, duplicates

COUNT_KEYS = {"nrows": "nrows", "datarows": "nrows", "ncolumns": "ncolumns", "datacolumns": "ncolumns"}
# What to do with a table whose columns hold several numbers.
OF_DATA_TYPE = {
    "quaternion": "; these are orientations of sensors: solve them with OpenSim's IMUInverseKinematicsTool",
    "vec3": "; flatten it with opensim.TimeSeriesTableVec3(file).flatten()",
    "spatialvec": "; these are forces or velocities of bodies, not coordinates",
}
SIMM_KEYS = ("name", "datarows", "datacolumns")
# Beyond these a value is no coordinate but a program's number for "missing" (9999999): 1000 turns, 1000 km.
ROTATION_LIMIT_RAD, OTHER_LIMIT = 2000 * np.pi, 1e6
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
    rotational_columns = np.array([name in rotational for name in names.values()])
    notes = [*storage.notes, *_unit_note(storage, values[:, rotational_columns]), *_left_out_note(storage.columns)]
    if storage.in_degrees:
        values[:, rotational_columns] = np.deg2rad(values[:, rotational_columns])
    impossible = np.abs(values) > np.where(rotational_columns, ROTATION_LIMIT_RAD, OTHER_LIMIT)
    values[impossible] = np.nan
    if impossible.any():
        where = "; ".join(stretches(impossible, list(names.values())))
        notes.append(f"{impossible.sum()} values are beyond any motion and read as missing: {where} (counted from 0)")
    return CoordinateTrajectories(storage.time_s, tuple(names.values()), values, notes=tuple(notes))


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
    return Storage(
        coordinates.time_s, coordinates.names, values, in_degrees=in_degrees, name=name, notes=coordinates.notes
    )


def read_storage(path: Path | str) -> Storage:
    """Read a storage file as it stands, nothing converted.

    Counts in the header do not bind; a last row that was cut off is left out. Both are noted, and so are missing values
    and missing rows.

    Raises:
        FileFormatError: The file is missing or breaks the format; the message names the line and the column.
    """
    with opened_lines(path) as lines:
        header = _read_header(lines)
        labels = _read_labels(lines, declared=parse_count(header.get("ncolumns", "")))
        _note_column_count(header, labels, lines)
        table = _read_rows(lines, labels, declared=parse_count(header.get("nrows", "")))
        time, values, line_numbers = table.finished()
        lines.notes += count_note("nRows", header.get("nrows", ""), found=len(time), things="rows")
        time_s = FrameTimes(time, line_numbers).in_seconds(lines)
        lines.notes += _missing_values_note(values, labels[1:])
    in_degrees = DEGREES_TOKENS[header["indegrees"]] if "indegrees" in header else "version" not in header
    return Storage(
        time_s,
        tuple(labels[1:]),
        values,
        in_degrees,
        header["name"],
        notes=tuple(lines.notes),
        unit_is_stated="indegrees" in header,
    )


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


def _unit_note(storage: Storage, angles: FloatArray) -> list[str]:
    """The note on angles in a file that does not state whether they are in degrees."""
    if storage.unit_is_stated or np.isnan(angles).all():
        return []
    if storage.in_degrees:
        unit, other, turns = "degrees", "no", ""
    else:
        most = float(np.nanmax(np.abs(angles)))
        unit, other = "radians", "yes"
        turns = f"; they reach {most:.3g}, which is {most / (2 * np.pi):.1f} turns" if most > 2 * np.pi else ""
    return [
        f"the header has no inDegrees: angles are read as {unit}, as OpenSim reads them{turns}; where that is wrong, "
        f"write inDegrees={other} into the header"
    ]


def _left_out_note(columns: Sequence[str]) -> list[str]:
    """The note on columns that are neither coordinates nor other states of a model."""
    unknown = [label for label in columns if _coordinate_name(label) is None and label.split("/")[-1] not in _STATES]
    return [f"columns that are no values of coordinates are left out: {', '.join(unknown)}"] if unknown else []


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
            header[COUNT_KEYS[key]] = value
        elif key == "indegrees" and value.lower() not in DEGREES_TOKENS:
            raise lines.malformed(found=f"inDegrees={quoted(value)}", expected="inDegrees=yes or inDegrees=no")
        elif key == "datatype" and value.lower() not in ("", "double"):
            expected = f"DataType=double, one number a column{OF_DATA_TYPE.get(value.lower(), '')}"
            raise lines.malformed(found=f"DataType={quoted(value)}", expected=expected)
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


def _read_labels(lines: NumberedLines, *, declared: int | None) -> list[str]:
    """Read the row of column labels, ``time`` first."""
    line = lines.required_text("the row of column labels")
    labels = split_row(line.strip(), lines, count=declared)
    if labels[0].lower() != "time" or len(labels) < 2:
        raise lines.malformed(found=quoted(line), expected="column labels, time first and at least one more")
    check_labels(labels, lines, what="column")
    return all_different(labels, lines, what="column")


def _note_column_count(header: dict[str, str], labels: list[str], lines: NumberedLines) -> None:
    """Note where the header counts other columns than there are labels; some programs do not count time."""
    if "ncolumns" in header and parse_count(header["ncolumns"]) != len(labels) - 1:
        lines.notes += count_note("nColumns", header["ncolumns"], found=len(labels), things="columns with time")
    elif "ncolumns" in header:
        lines.notes.append(f"the header's nColumns {header['ncolumns']} leaves out time")


def _read_rows(lines: NumberedLines, labels: list[str], *, declared: int | None) -> TableBuilder:
    """Read the rows; lines without content are skipped, tabs beyond the last column and before the first ignored."""
    table, parser = TableBuilder(lines, width=len(labels) - 1), RowParser(lines, labels=labels)
    last_tokens: list[str] = []
    line = _next(lines)
    while line is not None:
        number, fields = lines.number, _fields(line, lines, width=len(labels))
        if len(fields) < len(labels) and table.row_count and (line := _next(lines)) is None:
            lines.notes.append(left_out_note(f"{len(fields)} of {len(labels)} fields", number))
            return table
        if len(fields) != len(labels):
            expected = f"{len(labels)} as in the row of labels; the line may be cut off"
            raise lines.malformed(found=f"{len(fields)} fields", expected=expected, line=number)
        row = parser.parse(fields)
        table.append(row[0], row[1:])
        last_tokens.append(fields[-1])
        line = _next(lines)
    column, missing = table.values[: table.row_count, -1], (declared or 0) > table.row_count
    if last_tokens and not lines.ended and last_number_is_cut(last_tokens, column, rows_missing=missing):
        lines.notes.append(left_out_note(f"{quoted(last_tokens[-1])} as its last number", lines.number))
        table.row_count -= 1
    return table


def _next(lines: NumberedLines) -> str | None:
    """The next line with content, None at the end of the file."""
    return next((line for line in lines if line.strip()), None)


def _fields(line: str, lines: NumberedLines, *, width: int) -> list[str]:
    """Split a row and take off what is empty beyond the columns, and an empty column before them."""
    fields = split_row(line, lines, count=width)
    while len(fields) > width and not fields[-1]:
        fields.pop()
    if len(fields) == width + 1 and not fields[0]:
        del fields[0]
    return fields


def _missing_values_note(values: FloatArray, columns: Sequence[str]) -> list[str]:
    """The note on values that are missing, none where none are."""
    missing = np.isnan(values)
    if not missing.any():
        return []
    return [f"{missing.sum()} of {missing.size} values are missing: {'; '.join(stretches(missing, columns))}"]
