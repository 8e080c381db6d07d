"""What runs cost to measure, and the options that they were measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

REPEATED = "second pass"  # the stage that no release costs: over people whom another has located already


@dataclass(frozen=True)
class RunOptions:
    """Options of a measurement beside its method and models."""

    shard_s: float
    cross_check_frames: int


@dataclass(frozen=True)
class RunCost:
    """What a run cost.

    Attributes:
        processor_s: of all stages together, without that of a second pass.
        frame_s: processor seconds per frame.
        peak_mb: of the process that needed most memory.
    """

    processor_s: float
    frame_s: float
    peak_mb: float


def run_options(connection: duckdb.DuckDBPyConnection, release_id: str | None = None) -> dict[str, RunOptions]:
    """By trial, the options of its current run; runs that were loaded before options were kept are absent.

    Args:
        connection: of the warehouse.
        release_id: of that release's run in place of the current one.
    """
    runs = (
        "SELECT trial_id, current_run_number AS run_number FROM trial_manifest"
        if release_id is None
        else "SELECT trial_id, run_number FROM release_run WHERE release_id = $release"
    )
    rows = connection.execute(
        f"SELECT trial_id, shard_s, cross_check_frames FROM ({runs}) JOIN run_options USING (run_number)",  # noqa: S608
        {"release": release_id} if release_id else None,
    ).fetchall()
    return {trial_id: RunOptions(*values) for trial_id, *values in rows}


def run_costs(connection: duckdb.DuckDBPyConnection, runs: Sequence[int]) -> dict[int, RunCost]:
    """By run number, what it cost; runs whose costs are not known are absent."""
    rows = connection.execute(
        "SELECT run_number, sum(processor_s), sum(processor_s) / any_value(frames), max(peak_mb) "
        "FROM run_cost JOIN run USING (run_number) WHERE list_contains($runs, run_number) AND stage <> $repeated "
        "AND frames > 0 GROUP BY 1",
        {"runs": list(runs), "repeated": REPEATED},
    ).fetchall()
    return {number: RunCost(*values) for number, *values in rows}
