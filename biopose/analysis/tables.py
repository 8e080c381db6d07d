"""Rows of events, metrics and quality metrics as the warehouse's tables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from biopose.io.arrow_arrays import arrow_array, text_array

KINEMATICS = "kinematics"  # the method of events that no force plate gave


@dataclass(frozen=True)
class Event:
    """Something that happened at a moment.

    Attributes:
        event: foot_strike, foot_off, take_off, box_take_off, landing, peak, lowest_point, peak_knee_flexion,
            stride_foot_contact, external_rotation_peak, release or ball_strike; see `events`.
        side: whose.
        time_s: to a fraction of a frame.
        frame_index: of the video, the first frame after the event; of an extreme, the nearest.
        sd_s: standard deviation of the time.
        method: by which it was found.
    """

    event: str
    side: Literal["left", "right", "both"]
    time_s: float
    frame_index: int
    sd_s: float | None
    method: str = KINEMATICS


@dataclass(frozen=True)
class Metric:
    """A number about a trial.

    Attributes:
        metric: name.
        side: whose; none where it is the whole body's.
        value: in the unit; None where it cannot be known.
        unit: deg, deg/s, m, s, m/s, steps/min, steps/s, N/m/kg, or 1 for a count or share.
        sd: standard deviation in the same unit; None where it is unknown.
        reason: why the value is not known, in a sentence; None where it is known.
        constant_sd: of sd the part that is the same error in every trial of the person and on both sides, which
            cancels where these are compared; None where there is none or it is not known.
    """

    metric: str
    side: Literal["left", "right", "none"]
    value: float | None
    unit: str
    sd: float | None = None
    reason: str | None = None
    constant_sd: float | None = None


@dataclass(frozen=True)
class CycleMetric:
    """A number about one cycle of a trial; see `cycles`.

    Attributes:
        cycle: stride, jump or repetition.
        side: whose; none where it is the whole body's.
        cycle_number: from 1, of each side's strides, of jumps and of repetitions.
        start_s: of the cycle.
        end_s: likewise.
        metric: name.
        value: in the unit.
        unit: as of a `Metric`.
        sd: standard deviation in the same unit; None where it is unknown.
        constant_sd: as of a `Metric`.
    """

    cycle: str
    side: Literal["left", "right", "none"]
    cycle_number: int
    start_s: float
    end_s: float
    metric: str
    value: float
    unit: str
    sd: float | None = None
    constant_sd: float | None = None


@dataclass(frozen=True)
class QualityMetric:
    """How far a whole trial can be trusted, in one respect; None where it is not known."""

    name: str
    value: float | None
    unit: str


TEXT, NUMBER = pa.string(), pa.float64()
EVENT_SCHEMA = pa.schema(
    [
        pa.field("event", TEXT, nullable=False),
        pa.field("side", TEXT, nullable=False),
        pa.field("time_s", NUMBER, nullable=False),
        pa.field("frame_index", pa.int32(), nullable=False),
        pa.field("sd_s", NUMBER),
        pa.field("method", TEXT),
    ]
)
METRIC_SCHEMA = pa.schema(
    [
        pa.field("metric", TEXT, nullable=False),
        pa.field("side", TEXT, nullable=False),
        pa.field("value", NUMBER),
        pa.field("unit", TEXT, nullable=False),
        pa.field("sd", NUMBER),
        pa.field("reason", TEXT),
        pa.field("constant_sd", NUMBER),
    ]
)
CYCLE_SCHEMA = pa.schema(
    [
        pa.field("cycle", TEXT, nullable=False),
        pa.field("side", TEXT, nullable=False),
        pa.field("cycle_number", pa.int32(), nullable=False),
        pa.field("start_s", NUMBER, nullable=False),
        pa.field("end_s", NUMBER, nullable=False),
        pa.field("metric", TEXT, nullable=False),
        pa.field("value", NUMBER, nullable=False),
        pa.field("unit", TEXT, nullable=False),
        pa.field("sd", NUMBER),
        pa.field("constant_sd", NUMBER),
    ]
)
QUALITY_SCHEMA = pa.schema(
    [pa.field("name", TEXT, nullable=False), pa.field("value", NUMBER), pa.field("unit", TEXT, nullable=False)]
)


def events_table(events: Iterable[Event]) -> pa.Table:
    """In the order of time."""
    return _table(sorted(events, key=lambda e: (e.time_s, e.event, e.side)), EVENT_SCHEMA)


def metrics_table(metrics: Iterable[Metric]) -> pa.Table:
    """In the order given; a value that is not finite is left out, one that is unknown for a reason is null."""
    kept = (metric for metric in metrics if (metric.reason if metric.value is None else math.isfinite(metric.value)))
    return _table(kept, METRIC_SCHEMA)


def cycles_table(metrics: Iterable[CycleMetric]) -> pa.Table:
    """In the order given; values that are not finite are left out."""
    return _table((metric for metric in metrics if math.isfinite(metric.value)), CYCLE_SCHEMA)


def quality_table(metrics: Iterable[QualityMetric]) -> pa.Table:
    """In the order given."""
    return _table(metrics, QUALITY_SCHEMA)


def _table(rows: Iterable[Any], schema: pa.Schema) -> pa.Table:
    listed = list(rows)
    columns = [_column([getattr(row, field.name) for row in listed], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Texts or numbers, with a null for None."""
    if kind == TEXT:
        return text_array(values)
    known = np.array([value is not None for value in values], dtype=np.bool_)
    numbers = np.array([0 if value is None else value for value in values])
    return arrow_array(numbers.astype(np.int32 if kind == pa.int32() else np.float64), valid=known)
