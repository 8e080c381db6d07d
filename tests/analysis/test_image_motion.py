"""Feet and centre of mass as the image shows them, whatever their depth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.analysis.body_points import center_of_mass_m
from biopose.analysis.image_motion import ImageMotion, image_motion
from biopose.analysis.measured_trial import MeasuredTrial
from biopose.analysis.motion import motion_of
from biopose.io.trajectories import CoordinateTrajectories
from biopose.outputs.trial import trial_table
from biopose.reconstruction.measurement import PersonMeasurement
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import measured

pytestmark = needs_body_asset
PIXEL_M = 4.5 / 520  # of the measured person; their keypoints have a standard deviation of one pixel


def trial_of(one: PersonMeasurement) -> MeasuredTrial:
    return MeasuredTrial(Path("trial.parquet"), trial_table(one, settings={}, versions={}))


def seen(one: PersonMeasurement) -> ImageMotion:
    found = image_motion(trial_of(one), center_of_mass_m(one.person.skeleton, one.coordinates.values))
    assert found is not None
    return found


def moved(one: PersonMeasurement, shift_m: np.ndarray) -> PersonMeasurement:
    """The fitted person shifted in the world by (T, 3); what was observed stays."""
    q = one.coordinates.values.copy()
    q[:, [one.coordinates.names.index(f"pelvis_t{axis}") for axis in "xyz"]] += shift_m
    shifted = CoordinateTrajectories(one.coordinates.time_s, one.coordinates.names, q)
    return replace(one, coordinates=shifted, keypoints_m=one.keypoints_m + shift_m[:, None])


def along_view(one: PersonMeasurement, by_m: np.ndarray) -> np.ndarray:
    axis = one.T_camera_world[2, :3] * [1, 0, 1]
    return np.outer(by_m, axis / np.linalg.norm(axis))


def test_the_centre_of_mass_rises_and_falls_as_the_persons() -> None:
    one = measured()
    height_m = center_of_mass_m(one.person.skeleton, one.coordinates.values)[:, 1]
    off_m = seen(one).center_of_mass_m[:, 1] - height_m
    assert np.ptp(off_m) < 0.03
    assert np.ptp(height_m) > 0.3


def test_feet_rest_and_heights_hold_where_depth_is_estimated_badly() -> None:
    one = measured()
    time_s = one.track.time_s
    wrong = moved(one, along_view(one, 0.15 * np.sin(2 * np.pi * 2.5 * time_s)))
    right, found = seen(one), seen(wrong)
    for side, points_m in right.foot_points_m.items():
        assert np.abs(found.foot_points_m[side] - points_m).max() < 1.2 * PIXEL_M
    assert np.abs(found.center_of_mass_m[:, 1] - right.center_of_mass_m[:, 1]).max() < 0.02


def test_what_mirrored_frames_differ_by_is_taken_out() -> None:
    one = measured()
    sides = np.where(one.track.frame_indices % 2 == 1, -3.0, 3.0)[:, None, None]
    biased = replace(one, track=replace(one.track, keypoints_px=one.track.keypoints_px + sides))
    right, found = seen(one), seen(biased)
    for side, points_m in right.foot_points_m.items():
        assert np.abs(found.foot_points_m[side] - points_m).max() < 1.2 * PIXEL_M


def test_who_walks_along_the_view_is_told_from_who_walks_across_it() -> None:
    one = measured()
    way_m = np.linspace(0, 1.5, len(one.track))
    assert seen(moved(one, along_view(one, way_m))).along_view
    assert not seen(one).along_view


def test_who_walks_towards_the_camera_and_back_walks_along_the_view() -> None:
    one = measured()
    there_and_back_m = 1.5 * (1 - np.abs(np.linspace(-1, 1, len(one.track))))
    assert seen(moved(one, along_view(one, there_and_back_m))).along_view
    wobble_m = 0.05 * np.sin(2 * np.pi * one.track.time_s)
    assert not seen(moved(one, along_view(one, wobble_m))).along_view


def gliding(one: PersonMeasurement, shift_m: np.ndarray) -> PersonMeasurement:
    """The first frame's person, shifted in the world by (T, 3), as the camera would see them."""
    frames = np.zeros(len(one.track), dtype=int)
    q = CoordinateTrajectories(one.coordinates.time_s, one.coordinates.names, one.coordinates.values[frames])
    still = moved(replace(one, coordinates=q, keypoints_m=one.keypoints_m[frames]), shift_m)
    in_camera = still.keypoints_m @ one.T_camera_world[:3, :3].T + one.T_camera_world[:3, 3]
    pixels = one.camera.project(torch.from_numpy(in_camera)).numpy()
    return replace(still, track=replace(one.track, keypoints_px=pixels))


def test_the_way_of_feet_along_the_view_is_seen_where_they_are_on_the_ground() -> None:
    one = measured()
    way_m = np.linspace(0, 1.5, len(one.track))
    found = seen(gliding(one, along_view(one, way_m)))
    assert found.along_view
    for points_m in found.foot_points_m.values():
        np.testing.assert_allclose(points_m[-1, :, 2], 1.5, atol=0.2)  # a keypoint lies centimetres over the ground


def test_feet_that_rest_do_so_along_the_view_too_whatever_the_depth() -> None:
    one = measured()
    still = gliding(one, np.zeros((len(one.track), 3)))
    found = seen(moved(still, along_view(one, np.linspace(0, 1.5, len(one.track)))))
    assert found.along_view
    for points_m in found.foot_points_m.values():
        assert np.abs(points_m).max() < 1e-3


def test_from_straight_above_and_without_a_camera_positions_are_the_worlds() -> None:
    one = measured()
    above = np.eye(4)
    above[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    above[2, 3] = 5.0
    downwards = replace(one, T_camera_world=above)
    assert image_motion(trial_of(downwards), center_of_mass_m(one.person.skeleton, one.coordinates.values)) is None
    motion = motion_of(trial_of(downwards), one.person.skeleton)
    assert not motion.of_film
    assert motion.foot_points_m["left"].shape[1] > 3


def test_events_take_the_coordinates_before_the_filter() -> None:
    one = measured()
    q = one.coordinates.values.copy()
    q[:, one.coordinates.names.index("pelvis_ty")] += 0.5
    unfiltered = CoordinateTrajectories(one.coordinates.time_s, one.coordinates.names, q)
    motion = motion_of(trial_of(replace(one, unfiltered=unfiltered)), one.person.skeleton)
    filtered = motion_of(trial_of(one), one.person.skeleton)
    assert motion.center_of_mass_m[-1] != pytest.approx(filtered.center_of_mass_m[-1])
    np.testing.assert_array_equal(motion.coordinates["pelvis_ty"], filtered.coordinates["pelvis_ty"])
