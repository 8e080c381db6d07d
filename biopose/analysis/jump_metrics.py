"""Metrics of jumps: flight time, heights, the knee after landing, and the contact before a drop jump's flight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from biopose.analysis.definitions import metric
from biopose.analysis.motion import SIDES, Motion
from biopose.analysis.stance import GRAVITY_M_S2, Flight
from biopose.analysis.tables import Metric

LEVEL_M = 0.1  # a flight from a box, or onto one, has no g t^2 / 8
LANDING_S = 1.0


def jump_metrics(motion: Motion, flights: Sequence[Flight], *, activity: str) -> Iterator[Metric]:
    """Metrics of the longest jump that ends where it began.

    Args:
        motion: the trial.
        flights: all of them, in order.
        activity: countermovement_jump or drop_jump.
    """
    jumps = [flight for flight in flights if abs(flight.rise_m) <= LEVEL_M]
    yield metric("jump_count", len(jumps))
    if not jumps:
        return
    jump = max(jumps, key=lambda flight: flight.duration_s)
    sd_s = _sd_s(motion)
    yield metric("flight_time", jump.duration_s, sd=sd_s)
    height_m = GRAVITY_M_S2 * jump.duration_s**2 / 8
    yield metric("jump_height_flight", height_m, sd=GRAVITY_M_S2 * jump.duration_s / 4 * sd_s)
    pelvis_m = motion.coordinates["pelvis_ty"]
    take_off_m = float(np.interp(jump.take_off_s, motion.time_s, pelvis_m))
    yield metric("jump_height_pelvis", pelvis_m[jump.first : jump.landing].max() - take_off_m)
    earlier = [flight for flight in flights if flight.landing_s < jump.take_off_s]
    if activity == "drop_jump" and earlier:
        yield metric("contact_time", jump.take_off_s - earlier[-1].landing_s, sd=sd_s)
    yield from _landing(motion, jump, flights)


def _landing(motion: Motion, jump: Flight, flights: Sequence[Flight]) -> Iterator[Metric]:
    end_s = min([jump.landing_s + LANDING_S, *(f.take_off_s for f in flights if f.take_off_s > jump.landing_s)])
    frames = (motion.time_s >= jump.landing_s) & (motion.time_s <= end_s) & motion.trusted
    if frames.any():
        for side in SIDES:
            angle_deg = motion.joint_deg("knee_angle", side)[frames]
            sd_deg = motion.joint_sd_deg("knee_angle", side)[frames]
            peak = angle_deg.argmax()
            yield metric("knee_flexion_landing_peak", angle_deg[peak], side=side, sd=sd_deg[peak])


def _sd_s(motion: Motion) -> float:
    """Of the time between two events, each anywhere within its frame interval."""
    return float(motion.interval_s / np.sqrt(6))
