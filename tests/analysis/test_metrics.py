"""Metrics of made-up motions are what was made up."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.events import find_events
from biopose.analysis.metrics import GAIT, find_metrics
from biopose.analysis.motion import Motion
from biopose.analysis.stance import flights, foot_states
from biopose.analysis.tables import Metric
from biopose.io.manifest_entries import ACTIVITIES
from tests.analysis.motions import GRAVITY_M_S2, RATE_HZ, bump, jump, motion, walking

DT = 1 / RATE_HZ


def metrics_of(one: Motion, activity: str) -> dict[tuple[str, str], Metric]:
    states = foot_states(one)
    flown = flights(one, states)
    events = find_events(one, states, flown, activity=activity)
    found = find_metrics(one, events, flown, activity=activity)
    by_key: dict[tuple[str, str], Metric] = {(metric.metric, metric.side): metric for metric in found}
    assert len(by_key) == len(found), "a metric of a side is there once"
    return by_key


def value(metrics: dict[tuple[str, str], Metric], name: str, side: str = "none") -> float:
    return metrics[name, side].value


def test_every_metric_is_defined_with_its_unit_and_finite() -> None:
    for activity in ACTIVITIES:
        for one in (walking(), jump()):
            for metric in metrics_of(one, activity).values():
                assert metric.unit == DEFINITIONS[metric.metric].unit
                assert np.isfinite(metric.value)
                assert metric.sd is None or metric.sd > 0


def test_walking_is_recognised_by_its_strides() -> None:
    metrics = metrics_of(walking(stride_s=1.1, stance_s=0.7, speed_m_s=1.3), "walk")
    for side in ("left", "right"):
        assert value(metrics, "stride_time", side) == pytest.approx(1.1, abs=DT)
        assert value(metrics, "contact_time", side) == pytest.approx(0.7, abs=2 * DT)
    assert value(metrics, "cadence") == pytest.approx(120 / 1.1, rel=0.02)
    assert value(metrics, "mean_speed") == pytest.approx(1.3, abs=0.01)
    assert value(metrics, "step_count") == 11
    assert ("flight_time", "none") not in metrics


def test_a_missed_strike_does_not_halve_the_cadence() -> None:
    one = walking(duration_s=9.0)
    one.contact["left"][200:260] = 0.05
    assert value(metrics_of(one, "walk"), "cadence") == pytest.approx(120 / 1.1, rel=0.02)


def test_a_run_has_flights() -> None:
    one = walking(stride_s=0.7, stance_s=0.22)
    time_s = one.time_s
    height = 0.9 - 0.04 * np.cos(2 * np.pi * (time_s - 0.3 - 0.11) / 0.35)  # lowest in mid-stance
    running = motion(contact=dict(one.contact), coordinates={"pelvis_ty": height})
    assert value(metrics_of(running, "run"), "flight_time") == pytest.approx(0.13, abs=2 * DT)


def test_angles_are_peaks_and_ranges_over_what_can_be_trusted() -> None:
    n = 100
    knee = np.linspace(10, 70, n)
    knee[50] = 170
    quality = np.full(n, 0.9)
    quality[50] = 0.1
    stands = np.full(n, 0.9)
    one = motion(contact={"left": stands, "right": stands}, coordinates={"knee_angle_r": knee}, quality=quality)
    metrics = metrics_of(one, "other")
    assert value(metrics, "knee_flexion_peak", "right") == pytest.approx(70)
    assert value(metrics, "knee_flexion_range", "right") == pytest.approx(60)
    assert value(metrics, "knee_flexion_range", "left") == 0
    assert value(metrics, "duration") == pytest.approx((n - 1) / RATE_HZ)


def test_an_angles_standard_deviation_is_that_of_the_frames_it_is_read_at() -> None:
    stands, knee = np.full(50, 0.9), np.linspace(10, 70, 50)
    sd = np.full(50, 9.0)
    sd[[0, -1]] = 3.0, 4.0
    one = motion(
        contact={"left": stands, "right": stands},
        coordinates={"knee_angle_r": knee, "knee_angle_l": knee},
        coordinate_sd={"knee_angle_r": sd, "knee_angle_l": np.where(np.arange(50) == 0, np.nan, sd)},
    )
    metrics = metrics_of(one, "squat")
    assert metrics["knee_flexion_peak", "right"].sd == 4.0
    assert metrics["knee_flexion_range", "right"].sd == pytest.approx(5.0)
    assert metrics["knee_flexion_peak", "left"].sd == 4.0
    assert metrics["knee_flexion_range", "left"].sd is None  # one of its two frames' is not known
    assert metrics["hip_flexion_peak", "right"].sd is None
    assert metrics["duration", "none"].sd is None


def test_a_squats_depth_is_as_sure_as_its_knees_are_on_average() -> None:
    stands, knee = np.full(50, 0.9), np.linspace(10, 70, 50)
    one = motion(
        contact={"left": stands, "right": stands},
        coordinates={"knee_angle_r": knee, "knee_angle_l": knee},
        coordinate_sd={"knee_angle_r": np.full(50, 3.0), "knee_angle_l": np.full(50, 5.0)},
    )
    assert metrics_of(one, "squat")["squat_depth", "none"].sd == 4.0


def test_a_landings_standard_deviation_is_that_of_its_deepest_frame() -> None:
    one = jump()
    sd = 1.0 + one.time_s
    metrics = metrics_of(replace(one, coordinate_sd=one.coordinate_sd | {"knee_angle_l": sd}), "drop_jump")
    landed_s = 1.0 + 0.5 + 0.2
    assert metrics["knee_flexion_landing_peak", "left"].sd == pytest.approx(1.0 + landed_s, abs=DT)
    assert metrics["knee_flexion_landing_peak", "right"].sd is None


def test_a_trial_without_a_trusted_frame_has_no_angles() -> None:
    stands = np.full(20, 0.9)
    one = motion(contact={"left": stands, "right": stands}, quality=np.full(20, np.nan))
    assert set(metrics_of(one, "squat")) == {("duration", "none"), ("repetition_count", "none")}


def test_a_jump_is_as_high_as_its_flight_is_long() -> None:
    metrics = metrics_of(jump(flight_s=0.5), "countermovement_jump")
    expected = GRAVITY_M_S2 * 0.5**2 / 8
    assert value(metrics, "jump_count") == 1
    assert value(metrics, "flight_time") == pytest.approx(0.5, abs=2 * DT)
    assert value(metrics, "jump_height_flight") == pytest.approx(expected, abs=0.03)
    assert value(metrics, "jump_height_pelvis") == pytest.approx(expected, abs=0.03)
    assert metrics["flight_time", "none"].sd == pytest.approx(DT / np.sqrt(6))
    t, sd_s = value(metrics, "flight_time"), metrics["flight_time", "none"].sd
    assert sd_s is not None
    assert metrics["jump_height_flight", "none"].sd == pytest.approx(GRAVITY_M_S2 * t / 4 * sd_s)


def test_the_knee_at_landing_is_not_that_before_the_jump() -> None:
    metrics = metrics_of(jump(), "countermovement_jump")
    assert value(metrics, "knee_flexion_landing_peak", "left") == pytest.approx(80, abs=1)
    assert value(metrics, "knee_flexion_landing_peak", "right") == pytest.approx(85, abs=1)


def test_a_landing_that_was_not_filmed_leaves_no_height() -> None:
    one = jump(duration_s=1.3)
    metrics = metrics_of(one, "countermovement_jump")
    assert value(metrics, "jump_count") == 0
    assert ("jump_height_flight", "none") not in metrics


def test_a_drop_from_a_box_is_no_jump_and_the_rebound_has_its_contact() -> None:
    drop, rebound = jump(landing_drop_m=0.4, duration_s=1.75), jump(take_off_s=0.25, duration_s=2.0)
    joined = motion(
        contact={s: np.concatenate([drop.contact[s], rebound.contact[s]]) for s in ("left", "right")},
        coordinates={
            name: np.concatenate(
                [drop.coordinates[name], rebound.coordinates[name] - (0.4 if name == "pelvis_ty" else 0)]
            )
            for name in drop.coordinates
        },
        foot_height_m=np.concatenate([drop.foot_height_m["left"], rebound.foot_height_m["left"] - 0.4]),
    )
    metrics = metrics_of(joined, "drop_jump")
    assert value(metrics, "jump_count") == 1
    assert value(metrics, "jump_height_flight") == pytest.approx(GRAVITY_M_S2 * 0.25 / 8, abs=0.03)
    assert value(metrics, "contact_time") == pytest.approx(0.5, abs=3 * DT)


def test_squats_are_counted_and_have_a_depth() -> None:
    time_s = np.arange(400) / RATE_HZ
    bend = bump(time_s, 1.5, width_s=0.3) + bump(time_s, 4.5, width_s=0.3)
    stands = np.full(400, 0.9)
    one = motion(
        contact={"left": stands, "right": stands},
        coordinates={"knee_angle_l": 100 * bend, "knee_angle_r": 100 * bend, "pelvis_ty": 0.95 - 0.4 * bend},
    )
    metrics = metrics_of(one, "squat")
    assert value(metrics, "repetition_count") == 2
    assert value(metrics, "squat_depth") == pytest.approx(100.0, abs=0.1)


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_a_single_frame_has_metrics_too(activity: str) -> None:
    one = motion(contact={"left": np.ones(1), "right": np.ones(1)})
    metrics = metrics_of(one, activity)
    assert value(metrics, "duration") == 0
    assert ("cadence", "none") not in metrics


def test_gait_is_of_the_manifest() -> None:
    assert set(GAIT) < set(ACTIVITIES)
