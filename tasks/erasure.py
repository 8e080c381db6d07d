"""Erasing an athlete from a home: rows, files, intermediates, quarantine, caches, logs, Prefect's history.

The order makes an erasure that is killed harmless: first the person is recorded as erased, so that no night measures
them again, and what is to be removed is written down; the list goes last. Running the erasure again ends it.
"""

from __future__ import annotations

import json
import mmap
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biopose.errors import BioposeError
from biopose.io.files import written_whole
from tasks.dask_pool import DONE, made_from
from tasks.erased_people import ErasedPeople
from tasks.retention import intermediates
from tasks.settings import Settings
from tasks.video_hash import VideoHashes
from warehouse.erase import athlete_rows, erase_athlete, runs_of_videos
from warehouse.snapshot import publish_snapshot

PENDING = "erasing.json"
PICTURES = ("overlay.mp4", "report.html")  # of a run: they show whoever is in the video


@dataclass(frozen=True)
class Erasure:
    """What a home holds of a person; paths are relative to it.

    Attributes:
        athlete_id: team/athlete.
        trial_ids: of their trials.
        ids: all by which the person can be found: the above, their runs, the videos in which nobody else was measured.
        longer_ids: of others, that hold one of the ids within them.
        rows: in the warehouse, by table.
        folders: of their trials.
        pictures: overlays and reports of others that were drawn from the same videos, and so show this person.
        rollouts: pages of model rollouts that name one of the trials; `biopose rollout report` writes the last anew.
        intermediates: detections and motions, but those that only trials of other videos were made from.
        quarantined: records that hold one of the ids, also of what a candidate release could not measure.
        video_sha256: of the videos that they were measured in.
        own_video_sha256: of those in which nobody else was.
    """

    athlete_id: str
    trial_ids: tuple[str, ...]
    ids: tuple[str, ...]
    longer_ids: tuple[str, ...]
    rows: dict[str, int]
    folders: tuple[str, ...]
    pictures: tuple[str, ...]
    rollouts: tuple[str, ...]
    intermediates: tuple[str, ...]
    quarantined: tuple[str, ...]
    video_sha256: tuple[str, ...]
    own_video_sha256: tuple[str, ...]


def plan_erasure(settings: Settings, athlete_id: str) -> Erasure:
    """Find all that a home holds of a person; nothing is changed.

    Args:
        settings: of the home.
        athlete_id: team/athlete.

    Raises:
        QueryError: the warehouse knows no such athlete; the message has the nearest names.
        WarehouseBusyError: another process has it open.
        BioposeError: the list of an erasure that was interrupted is of somebody else, or cannot be read.
    """
    if (interrupted := _pending(settings)) is not None:
        if interrupted.athlete_id != athlete_id:
            raise BioposeError(f"the erasure of {interrupted.athlete_id} was interrupted; run that one again first")
        return interrupted
    rows = athlete_rows(settings.warehouse, athlete_id)
    of_videos = runs_of_videos(settings.warehouse, rows.video_sha256)
    others = [Path(folder) for folder, trial in of_videos.items() if trial not in rows.trial_ids]
    ids = (athlete_id, *rows.trial_ids, *rows.run_ids, *rows.own_video_sha256)
    search = IdSearch(ids, longer_ids=rows.longer_ids)
    trials = settings.artifacts / "trials"
    return Erasure(
        athlete_id=athlete_id,
        trial_ids=rows.trial_ids,
        ids=ids,
        longer_ids=rows.longer_ids,
        rows=rows.rows,
        folders=_there(settings, [trials / trial for trial in rows.trial_ids]),
        pictures=_there(settings, [settings.home / folder / name for folder in others for name in PICTURES]),
        rollouts=_there(settings, [p for p in settings.rollouts.glob("*/*.html") if _is_in_file(p, search)]),
        intermediates=_there(settings, _intermediates(settings, without=of_videos)),
        quarantined=_there(settings, [path for path in _quarantine_records(settings) if _is_in_file(path, search)]),
        video_sha256=rows.video_sha256,
        own_video_sha256=rows.own_video_sha256,
    )


def erase(settings: Settings, erasure: Erasure) -> dict[str, Any]:
    """Erase a person; hold the locks `ingest` and `up` of the home meanwhile.

    Args:
        settings: of the home.
        erasure: as `plan_erasure` found it.

    Returns:
        What was removed and searched, without a name: counts by kind, files searched, the files in which an id is
        left, and when.

    Raises:
        WarehouseBusyError: another process has the database open.
        OSError: something cannot be removed; run it again.
    """
    with written_whole(settings.home / PENDING) as partial:
        partial.write_text(json.dumps(asdict(erasure)), encoding="utf-8")
    ErasedPeople(settings.home).add(erasure.athlete_id, erasure.trial_ids)
    erase_athlete(settings.warehouse, erasure.athlete_id)
    publish_snapshot(settings.warehouse, settings.snapshot)
    for path in (
        *erasure.folders,
        *erasure.pictures,
        *erasure.rollouts,
        *erasure.intermediates,
        *erasure.quarantined,
    ):
        _remove(settings.home / path)
    VideoHashes(settings.home / "video_hashes.json").forget(erasure.own_video_sha256)
    search = IdSearch(erasure.ids, longer_ids=erasure.longer_ids)
    lines = sum(_without_lines(log, search) for log in settings.logs.glob("*.log"))
    for history in settings.prefect_home.glob("prefect.db*"):
        history.unlink()
    searched, left = _search_home(settings, search)
    (settings.home / PENDING).unlink()
    return {
        "erased_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "trials": len(erasure.trial_ids),
        "rows": erasure.rows,
        "folders": len(erasure.folders),
        "pictures_of_others": len(erasure.pictures),
        "rollouts": len(erasure.rollouts),
        "intermediates": len(erasure.intermediates),
        "quarantined": len(erasure.quarantined),
        "log_lines": lines,
        "files_searched": searched,
        "left": left,
    }


def interrupted_erasure(settings: Settings) -> str | None:
    """Whose erasure was interrupted; None where none was.

    Raises:
        BioposeError: its list cannot be read.
    """
    pending = _pending(settings)
    return pending.athlete_id if pending else None


class IdSearch:
    """Finds ids in bytes, but not where they are a part of a longer id of somebody else.

    Args:
        ids: to find.
        longer_ids: that hold one of them.
    """

    def __init__(self, ids: Iterable[str], *, longer_ids: Iterable[str] = ()) -> None:
        self._ids = {identity.encode("utf-8", "surrogateescape") for identity in ids}
        longer = sorted((identity.encode("utf-8", "surrogateescape") for identity in longer_ids), key=len, reverse=True)
        longest_first = sorted(self._ids, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, [*longer, *longest_first])))

    def found_in(self, content: bytes | mmap.mmap) -> bool:
        """Whether an id is in it."""
        return any(match[0] in self._ids for match in self._pattern.finditer(content))


def videos_in_inbox(settings: Settings, erasure: Erasure) -> list[Path]:
    """The videos of the person that still lie where an ingest found them; they are the team's, and are not removed."""
    return VideoHashes(settings.home / "video_hashes.json").videos(erasure.video_sha256)


def _intermediates(settings: Settings, *, without: Mapping[str, str]) -> Iterator[Path]:
    """The intermediate results but those that only runs of other videos were made from.

    Args:
        settings: of the home.
        without: the folders of the runs whose intermediates are not kept, relative to home.
    """
    kept = {
        name
        for done in (settings.artifacts / "trials").rglob(DONE)
        if str(done.parent.relative_to(settings.home)) not in without
        for name in made_from(done)
    }
    return (path for path in intermediates(settings) if f"{path.parent.name}/{path.name}" not in kept)


def _quarantine_records(settings: Settings) -> Iterator[Path]:
    for folder in (settings.quarantine, settings.shadow):
        yield from folder.rglob("*.json")


def _there(settings: Settings, paths: Iterable[Path]) -> tuple[str, ...]:
    """Those that exist, relative to home."""
    return tuple(sorted(str(path.relative_to(settings.home)) for path in paths if path.exists()))


def _pending(settings: Settings) -> Erasure | None:
    """What an interrupted erasure was to remove; None where there was none."""
    path = settings.home / PENDING
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        fields: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
        return Erasure(**fields)
    except (ValueError, TypeError, AttributeError) as error:
        raise BioposeError(f"{path}: no list of an erasure ({error}); delete it and run the erasure again") from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _without_lines(log: Path, search: IdSearch) -> int:
    """Take the lines with an id out of a log; how many."""
    lines = log.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not search.found_in(line)]
    if len(kept) < len(lines):
        with written_whole(log) as partial:
            partial.write_bytes(b"".join(kept))
    return len(lines) - len(kept)


def _search_home(settings: Settings, search: IdSearch) -> tuple[int, list[str]]:
    """How many files of the home were searched byte by byte, and those that hold an id; the inbox is the team's."""
    searched, left = 0, []
    for path in sorted(settings.home.rglob("*")):
        if path.name == PENDING or path.is_symlink() or not path.is_file() or path.is_relative_to(settings.inbox):
            continue
        searched += 1
        name = str(path.relative_to(settings.home))
        if search.found_in(name.encode("utf-8", "surrogateescape")) or _is_in_file(path, search):
            left.append(name)
    return searched, left


def _is_in_file(path: Path, search: IdSearch) -> bool:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return search.found_in(content)
