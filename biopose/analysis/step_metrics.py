"""Metrics of steps from where the feet and the body are: lengths, double support, what a foot's contact looks like.

As in `gait_metrics`, a step, stride or contact counts where the feet's states are known throughout and, in running,
where the feet do not stand together; a trial's value is the median, with the median of the deviations. A position is
read where both frames beside the moment can be trusted and markers determine the body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from biopose.analysis.along_view import hides_contacts
from biopose.analysis.angle_errors import Slopes, person_sd_of_sum, sd_of_sum, varying_sd_of_sum
from biopose.analysis.body_geometry import (
    at,
    facing,
    foot_reach_slopes,
    is_known,
    lacking,
    leg_length_m,
    of_both_sides,
    read,
    sagittal_slopes,
)
from biopose.analysis.body_points import CENTER_OF_MASS, OTHER, SIDES, Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.flights import Flight
from biopose.analysis.foot_clearance import evidence_of
from biopose.analysis.free_fall import GRAVITY_M_S2, USUAL_NOISE_M
from biopose.analysis.gait_metrics import (
    ALONG_VIEW,
    ON_BELT,
    RUNNING,
    SECONDS_A_MINUTE,
    STANDING,
    Reading,
    Values,
    are_timed,
    known_between,
    medians,
    stands_on_both,
    strides_of,
)
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.stance import States, foot_states
from biopose.analysis.tables import Event, Metric
from biopose.analysis.travel import travel_m, travel_sd_m

CONTACTS: Mapping[str, Sequence[str]] = {
    "walk": (),
    "run": ("overstride", "shank_angle_at_contact"),
    "sprint": ("touch_down_distance", "shank_angle_at_contact"),
}
NEED_WORLD: Mapping[str, Sequence[str]] = {"walk": ("double_support",), "run": ("leg_stiffness",), "sprint": ()}
POINTS = (CENTER_OF_MASS, *of_both_sides("hip", "knee", "ankle", "heel", "toes"))
POINT = {"overstride": "ankle", "touch_down_distance": "toes"}  # of the foot, ahead of the centre of mass
NO_LEG_SPRING = "At this speed and contact time the leg would sweep farther than it is long."


@dataclass(frozen=True)
class Step:
    """From a foot's strike to the other foot's next."""

    before: Event
    strike: Event


def step_metrics(
    motion: Motion, events: Sequence[Event], flights: Sequence[Flight], known: Sequence[Metric], *, activity: str
) -> Iterator[Metric]:
    """Metrics of steps, beyond those of their times.

    Args:
        motion: the trial.
        events: all of them, in order.
        flights: likewise.
        known: the trial's metrics by `gait_metrics`.
        activity: walk, run or sprint.
    """
    running = activity in RUNNING
    names = ["step_length", *CONTACTS[activity]]
    if reason := motion.world_unknown:
        of_sides = [*names, "stride_length", *NEED_WORLD[activity]]
        yield from (unknown_metric(name, side=side, reason=reason) for name in of_sides for side in SIDES)
        of_body = ["vertical_oscillation", *(["step_frequency"] if activity == "sprint" else [])]
        yield from (unknown_metric(name, reason=reason) for name in of_body)
        return
    states = foot_states(motion, flights, running=running)
    strides = {side: list(strides_of(motion, events, states, side, running=running)) for side in SIDES}
    if not running:
        yield from medians("double_support", {s: _double_support(motion, events, states, s, strides[s]) for s in SIDES})
    steps = steps_of(motion, events, states, running=running)
    for name in names:
        yield from medians(name, {side: _of_side(motion, name, steps, side) for side in SIDES})
    yield from medians("stride_length", {side: _stride_lengths(motion, strides[side]) for side in SIDES})
    yield from _vertical_oscillation(motion, [(a, b) for side in SIDES for _, a, b in strides[side]])
    metrics: dict[tuple[str, str], Metric] = {(one.metric, one.side): one for one in known}
    if activity == "sprint" and (cadence := metrics.get(("cadence", "none"))):
        yield _step_frequency(cadence)
    if activity == "run":
        yield from _leg_stiffness(motion, metrics)


def stride_length_m(motion: Motion, start: Event, end: Event) -> Reading | None:
    """The pelvis's way over the ground and its standard deviation; None where a frame at either end is not trusted.

    Args:
        motion: the trial, not on a treadmill.
        start: the foot's strike.
        end: its next.
    """
    ends = np.interp([start.time_s, end.time_s], motion.time_s, np.arange(len(motion))).round().astype(int)
    if not motion.trusted[ends].all():
        return None
    length_m, sd_m = travel_m(motion, ends)
    way_in_sd_m = length_m / (end.time_s - start.time_s) * np.hypot(start.sd_s or 0.0, end.sd_s or 0.0)
    return Reading(length_m, float(np.hypot(sd_m, way_in_sd_m)))


def _stride_lengths(motion: Motion, strides: Sequence[tuple[int, Event, Event]]) -> Values | str:
    if motion.on_belt:
        return ON_BELT
    return _values([one for _, a, b in strides if (one := stride_length_m(motion, a, b))])


def steps_of(
    motion: Motion, events: Sequence[Event], states: Mapping[Side, States], *, running: bool
) -> list[Step] | str:
    """The steps that count; why there are none, where somebody only stands on both feet.

    Args:
        motion: the trial.
        events: all of them, in order.
        states: (T,) of each foot, by `foot_states`.
        running: whether the feet never stand together.
    """
    strikes = [event for event in events if event.event == "foot_strike"]
    known = [
        Step(a, b)
        for a, b in pairwise(strikes)
        if a.side != b.side and all(known_between(motion, own, a, b) for own in states.values())
    ]
    kept = [one for one in known if not (running and stands_on_both(motion, states, one.before, one.strike))]
    return STANDING if known and not kept else kept


def _of_side(motion: Motion, name: str, steps: Sequence[Step] | str, side: Side) -> Values | str:
    """A metric of the steps that end with a side's strike."""
    if isinstance(steps, str):
        return steps
    if name == "step_length" and motion.on_belt:
        return ON_BELT
    if name != "step_length" and motion.along_view:
        return ALONG_VIEW
    own = [step for step in steps if step.strike.side == side]
    if reason := lacking(motion, POINTS):
        return reason if own else _values([])
    whole = [one for one in own if is_whole(motion, one)]
    if own and not whole and motion.body_undetermined.any():
        return f"Not determined at any of {len(own)} foot strikes: {motion.gaps_cause}."
    return _values([of_step(motion, name, step) for step in whole])


def is_whole(motion: Motion, step: Step) -> bool:
    """Whether the body is known at both strikes of a step."""
    return is_known(motion, step.strike.time_s) and is_known(motion, step.before.time_s)


def of_step(motion: Motion, name: str, step: Step) -> Reading:
    """A metric of a whole step and its standard deviation; NaN where it is not known.

    Args:
        motion: the trial, whose points_m has POINTS.
        name: step_length, or of CONTACTS.
        step: whose foot that strikes is measured.
    """
    side: Side = "left" if step.strike.side == "left" else "right"
    if name == "step_length":
        return _step_length(motion, step, side)
    if name == "shank_angle_at_contact":
        return _shank_angle(motion, step, side)
    return _reach(motion, step, side, POINT[name])


def _step_length(motion: Motion, step: Step, side: Side) -> Reading:
    """Between the heels, each where it struck, along where the pelvis faces in between.

    What both legs err by all the time is the same at either end.
    """
    forward = facing(motion, step.before.time_s, step.strike.time_s)
    variances = []
    ends_m = []
    for event, own in ((step.before, OTHER[side]), (step.strike, side)):
        heel_m = motion.points_m[f"heel_{own[0]}"] @ forward
        where_m, moving_m = read(motion, _at(motion, heel_m), event.time_s, event.sd_s or 0.0)
        ends_m.append(where_m)
        of_leg = _at(motion, varying_sd_of_sum(motion, foot_reach_slopes(motion, own, "heel")))
        variances += [moving_m**2, of_leg(event.time_s) ** 2]
    length_m, level = ends_m[1] - ends_m[0], forward[[0, 2]]
    ends = np.searchsorted(motion.time_s, [step.before.time_s, step.strike.time_s]).clip(0, len(motion) - 1)
    variances.append(travel_sd_m(motion, ends, length_m * level, level) ** 2)
    return Reading(length_m, float(np.sqrt(sum(variances))))


def _reach(motion: Motion, step: Step, side: Side, point: str) -> Reading:
    """How far a point of the foot that strikes lies ahead of the centre of mass."""
    ahead_m = (motion.points_m[f"{point}_{side[0]}"] - motion.points_m[CENTER_OF_MASS]) @ facing(
        motion, step.before.time_s, step.strike.time_s
    )
    value_m, moving_m = read(motion, _at(motion, ahead_m), step.strike.time_s, step.strike.sd_s or 0.0)
    return _with_angles(motion, value_m, moving_m, foot_reach_slopes(motion, side, point), step.strike.time_s)


def _shank_angle(motion: Motion, step: Step, side: Side) -> Reading:
    """Of the shank from the vertical, positive with the ankle ahead of the knee."""
    down_m = motion.points_m[f"ankle_{side[0]}"] - motion.points_m[f"knee_{side[0]}"]
    forward = facing(motion, step.before.time_s, step.strike.time_s)
    angle_deg = np.degrees(np.arctan2(down_m @ forward, -down_m[:, 1]))
    value_deg, moving_deg = read(motion, _at(motion, angle_deg), step.strike.time_s, step.strike.sd_s or 0.0)
    slopes = sagittal_slopes(side, "hip_flexion", "knee_angle")
    return _with_angles(motion, value_deg, moving_deg, slopes, step.strike.time_s)


def _with_angles(motion: Motion, value: float, moving_sd: float, slopes: Slopes, moment_s: float) -> Reading:
    """A value at a moment with the deviation that the moment's gives it and that of the angles which it rests on."""
    sd, person_sd = (_at(motion, of(motion, slopes))(moment_s) for of in (sd_of_sum, person_sd_of_sum))
    return Reading(value, float(np.hypot(moving_sd, sd)), person_sd)


def _double_support(
    motion: Motion,
    events: Sequence[Event],
    states: Mapping[Side, States],
    side: Side,
    strides: Sequence[tuple[int, Event, Event]],
) -> Values | str:
    """The share of each stride; those without each foot's events once, in order, are left out."""
    if hides_contacts(motion):
        return ALONG_VIEW
    found = [double_support_of(motion, events, states, side, start, end) for _, start, end in strides]
    return _values([share for share in found if share])


def double_support_of(
    motion: Motion, events: Sequence[Event], states: Mapping[Side, States], side: Side, start: Event, end: Event
) -> Reading | None:
    """The share of a stride and its standard deviation; None without each foot's events once, in order.

    Args:
        motion: the trial.
        events: all of them, in order.
        states: (T,) of each foot, by `foot_states`.
        side: of the foot whose stride it is.
        start: its strike.
        end: its next.
    """
    inside = [e for e in events if e.event in ("foot_off", "foot_strike") and start.time_s < e.time_s < end.time_s]
    expected = [("foot_off", OTHER[side]), ("foot_strike", OTHER[side]), ("foot_off", side)]
    if [(e.event, e.side) for e in inside] != expected:
        return None
    known = known_between(motion, states[OTHER[side]], start, end)
    return _share_of_both([start, *inside, end]) if known and are_timed(motion, start, *inside, end) else None


def _share_of_both(moments: Sequence[Event]) -> Reading:
    """Of strike, other foot's off and strike, off, strike; the events err independently."""
    strike_s, off_other_s, strike_other_s, off_s, end_s = (event.time_s for event in moments)
    stride_s = end_s - strike_s
    share = (off_other_s - strike_s + off_s - strike_other_s) / stride_s
    slopes = np.array([share - 1, 1.0, -1.0, 1.0, -share]) / stride_s
    return Reading(share, float(np.linalg.norm(slopes * [event.sd_s or 0.0 for event in moments])))


def _vertical_oscillation(motion: Motion, strides: Sequence[tuple[Event, Event]]) -> Iterator[Metric]:
    """The median of the strides; its deviation is that of the heights' noise and scale."""
    ranges_m = [one for start, end in strides if (one := oscillation_m(motion, start, end)) is not None]
    if ranges_m:
        value_m = float(np.median(ranges_m))
        yield metric("vertical_oscillation", value_m, sd=oscillation_sd_m(motion, value_m))
    elif strides and motion.body_undetermined.any():
        reason = f"Not determined in any of {len(strides)} strides: {motion.gaps_cause}."
        yield unknown_metric("vertical_oscillation", reason=reason)


def oscillation_m(motion: Motion, start: Event, end: Event) -> float | None:
    """How far the centre of mass moves vertically between two events; None where it is not known throughout.

    Of film in the world, since in the image who comes nearer sinks, or rises; and about the line between its heights at
    both events, so that an error of the vertical adds nothing.
    """
    frames = (motion.time_s >= start.time_s) & (motion.time_s <= end.time_s)
    if not frames.any() or not (motion.trusted & ~motion.body_undetermined)[frames].all():
        return None
    if not motion.of_film:
        return float(np.ptp(motion.center_of_mass_m[frames, 1]))
    height_m, ends_s = motion.points_m[CENTER_OF_MASS][:, 1], [start.time_s, end.time_s]
    line_m = np.interp(motion.time_s[frames], ends_s, np.interp(ends_s, motion.time_s, height_m))
    return float(np.ptp(height_m[frames] - line_m))


def oscillation_sd_m(motion: Motion, oscillation: float) -> float:
    """Standard deviation of a vertical oscillation in metres: of its ends' noise and of the heights' scale."""
    return float(np.hypot(np.sqrt(2) * USUAL_NOISE_M, evidence_of(motion).heights.scale_sd * oscillation))


def _step_frequency(cadence: Metric) -> Metric:
    if cadence.value is None:
        return unknown_metric("step_frequency", reason=str(cadence.reason))
    sd = None if cadence.sd is None else cadence.sd / SECONDS_A_MINUTE
    return metric("step_frequency", cadence.value / SECONDS_A_MINUTE, sd=sd)


def _leg_stiffness(motion: Motion, known: Mapping[tuple[str, str], Metric]) -> Iterator[Metric]:
    """Of each side, where its contact time, the flight time and the speed are there."""
    for side in SIDES:
        needed = [known.get(key) for key in (("contact_time", side), ("flight_time", "none"), ("mean_speed", "none"))]
        given = [one for one in needed if one is not None]
        if len(given) < len(needed):
            continue
        reasons = [str(one.reason) for one in given if one.value is None]
        if reason := (reasons[0] if reasons else lacking(motion, of_both_sides("hip", "knee", "ankle", "heel"))):
            yield unknown_metric("leg_stiffness", side=side, reason=reason)
            continue
        values = np.array([float(one.value or 0.0) for one in given])
        sds = np.array([np.nan if one.sd is None else one.sd for one in given])
        found = stiffness_of(values, sds, leg_length_m=leg_length_m(motion, side))
        if found:
            yield metric("leg_stiffness", found[0], side=side, sd=found[1])
        else:
            yield unknown_metric("leg_stiffness", side=side, reason=NO_LEG_SPRING)


def stiffness_of(values: FloatArray, sds: FloatArray, *, leg_length_m: float) -> tuple[float, float] | None:
    """Leg stiffness and its standard deviation; None where the leg would sweep farther than it is long.

    Args:
        values: (3,) contact time, flight time and speed, as `leg_stiffness` has them.
        sds: (3,) their standard deviations.
        leg_length_m: of the standing leg.
    """
    stiffness = leg_stiffness(*values, leg_length_m=leg_length_m)
    if stiffness is None:
        return None
    changed = [leg_stiffness(*(values + step), leg_length_m=leg_length_m) for step in np.diag(values / 1000)]
    slopes = [(one or np.nan) - stiffness for one in changed] / (values / 1000)
    return stiffness, float(np.linalg.norm(slopes * sds))


def leg_stiffness(contact_s: float, flight_s: float, speed_m_s: float, *, leg_length_m: float) -> float | None:
    """Vertical force over the leg's shortening, of one kilogram of body mass.

    The force on the ground is a half sine, the leg a spring that sweeps over the contact at the mean speed (Morin et
    al. 2005, J Appl Biomech 21:167).

    Args:
        contact_s: contact time.
        flight_s: flight time.
        speed_m_s: mean speed.
        leg_length_m: of the standing leg.

    Returns:
        N/m/kg; None where the leg would sweep farther than it is long.
    """
    force = GRAVITY_M_S2 * np.pi / 2 * (flight_s / contact_s + 1)
    sinks_m = force * contact_s**2 / np.pi**2 - GRAVITY_M_S2 * contact_s**2 / 8
    sweep_m = speed_m_s * contact_s / 2
    if sweep_m >= leg_length_m:
        return None
    return float(force / (leg_length_m - np.sqrt(leg_length_m**2 - sweep_m**2) + sinks_m))


def _at(motion: Motion, values: FloatArray) -> Callable[[float], float]:
    """Values (T,) as a function of the time in seconds."""
    return lambda moment_s: float(at(values, motion.time_s, moment_s))


def _values(found: Sequence[Reading]) -> Values:
    return [one for one in found if np.isfinite(one.value)]
