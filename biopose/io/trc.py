"""Marker trajectories in .trc files (PathFileType 4), which OpenSim and every motion capture program exchange.

A .trc file has a line of file type, a line of keys and a line of their values, a line of marker names (one every third
column), a line of component names (X1 Y1 Z1 X2 ...), typically an empty line, and then a line per frame: frame number,
time and three numbers a marker, separated by tabs.

Three choices in reading:

- A gap is an empty field, NaN, or the exact triplet 0 0 0: several vendors write that for an occluded marker, and
  the origin of a laboratory lies on its floor or in a corner, where no marker is. So that nothing is lost in a round
  trip, the writer refuses a marker at exactly 0 0 0.
- ``NumFrames`` may be one more than there are frames: Pose2Sim counts the end of its frame range in.
- Axes stay as in the file.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from biopose.io.files import quoted, written_whole
from biopose.io.text import NumberedLines, TableBuilder, check_labels, opened_lines, parse_count, parse_row
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.units import NAME_THE_UNITS, LengthUnit, units_per_metre

AXES = "XYZ"


def read_trc(path: Path | str, *, units: LengthUnit | None = None) -> MarkerTrajectories:
    """Read marker trajectories from a .trc file.

    Args:
        path: The file. Its ``Units`` may be metres, centimetres or millimetres, as ``units.UNITS_PER_METRE`` lists.
        units: the file's unit of length, where it states none or a wrong one.

    Returns:
        Positions in metres, in the axes of the file, NaN for gaps.

    Raises:
        FileFormatError: The file is missing or breaks the format; the message names the line and the column.
    """
    with opened_lines(path) as lines:
        header = _read_header(lines)
        per_metre, notes = _units_per_metre(header, lines, units)
        frame_count = parse_count(header.get("numframes", ""), lines, key="NumFrames")
        marker_count = parse_count(header.get("nummarkers", ""), lines, key="NumMarkers")
        leading, names = _read_names(lines, marker_count=marker_count)
        table = TableBuilder(lines, width=3 * len(names), declared_rows=frame_count)
        for row in _rows(lines, leading=leading, names=names):
            table.append(row[len(leading) - 1], row[len(leading) :])
        if frame_count - table.row_count > 1:
            found = f"the end after {table.row_count} frames"
            raise lines.malformed(found=found, expected=f"NumFrames {frame_count}; the file may be cut off")
        time_s, values = table.finished()
    positions_m = values.reshape(len(time_s), len(names), 3)
    positions_m[(positions_m == 0).all(axis=2)] = np.nan
    positions_m /= per_metre
    return MarkerTrajectories(time_s, tuple(names), positions_m, notes=tuple(notes))


def write_trc(path: Path | str, markers: MarkerTrajectories) -> None:
    """Write marker trajectories as a .trc file in metres, whole or not at all.

    Every float64 reads back bit for bit, and OpenSim reads the gaps (``nan``) as such.

    Raises:
        ValueError: A marker is at exactly 0 0 0, which means a gap.
    """
    at_origin = np.argwhere((markers.positions_m == 0).all(axis=2))
    if len(at_origin):
        frame, marker = at_origin[0]
        location = f"marker {markers.names[marker]} in frame {frame}"
        raise ValueError(f"{location} is at exactly 0 0 0, which means a gap in a .trc: make it NaN, or write .parquet")
    with (
        written_whole(path) as partial,
        partial.open("w", encoding="utf-8", newline="\n", errors="surrogateescape") as stream,  # for the file's name
    ):
        stream.writelines(_header_lines(Path(path).name, markers))
        for number, (time_s, positions_m) in enumerate(zip(markers.time_s, markers.positions_m, strict=True), start=1):
            numbers = "\t".join(map(repr, positions_m.ravel().tolist()))
            stream.write(f"{number}\t{float(time_s)!r}\t{numbers}\n")


def _read_header(lines: NumberedLines) -> dict[str, str]:
    """Read the first three lines; keys in lower case."""
    first = lines.required("PathFileType")
    if first.split()[:2] != ["PathFileType", "4"]:
        raise lines.malformed(found=quoted(first), expected="PathFileType 4, as a .trc file starts")
    keys = _fields(lines.required("the line of keys (DataRate CameraRate NumFrames ...)"))
    values = _fields(lines.required("the line of values for DataRate, CameraRate, NumFrames ..."))
    return dict(zip(map(str.lower, keys), values, strict=False))


def _fields(line: str) -> list[str]:
    """Split a header line at tabs, or at blanks where it has no tab."""
    return [field.strip() for field in line.split("\t")] if "\t" in line else line.split()


def _units_per_metre(header: dict[str, str], lines: NumberedLines, given: LengthUnit | None) -> tuple[float, list[str]]:
    """How many of the file's units make a metre, and a note where they are not the file's own."""
    units = header.get("units", "")
    factor, notes = units_per_metre([units], given)
    if factor is None:
        raise lines.malformed(found=f"Units {quoted(units)}", expected=NAME_THE_UNITS)
    return factor, notes


def _read_names(lines: NumberedLines, *, marker_count: int) -> tuple[list[str], list[str]]:
    """Read the two lines of labels.

    Returns:
        The labels of the columns before the first marker (the frame number where there is one, and time), and the
        names of the markers.
    """
    labels = _fields(lines.required("the line of marker names (Frame# Time ...)").rstrip()) or [""]
    leading = labels[:2] if labels[0].lower().startswith("frame") else labels[:1]
    if leading[-1].lower() != "time":
        raise lines.malformed(found=quoted(" ".join(labels[:2])), expected="the columns Frame# and Time")
    names = labels[len(leading) :: 3]
    if stray := [label for index, label in enumerate(labels[len(leading) :]) if index % 3 and label]:
        raise lines.malformed(found=f"the name {quoted(stray[0])} out of place", expected="a name every third column")
    check_labels(names, lines, what="marker")
    if len(names) != marker_count or not names:
        raise lines.malformed(found=f"{len(names)} marker names", expected=f"NumMarkers {marker_count}, at least one")
    components = lines.required("the line of components (X1 Y1 Z1 ...)")
    if not components.strip().upper().startswith("X"):
        raise lines.malformed(found=quoted(components), expected="the line of components (X1 Y1 Z1 ...)")
    return leading, names


def _rows(lines: NumberedLines, *, leading: list[str], names: list[str]) -> Iterator[list[float]]:
    """Parse the frames; lines without content are skipped, tabs beyond the last column ignored."""
    labels = leading + [f"{name} {axis}" for name in names for axis in AXES]
    for line in lines:
        if not line.strip():
            continue
        fields = line.split("\t")
        while len(fields) > len(labels) and not fields[-1].strip():
            fields.pop()
        yield parse_row(fields, lines, labels=labels)


def _header_lines(file_name: str, markers: MarkerTrajectories) -> list[str]:
    """The first six lines of a file."""
    rate = f"{markers.rate_hz:.10g}" if len(markers.time_s) > 1 else "0"  # a single frame has no rate
    frames = len(markers.time_s)
    names = "\t".join(f"{name}\t\t" for name in markers.names)
    components = "\t".join(f"{axis}{number}" for number in range(1, len(markers.names) + 1) for axis in AXES)
    return [
        f"PathFileType\t4\t(X/Y/Z)\t{file_name}\n",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n",
        f"{rate}\t{rate}\t{frames}\t{len(markers.names)}\tm\t{rate}\t1\t{frames}\n",
        f"Frame#\tTime\t{names}\n",
        f"\t\t{components}\n",
        "\n",
    ]
