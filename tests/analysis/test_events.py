"""Events are found where the centre of mass, the feet and the knees of a synthetic motion have them, nowhere else."""

import numpy as np
import pytest

from biopose.analysis.body_points import SIDES
from biopose.analysis.events import find_events
from biopose.analysis.flights import find_flights
from biopose.analysis.foot_motion import belt_velocities_m_s
from biopose.analysis.gait_events import OFF_LATER_S
from biopose.analysis.motion import Motion
from biopose.analysis.stance import AIR, STANDS, UNKNOWN, foot_states, stance
from biopose.analysis.tables import Event
from biopose.analysis.trial_analysis import analyse_motion
from tests.analysis.motions import (
    HEEL_RISES_S,
    RATE_HZ,
    bump,
    jump,
    motion,
    on_belts,
    one_after_another,
    walking,
)

DT = 1 / RATE_HZ
FAST, SLOW = 2.0, 0.1  # of a foot, m/s


def events_of(one: Motion, activity: str) -> list[Event]:
    return analyse_motion(one, activity=activity)[0]


def times(events: list[Event], name: str, side: str = "both") -> list[float]:
    return [event.time_s for event in events if (event.event, event.side) == (name, side)]


def states_of(text: str, *, interval_s: float = 1 / 60) -> str:
    """States drawn as # stands, . air, ? unknown, of speeds drawn as digits of tenths of a metre a second."""
    speed_m_s = np.array([np.nan if c == "?" else int(c) / 10 for c in text])
    drawn = {STANDS: "#", AIR: ".", UNKNOWN: "?"}
    return "".join(drawn[int(state)] for state in stance(speed_m_s, interval_s=interval_s))


def test_a_state_holds_between_the_thresholds() -> None:
    rests, moves = "1" * 20, "9" * 20
    assert states_of(rests + "66666" + moves) == "#" * 25 + "." * 20
    assert states_of(moves + "66666" + rests) == "." * 25 + "#" * 20


def test_what_is_too_short_to_be_is_no_state() -> None:
    assert states_of("1" * 20 + "999" + "1" * 20) == "#" * 43
    assert states_of("9" * 20 + "11" + "9" * 20) == "." * 42
    assert states_of("1" * 20 + "?" + "1" * 20) == "#" * 41


def test_the_ends_may_be_longer_than_observed() -> None:
    assert states_of("11" + "9" * 20 + "11") == "##" + "." * 20 + "##"


@pytest.mark.parametrize("rate_hz", [50.0, 100.0])
def test_a_foot_strikes_when_its_centre_sinks_fastest_and_leaves_after_it_rises_fastest(rate_hz: float) -> None:
    events = events_of(walking(rate_hz=rate_hz), "walk")
    left, right = times(events, "foot_strike", "left"), times(events, "foot_strike", "right")
    assert (len(left), len(right)) == (6, 5)
    np.testing.assert_allclose(left, 0.3 + 1.1 * np.arange(6), atol=0.005)
    np.testing.assert_allclose(right, 0.85 + 1.1 * np.arange(5), atol=0.005)
    off = times(events, "foot_off", "left")
    np.testing.assert_allclose(off, 1.0 - HEEL_RISES_S + OFF_LATER_S + 1.1 * np.arange(len(off)), atol=0.005)
    assert not times(events, "take_off")


BELTS = {
    "one speed": lambda s: (np.full_like(s, 1.3), np.full_like(s, 1.3)),
    "split": lambda s: (np.full_like(s, 0.6), np.full_like(s, 1.3)),
    "sped up": lambda s: (0.6 + 0.25 * s, 0.6 + 0.25 * s),
    "another speed": lambda s: (np.interp(s, [2, 4], [0.7, 1.5]), np.interp(s, [2, 4], [0.9, 1.5])),
}


@pytest.mark.parametrize("kind", BELTS)
def test_a_treadmills_belts_carry_feet_that_stand(kind: str) -> None:
    one = walking()
    speeds = dict(zip(SIDES, BELTS[kind](one.time_s), strict=True))
    over = on_belts(one, speeds)
    assert over.on_belt
    for side, belt in belt_velocities_m_s(over.foot_points_m, over.time_s).items():
        np.testing.assert_allclose(belt[:, 0], -speeds[side], atol=0.02 if kind in ("one speed", "split") else 0.25)
        for name in ("foot_strike", "foot_off"):
            assert times(events_of(over, "walk"), name, side) == pytest.approx(
                times(events_of(one, "walk"), name, side), abs=0.003
            )


def test_the_ground_carries_no_feet_at_any_speed() -> None:
    for over_ground in (walking(), walking(speed_m_s=3.0, stride_s=0.7, stance_s=0.2), jump()):
        for belt in belt_velocities_m_s(over_ground.foot_points_m, over_ground.time_s).values():
            assert not belt.any()


def test_events_are_in_order_and_name_the_first_frame_after_them() -> None:
    one = jump()
    events = events_of(one, "countermovement_jump")
    assert [event.time_s for event in events] == sorted(event.time_s for event in events)
    for event in events:
        since_s = one.time_s[event.frame_index] - event.time_s
        if event.event in ("peak", "lowest_point", "peak_knee_flexion"):
            assert abs(since_s) <= DT / 2 + 1e-9
        else:
            assert 0 <= since_s < DT
        assert event.sd_s is not None
        assert 0 < event.sd_s < 0.05


def test_a_trial_that_begins_later_in_its_video_names_the_videos_frames() -> None:
    first, later = walking(), walking(first_frame=500)
    later = Motion(**{**vars(later), "time_s": first.time_s + 500 / RATE_HZ})
    a, b = events_of(first, "walk")[0], events_of(later, "walk")[0]
    assert b.frame_index == a.frame_index + 500
    assert b.time_s == pytest.approx(a.time_s + 500 / RATE_HZ)


@pytest.mark.parametrize("rate_hz", [30.0, 50.0, 100.0])
def test_a_jump_takes_off_peaks_and_lands_where_gravity_says(rate_hz: float) -> None:
    events = events_of(jump(rate_hz=rate_hz), "countermovement_jump")
    for name, time_s, within_s in (("take_off", 1.0, 0.008), ("peak", 1.25, 0.002), ("landing", 1.5, 0.008)):
        assert times(events, name) == [pytest.approx(time_s, abs=within_s)]
    for side in ("left", "right"):
        assert times(events, "foot_off", side) == pytest.approx(times(events, "take_off"))
        assert times(events, "foot_strike", side) == pytest.approx(times(events, "landing"))
    np.testing.assert_allclose(times(events, "peak_knee_flexion"), [0.7, 1.7], atol=0.01)


def test_the_lowest_point_before_take_off_is_where_the_countermovement_turns() -> None:
    one = jump()
    sunk_m = one.center_of_mass_m - [0, 0.1, 0] * bump(one.time_s, 0.504, width_s=0.1)[:, None]
    events = events_of(Motion(**{**vars(one), "center_of_mass_m": sunk_m}), "countermovement_jump")
    assert times(events, "lowest_point") == [pytest.approx(0.504, abs=0.003)]


def test_events_are_as_sure_as_is_said_where_the_motion_is_noisy() -> None:
    held = []
    for seed in range(20):
        events = events_of(jump(noise_m=0.002, seed=seed), "countermovement_jump")
        for name, time_s in (("take_off", 1.0), ("landing", 1.5)):
            (event,) = [event for event in events if event.event == name]
            assert event.sd_s is not None
            held.append(abs(event.time_s - time_s) <= 1.96 * event.sd_s)
    assert np.mean(held) >= 0.93


def test_a_drop_jump_takes_off_from_the_box_lands_takes_off_and_lands() -> None:
    drop, rebound = jump(flight_s=0.4, landing_drop_m=0.3, duration_s=1.75), jump(take_off_s=0.35, duration_s=2.0)
    one = one_after_another(drop, rebound)
    events = events_of(one, "drop_jump")
    assert times(events, "box_take_off") == [pytest.approx(1.0, abs=0.01)]
    np.testing.assert_allclose(times(events, "landing"), [1.4, 2.6], atol=0.01)
    assert times(events, "take_off") == [pytest.approx(2.1, abs=0.01)]
    flights = find_flights(one).found
    assert [flight.level_change_m for flight in flights] == [
        pytest.approx(-0.3, abs=0.005),
        pytest.approx(0, abs=0.005),
    ]


def test_each_foot_has_its_own_landing() -> None:
    one = jump()
    later = {side: points.copy() for side, points in one.foot_points_m.items()}
    frames = np.arange(len(one)) - 2
    later["right"] = later["right"][frames.clip(0)]  # everything 20 ms later
    events = events_of(Motion(**{**vars(one), "foot_points_m": later}), "countermovement_jump")
    (left,), (right,) = times(events, "foot_strike", "left"), times(events, "foot_strike", "right")
    assert right - left == pytest.approx(0.02, abs=0.004)
    assert left == pytest.approx(times(events, "landing")[0])


def test_a_body_that_does_not_fall_freely_does_not_fly() -> None:
    one = jump()
    still = motion(feet_m={side: points - points[0] for side, points in one.foot_points_m.items()})
    assert not times(events_of(still, "countermovement_jump"), "take_off")


def test_feet_that_stand_while_the_body_sinks_do_not_fly() -> None:
    one = jump()
    standing = motion(frames=len(one), center_of_mass_m=one.center_of_mass_m[:, 1])
    assert not events_of(standing, "other")


def test_a_film_that_ends_in_the_air_has_no_landing() -> None:
    events = events_of(jump(duration_s=1.3), "countermovement_jump")
    assert not times(events, "landing")
    assert not times(events, "take_off")


def test_what_happens_unobserved_is_no_event() -> None:
    one = walking()
    seen = np.ones(len(one), dtype=np.bool_)
    seen[(one.time_s > 0.1) & (one.time_s < 0.6)] = False  # the left foot strikes at 0.3 s
    events = events_of(walking(observed={"left": seen}), "walk")
    assert times(events, "foot_strike", "left")[0] == pytest.approx(1.4, abs=0.01)


def test_where_the_camera_moves_neither_feet_nor_flights_have_events() -> None:
    for one in (walking(world_unknown="The camera moves"), Motion(**{**vars(jump()), "world_unknown": "It pans"})):
        assert {event.event for event in events_of(one, "drop_jump")} <= {"peak_knee_flexion"}
        assert not find_flights(one).found


def test_a_foot_that_stands_all_along_has_no_events() -> None:
    assert not events_of(motion(frames=100), "squat")


def test_each_squat_is_bent_deepest_once() -> None:
    time_s = np.arange(500) / RATE_HZ
    knee = 90 * (bump(time_s, 1.004, width_s=0.3) + bump(time_s, 3.5, width_s=0.3)) + 5 * bump(time_s, 2.2)
    one = motion(coordinates={"knee_angle_l": knee, "knee_angle_r": knee - 10})
    np.testing.assert_allclose(times(events_of(one, "squat"), "peak_knee_flexion"), [1.004, 3.5], atol=0.002)
    assert not events_of(one, "walk")


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_trials_have_no_events(frames: int) -> None:
    one = motion(frames=frames)
    assert not find_events(one, foot_states(one, []), find_flights(one).found, activity="countermovement_jump")
