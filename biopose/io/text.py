"""Numbered lines and rows of numbers: what the text formats (.trc, .mot, .sto) have in common.

Rows are parsed one by one into an array that is allocated once, so memory stays near the size of the result.
"""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biopose.errors import FileFormatError
from biopose.io.files import existing_file, malformed, quoted
from biopose.io.trajectories import FloatArray, duplicates

# "nan(ind)" and "#" are Windows's; the last line is spreadsheets' and data frames'.
GAP_TOKENS = {"", "nan", "+nan", "-nan", "nan(ind)", "-nan(ind)", "1.#qnan", "-1.#ind"} | {
    *("-", "--", "---", "na", "n/a", "#n/a", "#num!", "null", "none")
}


@dataclass
class NumberedLines:
    """The lines of a text file without their line ends.

    Attributes:
        number: Of the last line given, from 1.
        ended: Whether that line has a line end; the last line of a file that was cut off has none.
        notes: What was odd in the file and how it was read.
    """

    path: Path
    lines: Iterator[str]
    number: int = field(default=0)
    ended: bool = True
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.number += 1
        self.ended = line.endswith("\n")
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

    def required_text(self, what: str) -> str:
        """Give the next line that is not blank; raises as ``required``."""
        while not (line := self.required(what)).strip():
            pass
        return line

    def malformed(self, *, found: str, expected: str, line: int | None = None) -> FileFormatError:
        """Make the error for a line, by default for the last one given."""
        return malformed(self.path, line=line or self.number, found=found, expected=expected)


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


def check_labels(labels: list[str], lines: NumberedLines, *, what: str, line: int | None = None) -> None:
    """Raise FileFormatError unless the labels on a line, by default the last, are readable."""
    for column, label in enumerate(labels, start=1):
        if not label:
            raise lines.malformed(found=f"no name for {what} {column}", expected=f"a name for each {what}", line=line)
        if not label.isprintable():
            raise lines.malformed(found=f"{what} name {quoted(label)}", expected="printable UTF-8 names", line=line)


def all_different(names: list[str], lines: NumberedLines, *, what: str) -> list[str]:
    """Names with #1, #2 ... after those that repeat, noted: none then belongs to a model's by mistake."""
    different, given = list(names), dict.fromkeys(duplicates(names), 0)
    for index, name in enumerate(names):
        if name in given:
            given[name] += 1
            different[index] = f"{name}#{given[name]}"
    for name, count in given.items():
        lines.notes.append(
            f"{count} {what}s are named {name}: read as {name}#1 to {name}#{count}; rename the right one to {name}"
        )
    return different


def last_number_is_cut(tokens: list[str], values: FloatArray, *, rows_missing: bool) -> bool:
    """Whether the last number of a file without a last line end was cut within.

    That is so where rows are missing after it, where it has fewer decimals than all numbers above it, and where it
    differs from the one above it much more than any of those did.

    Args:
        tokens: The last column as written, a token a row.
        values: (F,) its numbers.
        rows_missing: Whether the header declares more rows.
    """
    if rows_missing or len(tokens) < 2:
        return rows_missing
    decimals = [len(token.partition(".")[2]) for token in tokens]
    steps = np.abs(np.diff(values))
    jump = len(steps) > 4 and bool(steps[-1] > 3 * np.nan_to_num(steps[:-1]).max())
    return decimals[-1] < min(decimals[:-1]) or jump


def left_out_note(found: str, line: int) -> str:
    """The note on the last row of a file that was cut off."""
    return f"the file is cut off: its last row, line {line}, has {found} and is left out"


def parse_count(token: str) -> int | None:
    """Parse a header's count, which some programs write as ``2.0``; None where it is no whole number of 0 or more."""
    try:
        count = float(token)
    except ValueError:
        return None
    return int(count) if count >= 0 and count.is_integer() and count < sys.maxsize else None


def parse_positive(token: str) -> float | None:
    """Parse a header's positive number; None where it is none."""
    try:
        number = float(token.replace(",", "."))
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def count_note(key: str, token: str, *, found: int, things: str) -> list[str]:
    """The note on a header's count that disagrees with what the file holds, none where it agrees or is left out."""
    if not token or parse_count(token) == found:
        return []
    return [f"the header's {key} is {quoted(token)}, but the file holds {found} {things}, which were read"]


def split_fields(line: str) -> list[str]:
    """Split a line at tabs; where it has none at commas; where it has neither at blanks."""
    separator = "\t" if "\t" in line else "," if "," in line else None
    return [field.strip() for field in line.split(separator)]


def split_row(line: str, lines: NumberedLines, *, count: int | None) -> list[str]:
    """As `split_fields`; at tabs and blanks alike where a line has both and only so has the expected count, noted."""
    fields, words = split_fields(line), line.split()
    if "\t" in line and len(fields) != count == len(words) and any(len(field.split()) > 1 for field in fields):
        note = "columns are separated by tabs and blanks"
        lines.notes += [note] if note not in lines.notes else []
        return words
    return fields


class RowParser:
    """Parses rows of numbers, in the way of writing numbers that the file's first rows show.

    Decimal commas are read where they are unambiguous: the fields are separated by tabs, the time is written so, and no
    number in the file has a point.
    """

    def __init__(self, lines: NumberedLines, *, labels: list[str]) -> None:
        """Parse rows with a label a column, that of time first; messages name the labels."""
        self._lines, self._labels = lines, labels
        self._decimal_mark: str | None = None

    def parse(self, fields: list[str]) -> list[float]:
        """Parse the numbers of a row, NaN for gap tokens.

        Raises:
            FileFormatError: There are more or fewer fields than labels, or a field is no finite number; the message
                names the column.
        """
        lines, labels = self._lines, self._labels
        if len(fields) != len(labels):
            expected = f"{len(labels)} as in the row of labels; the line may be cut off"
            raise lines.malformed(found=f"{len(fields)} fields", expected=expected)
        text = "".join(fields)
        if "." in text or "," in text:
            fields = self._with_decimal_points(fields, text)
        if not text.isascii() or "_" in text:  # Python's float reads 1_5 as 15
            row = [self._number(token, column) for column, token in enumerate(fields)]
        else:
            try:
                row = list(map(float, fields))
            except ValueError:
                row = [self._number(token, column) for column, token in enumerate(fields)]
        if math.inf in row or -math.inf in row:
            column = next(index for index, value in enumerate(row) if math.isinf(value))
            found = f"{quoted(fields[column])} in column {labels[column]}"
            raise lines.malformed(found=found, expected="a finite number, or nothing")
        return row

    def _with_decimal_points(self, fields: list[str], text: str) -> list[str]:
        """The fields with decimal commas replaced, where the file has these; otherwise as they are."""
        if self._decimal_mark is None and "." not in text and "," in fields[0]:
            self._decimal_mark = ","
            self._lines.notes.append("numbers have decimal commas (0,01), which were read as decimal points")
        self._decimal_mark = self._decimal_mark or "."
        if self._decimal_mark == ".":
            return fields
        if "." in text:
            column = next(index for index, token in enumerate(fields) if "." in token)
            found = f"{quoted(fields[column])} in column {self._labels[column]}"
            raise self._lines.malformed(found=found, expected="decimal commas, as in the lines before")
        return [token.replace(",", ".") for token in fields]

    def _number(self, token: str, column: int) -> float:
        """Parse one field; the error names its column."""
        token = token.strip()
        if token.lower() in GAP_TOKENS:
            return math.nan
        try:
            if not token.isascii() or "_" in token:
                raise ValueError
            return float(token)
        except ValueError:
            found = f"{quoted(token)} in column {self._labels[column]}"
            expected = "a number with a decimal point, or nothing" if "," in token else "a number, or nothing"
            raise self._lines.malformed(found=found, expected=expected) from None


class TableBuilder:
    """Collects the rows of a table over time into arrays that are allocated once."""

    def __init__(self, lines: NumberedLines, *, width: int) -> None:
        """Allocate for as many rows of ``width`` values and a time as the file can hold."""
        # A row takes a byte or more for each value and one for its end, so the file's size bounds the rows. Memory that
        # no row fills is never committed.
        capacity = lines.path.stat().st_size // (width + 1) + 1
        self._lines = lines
        self._time = np.empty(capacity)
        self.values = np.empty((capacity, width))
        self._line_numbers = np.empty(capacity, dtype=np.int64)
        self.row_count = 0

    def append(self, time: float, values: list[float]) -> None:
        """Add the row of the last line given.

        Raises:
            FileFormatError: The row has no time.
        """
        if math.isnan(time):
            raise self._lines.malformed(found="no time", expected="a time in each row")
        row = self.row_count
        self._time[row], self.values[row], self._line_numbers[row] = time, values, self._lines.number
        self.row_count += 1

    def finished(self) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
        """Give the times (F,) as written, the values (F, width) and the line numbers (F,).

        Raises:
            FileFormatError: There is no row.
        """
        if not self.row_count:
            raise self._lines.malformed(found="no rows", expected="at least one row of numbers below the header")
        return self._time[: self.row_count], self.values[: self.row_count], self._line_numbers[: self.row_count]
