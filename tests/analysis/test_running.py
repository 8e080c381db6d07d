"""Contacts of a synthetic runner, whose knees extend until the toe leaves the ground, are those that were given."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.gait_events import STATE_SD_S, running_toe_off
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Event
from biopose.analysis.trial_analysis import analyse_motion
from biopose.reconstruction.low_pass_filter import can_filter, low_pass
from tests.analysis.motions import walking
from tests.analysis.running import contact_times_s, running

JOG = {"speed_m_s": 3.0, "stride_s": 0.72, "contact_s": 0.26}
SLOW = {"speed_m_s": 2.5, "stride_s": 0.75, "contact_s": 0.32}
RUN = {"speed_m_s": 6.0, "stride_s": 0.58, "contact_s": 0.16}
SPRINT = {"speed_m_s": 8.5, "stride_s": 0.46, "contact_s": 0.13}


def errors_s(events: list[Event], style: dict[str, float]) -> list[tuple[float, float]]:
    """Difference of each strike and toe-off from the nearest true one, and its standard deviation."""
    found = []
    for event in events:
        if event.event in ("foot_strike", "foot_off") and event.side != "both":
            true_s = contact_times_s(style["stride_s"], style["contact_s"], side=event.side)
            true_s = true_s[:, int(event.event == "foot_off")]
            found.append((event.time_s - true_s[np.abs(true_s - event.time_s).argmin()], event.sd_s or 0.0))
    return found


def on_film(one: Motion, *, seed: int = 0) -> Motion:
    """As video shows it: points of the feet off by 8 mm, knees by 2.5 degrees, in each frame anew."""
    rng = np.random.default_rng(seed)
    knees = {}
    for name in ("knee_angle_l", "knee_angle_r"):
        values = (one.coordinates[name] + rng.normal(0, 2.5, len(one)))[:, None]
        filtered = low_pass(values, one.time_s, cutoff_hz=12.0) if can_filter(one.time_s, cutoff_hz=12.0) else values
        knees[name] = filtered[:, 0]
    return replace(
        one,
        foot_points_m={side: points + rng.normal(0, 0.008, points.shape) for side, points in one.foot_points_m.items()},
        center_of_mass_m=one.center_of_mass_m + rng.normal(0, 0.0025, one.center_of_mass_m.shape),
        coordinates={**one.coordinates, **knees},
        of_film=True,
    )


@pytest.mark.parametrize("style", [JOG, RUN, SPRINT], ids=["jog", "run", "sprint"])
@pytest.mark.parametrize("rate_hz", [60.0, 200.0])
def test_contact_flight_and_duty_factor_are_what_was_given(style: dict[str, float], rate_hz: float) -> None:
    events, metrics = analyse_motion(running(**style, rate_hz=rate_hz), activity="run")
    values = {(one.metric, one.side): one for one in metrics}
    flight_s = style["stride_s"] / 2 - style["contact_s"]
    for side in ("left", "right"):
        assert values["contact_time", side].value == pytest.approx(style["contact_s"], abs=0.02)
        assert values["duty_factor", side].value == pytest.approx(style["contact_s"] / style["stride_s"], abs=0.03)
    assert values["flight_time", "none"].value == pytest.approx(flight_s, abs=0.02)
    found = errors_s(events, style)
    assert len(found) > 20
    assert abs(np.mean([error_s for error_s, _ in found])) < 0.005
    assert max(abs(error_s) for error_s, _ in found) < 0.015


@pytest.mark.parametrize("style", [JOG, RUN, SPRINT], ids=["jog", "run", "sprint"])
def test_intervals_of_a_runners_events_on_film_hold(style: dict[str, float]) -> None:
    found = []
    for rate_hz in (30.0, 60.0):
        events, _ = analyse_motion(on_film(running(**style, rate_hz=rate_hz)), activity="run")
        found += errors_s(events, style)
    assert np.mean([abs(error_s) < 1.96 * sd_s for error_s, sd_s in found]) > 0.9


@pytest.mark.parametrize("rate_hz", [100.0, 240.0])
def test_intervals_of_a_slow_runners_contacts_hold_at_every_frame_rate(rate_hz: float) -> None:
    events, metrics = analyse_motion(running(**SLOW, rate_hz=rate_hz, duration_s=2.5), activity="run")
    assert all(abs(error_s) < 1.5 * sd_s for error_s, sd_s in errors_s(events, SLOW))
    values = {(one.metric, one.side): one for one in metrics}
    for side in ("left", "right"):
        contact = values["contact_time", side]
        assert abs((contact.value or 0) - SLOW["contact_s"]) < 1.96 * (contact.sd or 0)


@pytest.mark.parametrize(
    ("style", "activity"),
    [(SLOW, "run"), (JOG, "run"), (RUN, "run"), (SPRINT, "sprint")],
    ids=["slow", "jog", "run", "sprint"],
)
def test_a_runners_landing_is_neither_late_nor_early_whatever_the_speed(style: dict[str, float], activity: str) -> None:
    events, _ = analyse_motion(running(**style, rate_hz=100.0, duration_s=2.5), activity=activity)
    strikes = errors_s([one for one in events if one.event == "foot_strike"], style)
    assert abs(np.mean([error_s for error_s, _ in strikes])) < 0.006


def test_a_walker_in_a_run_has_the_events_of_walking() -> None:
    """Feet stand together, so that no step of it is run."""
    walk = walking()
    as_run, as_walk = (analyse_motion(walk, activity=activity)[0] for activity in ("run", "walk"))
    feet = ("foot_strike", "foot_off")
    assert [e for e in as_run if e.event in feet] == [e for e in as_walk if e.event in feet]


def test_a_toe_off_whose_knee_does_not_extend_is_that_of_the_foots_state() -> None:
    one = running(**RUN, rate_hz=100.0)
    still = replace(one, coordinates={**one.coordinates, "knee_angle_l": np.full(len(one), 20.0)})
    time_s, sd_s = running_toe_off(still, "left", 50)
    assert time_s == pytest.approx(one.time_s[49:51].mean())
    assert sd_s >= STATE_SD_S
