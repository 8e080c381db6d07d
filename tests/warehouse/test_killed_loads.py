"""A loader that dies at any moment leaves each trial whole or absent, and loading again makes up for it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.warehouse.trials import SyntheticTrial, session_of
from warehouse.connection import opened_for_reading
from warehouse.content import content_hash, content_rows
from warehouse.load import load_trial

DIES_BEFORE_A_STATEMENT = """
import json, os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from warehouse import load
from warehouse.connection import opened_for_writing

database, folder, fatal = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

class Dying:
    def __init__(self, connection):
        self.connection, self.statements, self.began = connection, 0, False

    def execute(self, sql, *values):
        self.began = self.began or sql == "BEGIN"
        self.statements += self.began
        if fatal in (str(self.statements), sql):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.connection.execute(sql, *values)

@contextmanager
def opened(database):
    with opened_for_writing(database) as connection:
        yield Dying(connection)

load.opened_for_writing = opened
load.load_trial(database, json.loads((folder / "record.json").read_text()), folder)
"""

LOADS_FOREVER = """
import itertools, json, sys
from pathlib import Path
from warehouse.load import load_trial

database, *folders = map(Path, sys.argv[1:])
for folder in itertools.cycle(folders):
    load_trial(database, json.loads((folder / "record.json").read_text()), folder)
    print("loaded", flush=True)
"""


def load(database: Path, trial: SyntheticTrial) -> None:
    load_trial(database, trial.record, trial.write(database.parent / trial.run_id))


def trials_are_whole(database: Path) -> bool:
    """Every run has the frames that it says."""
    with opened_for_reading(database) as connection:
        broken = connection.execute(
            "SELECT run_number FROM run FULL JOIN (SELECT run_number, count(*) AS found "
            "FROM kinematics_of_every_run GROUP BY ALL) USING (run_number) WHERE frames IS DISTINCT FROM found"
        ).fetchall()
    return not broken


@pytest.mark.parametrize("fatal", ["2", "6", "11", "16", "COMMIT"])
def test_a_loader_killed_inside_its_transaction_leaves_nothing(tmp_path: Path, fatal: str) -> None:
    undisturbed, database = tmp_path / "a" / "warehouse.duckdb", tmp_path / "b" / "warehouse.duckdb"
    first, second = SyntheticTrial("jump1", seed=1), SyntheticTrial("jump2", seed=2)
    for path in (undisturbed, database):
        load(path, first)
    before = content_rows(database)
    command = [sys.executable, "-c", DIES_BEFORE_A_STATEMENT, database, second.write(tmp_path / "second"), fatal]
    died = subprocess.run(command, timeout=60)
    assert died.returncode == -signal.SIGKILL
    load(database, first)  # opening for writing is what recovers the file
    assert content_rows(database) == before
    for path in (undisturbed, database):
        load(path, second)
    assert content_hash(database) == content_hash(undisturbed)


def test_a_loader_killed_at_any_moment_leaves_whole_trials(tmp_path: Path) -> None:
    undisturbed, database = tmp_path / "a" / "warehouse.duckdb", tmp_path / "b" / "warehouse.duckdb"
    folders = [trial.write(tmp_path / trial.name) for trial in session_of(4)]
    command = [sys.executable, "-c", LOADS_FOREVER, database, *folders]
    for delay_s in np.random.default_rng(5).uniform(0.0, 0.3, size=3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as loader:
            assert loader.stdout is not None
            loader.stdout.readline()
            time.sleep(delay_s)
            loader.kill()
        load(database, session_of(1)[0])
        assert trials_are_whole(database)
    for path in (undisturbed, database):
        for trial in session_of(4):
            load(path, trial)
    assert content_hash(database) == content_hash(undisturbed)
