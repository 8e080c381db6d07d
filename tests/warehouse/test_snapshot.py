"""Readers and the writer never wait for each other, and no reader sees half a trial."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.warehouse.trials import SyntheticTrial, session_of
from warehouse.content import content_hash
from warehouse.errors import WarehouseError
from warehouse.load import load_trial
from warehouse.query import run_sql
from warehouse.snapshot import publish_snapshot

READER = """
import json, sys
from pathlib import Path
from warehouse.query import run_sql

snapshot, stop = Path(sys.argv[1]), Path(sys.argv[2])
reads, seen, broken = 0, set(), []
while True:
    last = stop.exists()
    answer = run_sql(snapshot, '''
        SELECT
            (SELECT count(*) FROM trial) AS trials,
            (SELECT count(*) FROM run) AS runs,
            (SELECT count(DISTINCT run_number) FROM metric_of_every_run) AS measured,
            (SELECT count(*) FROM run FULL JOIN (SELECT run_number, count(*) AS found
             FROM kinematics_of_every_run GROUP BY ALL)
             USING (run_number) WHERE frames IS DISTINCT FROM found) AS broken
    ''').row(0, named=True)
    reads += 1
    seen.add(answer["trials"])
    if answer["broken"] or not answer["trials"] == answer["runs"] == answer["measured"]:
        broken.append(answer)
    if reads == 1:
        print("reading", flush=True)
    if last:
        break
print(json.dumps({"reads": reads, "seen": sorted(seen), "broken": broken}))
"""

DIES_WHILE_COPYING = """
import os, signal, sys
from pathlib import Path
from warehouse import snapshot

def copy_half(source, target, *_):
    os.write(target, os.pread(source, 5000, 0))
    os.kill(os.getpid(), signal.SIGKILL)

os.copy_file_range = copy_half
snapshot.publish_snapshot(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def load(database: Path, trial: SyntheticTrial) -> None:
    load_trial(database, trial.record, trial.write(database.parent / "files" / trial.run_id))


def test_a_snapshot_holds_what_the_database_holds(database: Path, tmp_path: Path) -> None:
    load(database, SyntheticTrial())
    publish_snapshot(database, tmp_path / "snapshot.duckdb")
    assert content_hash(tmp_path / "snapshot.duckdb") == content_hash(database)
    load(database, SyntheticTrial("later"))
    assert content_hash(tmp_path / "snapshot.duckdb") != content_hash(database)


def test_readers_see_whole_trials_while_others_are_loaded_and_published(database: Path, tmp_path: Path) -> None:
    snapshot, stop = tmp_path / "snapshot.duckdb", tmp_path / "stop"
    first, *others = session_of(8)
    load(database, first)
    publish_snapshot(database, snapshot)
    command = [sys.executable, "-c", READER, str(snapshot), str(stop)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        for trial in others:
            load(database, trial)
            publish_snapshot(database, snapshot)
        stop.touch()
        told = json.loads(reader.communicate(timeout=60)[0])
    assert reader.returncode == 0
    assert told["broken"] == []
    assert told["seen"][-1] == 8
    assert told["reads"] >= 5


def test_who_reads_goes_on_reading_the_old_snapshot(database: Path, tmp_path: Path) -> None:
    from warehouse.connection import opened_for_reading

    snapshot = tmp_path / "snapshot.duckdb"
    load(database, SyntheticTrial())
    publish_snapshot(database, snapshot)
    with opened_for_reading(snapshot) as connection:
        load(database, SyntheticTrial("later"))
        publish_snapshot(database, snapshot)
        assert connection.execute("SELECT count(*) FROM trial").fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM kinematics").fetchall() == [(40,)]
    assert run_sql(snapshot, "SELECT count(*) FROM trial").item() == 2


def test_a_publisher_that_is_killed_leaves_the_old_snapshot(database: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.duckdb"
    load(database, SyntheticTrial())
    publish_snapshot(database, snapshot)
    before = content_hash(snapshot)
    load(database, SyntheticTrial("later"))
    died = subprocess.run([sys.executable, "-c", DIES_WHILE_COPYING, str(database), str(snapshot)], timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert content_hash(snapshot) == before
    (leftover,) = tmp_path.glob(".partial-*")
    publish_snapshot(database, snapshot)
    assert not leftover.exists()
    assert content_hash(snapshot) == content_hash(database)


@pytest.mark.parametrize("written", [0, 5000])
def test_a_file_system_that_cannot_copy_in_the_kernel_is_copied_by_blocks(
    written: int, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(source: int, target: int, *_: int) -> int:
        os.write(target, os.pread(source, written, 0))
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    load(database, SyntheticTrial())
    monkeypatch.setattr(os, "copy_file_range", fails)
    publish_snapshot(database, tmp_path / "snapshot.duckdb")
    assert (tmp_path / "snapshot.duckdb").read_bytes() == database.read_bytes()


def test_a_snapshot_is_judged_by_its_content_whatever_the_clock_does(database: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.duckdb"
    load(database, SyntheticTrial())
    assert publish_snapshot(database, snapshot)
    load(database, SyntheticTrial("later"))
    os.utime(snapshot, (4e9, 4e9))  # written, as it seems, in the year 2096
    assert publish_snapshot(database, snapshot)
    assert content_hash(snapshot) == content_hash(database)
    os.utime(snapshot, (0, 0))
    assert not publish_snapshot(database, snapshot)


@pytest.mark.parametrize("keep", [0, 5_000, 300_000, -1])
def test_a_snapshot_that_is_cut_off_is_replaced(database: Path, tmp_path: Path, keep: int) -> None:
    snapshot = tmp_path / "snapshot.duckdb"
    load(database, SyntheticTrial())
    publish_snapshot(database, snapshot)
    snapshot.write_bytes(snapshot.read_bytes()[:keep])
    assert publish_snapshot(database, snapshot)
    assert snapshot.read_bytes() == database.read_bytes()


def test_a_snapshot_with_one_byte_overwritten_is_replaced_and_its_readers_are_told(
    database: Path, tmp_path: Path
) -> None:
    snapshot = tmp_path / "snapshot.duckdb"
    load(database, SyntheticTrial())
    publish_snapshot(database, snapshot)
    whole = bytearray(snapshot.read_bytes())
    for place in range(12_288 + 500, len(whole), 262_144):  # in every block
        whole[place] ^= 255
    snapshot.write_bytes(whole)
    with pytest.raises(WarehouseError, match="biopose ingest INBOX"):
        run_sql(snapshot, "SELECT sum(knee_angle_r_deg) FROM kinematics")
    assert publish_snapshot(database, snapshot)
    assert run_sql(snapshot, "SELECT count(*) FROM kinematics").item() == 40
