"""The rows of some teams alone: what a reader who belongs to a team can see, whatever SQL is run.

A snapshot is attached to a database in memory. There each set of teams has a catalog of its own: the descriptions of
its athletes, sessions and trials are copied, the facts of its runs are views that its runs restrict, and the views of
`warehouse/views` are made anew upon these. Queries name no catalog, so each works on such a catalog as on the whole.
What leads out of the catalog is refused before it runs: DuckDB itself has no permissions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from warehouse.connection import (
    MEMORY_GB,
    QUIET,
    attached_for_reading,
    named_damage,
    opened_for_reading,
)
from warehouse.errors import QueryError, UnknownNameError, no_home
from warehouse.migrate import FOLDER, FRAMES, IN_ORDER, require_current
from warehouse.nearest import nearest_names, suggestion
from warehouse.quantiles import add_quantiles

Teams = tuple[str, ...] | None  # None: every team
WHOLE = "whole"  # the catalog of the snapshot
PREFIX = "teams_"  # of the others
NUMBERS = count()
# In this order each is restricted by those before it; what holds rows of runs alone is left where it is.
DESCRIBED = {
    "team": "list_contains($teams, team_id)",
    "athlete": "list_contains($teams, team_id)",
    "session": "list_contains($teams, team_id)",
    "trial_manifest": "session_id IN (FROM session SELECT session_id) AND "
    "athlete_id IN (FROM athlete SELECT athlete_id)",
    "run": "trial_id IN (SELECT trial_id FROM trial_manifest)",
}
CONDITIONS = {  # of a further table, by the first of these columns that it has
    "trial_id": "trial_id IN (SELECT trial_id FROM trial_manifest)",
    "athlete_id": "athlete_id IN (SELECT athlete_id FROM athlete)",
    "session_id": "session_id IN (SELECT session_id FROM session)",
    "team_id": "team_id IN (SELECT team_id FROM team)",
}
OF_RUNS = "run_number IN (SELECT run_number FROM run)"
OF_NOBODY = {  # tables that hold nothing of a person, with the columns that are left empty
    "release": "",
    "release_model": "",
    "release_act": "REPLACE (if(who = 'watch', who, '') AS who, '' AS why, "
    "if(canary IS NULL, NULL, struct_update(canary, teams := []::VARCHAR[])) AS canary)",
    "release_offset": "",
    "rollout": "REPLACE ('' AS policy, NULL AS comparison)",
}
TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}
REFUSED_FUNCTIONS = {"stats"}  # tells the least and greatest value of a column, other teams' included


@contextmanager
def opened_for_teams(
    database: Path, teams: Teams, *, memory_gb: float = MEMORY_GB
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A snapshot, sealed, with the rows of some teams alone.

    Args:
        database: no process writes to it.
        teams: ids; None: every row.
        memory_gb: how much memory it may take.

    Raises:
        UnknownNameError: there is no such team.
        WarehouseError: as `opened_for_reading` raises.
    """
    if teams is None:
        with opened_for_reading(database, memory_gb=memory_gb) as connection:
            yield connection
        return
    with opened_for_all_teams(database, memory_gb=memory_gb) as connection:
        _check_known(connection, teams)
        read_as(connection, restricted(connection, teams))
        yield connection


@contextmanager
def opened_for_all_teams(database: Path, *, memory_gb: float = MEMORY_GB) -> Iterator[duckdb.DuckDBPyConnection]:
    """A snapshot, sealed, in which sets of teams can be given a catalog each; it reads the whole at first.

    Raises:
        WarehouseError: as `opened_for_reading` raises.
    """
    if not database.is_file():
        raise no_home(database.parent)
    connection = attached_for_reading(database, WHOLE, memory_gb=memory_gb)
    try:
        add_quantiles(connection)
        read_as(connection, WHOLE)
        with named_damage(database):
            require_current(connection, database)
        connection.execute(QUIET)
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def read_as(connection: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """Let a connection read WHOLE, or a catalog that `restricted` made."""
    connection.execute(f"USE {catalog}")


def restricted(connection: duckdb.DuckDBPyConnection, teams: Sequence[str]) -> str:
    """Make a catalog with the rows of some teams alone.

    Args:
        connection: of `opened_for_all_teams`; it reads the catalog from then on.
        teams: ids; one that is not there has no rows.

    Returns:
        Its name.
    """
    catalog = f"{PREFIX}{next(NUMBERS)}"
    columns = _columns(connection)
    connection.execute(f"ATTACH ':memory:' AS {catalog}")
    read_as(connection, catalog)
    for table, names in sorted(columns.items(), key=lambda pair: _place(pair[0])):
        if table in OF_NOBODY:
            _copy(connection, table, f"* {OF_NOBODY[table]}", "true")
        elif table in DESCRIBED:
            _copy(connection, table, "*", DESCRIBED[table], teams)
        elif condition := next((CONDITIONS[name] for name in CONDITIONS if name in names), None):
            _copy(connection, table, "*", condition)
        elif "run_number" in names:
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {WHOLE}.main.{table} WHERE {OF_RUNS}")  # noqa: S608
    connection.execute(f"CREATE VIEW {FRAMES} AS SELECT * FROM {WHOLE}.main.{FRAMES} WHERE {OF_RUNS}")  # noqa: S608
    for name in (one for one in IN_ORDER if one != FRAMES):
        connection.execute((FOLDER / "views" / f"{name}.sql").read_text(encoding="utf-8"))
    return catalog


def is_restricted(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a connection reads the rows of some teams alone."""
    return str(connection.execute("SELECT current_database()").fetchall()[0][0]).startswith(PREFIX)


@contextmanager
def reading_other_teams(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let a restricted connection read the rows of all other teams for the block, where there are any.

    It is for norms, whose groups of five or more name nobody: had a group athletes of the reader's own teams, whose
    values they know, too, the others' mean would follow from both.
    """
    if not is_restricted(connection):
        yield
        return
    own = str(connection.execute("SELECT current_database()").fetchall()[0][0])
    others = connection.execute(f"SELECT team_id FROM {WHOLE}.main.team ANTI JOIN team USING (team_id)").fetchall()  # noqa: S608
    if not others:
        yield
        return
    catalog = restricted(connection, [str(team) for (team,) in others])
    try:
        yield
    finally:
        read_as(connection, own)
        connection.execute(f"DETACH {catalog}")


def check_sql(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise where SQL reads anything but the relations of the connection's teams; on the whole it may.

    Raises:
        QueryError: it names another catalog or schema, calls a function that reads tables, or is no SELECT.
    """
    if not is_restricted(connection):
        return
    parsed = json.loads(connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0])
    if parsed["error"]:
        raise QueryError(f"for some teams alone, SQL is a SELECT: {' '.join(str(parsed['error_message']).split())}")
    nodes = list(_nodes(parsed["statements"]))
    known = _relations(connection) | {str(one["key"]).lower() for node in nodes for one in _named(node)}
    for node in nodes:
        _check_node(node, known)


def _check_node(node: dict[str, Any], known: set[str]) -> None:
    kind = node.get("type")
    names = [str(node[key]) for key in ("catalog_name", "schema_name", "table_name") if node.get(key)]
    if kind in ("BASE_TABLE", "SHOW_REF") and names and (len(names) > 1 or names[0].lower() not in known):
        listed = ", ".join(sorted(known))
        raise QueryError(f"{'.'.join(names)}: for some teams alone, SQL reads these relations: {listed}")
    function = str((node["function"] if kind == "TABLE_FUNCTION" else node).get("function_name", "")).lower()
    if function in REFUSED_FUNCTIONS or (kind == "TABLE_FUNCTION" and function not in TABLE_FUNCTIONS):
        raise QueryError(f"{function}: for some teams alone, SQL does not call it: it may read other teams' rows")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a parsed statement."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(child)


def _named(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The common table expressions of a node."""
    found = node.get("cte_map")
    return list(found["map"]) if isinstance(found, dict) else []


def _relations(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() "
        "UNION SELECT view_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal"
    ).fetchall()
    return {str(name).lower() for (name,) in rows}


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The columns of each table of the whole."""
    rows = connection.execute(
        "SELECT table_name, list(column_name) FROM duckdb_columns() "
        "JOIN duckdb_tables() USING (database_name, schema_name, table_name) "
        "WHERE database_name = $whole GROUP BY table_name ORDER BY table_name",
        {"whole": WHOLE},
    ).fetchall()
    return {str(table): names for table, names in rows}


def _place(table: str) -> int:
    return list(DESCRIBED).index(table) if table in DESCRIBED else len(DESCRIBED)


def _copy(
    connection: duckdb.DuckDBPyConnection, table: str, columns: str, condition: str, teams: Sequence[str] = ()
) -> None:
    connection.execute(
        f"CREATE TABLE {table} AS SELECT {columns} FROM {WHOLE}.main.{table} WHERE {condition}",  # noqa: S608
        {"teams": list(teams)} if "$teams" in condition else None,
    )


def _check_known(connection: duckdb.DuckDBPyConnection, teams: Sequence[str]) -> None:
    there = [str(team) for (team,) in connection.execute("SELECT team_id FROM team ORDER BY 1").fetchall()]
    for team in teams:
        if team not in there:
            raise UnknownNameError(
                f"there is no team {team!r}; {suggestion(team, there)}", kind="team", nearest=nearest_names(team, there)
            )
