"""Numbered lines and rows of numbers: what the text formats (.trc, .mot, .sto) have in common.

Rows are parsed one by one into an array that is allocated once, so memory stays near the size of the result.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from biopose.errors import FileFormatError
from biopose.io.files import existing_file, malformed, quoted
from biopose.io.trajectories import FloatArray, duplicates

GAP_TOKENS = {"", "nan", "+nan", "-nan", "nan(ind)", "-nan(ind)", "1.#qnan", "-1.#ind"}  # the last are Windows's


@dataclass
class NumberedLines:
    """The lines of a text file without their line ends; ``number`` is that of the last one given, from 1."""

    path: Path
    lines: Iterator[str]
    number: int = field(default=0)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.number += 1
        return line.rstrip("\r\n")

    def required(self, what: str) -> str:
        """Give the next line.

        Raises:
            FileFormatError: The file ends here; the message names ``what`` was expected.
        """
        line = next(self, None)
        if line is None:
            raise malformed(self.path, line=self.number + 1, found="the end of the file", expected=what)
        return line

    def malformed(self, *, found: str, expected: str) -> FileFormatError:
        """Make the error for the last line given."""
        return malformed(self.path, line=self.number, found=found, expected=expected)


@contextmanager
def opened_lines(path: Path | str) -> Iterator[NumberedLines]:
    """Open a text file for reading line by line.

    Bytes that are not UTF-8 pass as surrogates: exporters put folder names in any encoding into headers that nobody
    reads. Labels are checked by ``check_labels`` and numbers by ``parse_row``.

    Raises:
        FileFormatError: There is no such file, it is empty, or it is binary or UTF-16 (its start has a zero byte).
    """
    path = existing_file(path)
    with path.open("rb") as stream:
        start = stream.read(4096)
    if not start:
        raise malformed(path, found="an empty file", expected="a table with a header")
    if b"\0" in start or start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise malformed(path, found="binary data or UTF-16 text", expected="UTF-8 text")
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as text:
        yield NumberedLines(path, iter(text))


def check_labels(labels: list[str], lines: NumberedLines, *, what: str) -> None:
    """Raise FileFormatError unless the labels on the last line are readable and all different."""
    for column, label in enumerate(labels, start=1):
        if not label:
            raise lines.malformed(found=f"no name for {what} {column}", expected=f"a name for each {what}")
        if not label.isprintable():
            raise lines.malformed(found=f"{what} name {quoted(label)}", expected="printable UTF-8 names")
    if repeated := duplicates(labels):
        expected = f"each {what} name once; rename one in the exporting program"
        raise lines.malformed(found=f"{what} {', '.join(repeated)} more than once", expected=expected)


def parse_count(token: str, lines: NumberedLines, *, key: str) -> int:
    """Parse a header's count."""
    try:
        count = int(token)
    except ValueError:
        count = -1
    if count < 0:
        raise lines.malformed(found=f"{key} {quoted(token)}", expected=f"a whole number for {key}")
    return count


def parse_row(fields: list[str], lines: NumberedLines, *, labels: list[str]) -> list[float]:
    """Parse the numbers of a row, NaN for gap tokens.

    Raises:
        FileFormatError: There are more or fewer fields than labels, or a field is no finite number; the message names
            the column.
    """
    if len(fields) != len(labels):
        expected = f"{len(labels)} as in the row of labels; the line may be cut off"
        raise lines.malformed(found=f"{len(fields)} fields", expected=expected)
    try:
        row = list(map(float, fields))
    except ValueError:
        row = [_parse_number(token, lines, label) for token, label in zip(fields, labels, strict=True)]
    if math.inf in row or -math.inf in row:
        column = next(index for index, value in enumerate(row) if math.isinf(value))
        found = f"{quoted(fields[column])} in column {labels[column]}"
        raise lines.malformed(found=found, expected="a finite number, or nothing")
    return row


def _parse_number(token: str, lines: NumberedLines, label: str) -> float:
    """Parse one field; the error names its column."""
    token = token.strip()
    if token.lower() in GAP_TOKENS:
        return math.nan
    try:
        return float(token)
    except ValueError:
        raise lines.malformed(found=f"{quoted(token)} in column {label}", expected="a number, or nothing") from None


class TableBuilder:
    """Collects the rows of a table whose time must increase into arrays that are allocated once."""

    def __init__(self, lines: NumberedLines, *, width: int, declared_rows: int | None) -> None:
        """Allocate for ``declared_rows`` rows of ``width`` values and a time, or for as many as the file can hold."""
        # A row takes a byte or more for each value and one for its end, so the file's size bounds the rows: a header
        # that promises 10**12 rows allocates nothing of the kind. Memory that no row fills is never committed.
        bound = lines.path.stat().st_size // (width + 1) + 1
        capacity = bound if declared_rows is None else min(declared_rows, bound)
        self._lines = lines
        self._time_s = np.empty(capacity)
        self._values = np.empty((capacity, width))
        self.row_count = 0

    def append(self, time_s: float, values: list[float]) -> None:
        """Add a row.

        Raises:
            FileFormatError: The header declared fewer rows, or the row's time is missing or not after the previous.
        """
        row = self.row_count
        if row == len(self._time_s):
            raise self._lines.malformed(found=f"row {row + 1}", expected=f"{row} rows as the header declares")
        if not time_s > (self._time_s[row - 1] if row else -math.inf):
            after = f" after {self._time_s[row - 1]}" if row else ""
            raise self._lines.malformed(found=f"time {time_s}{after}", expected="times that increase")
        self._time_s[row] = time_s
        self._values[row] = values
        self.row_count += 1

    def finished(self) -> tuple[FloatArray, FloatArray]:
        """Give the times (F,) and the values (F, width).

        Raises:
            FileFormatError: There is no row.
        """
        if not self.row_count:
            raise self._lines.malformed(found="no rows", expected="at least one row of numbers below the header")
        return self._time_s[: self.row_count], self._values[: self.row_count]
