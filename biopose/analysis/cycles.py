"""Cycles of a trial, each with metrics of its own: strides of either side, jumps, repetitions of a squat.

A stride lasts from a foot's strike to that foot's next; one during which the foot was not observed, or during which a
runner stands on both feet, is left out. A jump lasts from the lowest point of the centre of mass before take-off to
that after landing, where there are such, else from take-off to landing. A repetition lasts from one straightest posture
of the knees to the next. Times of events carry their standard deviations into a cycle's metrics; those of peaks
and ranges are sampled. What is not known because markers are missing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.events import LEVEL_M, LOWEST_WITHIN_S, WITH_JUMPS, knee_flexion_deg, knee_flexion_peaks
from biopose.analysis.extremes import KNEES, Curve, missing, peak, peak_and_range
from biopose.analysis.flights import Flight
from biopose.analysis.gait_metrics import ON_BELT, RUNNING, are_timed, foot_off_within, strides_of, too_short
from biopose.analysis.jump_metrics import jump_heights, landing_peaks
from biopose.analysis.metrics import ANGLES, GAIT
from biopose.analysis.motion import Motion
from biopose.analysis.stance import foot_states
from biopose.analysis.step_metrics import stride_length_m
from biopose.analysis.stride_metrics import Gait, stride_metrics
from biopose.analysis.tables import CycleMetric, Event, Metric

Kind = Literal["stride", "jump", "repetition"]


@dataclass(frozen=True)
class Cycle:
    """A stretch of a trial.

    Attributes:
        cycle: stride, jump or repetition.
        side: of a stride's foot; none of the others.
        number: from 1, of each side.
        start_s: its beginning.
        end_s: its end.
    """

    cycle: Kind
    side: Literal["left", "right", "none"]
    number: int
    start_s: float
    end_s: float


def cycle_metrics(
    motion: Motion, events: Sequence[Event], flights: Sequence[Flight], *, activity: str
) -> list[CycleMetric]:
    """The metrics of every cycle of a trial, in order.

    Args:
        motion: the trial.
        events: by `find_events`.
        flights: by `find_flights`.
        activity: of the manifest.
    """
    found: list[tuple[Cycle, Iterator[Metric]]] = []
    if motion.world_unknown is None:
        if activity in GAIT:
            states = foot_states(motion, flights, running=activity in RUNNING)
            gait = Gait.of(motion, events, states, flights, activity=activity)
            for side in SIDES:
                found += _strides(gait, side)
        if activity in WITH_JUMPS:
            found += [(cycle, _of_jump(motion, flights, jump)) for cycle, jump in _jumps(events, flights)]
    if activity == "squat":
        found += [(cycle, _of_repetition(motion, cycle)) for cycle in _repetitions(motion)]
    return [
        CycleMetric(
            c.cycle, one.side, c.number, c.start_s, c.end_s, one.metric, one.value, one.unit, one.sd, one.constant_sd
        )
        for c, metrics in found
        for one in metrics
        if one.value is not None
    ]


def _strides(gait: Gait, side: Side) -> Iterator[tuple[Cycle, Iterator[Metric]]]:
    running = gait.activity in RUNNING
    for number, start, end in strides_of(gait.motion, gait.events, gait.states, side, running=running):
        cycle = Cycle("stride", side, number, start.time_s, end.time_s)
        yield cycle, _of_stride(gait, cycle, start, end, side)


def _of_stride(gait: Gait, cycle: Cycle, start: Event, end: Event, side: Side) -> Iterator[Metric]:
    motion, events = gait.motion, gait.events
    off = foot_off_within(events, side, start, end)
    yield metric("stride_time", end.time_s - start.time_s, side=side, sd=_sd_s(start, end))
    if off:
        contact_s = off.time_s - start.time_s
        if are_timed(motion, start, off) and not too_short(motion, contact_s):
            yield metric("contact_time", contact_s, side=side, sd=_sd_s(start, off))
        if are_timed(motion, off, end):
            yield metric("swing_time", end.time_s - off.time_s, side=side, sd=_sd_s(off, end))
    yield from _stride_length(motion, start, end, side)
    yield from stride_metrics(gait, side, start, end)
    for name, joint in ANGLES.items():
        yield from peak_and_range(motion, _frames(motion, cycle), name, f"{joint}_{side[0]}", side=side)


def _stride_length(motion: Motion, start: Event, end: Event, side: Side) -> Iterator[Metric]:
    """Of the pelvis's way over the ground; on a treadmill it stays where it is, and there is none."""
    if motion.on_belt:
        yield unknown_metric("stride_length", reason=ON_BELT, side=side)
        return
    if length := stride_length_m(motion, start, end):
        yield metric("stride_length", length[0], side=side, sd=length[1])


def _jumps(events: Sequence[Event], flights: Sequence[Flight]) -> Iterator[tuple[Cycle, Flight]]:
    lowest_s = [event.time_s for event in events if event.event == "lowest_point"]
    jumps = [flight for flight in flights if abs(flight.level_change_m) <= LEVEL_M]
    for number, jump in enumerate(jumps, start=1):
        before = [t for t in lowest_s if jump.take_off_s - LOWEST_WITHIN_S <= t < jump.take_off_s]
        after = [t for t in lowest_s if jump.landing_s < t <= jump.landing_s + LOWEST_WITHIN_S]
        yield (
            Cycle("jump", "none", number, max(before, default=jump.take_off_s), min(after, default=jump.landing_s)),
            jump,
        )


def _of_jump(motion: Motion, flights: Sequence[Flight], jump: Flight) -> Iterator[Metric]:
    yield metric("flight_time", jump.duration_s, sd=jump.fall.duration_sd_s)
    yield from jump_heights(jump.fall)
    yield from landing_peaks(motion, jump, flights)


def _repetitions(motion: Motion) -> list[Cycle]:
    peaks = knee_flexion_peaks(motion)
    knees_deg = knee_flexion_deg(motion)
    edges = [0, *peaks, len(motion) - 1] if peaks else []
    straight = [a + int(knees_deg[a : b + 1].argmin()) for a, b in pairwise(edges)]
    times = motion.time_s[straight]
    return [Cycle("repetition", "none", i, float(a), float(b)) for i, (a, b) in enumerate(pairwise(times), start=1)]


def _of_repetition(motion: Motion, cycle: Cycle) -> Iterator[Metric]:
    frames = _frames(motion, cycle)
    if not missing(motion, frames, KNEES):
        yield metric("duration", cycle.end_s - cycle.start_s)
    yield from peak(motion, frames, "squat_depth", Curve.of(motion, KNEES))
    for side in SIDES:
        for name, joint in ANGLES.items():
            yield from peak_and_range(motion, frames, name, f"{joint}_{side[0]}", side=side)


def _frames(motion: Motion, cycle: Cycle) -> NDArray[np.bool_]:
    """(T,) the frames of a cycle."""
    return (motion.time_s >= cycle.start_s) & (motion.time_s <= cycle.end_s)


def _sd_s(start: Event, end: Event) -> float:
    return float(np.hypot(start.sd_s or 0.0, end.sd_s or 0.0))
