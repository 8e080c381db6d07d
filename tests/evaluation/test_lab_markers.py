"""Errors in degrees by hand, equivalent angles, and the protocol's part (a) on one real trial."""

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
    nearest_representation,
)
from biopose.io.trc import read_trc
from biopose.skeleton.angles import orthogonal_triples, periodic_coordinates
from biopose.skeleton.limbs import LIMBS
from biopose.skeleton.model import Skeleton
from tests.reference_data import LAB, SHARED_DATA, needs_shared_data
from tests.skeleton.models import markers_at, random_poses
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


def rewritten(skeleton: Skeleton, q: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same postures in other angles: triples the other way round in some frames, and whole turns more or less."""
    q = q.copy()
    for triple in orthogonal_triples(skeleton):
        other = rng.random(len(q)) < 0.5
        q[np.ix_(other, triple)] = q[np.ix_(other, triple)] * [1, -1, 1] + np.pi
    periodic = periodic_coordinates(skeleton, limited=frozenset())
    q[:, periodic] += 2 * np.pi * rng.integers(-2, 3, (len(q), len(periodic)))
    return q


def test_the_nearest_representation_is_the_reference_where_they_are_the_same_posture(skeleton: Skeleton) -> None:
    reference = random_poses(skeleton, count=100)
    other = rewritten(skeleton, reference, np.random.default_rng(1))
    found = nearest_representation(skeleton, list(skeleton.coordinate_names), other, reference)
    np.testing.assert_allclose(found, reference, atol=1e-9)


def test_the_nearest_representation_is_the_same_posture_and_never_farther(skeleton: Skeleton) -> None:
    reference, values = random_poses(skeleton, count=200, seed=2), random_poses(skeleton, count=200, seed=3)
    values = rewritten(skeleton, values, np.random.default_rng(4))
    found = nearest_representation(skeleton, list(skeleton.coordinate_names), values, reference)
    np.testing.assert_allclose(markers_at(skeleton, found), markers_at(skeleton, values), atol=1e-9)
    before, after = np.abs(values - reference), np.abs(found - reference)
    triples = orthogonal_triples(skeleton)
    for triple in triples:
        assert (after[:, triple].sum(axis=1) <= before[:, triple].sum(axis=1) + 1e-9).all()
    alone = [i for i in range(values.shape[1]) if not any(i in triple for triple in triples)]
    assert (after[:, alone] <= before[:, alone] + 1e-9).all()


def test_coordinates_may_come_in_any_order_and_number(skeleton: Skeleton) -> None:
    names = ["lumbar_bending", "elbow_flex_r", "hip_rotation_l", "lumbar_extension", "lumbar_rotation"]
    columns = [skeleton.coordinate_names.index(name) for name in names]
    reference = random_poses(skeleton, count=50)[:, columns]
    found = nearest_representation(skeleton, names, reference + 2 * np.pi * np.array([1, -1, 2, 0, 3]), reference)
    np.testing.assert_allclose(found, reference, atol=1e-9)


def test_translations_are_left_as_they_are(skeleton: Skeleton) -> None:
    reference = np.zeros((1, 3))
    found = nearest_representation(skeleton, ["pelvis_tx", "pelvis_ty", "pelvis_tz"], reference + 7, reference)
    np.testing.assert_array_equal(found, reference + 7)


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
