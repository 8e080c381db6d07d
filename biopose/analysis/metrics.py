"""Metrics of a whole trial; `definitions` gives the meaning and the source of each.

What is made of event times has the standard deviation that follows from theirs, an angle at one that of the angle and
the moment; of a peak or range it is sampled, but for the speeds and angular velocities of throws and kicks, whose
deviations are those of a single frame (`swings`). What was not filmed or not found, such as the landing of a jump or a
whole stride, and what a moving camera or missing markers hide, is null, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import SIDES
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.events import JUMPS, knee_flexion_peaks
from biopose.analysis.extremes import KNEES, Curve, missing, peak, peak_and_range
from biopose.analysis.flights import Flights
from biopose.analysis.gait_metrics import gait_metrics
from biopose.analysis.jump_metrics import jump_metrics
from biopose.analysis.kicks import kick_metrics
from biopose.analysis.landing_metrics import landing_metrics
from biopose.analysis.motion import Motion
from biopose.analysis.squat_posture import squat_posture
from biopose.analysis.step_metrics import step_metrics
from biopose.analysis.tables import Event, Metric
from biopose.analysis.throws import throw_metrics

GAIT = ("walk", "run", "sprint")
ANGLES = {"hip_flexion": "hip_flexion", "knee_flexion": "knee_angle", "ankle_dorsiflexion": "ankle_angle"}


def find_metrics(motion: Motion, events: Sequence[Event], flights: Flights, *, activity: str) -> list[Metric]:
    """All metrics of a trial, those of its activity included.

    Args:
        motion: the trial.
        events: by `find_events`.
        flights: by `flights.find_flights`.
        activity: of the manifest.
    """
    metrics = [metric("duration", motion.time_s[-1] - motion.time_s[0]), *_angles(motion)]
    if activity in JUMPS or (activity == "other" and flights.found):
        metrics += jump_metrics(motion, events, flights, activity=activity)
    if activity == "drop_jump":
        metrics += landing_metrics(motion, flights)
    if activity == "squat":
        metrics += [*_squat(motion), *squat_posture(motion)]
    if activity in GAIT:
        of_gait = list(gait_metrics(motion, events, flights.found, activity=activity))
        metrics += of_gait
        metrics += step_metrics(motion, events, flights.found, of_gait, activity=activity)
    if activity == "throw":
        metrics += throw_metrics(motion, events)
    if activity == "kick":
        metrics += kick_metrics(motion)
    return metrics


def _angles(motion: Motion) -> Iterator[Metric]:
    """Peak and range of each sagittal angle, a side at a time."""
    for name, joint in ANGLES.items():
        for side in SIDES:
            yield from peak_and_range(motion, _all(motion), name, f"{joint}_{side[0]}", side=side)


def _squat(motion: Motion) -> Iterator[Metric]:
    """Repetitions and depth."""
    if reason := missing(motion, _all(motion), KNEES):
        yield unknown_metric("repetition_count", reason=reason)
    else:
        yield metric("repetition_count", len(knee_flexion_peaks(motion)))
    yield from peak(motion, _all(motion), "squat_depth", Curve.of(motion, KNEES))


def _all(motion: Motion) -> NDArray[np.bool_]:
    return np.ones(len(motion), dtype=np.bool_)
