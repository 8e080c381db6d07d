"""`biopose trend` on a small warehouse: a sentence a side, one method at a time, and what it refuses."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flows.cli.trend import _means
from tests.commands import assert_refused, run
from tests.warehouse.trials import SyntheticTrial, load_trials
from warehouse.snapshot import publish_snapshot

METRIC, ACTIVITY = "knee_flexion_peak", "countermovement_jump"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six athletes, three sessions two weeks apart: the left knee rises by 2 degrees a week, the right by none."""
    folder, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(2)
    database = folder / "warehouse.duckdb"
    trials = []
    for athlete in range(6):
        for session in range(3):
            date = (datetime.date(2026, 9, 7) + datetime.timedelta(weeks=2 * session)).isoformat()
            left, right = 60 + 5 * athlete + 4 * session + rng.normal(), 70 + 5 * athlete + rng.normal()
            trials.append(
                SyntheticTrial(
                    f"jump{athlete}",
                    athlete=f"a{athlete}",
                    session=f"s{session}",
                    date=date,
                    time_s=np.arange(2) / 50,
                    metrics=((METRIC, "left", left, 1.0), (METRIC, "right", right, 1.0)),
                )
            )
    trials.append(replace(trials[0], name="markers", method="marker_ik"))
    load_trials(database, ((one.record, one.write(folder / one.run_id)) for one in trials))
    publish_snapshot(database, folder / "warehouse.snapshot.duckdb")
    return folder


def test_each_side_has_its_change_with_interval_and_judgement(home: Path) -> None:
    asked = ("trend", METRIC, "--activity", ACTIVITY, "--method", "keypoint_fit", "--home", home)
    found = json.loads(run(*asked, "--json").stdout)
    left, right = found["sides"]
    assert (left["side"], left["judgement"], right["judgement"]) == ("left", "real", "within noise")
    assert left["low"] < 2.0 < left["high"]
    assert (left["athletes"], left["sessions"], left["weeks"]) == (6, 18, 4.0)
    lines = run(*asked).stdout.splitlines()
    assert lines[0] == f"{METRIC} in {ACTIVITY}, measured by keypoint_fit"
    assert lines[1].startswith("  left: +")
    assert lines[1].endswith("): real; 6 athletes, 18 sessions over 4 weeks")


def test_an_error_that_is_the_same_in_every_session_weighs_none() -> None:
    """Two trials of sd 13 and 5, of which 12 and 4 are constant: the session's mean errs by sqrt((25 + 9) / 2)."""
    row = {"athlete_id": "a", "session_date": datetime.date(2026, 9, 7), "session_id": "s", "value": 60.0}
    way = {"release": "r", "camera": "c"}
    sds = [{"sd": 13.0, "constant_sd": 12.0}, {"sd": 5.0, "constant_sd": 4.0}]
    assert _means(pl.DataFrame([row | way | one for one in sds])).sds == pytest.approx([np.sqrt(17.0)])
    of_before = pl.DataFrame(
        [row | way | {"sd": 3.0, "constant_sd": None}], schema_overrides={"constant_sd": pl.Float64}
    )
    assert _means(of_before).sds == pytest.approx([3.0])


def test_methods_are_not_mixed_and_too_few_athletes_are_refused(home: Path) -> None:
    asked = ("trend", METRIC, "--activity", ACTIVITY, "--home", home)
    assert_refused(run(*asked), "keypoint_fit (36 values), marker_ik (2 values); choose one by --method")
    assert_refused(run(*asked, "--method", "marker_ki"), "marker_ik")
    assert_refused(run(*asked, "--method", "marker_ik"), "5 are needed: 5 more")
    assert_refused(run(*asked, "--method", "keypoint_fit", "--until", "2026-09-08"), "5 are needed: 5 more")
    assert_refused(run(*asked, "--since", "2027-01-01"), "no trial has a known value")
    assert_refused(run("trend", "knee_flexoin_peak", "--activity", ACTIVITY, "--home", home), "knee_flexion_peak")
