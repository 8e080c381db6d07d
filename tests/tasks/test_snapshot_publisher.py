from pathlib import Path

from tasks.snapshot_publisher import SnapshotPublisher
from warehouse.connection import opened_for_reading, opened_for_writing


def add_team(database: Path, name: str) -> None:
    with opened_for_writing(database) as connection:
        connection.execute("INSERT INTO team VALUES (?)", [name])


def teams(snapshot: Path) -> list[str]:
    with opened_for_reading(snapshot) as connection:
        return [name for (name,) in connection.execute("SELECT team_id FROM team ORDER BY ALL").fetchall()]


def test_what_a_killed_night_loaded_is_published_by_the_next(tmp_path: Path) -> None:
    database, snapshot = tmp_path / "w.duckdb", tmp_path / "s.duckdb"
    SnapshotPublisher(database, snapshot).publish()
    assert not snapshot.exists()
    add_team(database, "blue")
    SnapshotPublisher(database, snapshot).publish()
    add_team(database, "red")
    SnapshotPublisher(database, snapshot).publish()
    assert teams(snapshot) == ["blue", "red"]


def test_nothing_is_copied_where_nothing_was_written_nor_too_often(tmp_path: Path) -> None:
    database, snapshot = tmp_path / "w.duckdb", tmp_path / "s.duckdb"
    publisher = SnapshotPublisher(database, snapshot)
    add_team(database, "blue")
    publisher.publish_if_due()
    before = snapshot.stat()
    publisher.publish()
    add_team(database, "red")
    publisher.publish_if_due()
    assert snapshot.stat() == before
    publisher.publish()
    assert teams(snapshot) == ["blue", "red"]
