"""A motion that is surely of another kind than the declared activity is told from one that may be it."""

from dataclasses import replace

import pytest

from biopose.analysis.declared_activity import KIND, contradiction
from tests.analysis.motions import jump
from tests.analysis.test_activity_recognition import MOTIONS, NONE_OF_THEM


@pytest.mark.parametrize("activity", KIND)
def test_what_is_as_declared_is_not_contradicted(activity: str) -> None:
    assert contradiction(MOTIONS[activity](), activity=activity) is None


@pytest.mark.parametrize(
    ("name", "declared", "said"),
    [
        ("drop_jump", "walk", "declared as walk, but the motion looks like drop_jump, with probability 0.8"),
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
