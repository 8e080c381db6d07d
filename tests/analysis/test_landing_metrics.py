"""The landing off a box of a synthetic jumper: angles and landing errors are those that were given."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.body_points import SIDES
from biopose.analysis.landing_metrics import ERRORS, LEVEL_THIGH, NAMES, NO_DROP
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Metric
from biopose.analysis.trial_analysis import analyse_motion
from tests.analysis.motions import jump, one_after_another, standing_points

CONTACT_S, DEEPEST_S = 1.4, 1.6


def metrics_of(one: Motion) -> dict[tuple[str, str], Metric]:
    return {(m.metric, m.side): m for m in analyse_motion(one, activity="drop_jump")[1]}


def landing() -> Motion:
    """Off a box at 1.4 s, deepest at 1.6 s, and off the ground at 2.1 s.

    The left knee bends from 20 to 80 degrees, the right from 40 to 80; the left foot is turned inwards by 35 degrees,
    both with the heel up. Only the right hip flexes. The trunk is upright. Both knees lie 10 degrees medial.
    """
    drop, rebound = jump(flight_s=0.4, landing_drop_m=0.3, duration_s=1.75), jump(take_off_s=0.35, duration_s=2.0)
    one = one_after_another(drop, rebound)
    rising = np.interp(one.time_s, [CONTACT_S, DEEPEST_S, 1.75], [0.0, 1.0, 0.2])
    coordinates = {"knee_angle_l": 20 + 60 * rising, "knee_angle_r": 40 + 40 * rising, "hip_flexion_r": 60 * rising}
    coordinates |= {f"hip_adduction_{letter}": 5 + 10 * rising for letter in "lr"}
    points = standing_points(len(one))
    for side, medial in zip(SIDES, (1, -1), strict=True):
        letter = side[0]
        points[f"knee_{letter}"] += [0.0, 0.0, 0.39 * np.tan(np.radians(5)) * medial]
        points[f"hip_{letter}"] += [0.0, -0.06, 0.0]  # as long as the shank, so each leans by five degrees
        points[f"heel_{letter}"] += [0.0, 0.05, 0.0]
    turned = np.radians(35)
    points["toes_l"] = points["heel_l"] + [0.2 * np.cos(turned), -0.05, 0.2 * np.sin(turned)]
    return replace(one, coordinates=one.coordinates | coordinates, points_m=points)


def test_angles_at_contact_and_at_the_deepest_are_what_was_given() -> None:
    metrics = metrics_of(landing())
    expected = {"left": (20, 80), "right": (40, 80)}
    for side in SIDES:
        contact_deg, deepest_deg = expected[side]
        assert metrics["knee_flexion_at_contact", side].value == pytest.approx(contact_deg, abs=3)
        assert metrics["knee_flexion_drop_landing_peak", side].value == pytest.approx(deepest_deg, abs=0.5)
        assert metrics["hip_adduction_at_contact", side].value == pytest.approx(5, abs=1)
        assert metrics["hip_adduction_at_peak_knee_flexion", side].value == pytest.approx(15, abs=0.1)
        assert metrics["knee_frontal_angle_at_contact", side].value == pytest.approx(10, abs=0.1)
        assert metrics["knee_frontal_angle_at_peak_knee_flexion", side].value == pytest.approx(10, abs=0.1)


def test_angles_at_moments_have_the_part_of_their_deviation_that_is_the_persons() -> None:
    names = [f"{joint}_{letter}" for joint in ("knee_angle", "hip_adduction") for letter in "lr"]
    one = landing()
    sd = one.coordinate_sd | {name: np.full(len(one), 6.0) for name in names}
    metrics = metrics_of(replace(one, coordinate_sd=sd, constant_sd=dict.fromkeys(names, 5.0)))
    for moment in ("at_contact", "drop_landing_peak"):
        assert metrics[f"knee_flexion_{moment}", "left"].constant_sd == pytest.approx(2.3)
    for moment in ("at_contact", "at_peak_knee_flexion"):
        assert metrics[f"hip_adduction_{moment}", "right"].constant_sd == pytest.approx(0.8)


def test_landing_errors_are_those_that_were_given() -> None:
    metrics = metrics_of(landing())
    given = {
        "landing_error_knee_flexion_contact": (1, 0),
        "landing_error_heel_first": (0, 0),
        "landing_error_toe_in": (1, 0),
        "landing_error_toe_out": (0, 0),
        "landing_error_knee_flexion_displacement": (0, 1),
        "landing_error_hip_flexion_displacement": (1, 0),
        "landing_error_trunk_flexion_displacement": (1, 1),
        "landing_error_score": (4, 2),
    }
    assert {*ERRORS, "landing_error_score"} == set(given)
    for name, expected in given.items():
        assert tuple(metrics[name, side].value for side in SIDES) == expected, name


def test_an_error_is_as_sure_as_its_angle_is_far_from_the_criterion() -> None:
    one = landing()
    sd = {name: np.full(len(one), 5.0) for name in one.coordinate_sd}
    metrics = metrics_of(replace(one, coordinate_sd=sd))
    right_by_chance = metrics["landing_error_hip_flexion_displacement", "left"]  # the angle does not change
    assert right_by_chance.sd == pytest.approx(np.sqrt(0.5))
    # 10 degrees from the criterion with a deviation of 5, and some more since the knee bends while contact errs.
    assert 0.149 < (metrics["landing_error_knee_flexion_contact", "left"].sd or 0) < 0.25
    assert metrics_of(one)["landing_error_knee_flexion_contact", "left"].sd is None


def test_a_level_thigh_has_no_angle_in_the_frontal_plane() -> None:
    one = landing()
    points = {name: values.copy() for name, values in one.points_m.items()}
    deep = np.abs(one.time_s - DEEPEST_S) < 0.05
    points["knee_l"][deep] += [0.5, 0.3, 0.0]
    metrics = metrics_of(replace(one, points_m=points))
    found = metrics["knee_frontal_angle_at_peak_knee_flexion", "left"]
    assert (found.value, found.reason) == (None, LEVEL_THIGH)
    assert metrics["knee_frontal_angle_at_contact", "left"].value is not None


def test_without_a_landing_off_a_box_or_with_markers_missing_all_are_null_with_the_reason() -> None:
    on_level = replace(jump(), points_m=standing_points(300))
    one = landing()
    gap = np.abs(one.time_s - 1.55) < 0.02
    hidden = replace(one, undetermined={"knee_angle_l": gap})
    lacking = "Not determined in 3 frames between contact and deepest: markers are missing."
    for motion, reason in ((on_level, NO_DROP), (hidden, lacking)):
        metrics = metrics_of(motion)
        for name in NAMES:
            assert metrics[name, "left"].value is None
            assert metrics[name, "left"].reason == reason
