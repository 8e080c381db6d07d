import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, Timer

import pytest

from tasks.warehouse_writer import WarehouseWriter
from tests.warehouse.trials import SyntheticTrial, session_of
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.errors import WarehouseBusyError
from warehouse.load import loaded_runs
from warehouse.releases import release_id_of

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def add_team(database: Path, name: str) -> None:
    with opened_for_writing(database) as connection:
        connection.execute("INSERT INTO team VALUES (?)", [name])


def teams(snapshot: Path) -> list[str]:
    with opened_for_reading(snapshot) as connection:
        return [name for (name,) in connection.execute("SELECT team_id FROM team ORDER BY ALL").fetchall()]


def trials(snapshot: Path) -> int:
    with opened_for_reading(snapshot) as connection:
        return int(connection.execute("SELECT count(*) FROM trial").fetchall()[0][0])


def test_what_a_killed_run_loaded_is_published_by_the_next(tmp_path: Path) -> None:
    database, snapshot = tmp_path / "w.duckdb", tmp_path / "s.duckdb"
    WarehouseWriter(database, snapshot).publish()
    assert not snapshot.exists()
    add_team(database, "blue")
    WarehouseWriter(database, snapshot).publish()
    add_team(database, "red")
    WarehouseWriter(database, snapshot).publish()
    assert teams(snapshot) == ["blue", "red"]


def test_the_first_load_is_published_at_once_and_the_next_not_too_soon(tmp_path: Path) -> None:
    database, snapshot = tmp_path / "w.duckdb", tmp_path / "s.duckdb"
    writer = WarehouseWriter(database, snapshot)
    first, second = SyntheticTrial("jump1"), SyntheticTrial("jump2", seed=1)
    writer.load(first.record, first.write(tmp_path / "first"))
    published = snapshot.stat()
    writer.load(second.record, second.write(tmp_path / "second"))
    assert (trials(snapshot), snapshot.stat().st_ino) == (1, published.st_ino)
    writer.publish()
    assert trials(snapshot) == 2


def test_what_was_loaded_soon_after_a_snapshot_is_due_once_that_is_old_enough(tmp_path: Path) -> None:
    snapshot = tmp_path / "s.duckdb"
    writer = WarehouseWriter(tmp_path / "w.duckdb", snapshot, least_between_s=0.5)
    first, second = session_of(2)
    assert writer.due_in_s is None
    writer.load(first.record, first.write(tmp_path / "first"))
    assert writer.due_in_s is None
    writer.load(second.record, second.write(tmp_path / "second"))
    while due_in_s := writer.due_in_s:
        time.sleep(due_in_s)
    with held(tmp_path / "w.duckdb"):
        writer.publish_if_due()
    assert trials(snapshot) == 1
    assert writer.due_in_s is not None
    time.sleep(writer.due_in_s)
    writer.publish_if_due()
    assert (trials(snapshot), writer.due_in_s) == (2, None)


def test_nothing_is_copied_where_nothing_was_written(tmp_path: Path) -> None:
    database, snapshot = tmp_path / "w.duckdb", tmp_path / "s.duckdb"
    writer = WarehouseWriter(database, snapshot)
    add_team(database, "blue")
    writer.publish()
    before = snapshot.stat()
    writer.publish()
    now = snapshot.stat()  # reading changes st_atime
    assert (now.st_ino, now.st_mtime_ns, now.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)


def test_threads_that_load_at_once_wait_for_each_other(tmp_path: Path) -> None:
    database, snapshot = tmp_path / "w.duckdb", tmp_path / "s.duckdb"
    writer = WarehouseWriter(database, snapshot)
    threads = [
        Thread(target=writer.load, args=(trial.record, trial.write(tmp_path / trial.name))) for trial in session_of(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.publish()
    assert trials(snapshot) == 4


@contextmanager
def held(database: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process has the database open."""
    command = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        yield other
        other.communicate()


def test_a_database_that_stays_open_elsewhere_fails_the_load_and_its_snapshot_says_what_is_loaded(
    tmp_path: Path,
) -> None:
    database, snapshot = tmp_path / "w.duckdb", tmp_path / "s.duckdb"
    first, second = SyntheticTrial("jump1"), SyntheticTrial("jump2", seed=1)
    WarehouseWriter(database, snapshot).load(first.record, first.write(tmp_path / "first"))
    before = loaded_runs(database)
    release_id = release_id_of(first.record["run"]["method"], first.record["models"])
    writer = WarehouseWriter(database, snapshot, patience_s=0.0)
    with held(database) as other:
        assert writer.loaded_runs(release_id) == before
        with pytest.raises(WarehouseBusyError, match=f"process {other.pid} .* has it open; close it there"):
            writer.load(second.record, second.write(tmp_path / "second"))
        with pytest.raises(WarehouseBusyError):
            (snapshot.unlink(), writer.publish())
    writer.load(second.record, tmp_path / "second")
    assert trials(snapshot) == 2


def test_a_database_that_is_closed_soon_is_waited_for(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    trial = SyntheticTrial("jump1")
    add_team(database, "blue")
    with held(database) as other:
        assert other.stdin is not None
        Timer(0.5, other.stdin.close).start()
        WarehouseWriter(database, tmp_path / "s.duckdb").load(trial.record, trial.write(tmp_path / "first"))
        other.wait()
        other.stdin = None
    assert len(loaded_runs(database)) == 1
