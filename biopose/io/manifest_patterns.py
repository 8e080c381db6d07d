"""Trials that a manifest names by a pattern: `markers = "{athlete}_*.c3d"` is a trial for each such file.

`*` stands for any part of a file's name, `{athlete}` and `{activity}` for those keys of the trial, unless the table
has them. In `forces`, `{name}` stands for the recording's name without its suffix.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from biopose.io.manifest_entries import ACTIVITIES, KEY_OF

NAME, ATHLETE, ACTIVITY = "{name}", "{athlete}", "{activity}"
UNKNOWN_ATHLETE = "[^/_]+"  # an id that the manifest lacks is reported as such


def with_patterns(
    folder: Path, tables: Sequence[tuple[int, dict[str, Any]]], *, athletes: Collection[str], taken: Collection[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The [[trial]] tables with their numbers; one with a pattern becomes one for each file, by name.

    A pattern without a file stays as it is, so that it is reported as a missing file.

    Args:
        folder: of the session.
        tables: as they stand in the manifest.
        athletes: ids of the manifest's.
        taken: files that are no trials, such as static trials.
    """
    named = {table[key] for _, table in tables for key in KEY_OF.values() if isinstance(table.get(key), str)}
    for number, table in tables:
        key = next((key for key in KEY_OF.values() if is_pattern(table.get(key))), None)
        found = [] if key is None else list(_files(folder, table[key], athletes, {*named, *taken}))
        if key is None or not found:
            yield number, table
        for name, parts in found:
            of_file = parts | table | {key: name}
            if isinstance(forces := table.get("forces"), str):
                of_file["forces"] = forces.replace(NAME, Path(name).stem)
            yield number, of_file


def is_pattern(value: object) -> bool:
    """Whether a key's value stands for files by their names."""
    return isinstance(value, str) and any(part in value for part in ("*", ATHLETE, ACTIVITY))


def _files(
    folder: Path, pattern: str, athletes: Collection[str], taken: Collection[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each file of a pattern, and what its name tells."""
    of_known = "|".join(map(re.escape, sorted(athletes, key=len, reverse=True)))
    expressions = [_expression(pattern, athlete) for athlete in filter(None, (of_known, UNKNOWN_ATHLETE))]
    above = Path(pattern).parent
    try:
        names = sorted(path.name for path in (folder / above).iterdir() if path.is_file())
    except (OSError, ValueError):  # no such folder; a null character
        return
    for name in names:
        file = (above / name).as_posix()
        match = next(filter(None, (expression.fullmatch(file) for expression in expressions)), None)
        if match and not name.startswith(".") and file not in taken:
            yield file, match.groupdict()


def _expression(pattern: str, athlete: str) -> re.Pattern[str]:
    stands_for = {
        "*": "[^/]*",
        ATHLETE: f"(?P<athlete>{athlete})",
        ACTIVITY: f"(?P<activity>{'|'.join(ACTIVITIES)})",
    }
    parts = re.split(r"(\*|\{athlete\}|\{activity\})", Path(pattern).as_posix())
    text = ""
    for part in parts:
        new = stands_for.get(part, re.escape(part))
        text += f"(?P={part.strip('{}')})" if part != "*" and part in stands_for and new in text else new
    return re.compile(text)
