"""A loader that dies at any moment leaves each trial whole or absent, and loading again makes up for it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.warehouse.trials import MadeUpTrial, session_of
from warehouse.connection import opened_for_reading
from warehouse.content import content_hash, content_rows
from warehouse.load import load_trial

DIES_BEFORE_STATEMENT = """
import os, signal, sys
from pathlib import Path
import duckdb
from tests.warehouse.trials import MadeUpTrial
from warehouse import load
from warehouse.connection import opened_for_writing

class Dying:
    def __init__(self, connection, fatal):
        self.connection, self.left, self.loading = connection, fatal, False

    def execute(self, sql, *rest):
        self.loading = self.loading or sql == "BEGIN"
        self.left -= self.loading
        if self.left < 0 or (FATAL == "COMMIT" and sql == "COMMIT"):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.connection.execute(sql, *rest)

from contextlib import contextmanager

@contextmanager
def opened(database):
    with opened_for_writing(database) as connection:
        yield Dying(connection, 10**6 if FATAL == "COMMIT" else int(FATAL))

database, FATAL = Path(sys.argv[1]), sys.argv[2]
load.opened_for_writing = opened
trial = MadeUpTrial("jump2", seed=2)
load.load_trial(database, trial.record, trial.write(database.parent / "jump2"))
"""

LOADS_FOREVER = """
import itertools, sys
from pathlib import Path
from tests.warehouse.trials import session_of
from warehouse.load import load_trial

database = Path(sys.argv[1])
for trial in itertools.cycle(session_of(4)):
    load_trial(database, trial.record, trial.write(database.parent / trial.run_id))
    print("loaded", flush=True)
"""


def load(database: Path, trial: MadeUpTrial) -> None:
    load_trial(database, trial.record, trial.write(database.parent / trial.run_id))


def trials_are_whole(database: Path) -> bool:
    """Every run has the frames that it says."""
    with opened_for_reading(database) as connection:
        broken = connection.execute(
            "SELECT run_number FROM run FULL JOIN (SELECT run_number, count(*) AS found FROM kinematics GROUP BY ALL) "
            "USING (run_number) WHERE frames IS DISTINCT FROM found"
        ).fetchall()
    return not broken


@pytest.mark.parametrize("fatal", ["1", "4", "8", "12", "16", "COMMIT"])
def test_a_loader_killed_inside_its_transaction_leaves_nothing(tmp_path: Path, fatal: str) -> None:
    undisturbed, database = tmp_path / "a" / "warehouse.duckdb", tmp_path / "b" / "warehouse.duckdb"
    first, second = MadeUpTrial("jump1", seed=1), MadeUpTrial("jump2", seed=2)
    for path in (undisturbed, database):
        load(path, first)
    before = content_rows(database)
    died = subprocess.run([sys.executable, "-c", DIES_BEFORE_STATEMENT, str(database), fatal], timeout=60)
    assert died.returncode == -signal.SIGKILL
    load(database, first)  # opening for writing is what recovers the file
    assert content_rows(database) == before
    for path in (undisturbed, database):
        load(path, second)
    assert content_hash(database) == content_hash(undisturbed)


def test_a_loader_killed_at_any_moment_leaves_whole_trials(tmp_path: Path) -> None:
    undisturbed, database = tmp_path / "a" / "warehouse.duckdb", tmp_path / "b" / "warehouse.duckdb"
    for delay_s in np.random.default_rng(5).uniform(0.0, 0.3, size=5):
        with subprocess.Popen(
            [sys.executable, "-c", LOADS_FOREVER, str(database)], stdout=subprocess.PIPE, text=True
        ) as loader:
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
