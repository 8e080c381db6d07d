"""What is examined of a home that is in use: permissions, space, the warehouse against the files, what is left over."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime

from biopose.cli.doctor import Finding
from biopose.errors import BioposeError
from tasks.audit import AuditLog
from tasks.consent_record import ConsentRecord
from tasks.dask_pool import DONE
from tasks.erasure import interrupted_erasure
from tasks.ingest_log import last_runs
from tasks.quarantine import Quarantine
from tasks.retention import expired, pruned_line
from tasks.settings import Settings
from tasks.withdrawals import people_stored
from warehouse.archive import listed_files
from warehouse.connection import opened_for_reading
from warehouse.errors import WarehouseError
from warehouse.load import ADDED_FILES, FILES

LEAST_FREE_GB = 5.0  # a night's detections, overlays and the copy of a warehouse fit into it
LONGEST_SILENCE_H = 48.0  # between nights; one may be missed
LISTED = 3


def examine_home(settings: Settings) -> list[Finding]:
    """Examine a home; nothing is changed.

    Args:
        settings: of the home, which must exist.
    """
    examined: tuple[Callable[[Settings], Finding], ...] = (
        _permissions,
        _space,
        _last_ingest,
        _warehouse,
        _files,
        _frames,
        _quarantine,
        _erasure,
        _consent,
        _expired,
        _audit,
    )
    return [one(settings) for one in examined]


def _permissions(settings: Settings) -> Finding:
    mode = stat.S_IMODE(settings.home.stat().st_mode)
    others = (
        "readable by its owner alone" if not mode & 0o077 else f"open to other users of this machine (mode {mode:o})"
    )
    return Finding("permissions", not mode & 0o077, others, f"chmod 700 {settings.home}", needed=False)


def _space(settings: Settings) -> Finding:
    free_gb = shutil.disk_usage(settings.home).free / 1e9
    remedy = "Make room: `biopose prune`, or move the home to a larger disk."
    return Finding("space", free_gb >= LEAST_FREE_GB, f"{free_gb:.1f} GB free", remedy)


def _last_ingest(settings: Settings) -> Finding:
    """Whether nights happen: an ingest that did not end well, or none for so long, is for a person to look at."""
    runs, remedy = last_runs(settings), f"biopose log --home {settings.home}; is `biopose up` running?"
    if not runs:
        return _last_load(settings, remedy)
    last = runs[-1]
    age_h = _hours_since(last.began)
    ok = age_h <= LONGEST_SILENCE_H and (last.ended_well or last.is_running(settings))
    found = f"began {_ago(age_h)}; {last.state(settings)}"
    return Finding("last ingest", ok, found, remedy)


def _last_load(settings: Settings, remedy: str) -> Finding:
    """Of a home without logs: one that is new, was restored, or whose logs an earlier version did not write."""
    try:
        with opened_for_reading(settings.snapshot) as connection:
            (loaded_at,) = connection.execute("SELECT max(loaded_at) FROM load_record").fetchall()[0]
    except WarehouseError:
        loaded_at = None
    if loaded_at is None:
        return Finding("last ingest", True, "none yet")
    age_h = _hours_since(loaded_at)
    found = f"no log of one is there; the warehouse was last loaded {_ago(age_h)}"
    return Finding("last ingest", age_h <= LONGEST_SILENCE_H, found, remedy)


def _hours_since(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds() / 3600


def _ago(age_h: float) -> str:
    """For a person."""
    return f"{age_h * 60:.0f} minutes ago" if age_h < 2 else f"{age_h:.0f} hours ago"


def _warehouse(settings: Settings) -> Finding:
    """As queries see it."""
    try:
        with opened_for_reading(settings.snapshot) as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM trial), (SELECT count(*) FROM run), "
                "(SELECT strftime(max(loaded_at), '%Y-%m-%d %H:%M UTC') FROM load_record)"
            ).fetchall()[0]
    except WarehouseError as error:
        return Finding("warehouse", False, str(error), "Run `biopose ingest INBOX`.")
    return Finding("warehouse", True, f"{row[0]} current trials, {row[1]} runs; last loaded {row[2]}")


def _files(settings: Settings) -> Finding:
    """Whether every run of the warehouse has its files, and every finished folder its run."""
    try:
        with opened_for_reading(settings.snapshot) as connection:
            runs = {str(folder) for (folder,) in connection.execute("SELECT artifacts FROM run").fetchall()}
    except WarehouseError as error:
        return Finding("files", False, str(error), "Run `biopose ingest INBOX`.")
    wanted = (DONE, *(name for fact, name in FILES.items() if fact not in ADDED_FILES))
    broken = sorted(run for run in runs if not all((settings.home / run / name).is_file() for name in wanted))
    finished = {str(done.parent.relative_to(settings.home)) for done in (settings.artifacts / "trials").rglob(DONE)}
    orphans = len(finished - runs)
    found = f"of {len(runs)} runs {len(broken) or 'none'} lack{'s' * (len(broken) < 2)} files"
    found += f": {', '.join(broken[:LISTED])}" if broken else ""
    found += f"; finished folders that are not in the warehouse: {orphans}" if orphans else ""
    return Finding("files", not broken, found, "Restore them from a backup; `biopose export` and pages need them.")


def _frames(settings: Settings) -> Finding:
    """Whether the Parquet files of frames are there in full; where there are none, the database has all frames."""
    try:
        with opened_for_reading(settings.snapshot) as connection:
            listed = listed_files(connection)
    except WarehouseError as error:
        return Finding("frames", False, str(error), "Run `biopose ingest INBOX`.")
    sizes = {path: path.stat().st_size for file in listed if (path := settings.home / file.name).is_file()}
    broken = [file.name for file in listed if sizes.get(settings.home / file.name) != file.size_bytes]
    found = f"of {len(listed)} Parquet files {len(broken) or 'none'} missing or cut off"
    found += f": {', '.join(broken[:LISTED])}" if broken else ""
    remedy = "Restore them from a backup; queries about kinematics and curves need them."
    return Finding("frames", not broken, found if listed else "all in the database", remedy)


def _quarantine(settings: Settings) -> Finding:
    try:
        count = sum(1 for _ in Quarantine(settings.quarantine))
    except BioposeError as error:
        return Finding("quarantine", False, str(error), "Delete it; the next ingest quarantines the trial again.")
    found = f"{count} trials or sessions" if count else "nothing"
    return Finding("quarantine", not count, found, "`biopose quarantine` lists reasons and remedies.", needed=False)


def _erasure(settings: Settings) -> Finding:
    try:
        athlete = interrupted_erasure(settings)
    except BioposeError as error:
        return Finding("erasures", False, str(error), "Delete it, and run the erasure again.")
    found = f"the erasure of {athlete} was interrupted" if athlete else "none was interrupted"
    return Finding("erasures", athlete is None, found, f"biopose erase {athlete} --home {settings.home}")


def _consent(settings: Settings) -> Finding:
    """Who withdrew is erased by the first night after their grace; two may be missed."""
    try:
        record = ConsentRecord(settings.home)
        late = people_stored(settings, record.overdue(after_days=settings.withdrawn_days + LONGEST_SILENCE_H / 24))
    except BioposeError as error:
        return Finding("consent", False, str(error), "Restore it from a backup.")
    except WarehouseError as error:
        return Finding("consent", False, str(error), "See the warehouse above.")
    found = f"{len(record.withdrawn)} people withdrew it and are hidden" if record.withdrawn else "nobody withdrew it"
    found += f"; {', '.join(late)} should be erased by now" if late else ""
    return Finding("consent", not late, found, f"biopose erase TEAM/ATHLETE --home {settings.home}, once nothing runs")


def _audit(settings: Settings) -> Finding:
    try:
        lines, _ = AuditLog(settings.home).verify()
    except (BioposeError, OSError) as error:
        remedy = "Compare it with that of a backup: whoever changed it can write the home's files."
        return Finding("audit log", False, str(error), remedy, needed=False)
    return Finding("audit log", True, f"{lines} lines, each follows the one before")


def _expired(settings: Settings) -> Finding:
    found = pruned_line(expired(settings))
    remedy = f"The next ingest removes them, or biopose prune --home {settings.home}"
    return Finding("expired", not found, found or "nothing", remedy, needed=False)
