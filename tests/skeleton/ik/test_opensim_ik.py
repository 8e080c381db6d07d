"""OpenSim's solver, as we drive it, undoes forward kinematics too."""

from pathlib import Path

import numpy as np
import pytest

from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.opensim_ik import opensim_inverse_kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.quiet_opensim import opensim
from tests.skeleton import models
from tests.skeleton.builder import ModelBuilder, linear
from tests.skeleton.models import motion, recording_of


@pytest.fixture(scope="module")
def q(full_body: Skeleton) -> np.ndarray:
    return motion(full_body, frames=6, share=0.2)


def observed(skeleton: Skeleton) -> list[int]:
    """What the default model's markers tell well."""
    vague = ("wrist", "mtp", "pro_sup", "subtalar", "neck")
    return [i for i, name in enumerate(skeleton.coordinate_names) if not name.startswith(vague)]


def test_coordinates_are_recovered(full_body_osim: Path, full_body: Skeleton, q: np.ndarray) -> None:
    finished: list[int] = []
    recording = recording_of(full_body, q)
    found = opensim_inverse_kinematics(
        full_body_osim, recording, accuracy=1e-9, clamped=False, progress=finished.append
    )
    assert found.names == full_body.coordinate_names
    assert sum(finished) == len(q)
    np.testing.assert_array_equal(found.time_s, recording.time_s)
    columns = observed(full_body)
    assert np.abs(found.values - q)[:, columns].max() < 1e-3
    np.testing.assert_allclose(models.markers_at(full_body, found.values), recording.positions_m, atol=1e-4)


def test_unknown_markers_are_left_aside(full_body_osim: Path, full_body: Skeleton, q: np.ndarray) -> None:
    recording = recording_of(full_body, q[:3])
    strange = np.full((3, 1, 3), 7.0)
    more = MarkerTrajectories(
        recording.time_s, ("NOSE", *recording.names), np.concatenate([strange, recording.positions_m], axis=1)
    )
    expected, found = (opensim_inverse_kinematics(full_body_osim, r).values for r in (recording, more))
    np.testing.assert_array_equal(found, expected)


def test_missing_markers_do_not_disturb(full_body_osim: Path, full_body: Skeleton, q: np.ndarray) -> None:
    recording = recording_of(full_body, q[:4])
    recording.positions_m[2, [3, 8]] = np.nan
    found = opensim_inverse_kinematics(full_body_osim, recording, accuracy=1e-9, clamped=False)
    assert np.abs(found.values - q[:4])[:, observed(full_body)].max() < 2e-3


def test_frames_with_fewer_than_three_markers_are_nan(full_body_osim: Path, full_body: Skeleton, q: np.ndarray) -> None:
    recording = recording_of(full_body, q[:4])
    recording.positions_m[0] = np.nan
    recording.positions_m[2, 2:] = np.nan
    found = opensim_inverse_kinematics(full_body_osim, recording)
    np.testing.assert_array_equal(np.isnan(found.values).all(axis=1), [True, False, True, False])


def test_weights_decide_what_is_used(full_body_osim: Path, full_body: Skeleton, q: np.ndarray) -> None:
    recording = recording_of(full_body, q[:3])
    spoilt = MarkerTrajectories(recording.time_s, recording.names, recording.positions_m.copy())
    spoilt.positions_m[:, recording.names.index("RKNE")] += 0.2
    weights = {name: 2.0 for name in recording.names if name != "RKNE"}
    expected, found = (opensim_inverse_kinematics(full_body_osim, r, weights=weights) for r in (recording, spoilt))
    np.testing.assert_array_equal(found.values, expected.values)


def test_a_single_frame_is_solved(full_body_osim: Path, full_body: Skeleton, q: np.ndarray) -> None:
    found = opensim_inverse_kinematics(full_body_osim, recording_of(full_body, q[:1]), accuracy=1e-9, clamped=False)
    assert np.abs(found.values - q[:1])[:, observed(full_body)].max() < 1e-3


def test_nothing_in_common_is_a_model_error(full_body_osim: Path, full_body: Skeleton, q: np.ndarray) -> None:
    recording = recording_of(full_body, q[:2])
    strange = MarkerTrajectories(recording.time_s[:2], ("a", "b", "c"), np.zeros((2, 3, 3)))
    with pytest.raises(ModelError, match=r"full_body\.osim: the recording holds none of its markers"):
        opensim_inverse_kinematics(full_body_osim, strange)
    with pytest.raises(ModelError, match="that have a weight"):
        opensim_inverse_kinematics(full_body_osim, recording, weights={"RKNE": 0.0})


def test_a_model_that_cannot_be_assembled_is_a_model_error(tmp_path: Path) -> None:
    """A coupler demands of a locked coordinate what it cannot be."""
    b = ModelBuilder("stuck")
    b.joint(opensim.PinJoint, "ground", "a", ("first", -1, 1))
    b.joint(opensim.PinJoint, "a", "b", ("second", -1, 1))
    b.coordinate("first").setDefaultLocked(True)
    b.coordinate("second").setDefaultLocked(True)
    b.couple("second", "first", linear(1.0, 0.7))
    b.mark()
    path = b.write(tmp_path / "stuck.osim")
    names = tuple(f"{body}_{i}" for body in "ab" for i in range(3))
    recording = MarkerTrajectories(np.array([0.0, 0.5]), names, np.random.default_rng(0).normal(size=(2, 6, 3)))
    with pytest.raises(ModelError, match=r"OpenSim cannot .*"):
        opensim_inverse_kinematics(path, recording)
