"""The sample of a rollout: spread over strata and athletes, within its budget, the same for the same trials."""

from dataclasses import replace

import pytest

from tasks.shadow_sample import Budget, StoredTrial, draw_sample
from warehouse.errors import ReleaseError

TRIALS = [
    StoredTrial(f"{team}/s/{activity}{number}", team, f"{team}/a{number % 5}", activity, "not stated", 100, number / 40)
    for team in ("blue", "red")
    for activity, count in (("walk", 40), ("squat", 4))
    for number in range(count)
]


def test_rare_strata_are_in_it_and_no_athlete_is_drawn_much_more_often_than_another() -> None:
    drawn = draw_sample(TRIALS, Budget(20))
    assert len(drawn) == len({one.trial_id for one in drawn}) == 20
    assert {(one.team, one.activity) for one in drawn} == {(t, a) for t in ("blue", "red") for a in ("walk", "squat")}
    counts = [[one.athlete for one in drawn].count(name) for name in {one.athlete for one in TRIALS}]
    assert max(counts) - min(counts) <= 2


def test_a_larger_budget_draws_the_same_trials_first_and_the_order_of_the_trials_does_not_matter() -> None:
    few, many = draw_sample(TRIALS, Budget(10)), draw_sample(TRIALS[::-1], Budget(30))
    assert many[:10] == few


def test_a_budget_of_frames_is_kept() -> None:
    assert sum(one.frames for one in draw_sample(TRIALS, Budget(50, frames=750))) == 700


def test_the_golden_set_is_drawn_first_within_the_budget() -> None:
    golden = {TRIALS[3].trial_id, TRIALS[50].trial_id}
    drawn = draw_sample(TRIALS, Budget(10), first=golden)
    assert {one.trial_id for one in drawn[:2]} == golden
    assert len({one.trial_id for one in drawn}) == 10
    assert [one.trial_id for one in draw_sample(TRIALS, Budget(1), first=golden)] == [TRIALS[3].trial_id]


def test_a_budget_of_minutes_is_of_the_processor_time_that_was_recorded() -> None:
    of_stages = {"locate": 20.0, "decode": 6.0, "reconstruct": 4.0}
    timed = [replace(one, stages_s=of_stages if number % 2 else None) for number, one in enumerate(TRIALS)]
    assert len(draw_sample(timed, Budget(minutes=2.6))) == 5  # those without are taken to need as long a frame
    assert len(draw_sample(timed, Budget(minutes=2.6), shared=lambda _: {"locate"})) == 15  # nor spent
    kept = draw_sample(timed, Budget(minutes=2.6), shared=lambda one: {"locate"} if one.team == "red" else ())
    spent_s = sum(10.0 if one.team == "red" else 30.0 for one in kept)
    assert 5 < len(kept) < 15
    assert spent_s <= 156  # what was pruned is made again
    with pytest.raises(ReleaseError, match="needs the processor time of stored trials, and none was recorded"):
        draw_sample(TRIALS, Budget(minutes=2.6))


def test_all_are_drawn_where_there_are_few_and_none_where_there_are_none() -> None:
    assert len(draw_sample(TRIALS, Budget(1000))) == len(TRIALS)
    assert draw_sample([], Budget(5)) == []
