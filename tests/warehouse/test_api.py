"""The warehouse as polars frames."""

import datetime
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import biopose
from warehouse import SNAPSHOT
from warehouse.api import Home
from warehouse.errors import NoWarehouseError, QueryError, QueryLimitError
from warehouse.limits import Limits


@pytest.fixture(scope="module")
def home(snapshot: Path) -> Home:
    return biopose.open(snapshot.parent)


def test_each_kind_of_row_is_a_frame_with_its_trial_athlete_and_date(home: Home) -> None:
    shapes = {
        name: getattr(home, name)().height for name in ("trials", "metrics", "events", "cycles", "curves", "kinematics")
    }
    assert shapes == {"trials": 4, "metrics": 6, "events": 2, "cycles": 4, "curves": 404, "kinematics": 160}
    for name in shapes:
        columns = getattr(home, name)().columns
        assert {"trial_id", "athlete_id", "session_date"} <= set(columns), name


def test_rows_are_filtered_by_name(home: Home) -> None:
    found = home.metrics(athlete="blue/bob", metric="knee_flexion_peak")
    assert found.select("side", "value").rows() == [("left", 60.0), ("right", 70.0)]
    assert set(home.kinematics(activity="walk")["trial_id"]) == {"blue/2026-11-25-jumps/walk1"}


def test_a_name_that_is_not_there_is_an_error_with_the_nearest(home: Home) -> None:
    with pytest.raises(QueryError, match="no athlete 'bob'; nearest: blue/bob"):
        home.trials(athlete="bob")
    with pytest.raises(QueryError, match="no metric 'knee_flexion'; nearest: knee_flexion_peak"):
        home.metrics(metric="knee_flexion")
    with pytest.raises(ValueError, match="no filter metric; rows of trial can be had by team, session, athlete"):
        home.trials(metric="knee_flexion_peak")


def test_questions_are_asked_by_name_and_in_sql(home: Home) -> None:
    assert home.query("trials").height == 4
    assert home.query("before_after", date=datetime.date(2026, 11, 25), least_sessions=2).height > 0
    assert home.sql("SELECT count(*) AS n FROM trial").item() == 4


def test_a_frame_becomes_one_of_pandas(home: Home) -> None:
    pandas = pytest.importorskip("pandas")
    found = home.trials().to_pandas()
    assert isinstance(found, pandas.DataFrame)
    assert len(found) == 4


def test_a_newer_snapshot_is_read_without_opening_again(home: Home, tmp_path: Path) -> None:
    shutil.copy(home.folder / SNAPSHOT, tmp_path / SNAPSHOT)
    copy = biopose.open(tmp_path)
    assert copy.trials().height == 4
    (tmp_path / SNAPSHOT).unlink()
    with pytest.raises(NoWarehouseError, match="biopose ingest"):
        copy.trials()


def test_a_home_that_is_not_there_and_an_empty_one_are_errors_that_tell_them_apart(tmp_path: Path) -> None:
    for folder, found in ((tmp_path, "nothing is stored there yet"), (tmp_path / "hme", "there is no such home")):
        with pytest.raises(NoWarehouseError, match=f"^{re.escape(str(folder))}: {found}; give the folder of a home"):
            biopose.open(folder)
    assert not list(tmp_path.iterdir())


def test_the_library_loads_no_database_and_names_the_group_that_brings_one() -> None:
    script = (
        "import sys, biopose\n"
        "assert not {'duckdb', 'polars', 'warehouse'} & sys.modules.keys()\n"
        "sys.modules['duckdb'] = None\n"
        "try:\n    biopose.open('home')\n"
        "except ModuleNotFoundError as error:\n    print(error)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "biopose.open needs duckdb: pip install 'biopose[orchestration]'\n"


def test_the_limits_hold(home: Home) -> None:
    with pytest.raises(QueryLimitError):
        biopose.open(home.folder, limits=Limits(time_s=0.2)).sql("FROM range(100000000000)")
