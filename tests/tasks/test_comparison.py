"""Comparing two releases' runs of the warehouse: what the gate gets, and the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biopose.analysis.agreement import ReferenceErrors
from biopose.errors import BioposeError
from biopose.skeleton.constant_errors import constant_sd_rad
from tasks.compared_trial import ComparedTrial
from tasks.comparison import DEFAULT_POLICY, compare, read_policy
from tasks.criteria import criteria, too_bad
from tasks.golden import GoldenSet, joint_angles
from tasks.settings import Settings
from warehouse.paired_runs import PairedRun
from warehouse.rollouts import Offset
from warehouse.run_costs import RunCost

POLICY = read_policy(None)[0]
OTHERS = ("pelvis_tilt", "hip_flexion_r", "hip_adduction_r", "ankle_angle_r", "lumbar_extension")
COLUMNS = ("knee_angle_r_deg", "knee_angle_l_deg", "pelvis_tx_m", *(f"{name}_deg" for name in OTHERS))
ATHLETES = 40  # all of the home's, so that none is missed
ANGLES = len(joint_angles())


def pair(
    number: int, *, shift: float = 0.0, quality: float = 0.8, activity: str = "walk", width: float = 1.0
) -> PairedRun:
    """A trial whose candidate differs by a shift of the knees, in degrees, and in the width of its intervals."""
    rng = np.random.default_rng(number)
    values = {name: np.repeat(rng.normal(size=(30, 1)), 2, axis=1) for name in COLUMNS}
    for name in COLUMNS[:2]:
        values[name][:, 1] += shift
    return PairedRun(
        trial_id=f"blue/s/t{number}",
        groups={"team": "blue", "activity": activity, "camera": "not stated"},
        athlete_id=f"blue/a{number % ATHLETES}",
        video_sha256="a" * 64,
        artifacts=("artifacts/one", "artifacts/two"),
        time_s=np.arange(30) / 30,
        coordinates=values,
        deviations={name: np.tile([1.0, width], (30, 1)) for name in COLUMNS},
        metrics={("knee_flexion_peak", "left"): (60.0, 60.0 + shift), ("knee_flexion_peak", "right"): (62.0, 62.0)},
        quality={"mean_quality": (0.8, quality)},
        costs=(RunCost(3.0, 0.1, 900.0), RunCost(3.0, 0.1, 950.0)),
    )


def of(one: PairedRun) -> ComparedTrial:
    """Compared in a home without files."""
    settings = Settings(home=Path("/nowhere"))
    return ComparedTrial.of(one, settings, GoldenSet(settings))


def compared(count: int, **changes: float) -> list[ComparedTrial]:
    return [of(pair(number, **changes)) for number in range(count)]  # type: ignore[arg-type]


def decision(trials: list[ComparedTrial], failed: Mapping[str, str] | None = None, look: int = 1) -> dict[str, Any]:
    found = compare(trials, POLICY, failed=failed or {}, look=look, population=ATHLETES)["decision"]
    assert isinstance(found, dict)
    return found


def with_reference(trials: list[ComparedTrial], *, errors: tuple[float, float], coverage: float) -> list[ComparedTrial]:
    """Trials with a measured reference: mean absolute errors of both, and the coverage of the candidate's intervals."""
    of_both = tuple(
        ReferenceErrors(np.zeros(ANGLES), np.full(ANGLES, error), np.full(ANGLES, share), 30)
        for error, share in zip(errors, (0.95, coverage), strict=True)
    )
    return [replace(one, errors=of_both) for one in trials]  # type: ignore[arg-type]


def test_an_equal_candidate_passes_and_one_whose_knees_shift_fails_for_that_reason() -> None:
    assert decision(compared(40))["line"] == "pass"
    found = decision(compared(40, shift=9.0))
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("bias of knee_angle: +9 deg (")


def test_disturbed_weights_are_stopped_by_trials_that_are_worse_than_a_trial_may_be() -> None:
    trials = [of(pair(number, shift=20.0 + number, quality=0.7)) for number in range(40)]
    found = decision(trials)
    assert found["verdict"] == "fail"
    assert "mean quality: -0.1 (" in found["reason"]
    assert "blue/s/t39: knee_angle differs by 59 degrees" in too_bad(trials, POLICY)[0]


def test_a_prediction_that_refinement_has_to_move_further_is_stopped_though_quality_does_not_fall() -> None:
    found = decision([replace(one, prediction_px=(8.0, 12.0)) for one in compared(40)])
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("distance of the prediction from the keypoints, candidate to champion: 1.5 times")


def test_predictions_that_disagree_with_those_of_mirrored_frames_are_stopped_though_quality_does_not_fall() -> None:
    found = decision([replace(one, disagreement_deg=(5.0, 8.0)) for one in compared(40)])
    assert found["verdict"] == "fail"
    assert found["reason"].startswith(
        "disagreement of predictions of mirrored frames, candidate to champion: 1.6 times"
    )


def test_a_candidate_that_fails_on_some_trials_is_stopped_by_their_share() -> None:
    failed = {f"blue/s/f{number}": "no person" for number in range(14)}
    found = decision(compared(40), failed)
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("trials that cannot be measured any more: 25.9 %")


def test_a_candidate_that_is_better_on_average_and_worse_for_left_facing_trials_is_stopped_by_that_group() -> None:
    trials = [
        replace(one, groups={**one.groups, "facing": side})
        for shift, quality, side, many in ((8.0, 0.82, "left", range(10)), (-0.5, 0.85, "right", range(10, 40)))
        for one in (of(pair(number, shift=shift + 0.01 * number, quality=quality)) for number in many)
    ]
    found = decision(trials)
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("bias of knee_angle, facing left: +8.05 deg")
    whole = {one["name"]: one for one in found["judged"]}
    assert whole["bias of knee_angle"]["mean"] < 3.0 < 6.0 < whole["bias of knee_angle, facing left"]["mean"]
    assert whole["mean quality"]["verdict"] == "pass"


def test_a_better_error_on_average_does_not_hide_a_group_that_is_worse_against_its_reference() -> None:
    better = with_reference(compared(30), errors=(6.0, 5.0), coverage=0.95)
    worse = [of(pair(number)) for number in range(30, 40)]
    left = [
        replace(one, groups={**one.groups, "facing": "left"})
        for one in with_reference(worse, errors=(5.0, 9.0), coverage=0.95)
    ]
    found = decision([*better, *left])
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("error against reference, facing left: +4 deg")


def test_a_faster_candidate_whose_intervals_cover_too_little_is_stopped_by_their_coverage() -> None:
    trials = with_reference(compared(40, width=0.4), errors=(5.0, 5.0), coverage=0.7)
    trials = [replace(one, frame_s=(0.1, 0.05)) for one in trials]
    found = decision(trials)
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("coverage of 95 % intervals against reference: 70 %")


def test_narrower_intervals_are_stopped_where_no_reference_shows_that_they_cover() -> None:
    found = decision(compared(40, width=0.4))
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("width of 95 % intervals, candidate to champion: 0.4 times")
    assert decision(with_reference(compared(40, width=0.4), errors=(5.0, 4.8), coverage=0.95))["verdict"] == "pass"


def with_sd_of_varying(varying: tuple[float, float], *, of_film: bool = True, number: int = 0) -> PairedRun:
    """A pair whose deviations hold those of the anatomical frames beside what varies, as the warehouse's 32 bits."""
    one = pair(number)
    columns = [*COLUMNS, "pro_sup_r_deg"]
    constant = np.degrees(constant_sd_rad([name.rpartition("_")[0] for name in columns], of_film=of_film))
    sds = np.hypot(np.tile(varying, (30, 1))[:, None], constant[:, None])
    values = {**one.coordinates, "pro_sup_r_deg": np.zeros((30, 2))}
    deviations = {name: sds[:, index].astype(np.float32).astype(float) for index, name in enumerate(columns)}
    return replace(one, coordinates=values, deviations=deviations)


@pytest.mark.parametrize("of_film", [True, False])
def test_intervals_are_compared_without_the_frames_errors_which_both_releases_share(of_film: bool) -> None:
    found = of(with_sd_of_varying((2.0, 1.0), of_film=of_film)).agreement
    np.testing.assert_allclose(found.sd_ratio, 0.5, rtol=1e-3)
    judged = decision([of(with_sd_of_varying((2.0, 0.8), of_film=of_film, number=n)) for n in range(40)])
    assert judged["reason"].startswith("width of 95 % intervals, candidate to champion: 0.4 times")
    assert judged["verdict"] == "fail"


def test_differences_of_releases_count_against_what_varies_alone() -> None:
    """Hip flexion's is 5.5 degrees of the frames and 1 that varies: 4 degrees exceed 1.96 sqrt(2) = 2.8."""
    one = with_sd_of_varying((1.0, 1.0))
    one.coordinates["hip_flexion_r_deg"][:, 1] += 4.0
    found = of(one)
    assert found.of_coordinate("hip_flexion", "within_intervals") == 0.0
    assert found.of_coordinate("hip_adduction", "within_intervals") == 1.0


def test_a_run_whose_deviations_do_not_hold_the_frames_errors_keeps_them_whole() -> None:
    before, now = pair(0).deviations, with_sd_of_varying((1.0, 1.0))
    mixed = {name: np.stack([before.get(name, sd)[:, 0], sd[:, 1]], axis=1) for name, sd in now.deviations.items()}
    found = of(replace(now, deviations=mixed)).agreement
    np.testing.assert_allclose(found.sd_ratio[: len(COLUMNS)], 1.0, rtol=1e-3)


def test_an_equal_candidate_that_takes_three_times_as_long_is_stopped_by_its_cost() -> None:
    found = decision([replace(one, frame_s=(0.1, 0.3)) for one in compared(40)])
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("processor time per frame, candidate to champion: 3 times")


def test_too_few_trials_do_not_pass_and_how_many_are_lacking_is_named() -> None:
    found = decision(compared(3))
    assert found["line"].startswith("not enough evidence: ")
    assert "6 athletes are needed, there are 3" in found["reason"]


def test_a_small_golden_set_may_stop_a_candidate_and_need_not_show_anything() -> None:
    trials = compared(40)
    assert decision([*with_reference(trials[:2], errors=(5.0, 5.2), coverage=0.9), *trials[2:]])["verdict"] == "pass"
    worse = decision([*with_reference(trials[:5], errors=(5.0, 9.0), coverage=0.9), *trials[5:]])
    assert worse["verdict"] in ("fail", "not enough evidence")
    assert "error against reference" in worse["reason"]


def test_approved_numbers_bound_how_far_a_candidate_may_be_from_them() -> None:
    near, far = (
        [replace(one, is_approved=True) for one in with_reference(compared(40), errors=(0.0, error), coverage=0.0)]
        for error in (2.0, 8.0)
    )
    assert decision(near)["verdict"] == "pass"
    assert decision(far)["reason"].startswith("difference from approved numbers: +8 deg")


def test_costs_that_are_not_known_are_noted_and_not_judged() -> None:
    trials = [replace(one, frame_s=(np.nan, np.nan)) for one in compared(40)]
    found = compare(trials, POLICY, failed={}, look=1, population=ATHLETES)
    assert not any("processor time" in one["name"] for one in found["decision"]["judged"])
    assert any("the processor time of 40 of 40 trials is not known" in note for note in found["notes"])
    assert found["cost"]["trials"] == 0


def test_a_champion_without_standard_deviations_asks_for_none_and_a_candidate_that_drops_them_is_stopped() -> None:
    unknown = replace(compared(1)[0].agreement, within_intervals=np.full(8, np.nan), sd_ratio=np.full(8, np.nan))
    without = [replace(one, agreement=unknown, has_sd=(False, True)) for one in compared(40)]
    assert decision(without)["verdict"] == "pass"
    dropped = decision([replace(one, has_sd=(True, False)) for one in without])
    assert dropped["verdict"] == "fail"
    assert dropped["reason"].startswith("frames within both 95 % intervals: 0 %")


def test_a_candidate_that_measures_nothing_fails() -> None:
    failed = {f"t{number}": "no person" for number in range(10)}
    found = compare([], POLICY, failed=failed, look=1, population=ATHLETES)
    assert found["decision"]["verdict"] == "fail"
    assert found["coordinates"] == []


def test_sides_and_metrics_are_averaged_and_groups_only_told_apart_where_there_are_several() -> None:
    trials = [*compared(2, shift=4.0), of(pair(9, shift=-2.0, activity="run"))]
    found = {one.name: one for one in criteria(trials, POLICY)}
    np.testing.assert_allclose(found["bias of knee_angle"].values, [4.0, 4.0, -2.0])
    np.testing.assert_allclose(found["shift of knee_flexion_peak"].values, [2.0, 2.0, -1.0])
    assert {"mean quality, activity run", "mean quality, activity walk"} < set(found)
    assert not any("team" in name for name in found)
    assert "shift of jump_height" not in found


def test_single_trials_that_are_too_bad_are_named_the_worst_first() -> None:
    trials = [of(pair(0, shift=40.0)), of(pair(1, quality=0.3))]
    assert too_bad(trials, POLICY) == [
        "blue/s/t1: quality 0.80 -> 0.30",
        "blue/s/t0: knee_angle differs by 40 degrees (root mean square)",
    ]


def test_a_trial_that_differs_since_the_champion_was_wrong_is_not_too_bad() -> None:
    differs = [of(pair(0, shift=40.0))]
    assert too_bad(with_reference(differs, errors=(25.0, 3.0), coverage=0.95), POLICY) == []
    assert too_bad(with_reference(differs, errors=(3.0, 25.0), coverage=0.95), POLICY) == too_bad(differs, POLICY)
    (one,) = with_reference(differs, errors=(25.0, 3.0), coverage=0.95)
    assert too_bad([replace(one, is_approved=True)], POLICY) == too_bad(differs, POLICY)


def test_a_comparison_is_json_without_infinite_numbers() -> None:
    found = compare(compared(3), POLICY, failed={"blue/s/t9": "no person"}, look=2, population=3)
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
    comparison = compare([of(one)], POLICY, failed={"blue/s/t9": "no <person>"}, look=1, population=1)
    rollout = {"number": 3, "champion": "old", "candidate": "new", "state": "stopped", "verdict": "fail"}
    rollout |= {"sample": {"measured": 1}, "comparison": comparison, "transitions": []}
    offsets = [
        Offset("knee_angle_r_deg", "deg", 40.0, None, None, 1, 1),
        Offset("jump_height", "m", -0.02, -0.03, -0.01, 9, 5),
    ]
    rollout["shadow"] = {"line": "1 trials, 120 frames"}
    rollout["offsets"] = [asdict(offset) for offset in offsets]
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
        ".plot path { fill: none; }",
        "+40.0°",
        "−0.02 m",
        "−0.03 to −0.01",
        "9 (5 athletes)",
        "1 coordinate<",
        "<td>deg</td>",
        "<code>biopose golden add</code>",
        "it is subtracted from no number",
        "Shadow: 1 trials, 120 frames",
    ):
        assert text in page
    assert "<b>" not in page
    earlier = {name: value for name, value in comparison.items() if name not in ("notes", "reference", "cost")}
    earlier["trials"] = [{name: value for name, value in row.items() if name != "facing"} for row in earlier["trials"]]
    status = {"rollout": rollout | {"comparison": earlier}, "acts": []}
    assert "not known" in write_rollout_page(tmp_path / "earlier.html", status, []).read_text()
