"""Mean times between events, with the uncertainty that the events' own times make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from biopose.analysis.tables import Event

Interval = tuple[Event, Event]


@dataclass(frozen=True)
class MeanInterval:
    """Mean duration of intervals and its standard deviation, None where an event's is unknown; seconds."""

    mean_s: float
    sd_s: float | None


def between(events: Sequence[Event], *pattern: str) -> list[Interval]:
    """First and last event of every stretch of consecutive events that are named so, in the order of time."""
    n = len(pattern)
    stretches = [events[i : i + n] for i in range(len(events) - n + 1)]
    return [(s[0], s[-1]) for s in stretches if tuple(event.event for event in s) == pattern]


def mean_interval(intervals: Sequence[Interval]) -> MeanInterval | None:
    """The mean of intervals; None of none.

    Where an interval ends in the event that begins the next, that event's error cancels.
    """
    if not intervals:
        return None
    share: Counter[Event] = Counter()
    for start, end in intervals:
        share[end] += 1
        share[start] -= 1
    mean_s = sum(end.time_s - start.time_s for start, end in intervals) / len(intervals)
    known = [(weight, event.sd_s) for event, weight in share.items() if event.sd_s is not None]
    if len(known) < len(share):
        return MeanInterval(mean_s, None)
    return MeanInterval(mean_s, float(sum((weight * sd_s) ** 2 for weight, sd_s in known) ** 0.5) / len(intervals))
