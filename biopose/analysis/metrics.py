"""Metrics of a whole trial; `definitions` gives the meaning and the source of each.

What is made of event times has the standard deviation that follows from theirs. An angle read at one frame has that
frame's; that the frame was selected for its extreme angle is not in it. What was not filmed, such as the landing of a
jump, leaves its metrics out; what a moving camera hides is null, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from biopose.analysis.body_points import SIDES
from biopose.analysis.definitions import metric
from biopose.analysis.events import JUMPS, knee_flexion_deg
from biopose.analysis.flights import Flights
from biopose.analysis.gait_metrics import gait_metrics
from biopose.analysis.jump_metrics import jump_metrics
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Event, Metric

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
        metrics += jump_metrics(motion, flights, activity=activity)
    if activity == "squat":
        metrics += _squat(motion, events)
    if activity in GAIT:
        metrics += gait_metrics(motion, events, flights.found)
    return metrics


def _angles(motion: Motion) -> Iterator[Metric]:
    """Peak and range of each sagittal angle, a side at a time.

    The errors of a range's two frames are taken as independent; what they share, such as a bias, would cancel.
    """
    if not motion.trusted.any():
        return
    for name, joint in ANGLES.items():
        for side in SIDES:
            angle_deg = motion.joint_deg(joint, side)[motion.trusted]
            sd_deg = motion.joint_sd_deg(joint, side)[motion.trusted]
            low, high = angle_deg.argmin(), angle_deg.argmax()
            yield metric(f"{name}_peak", angle_deg[high], side=side, sd=sd_deg[high])
            yield metric(f"{name}_range", np.ptp(angle_deg), side=side, sd=np.hypot(sd_deg[low], sd_deg[high]))


def _squat(motion: Motion, events: Sequence[Event]) -> Iterator[Metric]:
    """Repetitions and depth; the errors of the two knees are taken as one, so the depth's is their mean."""
    yield metric("repetition_count", sum(event.event == "peak_knee_flexion" for event in events))
    if motion.trusted.any():
        depth_deg = knee_flexion_deg(motion)[motion.trusted]
        sd_deg = np.mean([motion.joint_sd_deg("knee_angle", side)[motion.trusted] for side in SIDES], axis=0)
        yield metric("squat_depth", depth_deg.max(), sd=sd_deg[depth_deg.argmax()])
