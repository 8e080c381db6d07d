"""Markers of one subject among labels such as S01:LKNE, which motion capture programs write for each subject."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from biopose.io.files import file_format_errors, malformed, quoted
from biopose.io.trajectories import MarkerTrajectories

IN_MANIFEST = " (in session.toml the athlete's subject)"
SEPARATOR = ":"


def of_subject(
    markers: MarkerTrajectories, path: Path, *, subject: str | None = None, model_markers: Collection[str] = ()
) -> MarkerTrajectories:
    """The markers of one subject, their names without the subject's prefix.

    Labels stay as they are where none has a prefix, or where the model has such a label. Of a single subject,
    markers without a prefix are kept; of several they may be anybody's and are left out.

    Args:
        markers: of one or more subjects.
        path: of their file, for messages.
        subject: the subject's name; needed where there are several.
        model_markers: names of the markers of the model that they are meant for.

    Raises:
        FileFormatError: There are several subjects and none is chosen, the subject is not among them, or a marker's
            name is there with the prefix and without.
    """
    subjects = list(dict.fromkeys(name.rpartition(SEPARATOR)[0] for name in markers.names if _has_prefix(name)))
    if subject is None and (not subjects or set(markers.names) & {n for n in model_markers if SEPARATOR in n}):
        return markers
    chosen = _chosen(subjects, subject, path)
    prefix = chosen + SEPARATOR
    own = {name: name.removeprefix(prefix) for name in markers.names if name.startswith(prefix)}
    shared = [name for name in markers.names if not _has_prefix(name)]
    if subject is None and (twice := [name for name in shared if name in own.values()]):
        found = f"markers with and without the prefix {quoted(prefix)}: {', '.join(twice)}"
        raise malformed(path, found=found, expected=f"each once; --subject {chosen} takes those with the prefix")
    kept = own | {name: name for name in shared if len(subjects) == 1 and name not in own.values()}
    left_out = [name for name in markers.names if name not in kept]
    notes = [f"the prefix {quoted(prefix)} is taken off the labels of {len(own)} markers"]
    if left_out:
        notes.append(f"{len(left_out)} markers of others than the subject {chosen} are left out")
    names = [name for name in markers.names if name in kept]
    with file_format_errors(path):
        selected = markers.select(names)
        return replace(selected, names=tuple(kept[name] for name in names), notes=(*markers.notes, *notes))


def _has_prefix(name: str) -> bool:
    before, _, after = name.rpartition(SEPARATOR)
    return bool(before.strip() and after.strip())


def _chosen(subjects: list[str], subject: str | None, path: Path) -> str:
    named = ", ".join(subjects)
    if subject is not None:
        if subject not in subjects:
            found = f"subjects {named}" if subjects else "labels without a subject's prefix (SUBJECT:MARKER)"
            raise malformed(
                path, found=found, expected=f"the subject {quoted(subject)} that --subject names{IN_MANIFEST}"
            )
        return subject
    if len(subjects) > 1:
        expected = f"one; choose it with --subject{IN_MANIFEST}, as --subject {subjects[0]}"
        raise malformed(path, found=f"markers of {len(subjects)} subjects: {named}", expected=expected)
    return subjects[0]
