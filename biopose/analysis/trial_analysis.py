"""From a trial's files to the tables that the warehouse loads.

kinematics.parquet   a row a frame, a column a coordinate, then its standard deviations
events.parquet  metrics.parquet  quality.parquet
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biopose.analysis.cross_check import cross_check
from biopose.analysis.definitions import Metric
from biopose.analysis.events import Event, find_events
from biopose.analysis.metrics import find_metrics
from biopose.analysis.motion import FloatArray, Motion, coordinate_units, read_motion
from biopose.analysis.quality import QualityFigure, quality_figures
from biopose.analysis.stance import flights, foot_states
from biopose.io.files import written_whole

KINEMATICS, EVENTS, METRICS, QUALITY = "kinematics.parquet", "events.parquet", "metrics.parquet", "quality.parquet"
ANALYSIS_FILES = (KINEMATICS, EVENTS, METRICS, QUALITY)

EVENT_SCHEMA = pa.schema(
    [
        ("event", pa.string()),
        ("side", pa.string()),
        ("time_s", pa.float64()),
        ("frame_index", pa.int32()),
        ("sd_s", pa.float64()),
    ]
)
METRIC_SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("side", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("sd", pa.float64()),
    ]
)
QUALITY_SCHEMA = pa.schema([("name", pa.string()), ("value", pa.float64()), ("unit", pa.string())])


def analyse_trial(folder: Path, *, activity: str, cross_check_frames: int = 12) -> None:
    """Write the analysis of a trial beside its files, each whole or not at all; the same input gives the same bytes.

    Args:
        folder: with trial.parquet, coordinates.mot, markers.trc and scaled.osim.
        activity: of the manifest.
        cross_check_frames: how many frames OpenSim's own solver takes, too; 0 for none.

    Raises:
        FileFormatError: one of the files is missing or broken.
        ModelError: the model is.
    """
    motion = read_motion(folder)
    states = foot_states(motion)
    in_flight = flights(motion, states)
    events = find_events(motion, states, in_flight, activity=activity)
    metrics = find_metrics(motion, events, in_flight, activity=activity)
    figures = quality_figures(motion, cross_check(folder, frames=cross_check_frames))
    _write(folder / KINEMATICS, kinematics_table(motion))
    _write(folder / EVENTS, _table(events, EVENT_SCHEMA))
    _write(folder / METRICS, _table(metrics, METRIC_SCHEMA))
    _write(folder / QUALITY, _table(figures, QUALITY_SCHEMA))


def kinematics_table(motion: Motion) -> pa.Table:
    """Frames by coordinates, and their standard deviations, which the keypoint fit does not give: null."""
    units = coordinate_units()
    columns: dict[str, Any] = {
        "frame_index": pa.array(motion.frame_index, pa.int32()),
        "time_s": pa.array(motion.time_s, pa.float64()),
        "quality": _float32(motion.figures["quality"]),
    }
    columns |= {f"{name}_{unit}": _float32(motion.coordinates[name]) for name, unit in units.items()}
    columns |= {f"{name}_sd_{unit}": pa.nulls(len(motion), pa.float32()) for name, unit in units.items()}
    return pa.table(columns)


def _float32(values: FloatArray) -> pa.Array:
    """NaN becomes null."""
    return pa.array(values, pa.float32(), mask=np.isnan(values))


def _table(rows: Sequence[Event] | Sequence[Metric] | Sequence[QualityFigure], schema: pa.Schema) -> pa.Table:
    """Attributes of the same names as the columns."""
    return pa.table({name: [getattr(row, name) for row in rows] for name in schema.names}, schema=schema)


def _write(path: Path, table: pa.Table) -> None:
    with written_whole(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
