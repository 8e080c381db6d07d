"""Trials that a manifest names by a pattern: `markers = "{athlete}_*.c3d"` is a trial for each such file.

`*` stands for any part of a file's name, `{athlete}` and `{activity}` for those keys of the trial, unless the table
has them. In `forces`, `{name}` stands for the recording's name without its suffix.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from biopose.io.manifest_entries import ACTIVITIES, KEY_OF, MOST_STARS, stars
from biopose.io.session_files import FileFault

NAME, ATHLETE, ACTIVITY = "{name}", "{athlete}", "{activity}"
NAMING = (*KEY_OF.values(), "forces", "names")  # a trial's files
UNKNOWN_ATHLETE = "[^/_]+"  # an id that the manifest lacks is reported as such


def with_patterns(
    folder: Path, tables: Sequence[tuple[int, dict[str, Any]]], *, athletes: Collection[str], taken: Collection[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The [[trial]] tables with their numbers; one with a pattern becomes one for each file, by name.

    A pattern without a file stays as it is, its athlete being {athlete} if the name is to tell, and is then reported by
    `no_match`; one with too many * stays likewise.

    Args:
        folder: of the session.
        tables: as they stand in the manifest.
        athletes: ids of the manifest's.
        taken: files that are no trials, such as static trials.
    """
    named = {table[key] for _, table in tables for key in NAMING if isinstance(table.get(key), str)}
    found = [(number, table, list(_matched(folder, table, athletes))) for number, table in tables]
    forces = {own for *_, files in found for name, one in files if (own := Path(_forces(one)).as_posix()) != name}
    no_trials = {*forces, *(Path(name).as_posix() for name in (*named, *taken))}
    for number, table, files in found:
        trials = [one for name, one in files if name not in no_trials]
        yield from ((number, one) for one in trials or [_to_tell(table) | table])


def no_match(folder: Path, name: str, *, what: str) -> FileFault | None:
    """What is wrong with a name that is a pattern still, since no file matched it; None for any other name.

    Args:
        folder: of the session.
        name: as the manifest has it.
        what: the file is, such as a recording.
    """
    if not is_pattern(name) or stars(name) > MOST_STARS:
        return None
    placeholders = f"{ATHLETE} and {ACTIVITY} stand for those of a trial, * for anything"
    unknown = sorted(set(re.findall(r"{\w*}", name)) - {ATHLETE, ACTIVITY})
    if unknown:
        return "manifest", f"{', '.join(unknown)} stands for nothing; {placeholders}"
    return "missing_file", f"no {what} in {folder} has a name of the pattern {name!r} ({placeholders}); copy them there"


def _to_tell(table: dict[str, Any]) -> dict[str, str]:
    return {"athlete": ATHLETE} if any(ATHLETE in str(table.get(key)) for key in KEY_OF.values()) else {}


def _matched(folder: Path, table: dict[str, Any], athletes: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file of a table's pattern, and the table of that file."""
    key = next((key for key in KEY_OF.values() if is_pattern(table.get(key))), None)
    if key is None or stars(table[key]) > MOST_STARS:
        return
    for name, parts in _files(folder, table[key], athletes):
        of_file = parts | table | {key: name}
        if forces := _forces(table):
            of_file["forces"] = forces.replace(NAME, Path(name).stem)
        yield name, of_file


def _forces(table: dict[str, Any]) -> str:
    forces = table.get("forces")
    return forces if isinstance(forces, str) else ""


def is_pattern(value: object) -> bool:
    """Whether a key's value stands for files by their names."""
    return isinstance(value, str) and any(part in value for part in ("*", ATHLETE, ACTIVITY))


def _files(folder: Path, pattern: str, athletes: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
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
        if match and not name.startswith("."):
            yield file, match.groupdict()


def _expression(pattern: str, athlete: str) -> re.Pattern[str]:
    stands_for = {
        "*": "[^/]*",
        ATHLETE: f"(?P<athlete>{athlete})",
        ACTIVITY: f"(?P<activity>{'|'.join(ACTIVITIES)})",
    }
    parts = re.split(r"(\*|\{athlete\}|\{activity\})", re.sub(r"\*+", "*", Path(pattern).as_posix()))
    text = ""
    for part in parts:
        new = stands_for.get(part, re.escape(part))
        text += f"(?P={part.strip('{}')})" if part != "*" and part in stands_for and new in text else new
    return re.compile(text)
