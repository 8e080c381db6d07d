"""Metrics of walking and running: steps, strides, contact and flight, speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.along_view import hides_contacts
from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.flights import Flight
from biopose.analysis.gait_events import ALONG_VIEW_SD_S
from biopose.analysis.motion import Motion
from biopose.analysis.stance import STANDS, UNKNOWN, States, foot_states, hidden_strikes, single_hidden_strikes
from biopose.analysis.tables import Event, Metric
from biopose.analysis.travel import travel_m

STEPS_A_STRIDE, SECONDS_A_MINUTE = 2, 60
ON_BELT = "On a treadmill the pelvis stays where it is: its way is not that of the feet."
RUNNING = ("run", "sprint")
TOGETHER_SDS = 1.96  # of a contact's or stride's: runner's feet seem to stand together for less
LEAST_FRAMES = 3  # of a contact: it ends and begins within an interval, so fewer give its order of magnitude alone
NEED_WORLD = ("step_count", "cadence", "mean_speed")
OF_SIDES = ("stride_time", "contact_time", "swing_time", "duty_factor")

ALONG_VIEW = (
    "Walking or running along the camera's view: when a foot meets and leaves the ground is not seen well enough."
)

STANDING = (
    "All that were found are of somebody who stands on both feet, as at a start: in running and sprinting one foot "
    "alone is on the ground."
)

NO_STRIDE = "No whole stride, from a strike of the foot to its next, was recorded in which the foot is observed."


class Reading(NamedTuple):
    """A value of a single step or stride.

    Attributes:
        value: NaN where it is not known.
        sd: its standard deviation.
        constant_sd: of that the part that is the same in every trial of the person.
    """

    value: float
    sd: float
    constant_sd: float = 0.0


Values = Sequence[Reading]
BySide = Mapping[Side, Values | str]  # or why there are none


def gait_metrics(
    motion: Motion, events: Sequence[Event], flights: Sequence[Flight], *, activity: str
) -> Iterator[Metric]:
    """Metrics of steps.

    A stride or a contact counts where its foot's state is known throughout and, in running, where the other foot does
    not stand, too (Novacheck 1998). The standard deviation of a time is that of one such time: the median of those that
    its events' deviations give, for what the method errs by is much the same in every step.

    Args:
        motion: the trial.
        events: all of them, in order.
        flights: likewise.
        activity: walk, run or sprint.
    """
    if motion.world_unknown:
        yield from (unknown_metric(name, reason=motion.world_unknown) for name in NEED_WORLD)
        for name in OF_SIDES:
            yield from (unknown_metric(name, side=side, reason=motion.world_unknown) for side in SIDES)
        return
    running = activity in RUNNING
    states = foot_states(motion, flights, running=running)
    yield _step_count(motion, events, states)
    kept = {side: _kept_strides(motion, events, states, side, running=running) for side in SIDES}
    strides = {side: of if isinstance(of, str) else _durations(of) for side, of in kept.items()}
    yield from medians("stride_time", strides)
    if hides_contacts(motion) or (running and motion.along_view):
        for name in OF_SIDES[1:]:
            yield from (unknown_metric(name, side=side, reason=ALONG_VIEW) for side in SIDES)
    else:
        contacts = {side: _contacts_s(motion, events, states, side, running=running) for side in SIDES}
        yield from medians("contact_time", contacts)
        yield from medians("swing_time", {side: _swings_s(motion, events, kept[side], side) for side in SIDES})
        yield from _duty_factors(contacts, strides)
    if known := [_median(times) for times in strides.values() if not isinstance(times, str) and times]:
        stride_s, sd_s = (
            float(np.mean([one.value for one in known])),
            float(np.linalg.norm([one.sd for one in known])) / len(known),
        )
        cadence = STEPS_A_STRIDE * SECONDS_A_MINUTE / stride_s
        yield metric("cadence", cadence, sd=cadence * sd_s / stride_s)
    elif reasons := [reason for reason in strides.values() if isinstance(reason, str)]:
        yield unknown_metric("cadence", reason=reasons[0])
    if flights and motion.along_view:
        yield unknown_metric("flight_time", reason=ALONG_VIEW)
    elif flights:
        sd_s = float(np.median([flight.fall.duration_sd_s for flight in flights]))
        yield metric("flight_time", float(np.median([flight.duration_s for flight in flights])), sd=sd_s)
    yield from _speed(motion)


def too_short(motion: Motion, contact_s: float) -> bool:
    """Whether a contact has too few frames to be timed."""
    return contact_s < LEAST_FRAMES * motion.interval_s


def _step_count(motion: Motion, events: Sequence[Event], states: Mapping[Side, States]) -> Metric:
    strikes = [event for event in events if event.event == "foot_strike"]
    found = len(strikes) + sum(_unfound(motion, strikes, own, side) for side, own in states.items())
    gaps = {side: hidden_strikes(own, interval_s=motion.interval_s) for side, own in states.items()}
    if not any(gaps.values()):
        return metric("step_count", found)
    where = " and ".join(f"the {side} foot in {motion.named_frames(own)}" for side, own in gaps.items() if own)
    return unknown_metric("step_count", reason=f"At least {found}: {where} may strike unobserved.")


def _unfound(motion: Motion, strikes: Sequence[Event], states: States, side: Side) -> int:
    """How many strikes of a foot lie in gaps that hide one each; a force plate may have given its event."""
    time_s, own_s = motion.time_s, [event.time_s for event in strikes if event.side == side]
    gaps = single_hidden_strikes(states, interval_s=motion.interval_s)
    return sum(not any(time_s[start - 1] <= at_s <= time_s[end] for at_s in own_s) for start, end in gaps)


def medians(name: str, values: BySide) -> Iterator[Metric]:
    """The median of each side, with that of the deviations; null with the reason, or nothing where there are none.

    Args:
        name: of the metric.
        values: of each side.
    """
    for side, found in values.items():
        if isinstance(found, str):
            yield unknown_metric(name, side=side, reason=found)
        elif found:
            yield metric(name, side=side, **_median(found)._asdict())


def _duty_factors(contacts: BySide, strides: BySide) -> Iterator[Metric]:
    """Where a side has both; contact and stride begin with the same strike, and strikes err alike."""
    for side, contact in contacts.items():
        stride = strides[side]
        if isinstance(contact, str) or isinstance(stride, str):
            reason = contact if isinstance(contact, str) else str(stride)
            yield unknown_metric("duty_factor", side=side, reason=reason)
        elif contact and stride:
            (contact_s, contact_sd_s, _), (stride_s, stride_sd_s, _) = _median(contact), _median(stride)
            share = contact_s / stride_s
            variance_s2 = contact_sd_s**2 - share * (1 - share) * stride_sd_s**2
            yield metric("duty_factor", share, side=side, sd=np.sqrt(max(variance_s2, 0.0)) / stride_s)


def _median(found: Values) -> Reading:
    """Of values and of deviations."""
    return Reading(*np.median(found, axis=0).tolist())


def strides_of(
    motion: Motion, events: Sequence[Event], states: Mapping[Side, States], side: Side, *, running: bool
) -> Iterator[tuple[int, Event, Event]]:
    """The strides of a side: number, a strike and the same foot's next.

    A stride during which the foot's state is unknown in some frame is left out, since a strike may be missing between;
    so is one of a runner who stands on both feet. The others keep their numbers, which count the pairs of strikes from
    1.

    Args:
        motion: the trial.
        events: all of them, in order.
        states: (T,) of each foot, by `foot_states`.
        side: of the foot.
        running: whether the feet never stand together.
    """
    for number, (start, end) in _known_strides(motion, events, states[side], side):
        if not (running and stands_on_both(motion, states, start, end)):
            yield number, start, end


def _known_strides(
    motion: Motion, events: Sequence[Event], states: States, side: Side
) -> list[tuple[int, tuple[Event, Event]]]:
    strikes = [event for event in events if (event.event, event.side) == ("foot_strike", side)]
    pairs = enumerate(pairwise(strikes), start=1)
    return [(number, (start, end)) for number, (start, end) in pairs if known_between(motion, states, start, end)]


def _kept_strides(
    motion: Motion, events: Sequence[Event], states: Mapping[Side, States], side: Side, *, running: bool
) -> list[tuple[Event, Event]] | str:
    kept = [(start, end) for _, start, end in strides_of(motion, events, states, side, running=running)]
    if not kept:
        return STANDING if _known_strides(motion, events, states[side], side) else NO_STRIDE
    return kept


def foot_off_within(events: Sequence[Event], side: Side, start: Event, end: Event) -> Event | None:
    """When a foot leaves the ground in its stride; None where it does so more than once, or not at all.

    Args:
        events: all of them.
        side: of the foot.
        start: its strike.
        end: its next.
    """
    offs = [e for e in events if (e.event, e.side) == ("foot_off", side) and start.time_s < e.time_s < end.time_s]
    return offs[0] if len(offs) == 1 else None


def _swings_s(
    motion: Motion, events: Sequence[Event], strides: Sequence[tuple[Event, Event]] | str, side: Side
) -> Values | str:
    """From each stride's foot off to its end."""
    if isinstance(strides, str):
        return strides
    swings = [(off, end) for start, end in strides if (off := foot_off_within(events, side, start, end))]
    timed = [(off, end) for off, end in swings if are_timed(motion, off, end)]
    return ALONG_VIEW if swings and not timed else _durations(timed)


def _contacts_s(
    motion: Motion, events: Sequence[Event], states: Mapping[Side, States], side: Side, *, running: bool
) -> Values | str:
    """Each strike to the next of the foot's events, where that is its leaving the ground and nothing is missing."""
    own = [event for event in events if event.side == side and event.event in ("foot_strike", "foot_off")]
    contacts = [(a, b) for a, b in pairwise(own) if (a.event, b.event) == ("foot_strike", "foot_off")]
    known = [(a, b) for a, b in contacts if known_between(motion, states[side], a, b)]
    timed = [(a, b) for a, b in known if are_timed(motion, a, b)]
    if known and not timed:
        return ALONG_VIEW
    kept = [(a, b) for a, b in timed if not (running and stands_on_both(motion, states, a, b))]
    if not kept:
        return STANDING if known else _durations([])
    durations = _durations(kept)
    contact_s, rate_hz = _median(durations).value, 1 / motion.interval_s
    if too_short(motion, contact_s):
        return (
            f"Contacts of about {contact_s:.2f} s have fewer than {LEAST_FRAMES} frames at {rate_hz:.0f} frames/s and "
            f"cannot be timed; record at {ceil(LEAST_FRAMES / contact_s)} frames/s or more."
        )
    return durations


def are_timed(motion: Motion, *moments: Event) -> bool:
    """Whether events tell a contact: along the view, those that the foot's state alone tells do not.

    Args:
        motion: the trial.
        moments: when a foot meets or leaves the ground.
    """
    return not motion.along_view or all((one.sd_s or 0.0) < ALONG_VIEW_SD_S for one in moments)


def known_between(motion: Motion, states: States, start: Event, end: Event) -> bool:
    """Whether a foot's state is known in all frames between two events, and the person seen.

    A short gap between frames in which the foot stands hides no step, but the time in it need not be real: a film whose
    picture stands still may have stopped or gone on.
    """
    return not ((states == UNKNOWN) | motion.unseen)[_between(motion, start, end)].any()


def stands_on_both(motion: Motion, states: Mapping[Side, States], start: Event, end: Event) -> bool:
    """Whether both feet stand for longer than the error of their events explains."""
    together = np.all([own[_between(motion, start, end)] == STANDS for own in states.values()], axis=0)
    return bool(together.sum() * motion.interval_s > TOGETHER_SDS * np.hypot(start.sd_s or 0.0, end.sd_s or 0.0))


def _between(motion: Motion, start: Event, end: Event) -> NDArray[np.bool_]:
    return (motion.time_s >= start.time_s) & (motion.time_s <= end.time_s)


def _durations(pairs: Sequence[tuple[Event, Event]]) -> Values:
    return [Reading(b.time_s - a.time_s, float(np.hypot(a.sd_s or 0.0, b.sd_s or 0.0))) for a, b in pairs]


def _speed(motion: Motion) -> Iterator[Metric]:
    if motion.on_belt:
        yield unknown_metric("mean_speed", reason=ON_BELT)
        return
    frames = np.flatnonzero(motion.trusted)
    if len(frames) < 2:
        return
    first, last = frames[0], frames[-1]
    duration_s = motion.time_s[last] - motion.time_s[first]
    length_m, sd_m = travel_m(motion, frames[[0, -1]])
    yield metric("mean_speed", length_m / duration_s, sd=sd_m / duration_s)
