"""Databases of Prefect and MLflow that are migrated once on a machine; homes begin with copies."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tasks.empty_databases import ENGINES, Engine, begin_with_copy, prepare

OF_SCHEMA = {"alembic_version", "workspaces"}  # rows that the migrations themselves write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    prepare()  # as set-up does; what is there already is not made again


def rows(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_home_begins_with_all_tables_and_no_rows(engine: Engine, tmp_path: Path) -> None:
    database = tmp_path / "home" / f"{engine}.db"
    begin_with_copy(engine, database)
    found = rows(database)
    assert len(found) > 20
    assert {name for name, number in found.items() if number} <= OF_SCHEMA
    assert [file.name for file in database.parent.iterdir()] == [database.name]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_database_that_is_there_stays_as_it_is(engine: Engine, tmp_path: Path) -> None:
    database = tmp_path / f"{engine}.db"
    database.write_text("of an earlier run")
    begin_with_copy(engine, database)
    assert database.read_text() == "of an earlier run"


def test_mlflow_accepts_the_copy_as_migrated(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    begin_with_copy("mlflow", tmp_path / "mlflow.db")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert [one.name for one in client.search_experiments()] == ["Default"]


def test_where_set_up_was_not_run_the_engine_makes_its_database_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIOPOSE_ASSETS", str(tmp_path / "none"))
    begin_with_copy("prefect", tmp_path / "prefect.db")
    assert not (tmp_path / "prefect.db").exists()
