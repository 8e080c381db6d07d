"""A motion that is surely of another kind than the declared activity is told from one that may be it."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.declared_activity import KIND, contradiction
from tests.analysis.motions import jump
from tests.analysis.running import running
from tests.analysis.test_activity_recognition import MOTIONS, NONE_OF_THEM


@pytest.mark.parametrize("activity", KIND)
def test_what_is_as_declared_is_not_contradicted(activity: str) -> None:
    assert contradiction(MOTIONS[activity](), activity=activity) is None


@pytest.mark.parametrize(
    ("name", "declared", "said"),
    [
        ("drop_jump", "walk", "declared as walk, but the body falls freely"),
        ("countermovement_jump", "squat", "declared as squat, but the motion looks like countermovement_jump"),
        ("run", "walk", "declared as walk, but the motion looks like run, with probability 0.9"),
        ("walk", "countermovement_jump", "declared as countermovement_jump, but the motion looks like walk"),
    ],
)
def test_what_is_surely_of_another_kind_is_said(name: str, declared: str, said: str) -> None:
    assert said in str(contradiction(MOTIONS[name](), activity=declared))


@pytest.mark.parametrize("activity", ["walk", "squat"])
def test_a_free_fall_is_neither_walk_nor_squat_even_where_no_activity_is_likely(activity: str) -> None:
    """The landing is not recorded, so that no jump is found."""
    one = jump(duration_s=1.3)
    assert f"declared as {activity}, but the body falls freely from 0.99 to 1.29 s" in str(
        contradiction(one, activity=activity)
    )
    assert contradiction(one, activity="drop_jump") is None
    assert contradiction(replace(one, world_unknown="The camera moves."), activity=activity) is None


@pytest.mark.parametrize(
    ("name", "declared"), [("run", "sprint"), ("countermovement_jump", "drop_jump"), ("run", "kick")]
)
def test_activities_of_one_kind_and_what_may_be_part_of_them_are_not_told_apart(name: str, declared: str) -> None:
    assert contradiction(MOTIONS[name](), activity=declared) is None


@pytest.mark.parametrize("activity", ["walk", "squat", "run", "countermovement_jump"])
@pytest.mark.parametrize("name", ["standing", "bending one leg", "marching on the spot"])
def test_what_is_like_none_of_the_activities_may_be_any(name: str, activity: str) -> None:
    assert contradiction(NONE_OF_THEM[name](), activity=activity) is None


@pytest.mark.parametrize("contact_s", [0.37, 0.40])
def test_a_jog_so_slow_that_the_feet_hardly_leave_the_ground_is_not_called_a_walk(contact_s: float) -> None:
    """Of two steps in 0.76 s; its centre of mass is lowest over the standing leg."""
    one = running(speed_m_s=1.8, stride_s=0.76, contact_s=contact_s, rate_hz=60.0)
    assert contradiction(one, activity="run") is None


def test_who_walks_up_and_then_squats_may_squat() -> None:
    one = MOTIONS["walk"]()
    assert "looks like walk" in str(contradiction(one, activity="squat"))
    sinks_m = one.center_of_mass_m.copy()
    sinks_m[:, 1] -= 0.35 * np.exp(-(((one.time_s - one.time_s[-1] + 1.0) / 0.3) ** 2) / 2)
    assert contradiction(replace(one, center_of_mass_m=sinks_m), activity="squat") is None
