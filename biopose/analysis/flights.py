"""Flights of the body, from the free fall of its centre of mass and from when the feet leave and meet the ground.

A flight is found where the centre of mass falls freely while the feet move; its ends are fitted by `free_fall`, from
the moments when a foot's points leave the heights at which they rested, and come to those at which they rest next
(`foot_clearance`). Where the heights' acceleration in flight is not gravity's, where markers are missing or few frames
are to be trusted, it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.derivatives import derivative
from biopose.analysis.foot_clearance import (
    LEAST_RUNNING_LANDING_SD_S,
    evidence_of,
    frame_at,
    is_raised,
    left_ground_s,
    level_change_m,
    met_ground_running_s,
    met_ground_s,
    met_same_ground_s,
)
from biopose.analysis.free_fall import GRAVITY_M_S2, LANDING, REACH_S, Force, FreeFall, fit_free_fall
from biopose.analysis.gait_events import knee_extended_s, least_running_sd_s
from biopose.analysis.motion import Motion, runs

NEVER_IN_FLIGHT = ("walk", "squat")  # an apparent flight is a foot contact that was not recognised
FREE_FALL_SHARE = 0.55  # of gravity; the smoothing of the acceleration blurs it at either end
ACCELERATION_WINDOW_S = 0.05
LONGEST_GAP_S = 0.04  # that the measurement's noise makes
SHORTEST_FLIGHT_S = 0.05  # of a run
SURE_FLIGHT_S = 0.1  # of a free fall that is a flight whatever is seen of the feet
LONGEST_HIDING_GAP_S = 0.1  # beside flights that are found: a shorter gap hides no other jump
LONGEST_FLIGHT_S = 1.2  # a jump of 1.8 m
LEAST_FOOT_SPEED_M_S = 0.4  # on average in flight; feet that stand while somebody sinks quickly are slower
BESIDE_S = 0.4  # stance before and after a flight, in which the feet's resting heights are looked for
LEAST_TRUSTED = 0.5  # of the frames of a flight: as somebody leaves the picture, all rises and falls
RISES_S = 0.03  # a landing is no earlier than the apex by more than their errors
TOGETHER_SDS = 2.0  # of their difference's error: feet on film that are nearer leave, or land, together

Times = dict[Side, tuple[float, float]]  # of a foot's event, and its standard deviation


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


@dataclass(frozen=True)
class Flights:
    """What was found in a trial.

    Attributes:
        found: in order.
        refused: a sentence for each in which the heights contradict gravity, whose take-off or landing is not seen, or
            that gaps in the markers may hide.
        in_air_s: from when to when the centre of mass surely falls freely in those that are refused.
    """

    found: tuple[Flight, ...] = ()
    refused: tuple[str, ...] = ()
    in_air_s: tuple[tuple[float, float], ...] = ()


def find_flights(motion: Motion, *, running: bool = False, landing: Force = LANDING) -> Flights:
    """Each time that the centre of mass falls freely and the feet move, within the recording.

    None where positions in the world are not known.

    Args:
        motion: the trial.
        running: whether a foot leaves the ground when its knee is most extended (`gait_events`), as in running and
            sprinting; a foot that rolls over its toes rises too slowly for its height to give the moment.
        landing: how the ground's force rises after a flight.
    """
    if motion.world_unknown:
        return Flights()
    falls = _falls(motion)
    spans = [(start, end) for start, end in falls if start > 0 and end < len(motion)]
    results: list[Flight | str | None] = [_unseen(motion, *span) for span in falls if span not in spans]
    for number, (start, end) in enumerate(spans):
        earliest = spans[number - 1][1] if number else 0
        latest = spans[number + 1][0] if number + 1 < len(spans) else len(motion)
        results.append(_flight(motion, start, end, earliest=earliest, latest=latest, running=running, landing=landing))
    found = tuple(one for one in results if isinstance(one, Flight))
    refused = tuple(one for one in results if isinstance(one, str))
    hidden = () if refused else _hidden(motion, longer_than_s=LONGEST_HIDING_GAP_S if found else 0.0)
    return Flights(found, refused + hidden, _in_air_besides(motion, found) if refused and not running else ())


def _in_air_besides(motion: Motion, found: Sequence[Flight]) -> tuple[tuple[float, float], ...]:
    """From when to when the centre of mass surely falls freely, without the flights that are found."""
    return tuple(
        (start_s, end_s)
        for start_s, end_s in free_falls_s(motion)
        if not any(one.take_off_s < end_s and start_s < one.landing_s for one in found)
    )


def free_falls_s(motion: Motion) -> list[tuple[float, float]]:
    """From when to when the centre of mass surely falls freely, as in a flight, whatever is seen of the feet.

    None where positions in the world are not known.

    Args:
        motion: the trial.
    """
    falls = [] if motion.world_unknown else [span for span in _falls(motion) if _is_sure(motion, *span)]
    return [(float(motion.time_s[start]), float(motion.time_s[end - 1])) for start, end in falls]


def _falls(motion: Motion) -> list[tuple[int, int]]:
    """First frame and end of each time that the centre of mass falls freely and the feet move."""
    height_m = motion.center_of_mass_m[:, 1]
    acceleration = derivative(height_m, motion.time_s, order=2, degree=2, half_window_s=ACCELERATION_WINDOW_S)
    falling = _without_gaps(acceleration < -FREE_FALL_SHARE * GRAVITY_M_S2, motion.interval_s)
    return [span for span in runs(falling) if _feet_move(motion, *span)]


def _hidden(motion: Motion, *, longer_than_s: float) -> tuple[str, ...]:
    """A sentence about the gaps in the markers that may hide a flight, if there are any within the recording."""
    gaps = [
        (start, end)
        for start, end in runs(motion.body_undetermined)
        if start > 0 and end < len(motion) and (end - start) * motion.interval_s > longer_than_s
    ]
    if not gaps:
        return ()
    return (f"{_missing(motion, gaps)}: whether there is a flight is not known there.",)


def _missing(motion: Motion, gaps: Sequence[tuple[int, int]]) -> str:
    return f"{motion.gaps_cause.capitalize()} in {motion.named_frames(gaps)}"


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


def _is_sure(motion: Motion, start: int, end: int) -> bool:
    """Whether a free fall lasts long enough, with gravity's acceleration."""
    time_s, height_m = motion.time_s[start:end], motion.center_of_mass_m[start:end, 1]
    if time_s[-1] - time_s[0] < SURE_FLIGHT_S:
        return False
    acceleration_m_s2 = 2 * np.polyfit(time_s - time_s[0], height_m, 2)[0]
    return bool(abs(acceleration_m_s2 + GRAVITY_M_S2) <= evidence_of(motion).gravity_within * GRAVITY_M_S2)


def _unseen(motion: Motion, start: int, end: int) -> str | None:
    """A sentence about a flight whose take-off or landing is not seen; None where the body does not surely fly."""
    if not _is_sure(motion, start, end):
        return None
    time_s = motion.time_s[start:end]
    if gaps := _gaps_about(motion, time_s[0], time_s[-1]):
        return f"{_missing(motion, gaps)}: take-off, flight or landing near {time_s[0]:.2f} s are not known."
    span = f"Between {time_s[0]:.2f} and {time_s[-1]:.2f} s the centre of mass falls freely, but "
    if start == 0:
        return f"{span}the recording begins in that flight."
    if end == len(motion):
        return f"{span}the recording ends in that flight."
    return f"{span}when the feet leave the ground and meet it is not seen."


def _flight(
    motion: Motion, start: int, end: int, *, earliest: int, latest: int, running: bool, landing: Force
) -> Flight | str | None:
    """The flight about frames in which the centre of mass falls freely, between the falls before and after.

    A sentence where the heights contradict gravity or the feet are not seen; None where there is no flight.
    """
    time_s, evidence = motion.time_s, evidence_of(motion)
    before = np.arange(max(earliest, frame_at(time_s, time_s[start] - BESIDE_S)), start + 1)
    after = np.arange(end - 1, min(latest, frame_at(time_s, time_s[end - 1] + BESIDE_S) + 1))
    off, on, same = _feet(motion, before, after, (start, end - 1), running=running)
    landed = on or same
    if not off or not landed:
        return None if running else _unseen(motion, start, end)
    off_s, on_s = ({side: at_s for side, (at_s, _) in times.items()} for times in (off, landed))
    take_off_s, landing_s = max(off_s.values()), min(on_s.values())
    if take_off_s >= landing_s:
        return None if running else _unseen(motion, start, end)
    take_off_sd_s, landing_sd_s = (max(sd_s for _, sd_s in times.values()) for times in (off, landed))
    fall = fit_free_fall(
        time_s,
        motion.center_of_mass_m[:, 1],
        take_off_s=take_off_s,
        landing_s=landing_s,
        take_off_sd_s=take_off_sd_s,
        landing_sd_s=landing_sd_s,
        errors=evidence.heights,
        landing=landing,
    )
    if running:
        fall = replace(
            fall,
            take_off_sd_s=least_running_sd_s(motion, fall.take_off_sd_s),
            landing_sd_s=least_running_sd_s(motion, max(fall.landing_sd_s, LEAST_RUNNING_LANDING_SD_S)),
        )
    if not SHORTEST_FLIGHT_S <= fall.duration_s <= LONGEST_FLIGHT_S:
        return None
    if abs(fall.acceleration_m_s2 + GRAVITY_M_S2) > evidence.gravity_within * GRAVITY_M_S2:
        return (
            f"Between {take_off_s:.2f} and {landing_s:.2f} s the centre of mass falls with "
            f"{-fall.acceleration_m_s2:.1f} m/s2 instead of {GRAVITY_M_S2}: heights are not known well enough there."
        )
    if not running and fall.landing_s < fall.peak_s - RISES_S:
        return (
            f"At {fall.landing_s:.2f} s the feet seem to come to rest while the centre of mass still rises: "
            "as in a film that stops there."
        )
    if gaps := _gaps_about(motion, fall.take_off_s, fall.landing_s):
        return f"{_missing(motion, gaps)}: take-off, flight or landing near {take_off_s:.2f} s are not known."
    in_air = (time_s >= fall.take_off_s) & (time_s <= fall.landing_s)
    if not running and in_air.any() and motion.trusted[in_air].mean() < LEAST_TRUSTED:
        return (
            f"From {take_off_s:.2f} to {landing_s:.2f} s frames cannot be trusted: whether somebody flies is not known."
        )
    on_s = {side: at_s for side, (at_s, _) in (same | on).items()}
    if motion.of_film:
        off_s, on_s = (
            _together(times, within_s=TOGETHER_SDS * sd_s)
            for times, sd_s in ((off_s, np.sqrt(2) * take_off_sd_s), (on_s, np.sqrt(2) * landing_sd_s))
        )
    return Flight(
        fall,
        {side: at_s + fall.take_off_s - max(off_s.values()) for side, at_s in off_s.items()},
        {side: at_s + fall.landing_s - min(on_s.values()) for side, at_s in on_s.items()},
        level_change_m(motion, before, after) if on else 0.0,
    )


def _feet(
    motion: Motion, before: NDArray[np.intp], after: NDArray[np.intp], fall: tuple[int, int], *, running: bool
) -> tuple[Times, Times, Times]:
    """When each foot leaves the ground; meets the level on which it rests next; and that from which it rose.

    Args:
        motion: the trial.
        before: frames before the flight, in which feet may rest.
        after: frames after it.
        fall: first and last frame of the free fall.
        running: whether a foot leaves the ground when its knee is most extended.
    """
    start, last = fall
    stood, stands = ([side for side in SIDES if not is_raised(motion, side, frames)] for frames in (before, after))
    off = _known({side: left_ground_s(motion, side, before, near=start) for side in stood})
    same = _known({side: met_same_ground_s(motion, side, before, near=last) for side in off if side in stands})
    if running:
        off = {side: knee_extended_s(motion, side, at_s) or (at_s, sd_s) for side, (at_s, sd_s) in off.items()}
    met = met_ground_running_s if running else met_ground_s
    return off, _known({side: met(motion, side, after, near=last) for side in stands}), same


def _gaps_about(motion: Motion, take_off_s: float, landing_s: float) -> list[tuple[int, int]]:
    """First frame and end of each gap in the markers in the frames from which a flight is determined."""
    used = (motion.time_s >= take_off_s - REACH_S) & (motion.time_s <= landing_s + REACH_S)
    return [(start, end) for start, end in runs(motion.body_undetermined) if used[start:end].any()]


def _together(times_s: Mapping[Side, float], *, within_s: float) -> dict[Side, float]:
    """Both feet at their mean where they differ by no more than their errors explain."""
    if max(times_s.values()) - min(times_s.values()) > within_s:
        return dict(times_s)
    return dict.fromkeys(times_s, float(np.mean(list(times_s.values()))))


def _known(times_s: Mapping[Side, tuple[float, float] | None]) -> Times:
    return {side: time_s for side, time_s in times_s.items() if time_s is not None}
