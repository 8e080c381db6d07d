"""Marker trajectories in .trc files (PathFileType 4), which OpenSim and every motion capture program exchange.

A .trc file has a line of file type, a line of keys and a line of their values, a line of marker names (one every third
column), a line of component names (X1 Y1 Z1 X2 ...), typically an empty line, and then a line per frame: frame number,
time and three numbers a marker, separated by tabs.

Real files deviate from that in many ways. What is unambiguous is read, and noted in the trajectories' ``notes``:

- Counts in the header do not bind: the rows and the names are what is there.
- Times take precedence over ``DataRate``; see ``frame_times``.
- What a gap is, is the same for all formats; see ``gaps``. So that nothing is lost in a round trip, the writer refuses
  a marker at exactly 0 0 0.
- A row that ends early or a number that was cut is left out where it is the file's last, and refused elsewhere.
- Axes stay as in the file.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from biopose.io.files import quoted, written_whole
from biopose.io.frame_times import FrameTimes
from biopose.io.gaps import with_gaps
from biopose.io.text import (
    NumberedLines,
    RowParser,
    TableBuilder,
    check_labels,
    count_note,
    last_number_is_cut,
    left_out_note,
    opened_lines,
    parse_count,
    parse_positive,
    split_fields,
    split_row,
)
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc_layout import AXES, Layout, find_layout, read_labels
from biopose.io.units import NAME_THE_UNITS, LengthUnit, units_per_metre


def read_trc(path: Path | str, *, units: LengthUnit | None = None) -> MarkerTrajectories:
    """Read marker trajectories from a .trc file.

    Args:
        path: The file. Its ``Units`` may be metres, centimetres or millimetres, as ``units.UNITS_PER_METRE`` lists.
        units: the file's unit of length, where it states none or a wrong one.

    Returns:
        Positions in metres, in the axes of the file, NaN for gaps, with notes on what was odd.

    Raises:
        FileFormatError: The file is missing or breaks the format; the message names the line and the column.
    """
    with opened_lines(path) as lines:
        header = _read_header(lines)
        per_metre = _units_per_metre(header, lines, units)
        labels, first_row = read_labels(lines)
        first_row = first_row or next((line for line in lines if line.strip()), None)
        if first_row is None:
            raise lines.malformed(found="no rows", expected="at least one row of numbers below the header")
        columns = len(split_row(first_row, lines, count=labels.leading + labels.components)) - labels.leading
        layout = find_layout(labels, columns=columns, declared=header.get("nummarkers", ""), lines=lines)
        check_labels(layout.names, lines, what="marker", line=labels.line)
        rows = _Rows(lines, layout, leading=labels.leading)
        rows.read(first_row, declared=parse_count(header.get("numframes", "")))
        time, values, line_numbers = rows.table.finished()
        lines.notes += count_note("NumFrames", header.get("numframes", ""), found=len(time), things="frames")
        lines.notes += count_note("NumMarkers", header.get("nummarkers", ""), found=len(layout.names), things="names")
        numbers = np.array(rows.frame_numbers[: len(time)]) if labels.leading == 2 else None
        rate_hz = parse_positive(header.get("datarate", ""))
        time_s = FrameTimes(time, line_numbers, rate_hz, numbers).in_seconds(lines)
    positions = values.reshape(len(time_s), layout.triplets, 3)[:, layout.markers]
    positions_m, gap_notes, filled = with_gaps(positions / per_metre, layout.names)
    return MarkerTrajectories(time_s, tuple(layout.names), positions_m, filled=filled, notes=(*lines.notes, *gap_notes))


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
    first = lines.required_text("PathFileType")
    file_type = first.replace(",", " ").split()
    if file_type[:1] != ["PathFileType"]:
        raise lines.malformed(found=quoted(first), expected="PathFileType 4, then tabs between columns")
    if file_type[1:2] != ["4"]:
        lines.notes.append(f"the file begins with {quoted(first)} and was read as PathFileType 4")
    keys = split_fields(lines.required_text("the line of keys (DataRate CameraRate NumFrames ...)"))
    values = split_fields(lines.required_text("the line of values for DataRate, CameraRate, NumFrames ..."))
    given = [value for value in values if value]
    if len(given) < len(values) and len(given) == len([key for key in keys if key]):
        keys, values = [key for key in keys if key], given  # more than one tab between them
    return dict(zip(map(str.lower, keys), values, strict=False))


def _units_per_metre(header: dict[str, str], lines: NumberedLines, given: LengthUnit | None) -> float:
    """How many of the file's units make a metre."""
    units = header.get("units", "")
    factor, notes = units_per_metre([units] if units else [], given)
    if factor is None:
        raise lines.malformed(found=f"Units {quoted(units)}", expected=NAME_THE_UNITS)
    lines.notes += notes
    return factor


@dataclass
class _Rows:
    """Reads the frames; lines without content are skipped, tabs beyond the last column ignored."""

    lines: NumberedLines
    layout: Layout
    leading: int
    frame_numbers: list[float] = field(default_factory=list)
    table: TableBuilder = field(init=False)
    _parser: RowParser = field(init=False)
    _unnamed: int = 0
    _separators: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        owners = dict(zip(self.layout.markers, self.layout.names, strict=True))
        triplets = [
            owners.get(index, f"(no name, columns {3 * index + 1} ff.)") for index in range(self.layout.triplets)
        ]
        self._parser = RowParser(self.lines, labels=["Time", *(f"{name} {axis}" for name in triplets for axis in AXES)])
        self.table = TableBuilder(self.lines, width=3 * self.layout.triplets)

    def read(self, line: str | None, *, declared: int | None) -> None:
        """Read all rows, the first of which was read already, and note what was left out of the file's last line."""
        last_tokens: list[str] = []
        columns = self.leading + 3 * self.layout.triplets
        while line is not None:
            number, fields = self.lines.number, self._fields(line)
            if len(fields) < columns:
                if (line := self._next()) is None and self.table.row_count:
                    self.lines.notes.append(left_out_note(f"{len(fields)} of {columns} fields", number))
                    break
                expected = f"{columns} as in the row of labels; the line may be cut off"
                raise self.lines.malformed(found=f"{len(fields)} fields", expected=expected, line=number)
            row = self._parser.parse(fields[self.leading - 1 :])
            self.table.append(row[0], row[1:])
            self.frame_numbers.append(_frame_number(fields[0]))
            last_tokens.append(fields[-1])
            line = self._next()
        else:
            column = self.table.values[: len(last_tokens), -1]
            missing = (declared or 0) > len(last_tokens) + 1  # Pose2Sim declares one frame too many
            if not self.lines.ended and last_number_is_cut(last_tokens, column, rows_missing=missing):
                self.lines.notes.append(
                    left_out_note(f"{quoted(last_tokens[-1])} as its last number", self.lines.number)
                )
                self.table.row_count -= 1
        self._note_columns()

    def _next(self) -> str | None:
        """The next line with content, None at the end of the file."""
        return next((line for line in self.lines if line.strip()), None)

    def _fields(self, line: str) -> list[str]:
        """Split a row and take off what is empty beyond the columns, and an empty column before them."""
        if "\t" not in line:
            self._separators.add("commas" if "," in line else "blanks")
        columns = self.leading + 3 * self.layout.triplets
        fields = split_row(line, self.lines, count=columns)
        while len(fields) > columns and not fields[-1]:
            fields.pop()
        if len(fields) == columns + 1 and not fields[0]:
            del fields[0]
        if beyond := fields[columns:]:
            if len(fields) > self.leading + self.layout.width:
                expected = f"{columns} as in the row of labels"
                raise self.lines.malformed(found=f"{len(fields)} fields", expected=expected)
            self._unnamed = max(self._unnamed, -(-len(beyond) // 3))
            del fields[columns:]
        return fields

    def _note_columns(self) -> None:
        """Note separators other than tabs, and columns that have no name."""
        if self._separators:
            which = " and ".join(sorted(self._separators))
            self.lines.notes.append(f"rows are separated by {which} instead of tabs")
        unnamed = self._unnamed + self.layout.triplets - len(self.layout.names)
        if unnamed:
            self.lines.notes.append(f"{unnamed} trajectories have no name and are left out")


def _frame_number(token: str) -> float:
    """A row's frame number, NaN where it is none."""
    try:
        return float(token)
    except ValueError:
        return np.nan


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
