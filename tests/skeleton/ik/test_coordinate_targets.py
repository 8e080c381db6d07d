"""Coordinate tasks: the objective is OpenSim's, and both solvers minimise it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.errors import ModelError
from biopose.skeleton.ik.coordinate_targets import CoordinateTargets, TargetTerms
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.ik.least_squares import LeastSquaresProblem
from biopose.skeleton.ik.opensim_ik import opensim_inverse_kinematics
from biopose.skeleton.model import Skeleton
from tests.skeleton.models import markers_at, motion, recording_of

NAMES = ("hip_flexion_r", "pelvis_rotation", "pelvis_ty")
FRAMES = 4


@pytest.fixture(scope="module")
def q(full_body: Skeleton) -> np.ndarray:
    return motion(full_body, frames=FRAMES, share=0.2)


def targets_off(skeleton: Skeleton, q: np.ndarray, weight: float) -> CoordinateTargets:
    """Away from the motion, and moving."""
    columns = [skeleton.coordinate_names.index(name) for name in NAMES]
    values = q[:, columns] + np.array([0.3, 0.2, -0.05]) * (1 + np.arange(len(q))[:, None])
    return CoordinateTargets(NAMES, values, weight * np.array([1.0, 0.1, 10.0]))


@pytest.mark.parametrize("weight", [1e-3, 0.03, 1000.0])
def test_both_solvers_find_the_same_pose(
    full_body: Skeleton, full_body_osim: Path, q: np.ndarray, weight: float
) -> None:
    """With unequal marker weights and missing markers, since a coordinate's weight is relative to theirs."""
    q = q[:2]  # OpenSim's solver takes seconds for a frame
    recording = recording_of(full_body, q, noise_m=0.005)
    recording.positions_m[1, 4:9] = np.nan
    weights = {name: 1.0 + i % 4 for i, name in enumerate(recording.names)}
    targets = targets_off(full_body, q, weight)
    ours = inverse_kinematics(full_body, recording, weights=weights, targets=targets, limits="none").coordinates
    theirs = opensim_inverse_kinematics(
        full_body_osim, recording, weights=weights, targets=targets, accuracy=1e-9, clamped=False
    )
    # Two markers on a hand leave it two poses.
    compared = [name for name in full_body.coordinate_names if not name.startswith(("wrist", "pro_sup"))]
    assert np.degrees(np.abs(ours.select(compared).values - theirs.select(compared).values)).max() < 0.1
    reached = np.abs(ours.select(NAMES).values - targets.values).max()
    assert reached < 1e-4 if weight > 1 else reached > 0.01


def test_the_gradient_is_the_costs(full_body: Skeleton, q: np.ndarray) -> None:
    problem = LeastSquaresProblem(full_body, bounds={}, held=frozenset())
    observed = torch.from_numpy(markers_at(full_body, q))
    rng = np.random.default_rng(0)
    n = len(problem.variables)
    terms = TargetTerms(
        torch.from_numpy(rng.normal(size=(FRAMES, n))), torch.from_numpy(rng.uniform(0, 2, (FRAMES, n)))
    )
    sums = problem.sums(observed, torch.ones(observed.shape[:2], dtype=torch.float64), terms)
    at, step = torch.from_numpy(q + 0.1), 1e-5
    equations = problem.normal_equations(at, sums)
    for column, coordinate in enumerate(problem.variables):
        beside = [at.clone(), at.clone()]
        beside[0][:, coordinate] -= step
        beside[1][:, coordinate] += step
        low, high = (problem.normal_equations(x, sums).cost for x in beside)
        slope = -(high - low) / (4 * step)  # of half the cost, downhill
        torch.testing.assert_close(equations.gradient[:, column], slope, atol=1e-6, rtol=1e-6)


def test_an_angle_is_written_nearest_to_its_target(full_body: Skeleton, q: np.ndarray) -> None:
    """A turn more is the same pose to the markers, and not to a target."""
    column = full_body.coordinate_names.index("pelvis_rotation")
    targets = CoordinateTargets(("pelvis_rotation",), q[:, [column]] + 2 * np.pi + 0.01, np.array([1e-3]))
    found = inverse_kinematics(full_body, recording_of(full_body, q), targets=targets, limits="none")
    np.testing.assert_allclose(found.coordinates.values[:, column], q[:, column] + 2 * np.pi, atol=0.02)
    assert found.rms_m.max() < 1e-3


def test_a_coordinate_that_no_marker_observes_takes_its_target(full_body: Skeleton, q: np.ndarray) -> None:
    names = tuple(m.name for m in full_body.markers if full_body.body_names[m.body] in ("pelvis", "torso"))
    recording = recording_of(full_body, q).select(names)
    targets = CoordinateTargets(("elbow_flex_r",), np.linspace(0.5, 0.8, FRAMES)[:, None], np.array([1.0]))
    found = inverse_kinematics(full_body, recording, targets=targets)
    np.testing.assert_allclose(found.coordinates.select(["elbow_flex_r"]).values, targets.values)
    assert "elbow_flex_r" not in found.held
    assert "elbow_flex_l" in found.held


def test_a_target_stays_within_the_limits(full_body: Skeleton, q: np.ndarray) -> None:
    knee = full_body.coordinates[full_body.coordinate_names.index("knee_angle_r")]
    targets = CoordinateTargets(("knee_angle_r",), np.full((FRAMES, 1), knee.range_max + 1.0), np.array([1e4]))
    found = inverse_kinematics(full_body, recording_of(full_body, q), targets=targets, limits="all")
    np.testing.assert_allclose(found.coordinates.select(["knee_angle_r"]).values, knee.range_max, atol=1e-6)


def test_a_fixed_coordinate_is_refused(every_part: Skeleton) -> None:
    recording = recording_of(every_part, motion(every_part, frames=2))
    targets = CoordinateTargets(("universal_y",), np.zeros((2, 1)), np.array([1.0]))
    with pytest.raises(ModelError, match="universal_y: locked or coupled"):
        inverse_kinematics(every_part, recording, targets=targets)


def test_without_targets_nothing_changes(full_body: Skeleton, q: np.ndarray) -> None:
    """A target of no weight leaves the same pose."""
    recording = recording_of(full_body, q, noise_m=0.005)
    targets = replace(targets_off(full_body, q, 1.0), weights=np.zeros(3))
    plain, weightless = (
        inverse_kinematics(full_body, recording, targets=t).coordinates.values for t in (None, targets)
    )
    np.testing.assert_allclose(weightless, plain, atol=1e-6)
