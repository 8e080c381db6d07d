"""What runs cost to measure, and the options that they were measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class RunOptions:
    """Options of a measurement beside its method and models."""

    shard_s: float
    cross_check_frames: int


@dataclass(frozen=True)
class RunCost:
    """What a run cost.

    Attributes:
        processor_s: of all stages together.
        frame_s: processor seconds per frame.
        peak_mb: of the process that needed most memory.
    """

    processor_s: float
    frame_s: float
    peak_mb: float


def run_options(connection: duckdb.DuckDBPyConnection, release_id: str) -> dict[str, RunOptions]:
    """By trial, the options of a release's run; runs that were loaded before options were kept are absent."""
    rows = connection.execute(
        "SELECT trial_id, shard_s, cross_check_frames FROM release_run JOIN run_options USING (run_number) "
        "WHERE release_id = ?",
        [release_id],
    ).fetchall()
    return {trial_id: RunOptions(*values) for trial_id, *values in rows}


def run_costs(connection: duckdb.DuckDBPyConnection, runs: Sequence[int]) -> dict[int, RunCost]:
    """By run number, what it cost; runs whose costs are not known are absent."""
    rows = connection.execute(
        "SELECT run_number, sum(processor_s), sum(processor_s) / any_value(frames), max(peak_mb) "
        "FROM run_cost JOIN run USING (run_number) WHERE list_contains($runs, run_number) AND frames > 0 GROUP BY 1",
        {"runs": list(runs)},
    ).fetchall()
    return {number: RunCost(*values) for number, *values in rows}
