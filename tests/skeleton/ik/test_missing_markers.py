"""Inverse kinematics of recordings in which markers are missing: for a while, throughout, or too many of a frame."""

from dataclasses import replace

import numpy as np

from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.model import Skeleton
from tests.skeleton.models import angle_differences, motion, recording_of

TIGHT = 1e-12


def test_gaps_change_nothing_where_enough_is_left(person: Skeleton) -> None:
    q = motion(person, frames=100, seed=7, share=0.2)
    recording = recording_of(person, q)
    lost = np.random.default_rng(0).uniform(size=recording.positions_m.shape[:2]) < 0.1
    recording.positions_m[lost] = np.nan
    solution = inverse_kinematics(person, recording, tolerance=TIGHT)
    assert np.nanmax(angle_differences(solution.coordinates.values, q)) < 1e-6
    assert solution.undetermined.mean() < 0.005
    order = [recording.names.index(name) for name in solution.marker_names]
    np.testing.assert_array_equal(np.isnan(solution.marker_error_m), lost[:, order])


def test_a_segment_lost_for_a_while_leaves_its_coordinates_open(person: Skeleton) -> None:
    q = motion(person, frames=100, seed=8, share=0.2)
    recording = recording_of(person, q)
    bodies = [person.body_names[m.body] for m in person.markers]
    hand = [i for i, body in enumerate(bodies) if body == "hand_r"]
    recording.positions_m[30:50, hand] = np.nan
    solution = inverse_kinematics(person, recording, tolerance=TIGHT)
    expected = np.zeros_like(solution.undetermined)
    wrist = [person.coordinate_names.index(name) for name in ("wrist_flex_r", "wrist_dev_r")]
    expected[30:50, wrist] = True
    np.testing.assert_array_equal(solution.undetermined, expected)
    known = ~expected
    assert angle_differences(solution.coordinates.values, q)[known].max() < 1e-6
    assert solution.held == ()


def test_a_segment_without_markers_is_held_at_its_default(person: Skeleton) -> None:
    default = np.radians(7.0)
    coordinates = tuple(replace(c, default=default) if c.name.startswith("wrist") else c for c in person.coordinates)
    person = replace(person, coordinates=coordinates)
    seen = [m.name for m in person.markers if person.body_names[m.body] not in ("hand_r", "toes_l")]
    recording = recording_of(person, motion(person, frames=100, seed=9), noise_m=0.003).select(seen)
    solution = inverse_kinematics(person, recording)
    assert set(solution.held) == {"wrist_flex_r", "wrist_dev_r", "mtp_angle_l"}
    wrist = solution.coordinates.select(["wrist_flex_r", "wrist_dev_r"]).values
    np.testing.assert_allclose(wrist, default, rtol=1e-12)
    np.testing.assert_array_equal(solution.coordinates.select(["mtp_angle_l"]).values, 0.0)
    assert not solution.undetermined.any()


def test_what_one_marker_on_the_axis_cannot_tell_is_held(person: Skeleton) -> None:
    """All markers beyond a hinge lie on its axis: they are there, and tell nothing of its angle."""
    pins = replace(person, markers=tuple(m for m in person.markers if person.body_names[m.body] != "toes_r"))
    toes = person.body_names.index("toes_r")
    joint = person.joints[toes - 1]
    on_axis = [joint.T_child_joint[:3, 3] + s * joint.T_child_joint[:3, 2] for s in (-0.03, 0.03)]
    template = person.markers[0]
    more = tuple(replace(template, name=f"pin{i}", body=toes, location_m=p) for i, p in enumerate(on_axis))
    skeleton = pins.with_markers(pins.markers + more)
    solution = inverse_kinematics(skeleton, recording_of(skeleton, motion(skeleton, frames=20)))
    assert solution.held == ("mtp_angle_r",)


def test_frames_with_fewer_than_three_markers_are_not_solved(person: Skeleton) -> None:
    q = motion(person, frames=60, seed=10, share=0.2)
    recording = recording_of(person, q)
    recording.positions_m[0] = np.nan
    recording.positions_m[20:23, 2:] = np.nan
    recording.positions_m[-1, :, 1] = np.nan
    solution = inverse_kinematics(person, recording, tolerance=TIGHT)
    unsolved = np.zeros(60, dtype=bool)
    unsolved[[0, 20, 21, 22, 59]] = True
    np.testing.assert_array_equal(solution.solved, ~unsolved)
    np.testing.assert_array_equal(np.isnan(solution.coordinates.values), np.repeat(unsolved[:, None], 42, axis=1))
    np.testing.assert_array_equal(np.isnan(solution.rms_m), unsolved)
    assert not solution.undetermined.any()
    assert angle_differences(solution.coordinates.values, q)[~unsolved].max() < 1e-6


def test_a_recording_without_any_observed_marker_is_all_nan(person: Skeleton) -> None:
    recording = recording_of(person, motion(person, frames=10))
    recording.positions_m[:] = np.nan
    finished: list[int] = []
    solution = inverse_kinematics(person, recording, progress=finished.append)
    assert np.isnan(solution.coordinates.values).all()
    assert np.isnan(solution.rms_m).all()
    assert not solution.solved.any()
    assert not solution.converged.any()
