"""The sessions of an inbox: each lies in INBOX/TEAM/SESSION, and its manifest says the same.

for found in sessions_in(Path("inbox")):
    found.session or found.error

So nobody's folder can hold a session of another team, and two folders of an inbox never the same session.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from biopose.errors import BioposeError, ManifestError
from biopose.io.file_names import escaped
from biopose.io.inbox_folders import walked
from biopose.io.manifest import MANIFEST, Session, is_name, read_session
from biopose.io.manifest_entries import NAME_RULE


@dataclass(frozen=True)
class FoundSession:
    """A manifest that lies in an inbox.

    Attributes:
        name: its folder below the inbox, or the manifest itself where that is no session's folder; printable.
        manifest: the file.
        session: its content.
        error: in place of the content, why it cannot be used.
    """

    name: str
    manifest: Path
    session: Session | None = None
    error: BioposeError | None = None


def sessions_in(inbox: Path) -> Iterator[FoundSession]:
    """Every manifest of an inbox, in order; hidden folders, backups and links are left out.

    Args:
        inbox: a folder.
    """
    for folder, folders, names in walked(inbox, lambda _: None):
        if MANIFEST in names or MANIFEST in folders:
            yield _found(inbox, folder / MANIFEST)


def alike_names(sessions: Iterable[FoundSession]) -> list[str]:
    """A line for the athletes of a team whose names differ in case alone: they are stored as different people.

    Args:
        sessions: of an inbox.
    """
    alike: dict[str, set[str]] = defaultdict(set)
    for one in sessions:
        for athlete in one.session.consent if one.session else ():
            alike[athlete.casefold()].add(athlete)
    return [
        f"{' and '.join(sorted(names))} differ in upper and lower case alone, and are stored as different people: "
        f"write one name in every {MANIFEST} if they are one person"
        for _, names in sorted(alike.items())
        if len(names) > 1
    ]


def _found(inbox: Path, manifest: Path) -> FoundSession:
    place = manifest.parent.relative_to(inbox).parts
    name = escaped("/".join(place if len(place) == 2 else (*place, MANIFEST)))
    try:
        _check_folder(inbox, manifest, place)
        session = read_session(manifest)
        _check_agreement(inbox, manifest, session.session_id)
    except BioposeError as error:
        return FoundSession(name, manifest, error=error)
    except Exception as error:  # whatever a manifest raises, it costs no other session
        problem = f"{escaped(str(manifest))}: cannot be read ({type(error).__name__}: {escaped(str(error))})"
        return FoundSession(name, manifest, error=ManifestError(problem))
    return FoundSession(name, manifest, session=session)


def _check_folder(inbox: Path, manifest: Path, place: tuple[str, ...]) -> None:
    where = escaped(str(manifest))
    if len(place) != 2:
        raise ManifestError(
            f"{where}: a session lies in INBOX/TEAM/SESSION, so that its folder shows whose it is. If "
            f"{escaped(str(inbox))} is the inbox, move its folder to TEAM/SESSION there, under the names of its team "
            "and session; else give the inbox"
        )
    for what, name in zip(("team", "session"), place, strict=True):
        if not is_name(name):
            raise ManifestError(
                f"{where}: the folder {escaped(name)!r} is no name of a {what}: {NAME_RULE}; rename the folder, and "
                f"write the same in {MANIFEST}"
            )


def _check_agreement(inbox: Path, manifest: Path, session_id: str) -> None:
    for key, claimed, there in zip(
        ("team", "session"), session_id.split("/"), manifest.parent.relative_to(inbox).parts, strict=True
    ):
        if claimed != there:
            there_already = ", which is there already" if (inbox / session_id).exists() else ""
            raise ManifestError(
                f"{manifest}: {key}: found {claimed!r} in the folder of the {key} {there!r}; the folder decides whose "
                f"session it is: write {key} = {there!r}, or, if it is {claimed}'s, move it to "
                f"{inbox / session_id}{there_already}"
            )
