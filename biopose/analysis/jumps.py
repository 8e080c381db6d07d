"""Metrics of flights: jumps, and the flights of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from biopose.analysis.definitions import metric
from biopose.analysis.flights import GRAVITY_M_S2
from biopose.analysis.gait import GAITS
from biopose.analysis.intervals import Interval, between, mean_interval
from biopose.analysis.measured_trial import MeasuredTrial
from biopose.analysis.tables import Event, Metric


def flight_metrics(trial: MeasuredTrial, events: Sequence[Event], *, activity: str) -> list[Metric]:
    """Flight time, and of jumps the height; nothing where no whole flight was seen."""
    moments = [event for event in events if event.event in ("take_off", "landing")]
    flights = between(moments, "take_off", "landing")
    if activity in GAITS:
        mean = mean_interval(flights)
        return [metric("flight_time", mean.mean_s, sd=mean.sd_s)] if mean else []
    if activity != "drop_jump":
        return _jump(trial, flights)
    contacts = between(moments, "landing", "take_off", "landing")  # the fall from the box is no jump
    rebounds = [flight for flight in flights if any(flight[1] is end for _, end in contacts)]
    return _jump(trial, rebounds) + _rebound_contact(moments, rebounds)


def _jump(trial: MeasuredTrial, flights: Sequence[Interval]) -> list[Metric]:
    """The longest flight."""
    flight = mean_interval([longest := _longest(flights)]) if flights else None
    if flight is None:
        return []
    t = flight.mean_s
    height_sd_m = None if flight.sd_s is None else GRAVITY_M_S2 * t / 4 * flight.sd_s
    return [
        metric("flight_time", t, sd=flight.sd_s),
        metric("jump_height_flight", GRAVITY_M_S2 * t**2 / 8, sd=height_sd_m),
        metric("jump_height_pelvis", _pelvis_rise_m(trial, longest)),
    ]


def _pelvis_rise_m(trial: MeasuredTrial, flight: Interval) -> float:
    """From take-off to the top."""
    first, last = np.searchsorted(trial.frame_index, [event.frame_index for event in flight])
    height_m = trial.column("pelvis_ty_m")[first : last + 1]
    return float(np.nanmax(height_m) - height_m[0])


def _rebound_contact(moments: Sequence[Event], rebounds: Sequence[Interval]) -> list[Metric]:
    """The contact before the longest rebound."""
    if not rebounds:
        return []
    take_off, _ = _longest(rebounds)
    contact = mean_interval([pair for pair in between(moments, "landing", "take_off") if pair[1] is take_off])
    return [metric("contact_time", contact.mean_s, sd=contact.sd_s)] if contact else []


def _longest(flights: Sequence[Interval]) -> Interval:
    return max(flights, key=lambda flight: flight[1].time_s - flight[0].time_s)
