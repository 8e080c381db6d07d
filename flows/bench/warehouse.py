"""Benchmark of the warehouse with synthetic trials at several sizes, extrapolated to a billion rows."""

# ruff: noqa: S608 - the SQL is put together from our own constants and scratch paths
from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
from duckdb import DuckDBPyConnection

from biopose.errors import BioposeError
from flows.bench.synthetic_kinematics import FRAMES, describe_trials, kinematics_sql, one_trial
from warehouse.connection import WRITTEN_FRAMES, opened_for_reading, opened_for_writing
from warehouse.load import load_trial
from warehouse.named_query import named_queries
from warehouse.snapshot import publish_snapshot

THREADS, REPEATS = 2, 3
SCRATCH_BYTES_PER_ROW = 1500  # the database, its snapshot, and the frames as Parquet once or twice
BILLION = 1_000_000_000

ATHLETE, METRIC, COORDINATE = "team0/athlete00", "knee_flexion_range", "knee_angle_r_deg"
QUERIES: dict[str, dict[str, str]] = {
    "athlete_vs_squad": {"athlete": ATHLETE, "metric": METRIC},
    "athlete_trend": {"athlete": ATHLETE, "metric": METRIC},
    "side_difference": {"metric": METRIC, "activity": "walk"},
    "change_over_time": {"athlete": ATHLETE, "metric": METRIC},
    "before_after": {"athlete": ATHLETE, "metric": METRIC, "date": "2026-12-01"},
    "norms": {"metric": METRIC},
    "workload_by_week": {"team": "team0"},
    "mean_curve": {"team": "team0", "activity": "walk", "coordinate": COORDINATE},
    "coordinate_range": {"coordinate": COORDINATE},
    "coordinates_of_trial": {"trial": "team0/week00000/trial000000000"},
}
COSTS = ("bulk_load_s", "load_trial_s", "database_mb", "publish_s", *QUERIES)
UNITS = {"database_mb": "MB"}

RANGE = f"""
SELECT athlete_id, activity, avg(highest - lowest) AS mean_range, count(*) AS trials
FROM (
    SELECT athlete_id, activity, trial_id, min({COORDINATE}) AS lowest, max({COORDINATE}) AS highest
    FROM {{source}}
    WHERE quality >= 0.5 {{narrowed}}
    GROUP BY ALL
)
GROUP BY ALL
ORDER BY athlete_id, activity
"""
FRAMES_BY_MONTH = "(SELECT *, strftime(session_date, '%Y-%m') AS month FROM kinematics)"


def measure_warehouse(sizes: Sequence[int], folder: Path | None) -> dict[str, Any]:
    """Fill a scratch database to each size and measure it there.

    Args:
        sizes: rows of kinematics.
        folder: where the scratch files go while it runs; None: the system's temporary folder.

    Returns:
        sizes: a measurement each, smallest first; growth: exponents; billion_rows: two estimates of each cost;
        parquet: table against partitioned files at the largest size.

    Raises:
        BioposeError: the disk is too full.
    """
    ordered = sorted(set(sizes))
    with tempfile.TemporaryDirectory(prefix="bench-warehouse-", dir=folder) as name:
        scratch = Path(name)
        _check_space(scratch, max(ordered))
        measured = [_measure_at(scratch, rows) for rows in ordered]
        parquet = _measure_parquet(scratch)
    growth = {cost: _exponent(measured, cost) for cost in COSTS}
    return {
        "data": "synthetic, bulk-inserted from Parquet into the tables that load_trial writes; files in the page cache",
        "threads": THREADS,
        "sizes": measured,
        "growth": growth,
        "billion_rows": {cost: _at_a_billion(measured, cost) for cost in COSTS},
        "parquet": parquet,
    }


def warehouse_lines(result: dict[str, Any]) -> list[str]:
    """The measurement as a table, a column a size."""
    sizes = result["sizes"]
    heads = [*(f"{size['rows'] / 1e6:g} M rows" for size in sizes), "growth", "1 G linear", "1 G in prop."]
    lines = [f"{result['data']}; {result['threads']} threads", " " * 24 + "".join(f"{head:>14}" for head in heads)]
    for cost in COSTS:
        estimates = result["billion_rows"][cost]
        values = [size[cost] for size in sizes]
        growth = result["growth"][cost]
        cells = [
            *values,
            math.nan if growth is None else growth,
            estimates["on_a_line"],
            estimates["in_proportion"],
        ]
        lines.append(f"{cost + ('' if cost in UNITS else ' (s)'):<24}" + "".join(f"{cell:>14.3g}" for cell in cells))
    rates = ", ".join(f"{size['bulk_rows_per_s']:,.0f}" for size in sizes)
    lines += [f"bulk load, rows a second: {rates}", "", "the frames of the largest size, range of a coordinate:"]
    parquet = result["parquet"]
    for scope in ("all", "one_partition"):
        took = parquet[scope]
        lines.append(f"  {scope}: table {took['table_s']:.3f} s, Parquet {took['parquet_s']:.3f} s")
    return [
        *lines,
        f"  Parquet: {parquet['partitions']} partitions, {parquet['files_mb']:.0f} MB in {parquet['files']} files, "
        f"written in {parquet['write_s']:.1f} s",
    ]


def _check_space(scratch: Path, rows: int) -> None:
    free, needed = shutil.disk_usage(scratch).free, rows * SCRATCH_BYTES_PER_ROW
    if free < needed:
        raise BioposeError(
            f"{scratch.parent}: {free / 1e9:.0f} GB are free and {rows:,} rows need {needed / 1e9:.0f} GB; "
            "give another --folder or fewer --rows"
        )


def _measure_at(scratch: Path, rows: int) -> dict[str, float]:
    database, snapshot = scratch / "warehouse.duckdb", scratch / "snapshot.duckdb"
    added, bulk_s = _grow(database, scratch, rows // FRAMES)
    load_trial_s = median(_load_one(database, scratch) for _ in range(REPEATS))
    publish_s = _seconds(lambda: publish_snapshot(database, snapshot))
    rate = added / bulk_s
    return {
        "rows": rows,
        "bulk_rows_per_s": rate,
        "bulk_load_s": rows / rate,
        "load_trial_s": load_trial_s,
        "database_mb": database.stat().st_size / 1e6,
        "publish_s": publish_s,
        **_time_queries(snapshot),
    }


def _grow(database: Path, scratch: Path, trials: int) -> tuple[int, float]:
    """Fill the database up to a number of trials; returns the rows that were added and the seconds that this took.

    The frames are first computed into a Parquet file, so that only the loading is timed.
    """
    synthetic = scratch / "synthetic.parquet"
    with opened_for_writing(database) as connection:
        connection.execute(f"SET threads = {THREADS}")
        first = _trials_in(connection)
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
        record = one_trial(connection, _trials_in(connection), scratch)
    return _seconds(lambda: load_trial(database, record, scratch))


def _trials_in(connection: DuckDBPyConnection) -> int:
    return int(connection.execute("SELECT count(*) FROM run").fetchall()[0][0])


def _time_queries(snapshot: Path) -> dict[str, float]:
    queries = named_queries()
    with opened_for_reading(snapshot, sealed=False) as connection:
        connection.execute(f"SET threads = {THREADS}")
        return {
            name: _median_seconds(partial(_run, connection, queries[name].sql, queries[name].defaults | given))
            for name, given in QUERIES.items()
        }


def _measure_parquet(scratch: Path) -> dict[str, Any]:
    """The same frames as files by month and activity, which DuckDB reads in place."""
    lake = scratch / "lake"
    files = f"read_parquet('{lake}/*/*/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
    with opened_for_reading(scratch / "snapshot.duckdb", sealed=False) as connection:
        connection.execute(f"SET threads = {THREADS}")
        copy = f"COPY {FRAMES_BY_MONTH} TO '{lake}' (FORMAT parquet, PARTITION_BY (month, activity))"
        write_s = _seconds(lambda: connection.execute(copy))
        month = connection.execute("SELECT strftime(min(session_date), '%Y-%m') FROM session").fetchall()[0][0]
        scopes = {"all": "", "one_partition": f"AND month = '{month}' AND activity = 'walk'"}
        sources = {"table": FRAMES_BY_MONTH, "parquet": files}
        sql = {
            (scope, source): RANGE.format(source=sources[source], narrowed=scopes[scope])
            for scope in scopes
            for source in sources
        }
        took = {key: _median_seconds(partial(_run, connection, text)) for key, text in sql.items()}
    written = list(lake.glob("*/*/*.parquet"))
    return {
        "write_s": write_s,
        "partitions": len(list(lake.glob("*/*"))),
        "files": len(written),
        "files_mb": sum(file.stat().st_size for file in written) / 1e6,
        **{scope: {f"{source}_s": took[scope, source] for source in sources} for scope in scopes},
    }


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
