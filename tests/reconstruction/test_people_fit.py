"""From tracks to joint angles: everybody in one world, whatever a track lacks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from biopose.body.keypoint_names import KEYPOINTS
from biopose.camera.motion_summary import CameraMotionResult
from biopose.reconstruction import people_fit
from biopose.reconstruction.athlete import _body_with_skeleton
from biopose.reconstruction.coordinates import solve_person
from biopose.reconstruction.fit_options import RefinementOptions
from biopose.reconstruction.fitted_person import Athlete
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.motion_problem import PersonModel
from biopose.reconstruction.observed_track import ObservedTrack
from biopose.reconstruction.people_fit import FitModels, _notes, fit_people
from biopose.reconstruction.track_fit import FittedMotion, fit_track
from biopose.tracking.tracks import PersonTrack
from tests.body.bodies import needs_body_asset
from tests.reconstruction.decoded_person import mesh_models, read_track
from tests.swinging_person import CAMERA, frame_times, not_found, swinging, track_of

pytestmark = needs_body_asset


@pytest.fixture(scope="module")
def models() -> FitModels:
    return FitModels.load()


def assert_sound(one: PersonMeasurement) -> None:
    """No NaN, inside the ranges, couplings hold, everything of one length."""
    skeleton, values, frames = one.person.skeleton, one.coordinates.values, len(one.track)
    assert values.shape == (frames, len(skeleton.coordinates))
    assert one.keypoints_m.shape == (frames, 26, 3)
    assert one.contact.shape == (frames, 4)
    for array in (values, one.markers.positions_m, one.keypoints_m, one.contact, one.T_camera_world):
        assert np.isfinite(array).all()
    assert ((one.contact >= 0) & (one.contact <= 1)).all()
    np.testing.assert_allclose(skeleton.satisfy_couplings(values), values, atol=1e-9)
    for c, column in zip(skeleton.coordinates, values.T, strict=True):
        if c.clamped:
            assert c.range_min - 1e-9 <= column.min()
            assert column.max() <= c.range_max + 1e-9
    assert set(one.quality) == {"reprojection_px", "confidence", "seen_fraction", "quality"}
    assert all(len(figures) == frames for figures in one.quality.values())
    assert ((one.quality["quality"] >= 0) & (one.quality["quality"] <= 1)).all()


def measured(
    models: FitModels, tracks: Sequence[PersonTrack], athletes: Sequence[Athlete] = ()
) -> list[PersonMeasurement]:
    fitted = fit_people(tracks, athletes or [Athlete(1.75)], CAMERA, models=models, camera_motion=None)
    return [solve_person(one, body=models.body, skeleton=models.skeleton, cutoff_hz=8.0) for one in fitted]


def track(frames: int) -> PersonTrack:
    time_s = frame_times(frames)
    return track_of(swinging(time_s), time_s)


@pytest.fixture(scope="module")
def swinger(models: FitModels) -> PersonMeasurement:
    time_s = np.cumsum(np.random.default_rng(0).choice([1 / 60, 1 / 30, 1 / 20], 16))
    (one,) = measured(models, [not_found(track_of(swinging(time_s), time_s), slice(6, 9))])
    return one


@pytest.mark.slow
def test_a_made_up_person_at_uneven_times_with_a_gap_is_measured(swinger: PersonMeasurement) -> None:
    assert_sound(swinger)
    gap = slice(6, 9)
    assert np.isnan(swinger.quality["reprojection_px"][gap]).all()
    assert not swinger.quality["quality"][gap].any()
    note, _ = swinger.notes  # on the gap and on what is held; none on the camera, which is known and stands
    assert "not found in 3 of 16 frames" in note


@pytest.mark.slow
def test_their_knees_bend_as_they_did(swinger: PersonMeasurement) -> None:
    truth = swinging(swinger.track.time_s)
    for name in ("knee_angle_r", "knee_angle_l", "hip_flexion_r", "hip_flexion_l"):
        column = swinger.coordinates.names.index(name)
        off = np.degrees(np.abs(swinger.coordinates.values[:, column] - truth[:, column]))
        assert np.median(off) < 20, name


@pytest.mark.slow
def test_who_stays_faces_along_x_and_begins_at_the_origin(swinger: PersonMeasurement) -> None:
    hips = swinger.keypoints_m[:, [KEYPOINTS.index("left_hip"), KEYPOINTS.index("right_hip")]]
    to_the_right = (hips[:, 1] - hips[:, 0]).mean(0)
    assert abs(np.degrees(np.arctan2(to_the_right[0], to_the_right[2]))) < 15
    assert np.abs(swinger.keypoints_m[0, KEYPOINTS.index("mid_hip"), [0, 2]]).max() < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("frames", [1, 2])
def test_a_track_of_few_frames_is_measured(models: FitModels, frames: int) -> None:
    (one,) = measured(models, [track(frames)])
    assert_sound(one)


@pytest.mark.slow
def test_people_share_a_world_and_the_last_athlete_stands_for_those_that_follow(models: FitModels) -> None:
    first, second = track(3), replace(track(3), person=1)
    one, two = measured(models, [first, second], [Athlete(1.75)])
    np.testing.assert_array_equal(one.T_camera_world, two.T_camera_world)
    assert [one.track.person, two.track.person] == [0, 1]
    np.testing.assert_allclose(one.keypoints_m, two.keypoints_m, atol=1e-6)


@pytest.mark.parametrize(("moves", "reliable"), [(False, True), (True, True), (False, False)])
def test_a_camera_that_moves_or_may_move_is_noted(moves: bool, reliable: bool) -> None:
    motion = CameraMotionResult(moves, 0.0, 0.0, 1.0, None, (), reliable, "What the camera does.")
    assert _notes(CAMERA, motion) == (("What the camera does.",) if moves or not reliable else ())


@pytest.mark.slow
def test_the_gain_of_a_refinement_is_reported_where_there_was_one(
    models: FitModels, swinger: PersonMeasurement
) -> None:
    time_s = frame_times(3)
    refining = replace(models, mesh=mesh_models())
    (one,) = measured(refining, [read_track(swinging(time_s), time_s, error=0.7)])
    assert one.refinement is not None
    assert one.refinement.reprojection_after_px < one.refinement.reprojection_before_px
    assert swinger.refinement is None


@pytest.mark.slow
def test_a_fit_that_begins_at_a_mesh_has_a_share_of_the_pose_prior(
    models: FitModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def noted(observed: ObservedTrack, model: PersonModel, *args: Any, **kwargs: Any) -> FittedMotion:
        given.append(model.weights.pose)
        return fit_track(observed, model, *args, **kwargs)

    monkeypatch.setattr(people_fit, "fit_track", noted)
    time_s = frame_times(3)
    mesh = replace(mesh_models(), options=RefinementOptions(iterations=5, pose_prior_share=0.25))
    for with_mesh in (None, mesh):
        measured(replace(models, mesh=with_mesh), [read_track(swinging(time_s), time_s)])
    assert given == [models.weights.pose, 0.25 * models.weights.pose]


def test_equal_athletes_share_one_body(models: FitModels) -> None:
    made = _body_with_skeleton.cache_info().misses
    models.scale_skeletons([Athlete(1.7654), Athlete(1.7654)])
    Athlete(1.7654).body_with_skeleton(models.body, models.skeleton)
    assert _body_with_skeleton.cache_info().misses == made + 1


def test_athletes_are_needed(models: FitModels) -> None:
    with pytest.raises(ValueError, match="at least a height is needed"):
        fit_people([track(2)], [], CAMERA, models=models, camera_motion=None)
