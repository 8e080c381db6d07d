"""Metrics of synthetic jumps: heights, countermovement, contact, and their standard deviations."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.body_points import SIDES
from biopose.analysis.flights import find_flights
from biopose.analysis.jump_metrics import COUNTERMOVEMENT, NO_COUNTERMOVEMENT, POSTURE_SD_M
from biopose.analysis.motion import Motion
from biopose.analysis.trial_analysis import analyse_motion
from biopose.skeleton.gap_filling import fill_gaps
from tests.analysis.metric_values import metrics_of, value
from tests.analysis.motions import (
    GRAVITY_M_S2,
    RATE_HZ,
    jump,
    one_after_another,
)

DT = 1 / RATE_HZ


@pytest.mark.parametrize("flight_s", [0.4, 0.5, 0.6])
def test_a_jump_is_as_high_as_gravity_says(flight_s: float) -> None:
    metrics = metrics_of(jump(flight_s=flight_s), "countermovement_jump")
    expected_m = GRAVITY_M_S2 * flight_s**2 / 8
    assert value(metrics, "jump_count") == 1
    assert value(metrics, "flight_time") == pytest.approx(flight_s, abs=0.008)
    for name in ("jump_height", "jump_height_flight", "jump_height_com"):
        assert value(metrics, name) == pytest.approx(expected_m, abs=0.01)
    assert value(metrics, "jump_height_difference") == pytest.approx(0, abs=0.01)


def test_a_jumps_heights_are_as_sure_as_its_events() -> None:
    metrics = metrics_of(jump(), "countermovement_jump")
    t, sd_s = value(metrics, "flight_time"), metrics["flight_time", "none"].sd
    assert sd_s is not None
    assert metrics["jump_height_flight", "none"].sd == pytest.approx(GRAVITY_M_S2 * t / 4 * sd_s)
    height_sd_m = metrics["jump_height", "none"].sd
    assert height_sd_m is not None
    assert height_sd_m < np.hypot(metrics["jump_height_flight", "none"].sd or 0, POSTURE_SD_M)


def test_95_percent_intervals_hold_the_height() -> None:
    expected_m, held = GRAVITY_M_S2 * 0.5**2 / 8, []
    for seed in range(20):
        metrics = metrics_of(jump(noise_m=0.002, seed=seed), "countermovement_jump")
        for name in ("jump_height", "jump_height_flight", "jump_height_com"):
            off_m = abs(value(metrics, name) - expected_m)
            held.append(off_m <= 1.96 * (metrics[name, "none"].sd or 0))
    assert np.mean(held) >= 0.93


def test_the_heights_of_a_jump_onto_bent_legs_differ_as_the_metric_says() -> None:
    one = jump(flight_s=0.5, landing_drop_m=0.08)  # the body lands lower, the feet do not
    feet = jump(flight_s=0.5).foot_points_m
    metrics = metrics_of(replace(one, foot_points_m=feet), "countermovement_jump")
    up_m_s = GRAVITY_M_S2 * 0.5 / 2 - 0.08 / 0.5
    rise_m = up_m_s**2 / (2 * GRAVITY_M_S2)
    assert value(metrics, "jump_height_com") == pytest.approx(rise_m, abs=0.015)
    assert value(metrics, "jump_height_difference") == pytest.approx(rise_m - GRAVITY_M_S2 * 0.5**2 / 8, abs=0.015)
    low_m, high_m = sorted([value(metrics, "jump_height_com"), value(metrics, "jump_height_flight")])
    assert low_m <= value(metrics, "jump_height") <= high_m
    assert abs(value(metrics, "jump_height") - rise_m) <= 1.96 * (metrics["jump_height", "none"].sd or 0)


def countermovement_jump() -> Motion:
    """The centre of mass sinks by 15 cm from 0.1 to 0.5 s and rises until 0.9 s, as a cosine, before the push."""
    one = jump(take_off_s=1.2)
    inside = (one.time_s > 0.1) & (one.time_s < 0.9)
    sunk_m = np.where(inside, 0.15 * (1 - np.cos(2 * np.pi * (one.time_s - 0.1) / 0.8)) / 2, 0.0)
    return replace(one, center_of_mass_m=one.center_of_mass_m - sunk_m[:, None] * [0, 1, 0])


def test_a_countermovement_is_what_was_given() -> None:
    """0.1 m/s is reached 0.022 s after the beginning and 1 mm below it: 0.589 m/s sin(7.85 t / s) sinks so fast."""
    metrics = metrics_of(countermovement_jump(), "countermovement_jump")
    assert value(metrics, "countermovement_depth") == pytest.approx(0.149, abs=0.003)
    assert value(metrics, "countermovement_time") == pytest.approx(0.378, abs=0.01)
    assert value(metrics, "unweighting_time") == pytest.approx(0.178, abs=0.01)  # it sinks fastest after 0.2 s
    assert value(metrics, "braking_time") == pytest.approx(0.2, abs=0.01)
    assert value(metrics, "propulsion_time") == pytest.approx(0.7, abs=0.01)
    assert value(metrics, "time_to_take_off") == pytest.approx(1.078, abs=0.015)
    index, name = GRAVITY_M_S2 * 0.5**2 / 8 / 1.078, "reactive_strength_index_modified"
    assert value(metrics, name) == pytest.approx(index, rel=0.04)
    height, time = metrics["jump_height_flight", "none"], metrics["time_to_take_off", "none"]
    apart = index * np.hypot((height.sd or 0) / (height.value or 1), (time.sd or 0) / (time.value or 1))
    assert apart <= (metrics[name, "none"].sd or 0) < 1.5 * apart  # one take-off ends the time and begins the flight


def test_a_jump_without_a_countermovement_or_with_markers_missing_in_it_says_so() -> None:
    cut = countermovement_jump()
    gap = np.abs(cut.time_s - 0.3) < 0.025
    lacking = "Not determined in 5 frames between its beginning and take-off: markers are missing."
    hidden = replace(cut, undetermined={"knee_angle_l": gap})
    for one, reason in ((jump(), NO_COUNTERMOVEMENT), (hidden, lacking)):
        metrics = metrics_of(one, "countermovement_jump")
        for name in COUNTERMOVEMENT:
            assert (metrics[name, "none"].value, metrics[name, "none"].reason) == (None, reason)
        assert value(metrics, "flight_time") == pytest.approx(0.5, abs=0.01)


def test_the_knee_at_landing_is_not_that_before_the_jump() -> None:
    metrics = metrics_of(jump(), "countermovement_jump")
    assert value(metrics, "knee_flexion_landing_peak", "left") == pytest.approx(80, abs=1)
    assert value(metrics, "knee_flexion_landing_peak", "right") == pytest.approx(85, abs=1)


def test_a_landing_that_was_not_filmed_leaves_no_height_and_says_why() -> None:
    one = jump(duration_s=1.3)
    metrics = metrics_of(one, "countermovement_jump")
    for name in ("jump_count", "jump_height_flight"):
        assert metrics[name, "none"].value is None
        assert "s the centre of mass falls freely, but the recording ends in that flight." in str(
            metrics[name, "none"].reason
        )


def test_a_film_that_stops_in_mid_air_has_no_landing_there() -> None:
    one = jump()
    stops = int(np.searchsorted(one.time_s, 1.22))
    still = np.minimum(np.arange(len(one)), stops)
    feet_m = {side: points_m[still] for side, points_m in one.foot_points_m.items()}
    metrics = metrics_of(
        replace(one, foot_points_m=feet_m, center_of_mass_m=one.center_of_mass_m[still]), "countermovement_jump"
    )
    assert metrics["jump_count", "none"].value is None
    assert "as in a film that stops there" in str(metrics["jump_count", "none"].reason)


def test_feet_that_hardly_move_at_the_top_of_a_jump_do_not_strike_there_where_no_landing_is_recorded() -> None:
    one = jump(duration_s=1.4)
    slow = {side: points_m * [1, 0.6, 1] for side, points_m in one.foot_points_m.items()}
    events, _ = analyse_motion(replace(one, foot_points_m=slow), activity="countermovement_jump")
    assert {(event.event, event.side) for event in events if event.event.startswith("foot_")} == {
        ("foot_off", "left"),
        ("foot_off", "right"),
    }


def test_a_jump_whose_feet_are_not_seen_is_not_counted_as_none() -> None:
    unseen = replace(jump(), foot_observed={side: np.zeros(len(jump()), dtype=np.bool_) for side in SIDES})
    count = metrics_of(unseen, "countermovement_jump")["jump_count", "none"]
    assert count.value is None
    assert "when the feet leave the ground and meet it is not seen." in str(count.reason)


def test_a_flight_in_frames_that_cannot_be_trusted_is_none_and_says_so() -> None:
    """As of somebody who leaves the picture."""
    one = jump()
    quality = np.where(one.time_s > 1.2, 0.0, 1.0)
    height = metrics_of(replace(one, frame_quality=one.frame_quality | {"quality": quality}), "countermovement_jump")
    assert height["jump_height", "none"].value is None
    assert "s frames cannot be trusted: whether somebody flies is not known." in str(
        height["jump_height", "none"].reason
    )


def test_the_longest_jump_is_not_known_where_a_longer_one_has_no_known_landing() -> None:
    """As of somebody who hops, then lands a somersault that is not seen; `cycles` still has the hop."""
    both = one_after_another(jump(flight_s=0.3), jump(flight_s=0.6))
    assert value(metrics_of(both, "countermovement_jump"), "flight_time") == pytest.approx(0.6, abs=DT)
    seen = both.time_s < 3.0
    unseen = replace(both, foot_observed=dict.fromkeys(SIDES, seen))
    found = metrics_of(unseen, "countermovement_jump")["jump_height", "none"]
    assert found.value is None
    assert "when the feet leave the ground and meet it is not seen." in str(found.reason)


def test_a_landing_after_which_feet_do_not_rest_is_told_by_the_level_from_which_they_rose() -> None:
    """The recording ends 0.08 s after it, and until then they roll."""
    one = jump(duration_s=1.58)
    rolled_m = np.clip(one.time_s - 1.5, 0, None)[:, None, None] * [0.9, 0, 0]
    one = replace(one, foot_points_m={side: points_m + rolled_m for side, points_m in one.foot_points_m.items()})
    (flight,) = find_flights(one).found
    assert abs(flight.landing_s - 1.5) < 2 * flight.fall.landing_sd_s < 0.05
    assert flight.level_change_m == 0
    events, _ = analyse_motion(one, activity="countermovement_jump")
    assert {event.side for event in events if event.event == "foot_strike"} == {"left", "right"}


def test_a_foot_that_is_held_up_beside_a_jump_on_one_leg_neither_leaves_the_ground_nor_meets_it() -> None:
    one = jump()
    height_m = {side: points_m[:, 0] + [0, 0.3 * (side == "left"), 0] for side, points_m in one.foot_points_m.items()}
    points_m = {f"{name}_{side[0]}": heights_m for side, heights_m in height_m.items() for name in ("heel", "toes")}
    on_one_leg = replace(one, points_m=points_m)
    events, metrics = analyse_motion(on_one_leg, activity="countermovement_jump")
    assert [(event.event, event.side) for event in events if event.event.startswith("foot_")] == [
        ("foot_off", "right"),
        ("foot_strike", "right"),
    ]
    assert next(metric.value for metric in metrics if metric.metric == "jump_count") == 1


def test_heights_that_contradict_gravity_make_a_jump_null_with_the_reason() -> None:
    one = jump()
    height_m = one.center_of_mass_m * [1, 1.6, 1]
    metrics = metrics_of(replace(one, center_of_mass_m=height_m), "countermovement_jump")
    for name in ("jump_count", "jump_height", "flight_time"):
        assert metrics[name, "none"].value is None
        assert "falls with 15.7 m/s2 instead of 9.81" in str(metrics[name, "none"].reason)


def jump_with_a_gap(from_s: float, to_s: float) -> Motion:
    """A jump from 1.0 to 1.5 s whose markers are missing between two times."""
    one = jump()
    gap = (one.time_s > from_s) & (one.time_s < to_s)

    def filled(values: np.ndarray) -> np.ndarray:
        columns = values.reshape(len(one), -1)
        return fill_gaps(columns, ~gap, one.time_s).reshape(values.shape)

    return replace(
        one,
        foot_points_m={side: filled(points_m) for side, points_m in one.foot_points_m.items()},
        center_of_mass_m=filled(one.center_of_mass_m),
        coordinates={name: filled(values) for name, values in one.coordinates.items()},
        foot_observed=dict.fromkeys(one.foot_observed, ~gap),
        frame_quality=one.frame_quality | {"quality": (~gap).astype(float)},
        undetermined=dict.fromkeys(one.coordinates, gap),
    )


@pytest.mark.parametrize(("from_s", "to_s"), [(0.895, 1.105), (0.945, 1.055), (1.095, 1.305), (1.245, 1.505)])
def test_a_jump_that_a_gap_in_the_markers_hides_is_null_with_the_frames(from_s: float, to_s: float) -> None:
    metrics = metrics_of(jump_with_a_gap(from_s, to_s), "countermovement_jump")
    frames = f"frames {round(100 * from_s + 0.5)} to {round(100 * to_s - 0.5)}:"
    for name in ("jump_count", "flight_time", "jump_height", "jump_height_com"):
        assert metrics[name, "none"].value is None
        assert frames in str(metrics[name, "none"].reason)


def test_a_jump_in_which_nobody_is_seen_for_a_while_is_null_with_the_frames() -> None:
    """As where the picture stands still, and then goes on on the ground."""
    one = jump_with_a_gap(1.345, 1.555)
    unseen = one.undetermined["knee_angle_l"]
    film = replace(
        one, undetermined={}, frame_quality=one.frame_quality | {"seen_fraction": (~unseen).astype(float)}, of_film=True
    )
    metrics = metrics_of(film, "countermovement_jump")
    for name in ("jump_count", "flight_time", "jump_height"):
        assert metrics[name, "none"].value is None
        assert "The person is not seen in frames 135 to 155: " in str(metrics[name, "none"].reason)


def test_a_gap_away_from_a_jump_leaves_its_height_and_hides_how_many_there_are() -> None:
    metrics = metrics_of(jump_with_a_gap(2.195, 2.505), "countermovement_jump")
    assert value(metrics, "jump_height") == value(metrics_of(jump(), "countermovement_jump"), "jump_height")
    assert metrics["jump_count", "none"].value is None
    short = metrics_of(jump_with_a_gap(2.195, 2.245), "countermovement_jump")
    assert value(short, "jump_count") == 1


def test_feet_whose_heights_have_different_zeros_land_on_the_level_where_they_began() -> None:
    one = jump()
    t = one.time_s
    feet = {side: points_m.copy() for side, points_m in one.foot_points_m.items()}
    feet["right"][..., 1] += 0.3  # on film heights are those since the first frame
    shuffles = {"left": (t > 0.65) & (t < 0.8), "right": (t > 1.6) & (t < 1.85)}
    for side, while_moving in shuffles.items():
        feet[side][..., 0] += np.cumsum(0.006 * while_moving)[:, None]
    (flight,) = find_flights(replace(one, foot_points_m=feet, of_film=True)).found
    assert flight.level_change_m == pytest.approx(0, abs=0.01)


def test_a_drop_from_a_box_is_no_jump_and_the_rebound_has_its_contact() -> None:
    drop, rebound = jump(flight_s=0.4, landing_drop_m=0.3, duration_s=1.75), jump(take_off_s=0.35, duration_s=2.0)
    metrics = metrics_of(one_after_another(drop, rebound), "drop_jump")
    assert value(metrics, "jump_count") == 1
    assert value(metrics, "jump_height_flight") == pytest.approx(GRAVITY_M_S2 * 0.25 / 8, abs=0.01)
    assert value(metrics, "contact_time") == pytest.approx(0.7, abs=0.01)
    assert 0.005 < (metrics["contact_time", "none"].sd or 0) < 0.02
    index, flight_s = value(metrics, "reactive_strength_index"), value(metrics, "flight_time")
    assert index == pytest.approx(GRAVITY_M_S2 * 0.25 / 8 / 0.7, abs=0.02)
    index_sd, contact_s = metrics["reactive_strength_index", "none"].sd or 0.0, value(metrics, "contact_time")
    sds = [metrics[name, "none"].sd or 0.0 for name in ("flight_time", "contact_time")]
    apart = index * np.hypot(2 * sds[0] / flight_s, sds[1] / contact_s)  # were flight and contact measured apart
    assert apart < index_sd < 2 * apart  # one take-off ends the contact and begins the flight
