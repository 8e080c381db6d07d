"""Which trajectories of a .c3d file are markers, by POINT:LABELS and the groups that Vicon's software adds.

Besides markers, files hold trajectories without a name and, in the same place as positions, joint angles, forces,
moments and powers; POINT:ANGLES, POINT:FORCES and so on list their labels.
"""

import re
from collections.abc import Sequence

import numpy as np

from biopose.io.c3d_parameters import TEXT, C3DContent
from biopose.io.files import malformed, quoted
from biopose.io.repeated_values import BoolArray
from biopose.io.trajectories import FloatArray, duplicates

NO_NAME = re.compile(r"(\*|uname\*|unlabel?led[ _]?|unidentified[ _]?)\d*", re.IGNORECASE)  # of several systems
NO_POSITIONS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS", "REACTIONS")
SHOWN_NAMES = 5  # of a list in a note


def marker_columns(
    content: C3DContent, positions: FloatArray, missing: BoolArray
) -> tuple[list[int], list[str], list[str]]:
    """Columns of the markers among the trajectories, their names, and notes of what is left out.

    Args:
        content: the file.
        positions: (F, P, 3) all of its trajectories.
        missing: (F, P) where they are gaps.

    Raises:
        FileFormatError: There is no named marker, or a name is given to two trajectories that differ.
    """
    count = positions.shape[1]
    stated = content.texts("POINT:LABELS")
    labels = [*stated[:count], *[""] * (count - len(stated))]
    unnamed = [column for column, label in enumerate(labels) if _is_unnamed(label)]
    others = _labels_without_positions(content)
    no_positions = [column for column, label in enumerate(labels) if label in others]
    kept = sorted(set(range(count)) - set(unnamed) - set(no_positions))
    kept, notes = _different(content, kept, labels, np.where(missing[..., None], np.nan, positions))
    if not kept:
        found = f"no named marker among {count} trajectories and {len(stated)} POINT:LABELS"
        raise malformed(content.path, found=found, expected="a label for each marker; export it with labels")
    if unnamed:
        notes.append(_left_out([labels[column] for column in unnamed], "without a name"))
    if no_positions:
        notes.append(_left_out([labels[column] for column in no_positions], "that are angles, forces or the like"))
    if surplus := [label for label in stated[count:] if label]:
        notes.append(f"{len(surplus)} POINT:LABELS have no trajectory: {_shown(surplus)}")
    return kept, [labels[column] for column in kept], notes


def _is_unnamed(label: str) -> bool:
    return not label or not label.isprintable() or NO_NAME.fullmatch(label) is not None


def _labels_without_positions(content: C3DContent) -> set[str]:
    """Labels of the POINT parameters, and of those that POINT:TYPE_GROUPS names after them, that hold no positions."""
    groups = {*NO_POSITIONS, *(text.upper() for text in content.texts("POINT:TYPE_GROUPS"))}
    named = [f"POINT:{group}" for group in groups if group.startswith(NO_POSITIONS)]
    lists = [name for name in named if name in content.parameters and content.parameters[name].kind == TEXT]
    return {label for name in lists for label in content.texts(name) if label}


def _different(
    content: C3DContent, columns: list[int], labels: Sequence[str], positions: FloatArray
) -> tuple[list[int], list[str]]:
    """The columns with each label once, and notes: of trajectories that are equal or empty but for one, one is kept."""
    notes = []
    for label in duplicates(labels[column] for column in columns):
        same = [column for column in columns if labels[column] == label]
        filled = [column for column in same if not np.isnan(positions[:, column]).all()] or same[:1]
        if any(
            not np.array_equal(positions[:, filled[0]], positions[:, other], equal_nan=True) for other in filled[1:]
        ):
            places = ", ".join(str(column + 1) for column in same)
            found = f"POINT:LABELS {quoted(label)} for trajectories {places}, which differ"
            raise malformed(
                content.path, found=found, expected="a label of its own for each marker; rename one of them"
            )
        columns = [column for column in columns if column not in same or column == filled[0]]
        what = "equal" if len(filled) > 1 else "empty but for one"
        notes.append(f"{len(same)} trajectories have the label {quoted(label)} and are {what}: read once")
    return columns, notes


def _left_out(labels: list[str], what: str) -> str:
    named = [label for label in labels if label]
    shown = f" ({_shown(named)})" if named else ""
    return f"{len(labels)} trajectories {what} are left out{shown}"


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(quoted(name) for name in names[:SHOWN_NAMES]) + more
