"""Benchmark of the warehouse with synthetic trials at several sizes, extrapolated to a billion rows."""

# ruff: noqa: S608 - the SQL is put together from our own constants and scratch paths
from __future__ import annotations

import math
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
from duckdb import DuckDBPyConnection

from biopose.errors import BioposeError
from flows.bench.synthetic_kinematics import FRAMES, describe_trials, kinematics_sql, one_trial, part_sql
from tasks.cohort import refresh
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter
from warehouse.archive import PART_FRAMES, listed_files, write_file
from warehouse.connection import ARCHIVE, WRITTEN_FRAMES, opened_for_reading, opened_for_writing, transaction
from warehouse.load import load_trial
from warehouse.migrate import renew_frames_view
from warehouse.named_query import NamedQuery, named_queries

THREADS, REPEATS = 2, 3
SCRATCH_BYTES_PER_ROW = 1500  # the database, its snapshot, and the frames as Parquet before they are loaded
ARCHIVED_BYTES_PER_ROW = 120  # 78 of the files, 4 of each database
BILLION = 1_000_000_000

VALUES = {  # of the parameters that have no default; all others keep theirs, which is the whole warehouse
    "athlete": "team0/athlete000",
    "metric": "knee_flexion_range",
    "coordinate": "knee_angle_r_deg",
    "team": "team0",
    "activity": "walk",
    "session": "team0/week00000",
    "trial": "team0/week00000/trial000000000",
    "date": "2026-08-01",
    "threshold": "90",
}
OF_QUERY = {  # other values of some queries
    # All of 100 million frames take more memory than a query may.
    "cycle_curves": {"session": VALUES["session"]},
    "coordinate_by_cycle": {"session": VALUES["session"]},
    "cycles": {"metric": "stride_time"},
}
QUERIES = tuple(named_queries())
COSTS = ("bulk_load_s", "load_trial_s", "derive_s", "database_mb", "publish_s", "peak_mb", *QUERIES)
UNITS = {"database_mb": "MB", "peak_mb": "MB"}
LIMIT_S, ARCHIVED_LIMIT_S = 1.0, 3.0  # of a named query, that it is meant to take on two cores


def measure_warehouse(sizes: Sequence[int], folder: Path | None, *, archived: int = 0) -> dict[str, Any]:
    """Fill a scratch database to each size and measure it there.

    Args:
        sizes: rows of kinematics in the database.
        folder: where the scratch files go while it runs; None: the system's temporary folder.
        archived: rows of kinematics in Parquet files, in a home of their own; 0: none.

    Returns:
        sizes: a measurement each, smallest first; growth: exponents; billion_rows: two estimates of each cost;
        archived: the measurement of the Parquet files; None where there are none.

    Raises:
        BioposeError: the disk is too full.
    """
    ordered = sorted(set(sizes))
    with tempfile.TemporaryDirectory(prefix="bench-warehouse-", dir=folder) as name:
        scratch = Path(name)
        needed = max(max(ordered, default=0) * SCRATCH_BYTES_PER_ROW, archived * ARCHIVED_BYTES_PER_ROW)
        _check_space(scratch, needed)
        measured = [_measure_at(scratch / "table", rows) for rows in ordered]
        shutil.rmtree(scratch / "table", ignore_errors=True)
        of_files = _measure_archived(scratch / "archived", archived) if archived else None
    return {
        "data": "synthetic, bulk-inserted from Parquet into the tables that load_trial writes; files in the page cache",
        "threads": THREADS,
        "sizes": measured,
        **extrapolated(measured),
        "archived": of_files,
    }


def extrapolated(measured: list[dict[str, float]]) -> dict[str, Any]:
    """The growth and the billion_rows of measurements, as `measure_warehouse` gives them; both empty for none.

    Args:
        measured: a measurement for each size, smallest first.
    """
    costs = [*(cost for cost in COSTS if cost not in UNITS), "database_mb"] if measured else []
    return {
        "growth": {cost: _exponent(measured, cost) for cost in costs},
        "billion_rows": {cost: _at_a_billion(measured, cost) for cost in costs},
    }


def warehouse_lines(result: dict[str, Any]) -> list[str]:
    """The measurement as a table, a column a size."""
    sizes, of_files = result["sizes"], result["archived"]
    columns = [*sizes, *([of_files] if of_files else [])]
    heads = [f"{size['rows'] / 1e6:g} M rows" for size in sizes]
    heads += [f"{of_files['rows'] / 1e6:g} M Parquet"] if of_files else []
    heads += ["growth", "1 G linear", "1 G in prop."]
    lines = [f"{result['data']}; {result['threads']} threads", " " * 28 + "".join(f"{head:>14}" for head in heads)]
    for cost in COSTS:
        estimates = result["billion_rows"].get(cost, {})
        cells = [
            *(size.get(cost, math.nan) for size in columns),
            result["growth"].get(cost) or math.nan,
            estimates.get("on_a_line", math.nan),
            estimates.get("in_proportion", math.nan),
        ]
        lines.append(f"{cost + ('' if cost in UNITS else ' (s)'):<28}" + "".join(f"{cell:>14.3g}" for cell in cells))
    if sizes:
        lines.append("bulk load, rows a second: " + ", ".join(f"{size['bulk_rows_per_s']:,.0f}" for size in sizes))
    if of_files:
        lines.append(
            f"Parquet: {of_files['files_mb']:,.0f} MB in {of_files['files']} files, values of two decimals, written in "
            f"{of_files['write_s']:.0f} s; the database beside them {of_files['database_mb']:,.0f} MB"
        )
    return [*lines, "", *_growth_lines(sizes, of_files)]


def _growth_lines(sizes: Sequence[dict[str, float]], of_files: dict[str, float] | None) -> list[str]:
    """How much each size takes, a row a size, and its slowest queries against what they are meant to take."""
    rows = [(size, f"{size['rows'] / 1e6:g} M", size["database_mb"], size["bulk_load_s"], LIMIT_S) for size in sizes]
    if of_files:
        stored_mb = of_files["files_mb"] + of_files["database_mb"]
        rows.append(
            (of_files, f"{of_files['rows'] / 1e6:g} M Parquet", stored_mb, of_files["write_s"], ARCHIVED_LIMIT_S)
        )
    heads = ("rows", "trials", "MB", "bytes a row", "written in s", "derived in s", "peak MB", "slowest query")
    lines = [f"{heads[0]:<16}" + "".join(f"{head:>14}" for head in heads[1:-1]) + f"  {heads[-1]}"]
    for measured, name, stored_mb, written_s, limit_s in rows:
        slow = [query for query in QUERIES if measured[query] > limit_s]
        slowest = max(QUERIES, key=lambda query: measured[query])
        cells = (measured["rows"] // FRAMES, stored_mb, stored_mb * 1e6 / measured["rows"], written_s)
        lines.append(
            f"{name:<16}"
            + "".join(f"{cell:>14,.0f}" for cell in (*cells, measured["derive_s"], measured["peak_mb"]))
            + f"  {slowest} {measured[slowest]:.2f} s; over {limit_s:g} s: {', '.join(slow) or 'none'}"
        )
    return lines


def _check_space(scratch: Path, needed: int) -> None:
    free = shutil.disk_usage(scratch).free
    if free < needed:
        raise BioposeError(
            f"{scratch.parent}: {free / 1e9:.0f} GB are free and {needed / 1e9:.0f} GB are needed; "
            "give another --folder or fewer rows"
        )


def _measure_at(home: Path, rows: int) -> dict[str, float]:
    settings = Settings.load(home, cores=THREADS, parquet_from_frames=BILLION)
    home.mkdir(exist_ok=True)
    added, bulk_s = grow(settings.warehouse, home, rows // FRAMES)
    load_trial_s = median(_load_one(settings.warehouse, home) for _ in range(REPEATS))
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    publish_s = _seconds(writer.publish)
    derive_s = _seconds(lambda: refresh(settings, writer, lambda _: None)) - publish_s
    rate = added / bulk_s
    return {
        "rows": rows,
        "bulk_rows_per_s": rate,
        "bulk_load_s": rows / rate,
        "load_trial_s": load_trial_s,
        "derive_s": derive_s,
        "database_mb": settings.warehouse.stat().st_size / 1e6,
        "publish_s": publish_s,
        **_time_queries(settings.snapshot),
    }


def fill_archived(database: Path, rows: int) -> float:
    """Fill a database up to a size; all frames are Parquet files, a million a file, as `archive_frames` leaves them.

    Killed at any moment, the next call goes on.

    Returns:
        The seconds that writing the files took.
    """
    trials, part = rows // FRAMES, min(PART_FRAMES, rows) // FRAMES
    with opened_for_writing(database) as connection:
        connection.execute(f"SET threads = {THREADS}")
        with transaction(connection):
            describe_trials(connection, trials_in(connection), trials)
        began = time.perf_counter()
        written = sum(file.frames for file in listed_files(connection)) // FRAMES
        for first in range(written, trials, part):
            with transaction(connection):
                last = min(first + part, trials)
                write_file(connection, database.parent, "2026-11", part_sql(connection, first, last))
        renew_frames_view(connection)
        return time.perf_counter() - began


def _measure_archived(home: Path, rows: int) -> dict[str, float]:
    settings = Settings.load(home, cores=THREADS, parquet_from_frames=BILLION)
    home.mkdir()
    write_s = fill_archived(settings.warehouse, rows)
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    writer.publish()
    derive_s = _seconds(lambda: refresh(settings, writer, lambda _: None))
    files = list((home / ARCHIVE).rglob("*.parquet"))
    return {
        "rows": rows,
        "write_s": write_s,
        "derive_s": derive_s,
        "files": len(files),
        "files_mb": sum(file.stat().st_size for file in files) / 1e6,
        "database_mb": settings.warehouse.stat().st_size / 1e6,
        **_time_queries(settings.snapshot),
    }


def grow(database: Path, scratch: Path, trials: int) -> tuple[int, float]:
    """Fill the database up to a number of trials; returns the rows that were added and the seconds that this took.

    The frames are first computed into a Parquet file, so that only the loading is timed.
    """
    synthetic = scratch / "synthetic.parquet"
    with opened_for_writing(database) as connection:
        connection.execute(f"SET threads = {THREADS}")
        first = trials_in(connection)
        connection.execute(f"COPY ({kinematics_sql(connection, first, trials)}) TO '{synthetic}'")
    began = time.perf_counter()
    with opened_for_writing(database) as connection:
        connection.execute(f"SET threads = {THREADS}")
        describe_trials(connection, first, trials)
        connection.execute(f"INSERT INTO {WRITTEN_FRAMES} BY NAME SELECT * FROM read_parquet(?)", [str(synthetic)])
        connection.execute("CHECKPOINT")
    synthetic.unlink()
    return (trials - first) * FRAMES, time.perf_counter() - began


def _load_one(database: Path, scratch: Path) -> float:
    """Seconds of one `load_trial`, with opening and closing, as in an ingest run."""
    with opened_for_writing(database) as connection:
        record = one_trial(connection, trials_in(connection), scratch)
    return _seconds(lambda: load_trial(database, record, scratch))


def trials_in(connection: DuckDBPyConnection) -> int:
    """How many trials the database has."""
    return int(connection.execute("SELECT count(*) FROM run").fetchall()[0][0])


def _time_queries(snapshot: Path) -> dict[str, float]:
    """Median seconds of every named query, asked as `biopose query` does, and that process's peak memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        return other.submit(_time_queries_here, snapshot).result()


def _time_queries_here(snapshot: Path) -> dict[str, float]:
    with opened_for_reading(snapshot) as connection:
        took = {
            name: _median_seconds(partial(_run, connection, query.sql, given_values(query)))
            for name, query in named_queries().items()
        }
    return took | {"peak_mb": peak_mb()}


def peak_mb() -> float:
    """Of this process, as Linux counts it: `getrusage` starts at what the process that started it took."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def given_values(query: NamedQuery) -> dict[str, str]:
    """Every parameter's value: its default, else that of VALUES."""
    given = {one.name: VALUES[one.name] if one.default is None else one.default for one in query.parameters}
    return given | OF_QUERY.get(query.name, {})


def _exponent(measured: list[dict[str, float]], cost: str) -> float | None:
    """Exponent of the growth between the two largest sizes: 1 where ten times the rows cost ten times as much."""
    if len(measured) < 2:
        return None
    before, last = measured[-2:]
    return math.log(last[cost] / before[cost]) / math.log(last["rows"] / before["rows"])


def _at_a_billion(measured: list[dict[str, float]], cost: str) -> dict[str, float]:
    """On a straight line through the two largest sizes, at least what the largest took; and as a multiple of that."""
    before, last = measured[-2:] if len(measured) > 1 else ({"rows": 0, cost: 0.0}, measured[-1])
    per_row = (last[cost] - before[cost]) / (last["rows"] - before["rows"])
    on_a_line = last[cost] + max(per_row, 0.0) * (BILLION - last["rows"])
    return {"on_a_line": on_a_line, "in_proportion": last[cost] * BILLION / last["rows"]}


def _run(connection: DuckDBPyConnection, sql: str, given: Mapping[str, str] | None = None) -> pl.DataFrame:
    return connection.sql(sql, params=given).pl()


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _median_seconds(work: Callable[[], Any]) -> float:
    return median(_seconds(work) for _ in range(REPEATS))
