"""Comparing two releases' runs of the warehouse: what the gate gets, and the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from biopose.errors import BioposeError
from tasks.comparison import DEFAULT_POLICY, ComparedTrial, compare, criteria, read_policy, too_bad
from warehouse.paired_runs import PairedRun

POLICY = read_policy(None)[0]
OTHERS = ("pelvis_tilt", "hip_flexion_r", "hip_adduction_r", "ankle_angle_r", "lumbar_extension")
COLUMNS = ("knee_angle_r_deg", "knee_angle_l_deg", "pelvis_tx_m", *(f"{name}_deg" for name in OTHERS))


def pair(number: int, *, shift: float = 0.0, quality: float = 0.8, activity: str = "walk") -> PairedRun:
    """A trial whose candidate differs by a shift of the knees, in degrees."""
    rng = np.random.default_rng(number)
    values = {name: np.repeat(rng.normal(size=(30, 1)), 2, axis=1) for name in COLUMNS}
    for name in COLUMNS[:2]:
        values[name][:, 1] += shift
    return PairedRun(
        trial_id=f"blue/s/t{number}",
        groups={"team": "blue", "activity": activity, "camera": "not stated"},
        athlete_id=f"blue/a{number % 10}",
        artifacts=("artifacts/one", "artifacts/two"),
        time_s=np.arange(30) / 30,
        coordinates=values,
        deviations={name: np.ones((30, 2)) for name in COLUMNS},
        metrics={("knee_flexion_peak", "left"): (60.0, 60.0 + shift), ("knee_flexion_peak", "right"): (62.0, 62.0)},
        quality={"mean_quality": (0.8, quality)},
    )


def compared(count: int, **changes: float) -> list[ComparedTrial]:
    return [ComparedTrial.of(pair(number, **changes)) for number in range(count)]  # type: ignore[arg-type]


def test_an_equal_candidate_passes_and_one_whose_knees_shift_fails_for_that_reason() -> None:
    assert compare(compared(40), POLICY, failed={}, look=1)["decision"]["line"] == "pass"
    decision = compare(compared(40, shift=9.0), POLICY, failed={}, look=1)["decision"]
    assert decision["verdict"] == "fail"
    assert decision["reason"].startswith("bias of knee_angle: +9 deg (")


def test_too_few_trials_do_not_pass() -> None:
    decision = compare(compared(3), POLICY, failed={}, look=1)["decision"]
    assert decision["line"].startswith("not enough evidence: ")


def test_a_candidate_that_measures_nothing_fails() -> None:
    found = compare([], POLICY, failed={f"t{number}": "no person" for number in range(10)}, look=1)
    assert found["decision"]["verdict"] == "fail"
    assert found["coordinates"] == []


def test_sides_and_metrics_are_averaged_and_groups_only_told_apart_where_there_are_several() -> None:
    trials = [*compared(2, shift=4.0), ComparedTrial.of(pair(9, shift=-2.0, activity="run"))]
    found = {one.name: one for one in criteria(trials, POLICY)}
    np.testing.assert_allclose(found["bias of knee_angle"].values, [4.0, 4.0, -2.0])
    np.testing.assert_allclose(found["shift of knee_flexion_peak"].values, [2.0, 2.0, -1.0])
    assert {"mean quality, activity run", "mean quality, activity walk"} < set(found)
    assert not any("team" in name for name in found)
    assert "shift of jump_height" not in found


def test_single_trials_that_are_too_bad_are_named_the_worst_first() -> None:
    trials = [ComparedTrial.of(pair(0, shift=40.0)), ComparedTrial.of(pair(1, quality=0.3))]
    assert too_bad(trials, POLICY) == [
        "blue/s/t1: quality 0.80 -> 0.30",
        "blue/s/t0: knee_angle differs by 40 degrees (root mean square)",
    ]


def test_a_comparison_is_json_without_infinite_numbers() -> None:
    found = compare(compared(3), POLICY, failed={"blue/s/t9": "no person"}, look=2)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["trials"][0]["athlete"] == "blue/a0"
    assert found["coordinates"][0]["sd_ratio"] == 1.0


def test_a_policy_with_an_unknown_coordinate_or_metric_is_refused(tmp_path: Path) -> None:
    for old, new, complaint in (
        ("knee_angle = ", "knee = ", "bias_deg: there is no knee; there are ankle_angle"),
        ("jump_height = ", "height = ", "metrics: there is no height; there are "),
    ):
        (tmp_path / "policy.toml").write_text(DEFAULT_POLICY.read_text().replace(old, new))
        with pytest.raises(BioposeError, match=f"policy.toml: {complaint}"):
            read_policy(tmp_path / "policy.toml")


def test_a_policy_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_bytes(DEFAULT_POLICY.read_bytes() + "# größer".encode("latin-1"))
    with pytest.raises(BioposeError, match=r"policy\.toml: is no UTF-8 text \(byte \d+\); save it as UTF-8"):
        read_policy(tmp_path / "policy.toml")


def test_the_page_has_the_verdict_every_criterion_and_curves_of_the_worst_trials(tmp_path: Path) -> None:
    from biopose.report.rollout_page import WorstTrial, write_rollout_page

    one = replace(pair(0, shift=40.0), trial_id="blue/s/<b>")
    comparison = compare([ComparedTrial.of(one)], POLICY, failed={"blue/s/t9": "no <person>"}, look=1)
    rollout = {"number": 3, "champion": "old", "candidate": "new", "state": "stopped", "verdict": "fail"}
    rollout |= {"sample": {"measured": 1}, "comparison": comparison, "transitions": []}
    act = {"act": "promote", "release": "older", "against_the_gate": True, "who": "ann", "why": "we hurry", "at": ""}
    worst = [
        WorstTrial(one.trial_id, one.time_s, {"knee_angle_r_deg": one.coordinates["knee_angle_r_deg"]}, ("a", "b"))
    ]
    page = write_rollout_page(tmp_path / "page.html", {"rollout": rollout, "acts": [act]}, worst).read_text()
    for text in (
        "fail",
        "bias of knee_angle",
        "blue/s/&lt;b&gt;",
        "no &lt;person&gt;",
        "ann: we hurry",
        "<svg",
        "+40.0°",
    ):
        assert text in page
    assert "<b>" not in page
