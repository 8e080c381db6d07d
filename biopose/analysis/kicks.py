"""Event and metrics of the fastest kick of a trial: the strike of the ball, speeds and ranges of the kicking leg.

The kicking leg is that whose foot is by far the faster. The ball is not observed; the foot strikes it where it is
fastest: it accelerates up to the impact, which slows it (Lees et al. 2010, J Sports Sci 28:805).
"""

from __future__ import annotations

from collections.abc import Iterator

from biopose.analysis.body_geometry import lacking, of_both_sides
from biopose.analysis.body_points import CENTER_OF_MASS, Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.extremes import peak_and_range
from biopose.analysis.motion import Motion
from biopose.analysis.swings import (
    Swing,
    fastest_swing,
    never_determined,
    peak_rate_between,
    rate_deg_s,
    speed_metric,
    too_slow,
    undetermined_between,
)
from biopose.analysis.tables import Metric

POINTS = (CENTER_OF_MASS, *of_both_sides("hip", "knee", "ankle", "toes"))
COORDINATES = of_both_sides("hip_flexion", "knee_angle", "ankle_angle")
TURNED_BY = {"hip": ("pelvis_tilt", "hip_flexion"), "knee": ("knee_angle",), "ankle": ("ankle_angle",)}
LEAST_M_S = 5.0  # of a kicking foot beside the centre of mass
SWING_S = 0.5  # before the ball's strike: back swing and forward swing
AFTER_S = 0.05  # the ball's strike, in which the knee may still extend faster
NAMES = ("foot_speed_peak", "knee_extension_velocity_peak", "kick_hip_flexion_peak", "kick_hip_flexion_range")
NO_PEAK = "No peak lies in the leg's swing in frames that can be trusted."


def find_kick(motion: Motion) -> Swing | str:
    """The fastest swing of a foot; why there is none, in a sentence."""
    if reason := motion.world_unknown or lacking(motion, POINTS) or never_determined(motion, COORDINATES):
        return reason
    return fastest_swing(motion, "toes", least_m_s=LEAST_M_S, limb="foot", turned_by=TURNED_BY)


def kick_events(motion: Motion) -> Iterator[tuple[str, Side, float, float]]:
    """Name, side, time and standard deviation of the ball's strike."""
    kick = find_kick(motion)
    if not isinstance(kick, str):
        yield "ball_strike", kick.side, kick.time_s, kick.sd_s


def kick_metrics(motion: Motion) -> Iterator[Metric]:
    """Metrics of the kick; null with the reason where there is none."""
    kick = find_kick(motion)
    if isinstance(kick, str):
        yield from (unknown_metric(name, reason=kick) for name in NAMES)
        return
    yield speed_metric(motion, "foot_speed_peak", kick, limb="leg")
    yield _knee_extension(motion, kick)
    swing = (motion.time_s >= kick.time_s - SWING_S) & (motion.time_s <= kick.time_s)
    yield from peak_and_range(motion, swing, "kick_hip_flexion", f"hip_flexion_{kick.side[0]}", side=kick.side)


def _knee_extension(motion: Motion, kick: Swing) -> Metric:
    name, knee = "knee_extension_velocity_peak", f"knee_angle_{kick.side[0]}"
    start_s, end_s = kick.time_s - SWING_S, kick.time_s + AFTER_S
    reason = too_slow(motion, "leg") or undetermined_between(motion, [knee], start_s, end_s)
    rate = rate_deg_s(motion, -motion.coordinates[knee], {knee: 1.0})
    peak = None if reason else peak_rate_between(motion, rate, start_s, end_s)
    if peak is None:
        return unknown_metric(name, side=kick.side, reason=reason or NO_PEAK)
    return metric(name, float(rate.deg[peak[0]]), side=kick.side, sd=rate.sd_deg[peak[0]])
