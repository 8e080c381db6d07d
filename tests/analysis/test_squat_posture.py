"""Lean, hip shift and knee of a synthetic squat are those that were given."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.angle_errors import Slopes
from biopose.analysis.body_geometry import frontal_knee_deg, frontal_knee_slopes
from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.motion import Motion
from biopose.analysis.squat_posture import hip_shift_m, hip_shift_slopes
from biopose.analysis.tables import Metric
from biopose.analysis.trial_analysis import analyse_motion
from tests.analysis.motions import RATE_HZ, bump, motion, standing_points
from tests.analysis.noisy_trials import ERRING, squat


def metrics_of(one: Motion) -> dict[tuple[str, str], Metric]:
    return {(m.metric, m.side): m for m in analyse_motion(one, activity="squat")[1]}


def squats() -> Motion:
    """Two: the trunk leans by 30 and 40 degrees, the hips shift 2 cm to the right, then 5 cm to the left.

    In between, the left knee lies 4 cm medial of hip and ankle: atan(4 / 45) + atan(4 / 39) is 10.94 degrees.
    """
    time_s = np.arange(600) / RATE_HZ
    first, second = (bump(time_s, moment_s, width_s=0.3) for moment_s in (1.5, 4.5))
    points = standing_points(len(time_s))
    lean, shift_m = np.radians(30 * first + 40 * second), 0.02 * first - 0.05 * second
    trunk_m = 0.5 * np.stack([np.sin(lean), np.cos(lean), np.zeros_like(lean)], axis=1)
    for side in SIDES:
        letter = side[0]
        points[f"hip_{letter}"][:, 2] += shift_m
        points[f"shoulder_{letter}"] = points[f"hip_{letter}"] + trunk_m
    points["knee_l"][:, 2] += 0.04 * bump(time_s, 3.0, width_s=0.1)
    knee = 100 * (first + second)
    return replace(motion(coordinates={"knee_angle_l": knee, "knee_angle_r": knee}), points_m=points)


def test_lean_shift_and_knee_are_what_was_given() -> None:
    metrics = metrics_of(squats())
    assert metrics["trunk_lean_peak", "none"].value == pytest.approx(40, abs=0.1)
    assert metrics["hip_shift_peak", "none"].value == pytest.approx(-0.05, abs=0.001)
    assert metrics["knee_frontal_angle_peak", "left"].value == pytest.approx(10.94, abs=0.05)


LEGS = [f"{name}_{side}" for name in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle") for side in "lr"]


def with_sd(one: Motion, **sd: float) -> Motion:
    """Deviations, those of all other coordinates of legs, pelvis and trunk 0; nothing of the others."""
    known = dict.fromkeys((*LEGS, "pelvis_tilt", "pelvis_list", "lumbar_extension"), 0.0) | sd
    return replace(one, coordinate_sd={name: np.full(600, known.get(name, np.nan)) for name in one.coordinates})


def test_their_deviations_are_those_of_the_angles_that_they_rest_on() -> None:
    one = squats()
    trunk = metrics_of(with_sd(one, pelvis_tilt=3.0, lumbar_extension=4.0))["trunk_lean_peak", "none"]
    of_a_frame = np.sqrt(9 + 16 - 2 * 0.9 * 12)  # they err against each other
    assert of_a_frame < (trunk.sd or 0) < 1.5 * of_a_frame  # the deepest posture is held for a moment
    shifted = metrics_of(with_sd(one, hip_adduction_l=0.5, hip_adduction_r=0.5))["hip_shift_peak", "none"]
    of_a_frame = 0.84 * np.radians(0.5) / np.sqrt(2)
    assert of_a_frame < (shifted.sd or 0) < 1.5 * of_a_frame
    assert metrics_of(replace(one))["knee_frontal_angle_peak", "right"].sd is None


def test_a_hip_that_rotates_moves_a_bent_knee_and_one_that_adducts_moves_a_straight_leg_as_one() -> None:
    one = squats()
    straight = {"hip_l": [0.0, 0.9, -0.1], "knee_l": [0.0, 0.45, -0.1], "ankle_l": [0.0, 0.05, -0.1]}
    bent = straight | {"ankle_l": [-0.35, 0.25, -0.1]}  # by 60 degrees
    slopes = []
    for leg in (straight, bent):
        points = dict(one.points_m) | {name: np.tile(point, (600, 1)) for name, point in leg.items()}
        slopes.append(frontal_knee_slopes(replace(one, points_m=points), "left"))
    for name in ("hip_adduction_l", "hip_rotation_l", "knee_angle_l", "hip_flexion_l"):
        np.testing.assert_allclose(slopes[0][name], 0.0, atol=1e-9)
    np.testing.assert_allclose(np.abs(slopes[1]["hip_rotation_l"]), 0.35 / 0.2, rtol=1e-6)  # aside over height


def assert_slopes(value: Callable[[Motion], np.ndarray], slopes: Slopes, *, atol: float) -> None:
    """They are those of finite differences of a squat's skeleton."""
    trial, frames, step_deg = squat(), slice(50, 130, 20), 0.01
    for name, slope in slopes.items():
        shifts_m = {
            point: change[:, :, ERRING.index(name)] * np.radians(step_deg) for point, change in trial.slopes.items()
        }
        either = [
            replace(trial.motion, points_m={k: v + sign * shifts_m[k] for k, v in trial.motion.points_m.items()})
            for sign in (1, -1)
        ]
        true = (value(either[0]) - value(either[1])) / (2 * step_deg)
        np.testing.assert_allclose(np.broadcast_to(slope, true.shape)[frames], true[frames], atol=atol, err_msg=name)


@pytest.mark.parametrize("side", SIDES)
def test_a_frontal_angle_changes_with_a_coordinate_as_the_skeleton_has_it(side: Side) -> None:
    assert_slopes(lambda one: frontal_knee_deg(one, side), frontal_knee_slopes(squat().motion, side), atol=0.05)


def test_hips_shift_with_a_coordinate_as_the_skeleton_has_it() -> None:
    assert_slopes(hip_shift_m, hip_shift_slopes(squat().motion), atol=0.002)


def test_what_a_gap_may_hide_or_a_moving_camera_is_null_with_the_reason() -> None:
    one, names = squats(), ("trunk_lean_peak", "hip_shift_peak")
    gap = (one.time_s > 4.1) & (one.time_s < 4.9)
    hidden = metrics_of(replace(one, undetermined={"pelvis_tilt": gap}))
    moving = metrics_of(replace(one, world_unknown="The camera moves."))
    for name in names:
        assert hidden[name, "none"].reason == "Not determined in 79 of 600 frames: markers are missing."
        assert moving[name, "none"].reason == "The camera moves."
    without = metrics_of(replace(one, points_m={}))
    assert without["trunk_lean_peak", "none"].reason == "The model has no hip l, hip r, shoulder l, shoulder r."
