"""What every named query costs on a large warehouse: cold, warm, processor time, and its process's most memory.

    python -m tests.benchmarks.pages fill HOME --frames 100000000   # once: a home of synthetic trials, 9 GB
    python -m tests.benchmarks.queries HOME [NAME ...]

Parameters without a default have the first value of the synthetic trials, all others theirs, which is the whole
warehouse; the queries of single cycles are asked of one session, and once of everything, which may be refused.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from flows.bench.warehouse import ARCHIVED_LIMIT_S, OF_QUERY, REPEATS, given_values, peak_mb
from warehouse import SNAPSHOT
from warehouse.connection import ARCHIVE, opened_for_reading
from warehouse.errors import QueryLimitError
from warehouse.named_query import named_queries
from warehouse.query import run_query_on

LIMIT_MB = 4_000
EVERYTHING = ", of everything"
OF_EVERYTHING = ("cycle_curves", "coordinate_by_cycle")
ANY = "any"


@dataclass(frozen=True)
class QueryCost:
    """Of one query, in a process of its own.

    Attributes:
        cold_s: of its first answer, the opening of the database included; the files are not in the page cache.
        warm_s: the median of the next.
        processor_s: of the last, all threads.
        peak_mb: that its process took at most.
        rows: of the answer.
    """

    cold_s: float
    warm_s: float
    processor_s: float
    peak_mb: float
    rows: int


def query_costs(snapshot: Path, names: Sequence[str]) -> dict[str, QueryCost | str]:
    """The cost of each query, or why it was refused.

    Args:
        snapshot: the readers' database, beside its Parquet files.
        names: of the queries; a trailing EVERYTHING asks without a session.
    """
    costs: dict[str, QueryCost | str] = {}
    for name in names:
        _drop_from_cache(snapshot)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
            costs[name] = other.submit(_cost_here, snapshot, name).result()
        print(_line(name, costs[name]), flush=True)
    return costs


def _cost_here(snapshot: Path, name: str) -> QueryCost | str:
    query = named_queries()[name.removesuffix(EVERYTHING)]
    given = given_values(query)
    if name.endswith(EVERYTHING):
        given = given | dict.fromkeys(OF_QUERY[query.name], ANY)
    began_s = time.perf_counter()
    try:
        with opened_for_reading(snapshot) as connection:
            rows = run_query_on(connection, query.name, given).height
            cold_s, warm_s, processor_s = time.perf_counter() - began_s, [], 0.0
            for _ in range(REPEATS):
                began_s, before_s = time.perf_counter(), time.process_time()
                run_query_on(connection, query.name, given)
                warm_s.append(time.perf_counter() - began_s)
                processor_s = time.process_time() - before_s
    except QueryLimitError as error:
        return f"refused after {time.perf_counter() - began_s:.1f} s: {error}"
    return QueryCost(cold_s, median(warm_s), processor_s, peak_mb(), rows)


def _drop_from_cache(snapshot: Path) -> None:
    """Ask the system to forget what it holds of the files, so that they are read from the disk."""
    for file in (snapshot, *(snapshot.parent / ARCHIVE).rglob("*.parquet")):
        handle = os.open(file, os.O_RDONLY)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


def _line(name: str, cost: QueryCost | str) -> str:
    if isinstance(cost, str):
        return f"{name:<36} {cost}"
    values = f"{cost.cold_s:>9.2f}{cost.warm_s:>9.2f}{cost.processor_s:>13.2f}"
    return f"{name:<36}{values}{cost.peak_mb:>9.0f}{cost.rows:>9}"


def _summary(costs: Mapping[str, QueryCost | str]) -> str:
    known = {name: cost for name, cost in costs.items() if isinstance(cost, QueryCost)}
    cold = [name for name, cost in known.items() if cost.cold_s > ARCHIVED_LIMIT_S]
    warm = [name for name, cost in known.items() if cost.warm_s > ARCHIVED_LIMIT_S]
    large = [name for name, cost in known.items() if cost.peak_mb > LIMIT_MB]
    return (
        f"over {ARCHIVED_LIMIT_S:g} s: {', '.join(warm) or 'none'}; cold: {', '.join(cold) or 'none'}; "
        f"over {LIMIT_MB:,} MB: {', '.join(large) or 'none'}"
    )


def main() -> None:
    """Print a row a query."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("names", nargs="*", default=[*named_queries(), *(name + EVERYTHING for name in OF_EVERYTHING)])
    given = parser.parse_args()
    with opened_for_reading(given.home / SNAPSHOT) as connection:
        counts = {
            of: connection.execute(f"SELECT count(*) FROM {of}").fetchall()[0][0]
            for of in ("trial", "metric_of_every_run", "kinematics_of_every_run")
        }
    print(", ".join(f"{count:,} rows of {of}" for of, count in counts.items()))
    print(f"{'query':<36}{'cold s':>9}{'warm s':>9}{'processor s':>13}{'MB':>9}{'rows':>9}")
    print(_summary(query_costs(given.home / SNAPSHOT, given.names)))


if __name__ == "__main__":
    main()
