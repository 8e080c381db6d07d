"""What a home keeps for how long: what is made anew, what is shown no longer, and what killed processes left."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from biopose.errors import BioposeError
from tasks.dask_pool import DONE, made_from
from tasks.golden import GoldenSet
from tasks.ingest_log import old_logs
from tasks.ray_folder import ended_sessions
from tasks.settings import Settings
from warehouse.archive import remove_unlisted
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.deleted import OldRun, deleted_trials, old_runs, remove_runs
from warehouse.errors import OutdatedError, WarehouseBusyError, WarehouseError
from warehouse.snapshot import publish_snapshot

DAY_S = 86_400.0
LEFTOVER_DAYS = 1.0  # no stage takes longer: what is partial since then belongs to a process that was killed
PARTIAL = ".partial-"
KINDS = {
    "intermediate": "detections and motions",
    "deleted run": "files of deleted trials",
    "old run": "runs that are not shown any more",
    "unloaded run": "folders of runs that were never loaded",
    "leftover": "leftovers of killed processes",
    "Ray session": "ended sessions of Ray",
    "ingest log": "logs of ingests",
}
RUNS = ("deleted run", "old run", "unloaded run")
# By trial, when a run of it was loaded or it was deleted, whichever was last; since the epoch.
REPLACED = """
SELECT trial_id, epoch(max(last_at))
FROM (
    SELECT trial_id, loaded_at AS last_at FROM run JOIN load_record USING (run_number)
    UNION ALL
    SELECT trial_id, deleted_at FROM deleted_trial
)
GROUP BY trial_id
"""
INTERMEDIATES = ("perceived", "motions", "seen")  # folders of artifacts; the last of earlier versions


@dataclass(frozen=True)
class Expired:
    """A file or folder whose time is over.

    Attributes:
        path: of it.
        kind: of KINDS.
        size_bytes: of all its files.
    """

    path: Path
    kind: str
    size_bytes: int


def expired(settings: Settings, *, now_s: float | None = None) -> list[Expired]:
    """What is to be removed now; nothing is changed.

    Each kind expires so many days after it was written, deleted or superseded, as the settings say. The results of
    trials that are shown, the warehouse and models do not expire.

    Args:
        settings: of the home.
        now_s: since the epoch; None: now.
    """
    now_s = time.time() if now_s is None else now_s
    old_s, left_s = now_s - settings.intermediates_days * DAY_S, now_s - LEFTOVER_DAYS * DAY_S
    logs_s = now_s - settings.ray_logs_days * DAY_S
    ingests_s = now_s - settings.ingest_logs_days * DAY_S
    found = [
        *((path, "intermediate") for path in intermediates(settings) if _last_written_s(path) < old_s),
        *((path, "leftover") for path in _leftovers(settings) if _last_written_s(path) < left_s),
        *((path, "Ray session") for path in ended_sessions(settings) if _last_written_s(path) < logs_s),
        *((path, "ingest log") for path in old_logs(settings) if _last_written_s(path) < ingests_s),
    ]
    with suppress(WarehouseError), opened_for_reading(settings.snapshot) as connection:
        found += _files_of_runs(connection, settings, now_s)
    return [Expired(path, kind, _size_bytes(path)) for path, kind in dict(found).items()]


def prune(settings: Settings) -> list[Expired]:
    """Remove what has expired; hold the lock `ingest` of the home meanwhile.

    Rows of runs go last: an interrupted prune is repeated by the next. Where the database cannot be opened, as while
    another process has it open, they and their files stay until then. A snapshot of another version is published anew.

    Returns:
        What was removed.
    """
    removed = expired(settings)
    runs: list[OldRun] = []
    known: set[Path] = set()
    is_stale = False
    with suppress(WarehouseError):
        if settings.warehouse.is_file() and settings.warehouse.stat().st_size:
            with opened_for_writing(settings.warehouse) as connection:
                runs = _old_runs(connection, settings, time.time())
                known = {path for path, _ in _files_of_runs(connection, settings, time.time())}
            is_stale = _is_stale(settings, runs)
    removed = [one for one in removed if one.kind not in RUNS or one.path in known]
    for one in removed:
        with suppress(OSError):  # what stays is found again the next time
            shutil.rmtree(one.path) if one.path.is_dir() else one.path.unlink()
    gone = [run for run in runs if not (settings.home / run.folder).exists()]
    if gone or is_stale:
        with suppress(WarehouseBusyError):
            remove_runs(settings.warehouse, gone)
            publish_snapshot(settings.warehouse, settings.snapshot)
            remove_unlisted(settings.warehouse)
            _remove_golden(settings)
    return [one for one in removed if not one.path.exists()]


def _is_stale(settings: Settings, runs: list[OldRun]) -> bool:
    """Whether readers have old runs that the warehouse has no more, after a kill, or the schema of another version."""
    try:
        with opened_for_reading(settings.snapshot) as connection:
            return not set(_old_runs(connection, settings, time.time())) <= set(runs)
    except OutdatedError:
        return True
    except WarehouseError:
        return False


def _remove_golden(settings: Settings) -> None:
    """Take deleted trials that nobody can restore any more out of the golden set, with the copies of their numbers."""
    gone = {(one.trial_id, one.video_sha256) for one in deleted_trials(settings.warehouse) if not one.is_restorable}
    with suppress(BioposeError):  # a damaged set is named by what uses it, and this is done the next time
        golden = GoldenSet(settings)
        golden.remove([name for name, one in golden.trials.items() if (name, one.video_sha256) in gone])


def pruned_line(removed: list[Expired]) -> str:
    """What was, or would be, removed, as text; "" for nothing."""
    if not removed:
        return ""
    counts = Counter(one.kind for one in removed)
    size_gb = sum(one.size_bytes for one in removed) / 1e9
    parts = [f"{counts[kind]} {text}" for kind, text in KINDS.items() if counts[kind]]
    return f"{', '.join(parts)}, {size_gb:.2f} GB"


def _old_runs(connection: duckdb.DuckDBPyConnection, settings: Settings, now_s: float) -> list[OldRun]:
    deleted, superseded = (
        datetime.fromtimestamp(now_s - days * DAY_S, UTC) for days in (settings.deleted_days, settings.superseded_days)
    )
    return old_runs(connection, deleted_before=deleted, superseded_before=superseded)


def _files_of_runs(connection: duckdb.DuckDBPyConnection, settings: Settings, now_s: float) -> list[tuple[Path, str]]:
    """The files of old runs, and folders of runs that no row names, as when a height was corrected after a kill.

    Such a folder may be all that there is of a trial, as where the warehouse was begun anew or is an older copy: it
    goes only where another run of the trial was loaded, or the trial was deleted, after it was written.
    """
    rows = connection.execute("SELECT artifacts FROM run").fetchall()
    loaded = {settings.home / str(folder) for (folder,) in rows}
    replaced_s = dict(connection.execute(REPLACED).fetchall())
    trials = settings.artifacts / "trials"
    folders = (path for path in trials.glob("*/*/*/*") if path.is_dir() and path not in loaded)
    old_s = now_s - max(settings.intermediates_days, LEFTOVER_DAYS) * DAY_S  # another night may load them
    unloaded = [
        path
        for path in folders
        if _last_written_s(path) < min(old_s, replaced_s.get(path.parent.relative_to(trials).as_posix(), 0.0))
    ]
    runs = {settings.home / run.folder: run.is_deleted for run in _old_runs(connection, settings, now_s)}
    there = {
        folder: "deleted run" if is_deleted else "old run" for folder, is_deleted in runs.items() if folder.is_dir()
    }
    dones = [done for folder, kind in there.items() if kind == "deleted run" and (done := folder / DONE).is_file()]
    if made := {name for done in dones for name in made_from(done)}:
        made -= used_intermediates(settings, without=there)
    of_deleted = [path for name in sorted(made) if (path := settings.artifacts / name).exists()]
    return [
        *there.items(),
        *((path, "deleted run") for path in of_deleted),
        *((path, "unloaded run") for path in unloaded),
    ]


def used_intermediates(settings: Settings, *, without: Collection[Path]) -> set[str]:
    """The intermediates, relative to the folder of artifacts, that runs were made from.

    Args:
        settings: of the home.
        without: the folders of runs that do not count.
    """
    dones = (done for done in (settings.artifacts / "trials").rglob(DONE) if done.parent not in without)
    return {name for done in dones for name in made_from(done)}


def _leftovers(settings: Settings) -> Iterator[Path]:
    """What is partial anywhere in the home but in the inbox, which is the team's."""
    if not settings.home.is_dir():
        return
    for top in settings.home.iterdir():
        if top not in (settings.inbox, *settings.inbox.parents):
            yield from ([top] if top.name.startswith(PARTIAL) else top.rglob(f"{PARTIAL}*"))


def intermediates(settings: Settings) -> Iterator[Path]:
    """Every intermediate result of a home."""
    for folder in (settings.artifacts / kind for kind in INTERMEDIATES):
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if not path.name.startswith(PARTIAL))


def _last_written_s(path: Path) -> float:
    """When the newest file of it was written, since the epoch."""
    times = [_modified_s(file) for file in (path.rglob("*") if path.is_dir() else ())]
    return max([_modified_s(path), *times])


def _modified_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it vanished meanwhile
        return 0.0


def _size_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
