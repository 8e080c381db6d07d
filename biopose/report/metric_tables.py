"""A trial's metrics and events as the report shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.tables import KINEMATICS, Event, Metric

SIDES = {"left": "left", "right": "right", "none": "whole body"}
DECIMALS = {"deg": 1, "m": 3, "s": 3, "m/s": 2, "steps/min": 1}
UNKNOWN = "not known"
NOT_KNOWN = f"{UNKNOWN}: {{}}"
LAST_OF_EVERY_TRIAL = "ankle_dorsiflexion_range"  # in the order of definitions
PLACES = {name: place for place, name in enumerate(DEFINITIONS)}
# What each activity is measured for: a report's first page has room for a few.
MAIN = (
    *("jump_height", "reactive_strength_index", "reactive_strength_index_modified", "mean_speed", "step_frequency"),
    *("cadence", "stride_length", "squat_depth", "wrist_speed_peak", "hip_shoulder_separation_peak", "foot_speed_peak"),
)
TITLES = {"jump_height_com": "jump height by centre of mass", "jump_height_flight": "jump height by flight time"}
SYMBOLS = {"deg": "°", "1": ""}  # of units that are not written as they are


@dataclass(frozen=True)
class MetricRow:
    """A metric of all sides.

    Attributes:
        name: for a person.
        meaning: its definition, in a sentence.
        source: who defines it so; may be empty.
        values: side to value, with standard deviation and unit.
    """

    name: str
    meaning: str
    source: str
    values: dict[str, str]

    @property
    def brief_values(self) -> dict[str, str]:
        """Side to value, without the reasons of those that are not known."""
        return {side: UNKNOWN if text.startswith(UNKNOWN) else text for side, text in self.values.items()}

    @property
    def is_known(self) -> bool:
        """Whether the value of some side is."""
        return set(self.brief_values.values()) != {UNKNOWN}


def metric_rows(metrics: Sequence[Metric]) -> list[MetricRow]:
    """A row for each name, the activity's own first; values that are not finite are left out, unknown ones say so.

    Raises:
        KeyError: a metric that has no definition.
    """
    rows: dict[str, MetricRow] = {}
    for metric in sorted(metrics, key=lambda metric: metric_place(metric.metric)):
        if _is_known(metric.value) or metric.reason:
            definition = DEFINITIONS[metric.metric]
            empty = MetricRow(metric_title(metric.metric), definition.meaning, definition.source, {})
            row = rows.setdefault(metric.metric, empty)
            row.values[metric.side] = (
                NOT_KNOWN.format(metric.reason)
                if metric.value is None
                else format_value(metric.value, unit=metric.unit, sd=metric.sd)
            )
    return list(rows.values())


def metric_title(metric: str) -> str:
    """A metric's name for a person."""
    return TITLES.get(metric, metric.replace("_", " "))


def metric_place(metric: str) -> tuple[bool, int]:
    """The order of metrics: MAIN, then the activity's own, then the joints' peaks and ranges, which every trial has."""
    if metric in MAIN:
        return False, MAIN.index(metric) - len(MAIN)
    place = PLACES.get(metric, len(PLACES))
    return place <= PLACES[LAST_OF_EVERY_TRIAL], place


def sides_of(rows: Sequence[MetricRow]) -> dict[str, str]:
    """Side to title of each column that has values."""
    return {side: title for side, title in SIDES.items() if any(side in row.values for row in rows)}


def event_rows(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    """Time, event and side, in the order of time; the method where it is another than kinematics."""
    return [
        (format_value(event.time_s, unit="s", sd=event.sd_s), _event_name(event), event.side)
        for event in sorted(events, key=lambda event: event.time_s)
    ]


def _event_name(event: Event) -> str:
    name = event.event.replace("_", " ")
    return name if event.method == KINEMATICS else f"{name} ({event.method})"


def format_value(value: float, *, unit: str, sd: float | None = None) -> str:
    """A value with its standard deviation, where it is known, rounded to what is meaningful in its unit.

    A smaller deviation has one digit that is not 0, up to a thousandth of that.
    """
    decimals = DECIMALS.get(unit, 0 if float(value).is_integer() else 2)
    finer = [decimals + more for more in range(4) if sd and math.isfinite(sd) and round(sd, decimals + more)]
    numbers = [
        f"{round(number, places) + 0.0:.{places}f}".replace("-", "\N{MINUS SIGN}")  # 0.0, where it rounds to -0.0
        for number, places in ((value, decimals), (sd, min(finer, default=decimals)))
        if number is not None and math.isfinite(number)
    ]
    return " ± ".join(numbers) + SYMBOLS.get(unit, f" {unit}")


def in_brackets(unit: str) -> str:
    """A unit after the title of a plot; nothing of a number without one."""
    symbol = SYMBOLS.get(unit, unit).strip()
    return f" ({symbol})" if symbol else ""


def _is_known(number: float | None) -> bool:
    return number is not None and math.isfinite(number)
