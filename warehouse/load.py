"""Loading: a trial's Parquet files and its record go into the database in one transaction, or not at all.

The files' schemas are the contract with the library; they are checked before anything is changed. Loading the
same run again changes nothing but the bookkeeping. A run becomes current where its release is the promoted one
(`warehouse.releases`); else it is stored beside what is current, and describes no trial, session or athlete anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from warehouse.connection import WRITTEN_FRAMES, opened_for_reading, opened_for_writing, transaction
from warehouse.errors import ContractError, WarehouseError
from warehouse.releases import add_run, admit, canary, promoted, release_in_use

Record = Mapping[str, Any]
LoadedRuns = dict[str, tuple[str, str]]

FACTS = ("kinematics", "event", "metric", "quality", "cycle_metric")
FILES = {"kinematics": "kinematics.parquet", "event": "events.parquet", "metric": "metrics.parquet"} | {
    "quality": "quality.parquet",
    "cycle_metric": "cycles.parquet",
}
BOOKKEEPING = ("mlflow_run_id", "release", "options", "costs", "input_sha256")  # of a record: no content
ADDED_FILES = {"cycle_metric"}  # that folders of earlier versions lack

ADDED = {
    "metric": {"reason", "constant_sd"},
    "cycle_metric": {"constant_sd"},
    "event": {"method"},
}  # columns that the files of earlier versions lack; there they are null

READ = "read_parquet(?, hive_partitioning = false)"  # a folder above, if it is called team=blue, is no column


def table_of(fact: str) -> str:
    """The rows of one of FACTS of every run, to be read; the plain name is the view of the current runs."""
    return f"{fact}_of_every_run"


def load_trial(database: Path, record: Record, folder: Path) -> None:
    """Load one run of one trial; it becomes the trial's current run where its release is the promoted one.

    Args:
        database: created if it does not exist.
        record: run, team, athlete, session, trial, models, mlflow_run_id; release, where it is not the run's own;
            options, costs and input_sha256, where they are known.
        folder: holds kinematics.parquet, events.parquet, metrics.parquet, quality.parquet, and
            cycles.parquet unless it is of an earlier version.

    Raises:
        WarehouseBusyError: another process writes.
        ContractError: a file does not fit the tables.
        ReleaseError: its release was promoted before the one in use.
    """
    with opened_for_writing(database) as connection:
        load_trial_on(connection, record, folder)


def load_trial_on(connection: duckdb.DuckDBPyConnection, record: Record, folder: Path) -> None:
    """Load one run of one trial into a database that is open for writing, in one transaction.

    Args:
        connection: of `opened_for_writing`.
        record: as `load_trial` has it.
        folder: likewise.

    Raises:
        WarehouseError: as of `load_trial`.
    """
    there = [fact for fact in FACTS if fact not in ADDED_FILES or (folder / FILES[fact]).is_file()]
    for fact in there:
        _check_schema(connection, fact, folder / FILES[fact])
    with transaction(connection):
        number = _run_number(connection, record["run"]["run_id"])
        release_id = admit(connection, **_release_of(record))
        is_in_use = release_id == release_in_use(connection, **_ids(record))
        _describe(connection, record, changes=is_in_use)
        _replace_run(connection, record, number, release_id, folder / FILES["kinematics"])
        add_run(connection, record["run"]["trial_id"], release_id, number, is_in_use=is_in_use)
        _describe_athlete(connection, record, changes=is_in_use)
        for fact in there:
            _replace_facts(connection, fact, folder / FILES[fact], number)
        connection.execute("DELETE FROM session_refresh WHERE session_id = ?", [record["session"]["session_id"]])


def loaded_runs(database: Path, release_id: str | None = None) -> LoadedRuns:
    """By trial_id: its run and the hash of that run's record; nothing where there is no database.

    Args:
        database: of the writer.
        release_id: whose runs; None: the current ones.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    if not database.is_file():
        return {}
    with opened_for_writing(database) as connection:
        return _runs(connection, release_id)


def published_runs(snapshot: Path, release_id: str | None = None) -> LoadedRuns:
    """The same of a snapshot, which may lack the latest; nothing where there is none of this version."""
    try:
        with opened_for_reading(snapshot) as connection:
            return _runs(connection, release_id)
    except (WarehouseError, duckdb.Error):
        return {}


def _runs(connection: duckdb.DuckDBPyConnection, release_id: str | None) -> LoadedRuns:
    """A run of a release in use counts only where the trial is described as the run's record has it."""
    of_canary = canary(connection)
    in_use = [*promoted(connection)[-1:], *([of_canary.release_id] if of_canary else [])]
    rows = connection.execute(
        "SELECT trial_manifest.trial_id, run.run_id, run.record_sha256 FROM trial_manifest "
        "LEFT JOIN release_run ON release_run.trial_id = trial_manifest.trial_id AND release_run.release_id = $release "
        "JOIN run ON run.run_number = if($release IS NULL, current_run_number, release_run.run_number) "
        "WHERE NOT is_retired AND (NOT coalesce(list_contains($in_use, release_run.release_id), false) "
        "OR run.description_sha256 IS NOT DISTINCT FROM trial_manifest.description_sha256)",
        {"release": release_id, "in_use": in_use},
    ).fetchall()
    return {trial_id: (run_id, sha256) for trial_id, run_id, sha256 in rows}


def _release_of(record: Record) -> Record:
    """Method and models of the release that a run belongs to: the run's own, unless the record states another.

    A night measures recordings of markers, which need few of its models or none, with the release of its videos.
    """
    own = {"method": record["run"]["method"], "models": record["models"]}
    return {key: record.get("release", own)[key] for key in own}


def _ids(record: Record) -> dict[str, str]:
    """Of its trial and whom it belongs to."""
    return {key: record[key][f"{key}_id"] for key in ("team", "athlete", "trial")}


def record_sha256(record: Record) -> str:
    """Of a record's content: everything but the bookkeeping."""
    return _sha256({key: value for key, value in record.items() if key not in BOOKKEEPING})


def _description_sha256(record: Record) -> str:
    """Of what a record states of the trial beside its numbers."""
    return _sha256({key: record[key] for key in ("team", "athlete", "session", "trial")})


def _sha256(content: Record) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _run_number(connection: duckdb.DuckDBPyConnection, run_id: str) -> int:
    """The number of the run if it is known, else the next."""
    query = "SELECT coalesce(max(run_number) FILTER (run_id = ?), max(run_number) + 1, 1) FROM run"
    return int(connection.execute(query, [run_id]).fetchall()[0][0])


def _describe(connection: duckdb.DuckDBPyConnection, record: Record, *, changes: bool) -> None:
    """Write team, session and trial; what is described already changes only by a run that becomes current."""
    _upsert(connection, "team", record["team"])
    _upsert(connection, "session", record["session"], changes=changes)
    added = {"camera": record["trial"].get("camera"), "recording": record["trial"].get("recording", "video")}
    trial = {**record["trial"], **added, "description_sha256": _description_sha256(record)}
    _upsert(connection, "trial_manifest", trial, changes=changes)


def _describe_athlete(connection: duckdb.DuckDBPyConnection, record: Record, *, changes: bool) -> None:
    """Likewise; an athlete is described by the newest session."""
    athlete = {**record["athlete"], "birth_year": record["athlete"].get("birth_year")}
    changes = changes and _is_newest_session(connection, record)
    _upsert(connection, "athlete", athlete, changes=changes)


def _is_newest_session(connection: duckdb.DuckDBPyConnection, record: Record) -> bool:
    """Whether the session is the athlete's newest; on equal dates by id, whatever the order of loading."""
    newest = connection.execute(
        "SELECT session_id FROM trial_manifest JOIN session USING (session_id) WHERE athlete_id = ? "
        "AND current_run_number > 0 ORDER BY session_date DESC, session_id DESC LIMIT 1",
        [record["athlete"]["athlete_id"]],
    ).fetchall()
    return bool(newest == [(record["session"]["session_id"],)])


def _replace_run(
    connection: duckdb.DuckDBPyConnection, record: Record, number: int, release_id: str, kinematics: Path
) -> None:
    measured = connection.execute(
        f"SELECT count(*), min(time_s), max(time_s) FROM {READ}",  # noqa: S608
        [str(kinematics)],
    ).fetchall()[0]
    extent = dict(zip(("frames", "first_time_s", "last_time_s"), measured, strict=True))
    run = {"run_number": number, **record["run"], "record_sha256": record_sha256(record), **extent}
    run["description_sha256"] = _description_sha256(record)
    _upsert(connection, "run", run)
    connection.execute(
        "UPDATE run SET release_id = ? WHERE run_number = ? AND release_id IS NULL", [release_id, number]
    )
    connection.execute("DELETE FROM model_version WHERE run_number = ?", [number])
    for model in record["models"]:
        _insert(connection, "model_version", {"run_number": number, **model})
    options = [record["options"]] if "options" in record else []
    measured_of = [{"input_sha256": record["input_sha256"]}] if "input_sha256" in record else []
    for table, rows in (("run_options", options), ("run_cost", record.get("costs", [])), ("run_input", measured_of)):
        if rows:
            connection.execute(f"DELETE FROM {table} WHERE run_number = ?", [number])  # noqa: S608 - our own names
        for row in rows:
            _insert(connection, table, {"run_number": number, **row})
    connection.execute("INSERT INTO load_record VALUES (?, now(), ?)", [number, record.get("mlflow_run_id")])


def _replace_facts(connection: duckdb.DuckDBPyConnection, fact: str, file: Path, number: int) -> None:
    """Replace a run's rows; frames that are in a Parquet file stay there, as equal runs have equal frames."""
    table = WRITTEN_FRAMES if fact == "kinematics" else table_of(fact)
    archived = "SELECT 1 FROM archived_run WHERE run_number = ?"
    if fact == "kinematics" and connection.execute(archived, [number]).fetchall():
        return
    connection.execute(f"DELETE FROM {table} WHERE run_number = ?", [number])  # noqa: S608 - our own names
    try:
        connection.execute(
            f"INSERT INTO {table} BY NAME SELECT ?::INTEGER AS run_number, * FROM {READ}",  # noqa: S608
            [number, str(file)],
        )
    except duckdb.Error as error:  # such as a null where none may be
        raise ContractError(f"{file}: {_line(error)}") from error


def _check_schema(connection: duckdb.DuckDBPyConnection, fact: str, file: Path) -> None:
    if not file.is_file():
        raise ContractError(f"{file}: no such file; the trial is not finished")
    expected = _types(connection.execute(f"DESCRIBE {table_of(fact)}").fetchall())
    del expected["run_number"]
    try:
        found = _types(connection.execute(f"DESCRIBE SELECT * FROM {READ}", [str(file)]).fetchall())  # noqa: S608
    except duckdb.Error as error:
        raise ContractError(f"{file}: cannot be read: {_line(error)}") from error
    if missing := sorted(expected.keys() - found.keys() - ADDED.get(fact, set())):
        raise ContractError(f"{file}: has no column {', '.join(missing)}, which the table {fact} needs")
    if unknown := sorted(found.keys() - expected.keys()):
        raise ContractError(f"{file}: the table {fact} has no column {', '.join(unknown)}")
    for column, type_ in found.items():
        if expected[column] != type_:
            raise ContractError(f"{file}: the column {column} is {type_}; the table {fact} needs {expected[column]}")


def _types(described: list[tuple[Any, ...]]) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in described}


def _line(error: duckdb.Error) -> str:
    return " ".join(str(error).split())


def _insert(connection: duckdb.DuckDBPyConnection, table: str, row: Record) -> None:
    columns, marks = ", ".join(row), ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))  # noqa: S608


def _upsert(connection: duckdb.DuckDBPyConnection, table: str, row: Record, *, changes: bool = True) -> None:
    """Insert a row; if its key, the first column, exists, update the other columns if `changes`."""
    key, *others = row
    columns, marks = ", ".join(row), ", ".join("?" for _ in row)
    change = f"UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in others)}" if others and changes else "NOTHING"
    connection.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO {change}",  # noqa: S608
        list(row.values()),
    )
