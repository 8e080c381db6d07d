"""Which column of a .trc file belongs to which marker.

The format puts a name over the first of each marker's three columns. Programs also write the names without that regard,
one or two tabs apart; then they count in their order, which must match the number of columns. Columns that have no
name are left out.
"""

from dataclasses import dataclass

from biopose.io.files import quoted
from biopose.io.text import NumberedLines, all_different, parse_count, split_fields

AXES = "XYZ"


@dataclass(frozen=True)
class Labels:
    """The labels above a file's rows.

    Attributes:
        leading: 1 or 2: the columns before the first marker, time or frame number and time.
        time: The label of the time column.
        names: The fields after these, as they stand.
        line: Their line number.
        components: How many components (X1 Y1 Z1 ...) the line below the names has; 0 without one.
    """

    leading: int
    time: str
    names: list[str]
    line: int
    components: int


@dataclass(frozen=True)
class Layout:
    """Markers' columns, counted from the first after the time.

    Attributes:
        names: M names.
        markers: (M,) which triplet of columns is theirs.
        triplets: How many triplets hold named markers and those without a name between them.
        width: How many columns may hold numbers: triplets without a name beyond the named ones included.
    """

    names: list[str]
    markers: list[int]
    triplets: int
    width: int


def read_labels(lines: NumberedLines) -> tuple[Labels, str | None]:
    """Read the lines of names and components.

    Returns:
        The labels, and the first row where the line of components is missing and that row was read in its place.

    Raises:
        FileFormatError: There is no time column, or the components are not X, Y and Z in turn.
    """
    fields = split_fields(lines.required_text("the line of marker names (Frame# Time ...)").rstrip())
    leading = 1 if fields[0].lower().startswith("time") else 2
    time = fields[leading - 1] if len(fields) >= leading else ""
    if not time.lower().startswith("time"):
        raise lines.malformed(found=quoted(" ".join(fields[:2])), expected="the columns Frame# and Time")
    if time.lower() != "time":
        lines.notes.append(f"the time column is named {quoted(time)}")
    line = lines.number
    below = next((line for line in lines if line.strip()), None)
    tokens = [token for token in split_fields(below) if token] if below else []
    if not tokens or not tokens[0][0].isalpha() or tokens[0].lower() == "nan":
        lines.notes.append("there is no line of components (X1 Y1 Z1 ...): each marker's columns are read as X, Y, Z")
        return Labels(leading, time, fields[leading:], line, 0), below
    letters = "".join(token[0].upper() for token in tokens)
    if not set(letters) <= set(AXES):
        lines.notes.append(f"the components are named {quoted(' '.join(tokens))}: read as X, Y, Z of each marker")
    elif wrong := [index for index, letter in enumerate(letters) if letter != AXES[index % 3]]:
        if len({index // 3 for index in wrong}) < len(wrong) or len(tokens) % 3:  # another order, or one is left out
            found = f"components {quoted(' '.join(tokens))}"
            raise lines.malformed(found=found, expected="X, Y, Z of each marker in turn")
        which = ", ".join(f"{tokens[index]} for {AXES[index % 3]}{index // 3 + 1}" for index in wrong)
        lines.notes.append(f"components are misnamed ({which}): read as X, Y, Z of each marker")
    return Labels(leading, time, fields[leading:], line, len(tokens)), None


def find_layout(labels: Labels, *, columns: int, declared: str, lines: NumberedLines) -> Layout:
    """Find the markers' columns.

    Args:
        labels: The labels.
        columns: Fields of the first row after the time, empty ones included.
        declared: NumMarkers of the header.
        lines: The file, whose last line is the line of names or a later one.

    Raises:
        FileFormatError: The names fit the columns neither by their places nor by their order.
    """
    named = {index: name for index, name in enumerate(labels.names) if name}
    stray = [name for index, name in named.items() if index % 3]
    triplets = max(named, default=-1) // 3 + 1
    if not named:
        raise lines.malformed(found="no marker names", expected="a name for each marker")
    if not stray and 3 * triplets <= columns:
        names, markers = list(named.values()), [index // 3 for index in named]
    elif columns - 3 * len(named) in (0, 1) or (3 * len(named) <= columns and parse_count(declared) == len(named)):
        names, markers, triplets = list(named.values()), list(range(len(named))), len(named)
        lines.notes.append(f"names are not over their columns: the {len(named)} names are read in their order")
    elif stray:
        found = f"the name {quoted(stray[0])} out of place, and {len(named)} names over {columns} columns"
        raise lines.malformed(found=found, expected="a name every third column, or three columns for each name")
    else:
        raise lines.malformed(found=f"{columns} columns in the first row", expected=f"{3 * triplets} below the names")
    width = 3 * triplets + 3 * ((max(columns, labels.components) - 3 * triplets) // 3)
    return Layout(all_different(names, lines, what="marker"), markers, triplets, width)
