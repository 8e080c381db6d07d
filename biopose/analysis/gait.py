"""Metrics of walking, running and sprinting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from biopose.analysis.contact import SHORTEST_CONTACT_S, SIDES, Side, foot_contact, frames_in, without_short
from biopose.analysis.definitions import metric
from biopose.analysis.intervals import Interval, between, mean_interval
from biopose.analysis.measured_trial import MeasuredTrial
from biopose.analysis.tables import Event, Metric

GAITS = ("walk", "run", "sprint")
STEPS_TIMES_MINUTE_S = 120.0  # two steps a stride, 60 s a minute


def gait_metrics(trial: MeasuredTrial, events: Sequence[Event]) -> list[Metric]:
    """Steps, strides, contacts and speed; what no full stride or contact was seen of is left out."""
    strikes = [event for event in events if event.event == "foot_strike"]
    metrics = [metric("step_count", len(strikes))]
    strides = {side: _whole(trial, events, side, "foot_strike", "foot_off", "foot_strike") for side in SIDES}
    contacts = {side: _whole(trial, events, side, "foot_strike", "foot_off") for side in SIDES}
    for name, intervals in (("stride_time", strides), ("contact_time", contacts)):
        means = [(side, mean_interval(intervals[side])) for side in SIDES]
        metrics += [metric(name, mean.mean_s, side=side, sd=mean.sd_s) for side, mean in means if mean]
    return metrics + _cadence([*strides["left"], *strides["right"]]) + _mean_speed(trial)


def _whole(trial: MeasuredTrial, events: Sequence[Event], side: Side, *pattern: str) -> list[Interval]:
    """A side's intervals in which no contact can have gone unseen."""
    known = foot_contact(trial, side).known
    followed = ~without_short(~known, at_least=frames_in(trial, SHORTEST_CONTACT_S))
    found = between([event for event in events if event.side == side], *pattern)
    rows = [np.searchsorted(trial.frame_index, [start.frame_index, end.frame_index]) for start, end in found]
    return [interval for interval, (a, b) in zip(found, rows, strict=True) if followed[a:b].all()]


def _cadence(strides: Sequence[Interval]) -> list[Metric]:
    mean = mean_interval(strides)
    if mean is None:
        return []
    cadence = STEPS_TIMES_MINUTE_S / mean.mean_s
    return [metric("cadence", cadence, sd=None if mean.sd_s is None else cadence * mean.sd_s / mean.mean_s)]


def _mean_speed(trial: MeasuredTrial) -> list[Metric]:
    level_m = np.stack([trial.column("pelvis_tx_m"), trial.column("pelvis_tz_m")], axis=-1)
    duration_s = trial.time_s[-1] - trial.time_s[0]
    if not duration_s:
        return []
    return [metric("mean_speed", float(np.linalg.norm(level_m[-1] - level_m[0])) / duration_s)]
