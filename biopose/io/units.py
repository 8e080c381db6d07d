"""Units of length that marker files state."""

from collections.abc import Sequence
from typing import Literal

from biopose.io.files import quoted

LengthUnit = Literal["m", "cm", "mm"]

UNITS_PER_METRE = {
    "m": 1.0,
    "meter": 1.0,
    "metre": 1.0,
    "meters": 1.0,
    "metres": 1.0,
    "cm": 100.0,
    "centimeter": 100.0,
    "centimetre": 100.0,
    "centimeters": 100.0,
    "centimetres": 100.0,
    "mm": 1000.0,
    "millimeter": 1000.0,
    "millimetre": 1000.0,
    "millimeters": 1000.0,
    "millimetres": 1000.0,
}
KNOWN_UNITS = "one of m, cm and mm, or their names in full"
IS_IT_RIGHT = "is the file's unit right (--units, or units under [recording] in session.toml, states another)"
NAME_THE_UNITS = f"{KNOWN_UNITS}; name the unit with --units, as --units mm"


def units_per_metre(stated: Sequence[str], given: LengthUnit | None) -> tuple[float | None, list[str]]:
    """How many of a file's units make a metre.

    Args:
        stated: the file's units, all of those that it states.
        given: the unit that a user names, which counts.

    Returns:
        The factor, None where none is given and the file states none, an unknown one or several; and a note where the
        file's unit is not the one used.
    """
    known = {UNITS_PER_METRE.get(unit.strip().lower()) for unit in stated}
    if given is None:
        return (known.pop() if len(known) == 1 else None), []
    factor = UNITS_PER_METRE[given]
    if known == {factor}:
        return factor, []
    return factor, [f"units: {listed_units(stated)} in the file, read as {given}, as --units states"]


def listed_units(stated: Sequence[str]) -> str:
    """A file's units for a message."""
    return ", ".join(map(quoted, stated)) or "none"
