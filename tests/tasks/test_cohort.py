"""Derived tables: only what changed is computed, nothing outdated is shown, a killed refresh is made up for."""

import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from biopose.errors import BioposeError
from tasks.cohort import Refreshed, refresh
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter
from tests.warehouse.trials import SyntheticTrial, load_trials
from warehouse.archive import archive_frames
from warehouse.connection import opened_for_writing, transaction
from warehouse.content import stored_rows
from warehouse.erase import athlete_rows, erase_athlete
from warehouse.load import load_trial
from warehouse.query import run_query, run_sql
from warehouse.releases import begin_act, finish_act, promoted
from warehouse.retire import retire_people

STRIDES = (("left", 0.0), ("right", 0.1), ("left", 0.3), ("right", 0.4), ("left", 0.62))
DERIVED = ("derived_session_curve", "session_refresh")
CURVES = "FROM session_curve ORDER BY session_id, activity, side, percent"
REFRESHES = """
import os, signal, sys
from tasks import cohort
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter
from warehouse import derive

settings, fatal = Settings.load(sys.argv[1], cores=2), sys.argv[2]
cohort.BATCH_FRAMES = 1
writer = WarehouseWriter(settings.warehouse, settings.snapshot)
calls = 0

def dies_at(moment, function):
    def call(*given, **named):
        global calls
        calls += 1
        if fatal == f"{moment} {calls}":
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **named)
    return call

class Dying:
    def __init__(self, connection):
        self.connection = connection
        self.register = connection.register
        self.execute = dies_at("statement", connection.execute)
        self.executemany = dies_at("statement", connection.executemany)

from contextlib import contextmanager
from warehouse.connection import opened_for_writing

@contextmanager
def opened(database):
    with opened_for_writing(database) as connection:
        yield Dying(connection)

derive.opened_for_writing = opened
derive.transaction = contextmanager(lambda dying: (yield from derive_transaction(dying)))

def derive_transaction(dying):
    dying.execute("BEGIN")
    yield
    dying.execute("COMMIT")

print("begins", flush=True)
cohort.refresh(settings, writer, lambda line: None)
"""


def sessions(count: int = 2) -> list[SyntheticTrial]:
    """A walk of each athlete and a jump in each session."""
    return [
        trial
        for number in range(count)
        for trial in (
            SyntheticTrial("walk1", number, session=f"s{number}", activity="walk", strikes=STRIDES),
            SyntheticTrial("walk2", number + 9, session=f"s{number}", activity="walk", strikes=STRIDES, athlete="bob"),
            SyntheticTrial("jump1", number + 20, session=f"s{number}"),
        )
    ]


def settings_of(home: Path) -> Settings:
    return Settings.load(home, cores=2)


def load(home: Path, trials: list[SyntheticTrial]) -> WarehouseWriter:
    settings = settings_of(home)
    load_trials(settings.warehouse, ((one.record, one.write(home / "artifacts" / one.run_id)) for one in trials))
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    writer.publish()
    return writer


def refreshed(home: Path, trials: list[SyntheticTrial]) -> Refreshed:
    """Load trials, publish, refresh."""
    return refresh(settings_of(home), load(home, trials), lambda line: None)


def curves(home: Path) -> pl.DataFrame:
    return run_sql(settings_of(home).snapshot, CURVES)


def derived(home: Path) -> dict[str, tuple[int, str]]:
    return {table: rows for table, rows in stored_rows(settings_of(home).warehouse).items() if table in DERIVED}


def is_all_derived(home: Path) -> bool:
    """Whether nothing is left for a query to compute."""
    return bool(run_sql(settings_of(home).snapshot, "SELECT count(*) = 0 FROM phase_to_derive").item())


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two sessions, of which nothing is derived."""
    folder = tmp_path_factory.mktemp("loaded")
    load(folder, sessions())
    return folder


@pytest.fixture(scope="module")
def undisturbed(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with all that is derived, for reading."""
    folder = shutil.copytree(loaded, tmp_path_factory.mktemp("derived") / "home")
    refreshed(folder, [])
    return folder


@pytest.fixture
def home(loaded: Path, tmp_path: Path) -> Path:
    """The same as loaded, to be changed."""
    return shutil.copytree(loaded, tmp_path / "home")


def test_derived_curves_are_those_that_a_query_computes(home: Path) -> None:
    before, asked = curves(home), {"team": "blue", "activity": "walk", "coordinate": "knee_angle_l_deg"}
    answer = run_query(settings_of(home).snapshot, "mean_curve", asked)
    assert refreshed(home, []) == Refreshed(sessions=2, removed=0, archived_frames=0)
    assert is_all_derived(home)
    assert before.height == 2 * 3 * 101
    assert curves(home).equals(before)
    assert_frame_equal(run_query(settings_of(home).snapshot, "mean_curve", asked), answer, rel_tol=1e-12)


def test_a_mean_curve_is_that_of_its_single_phases(undisturbed: Path) -> None:
    home = undisturbed
    asked = {"team": "blue", "activity": "walk", "coordinate": "knee_angle_l_deg"}
    found = run_query(settings_of(home).snapshot, "mean_curve", asked)
    single = run_sql(settings_of(home).snapshot, "SELECT percent, knee_angle_l_deg FROM curve WHERE side = 'left'")
    expected = (
        single.group_by("percent")
        .agg(pl.col("knee_angle_l_deg").mean().alias("mean"), pl.col("knee_angle_l_deg").std().alias("sd"), pl.len())
        .sort("percent")
    )
    np.testing.assert_allclose(found["mean_value"], expected["mean"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["sd_between_phases"], expected["sd"], rtol=1e-5)
    assert set(found["phases"]) == {8}


def test_only_what_changed_is_computed(home: Path) -> None:
    refreshed(home, [])
    assert refreshed(home, []).sessions == 0
    trials = sessions()
    again = replace(trials[0], code_version="0.2.0", seed=77)
    assert refreshed(home, [again, *sessions(3)[6:]]).sessions == 2
    assert is_all_derived(home)
    load(home, [replace(trials[3], activity="run")])
    assert refreshed(home, []).sessions == 1


def test_progress_is_logged_seldom_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cohort.BATCH_FRAMES", 1)
    writer, lines = load(tmp_path, sessions(4)), []
    refresh(settings_of(tmp_path), writer, lines.append)
    assert [re.findall(r"\d+", line) for line in lines] == [["1", "4"], ["4", "4"]]


def test_a_refresh_that_is_killed_ends_in_the_same_tables(home: Path, undisturbed: Path) -> None:
    settings = settings_of(home)
    for fatal in ("statement 4", "statement 6"):
        died = subprocess.run([sys.executable, "-c", REFRESHES, str(home), fatal], timeout=60, stdout=subprocess.PIPE)
        assert died.returncode == -signal.SIGKILL, fatal
        assert run_sql(settings.snapshot, CURVES).equals(curves(undisturbed))
    for delay_s in np.random.default_rng(3).uniform(0.05, 0.4, size=1):
        with subprocess.Popen([sys.executable, "-c", REFRESHES, str(home), ""], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay_s)
            process.kill()
    refreshed(home, [])
    assert derived(home) == derived(undisturbed)
    assert curves(home).equals(curves(undisturbed))


def test_promotion_and_rollback_show_no_curve_of_the_other_release(home: Path) -> None:
    refreshed(home, [])
    before = curves(home)
    models = [{"stage": "keypoints", "model": "keypoints", "version": 2, "sha256": "d" * 64}]
    for trial in sessions(1):
        candidate = replace(trial, seed=trial.seed + 50)
        record = candidate.record | {"models": models}
        load_trial(settings_of(home).warehouse, record, candidate.write(home / "artifacts" / candidate.run_id))
    writer = load(home, [])
    assert curves(home).equals(before)
    with opened_for_writing(settings_of(home).warehouse) as connection:
        releases = promoted(connection)
        (candidate_id,) = connection.execute("SELECT release_id FROM release_model WHERE version = 2").fetchall()[0]
        for act, shown in (("promote", [*releases, candidate_id]), ("roll back", list(releases))):
            with transaction(connection):
                begin_act(connection, act, shown, who="a", why="b")
                finish_act(connection)
            seen = connection.sql(CURVES).pl()
            single = connection.sql("SELECT avg(knee_angle_r_deg) FROM curve").fetchall()[0][0]
            assert seen.equals(before) == (act == "roll back")
            weighted = (seen["knee_angle_r_deg"] * seen["phases"]).sum() / seen["phases"].sum()
            assert weighted == pytest.approx(single, rel=1e-4)
    writer.publish()


def test_who_withdrew_consent_or_was_erased_is_in_no_curve(home: Path, tmp_path: Path) -> None:
    refreshed(home, [])
    alone = tmp_path / "alone"
    refreshed(alone, [trial for trial in sessions() if trial.athlete == "bob"])
    settings = settings_of(home)
    assert athlete_rows(settings.warehouse, "blue/ann").rows["derived_session_curve"] == 606
    retire_people(settings.warehouse, ["blue/ann"])
    assert "derived_session_curve" not in athlete_rows(settings.warehouse, "blue/ann").rows
    load(home, [])
    assert curves(home).equals(curves(alone))
    erase_athlete(settings.warehouse, "blue/ann")
    assert {rows for rows, _ in derived(home).values()} == {0}
    load(home, [])
    assert curves(home).equals(curves(alone))
    assert refreshed(home, []) == Refreshed(2, 0, 0)
    assert derived(home) == derived(alone)


def test_many_frames_are_moved_to_parquet_and_answers_stay(home: Path) -> None:
    writer = load(home, [])
    settings = settings_of(home).model_copy(update={"parquet_from_frames": 100})
    before, lines = curves(home), []
    frames = run_sql(settings.snapshot, "SELECT count(*) FROM kinematics").item()
    assert refresh(settings, writer, lines.append) == Refreshed(2, 0, frames)
    assert lines[-1].endswith(f"{frames} frames are in Parquet files now, which queries read in place")
    assert len(list((home / "kinematics").rglob("*.parquet"))) == 1
    assert run_sql(settings.snapshot, "SELECT count(*) FROM recent_kinematics").item() == 0
    assert curves(home).equals(before)
    assert archive_frames(settings.warehouse, from_frames=1) == 0
    third = sessions(3)[6:]
    assert refreshed(home, third).sessions == 1


def test_a_cluster_computes_the_same(home: Path, undisturbed: Path) -> None:
    from distributed import LocalCluster

    writer = load(home, [])
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, memory_limit=None, dashboard_address="127.0.0.1:0"
    ) as cluster:
        settings = settings_of(home).model_copy(update={"dask_address": cluster.scheduler_address})
        assert refresh(settings, writer, lambda line: None).sessions == 2
    assert derived(home) == derived(undisturbed)


def test_a_cluster_without_workers_ends_the_refresh_with_the_remedy(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr("tasks.dask_pool.LOOK_S", 0.05)
    monkeypatch.setattr("tasks.dask_pool.LONGEST_WITHOUT_WORKERS_S", 0.1)
    writer = load(home, [])
    with LocalCluster(
        n_workers=0, processes=False, memory_limit=None, dashboard_address=None, silence_logs=50
    ) as cluster:
        settings = settings_of(home).model_copy(update={"dask_address": cluster.scheduler_address})
        with pytest.raises(BioposeError, match=r"none started within 0 s.*BIOPOSE_DASK_ADDRESS"):
            refresh(settings, writer, lambda line: None)
