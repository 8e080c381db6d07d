"""Metrics of walking and running: steps, strides, contact and flight, speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.flights import Flight
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.stance import UNKNOWN, States, foot_states
from biopose.analysis.tables import Event, Metric

STEPS_A_STRIDE, SECONDS_A_MINUTE = 2, 60
ON_BELT = "On a treadmill the pelvis stays where it is: its way is not that of the feet."
NEED_WORLD, OF_SIDES = ("step_count", "cadence", "mean_speed"), ("stride_time", "contact_time")

ALONG_VIEW = (
    "Walking or running along the camera's view: when a foot meets and leaves the ground is not seen well enough."
)

Durations = tuple[FloatArray, FloatArray]  # values and standard deviations, in seconds


def gait_metrics(motion: Motion, events: Sequence[Event], flights: Sequence[Flight]) -> Iterator[Metric]:
    """Metrics of steps.

    A stride or a contact counts where its foot's state is known throughout. The standard deviation of a time is that of
    one such time: the median of those that its events' deviations give, for what the method errs by is much the same in
    every step.

    Args:
        motion: the trial.
        events: all of them, in order.
        flights: likewise.
    """
    if motion.world_unknown:
        yield from (unknown_metric(name, reason=motion.world_unknown) for name in NEED_WORLD)
        for name in OF_SIDES:
            yield from (unknown_metric(name, side=side, reason=motion.world_unknown) for side in SIDES)
        return
    yield metric("step_count", sum(event.event == "foot_strike" for event in events))
    states = foot_states(motion, flights)
    strides = {side: _strides_s(motion, events, states[side], side) for side in SIDES}
    yield from _medians("stride_time", strides)
    if motion.along_view:
        yield from (unknown_metric("contact_time", side=side, reason=ALONG_VIEW) for side in SIDES)
    else:
        yield from _medians("contact_time", {side: _contacts_s(motion, events, states[side], side) for side in SIDES})
    if known := [(float(np.median(times)), float(np.median(sds))) for times, sds in strides.values() if len(times)]:
        stride_s, sd_s = (float(np.mean(values)) for values in zip(*known, strict=True))
        cadence = STEPS_A_STRIDE * SECONDS_A_MINUTE / stride_s
        yield metric("cadence", cadence, sd=cadence * sd_s / stride_s)
    if flights:
        sd_s = float(np.median([flight.fall.duration_sd_s for flight in flights]))
        yield metric("flight_time", float(np.median([flight.duration_s for flight in flights])), sd=sd_s)
    yield from _speed(motion)


def _medians(name: str, durations: Mapping[Side, Durations]) -> Iterator[Metric]:
    for side, (times, sds) in durations.items():
        if len(times):
            yield metric(name, float(np.median(times)), side=side, sd=float(np.median(sds)))


def strides_of(
    motion: Motion, events: Sequence[Event], states: States, side: Side
) -> Iterator[tuple[int, Event, Event]]:
    """The strides of a side: number, a strike and the same foot's next.

    A stride during which the foot's state is unknown in some frame is left out, since a strike may be missing between;
    the others keep their numbers, which count the pairs of strikes from 1.

    Args:
        motion: the trial.
        events: all of them, in order.
        states: (T,) of this foot, by `foot_states`.
        side: of the foot.
    """
    strikes = [event for event in events if (event.event, event.side) == ("foot_strike", side)]
    for number, (start, end) in enumerate(pairwise(strikes), start=1):
        if _known_between(motion, states, start, end):
            yield number, start, end


def _strides_s(motion: Motion, events: Sequence[Event], states: States, side: Side) -> Durations:
    return _durations([(start, end) for _, start, end in strides_of(motion, events, states, side)])


def _contacts_s(motion: Motion, events: Sequence[Event], states: States, side: Side) -> Durations:
    """Each strike to the next of the foot's events, where that is its leaving the ground and nothing is missing."""
    own = [event for event in events if event.side == side and event.event in ("foot_strike", "foot_off")]
    contacts = [(a, b) for a, b in pairwise(own) if (a.event, b.event) == ("foot_strike", "foot_off")]
    return _durations([(a, b) for a, b in contacts if _known_between(motion, states, a, b)])


def _known_between(motion: Motion, states: States, start: Event, end: Event) -> bool:
    between = (motion.time_s >= start.time_s) & (motion.time_s <= end.time_s)
    return not (states[between] == UNKNOWN).any()


def _durations(pairs: Sequence[tuple[Event, Event]]) -> Durations:
    times = np.array([b.time_s - a.time_s for a, b in pairs])
    sds = np.array([np.hypot(a.sd_s or 0.0, b.sd_s or 0.0) for a, b in pairs])
    return times, sds


def _speed(motion: Motion) -> Iterator[Metric]:
    if motion.on_belt:
        yield unknown_metric("mean_speed", reason=ON_BELT)
        return
    frames = np.flatnonzero(motion.trusted)
    if len(frames) < 2:
        return
    first, last = frames[0], frames[-1]
    duration_s = motion.time_s[last] - motion.time_s[first]
    displacement_m, sd_m = (
        np.array([values[f"pelvis_t{axis}"][[first, last]] for axis in "xz"])
        for values in (motion.coordinates, motion.coordinate_sd)
    )
    way_m = displacement_m[:, 1] - displacement_m[:, 0]
    length_m = float(np.hypot(*way_m))
    variance_along = (sd_m**2).sum(axis=1) @ (way_m / length_m) ** 2 if length_m else np.nan
    yield metric("mean_speed", length_m / duration_s, sd=float(np.sqrt(variance_along)) / duration_s)
