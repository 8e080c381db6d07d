"""Flights of the body, from the free fall of its centre of mass and from when the feet leave and meet the ground.

A flight is found where the centre of mass falls freely while the feet move; its ends are fitted by `free_fall`, from
the moments when a foot's points leave the heights at which they rested, and come to those at which they rest next.
Where feet rest gives the levels of the ground: each flight has the level from which it takes off and on which it lands,
so a box, a kerb or stairs need not be known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.derivatives import crossing_s, derivative
from biopose.analysis.foot_motion import LOWEST, RESTS_UP_TO_M_S
from biopose.analysis.free_fall import GRAVITY_M_S2, FreeFall, fit_free_fall
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion

FREE_FALL_SHARE = 0.55  # of gravity; the smoothing of the acceleration blurs it at either end
ACCELERATION_WINDOW_S = 0.05
LONGEST_GAP_S = 0.04  # that the measurement's noise makes
SHORTEST_FLIGHT_S = 0.05  # of a run
LONGEST_FLIGHT_S = 1.2  # a jump of 1.8 m
GRAVITY_WITHIN = 0.4  # of gravity, that the heights' free fit must meet: one camera's scale is no better
LEAST_FOOT_SPEED_M_S = 0.4  # on average in flight; feet that stand while somebody sinks quickly are slower
BESIDE_S = 0.4  # stance before and after a flight, in which the feet's resting heights are looked for
OFF_THE_GROUND_M = 0.015  # above its resting height a foot's lowest point has left the ground, give or take ...
OFF_THE_GROUND_SD_S = 0.012
EDGE_S = 0.08  # within which of the free fall's edges the feet leave and meet the ground


@dataclass(frozen=True)
class Flight:
    """Both feet in the air.

    Attributes:
        fall: the parabola of the centre of mass, with take-off and landing.
        off_s: when each foot left the ground, by side; the last is the take-off.
        on_s: when each foot came back within the stance that follows; the first is the landing.
        level_change_m: how much higher the ground is at landing than at take-off.
    """

    fall: FreeFall
    off_s: Mapping[Side, float]
    on_s: Mapping[Side, float]
    level_change_m: float

    @property
    def take_off_s(self) -> float:
        """Time of leaving the ground."""
        return self.fall.take_off_s

    @property
    def landing_s(self) -> float:
        """Time of coming back."""
        return self.fall.landing_s

    @property
    def duration_s(self) -> float:
        """From take-off to landing."""
        return self.fall.duration_s


def find_flights(motion: Motion) -> list[Flight]:
    """Each time that the centre of mass falls freely and the feet move, within the recording.

    None where positions in the world are not known.
    """
    if motion.world_unknown:
        return []
    height_m = motion.center_of_mass_m[:, 1]
    acceleration = derivative(height_m, motion.time_s, order=2, degree=2, half_window_s=ACCELERATION_WINDOW_S)
    falling = _without_gaps(acceleration < -FREE_FALL_SHARE * GRAVITY_M_S2, motion.interval_s)
    spans = [
        (start, end)
        for start, end in runs(falling)
        if start > 0 and end < len(motion) and _feet_move(motion, start, end)
    ]
    found = []
    for number, (start, end) in enumerate(spans):
        earliest = spans[number - 1][1] if number else 0
        latest = spans[number + 1][0] if number + 1 < len(spans) else len(motion)
        flight = _flight(motion, start, end, earliest=earliest, latest=latest)
        if flight is not None:
            found.append(flight)
    return found


def _without_gaps(falling: NDArray[np.bool_], interval_s: float) -> NDArray[np.bool_]:
    """Free fall goes on through a gap that is shorter than a foot's contact."""
    filled = falling.copy()
    for start, end in runs(~falling):
        if start > 0 and end < len(falling) and (end - start) * interval_s < LONGEST_GAP_S:
            filled[start:end] = True
    return filled


def _feet_move(motion: Motion, start: int, end: int) -> bool:
    speeds = [motion.foot_speed_m_s[side][start:end].mean() for side in SIDES]
    return bool(min(speeds) > LEAST_FOOT_SPEED_M_S)


def _flight(motion: Motion, start: int, end: int, *, earliest: int, latest: int) -> Flight | None:
    """The flight about frames in which the centre of mass falls freely, between the falls before and after."""
    time_s = motion.time_s
    before = np.arange(max(earliest, _frame_at(time_s, time_s[start] - BESIDE_S)), start + 1)
    after = np.arange(end - 1, min(latest, _frame_at(time_s, time_s[end - 1] + BESIDE_S) + 1))
    off_s = _known({side: _left_ground_s(motion, side, before, near=start) for side in SIDES})
    on_s = _known({side: _met_ground_s(motion, side, after, near=end - 1) for side in SIDES})
    if not off_s or not on_s or max(off_s.values()) >= min(on_s.values()):
        return None
    take_off_s, landing_s = max(off_s.values()), min(on_s.values())
    sd_s = float(np.hypot(OFF_THE_GROUND_SD_S, motion.interval_s / np.sqrt(12)))
    fall = fit_free_fall(
        time_s,
        motion.center_of_mass_m[:, 1],
        take_off_s=take_off_s,
        landing_s=landing_s,
        take_off_sd_s=sd_s,
        landing_sd_s=sd_s,
    )
    wrong = abs(fall.acceleration_m_s2 + GRAVITY_M_S2) > GRAVITY_WITHIN * GRAVITY_M_S2
    if wrong or not SHORTEST_FLIGHT_S <= fall.duration_s <= LONGEST_FLIGHT_S:
        return None
    return Flight(
        fall,
        {side: at_s + fall.take_off_s - take_off_s for side, at_s in off_s.items()},
        {side: at_s + fall.landing_s - landing_s for side, at_s in on_s.items()},
        _level_m(motion, after) - _level_m(motion, before),
    )


def _known(times_s: Mapping[Side, float | None]) -> dict[Side, float]:
    return {side: time_s for side, time_s in times_s.items() if time_s is not None}


def _left_ground_s(motion: Motion, side: Side, before: NDArray[np.intp], *, near: int) -> float | None:
    """When a foot left the level on which it rested in some frames; None where it did not rest."""
    clearance_m = _clearance_m(motion, side, before)
    if clearance_m is None:
        return None
    away = np.abs(clearance_m) > OFF_THE_GROUND_M  # off a box a foot may only fall
    last = min(_frame_at(motion.time_s, motion.time_s[near] + EDGE_S), len(away) - 1)
    on_ground = np.flatnonzero(~away[before[0] : last + 1]) + before[0]
    if not len(on_ground) or on_ground[-1] + 1 >= len(away):
        return None
    frame = int(on_ground[-1]) + 1
    return crossing_s(np.abs(clearance_m), motion.time_s, OFF_THE_GROUND_M, frame=frame)


def _met_ground_s(motion: Motion, side: Side, after: NDArray[np.intp], *, near: int) -> float | None:
    """When a foot came down to the level on which it rests in some frames; None where it does not rest."""
    clearance_m = _clearance_m(motion, side, after)
    if clearance_m is None:
        return None
    first = max(_frame_at(motion.time_s, motion.time_s[near] - EDGE_S), 1)
    on_ground = np.flatnonzero(clearance_m[first : after[-1] + 1] <= OFF_THE_GROUND_M) + first
    if not len(on_ground):
        return None
    return crossing_s(clearance_m, motion.time_s, OFF_THE_GROUND_M, frame=int(on_ground[0]))


def _clearance_m(motion: Motion, side: Side, frames: NDArray[np.intp]) -> FloatArray | None:
    """(T,) how far the foot is above where it rests in some frames: each point above its own lowest, the least."""
    resting = frames[motion.foot_speed_m_s[side][frames] <= RESTS_UP_TO_M_S]
    if not len(resting) or not motion.foot_observed[side][resting].any():
        return None
    heights_m = motion.foot_points_m[side][..., 1]
    return np.asarray((heights_m - np.quantile(heights_m[resting], LOWEST, axis=0)).min(axis=1))


def _level_m(motion: Motion, frames: NDArray[np.intp]) -> float:
    """Height at which feet rest in some frames; of a foot's lowest point."""
    lowest_m = []
    for side in SIDES:
        resting = frames[motion.foot_speed_m_s[side][frames] <= RESTS_UP_TO_M_S]
        lowest_m += motion.foot_points_m[side][resting, :, 1].min(axis=1).tolist()
    return float(np.median(lowest_m))


def _frame_at(time_s: FloatArray, at_s: float) -> int:
    return int(np.searchsorted(time_s, at_s - 1e-9))


def runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First frame and end of each run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
