from pathlib import Path
from threading import Thread

from tasks.warehouse_writer import WarehouseWriter
from tests.warehouse.trials import SyntheticTrial, session_of
from warehouse.connection import opened_for_reading, opened_for_writing


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


def test_nothing_is_copied_where_nothing_was_written(tmp_path: Path) -> None:
    database, snapshot = tmp_path / "w.duckdb", tmp_path / "s.duckdb"
    writer = WarehouseWriter(database, snapshot)
    add_team(database, "blue")
    writer.publish()
    before = snapshot.stat()
    writer.publish()
    assert snapshot.stat() == before


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
