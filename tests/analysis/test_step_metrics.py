"""Lengths, double support and contacts of a synthetic walker and runner are those that were given."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.cycles import cycle_metrics
from biopose.analysis.gait_events import OFF_LATER_S
from biopose.analysis.gait_metrics import ALONG_VIEW, ON_BELT
from biopose.analysis.image_motion import View
from biopose.analysis.motion import Motion
from biopose.analysis.step_metrics import NO_LEG_SPRING, leg_stiffness
from biopose.analysis.tables import CycleMetric, Metric
from biopose.analysis.travel import ACROSS_SD, ALONG_SD
from biopose.analysis.trial_analysis import analyse_motion, flights_of
from tests.analysis.motions import (
    HEEL_RISES_S,
    right_foot_ahead,
    standing_points,
    walking,
    walking_points,
)
from tests.analysis.running import running

STRIDE_M = 1.1 * 1.3
FLIGHT_S, CONTACT_S, SPEED_M_S = 0.14, 0.21, 3.5


def metrics_of(one: Motion, activity: str) -> dict[tuple[str, str], Metric]:
    return {(metric.metric, metric.side): metric for metric in analyse_motion(one, activity=activity)[1]}


def walker(*, duration_s: float = 6.0) -> Motion:
    """Steps of 40 % of the stride with the right foot and 60 % with the left; the body rises and sinks by 6 cm."""
    one = right_foot_ahead(walking(stride_s=1.1, stance_s=0.7, speed_m_s=1.3, duration_s=duration_s), 0.4 * STRIDE_M)
    height_m = 0.95 + 0.03 * np.cos(2 * np.pi * one.time_s / 0.55)
    body_m = np.stack([1.3 * one.time_s, height_m, 0 * height_m], axis=1)
    return replace(one, points_m=walking_points(one, speed_m_s=1.3, ahead_m=0.2), center_of_mass_m=body_m)


def runner(*, duration_s: float = 4.0) -> Motion:
    step_s = FLIGHT_S + CONTACT_S
    one = running(speed_m_s=SPEED_M_S, stride_s=2 * step_s, contact_s=CONTACT_S, rate_hz=100.0, duration_s=duration_s)
    return replace(one, points_m=walking_points(one, speed_m_s=SPEED_M_S, ahead_m=0.2, shank_deg=8.0))


def test_a_walkers_steps_and_double_support_are_what_was_given() -> None:
    metrics = metrics_of(walker(), "walk")
    assert metrics["step_length", "right"].value == pytest.approx(0.4 * STRIDE_M, abs=0.01)
    assert metrics["step_length", "left"].value == pytest.approx(0.6 * STRIDE_M, abs=0.01)
    assert metrics["vertical_oscillation", "none"].value == pytest.approx(0.06, abs=0.001)
    contact_s = 0.7 - HEEL_RISES_S + OFF_LATER_S
    for side in ("left", "right"):
        assert metrics["double_support", side].value == pytest.approx((2 * contact_s - 1.1) / 1.1, abs=0.02)
        assert metrics["double_support", side].sd == pytest.approx(0.025, abs=0.005)
        assert metrics["stride_length", side].value == pytest.approx(STRIDE_M, abs=0.02)


def test_who_comes_nearer_on_film_oscillates_no_more_nor_where_the_vertical_errs() -> None:
    one = walker()
    in_image = one.center_of_mass_m * [1.0, 3.0, 0.0] - np.outer(0.3 * one.time_s**2, [0.0, 1.0, 0.0])
    for slope_m_s in (0.0, 0.1):
        in_world = one.center_of_mass_m + np.outer(slope_m_s * one.time_s, [0.0, 1.0, 0.0])
        filmed = replace(
            one, of_film=True, center_of_mass_m=in_image, points_m=dict(one.points_m) | {"center_of_mass": in_world}
        )
        found = metrics_of(filmed, "walk")["vertical_oscillation", "none"].value
        assert found == pytest.approx(0.06, abs=0.002)


def test_a_runners_contact_is_what_was_given() -> None:
    metrics = metrics_of(one := runner(), "run")
    for side in ("left", "right"):
        assert metrics["overstride", side].value == pytest.approx(0.2, abs=0.03)
        assert metrics["shank_angle_at_contact", side].value == pytest.approx(8.0, abs=0.1)
        assert metrics["step_length", side].value == pytest.approx(SPEED_M_S * 0.35, abs=0.02)
    on_ground_m = np.ptp(one.center_of_mass_m[:, 1])
    assert metrics["vertical_oscillation", "none"].value == pytest.approx(on_ground_m, abs=0.002)
    assert "double_support" not in {name for name, _ in metrics}


def test_what_a_runner_does_at_contact_is_not_known_along_the_view() -> None:
    one = replace(runner(), of_film=True, along_view=True)
    for side in ("left", "right"):
        for name in ("overstride", "shank_angle_at_contact"):
            found = metrics_of(one, "run")[name, side]
            assert (found.value, found.reason) == (None, ALONG_VIEW)
        assert not {"overstride", "shank_angle_at_contact"} & {name for _, name in rows_of(one, "run", side)}


def rows_of(one: Motion, activity: str, side: str) -> dict[tuple[int, str], CycleMetric]:
    flights = flights_of(one, activity=activity)
    events, _ = analyse_motion(one, activity=activity, flights=flights)
    rows = cycle_metrics(one, events, flights.found, activity=activity)
    return {(row.cycle_number, row.metric): row for row in rows if row.side == side}


def test_every_stride_of_a_walk_has_its_own_step_double_support_and_oscillation() -> None:
    one = walker()
    metrics, rows = metrics_of(one, "walk"), rows_of(one, "walk", "left")
    strides = sorted({number for number, _ in rows})
    assert len(strides) >= 4
    for number in strides:
        assert rows[number, "step_length"].value == pytest.approx(0.6 * STRIDE_M, abs=0.01)
        assert rows[number, "vertical_oscillation"].value == pytest.approx(0.06, abs=0.001)
    shares = [rows[number, "double_support"] for number in strides]
    assert np.median([row.value for row in shares]) == pytest.approx(metrics["double_support", "left"].value, abs=0.001)
    assert all((row.sd or 0) > 0.01 for row in shares)


def test_every_stride_of_a_run_has_its_own_contact_and_leg_stiffness() -> None:
    one = runner()
    sds = {f"pelvis_t{axis}": np.full(len(one), 0.02) for axis in "xz"}
    one = replace(one, coordinate_sd=one.coordinate_sd | sds)
    metrics, rows = metrics_of(one, "run"), rows_of(one, "run", "right")
    of_all = {name: [row.value for (_, found), row in rows.items() if found == name] for _, name in rows}
    for name in ("overstride", "shank_angle_at_contact", "step_length", "leg_stiffness"):
        assert len(of_all[name]) >= 3
        assert np.median(of_all[name]) == pytest.approx(metrics[name, "right"].value, rel=0.05)
    assert all((row.sd or 0) > 5 for (_, name), row in rows.items() if name == "leg_stiffness")
    assert "touch_down_distance" in {name for _, name in rows_of(one, "sprint", "left")}


def test_a_sprinters_touch_down_and_step_frequency_are_what_was_given() -> None:
    metrics = metrics_of(runner(), "sprint")
    for side in ("left", "right"):
        assert metrics["touch_down_distance", side].value == pytest.approx(0.2 + 0.24, abs=0.03)
    assert metrics["step_frequency", "none"].value == pytest.approx(1 / 0.35, rel=0.02)
    assert metrics["step_frequency", "none"].sd == pytest.approx((metrics["cadence", "none"].sd or 0) / 60)


def test_leg_stiffness_is_that_of_the_spring_mass_model() -> None:
    """By hand for 0.21 s, 0.14 s, 3.5 m/s and a leg of 0.9 m: 25.68 N/kg over 0.0785 + 0.0607 m."""
    assert leg_stiffness(0.21, 0.14, 3.5, leg_length_m=0.9) == pytest.approx(184.6, abs=0.1)
    one = runner()
    sds = {f"pelvis_t{axis}": np.full(len(one), 0.05) for axis in "xz"}
    still = replace(one, points_m=standing_points(len(one)), coordinate_sd=one.coordinate_sd | sds)
    metrics = metrics_of(still, "run")
    for side in ("left", "right"):
        assert metrics["leg_stiffness", side].value == pytest.approx(184.6, rel=0.1)  # the contact's error is 10 ms
        assert 5 < (metrics["leg_stiffness", side].sd or 0) < 60
    assert leg_stiffness(0.6, 0.14, 3.5, leg_length_m=0.9) is None
    faster = {name: 3 * values for name, values in one.coordinates.items()}
    assert metrics_of(replace(still, coordinates=faster), "run")["leg_stiffness", "left"].reason == NO_LEG_SPRING


def test_a_step_is_as_sure_as_the_pelvis_and_the_legs_angles() -> None:
    one = walker()
    none = dict.fromkeys(one.coordinate_sd, np.zeros(len(one)))
    root = {f"pelvis_t{axis}": np.full(len(one), 0.02) for axis in "xz"}
    by_root = metrics_of(replace(one, coordinate_sd=none | root), "walk")["step_length", "right"].sd
    assert by_root == pytest.approx(np.sqrt(2) * 0.02, rel=0.2)  # and the heels', which still move a little
    hips = {f"hip_flexion_{letter}": np.full(len(one), 2.0) for letter in "lr"}
    by_hips = metrics_of(replace(one, coordinate_sd=none | hips), "walk")["step_length", "right"].sd
    assert by_hips == pytest.approx(np.sqrt(2) * 0.8 * np.radians(2.0), rel=0.25)  # hips 0.9 m up, heels sinking
    assert metrics_of(one, "walk")["step_length", "right"].sd is None


@pytest.mark.parametrize(
    ("along", "focal_sd", "share"),
    [((0.6, 0.8), 0.0, ALONG_SD), ((0.6, 0.8), 0.25, np.hypot(ALONG_SD, 0.25)), ((-0.8, 0.6), 0.25, ACROSS_SD)],
    ids=["along the view", "with an unknown lens", "across"],
)
def test_a_way_on_film_is_as_sure_as_its_scale(along: tuple[float, float], focal_sd: float, share: float) -> None:
    filmed = replace(walker(), of_film=True, view=View(np.array(along), focal_sd))  # the way is (0.6, 0.8)
    speed = metrics_of(filmed, "walk")["mean_speed", "none"]
    assert speed.value is not None
    assert speed.sd == pytest.approx(share * speed.value, rel=1e-6)
    stride = metrics_of(filmed, "walk")["stride_length", "left"]
    assert stride.value is not None
    assert stride.sd is not None
    assert share * stride.value <= stride.sd < share * stride.value + 0.05  # the events' errors


def test_steps_on_a_treadmill_have_no_length() -> None:
    one = walker()
    back_m = np.zeros((len(one), 1, 3))
    back_m[:, 0, 0] = 1.3 * one.time_s
    feet = {side: points_m - back_m for side, points_m in one.foot_points_m.items()}
    metrics = metrics_of(replace(one, foot_points_m=feet), "walk")
    for name in ("step_length", "stride_length"):
        assert (metrics[name, "left"].value, metrics[name, "left"].reason) == (None, ON_BELT)
    assert metrics["double_support", "left"].value is not None


def test_steps_whose_markers_are_missing_are_null_with_the_reason() -> None:
    one = walker()
    everywhere = np.ones(len(one), dtype=np.bool_)
    metrics = metrics_of(replace(one, undetermined={"knee_angle_l": everywhere}), "walk")
    assert metrics["step_length", "right"].reason == "Not determined at any of 5 foot strikes: markers are missing."
    assert metrics["vertical_oscillation", "none"].reason == "Not determined in any of 9 strides: markers are missing."


def test_a_model_without_feet_bones_has_no_steps_and_says_why() -> None:
    metrics = metrics_of(replace(walker(), points_m={}), "walk")
    assert (metrics["step_length", "left"].reason or "").startswith("The model has no center of mass, hip l, hip r")
