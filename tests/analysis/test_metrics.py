"""Metrics of made-up motions are what was made up."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.flights import find_flights
from biopose.analysis.gait_events import OFF_LATER_S, OFF_SD_S, STRIKE_SD_S
from biopose.analysis.jump_metrics import COUNTERMOVEMENT, NO_COUNTERMOVEMENT, NO_JUMP, POSTURE_SD_M
from biopose.analysis.landing_metrics import NAMES as LANDING
from biopose.analysis.metrics import GAIT
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Metric, metrics_table
from biopose.analysis.trial_analysis import analyse_motion
from biopose.io.manifest_entries import ACTIVITIES
from biopose.skeleton.gap_filling import fill_gaps
from tests.analysis.motions import (
    GRAVITY_M_S2,
    HEEL_RISES_S,
    RATE_HZ,
    bump,
    jump,
    motion,
    one_after_another,
    walking,
)

DT = 1 / RATE_HZ


def metrics_of(one: Motion, activity: str) -> dict[tuple[str, str], Metric]:
    _, found = analyse_motion(one, activity=activity)
    by_key: dict[tuple[str, str], Metric] = {(metric.metric, metric.side): metric for metric in found}
    assert len(by_key) == len(found), "a metric of a side is there once"
    return by_key


def value(metrics: dict[tuple[str, str], Metric], name: str, side: str = "none") -> float:
    found = metrics[name, side].value
    assert found is not None
    return found


def test_every_metric_is_defined_with_its_unit_and_finite() -> None:
    for activity in ACTIVITIES:
        for one in (walking(), jump()):
            for metric in metrics_of(one, activity).values():
                assert metric.unit == DEFINITIONS[metric.metric].unit
                assert metric.reason if metric.value is None else np.isfinite(metric.value)
                assert metric.sd is None or metric.sd > 0


def test_walking_is_recognised_by_its_strides() -> None:
    metrics = metrics_of(walking(stride_s=1.1, stance_s=0.7, speed_m_s=1.3), "walk")
    for side in ("left", "right"):
        assert value(metrics, "stride_time", side) == pytest.approx(1.1, abs=DT)
        contact_s = 0.7 - HEEL_RISES_S + OFF_LATER_S
        assert value(metrics, "contact_time", side) == pytest.approx(contact_s, abs=DT)
        assert value(metrics, "duty_factor", side) == pytest.approx(contact_s / 1.1, abs=0.02)
    assert value(metrics, "cadence") == pytest.approx(120 / 1.1, rel=0.02)
    assert value(metrics, "mean_speed") == pytest.approx(1.3, abs=0.01)
    assert value(metrics, "step_count") == 11
    assert ("flight_time", "none") not in metrics


def test_a_time_between_events_is_as_sure_as_they_are() -> None:
    metrics, frame_s = metrics_of(walking(), "walk"), DT / np.sqrt(12)
    strike_s, off_s = np.hypot(STRIKE_SD_S, frame_s), np.hypot(OFF_SD_S, frame_s)
    assert metrics["stride_time", "left"].sd == pytest.approx(np.sqrt(2) * strike_s)
    assert metrics["contact_time", "left"].sd == pytest.approx(np.hypot(strike_s, off_s))
    assert metrics["cadence", "none"].sd == pytest.approx(120 / 1.1**2 * strike_s, rel=0.01)  # strides of both sides
    share = value(metrics, "duty_factor", "left")
    of_events_s = [(1 - share) * strike_s, share * strike_s, off_s]  # strike, next strike, foot off
    assert metrics["duty_factor", "left"].sd == pytest.approx(float(np.linalg.norm(of_events_s)) / 1.1, rel=0.02)


def test_a_speed_is_as_sure_as_the_pelvis_is_where_it_begins_and_ends() -> None:
    one = walking(duration_s=4.01)
    sd_m = {f"pelvis_t{axis}": np.full(len(one), 0.03) for axis in "xz"}
    metrics = metrics_of(replace(one, coordinate_sd=one.coordinate_sd | sd_m), "walk")
    assert metrics["mean_speed", "none"].sd == pytest.approx(np.sqrt(2) * 0.03 / 4.0)
    assert metrics_of(one, "walk")["mean_speed", "none"].sd is None


def test_a_missed_strike_does_not_halve_the_cadence() -> None:
    seen = np.ones(900, dtype=np.bool_)
    seen[340:420] = False  # the left foot strikes at 3.6 s
    metrics = metrics_of(walking(duration_s=9.0, observed={"left": seen}), "walk")
    assert value(metrics, "cadence") == pytest.approx(120 / 1.1, rel=0.02)


def test_a_run_has_the_flights_of_its_centre_of_mass() -> None:
    flight_s, contact_s = 0.14, 0.21
    step_s = flight_s + contact_s
    one = walking(stride_s=2 * step_s, stance_s=contact_s, speed_m_s=3.5, lift_m=0.1)
    since_s = (one.time_s - 0.3) % step_s  # since a foot struck
    sin_u = np.sin(np.pi * np.clip(since_s / contact_s, 0, 1))
    # On the ground the force over mass is a half sine whose mean over the step is gravity's.
    rate = np.pi / contact_s
    peak = GRAVITY_M_S2 * step_s * rate / 2
    down_m_s = GRAVITY_M_S2 * flight_s / 2
    on_ground = (peak / rate - down_m_s) * since_s - GRAVITY_M_S2 * since_s**2 / 2 - peak / rate**2 * sin_u
    since_off_s = since_s - contact_s
    in_air = down_m_s * since_off_s - GRAVITY_M_S2 * since_off_s**2 / 2
    height_m = 0.95 + np.where(since_s < contact_s, on_ground, in_air)
    running = replace(one, center_of_mass_m=np.stack([3.5 * one.time_s, height_m, 0 * height_m], axis=1))
    metrics = metrics_of(running, "run")
    assert value(metrics, "flight_time") == pytest.approx(flight_s, abs=0.015)
    assert value(metrics, "contact_time", "left") == pytest.approx(contact_s, abs=0.02)
    assert value(metrics, "stride_time", "right") == pytest.approx(2 * step_s, abs=0.01)


def test_angles_are_peaks_and_ranges_over_what_can_be_trusted() -> None:
    n = 100
    knee = np.linspace(10, 70, n)
    knee[50] = 170
    quality = np.full(n, 0.9)
    quality[50] = 0.1
    one = motion(coordinates={"knee_angle_r": knee}, quality=quality)
    metrics = metrics_of(one, "other")
    assert value(metrics, "knee_flexion_peak", "right") == pytest.approx(70)
    assert value(metrics, "knee_flexion_range", "right") == pytest.approx(60)
    assert value(metrics, "knee_flexion_range", "left") == 0
    assert value(metrics, "duration") == pytest.approx((n - 1) / RATE_HZ)


@pytest.mark.parametrize(
    ("joint", "peak", "range_"),
    [
        ("hip_flexion", "hip_flexion_peak", "hip_flexion_range"),
        ("knee_angle", "knee_flexion_peak", "knee_flexion_range"),
        ("ankle_angle", "ankle_dorsiflexion_peak", "ankle_dorsiflexion_range"),
    ],
)
def test_a_joint_that_swings_as_a_pendulum_has_its_amplitude(joint: str, peak: str, range_: str) -> None:
    """At 15 + 25 sin(pi t) degrees on the left and 5 + 10 cos(pi t) on the right, for 4 s at 100 Hz."""
    time_s = np.arange(400) / RATE_HZ
    left, right = 15 + 25 * np.sin(np.pi * time_s), 5 + 10 * np.cos(np.pi * time_s)
    metrics = metrics_of(motion(coordinates={f"{joint}_l": left, f"{joint}_r": right}), "other")
    assert (value(metrics, peak, "left"), value(metrics, range_, "left")) == (pytest.approx(40), pytest.approx(50))
    assert (value(metrics, peak, "right"), value(metrics, range_, "right")) == (pytest.approx(15), pytest.approx(20))


def test_a_steep_extreme_is_as_sure_as_its_frame_and_what_is_constant_is_not_in_the_range() -> None:
    knee = np.linspace(10, 110, 50)
    sd = np.where(np.arange(50) < 25, 3.0, 4.0)
    one = motion(
        coordinates={"knee_angle_r": knee, "knee_angle_l": knee},
        coordinate_sd={"knee_angle_r": sd, "knee_angle_l": np.where(np.arange(50) == 0, np.nan, sd)},
    )
    metrics = metrics_of(one, "squat")
    assert metrics["knee_flexion_peak", "right"].sd == pytest.approx(4.0, rel=0.15)
    assert metrics["knee_flexion_range", "right"].sd == pytest.approx(5.0, rel=0.15)
    assert metrics["knee_flexion_peak", "left"].sd == pytest.approx(4.0, rel=0.15)
    assert metrics["knee_flexion_range", "left"].sd is None  # one of its two frames' is not known
    constant = metrics_of(replace(one, constant_sd={"knee_angle_r": 3.0}), "squat")
    assert constant["knee_flexion_peak", "right"].sd == pytest.approx(4.0, rel=0.15)
    assert constant["knee_flexion_range", "right"].sd == pytest.approx(np.sqrt(7), rel=0.15)
    assert metrics["hip_flexion_peak", "right"].sd is None
    assert metrics["duration", "none"].sd is None


def test_a_squats_depth_is_as_sure_as_its_knees_are_on_average() -> None:
    knee = np.linspace(10, 70, 50)
    one = motion(
        coordinates={"knee_angle_r": knee, "knee_angle_l": knee},
        coordinate_sd={"knee_angle_r": np.full(50, 3.0), "knee_angle_l": np.full(50, 5.0)},
    )
    correlation = 0.9**2  # of what both knees err by
    expected = np.sqrt(3**2 + 5**2 + 2 * correlation * 15) / 2
    assert metrics_of(one, "squat")["squat_depth", "none"].sd == pytest.approx(expected, rel=0.15)
    alike = replace(one, constant_sd={"knee_angle_r": 3.0, "knee_angle_l": 3.0})
    assert (metrics_of(alike, "squat")["squat_depth", "none"].sd or 0) > 3.0  # on both sides the same


def squatting_with_a_gap(from_s: float, to_s: float) -> Motion:
    """Two squats of 100 degrees, deepest at 1.5 and 4.5 s; the left knee is interpolated over a gap."""
    time_s = np.arange(600) / RATE_HZ
    knee = 100 * (bump(time_s, 1.5, width_s=0.3) + bump(time_s, 4.5, width_s=0.3))
    gap = (time_s > from_s) & (time_s < to_s)
    left = np.interp(time_s, time_s[~gap], knee[~gap])
    one = motion(coordinates={"knee_angle_l": left, "knee_angle_r": knee})
    return replace(one, undetermined={"knee_angle_l": gap})


def test_an_extreme_that_a_gap_in_the_markers_may_hide_is_null_with_the_reason() -> None:
    metrics = metrics_of(squatting_with_a_gap(1.1, 1.9), "squat")
    hidden = [("squat_depth", "none"), ("repetition_count", "none")]
    hidden += [("knee_flexion_peak", "left"), ("knee_flexion_range", "left")]
    for name, side in hidden:
        assert metrics[name, side].value is None
        assert metrics[name, side].reason == "Not determined in 79 of 600 frames: markers are missing."
    assert value(metrics, "knee_flexion_peak", "right") == pytest.approx(100)


def test_a_short_gap_hides_an_extreme_only_beside_it() -> None:
    beside = metrics_of(squatting_with_a_gap(1.46, 1.54), "squat")
    assert value(beside, "knee_flexion_peak", "left") == pytest.approx(100)  # the other squat's
    one = squatting_with_a_gap(1.46, 1.54)
    deepest = {name: np.where(one.time_s > 3, deg / 2, deg) for name, deg in one.coordinates.items()}
    metrics = metrics_of(replace(one, coordinates=deepest), "squat")
    assert metrics["knee_flexion_peak", "left"].value is None
    assert metrics["squat_depth", "none"].value is None
    assert value(metrics, "repetition_count") == 2
    assert value(metrics, "knee_flexion_peak", "right") == pytest.approx(100)


def test_markers_that_are_missing_at_the_ends_of_the_recording_hide_no_movement() -> None:
    metrics = metrics_of(squatting_with_a_gap(-1, 0.6), "squat")
    assert value(metrics, "squat_depth") == pytest.approx(100)
    assert value(metrics, "repetition_count") == 2


def test_a_landings_standard_deviation_is_that_of_its_deepest_frame() -> None:
    one = jump()
    sd = 1.0 + one.time_s
    metrics = metrics_of(replace(one, coordinate_sd=one.coordinate_sd | {"knee_angle_l": sd}), "drop_jump")
    landed_s = 1.0 + 0.5 + 0.2
    assert metrics["knee_flexion_landing_peak", "left"].sd == pytest.approx(1.0 + landed_s, rel=0.15)
    assert metrics["knee_flexion_landing_peak", "right"].sd is None


def test_a_trial_without_a_trusted_frame_has_no_angles() -> None:
    one = motion(quality=np.full(20, np.nan))
    assert set(metrics_of(one, "squat")) == {("duration", "none"), ("repetition_count", "none")}


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


def test_who_lands_with_bent_legs_is_told_how_far_the_heights_differ() -> None:
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


MOVES = "The camera moves: root motion and ground are not to be trusted"


@pytest.mark.parametrize(
    ("activity", "names"),
    [
        (
            "run",
            {"step_count", "cadence", "mean_speed", "stride_time", "contact_time", "duty_factor", "stride_length"}
            | {"step_length", "overstride", "shank_angle_at_contact", "leg_stiffness", "vertical_oscillation"},
        ),
        (
            "drop_jump",
            {"jump_count", "flight_time", "contact_time", "reactive_strength_index", "jump_height"}
            | {f"jump_height_{how}" for how in ("flight", "com", "difference")}
            | set(LANDING),
        ),
    ],
)
def test_what_needs_the_world_is_null_with_the_reason_where_the_camera_moves(activity: str, names: set[str]) -> None:
    one = replace(jump() if activity == "drop_jump" else walking(), world_unknown=MOVES)
    metrics = metrics_of(one, activity).values()
    assert {metric.metric for metric in metrics if metric.value is None} == names
    assert {metric.reason for metric in metrics if metric.value is None} == {MOVES}
    rows = metrics_table(metrics).to_pylist()
    assert {row["metric"] for row in rows if row["value"] is None} == names
    assert all(row["reason"] is None for row in rows if row["value"] is not None)
    assert "knee_flexion_peak" in {row["metric"] for row in rows}


def test_the_knee_at_landing_is_not_that_before_the_jump() -> None:
    metrics = metrics_of(jump(), "countermovement_jump")
    assert value(metrics, "knee_flexion_landing_peak", "left") == pytest.approx(80, abs=1)
    assert value(metrics, "knee_flexion_landing_peak", "right") == pytest.approx(85, abs=1)


def test_a_landing_that_was_not_filmed_leaves_no_height_and_says_why() -> None:
    one = jump(duration_s=1.3)
    metrics = metrics_of(one, "countermovement_jump")
    assert value(metrics, "jump_count") == 0
    height = metrics["jump_height_flight", "none"]
    assert (height.value, height.reason) == (None, NO_JUMP)


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


def test_squats_are_counted_and_have_a_depth() -> None:
    time_s = np.arange(600) / RATE_HZ
    bend = bump(time_s, 1.5, width_s=0.3) + bump(time_s, 4.5, width_s=0.3)
    one = motion(
        coordinates={"knee_angle_l": 100 * bend, "knee_angle_r": 100 * bend, "pelvis_ty": 0.95 - 0.4 * bend},
    )
    metrics = metrics_of(one, "squat")
    assert value(metrics, "repetition_count") == 2
    assert value(metrics, "squat_depth") == pytest.approx(100.0, abs=0.1)


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_a_single_frame_has_metrics_too(activity: str) -> None:
    one = motion(frames=1)
    metrics = metrics_of(one, activity)
    assert value(metrics, "duration") == 0
    assert ("cadence", "none") not in metrics


def test_gait_is_of_the_manifest() -> None:
    assert set(GAIT) < set(ACTIVITIES)
