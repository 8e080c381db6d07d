"""An athlete's heights in different sessions, which should agree: the height is the metric scale of every result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from biopose.io.manifest import TrialEntry

MEASURING_M = 0.03  # two measurements of one person differ by less: shoes, time of day, the tape
GROWTH_M_PER_YEAR = 0.10  # a little more than adolescents grow at their fastest
DAYS_A_YEAR = 365.25


def height_jumps(entries: Iterable[TrialEntry]) -> list[str]:
    """A line for each height of an athlete that neither measuring nor growth explains after that of the session before.

    Args:
        entries: trials of several sessions.
    """
    heights: dict[str, dict[str, tuple[int, float]]] = defaultdict(dict)
    for entry in entries:
        athlete = entry.athlete_id
        heights[athlete][entry.session_id] = entry.date.toordinal(), entry.athlete.height_m
    lines = []
    for athlete, of_sessions in sorted(heights.items()):
        in_order = sorted((day, session, height_m) for session, (day, height_m) in of_sessions.items())
        for (day, before, height_m), (later, after, other_m) in pairwise(in_order):
            if abs(other_m - height_m) > MEASURING_M + GROWTH_M_PER_YEAR * (later - day) / DAYS_A_YEAR:
                lines.append(
                    f"the height of {athlete} is {height_m:g} m in {before} and {other_m:g} m in {after}, "
                    f"{later - day} days later; each session is measured with its own; correct the wrong one"
                )
    return lines
