"""Metrics of synthetic motions are what their definitions give; those of jumps: test_jump_metrics.py."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.angle_errors import person_sd_of_sum
from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.definitions import metric as defined
from biopose.analysis.gait_events import OFF_LATER_S, OFF_SD_S, STRIKE_SD_S
from biopose.analysis.landing_metrics import NAMES as LANDING
from biopose.analysis.metrics import GAIT
from biopose.analysis.motion import Motion
from biopose.analysis.tables import metrics_table
from biopose.io.manifest_entries import ACTIVITIES
from tests.analysis.metric_values import metrics_of, value
from tests.analysis.motions import (
    GRAVITY_M_S2,
    HEEL_RISES_S,
    RATE_HZ,
    bump,
    jump,
    motion,
    walking,
)

DT = 1 / RATE_HZ


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
        assert value(metrics, "swing_time", side) == pytest.approx(1.1 - contact_s, abs=DT)
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
    assert metrics["swing_time", "left"].sd == pytest.approx(np.hypot(strike_s, off_s))
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


def test_an_angle_has_the_part_of_its_deviation_that_is_the_persons_and_a_range_has_none() -> None:
    """Of a knee 2.3 degrees; of a hip 5 of the pelvis and its own 2.3. The trial's own is not the person's."""
    time_s = np.arange(200) / RATE_HZ
    swing = 50 + 40 * np.sin(np.pi * time_s)
    angles = ("knee_angle_r", "knee_angle_l", "hip_flexion_r", "ankle_angle_r")
    one = motion(
        coordinates=dict.fromkeys(angles, swing), coordinate_sd=dict.fromkeys(angles, np.full(len(time_s), 9.0))
    )
    measured = dict.fromkeys(angles[:3], 6.0) | {"pelvis_tilt": 5.5}
    metrics = metrics_of(replace(one, constant_sd=measured), "squat")
    assert metrics["knee_flexion_peak", "right"].constant_sd == pytest.approx(2.3)
    assert metrics["hip_flexion_peak", "right"].constant_sd == pytest.approx(np.hypot(5.0, 2.3))
    assert metrics["squat_depth", "none"].constant_sd == pytest.approx(2.3)  # both knees err alike
    assert metrics["ankle_dorsiflexion_peak", "right"].constant_sd is None
    assert metrics["knee_flexion_range", "right"].constant_sd is None
    assert metrics["duration", "none"].constant_sd is None
    film = replace(one, constant_sd={"pro_sup_l": 46.2, "pelvis_list": 4.0})
    assert person_sd_of_sum(film, {"pro_sup_l": 1.0})[0] == pytest.approx(2.1)  # what film does not show varies
    assert person_sd_of_sum(film, {"pelvis_list": 1.0})[0] == 0.0  # no frame's error, of the trial alone
    assert defined("knee_flexion_peak", 90.0, sd=2.0, constant_sd=2.3).constant_sd == 2.0
    assert metrics_of(one, "squat")["knee_flexion_peak", "right"].constant_sd is None
    table = metrics_table([metrics["knee_flexion_peak", "right"], metrics["duration", "none"]])
    assert table["constant_sd"].to_pylist() == [pytest.approx(2.3), None]


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


MOVES = "The camera moves: root motion and ground are not to be trusted"


@pytest.mark.parametrize(
    ("activity", "names"),
    [
        (
            "run",
            {"step_count", "cadence", "mean_speed", "stride_time", "contact_time", "duty_factor", "swing_time"}
            | {"stride_length", "step_length", "overstride", "shank_angle_at_contact", "leg_stiffness"}
            | {"vertical_oscillation"},
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
    cadence = metrics.get(("cadence", "none"))
    assert (cadence is not None) == (activity in GAIT)
    assert cadence is None or (cadence.value is None and str(cadence.reason).startswith("No whole stride"))


def test_gait_is_of_the_manifest() -> None:
    assert set(GAIT) < set(ACTIVITIES)
