"""Errors in degrees by hand, and the protocol's part (a) on one real trial."""

from pathlib import Path

import numpy as np
import pytest

from biopose.body.markers import MARKERS
from biopose.errors import BioposeError
from biopose.evaluation.lab_markers import (
    OUR_NAMES,
    AngleErrors,
    evaluate_lab_a,
    lab_a_lines,
    lab_trials,
)
from biopose.io.trc import read_trc
from biopose.skeleton.limbs import LIMBS
from biopose.skeleton.model import Skeleton
from tests.reference_data import LAB, SHARED_DATA, needs_shared_data
from tests.synthetic_person import SyntheticPerson


@pytest.fixture(scope="module")
def skeleton(person: SyntheticPerson) -> Skeleton:
    return person.skeleton


def test_errors_are_pooled_over_frames_and_trials() -> None:
    errors = AngleErrors()
    errors.add("knee_angle_r", np.array([1.0, -3.0]))
    errors.add("knee_angle_r", np.array([5.0]))
    assert errors.mae_deg == {"knee_angle_r": 3.0}


def test_gaps_are_left_out() -> None:
    errors = AngleErrors()
    errors.add("knee_angle_r", np.array([np.nan, -2.0]))
    errors.add("hip_flexion_r", np.array([np.nan, np.nan]))
    assert errors.mae_deg == {"knee_angle_r": 2.0}


def test_a_groups_error_is_the_mean_over_its_coordinates_not_frames() -> None:
    errors = AngleErrors()
    errors.add("knee_angle_r", np.array([1.0, 1.0, 1.0]))
    errors.add("hip_flexion_l", np.array([4.0]))
    errors.add("lumbar_bending", np.array([-7.0]))
    assert errors.group_mae_deg == {"lower": 2.5, "trunk": 7.0, "all": 4.0}


def test_every_joint_angle_is_in_one_group(skeleton: Skeleton) -> None:
    for name in skeleton.rotational_names:
        groups = [group for group, prefixes in LIMBS.items() if name.startswith(prefixes)]
        assert len(groups) == (0 if name.startswith("pelvis_") else 1), name


def test_a_folder_without_an_experts_solution_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BioposeError, match="--data names the folder that holds mocap/lab"):
        lab_trials(tmp_path)


@needs_shared_data
def test_the_laboratorys_trials() -> None:
    trials = lab_trials(LAB)
    assert len(trials) == 16
    assert "DJ1" in trials
    assert "static1" not in trials


@needs_shared_data
def test_part_a_on_one_walk() -> None:
    announced: list[str] = []
    result = evaluate_lab_a(SHARED_DATA, threads=1, trials=["walking1"], progress=announced.append)
    assert announced == ["walking1"]
    assert set(result["mae_deg"]) == {"lower", "upper", "trunk", "all"}
    assert result["mae_deg"]["lower"] < 5
    assert result["expert_model"]["biopose"]["mae_deg"]["lower"] < 1
    assert result["expert_model"]["opensim"]["mae_deg"]["lower"] < 1
    assert not any(name.startswith("pelvis_") for name in result["mae_by_coordinate_deg"])
    metrics = result["metrics"]["markers"]
    assert metrics["knee_flexion_peak"]["mae"] < 5
    assert metrics["knee_flexion_peak"]["n"] == 2
    assert metrics["contact_time"]["mae"] < 0.03
    assert metrics["contact_time"]["coverage95"] == 1
    assert set(metrics["step_count"]) >= {"unit", "n", "not_compared"}
    assert {one["unit"] for one in result["metrics"]["markers_neurik"].values()} == {"deg"}
    assert "coverage95" in result["metrics"]["markers_neurik"]["knee_flexion_peak"]
    neurik = result["neurik"]
    assert neurik["mae_deg"]["lower"] < 12
    assert {"knee_angle_r", "elbow_flex_l", "lumbar_bending"} <= set(neurik["mae_by_coordinate_deg"])
    assert "mtp_angle_r" not in neurik["mae_by_coordinate_deg"]  # no marker of the lab's tells it by name
    assert result["rms_mm"] < 25
    lines = lab_a_lines(result)
    assert len({len(line) for line in lines[1:]}) == 1
    assert {line.split()[0] for line in lines[3:]} >= {"lower", "all", "knee_angle_r"}


@needs_shared_data
def test_the_laboratorys_named_markers_have_counterparts_on_the_same_side() -> None:
    recorded = read_trc(LAB / "walking1.trc").names
    assert set(OUR_NAMES) <= set(recorded)
    assert set(OUR_NAMES.values()) <= set(MARKERS)
    for theirs, ours in OUR_NAMES.items():
        assert ours == "C7" or theirs[0].upper() == ours[0]
