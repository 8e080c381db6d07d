"""Every activity is recognised where measurements err as they say, and nothing else is called one with certainty."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from biopose.analysis.activity_recognition import (
    OTHER_ACTIVITY,
    RECOGNISED,
    SURE,
    activity_probabilities,
    recognition_metrics,
    recognition_sentence,
)
from biopose.analysis.body_points import SIDES
from biopose.analysis.motion import Motion, motion_of_coordinates
from biopose.analysis.tables import quality_table
from biopose.io.trajectories import CoordinateTrajectories
from biopose.skeleton.full_body import full_body_skeleton
from tests.analysis.motions import RATE_HZ, bump, motion, standing_points
from tests.analysis.noisy_trials import NoisyTrial, a_drop, a_jump, a_kick, a_throw
from tests.analysis.running import running
from tests.analysis.test_step_metrics import runner, walker

DRAWS = 3


def on_the_feet(seconds: float, angles_deg: dict[str, Callable[[np.ndarray], np.ndarray]]) -> Motion:
    """Somebody whose lower foot stays on the ground while angles go by functions of time."""
    skeleton, time_s = full_body_skeleton(), np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    names = skeleton.coordinate_names
    q = np.repeat(skeleton.default_pose[None], len(time_s), axis=0)
    for name, of in angles_deg.items():
        q[:, names.index(name)] = np.radians(of(time_s))
    q = skeleton.satisfy_couplings(q)
    free = motion_of_coordinates(skeleton, CoordinateTrajectories(time_s, names, q))
    feet_m = np.stack([free.foot_points_m[side] for side in SIDES])
    q[:, names.index("pelvis_ty")] -= feet_m[..., 1].min(axis=(0, 2))
    q[:, names.index("pelvis_tx")] -= feet_m[0, :, 0, 0] - feet_m[0, 0, 0, 0]
    return motion_of_coordinates(skeleton, CoordinateTrajectories(time_s, names, q))


def bending(knee_deg: float, *, rests_s: float = 0.0) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Hips, knees and ankles down at 2 s, for a while, and up again."""

    def down(time_s: np.ndarray) -> np.ndarray:
        beside_s = np.clip(np.abs(time_s - 2.0) - rests_s / 2, 0, None)
        return np.exp(-((beside_s / 0.45) ** 2) / 2)

    shares = {"hip_flexion": 0.95, "knee_angle": 1.0, "ankle_angle": 0.3}
    return {
        f"{name}_{letter}": lambda t, share=share: share * knee_deg * down(t)  # type: ignore[misc]
        for name, share in shares.items()
        for letter in "lr"
    }


def squat_with_a_sword() -> Motion:
    return on_the_feet(
        4, bending(90) | {"arm_flex_r": lambda t: 50 * np.sin(12 * t), "elbow_flex_r": lambda _: 40 + 0 * _}
    )


def on_one_leg() -> Motion:
    one = bending(80)
    return on_the_feet(4, {name: of for name, of in one.items() if name.endswith("_r")})


MOTIONS: dict[str, Callable[[], Motion]] = {
    "walk": walker,
    "run": runner,
    "sprint": lambda: running(speed_m_s=8.5, stride_s=0.46, contact_s=0.11, rate_hz=120.0, duration_s=2.0),
    "squat": lambda: on_the_feet(4, bending(95)),
    "countermovement_jump": lambda: a_jump().motion,
    "drop_jump": lambda: a_drop().motion,
    "throw": lambda: a_throw().motion,
    "kick": lambda: a_kick().motion,
}
NONE_OF_THEM: dict[str, Callable[[], Motion]] = {
    "standing": lambda: replace(motion(frames=200), points_m=standing_points(200)),
    "sitting down for two seconds": lambda: on_the_feet(5, bending(95, rests_s=2.0)),
    "swinging a sword in a squat": squat_with_a_sword,
    "bending one leg": on_one_leg,
    "marching on the spot": lambda: on_the_feet(
        4, {"hip_flexion_r": lambda t: 50 * bump(t % 1.0, 0.25), "hip_flexion_l": lambda t: 50 * bump(t % 1.0, 0.75)}
    ),
}


@cache
def likely(name: str) -> dict[str, float]:
    found = activity_probabilities((MOTIONS | NONE_OF_THEM)[name]())
    assert found is not None
    return found


@pytest.mark.parametrize("name", RECOGNISED)
def test_every_activity_is_recognised(name: str) -> None:
    found = likely(name)
    assert max(found, key=lambda one: found[one]) == name
    assert found[name] > 0.7
    assert sum(found.values()) == pytest.approx(1.0)
    assert found[OTHER_ACTIVITY] > 0.04  # never wholly sure


@pytest.mark.parametrize("name", NONE_OF_THEM)
def test_what_is_none_of_them_is_called_none_of_them(name: str) -> None:
    found = likely(name)
    assert max(found, key=lambda one: found[one]) == OTHER_ACTIVITY
    assert max(found[one] for one in RECOGNISED) < 0.3


@pytest.mark.parametrize(
    ("name", "trial"), [("countermovement_jump", a_jump), ("drop_jump", a_drop), ("throw", a_throw), ("kick", a_kick)]
)
def test_errors_of_a_measurement_make_nothing_else_likely(name: str, trial: Callable[[], NoisyTrial]) -> None:
    for one in trial().motions(DRAWS, seed=0):
        found = activity_probabilities(one)
        assert found is not None
        assert max(share for other, share in found.items() if other not in (name, OTHER_ACTIVITY)) < 0.2
        assert found[name] > 0.4


def test_a_speed_between_running_and_sprinting_leaves_it_open() -> None:
    found = activity_probabilities(running(speed_m_s=6.0, stride_s=0.54, contact_s=0.16, rate_hz=120.0, duration_s=2.0))
    assert found is not None
    assert max(found.values()) < SURE


def test_where_positions_are_not_known_nothing_is_recognised() -> None:
    assert activity_probabilities(replace(walker(), world_unknown="The camera moves.")) is None
    assert activity_probabilities(replace(walker(), points_m={})) is None


def test_a_part_of_a_step_is_not_called_none_of_the_activities() -> None:
    one = MOTIONS["sprint"]()
    quality = {name: np.where(one.time_s < 0.4, values, 0.0) for name, values in one.frame_quality.items()}
    assert activity_probabilities(replace(one, frame_quality=quality)) is None


@pytest.mark.parametrize("coordinate", ["knee_angle_l", "pelvis_tx"])
def test_where_a_coordinate_is_never_determined_nothing_is_recognised(coordinate: str) -> None:
    one = walker()
    angles = {**one.coordinates, coordinate: np.full(len(one), np.nan)}
    assert activity_probabilities(replace(one, coordinates=angles)) is None


def test_frames_that_are_not_trusted_make_no_squat_of_standing() -> None:
    one = likely("squat")["squat"]
    squat = MOTIONS["squat"]()
    lost = np.arange(len(squat)) > len(squat) // 2 + 5  # from the lowest point on, where the body seems to rise
    quality = {name: np.where(lost, 0.0, values) for name, values in squat.frame_quality.items()}
    found = activity_probabilities(replace(squat, frame_quality=quality))
    assert found is not None
    assert found["squat"] < 0.05 < one


def test_a_sentence_names_the_likeliest_and_what_to_do() -> None:
    walked = recognition_sentence(quality_table(recognition_metrics(walker())))
    assert walked is not None
    assert walked.startswith("the motion looks like walk, with probability 0.9")
    assert walked.endswith("--activity walk gives its events and metrics")
    stood = recognition_sentence(quality_table(recognition_metrics(NONE_OF_THEM["standing"]())))
    assert stood == "the motion looks like none of the activities, with probability 1.00"
    assert recognition_sentence(quality_table([])) is None
