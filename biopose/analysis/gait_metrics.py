"""Figures of walking and running: steps, strides, contact and flight, speed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from biopose.analysis.definitions import Metric
from biopose.analysis.events import Event
from biopose.analysis.motion import SIDES, FloatArray, Motion
from biopose.analysis.stance import Flight

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
    yield Metric("step_count", "none", float(sum(event.event == "foot_strike" for event in events)))
    strides_s = {side: np.diff(_times(events, "foot_strike", side)) for side in SIDES}
    yield from _medians("stride_time", strides_s, sd_s)
    yield from _medians("contact_time", {side: _contacts_s(events, side) for side in SIDES}, sd_s)
    if known := [float(np.median(times)) for times in strides_s.values() if len(times)]:
        stride_s = float(np.mean(known))
        cadence = STEPS_A_STRIDE * SECONDS_A_MINUTE / stride_s
        yield Metric("cadence", "none", cadence, cadence * sd_s / stride_s)
    if flights:
        yield Metric("flight_time", "none", float(np.median([flight.duration_s for flight in flights])), sd_s)
    yield from _speed(motion)


def _medians(name: str, times_s: dict[str, FloatArray], sd_s: float) -> Iterator[Metric]:
    for side, times in times_s.items():
        if len(times):
            yield Metric(name, side, float(np.median(times)), sd_s)


def _times(events: Sequence[Event], name: str, side: str) -> FloatArray:
    return np.array([event.time_s for event in events if (event.event, event.side) == (name, side)])


def _contacts_s(events: Sequence[Event], side: str) -> FloatArray:
    """Each strike to the next of the foot's events, where that is its leaving the ground."""
    own = [event for event in events if event.side == side and event.event in ("foot_strike", "foot_off")]
    pairs = [(a, b) for a, b in zip(own, own[1:], strict=False) if (a.event, b.event) == ("foot_strike", "foot_off")]
    return np.array([b.time_s - a.time_s for a, b in pairs])


def _speed(motion: Motion) -> Iterator[Metric]:
    frames = np.flatnonzero(motion.trusted)
    if len(frames) < 2:
        return
    first, last = frames[0], frames[-1]
    way_m = [
        motion.coordinates[f"pelvis_t{axis}"][last] - motion.coordinates[f"pelvis_t{axis}"][first] for axis in "xz"
    ]
    yield Metric("mean_speed", "none", float(np.hypot(*way_m) / (motion.time_s[last] - motion.time_s[first])))
