"""The frames of a home as a Dask dataframe: one question over all partitions, on as many machines as Dask has.

    import biopose
    from tasks.dask_frames import dask_frames

    frames = dask_frames(biopose.open("biopose-home"), ["quality", "knee_angle_r_deg"])
    frames[frames.quality >= 0.5].groupby("athlete_id").knee_angle_r_deg.max().compute()

A partition is a Parquet file of the home, or a part of the frames that are still in the database. The machines read
both in place, so they mount the home under the same path.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from warehouse.api import Home

if TYPE_CHECKING:
    import dask.dataframe as dd

PART_FRAMES = 1_000_000
KEYS = ("trial_id", "team_id", "session_id", "session_date", "athlete_id", "activity")


def dask_frames(home: Home, columns: Sequence[str]) -> dd.DataFrame:
    """The view kinematics as a Dask dataframe: a row a frame of each trial's current run.

    Args:
        home: of `biopose.open`.
        columns: of frames that the question needs, such as quality and knee_angle_r_deg; KEYS are there besides.

    Raises:
        QueryError: there is no such column.
    """
    import dask.dataframe as dd

    listed = ", ".join(f'"{column}"' for column in columns)
    empty = home.sql(f"SELECT {', '.join(KEYS)}, {listed} FROM kinematics LIMIT 0")  # noqa: S608 - it can only read
    runs = home.sql("SELECT * FROM current_run")
    parts: list[Path | tuple[int, int]] = [*home.frame_files(), *_recent_parts(home)]
    if not parts:
        return dd.from_pandas(empty.to_pandas(), npartitions=1)
    given = {"home": home, "runs": runs, "values": list(columns)}  # Dask keeps a name columns for itself
    return dd.from_map(_partition, parts, meta=empty.to_pandas(), enforce_metadata=False, **given)


def _recent_parts(home: Home) -> list[tuple[int, int]]:
    """First and last number of the runs of each part of the frames that are in no file."""
    counted = home.sql(
        "SELECT min(run_number), max(run_number) FROM ("  # noqa: S608 - our own names
        "SELECT run_number, sum(count(*)) OVER (ORDER BY run_number) AS so_far FROM recent_kinematics "
        f"GROUP BY run_number) GROUP BY so_far // {PART_FRAMES} ORDER BY 1"
    )
    return [(int(first), int(last)) for first, last in counted.iter_rows()]


def _partition(part: Path | tuple[int, int], *, home: Home, runs: pl.DataFrame, values: list[str]) -> Any:
    """Runs on a Dask worker: the rows of one partition, as a pandas frame."""
    asked = ["run_number", *values]
    if isinstance(part, tuple):
        listed = ", ".join(f'"{column}"' for column in asked)
        frames = home.sql(
            f"SELECT {listed} FROM recent_kinematics WHERE run_number BETWEEN {part[0]} AND {part[1]}"  # noqa: S608
        )
    else:
        frames = pl.read_parquet(part, columns=asked, hive_partitioning=False)
    return frames.join(runs, on="run_number").select(*KEYS, *values).to_pandas()
