"""A manifest as it is written: its TOML, and the lines of its tables and keys, which messages name."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biopose.errors import FileFormatError, ManifestError
from biopose.io.files import quoted, read_regular
from biopose.io.manifest_entries import expected_of, printable

MOST_BYTES = 10_000_000
TABLE = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]")
KEY = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*[.=:]")
AT_LINE = re.compile(r"at line (\d+)")  # in the messages of tomllib, which have no attribute for it


@dataclass(frozen=True)
class ManifestText:
    """A manifest that is TOML.

    Attributes:
        path: of the file.
        raw: its content.
        lines: by table or key, such as date, trial[2] and trial[2].activity, counted from 1.
    """

    path: Path
    raw: dict[str, Any]
    lines: Mapping[str, int]

    @classmethod
    def read(cls, path: Path) -> ManifestText:
        """Read a manifest.

        Raises:
            ManifestError: it cannot be read, or is no TOML; the line is named.
        """
        try:
            content = read_regular(path, most_bytes=MOST_BYTES)
            text = content.decode("utf-8-sig")  # some editors begin a file with a mark
            return cls(path, tomllib.loads(text), key_lines(text))
        except OSError as error:
            raise ManifestError(f"{path}: cannot be read ({error.strerror})") from error
        except FileFormatError as error:
            raise ManifestError(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"{path}: is no TOML: {_not_toml(content, error)}") from error


def message(path: Path, lines: Mapping[str, int], key: str, problem: str, *, called: str = "") -> str:
    """One line: file, line, key, what a person calls the table, and the problem.

    Args:
        path: of the manifest.
        lines: of its tables and keys; of a key that is missing, the line of its table is given.
        key: such as trial[2].activity.
        problem: what was found and what was expected.
        called: such as the trial's file.
    """
    known = key
    while known and known not in lines:
        known = known.rpartition(".")[0]
    at = f"line {lines[known]}: " if known else ""
    return f"{path}: {at}{key}{f' ({printable(called)})' if called else ''}: {problem}"


def key_lines(text: str) -> dict[str, int]:
    """The line of each table and key; of what a string of several lines holds, only names that are nowhere else."""
    lines: dict[str, int] = {}
    tables: Counter[str] = Counter()
    within = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if table := TABLE.match(line):
            brackets, name = table.groups()
            tables[name] += len(brackets) == len("[[")
            above, dot, last = name.partition(".")
            within = (f"{above}[{tables[above]}]" if tables[above] else above) + dot + last
            lines.setdefault(within, number)
        elif key := KEY.match(line):
            lines.setdefault(f"{within}.{key[1]}" if within else key[1], number)
    return lines


def _not_toml(content: bytes, error: ValueError | RecursionError) -> str:
    """The line that is wrong, what it holds and what is expected there."""
    if isinstance(error, UnicodeDecodeError):
        number = content.count(b"\n", 0, error.start) + 1
        return f"line {number} is no UTF-8 text; save the file as UTF-8"
    at = AT_LINE.search(str(error))
    if at is None:
        return f"{error}; `biopose inbox init` writes an example"
    line = content.decode("utf-8-sig").split("\n")[int(at[1]) - 1].strip()
    expected = expected_of(key[1]) if (key := KEY.match(line)) else ""
    if "\\" in line:
        expected = r"/ in place of \ between folders"
    return f"{error}: found {quoted(line)}; expected {expected or 'what `biopose inbox init` writes as an example'}"
