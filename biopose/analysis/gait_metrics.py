"""Metrics of walking and running: steps, strides, contact and flight, speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from biopose.analysis.definitions import metric
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import SIDES, Motion, Side
from biopose.analysis.stance import Flight
from biopose.analysis.tables import Event, Metric

STEPS_A_STRIDE, SECONDS_A_MINUTE = 2, 60


def gait_metrics(motion: Motion, events: Sequence[Event], flights: Sequence[Flight]) -> Iterator[Metric]:
    """Metrics of steps.

    Medians pass over a strike that was missed. The standard deviation of a time is that of one such time, from the
    frame interval.

    Args:
        motion: the trial.
        events: all of them, in order.
        flights: likewise.
    """
    sd_s = motion.interval_s / np.sqrt(6)
    yield metric("step_count", sum(event.event == "foot_strike" for event in events))
    strides_s = {side: np.diff(_times(events, "foot_strike", side)) for side in SIDES}
    yield from _medians("stride_time", strides_s, sd_s)
    yield from _medians("contact_time", {side: _contacts_s(events, side) for side in SIDES}, sd_s)
    if known := [float(np.median(times)) for times in strides_s.values() if len(times)]:
        stride_s = float(np.mean(known))
        cadence = STEPS_A_STRIDE * SECONDS_A_MINUTE / stride_s
        yield metric("cadence", cadence, sd=cadence * sd_s / stride_s)
    if flights:
        yield metric("flight_time", float(np.median([flight.duration_s for flight in flights])), sd=sd_s)
    yield from _speed(motion)


def _medians(name: str, times_s: Mapping[Side, FloatArray], sd_s: float) -> Iterator[Metric]:
    for side, times in times_s.items():
        if len(times):
            yield metric(name, float(np.median(times)), side=side, sd=sd_s)


def _times(events: Sequence[Event], name: str, side: Side) -> FloatArray:
    return np.array([event.time_s for event in events if (event.event, event.side) == (name, side)])


def _contacts_s(events: Sequence[Event], side: Side) -> FloatArray:
    """Each strike to the next of the foot's events, where that is its leaving the ground."""
    own = [event for event in events if event.side == side and event.event in ("foot_strike", "foot_off")]
    pairs = [(a, b) for a, b in pairwise(own) if (a.event, b.event) == ("foot_strike", "foot_off")]
    return np.array([b.time_s - a.time_s for a, b in pairs])


def _speed(motion: Motion) -> Iterator[Metric]:
    frames = np.flatnonzero(motion.trusted)
    if len(frames) < 2:
        return
    first, last = frames[0], frames[-1]
    displacement_m = [
        motion.coordinates[f"pelvis_t{axis}"][last] - motion.coordinates[f"pelvis_t{axis}"][first] for axis in "xz"
    ]
    yield metric("mean_speed", np.hypot(*displacement_m) / (motion.time_s[last] - motion.time_s[first]))
