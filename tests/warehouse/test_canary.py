"""Who belongs to a canary: the same in SQL and in Python, the same every night, and more with a larger share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.warehouse.test_releases import act, load, rows, trial_release
from tests.warehouse.trials import SyntheticTrial
from warehouse.canary import UNITS, Canary, Unit, check_canary
from warehouse.connection import opened_for_writing, transaction
from warehouse.content import content_hash
from warehouse.errors import ReleaseError
from warehouse.load import loaded_runs
from warehouse.query import run_query
from warehouse.releases import begin_act, finish_act, promoted

TRIALS = [
    SyntheticTrial(f"jump{number}", team=team, athlete=athlete)
    for number, (team, athlete) in enumerate([("blue", "ann"), ("blue", "bea"), ("red", "cleo"), ("red", "dora")])
]


def chosen_by(canary: Canary) -> set[str]:
    return {
        one.trial_id
        for one in TRIALS
        if canary.chooses(team=one.team, athlete=f"{one.team}/{one.athlete}", trial=one.trial_id)
    }


def begin(database: Path, canary: Canary | None) -> None:
    with opened_for_writing(database) as connection, transaction(connection):
        begin_act(connection, "canary", promoted(connection), who="ann", why="test", canary=canary)
        finish_act(connection)


@pytest.fixture
def measured_by_both(database: Path) -> str:
    """Four trials of four athletes and two teams, measured by version 1, which is promoted, and 2, whose id it is."""
    for trial in TRIALS:
        load(database, trial, 1)
    (second,) = {load(database, trial, 2) for trial in TRIALS}
    return second


@pytest.mark.parametrize("unit", UNITS)
def test_the_chosen_trials_show_the_candidate_the_others_what_they_showed(
    database: Path, measured_by_both: str, unit: Unit
) -> None:
    content = content_hash(database)
    for share in (0.3, 0.6):
        canary = Canary(measured_by_both, unit, share)
        begin(database, canary)
        of_candidate = rows(database, f"SELECT trial_id FROM trial WHERE release = '{trial_release(database, 2)}'")
        assert {trial for (trial,) in of_candidate} == chosen_by(canary)
    begin(database, None)
    assert content_hash(database) == content


def test_a_share_is_of_all_and_the_larger_holds_the_smaller() -> None:
    names = [f"blue/a{number}" for number in range(2000)]
    tenth, third = (
        {name for name in names if Canary("c", "athlete", share).chooses(team="blue", athlete=name, trial=name)}
        for share in (0.1, 1 / 3)
    )
    assert len(tenth) == pytest.approx(200, abs=50)
    assert tenth < third
    assert all(Canary("c", "trial", 1.0).chooses(team="t", athlete="a", trial=name) for name in names)


def test_a_team_is_in_it_as_a_whole_and_what_cannot_be_chosen_is_named(database: Path, measured_by_both: str) -> None:
    begin(database, Canary(measured_by_both, teams=("red",)))
    assert rows(database, "SELECT DISTINCT team_id, release FROM trial ORDER BY 1") == [
        ("blue", trial_release(database, 1)),
        ("red", trial_release(database, 2)),
    ]
    with opened_for_writing(database) as connection:
        with pytest.raises(ReleaseError, match="--team green: there is no such team; there are blue, red"):
            check_canary(connection, Canary(measured_by_both, teams=("green",)))
        with pytest.raises(ReleaseError, match="a share of 1e-09 chooses none of the 2 teams here"):
            check_canary(connection, Canary(measured_by_both, "team", 1e-9))
        assert check_canary(connection, Canary(measured_by_both, teams=("red",))).line == (
            "2 of 4 trials, of which the candidate measured 2"
        )


def test_an_athlete_of_a_canary_is_compared_with_a_squad_of_another_release_by_name(
    database: Path, measured_by_both: str
) -> None:
    of_ann = {"athlete": "blue/ann", "metric": "knee_flexion_peak"}
    assert set(run_query(database, "athlete_vs_squad", of_ann)["release_differs"]) == {False}
    chosen = next(share for share in np.linspace(0.05, 0.95, 91) if len(_of_blue(measured_by_both, share)) == 1)
    begin(database, Canary(measured_by_both, "athlete", float(chosen)))
    assert set(run_query(database, "athlete_vs_squad", of_ann)["release_differs"]) == {True}


def _of_blue(candidate: str, share: float) -> set[str]:
    return {one for one in chosen_by(Canary(candidate, "athlete", share)) if one.startswith("blue")}


def test_each_new_trial_is_current_as_the_release_in_use_for_it_measured_it(
    database: Path, measured_by_both: str
) -> None:
    begin(database, Canary(measured_by_both, teams=("red",)))
    of_red = replace(TRIALS[2], name="new", height_m=1.9)
    for version in (1, 2):  # what only the promoted release measured is shown until the candidate did
        load(database, of_red, version)
        assert rows(database, "SELECT release FROM trial WHERE trial_id LIKE '%new'") == [
            (trial_release(database, version),)
        ]
    assert rows(database, "SELECT count(*) FROM athlete WHERE height_m = 1.9") == [(1,)]
    of_blue = replace(TRIALS[0], name="other")
    load(database, of_blue, 2)
    assert rows(database, "SELECT 1 FROM trial WHERE trial_id LIKE '%other'") == []
    assert of_red.trial_id in loaded_runs(database, measured_by_both)


def test_a_promotion_shows_the_candidate_to_all(database: Path, measured_by_both: str) -> None:
    begin(database, Canary(measured_by_both, "team", teams=("red",)))
    with opened_for_writing(database) as connection:
        (first,) = promoted(connection)
    act(database, first, measured_by_both)
    assert rows(database, "SELECT DISTINCT release FROM trial") == [(trial_release(database, 2),)]


def test_a_series_marks_where_another_release_measured(database: Path) -> None:
    days = [replace(SyntheticTrial(), session=f"s{day}", date=f"2026-11-0{day}") for day in (1, 2, 3)]
    first = load(database, days[0], 1)
    (second,) = {load(database, one, 2) for one in days[1:]}
    act(database, first, second)
    found = run_query(database, "change_over_time", {"athlete": "blue/ann", "metric": "knee_flexion_peak"})
    assert found.filter(side="left")["release_changed"].to_list() == [False, True, False]
    assert found.filter(side="left")["releases"].to_list() == [
        trial_release(database, version) for version in (1, 2, 2)
    ]
    trend = run_query(database, "athlete_trend", {"athlete": "blue/ann", "metric": "knee_flexion_peak"})
    both = ", ".join(sorted(trial_release(database, version) for version in (1, 2)))
    assert trend["releases"].to_list() == [both, both]
