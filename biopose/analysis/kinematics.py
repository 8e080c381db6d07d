"""Joint angles of a trial for the warehouse: a row a frame, degrees and metres, each with its standard deviation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from biopose.analysis.measured_trial import FloatArray, MeasuredTrial
from biopose.io.arrow_arrays import arrow_array, nan_as_null
from biopose.skeleton.full_body import full_body_skeleton

COUPLED = "coupled"  # the motion of knee_angle_r_beta: a copy of the knee's angle for the patella


def kinematics_table(trial: MeasuredTrial) -> pa.Table:
    """frame_index, time_s, quality, the coordinates, and their standard deviations.

    A gap is null, and so is a coordinate that a model of markers lacks. So is a standard deviation that is not known,
    and each of them where the method gives none.

    Raises:
        FileFormatError: a coordinate is missing in trial.parquet.
    """
    columns: dict[str, pa.Array] = {
        "frame_index": arrow_array(trial.frame_index),
        "time_s": arrow_array(trial.time_s),
        "quality": _float32(trial.column("frame_quality")),
    }
    values = [f"{name}_{unit}" for name, unit in coordinate_units()]
    deviations = [f"{name}_sd_{unit}" for name, unit in coordinate_units()]
    columns |= {name: _float32(trial.coordinate(name)) for name in values}
    columns |= {name: _float32(trial.column_if_there(name)) for name in deviations}
    return pa.table(columns)


def coordinate_units() -> list[tuple[str, str]]:
    """Every coordinate that is free, in the skeleton's order, with its unit: deg or m."""
    coordinates = full_body_skeleton().coordinates
    return [(c.name, "m" if c.motion == "translational" else "deg") for c in coordinates if c.motion != COUPLED]


def _float32(values: FloatArray) -> pa.Array:
    return nan_as_null(values.astype(np.float32))
