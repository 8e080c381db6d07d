"""people.csv of `biopose measure`: who is measured in which file, a row a person.

file,athlete,height_m,mass_kg,sex,activity
jump1.mp4,,1.78,72,male,countermovement_jump
race.mov,0,1.83,,,sprint
race.mov,1,1.71,,,sprint
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from biopose.errors import FileFormatError
from biopose.io.standing_height import ACCEPTED_HEIGHTS, LEAST_HEIGHT_M, MOST_HEIGHT_M, centimetres_hint
from biopose.reconstruction.low_pass_filter import CUTOFF_HZ

NEEDED, OPTIONAL = ("file", "height_m"), ("athlete", "mass_kg", "sex", "activity")
SEXES = ("male", "female")
MASSES_KG = 10.0, 300.0


@dataclass(frozen=True)
class PersonRow:
    """A row.

    Attributes:
        line: of the file, from 1.
        file: name or path of the video.
        athlete: as --athlete takes it.
        height_m: of the person.
        mass_kg: None where it is not known.
        sex: likewise.
        activity: likewise.
    """

    line: int
    file: str
    athlete: str
    height_m: float
    mass_kg: float | None
    sex: str | None
    activity: str | None


def read_people_csv(path: Path) -> list[PersonRow]:
    """Read it; columns are divided by commas or semicolons, and with the latter decimal commas are understood.

    Raises:
        FileFormatError: it cannot be read, lacks a column, or has a value that cannot be; the line is named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    columns = [(name or "").strip() for name in reader.fieldnames or ()]
    if lacking := [name for name in NEEDED if name not in columns]:
        raise FileFormatError(f"{path}: line 1: no column {', '.join(lacking)}; expected {','.join(NEEDED + OPTIONAL)}")
    if unknown := [name for name in columns if name not in NEEDED + OPTIONAL]:
        raise FileFormatError(f"{path}: line 1: unknown column {unknown[0]!r}; expected {','.join(NEEDED + OPTIONAL)}")
    reader.fieldnames = columns
    rows = [_row(path, reader.line_num, row) for row in reader if any((value or "") for value in row.values())]
    if not rows:
        raise FileFormatError(f"{path}: has no row; write one for each person")
    return rows


def rows_of(rows: Sequence[PersonRow], videos: Iterable[Path], path: Path) -> dict[Path, list[PersonRow]]:
    """The rows of each video, by its name or its path.

    Raises:
        FileFormatError: a video has no row, or a row's video is not among them; or rows of one video contradict.
    """
    found = {video: [row for row in rows if row.file in (video.name, str(video))] for video in videos}
    if without := [video.name for video, own in found.items() if not own]:
        raise FileFormatError(f"{path}: has no row for {', '.join(without)}; add one, or leave the file out")
    used = {row.line for own in found.values() for row in own}
    if unused := next((row for row in rows if row.line not in used), None):
        raise FileFormatError(f"{path}: line {unused.line}: {unused.file} is not among the files to measure")
    for video, own in found.items():
        if len({row.activity for row in own}) > 1:
            raise FileFormatError(f"{path}: line {own[-1].line}: {video.name} has another activity above; give one")
    return found


def _row(path: Path, line: int, row: Mapping[str | None, str | None]) -> PersonRow:
    if None in row:
        raise FileFormatError(f"{path}: line {line}: has more values than there are columns")
    values = {str(name): (value or "").strip() for name, value in row.items()}
    where = f"{path}: line {line}"
    height_m, mass_kg = _number(where, "height_m", values["height_m"]), None
    if height_m is None or not LEAST_HEIGHT_M <= height_m <= MOST_HEIGHT_M:
        hint = "" if height_m is None else centimetres_hint(height_m)
        raise FileFormatError(f"{where}: height_m is {values['height_m']!r}; expected metres, {ACCEPTED_HEIGHTS}{hint}")
    if values.get("mass_kg"):
        mass_kg = _number(where, "mass_kg", values["mass_kg"])
        if mass_kg is None or not MASSES_KG[0] <= mass_kg <= MASSES_KG[1]:
            raise FileFormatError(f"{where}: mass_kg is {values['mass_kg']!r}; expected kilograms, 10 to 300")
    for name, known in (("sex", SEXES), ("activity", tuple(CUTOFF_HZ))):
        if values.get(name) and values[name] not in known:
            raise FileFormatError(f"{where}: {name} is {values[name]!r}; expected {', '.join(known)}, or nothing")
    if not values["file"]:
        raise FileFormatError(f"{where}: file is empty; expected the name of a video")
    return PersonRow(
        line,
        values["file"],
        values.get("athlete") or "largest",
        height_m,
        mass_kg,
        values.get("sex") or None,
        values.get("activity") or None,
    )


def _number(where: str, name: str, text: str) -> float | None:
    """A number; None where there is none."""
    if not text:
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError as error:
        raise FileFormatError(f"{where}: {name} is {text!r}; expected a number") from error
    return number if math.isfinite(number) else None
