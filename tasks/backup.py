"""Backups of a home, also while a night is at work, and homes that are restored from them.

    FOLDER/erased.json, consent.json      who was erased, or withdrew consent, until the newest backup: a restored
                                          home obeys them
    FOLDER/backup-series                  an id that the home has, too, so that those of two homes are not mixed
    FOLDER/2026-11-29T031500Z/backup.json files with their hashes, and whose data they are
    FOLDER/2026-11-29T031500Z/home/...    the files; those that did not change are hard links to the backup before

The readers' snapshot is taken first. The runs and Parquet files that it names are complete and never change, so a
backup is consistent without stopping anything. Detections and motions, logs and Prefect's history are left out: they
are made anew. So are the videos, which are the team's.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.files import flush, sha256_of, written_whole
from tasks.audit import KEY as AUDIT_KEY
from tasks.audit import NAME as AUDIT
from tasks.consent_record import NAME as CONSENT
from tasks.consent_record import ConsentRecord
from tasks.device_of_home import FILE as DEVICE
from tasks.erased_people import NAME as ERASED
from tasks.erased_people import ErasedPeople
from tasks.erasure import CERTIFICATES, erase, interrupted_erasure, plan_erasure
from tasks.locks import exclusive
from tasks.pictures import remove_pictures
from tasks.settings import OWNER_ALONE, Settings
from tasks.users import NAME as USERS
from warehouse import DATABASE, SNAPSHOT
from warehouse.archive import listed_files
from warehouse.connection import opened_for_reading
from warehouse.errors import no_home
from warehouse.retire import retire_people
from warehouse.snapshot import publish_snapshot

LIST = "backup.json"
STAMP = "%Y-%m-%dT%H%M%SZ"
# Of home, taken whole.
FOLDERS = (CERTIFICATES, "golden", "mlflow-artifacts", "quarantine", "queries", "rollouts", "shadow")
SERIES = "backup-series"  # of a home: the id that its folder of backups has, too
FILES = ("golden.json", "sessions.json", "video_hashes.json", CONSENT, DEVICE, ERASED, SERIES, AUDIT, AUDIT_KEY, USERS)
MLFLOW = "mlflow.db"
COPIED_BYTES = 1 << 20
PARTIAL = ".partial-"


@dataclass(frozen=True)
class Backup:
    """A backup that was made.

    Attributes:
        folder: of it.
        files: how many it holds.
        copied_bytes: that were not in the backup before.
        outdated: earlier backups that hold somebody who was erased since.
    """

    folder: Path
    files: int
    copied_bytes: int
    outdated: tuple[Path, ...]


def back_up(settings: Settings, folder: Path) -> Backup:
    """Add a backup of a home to a folder of backups.

    Args:
        settings: of the home.
        folder: of all backups of this home, made if need be.

    Raises:
        NoWarehouseError: nothing is stored in the home yet.
        BioposeError: another backup is being made there, or an earlier one is damaged.
        OSError: a file cannot be read or written; earlier backups stay as they are.
    """
    if not settings.snapshot.is_file():
        raise no_home(settings.home)
    if athlete := interrupted_erasure(settings):
        raise BioposeError(f"the erasure of {athlete} was interrupted; run it again before a backup")
    with exclusive(folder, "backup"):
        _join_series(settings.home, folder)
        for leftover in folder.glob(f"{PARTIAL}*"):  # of one that was killed
            shutil.rmtree(leftover)
        return _back_up(settings, folder)


def _back_up(settings: Settings, folder: Path) -> Backup:
    earlier, erased = backups_in(folder), ErasedPeople(settings.home)
    partial = folder / f"{PARTIAL}{os.getpid()}"
    partial.mkdir(mode=OWNER_ALONE)
    (partial / "home").mkdir()
    copies = _Copies(settings.home, partial / "home", earlier[-1] if earlier else None)
    copies.add(SNAPSHOT, under=DATABASE)
    athletes, runs, frames = _contents(partial / "home" / DATABASE)
    _copy_mlflow(settings.home / MLFLOW, partial / "home" / MLFLOW)  # before the files that it names
    copies.record(MLFLOW)
    for name in (*FILES, *frames, *(name for top in (*FOLDERS, *runs) for name in _below(settings.home, top))):
        copies.add(name)
    if missing := next((name for name in frames if name not in copies.files), None):
        raise BioposeError(f"{settings.home / missing}: is missing; restore it from an earlier backup")
    with written_whole(partial / LIST, durable=True) as listed:
        listed.write_text(json.dumps({"athletes": athletes, "files": copies.files}), encoding="utf-8")
    made = folder / datetime.now(UTC).strftime(STAMP)
    partial.rename(made)
    flush(folder)
    for name in (ERASED, CONSENT):
        if (settings.home / name).exists():
            with written_whole(folder / name, durable=True) as newest:
                shutil.copy2(settings.home / name, newest)
    outdated = tuple(backup for backup in earlier if _holds_erased(backup, erased))
    return Backup(made, len(copies.files), copies.copied_bytes, outdated)


def restore(backup: Path, settings: Settings) -> list[str]:
    """Make a home from a backup; who was erased since is erased from it, and who withdrew consent is hidden.

    Pictures of who did not agree to them are removed.

    Args:
        backup: one folder of a folder of backups.
        settings: of the home, which must not exist, or be empty.

    Returns:
        The ids of those who were erased from it.

    Raises:
        BioposeError: it is no backup, a file of it is damaged or missing, or the home is there already.
    """
    listed, home = _list_of(backup), settings.home
    if home.exists() and any(home.iterdir()):
        raise BioposeError(f"{home}: is not empty; give a --home that does not exist yet")
    for name, sha256 in listed.files.items():
        source = backup / "home" / name
        if not source.is_file() or sha256_of(source) != sha256:
            raise BioposeError(f"{source}: is missing or damaged; restore another backup")
    partial = Settings.load(home.with_name(f"{PARTIAL}{home.name}"))
    shutil.rmtree(partial.home, ignore_errors=True)
    try:
        partial.make_home()
    except OSError as error:
        raise BioposeError(f"{home}: cannot be made there ({error.strerror}); give another --home") from error
    for name in listed.files:
        (partial.home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(backup / "home" / name, partial.home / name)
    for name in (ERASED, CONSENT):
        if (newest := backup.parent / name).exists():
            shutil.copy2(newest, partial.home / name)
    retire_people(partial.warehouse, ConsentRecord(partial.home).withdrawn)
    again = [athlete for athlete in listed.athletes if ErasedPeople(partial.home).erased_at(athlete)]
    for athlete in again:
        erase(partial, plan_erasure(partial, athlete))
    publish_snapshot(partial.warehouse, partial.snapshot)
    remove_pictures(partial, ConsentRecord(partial.home).without_pictures, trials={})
    if home.exists():
        home.rmdir()  # it is empty
    partial.home.rename(home)
    return again


def backups_in(folder: Path) -> list[Path]:
    """The backups of a folder, the oldest first."""
    return sorted(path.parent for path in folder.glob(f"*/{LIST}") if not path.parent.name.startswith("."))


class _Copies:
    """Copies files of a home, or links those that the backup before has with the same size and time."""

    def __init__(self, home: Path, target: Path, before: Path | None) -> None:
        self._home, self._target = home, target
        self._before, self._hashes = (before / "home", _list_of(before).files) if before else (target, {})
        self.files: dict[str, str] = {}
        self.copied_bytes = 0

    def add(self, name: str, *, under: str | None = None) -> None:
        """Add a file, where it is there, under its name or another."""
        source, target = self._home / name, self._target / (under or name)
        with suppress(FileNotFoundError):  # such as a record of the quarantine that a night releases meanwhile
            target.parent.mkdir(parents=True, exist_ok=True)
            if not self._linked(source, target, under or name):
                self.files[under or name] = _copy(source, target)
                self.copied_bytes += target.stat().st_size

    def record(self, name: str) -> None:
        """Record a file that was written by other means, where it is there."""
        if (path := self._target / name).exists():
            self.files[name] = sha256_of(path)
            self.copied_bytes += path.stat().st_size

    def _linked(self, source: Path, target: Path, name: str) -> bool:
        if name not in self._hashes:
            return False
        try:
            old, new = (self._before / name).stat(), source.stat()
            if (old.st_size, old.st_mtime_ns) != (new.st_size, new.st_mtime_ns):
                return False
            os.link(self._before / name, target)
        except OSError:  # no such file any more, or a file system without hard links
            return False
        self.files[name] = self._hashes[name]
        return True


def _copy(source: Path, target: Path) -> str:
    """Copy a file with time and permissions; its sha256. The open file stays where another is moved into its place."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        status = os.fstat(reader.fileno())
        while block := reader.read(COPIED_BYTES):
            digest.update(block)
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
    target.chmod(stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    return digest.hexdigest()


def _copy_mlflow(source: Path, target: Path) -> None:
    """MLflow's database as it is at one moment, while others may write to it.

    Raises:
        BioposeError: it is damaged.
    """
    if not source.exists():
        return
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reader,
            closing(sqlite3.connect(target)) as writer,
        ):
            reader.backup(writer)
    except sqlite3.Error as error:
        raise BioposeError(f"{source}: cannot be copied ({error}); restore it from an earlier backup") from error


def _join_series(home: Path, folder: Path) -> None:
    """Give home and folder one id at the first backup.

    Raises:
        BioposeError: the folder holds backups of another home.
    """
    ours, theirs = home / SERIES, folder / SERIES
    if not ours.exists():
        ours.write_text(secrets.token_hex(16), encoding="ascii")
    if not theirs.exists() and not backups_in(folder):
        shutil.copyfile(ours, theirs)
    elif not theirs.exists() or theirs.read_bytes() != ours.read_bytes():
        raise BioposeError(f"{folder}: holds backups of another home; give each home a folder of its own")


def _holds_erased(backup: Path, erased: ErasedPeople) -> bool:
    """Whether somebody is in a backup who was erased since; one whose list cannot be read may hold anybody."""
    try:
        return any(map(erased.erased_at, _list_of(backup).athletes))
    except BioposeError:
        return True


def _below(home: Path, top: str) -> Iterator[str]:
    """The files below a folder of home, relative to home."""
    for path in sorted((home / top).rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(home))


@dataclass(frozen=True)
class _List:
    """What a backup's list holds: the sha256 of each file, and the ids of the athletes whose data they are."""

    files: dict[str, str]
    athletes: list[str]


def _list_of(backup: Path) -> _List:
    """The list of a backup.

    Raises:
        BioposeError: it is no backup.
    """
    path = backup / LIST
    if not path.is_file():
        held = backups_in(backup)
        within = f"it holds backups, of which {held[-1].name} is the newest: " if held else "it is no backup; "
        raise BioposeError(f"{backup}: {within}give one of the folders that `biopose backup` made")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        files = {str(name): str(sha256) for name, sha256 in found["files"].items()}
        if outside := [name for name in files if Path(name).is_absolute() or ".." in Path(name).parts]:
            raise ValueError(f"{outside[0]} leads out of it")
        return _List(files, [str(athlete) for athlete in found["athletes"]])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BioposeError(
            f"{path}: no list of a backup ({error}); give one of the folders that `biopose backup` made"
        ) from error


def _contents(database: Path) -> tuple[list[str], list[str], list[str]]:
    """The athletes of a warehouse; relative to home, the folders of its runs and the files of its frames."""
    with opened_for_reading(database) as connection:
        athletes, runs = (
            [str(value) for (value,) in connection.execute(sql).fetchall()]
            for sql in ("SELECT athlete_id FROM athlete ORDER BY 1", "SELECT artifacts FROM run ORDER BY 1")
        )
        return athletes, runs, [file.name for file in listed_files(connection)]
