"""A snapshot that is kept open: always the newest, whole answers, and no wait for the writer."""

import threading
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.trials import SyntheticTrial
from warehouse.errors import NoWarehouseError, QueryLimitError
from warehouse.limits import Limits
from warehouse.load import load_trial
from warehouse.open_snapshot import OpenSnapshot, Version
from warehouse.snapshot import publish_snapshot


def publish(folder: Path, name: str) -> None:
    trial = SyntheticTrial(name)
    load_trial(folder / "warehouse.duckdb", trial.record, trial.write(folder / name))
    publish_snapshot(folder / "warehouse.duckdb", folder / "snapshot.duckdb")


def trials(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.execute("SELECT count(*) FROM trial").fetchall()[0][0])


def test_the_newest_snapshot_is_read_once_nobody_reads_the_old_one(tmp_path: Path) -> None:
    publish(tmp_path, "jump1")
    snapshot = OpenSnapshot(tmp_path / "snapshot.duckdb", Limits())
    reading, published = threading.Event(), threading.Event()
    seen: list[tuple[int, int]] = []

    def slow(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        before = trials(connection)
        reading.set()
        published.wait(30)
        return before, trials(connection)

    reader = threading.Thread(target=lambda: seen.append(snapshot.answer(slow)[0]))
    reader.start()
    assert reading.wait(30)
    publish(tmp_path, "jump2")
    threading.Timer(0.2, published.set).start()
    count, version = snapshot.answer(trials)  # waits for the reader
    reader.join()
    assert seen == [(1, 1)]
    assert count == 2
    assert version.published.timestamp() == pytest.approx((tmp_path / "snapshot.duckdb").stat().st_mtime)
    snapshot.close()


def test_an_answer_names_the_version_that_it_read_when_the_old_one_is_read_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.open_snapshot.LONGEST_WAIT_S", 0.05)
    publish(tmp_path, "jump1")
    snapshot = OpenSnapshot(tmp_path / "snapshot.duckdb", Limits())
    old = snapshot.newest()

    def slow(connection: duckdb.DuckDBPyConnection) -> tuple[int, Version]:
        publish(tmp_path, "jump2")
        return snapshot.answer(trials)  # while this one reads

    assert snapshot.answer(slow) == ((1, old), old)
    assert snapshot.newest() != old
    assert snapshot.answer(trials) == (2, snapshot.newest())
    snapshot.close()


def test_answers_at_the_same_time_have_each_their_own(tmp_path: Path) -> None:
    publish(tmp_path, "jump1")
    snapshot = OpenSnapshot(tmp_path / "snapshot.duckdb", Limits())
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(snapshot.answer(trials)[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1] * 8
    snapshot.close()


def test_it_is_sealed_has_limits_and_goes_on_after_an_error(tmp_path: Path) -> None:
    snapshot = OpenSnapshot(tmp_path / "snapshot.duckdb", Limits(time_s=0.3))
    with pytest.raises(NoWarehouseError, match="biopose ingest"):
        snapshot.answer(trials)
    publish(tmp_path, "jump1")
    with pytest.raises(duckdb.PermissionException):
        snapshot.answer(lambda connection: connection.execute("SELECT * FROM read_text('/etc/hostname')").fetchall())
    with pytest.raises(QueryLimitError):
        snapshot.answer(
            lambda connection: connection.execute(
                "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(1000000) b(i)"
            ).fetchall()
        )
    assert snapshot.answer(trials)[0] == 1
    snapshot.close()
