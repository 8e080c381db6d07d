"""The unit of length of a .c3d file."""

from biopose.io.c3d_parameters import C3DContent
from biopose.io.files import malformed
from biopose.io.units import NAME_THE_UNITS, LengthUnit, listed_units, units_per_metre


def c3d_units_per_metre(content: C3DContent, given: LengthUnit | None) -> tuple[float, list[str]]:
    """How many of the file's units make a metre, and a note where they are not the file's own.

    Raises:
        FileFormatError: No unit is given, and the file states none, an unknown one or several.
    """
    units = content.parameters.get("POINT:UNITS")  # not UNITS2, where ezc3d writes 'mm' beside any UNITS
    stated = [text for text in units.texts() if text] if units else []
    factor, notes = units_per_metre(stated, given)
    if factor is None:
        raise malformed(content.path, found=f"POINT:UNITS {listed_units(stated)}", expected=NAME_THE_UNITS)
    return factor, notes
