"""Metrics of one stride from where the feet and the body are, as `step_metrics` has them of a whole trial.

A stride has the length of the step that ends it, and the contact that begins it. What is not known is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from biopose.analysis.along_view import hides_contacts
from biopose.analysis.body_geometry import lacking, leg_length_m, of_both_sides
from biopose.analysis.body_points import Side
from biopose.analysis.definitions import metric
from biopose.analysis.flights import Flight
from biopose.analysis.gait_metrics import RUNNING, Reading, foot_off_within, too_short
from biopose.analysis.motion import Motion
from biopose.analysis.stance import States
from biopose.analysis.step_metrics import (
    CONTACTS,
    POINTS,
    Step,
    double_support_of,
    is_whole,
    of_step,
    oscillation_m,
    oscillation_sd_m,
    steps_of,
    stiffness_of,
    stride_length_m,
)
from biopose.analysis.tables import Event, Metric

SAME_S = 0.02  # a flight begins within so much of the foot's leaving the ground that begins it


@dataclass(frozen=True, eq=False)
class Gait:
    """A trial's steps, for the metrics of its strides.

    Attributes:
        motion: the trial.
        events: all of them, in order.
        states: (T,) of each foot, by `foot_states`.
        flights: in order.
        steps: that count; those of which the model lacks a point do not.
        activity: walk, run or sprint.
    """

    motion: Motion
    events: Sequence[Event]
    states: Mapping[Side, States]
    flights: Sequence[Flight]
    steps: Sequence[Step]
    activity: str

    @classmethod
    def of(
        cls,
        motion: Motion,
        events: Sequence[Event],
        states: Mapping[Side, States],
        flights: Sequence[Flight],
        *,
        activity: str,
    ) -> Gait:
        """The steps of a trial."""
        found = steps_of(motion, events, states, running=activity in RUNNING)
        known = not isinstance(found, str) and not lacking(motion, POINTS)
        steps = [one for one in found if isinstance(one, Step) and is_whole(motion, one)] if known else []
        return cls(motion, events, states, flights, steps, activity)


def stride_metrics(gait: Gait, side: Side, start: Event, end: Event) -> Iterator[Metric]:
    """Metrics of a stride, beyond its times, its length and its joints' angles.

    Args:
        gait: of the trial.
        side: of the foot.
        start: its strike.
        end: its next.
    """
    for step in gait.steps:
        if step.strike == end and not gait.motion.on_belt:
            yield _metric("step_length", of_step(gait.motion, "step_length", step), side)
        if step.strike == start and not gait.motion.along_view:
            yield from (_metric(name, of_step(gait.motion, name, step), side) for name in CONTACTS[gait.activity])
    if gait.activity not in RUNNING and not hides_contacts(gait.motion):
        share = double_support_of(gait.motion, gait.events, gait.states, side, start, end)
        if share:
            yield _metric("double_support", share, side)
    if (oscillation := oscillation_m(gait.motion, start, end)) is not None:
        yield _metric("vertical_oscillation", Reading(oscillation, oscillation_sd_m(gait.motion, oscillation)), side)
    if gait.activity == "run":
        yield from _leg_stiffness(gait, side, start, end)


def _leg_stiffness(gait: Gait, side: Side, start: Event, end: Event) -> Iterator[Metric]:
    """Of the stride's contact, the flight that follows it and its speed."""
    motion = gait.motion
    off = foot_off_within(gait.events, side, start, end)
    length = None if motion.on_belt else stride_length_m(motion, start, end)
    if not off or not length or lacking(motion, of_both_sides("hip", "knee", "ankle", "heel")):
        return
    stride_s = end.time_s - start.time_s
    flights = [one for one in gait.flights if abs(one.take_off_s - off.time_s) <= SAME_S]
    contact_s = off.time_s - start.time_s
    if not flights or motion.along_view or too_short(motion, contact_s):
        return
    values = np.array([contact_s, flights[0].duration_s, length[0] / stride_s])
    sds = [_sd_s(start, off), flights[0].fall.duration_sd_s]
    speed_sd = float(np.hypot(length[1], values[2] * _sd_s(start, end))) / stride_s
    found = stiffness_of(values, np.array([*sds, speed_sd]), leg_length_m=leg_length_m(motion, side))
    if found:
        yield _metric("leg_stiffness", Reading(*found), side)


def _sd_s(start: Event, end: Event) -> float:
    return float(np.hypot(start.sd_s or 0.0, end.sd_s or 0.0))


def _metric(name: str, found: Reading, side: Side) -> Metric:
    return metric(name, side=side, **found._asdict())
