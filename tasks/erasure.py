"""Erasing an athlete from a home: rows, files, intermediates, quarantine, caches, logs, Prefect's history.

The order makes an erasure that is killed harmless: first the person is recorded as erased, so that no night measures
them again, and what is to be removed is written down; the list goes last. Running the erasure again ends it.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from biopose.errors import BioposeError
from biopose.io.files import written_whole
from biopose.outputs.file_names import PICTURES
from tasks.audit import AuditLog, People
from tasks.consent_record import ConsentRecord
from tasks.erased_people import ErasedPeople
from tasks.golden import GoldenSet
from tasks.quarantine import Quarantined, read_record
from tasks.ray_folder import ended_sessions
from tasks.release_offsets import renew_offsets
from tasks.retention import intermediates, used_intermediates
from tasks.settings import OWNER_ALONE, Settings
from tasks.user_name import user_name
from tasks.video_hash import VideoHashes
from warehouse.archive import remove_unlisted
from warehouse.deleted import deleted_of_unknown_athlete
from warehouse.erase import AthleteRows, athlete_rows, erase_athlete, run_folders, runs_of_videos
from warehouse.errors import QueryError
from warehouse.snapshot import publish_snapshot

PENDING = "erasing.json"
CERTIFICATES = "erasures"  # folder of home
TEXT = (".json", ".log", ".html", ".csv", ".toml", ".txt", ".mot", ".trc", ".osim", ".sql", ".xml", ".md")


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
        unloaded: folders of runs that no row names, so that nobody knows whose they are; a night makes them anew.
        pictures: overlays and reports of others that were drawn from the same videos, and so show this person.
        reports: of the athlete, and others that name one of the ids; absolute where they lie outside of home.
        rollouts: pages of model rollouts that name one of the trials; `biopose rollout report` writes the last anew.
        intermediates: detections and motions, but those that only trials of other videos were made from.
        quarantined: records that hold one of the ids, also of what a candidate release could not measure.
        video_sha256: of the videos that they were measured in.
        own_video_sha256: of those in which nobody else was.
        others_trials: of others, that were measured from the same videos: filmed together, or mixed up once.
    """

    athlete_id: str
    trial_ids: tuple[str, ...]
    ids: tuple[str, ...]
    longer_ids: tuple[str, ...]
    rows: dict[str, int]
    folders: tuple[str, ...]
    unloaded: tuple[str, ...]
    pictures: tuple[str, ...]
    rollouts: tuple[str, ...]
    intermediates: tuple[str, ...]
    quarantined: tuple[str, ...]
    video_sha256: tuple[str, ...]
    own_video_sha256: tuple[str, ...]
    others_trials: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()


def plan_erasure(settings: Settings, athlete_id: str) -> Erasure:
    """Find all that a home holds of a person; nothing is changed.

    Args:
        settings: of the home.
        athlete_id: team/athlete.

    Raises:
        QueryError: neither warehouse nor quarantine knows such an athlete; the message has the nearest names.
        WarehouseBusyError: another process has it open.
        BioposeError: the list of an erasure that was interrupted is of somebody else, or cannot be read.
    """
    if (interrupted := _pending(settings)) is not None:
        if interrupted.athlete_id != athlete_id:
            raise BioposeError(f"the erasure of {interrupted.athlete_id} was interrupted; run that one again first")
        return interrupted
    records = _quarantine_records(settings)
    rows = _rows(settings, athlete_id, quarantined=any(record.athlete == athlete_id for record in records.values()))
    of_videos = runs_of_videos(settings.warehouse, rows.video_sha256)
    others = [Path(folder) for folder, trial in of_videos.items() if trial not in rows.trial_ids]
    unloaded = _unloaded_folders(settings)
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
        unloaded=_there(settings, unloaded),
        pictures=_there(settings, [settings.home / folder / name for folder in others for name in PICTURES]),
        rollouts=_there(
            settings, [p for p in settings.rollouts.glob("*/*.html") if search.found_in_text(p.read_bytes())]
        ),
        intermediates=_there(settings, _intermediates(settings, without={*map(Path, of_videos), *unloaded})),
        quarantined=_there(
            settings,
            [
                path
                for path, record in records.items()
                if record.athlete == athlete_id or search.found_in_text(path.read_bytes())
            ],
        ),
        video_sha256=rows.video_sha256,
        own_video_sha256=rows.own_video_sha256,
        others_trials=tuple(sorted(set(of_videos.values()).difference(rows.trial_ids))),
        reports=_there(settings, _reports(settings, athlete_id, search)),
    )


def erase(settings: Settings, erasure: Erasure) -> dict[str, Any]:
    """Erase a person; hold the locks `ingest` and `up` of the home meanwhile.

    Args:
        settings: of the home.
        erasure: as `plan_erasure` found it.

    Returns:
        What was removed and searched, without a name: counts by kind, files searched, the files in which an id is
        left, and when; the certificate, which has all that but those files; by number, why rollouts have no offsets
        of their releases now; and how many rows of deleted trials stay of whom nothing says whose they were.

    Raises:
        WarehouseBusyError: another process has the database open.
        OSError: something cannot be removed; run it again.
    """
    ErasedPeople(settings.home).add(erasure.athlete_id, erasure.trial_ids)  # first: no night measures them from now on
    people = People(athletes=(erasure.athlete_id,))
    AuditLog(settings.home).append(user_name(), "erase", "every row and file", people)
    with written_whole(settings.home / PENDING, durable=True) as partial:
        partial.write_text(json.dumps(asdict(erasure)), encoding="utf-8")
    erase_athlete(settings.warehouse, erasure.athlete_id)
    without_offsets, of_unknown = renew_offsets(settings), deleted_of_unknown_athlete(settings.warehouse)
    publish_snapshot(settings.warehouse, settings.snapshot)
    remove_unlisted(settings.warehouse)
    for path in (
        *erasure.folders,
        *erasure.unloaded,
        *erasure.pictures,
        *erasure.reports,
        *erasure.rollouts,
        *erasure.intermediates,
        *erasure.quarantined,
    ):
        _remove(settings.home / path)
    GoldenSet(settings).remove(erasure.trial_ids)
    ConsentRecord(settings.home).forget(erasure.athlete_id)
    VideoHashes(settings.home / "video_hashes.json").forget(erasure.own_video_sha256)
    search = IdSearch(erasure.ids, longer_ids=erasure.longer_ids)
    lines = sum(_without_lines(log, search) for log in settings.logs.glob("*.log"))
    for history in settings.prefect_home.glob("prefect.db*"):
        history.unlink()
    for session in ended_sessions(settings):  # outside of the home; their logs may name anybody
        shutil.rmtree(session)
    searched, left = _search_home(settings, search)
    done = {
        "erased_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "trials": len(erasure.trial_ids),
        "rows": erasure.rows,
        "folders": len(erasure.folders),
        "unloaded": len(erasure.unloaded),
        "pictures_of_others": len(erasure.pictures),
        "others_trials_of_the_same_videos": len(erasure.others_trials),
        "reports": len(erasure.reports),
        "rollouts": len(erasure.rollouts),
        "rollouts_without_offsets": without_offsets,
        "intermediates": len(erasure.intermediates),
        "quarantined": len(erasure.quarantined),
        "log_lines": lines,
        "deleted_trials_of_unknown_athlete": of_unknown,
        "files_searched": searched,
    }
    certificate = _certified(settings, done | {"files_with_an_id": len(left)})
    (settings.home / PENDING).unlink()
    return done | {"left": left, "certificate": str(certificate)}


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
        any_id = b"|".join(map(re.escape, [*longer, *sorted(self._ids, key=len, reverse=True)]))
        self._pattern, self._in_text = re.compile(any_id), re.compile(rb"(?<![\w.-])(?:%s)(?![\w-]|\.\w)" % any_id)

    def found_in(self, content: bytes | mmap.mmap) -> bool:
        """Whether an id is in binary content, where any byte may precede and follow it."""
        return any(match[0] in self._ids for match in self._pattern.finditer(content))

    def found_in_text(self, content: bytes | mmap.mmap) -> bool:
        """Whether one is in text, where a name goes on until a character that no name has."""
        return any(match[0] in self._ids for match in self._in_text.finditer(content))


def videos_in_inbox(settings: Settings, erasure: Erasure) -> list[Path]:
    """The videos of the person that still lie where an ingest found them; they are the team's, and are not removed."""
    return VideoHashes(settings.home / "video_hashes.json").videos(erasure.video_sha256)


def _rows(settings: Settings, athlete_id: str, *, quarantined: bool) -> AthleteRows:
    """What the warehouse has of somebody, whom it need not know where a quarantined trial is theirs."""
    try:
        return athlete_rows(settings.warehouse, athlete_id)
    except QueryError:
        if not quarantined:
            raise
        return AthleteRows(athlete_id, (), (), (), (), (), (), {})


def _unloaded_folders(settings: Settings) -> list[Path]:
    """The folders of runs that are not in the warehouse: measured, and not loaded yet, or killed before."""
    loaded = run_folders(settings.warehouse)
    folders = (path for path in (settings.artifacts / "trials").glob("*/*/*/*") if path.is_dir())
    return [path for path in folders if str(path.relative_to(settings.home)) not in loaded]


def _intermediates(settings: Settings, *, without: Collection[Path]) -> Iterator[Path]:
    """The intermediate results but those that other runs were made from.

    Args:
        settings: of the home.
        without: the folders of the runs whose intermediates are not kept, absolute or relative to home.
    """
    kept = used_intermediates(settings, without={settings.home / folder for folder in without})
    return (path for path in intermediates(settings) if f"{path.parent.name}/{path.name}" not in kept)


def _reports(settings: Settings, athlete_id: str, search: IdSearch) -> list[Path]:
    """The athlete's own, and any other that names one of the ids, by its file or in it."""
    named = {settings.report_of(athlete_id), settings.report_of(athlete_id).with_suffix(".pdf")}
    return [
        *(path for path in named if path.is_file()),
        *(p for p in settings.reports.rglob("*.html") if p not in named and search.found_in_text(p.read_bytes())),
    ]


def _quarantine_records(settings: Settings) -> dict[Path, Quarantined]:
    """By file, every record of the nights and of other releases; one that cannot be read is as of nobody.

    Such a file is found by the ids in it.
    """
    unknown = Quarantined("", "", "", "", "", "", "")
    found = {}
    for path in (*settings.quarantine.rglob("*.json"), *settings.shadow.rglob("*.json")):
        if path.is_dir():  # a session may be called so
            continue
        try:
            found[path] = read_record(path)
        except BioposeError:
            found[path] = unknown
    return found


def _there(settings: Settings, paths: Iterable[Path]) -> tuple[str, ...]:
    """Those that exist, relative to home, or absolute where they lie elsewhere."""
    return tuple(sorted(_name(settings, path) for path in paths if path.exists()))


def _name(settings: Settings, path: Path) -> str:
    return str(path.relative_to(settings.home) if path.is_relative_to(settings.home) else path)


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


def _certified(settings: Settings, done: Mapping[str, Any]) -> Path:
    """The certificate, which names nobody; written anew where an erasure was killed after it."""
    path = settings.home / CERTIFICATES / f"{str(done['erased_at']).replace(':', '')}.json"
    path.parent.mkdir(mode=OWNER_ALONE, exist_ok=True)
    with written_whole(path, durable=True) as partial:
        partial.write_text(json.dumps(done, indent=1), encoding="utf-8")
    return path


def _without_lines(log: Path, search: IdSearch) -> int:
    """Take the lines with an id out of a log; how many."""
    lines = log.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not search.found_in_text(line)]
    if len(kept) < len(lines):
        with written_whole(log, durable=True) as partial:
            partial.write_bytes(b"".join(kept))
    return len(lines) - len(kept)


def _search_home(settings: Settings, search: IdSearch) -> tuple[int, list[str]]:
    """How many files of the home were searched byte by byte, and those that hold an id; the inbox is the team's."""
    searched, left = 0, []
    for path in _files(settings):
        searched += 1
        name = _name(settings, path)
        if search.found_in_text(name.encode("utf-8", "surrogateescape")) or _is_in_file(path, search):
            left.append(name)
    return searched, sorted(left)


def _files(settings: Settings) -> Iterator[Path]:
    """The files of a home, and of its reports, behind links, too, such as one to a larger disk; but for an inbox."""
    home, inbox = settings.home.resolve(), settings.inbox.resolve()
    left_out = {inbox} if inbox != home and inbox.is_relative_to(home) else set()
    walks = (os.walk(root, followlinks=True) for root in (settings.home, settings.reports))
    for folder, folders, names in chain.from_iterable(walks):
        real = Path(folder).resolve()
        if real in left_out:
            folders.clear()
            continue
        left_out.add(real)
        yield from (path for name in names if (path := Path(folder, name)).is_file() and name != PENDING)


def _is_in_file(path: Path, search: IdSearch) -> bool:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return search.found_in_text(content) if path.suffix in TEXT else search.found_in(content)
