"""Joint angles of a trial for the warehouse: a row a frame, degrees and metres, each with its standard deviation."""

from __future__ import annotations

import pyarrow as pa

from biopose.analysis.measured_trial import MeasuredTrial
from biopose.skeleton.full_body import full_body_skeleton

COUPLED = "coupled"  # the motion of knee_angle_r_beta: a copy of the knee's angle for the patella


def kinematics_table(trial: MeasuredTrial) -> pa.Table:
    """frame_index, time_s, quality, the coordinates, and their standard deviations.

    A gap is null. So are the standard deviations, as the fit gives none.

    Raises:
        FileFormatError: a coordinate is missing in trial.parquet.
    """
    columns: dict[str, pa.Array] = {
        "frame_index": pa.array(trial.frame_index, pa.int32()),
        "time_s": pa.array(trial.time_s, pa.float64()),
        "quality": _float32(trial, "frame_quality"),
    }
    columns |= {f"{name}_{unit}": _float32(trial, f"{name}_{unit}") for name, unit in coordinate_units()}
    unknown = pa.nulls(trial.table.num_rows, pa.float32())
    columns |= {f"{name}_sd_{unit}": unknown for name, unit in coordinate_units()}
    return pa.table(columns)


def coordinate_units() -> list[tuple[str, str]]:
    """Every coordinate that is free, in the skeleton's order, with its unit: deg or m."""
    coordinates = full_body_skeleton().coordinates
    return [(c.name, "m" if c.motion == "translational" else "deg") for c in coordinates if c.motion != COUPLED]


def _float32(trial: MeasuredTrial, column: str) -> pa.Array:
    return pa.array(trial.column(column), pa.float32(), from_pandas=True)  # NaN becomes null
