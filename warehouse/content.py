"""Hashes of a warehouse's content: equal for equal rows, in whatever order and however often they were loaded.

They leave out the bookkeeping (`load_record`, `migration`) and the numbers that runs got in the order of loading,
as is the release that loaded a run first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import duckdb

from warehouse import load
from warehouse.connection import opened_for_reading
from warehouse.load import table_of

DESCRIPTIONS = ("team", "athlete", "session")
FACTS = {"model_version": "model_version"} | {fact: table_of(fact) for fact in load.FACTS}


def content_rows(database: Path) -> dict[str, tuple[int, str]]:
    """By table: number of rows, and a hash of all rows.

    Raises:
        NoWarehouseError: there is no warehouse.
    """
    selections = {
        **{table: f"SELECT * FROM {table}" for table in DESCRIPTIONS},  # noqa: S608 - our own names
        "trial": "SELECT t.* EXCLUDE (current_run_number, is_retired, description_sha256), r.run_id "
        "FROM trial_manifest t JOIN run r ON r.run_number = t.current_run_number",
        "run": "SELECT * EXCLUDE (run_number, release_id, description_sha256) FROM run",
        **{
            fact: f"SELECT r.run_id, f.* EXCLUDE (run_number) FROM {table} f JOIN run r USING (run_number)"  # noqa: S608
            for fact, table in FACTS.items()
        },
    }
    with opened_for_reading(database) as connection:
        return _rows(connection, selections)


def stored_rows(database: Path) -> dict[str, tuple[int, str]]:
    """By table, number and hash of all rows that the file holds, the bookkeeping and every release included.

    Equal for a database and a copy of it, made row by row.

    Raises:
        NoWarehouseError: there is no warehouse.
    """
    with opened_for_reading(database) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY 1").fetchall()
        return _rows(connection, {table: f"SELECT * FROM {table}" for (table,) in tables})  # noqa: S608


def team_contents(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """By team, a hash of its trials with their current runs, and of when these were loaded.

    It is another one whenever a trial or its run is another, so what is shown of a team's trials and their metrics
    stays the same as long as this does.

    Args:
        connection: reads a snapshot.
    """
    return dict(
        connection.execute(
            "SELECT trial.team_id, bit_xor(hash(trial, loaded.loaded_at)) FROM trial LEFT JOIN (SELECT run_number, "
            "max(loaded_at) AS loaded_at FROM load_record GROUP BY run_number) AS loaded USING (run_number) "
            "GROUP BY trial.team_id"
        ).fetchall()
    )


def team_activities(connection: duckdb.DuckDBPyConnection) -> dict[str, frozenset[str]]:
    """By team, the activities of its trials; of teams that have trials.

    Args:
        connection: reads a snapshot.
    """
    rows = connection.execute("SELECT team_id, list(DISTINCT activity) FROM trial GROUP BY team_id").fetchall()
    return {team: frozenset(activities) for team, activities in rows}


def content_hash(database: Path) -> str:
    """One hash of all content."""
    return hashlib.sha256(json.dumps(content_rows(database)).encode()).hexdigest()


def _rows(connection: duckdb.DuckDBPyConnection, selections: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    return {
        name: (int(count), f"{int(total):x}")
        for name, sql in selections.items()
        for count, total in connection.execute(
            f"SELECT count(*), coalesce(sum(hash(s)), 0) FROM ({sql}) s"  # noqa: S608
        ).fetchall()
    }
