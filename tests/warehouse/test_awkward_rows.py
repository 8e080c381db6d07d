"""Every named query on one warehouse of awkward rows: gaps, a missing side, ties, a trial measured again, a new name.

The knee bends by a degree a frame in each trial, so that every answer can be worked out by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.warehouse.answers import METRIC, published, rows
from tests.warehouse.trials import COLUMNS, SyntheticTrial
from warehouse.named_query import named_queries
from warehouse.query import run_query

KNEE = "knee_angle_r_deg"
REASON = "Not determined in 3 of 40 frames: markers are missing."
ASKED = {
    "athlete": "blue/anna",
    "team": "blue",
    "session": "blue/first",
    "trial": "blue/first/a",
    "activity": "squat",
    "metric": METRIC,
    "coordinate": KNEE,
    "threshold": "20",
    "date": "2026-11-08",
}
OF_OLD = 666.0  # the value of a run that another has replaced


@dataclass
class Ramp(SyntheticTrial):
    """A trial whose knee bends by a degree a frame from start_deg on, and is not known in some frames."""

    start_deg: float = 0.0
    gap: Sequence[int] = ()

    def coordinates(self) -> np.ndarray:
        """(frames, 40) float32."""
        values = np.zeros((len(self.time_s), len(COLUMNS)), dtype=np.float32)
        values[:, COLUMNS.index(KNEE)] = self.start_deg + np.arange(len(self.time_s))
        values[list(self.gap), COLUMNS.index(KNEE)] = np.nan
        return values


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna was called ann when her first trial was measured, and that trial was measured again since."""
    first = {"session": "first", "date": "2026-11-02", "activity": "squat"}
    later = {"session": "later", "date": "2026-11-09", "activity": "squat"}
    sides = ((METRIC, "left", 80.0, 3.0), (METRIC, "right", 90.0, 4.0))
    old = Ramp("a", **first, metrics=((METRIC, "left", OF_OLD, 3.0),), start_deg=OF_OLD)
    a = Ramp("a", **first, athlete="anna", metrics=sides, gap=(5,), events=(("landing", "both", 0.1),))
    one_side = ((METRIC, "left", 84.0, 3.0), (METRIC, "right", None, None, REASON))
    b = Ramp("b", **later, athlete="anna", metrics=one_side, start_deg=10.0)
    c = Ramp("c", **first, athlete="bob", metrics=sides, start_deg=10.0, gap=(39,))
    walk = Ramp("w", session="gait", date="2026-11-10", athlete="bob", activity="walk", metrics=(), gap=(12,))
    strides = replace(walk, strikes=[("right", 0.1), ("right", 0.4)])
    return published(tmp_path_factory.mktemp("awkward"), [old, a, b, c, strides])


def answer(snapshot: Path, name: str, **given: str) -> list[dict[str, Any]]:
    """With ASKED for what the query needs."""
    needed = {p.name: ASKED[p.name] for p in named_queries()[name].parameters if p.default is None}
    return rows(snapshot, name, **(needed | given))


@pytest.mark.parametrize("name", named_queries())
def test_no_answer_has_nan_a_replaced_run_or_a_former_name(snapshot: Path, name: str) -> None:
    given = {p.name: ASKED[p.name] for p in named_queries()[name].parameters if p.default is None}
    given |= {"metric": "stride_time"} if name == "cycles" else {}
    text = run_query(snapshot, name, given).write_json()
    assert "NaN" not in text
    assert str(OF_OLD) not in text
    assert 'blue/ann"' not in text.replace("\\/", "/")


def test_lists_have_each_trial_once_under_its_athletes_new_name(snapshot: Path) -> None:
    assert [
        (row["trial_id"], row["athlete_id"], row["frames"], row["duration_s"]) for row in answer(snapshot, "trials")
    ] == [
        ("blue/first/a", "blue/anna", 40, 0.78),
        ("blue/first/c", "blue/bob", 40, 0.78),
        ("blue/later/b", "blue/anna", 40, 0.78),
        ("blue/gait/w", "blue/bob", 40, 0.78),
    ]
    people = [
        (row["athlete_id"], row["sessions"], row["trials"], row["mean_quality"]) for row in answer(snapshot, "athletes")
    ]
    assert people == [("blue/anna", 2, 2, 0.9), ("blue/bob", 2, 2, 0.9)]
    assert [row["trial_id"] for row in answer(snapshot, "trials_of_session")] == ["blue/first/a", "blue/first/c"]
    (used,) = answer(snapshot, "model_usage")
    assert (used["model"], used["trials"], str(used["first_session"])) == ("keypoints", 4, "2026-11-02")
    assert [row["trial_id"] for row in answer(snapshot, "quality_overview")] == [
        "blue/first/a",
        "blue/first/c",
        "blue/gait/w",
        "blue/later/b",
    ]


def test_a_trial_is_what_its_current_run_measured(snapshot: Path) -> None:
    assert [(row["metric"], row["side"], row["value"], row["sd"]) for row in answer(snapshot, "metrics_of_trial")] == [
        (METRIC, "left", 80.0, 3.0),
        (METRIC, "right", 90.0, 4.0),
    ]
    assert [(row["event"], row["time_s"]) for row in answer(snapshot, "events_of_trial")] == [("landing", 0.1)]
    assert {row["name"]: row["value"] for row in answer(snapshot, "quality_of_trial")} == {
        "mean_quality": 0.9,
        "median_reprojection_px": None,
    }
    knee = [row[KNEE] for row in answer(snapshot, "coordinates_of_trial")]
    assert knee == [None if frame == 5 else frame for frame in range(40)]
    assert [row["model"] for row in answer(snapshot, "models_of_trial")] == ["keypoints"]
    (described,) = answer(snapshot, "trial_description")
    assert (described["athlete_id"], described["activity"], described["frames"]) == ("blue/anna", "squat", 40)


def test_what_is_not_known_is_counted_with_its_reason_and_enters_no_mean(snapshot: Path) -> None:
    (row,) = answer(snapshot, "unknown_metrics")
    assert (row["athlete_id"], row["metric"], row["side"], row["reason"], row["trials"]) == (
        *("blue/anna", METRIC, "right", REASON),
        1,
    )
    means = {(row["side"], str(row["month"])): row["mean_value"] for row in answer(snapshot, "athlete_trend")}
    assert means == {("left", "2026-11-01"): 82.0, ("right", "2026-11-01"): 90.0}
    sides = {row["athlete_id"]: (row["left_value"], row["right_value"]) for row in answer(snapshot, "side_difference")}
    assert sides == {"blue/anna": (80.0, 90.0), "blue/bob": (80.0, 90.0)}  # of trials with both
    ties = {row["side"]: (row["other_athletes"], row["squad_median"]) for row in answer(snapshot, "athlete_vs_squad")}
    assert ties == {"left": (1, 80.0), "right": (1, 90.0)}


def test_ranges_curves_and_landings_pass_over_frames_that_are_not_known(snapshot: Path) -> None:
    found = {row["athlete_id"]: row for row in answer(snapshot, "coordinate_range") if row["activity"] == "squat"}
    names = ("mean_range", "mean_lowest", "mean_highest", "trials", "frames")
    assert [found["blue/anna"][name] for name in names] == [39.0, 5.0, 44.0, 2, 79]
    assert [found["blue/bob"][name] for name in names] == [38.0, 10.0, 48.0, 1, 39]

    curve = {row["percent"]: row for row in answer(snapshot, "mean_curve")}
    assert curve[50]["mean_value"] == pytest.approx((19.5 + 29.5 + 29.5) / 3, rel=1e-6)
    assert curve[50]["sd_between_phases"] == pytest.approx(np.std([19.5, 29.5, 29.5], ddof=1), rel=1e-6)
    assert [curve[percent]["phases"] for percent in (10, 11, 15, 16, 97, 98, 100)] == [3, 2, 2, 3, 3, 2, 2]
    strides = {row["trial_id"]: row for row in answer(snapshot, "cycle_curves")}
    known = {trial: dict(zip(row["percent"], row["curve"], strict=True)) for trial, row in strides.items()}
    assert known["blue/later/b"] == pytest.approx({percent: 10 + 0.39 * percent for percent in range(101)}, rel=1e-6)
    assert [percent for percent in range(101) if known["blue/first/a"].get(percent) is None] == [11, 12, 13, 14, 15]

    (landing,) = answer(snapshot, "landings_over_threshold", window_s="0.5")
    assert (landing["trial_id"], landing["greatest_value"]) == ("blue/first/a", 30.0)  # from 0.1 to 0.6 s


def test_a_stride_has_its_extremes_and_velocities_from_the_frames_that_are_known(snapshot: Path) -> None:
    (stride,) = answer(snapshot, "coordinate_by_cycle")
    assert (stride["trial_id"], stride["side"], stride["frames"]) == ("blue/gait/w", "right", 15)  # 5 to 20 but 12
    assert [stride[name] for name in ("at_start", "at_end", "lowest", "highest", "range")] == [
        5.0,
        20.0,
        5.0,
        20.0,
        15.0,
    ]
    assert [stride[f"{end}_velocity"] for end in ("lowest", "highest")] == pytest.approx([50.0, 50.0])
    (row,) = answer(snapshot, "cycles", metric="stride_time")
    assert (row["cycle"], row["value"]) == ("stride", pytest.approx(0.3))


def test_one_session_and_one_athlete_alone_have_no_judgement(snapshot: Path) -> None:
    assert {row["judgement"] for row in answer(snapshot, "change_over_time", athlete="blue/bob")} == {"first session"}
    assert {row["judgement"] for row in answer(snapshot, "athlete_vs_squad")} == {"not enough athletes"}
    assert {row["judgement"] for row in answer(snapshot, "before_after")} == {"not enough sessions"}
    assert answer(snapshot, "norms") == []
