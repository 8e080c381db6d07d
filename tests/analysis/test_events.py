"""Events are found where the feet and knees of a made-up motion have them, and nowhere else."""

import numpy as np
import pytest

from biopose.analysis.events import find_events
from biopose.analysis.motion import Motion
from biopose.analysis.stance import AIR, STANDS, UNKNOWN, flights, foot_states, stance
from biopose.analysis.tables import Event
from tests.analysis.motions import RATE_HZ, bump, jump, motion, walking

DT = 1 / RATE_HZ


def events_of(one: Motion, activity: str) -> list[Event]:
    states = foot_states(one)
    return find_events(one, states, flights(one, states), activity=activity)


def times(events: list[Event], name: str, side: str) -> list[float]:
    return [event.time_s for event in events if (event.event, event.side) == (name, side)]


def states_of(text: str, *, interval_s: float = DT) -> str:
    """States drawn as # stands, . air, ? unknown, of probabilities drawn as digits of a tenth, ? unknown."""
    probability = np.array([np.nan if c == "?" else int(c) / 10 for c in text])
    drawn = {STANDS: "#", AIR: ".", UNKNOWN: "?"}
    return "".join(drawn[int(state)] for state in stance(probability, interval_s=interval_s))


def test_a_state_holds_between_the_thresholds() -> None:
    long_up, long_down = "9" * 20, "0" * 20
    assert states_of(long_up + "55555" + long_down) == "#" * 25 + "." * 20
    assert states_of(long_down + "55555" + long_up) == "." * 25 + "#" * 20


def test_what_is_too_short_to_be_is_no_state() -> None:
    assert states_of("9" * 20 + "000" + "9" * 20) == "#" * 43
    assert states_of("0" * 20 + "99" + "0" * 20) == "." * 42
    assert states_of("9" * 20 + "?" + "9" * 20) == "#" * 41


def test_the_ends_may_be_longer_than_observed() -> None:
    assert states_of("99" + "0" * 20 + "99") == "##" + "." * 20 + "##"


def test_steps_are_struck_and_left_where_they_are() -> None:
    events = events_of(walking(), "walk")
    left, right = times(events, "foot_strike", "left"), times(events, "foot_strike", "right")
    np.testing.assert_allclose(left, 0.3 + 1.1 * np.arange(len(left)), atol=DT)
    np.testing.assert_allclose(right, 0.85 + 1.1 * np.arange(len(right)), atol=DT)
    off = times(events, "foot_off", "left")
    np.testing.assert_allclose(off[-1] - left[-1 if off[-1] > left[-1] else -2], 0.7, atol=2 * DT)
    assert not times(events, "take_off", "both")


def test_events_are_in_order_and_know_their_frame_and_resolution() -> None:
    one = jump()
    events = events_of(one, "countermovement_jump")
    assert [event.time_s for event in events] == sorted(event.time_s for event in events)
    for event in events:
        frame = event.frame_index
        assert 0 <= one.time_s[frame] - event.time_s < DT
        assert event.sd_s == pytest.approx(DT / np.sqrt(12))


def test_a_trial_that_begins_later_in_its_video_names_the_videos_frames() -> None:
    one = walking()
    later = motion(contact=dict(one.contact), first_frame=500)
    first, moved = events_of(one, "walk")[0], events_of(later, "walk")[0]
    assert moved.frame_index == first.frame_index + 500
    assert moved.time_s == pytest.approx(first.time_s + 500 / RATE_HZ)


def test_a_jump_takes_off_and_lands() -> None:
    events = events_of(jump(), "countermovement_jump")
    assert times(events, "take_off", "both") == [pytest.approx(1.0, abs=DT)]
    assert times(events, "landing", "both") == [pytest.approx(1.5, abs=DT)]
    np.testing.assert_allclose(times(events, "peak_knee_flexion", "both"), [0.7, 1.7], atol=DT)


def test_feet_that_only_seem_to_leave_the_ground_do_not_fly() -> None:
    one = jump()
    still = motion(contact=dict(one.contact))  # the pelvis stays where it is
    assert not times(events_of(still, "countermovement_jump"), "take_off", "both")


def test_what_happens_unobserved_is_no_event() -> None:
    contact = np.where(np.arange(180) < 60, 0.9, 0.1)
    contact[50:90] = np.nan
    assert not events_of(motion(contact={"left": contact, "right": contact}), "walk")


def test_a_foot_that_stands_all_along_has_no_events() -> None:
    assert not events_of(motion(contact={"left": np.full(100, 0.9), "right": np.full(100, 0.9)}), "squat")


def test_each_squat_is_bent_deepest_once() -> None:
    time_s = np.arange(300) / RATE_HZ
    knee = 90 * (bump(time_s, 1.0, width_s=0.3) + bump(time_s, 3.5, width_s=0.3)) + 5 * bump(time_s, 2.2)
    stands = np.full(300, 0.9)
    one = motion(
        contact={"left": stands, "right": stands}, coordinates={"knee_angle_l": knee, "knee_angle_r": knee - 10}
    )
    np.testing.assert_allclose(times(events_of(one, "squat"), "peak_knee_flexion", "both"), [1.0, 3.5], atol=DT)
    assert not events_of(one, "walk")


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_trials_have_no_events(frames: int) -> None:
    one = motion(contact={"left": np.full(frames, 0.9), "right": np.full(frames, 0.1)})
    assert not events_of(one, "countermovement_jump")
