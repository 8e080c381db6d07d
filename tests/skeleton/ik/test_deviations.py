"""Standard deviations of inverse kinematics hold the errors that noise of the markers gives."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.inverse_kinematics import IKSolution, inverse_kinematics
from biopose.skeleton.model import Skeleton
from tests.skeleton.models import motion, recording_of

FRAMES, NOISE_M = 150, 0.004


@pytest.fixture(scope="module")
def q(person: Skeleton) -> np.ndarray:
    return motion(person, frames=FRAMES, share=0.1)


@pytest.fixture(scope="module")
def noisy(person: Skeleton, q: np.ndarray) -> MarkerTrajectories:
    clean = recording_of(person, q)
    noise_m = np.random.default_rng(0).normal(0, NOISE_M, clean.positions_m.shape)
    return replace(clean, positions_m=clean.positions_m + noise_m)


@pytest.fixture(scope="module")
def solution(person: Skeleton, noisy: MarkerTrajectories) -> IKSolution:
    return inverse_kinematics(person, noisy, limits="none", deviations=True)


def test_95_percent_intervals_hold_what_markers_err_by(person: Skeleton, q: np.ndarray, solution: IKSolution) -> None:
    assert solution.coordinate_sd is not None
    free = list(person.free_coordinates)
    within = np.abs(solution.coordinates.values - q)[:, free] <= 1.96 * solution.coordinate_sd[:, free]
    assert 0.93 < within.mean() < 0.98
    assert within.mean(axis=0).min() > 0.85


def test_what_a_coordinate_determines_errs_with_it(person: Skeleton, solution: IKSolution) -> None:
    assert solution.coordinate_sd is not None
    for coupling in person.couplings:
        dependent, independent = solution.coordinate_sd[:, [coupling.dependent, coupling.independent]].T
        assert (dependent >= 0).all()
        assert (dependent > 0).any() == (independent > 0).any()


def test_what_no_marker_determines_has_none_and_nothing_else_changes(
    person: Skeleton, noisy: MarkerTrajectories, solution: IKSolution
) -> None:
    gap = noisy.positions_m.copy()
    gap[10:14] = np.nan
    found = inverse_kinematics(person, replace(noisy, positions_m=gap), limits="none", deviations=True)
    assert found.coordinate_sd is not None
    assert np.isnan(found.coordinate_sd[10:14]).all()
    without = inverse_kinematics(person, noisy, limits="none")
    assert without.coordinate_sd is None
    np.testing.assert_array_equal(without.coordinates.values, solution.coordinates.values)


def test_markers_of_unequal_weights_err_as_these_are_precisions(person: Skeleton, q: np.ndarray) -> None:
    clean, rng = recording_of(person, q), np.random.default_rng(1)
    weights = dict(zip(clean.names, rng.choice([1.0, 20.0], len(clean.names)), strict=True))
    sd_m = 0.01 / np.sqrt(list(weights.values()))
    noise_m = rng.normal(0, 1, clean.positions_m.shape) * sd_m[:, None]
    noisy = replace(clean, positions_m=clean.positions_m + noise_m)
    found = inverse_kinematics(person, noisy, weights=weights, limits="none", deviations=True)
    assert found.coordinate_sd is not None
    free = list(person.free_coordinates)
    within = np.abs(found.coordinates.values - q)[:, free] <= 1.96 * found.coordinate_sd[:, free]
    assert 0.93 < within.mean() < 0.97


def test_markers_that_determine_no_coordinate_give_no_deviation_and_no_outlier(person: Skeleton, q: np.ndarray) -> None:
    """Six on a toe: they do not determine whether pelvis, leg or ankle moves it."""
    toe = next(m for m in person.markers if person.body_names[m.body] == "toes_r")
    places_m = np.random.default_rng(0).normal(0, 0.03, (6, 3))
    six = tuple(replace(toe, name=f"toe{i}", location_m=place) for i, place in enumerate(places_m))
    one = replace(person, markers=six)
    recording = recording_of(one, q[:10])
    for outliers in ("kept", "left out"):
        found = inverse_kinematics(one, recording, outliers=outliers, deviations=True)
        assert found.coordinate_sd is not None
        assert np.isnan(found.coordinate_sd).all()
