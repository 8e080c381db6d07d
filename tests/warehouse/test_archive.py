"""Frames in Parquet files beside the database: the same answers, whatever is killed, moved or erased."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from tests.warehouse.trials import SyntheticTrial, load_trials, session_of
from warehouse import DATABASE, SNAPSHOT
from warehouse.archive import archive_frames, listed_files, remove_unlisted
from warehouse.connection import ARCHIVE, opened_for_writing
from warehouse.content import content_hash, content_rows
from warehouse.erase import athlete_rows, erase_athlete
from warehouse.errors import QueryError, WarehouseError
from warehouse.limits import Limits
from warehouse.open_snapshot import OpenSnapshot
from warehouse.query import run_query, run_sql
from warehouse.snapshot import publish_snapshot

DIES_BEFORE_A_STATEMENT = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from warehouse import archive
from warehouse.connection import opened_for_writing

fatal = int(sys.argv[2])

class Dying:
    def __init__(self, connection):
        self.connection, self.statements = connection, 0

    def execute(self, sql, *values):
        self.statements += 1
        if self.statements == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.connection.execute(sql, *values)

@contextmanager
def opened(database):
    with opened_for_writing(database) as connection:
        yield Dying(connection)

archive.opened_for_writing = opened
archive.archive_frames(Path(sys.argv[1]), from_frames=1, part_frames=50)
"""


def load(home: Path, trials: Sequence[SyntheticTrial]) -> Path:
    load_trials(home / DATABASE, ((one.record, one.write(home / "artifacts" / one.run_id)) for one in trials))
    return home / DATABASE


def archived(home: Path, trials: Sequence[SyntheticTrial]) -> Path:
    """A database whose frames are all in files, and its snapshot."""
    database = load(home, trials)
    archive_frames(database, from_frames=1, part_frames=50)
    publish_snapshot(database, home / SNAPSHOT)
    return database


def files_of(database: Path) -> list[str]:
    with opened_for_writing(database) as connection:
        return [file.name for file in listed_files(connection)]


def test_footers_are_kept_for_every_answer_and_never_those_of_a_file_that_was_replaced_or_removed(
    tmp_path: Path,
) -> None:
    archived(tmp_path, session_of(2))
    (file,) = (tmp_path / ARCHIVE).rglob("*.parquet")

    def frames(connection: duckdb.DuckDBPyConnection) -> tuple[bool, int]:
        kept = connection.execute("SELECT current_setting('parquet_metadata_cache')").fetchall()[0][0]
        return kept, connection.execute("SELECT count(frame_index) FROM kinematics").fetchall()[0][0]

    snapshot = OpenSnapshot(tmp_path / SNAPSHOT, Limits())
    assert snapshot.answer(frames)[0] == (True, 61)
    shorter = pq.read_table(file).slice(0, 30)
    file.unlink()
    pq.write_table(shorter, file)
    assert snapshot.answer(frames)[0] == (True, 30)
    file.unlink()
    with pytest.raises(WarehouseError, match="is damaged"):
        snapshot.answer(frames)
    snapshot.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four trials in files and two beside them in the table, for reading."""
    folder = tmp_path_factory.mktemp("archived")
    archived(folder, session_of(4))
    load(folder, session_of(6)[4:])
    publish_snapshot(folder / DATABASE, folder / SNAPSHOT)
    return folder


def test_frames_stay_in_the_table_until_there_are_enough(tmp_path: Path) -> None:
    database = load(tmp_path, session_of(2))
    assert archive_frames(database, from_frames=62) == 0
    assert archive_frames(database, from_frames=61) == 61
    assert archive_frames(database, from_frames=1) == 0
    assert archive_frames(tmp_path / "none.duckdb", from_frames=1) == 0


def test_the_answers_are_those_of_a_table(home: Path, tmp_path: Path) -> None:
    table = load(tmp_path, session_of(6))
    publish_snapshot(table, tmp_path / SNAPSHOT)
    assert content_rows(home / DATABASE) == content_rows(table)
    asked = {"team": "blue", "activity": "countermovement_jump", "coordinate": "knee_angle_r_deg"}
    for name in ("mean_curve", "coordinate_range"):
        given = {key: value for key, value in asked.items() if name == "mean_curve" or key == "coordinate"}
        assert run_query(home / SNAPSHOT, name, given).equals(run_query(tmp_path / SNAPSHOT, name, given)), name


def test_files_hold_whole_runs_of_a_month(home: Path) -> None:
    names = files_of(home / DATABASE)
    assert len(names) == 2
    assert all(name.startswith("kinematics/month=2026-11/") for name in names)
    runs = [set(pq.ParquetFile(home / name).read(["run_number"])["run_number"].to_pylist()) for name in names]
    assert runs == [{1, 2}, {3, 4}]


def test_a_home_that_was_moved_reads_its_own_files(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_sql(home / SNAPSHOT, "SELECT sum(knee_angle_r_deg) FROM kinematics").item()
    shutil.copytree(home, tmp_path / "moved")
    monkeypatch.chdir("/")
    assert run_sql(tmp_path / "moved" / SNAPSHOT, "SELECT sum(knee_angle_r_deg) FROM kinematics").item() == before
    shutil.rmtree(tmp_path / "moved" / ARCHIVE)
    with pytest.raises(WarehouseError, match="kinematics/month=2026-11"):
        run_sql(tmp_path / "moved" / SNAPSHOT, "SELECT sum(knee_angle_r_deg) FROM kinematics")


def test_a_run_that_is_loaded_again_is_there_once(tmp_path: Path) -> None:
    database = archived(tmp_path, session_of(4))
    before = content_hash(database)
    load(tmp_path, session_of(4))
    assert content_hash(database) == before


@pytest.mark.parametrize("fatal", [6, 9, 13])
def test_killed_at_any_moment_the_next_run_ends_in_the_same_files(tmp_path: Path, fatal: int) -> None:
    undisturbed, disturbed = archived(tmp_path / "a", session_of(4)), load(tmp_path / "b", session_of(4))
    died = subprocess.run([sys.executable, "-c", DIES_BEFORE_A_STATEMENT, disturbed, str(fatal)], timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert content_hash(disturbed) == content_hash(undisturbed)
    archive_frames(disturbed, from_frames=1, part_frames=50)
    remove_unlisted(disturbed)
    assert content_hash(disturbed) == content_hash(undisturbed)
    assert files_of(disturbed) == files_of(undisturbed)
    there = {str(path.relative_to(tmp_path / "b")) for path in (tmp_path / "b" / ARCHIVE).rglob("*.parquet")}
    assert there == set(files_of(disturbed))


def test_an_erased_athlete_is_in_no_file(tmp_path: Path) -> None:
    database = archived(tmp_path, session_of(4))
    alone = load(tmp_path / "alone", [trial for trial in session_of(4) if trial.athlete == "bob"])
    rows = athlete_rows(database, "blue/ann").rows
    assert (rows["archived_run"], rows["archived_frames"]) == (2, 62)
    before = files_of(database)
    erase_athlete(database, "blue/ann")
    publish_snapshot(database, tmp_path / SNAPSHOT)
    assert remove_unlisted(database) == 2
    assert not {*before} & {*files_of(database)}
    assert content_rows(database)["kinematics"] == content_rows(alone)["kinematics"]
    runs = pl.concat(pl.read_parquet(path, columns=["run_number"]) for path in (tmp_path / ARCHIVE).rglob("*.parquet"))
    assert set(runs["run_number"]) == {2, 4}


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO 'kinematics/x.parquet'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'kinematics/x.parquet'",
        "SELECT 1; COPY (SELECT 1) TO 'kinematics/x.parquet'",
        "ATTACH 'kinematics/x.duckdb'",
        "EXPORT DATABASE 'kinematics/x'",
    ],
)
def test_sql_writes_no_file(home: Path, sql: str) -> None:
    with pytest.raises(QueryError, match="does more than read"):
        run_sql(home / SNAPSHOT, sql)


@pytest.mark.parametrize("sql", ["FROM read_parquet('/etc/passwd')", "FROM read_text('../trial.py')"])
def test_sql_reads_no_other_file(home: Path, sql: str) -> None:
    with pytest.raises(QueryError, match="Cannot access file"):
        run_sql(home / SNAPSHOT, sql)


def test_a_home_with_a_comma_in_its_path_says_so(tmp_path: Path) -> None:
    database = load(tmp_path / "a,b", session_of(1))
    with pytest.raises(WarehouseError, match="has a comma in its path"):
        archive_frames(database, from_frames=1)
