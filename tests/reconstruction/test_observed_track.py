"""From a track to what the fit weighs."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from biopose.hmr.lifter import Lifter, load_lifter
from biopose.reconstruction.observations import LEAST_CONFIDENCE, UNOBSERVED_SD
from biopose.reconstruction.observed_track import ObservedTrack, R_camera_world_of, observe
from biopose.tracking.tracks import PersonTrack
from tests.swinging_person import CAMERA, frame_times, not_found, observations_of, swinging, track_of

FRAMES = 16
HEIGHT_M = 1.75


@cache
def lifter() -> Lifter:
    return load_lifter()


def observed(track: PersonTrack, *, height_m: float = HEIGHT_M) -> ObservedTrack:
    return observe(track, CAMERA, lifter(), height_m=height_m)


def track(frames: int = FRAMES) -> PersonTrack:
    time_s = frame_times(frames)
    return track_of(swinging(time_s), time_s)


def assert_finite(person: ObservedTrack) -> None:
    for name, value in vars(person.observations).items():
        assert value.isfinite().all(), name
    assert person.weight.isfinite().all()
    assert person.up_camera.isfinite().all()


def test_rays_are_those_of_the_keypoints() -> None:
    time_s = frame_times(FRAMES)
    expected = observations_of(swinging(time_s), time_s)
    found = observed(track()).observations
    torch.testing.assert_close(found.rays, expected.rays, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.interval_s, expected.interval_s)
    assert bool((found.weight == 1).all())


def test_the_less_sure_a_keypoint_is_the_less_it_weighs() -> None:
    doubtful = track()
    doubtful.confidence[:, 9] = 0.4
    person = observed(doubtful)
    assert (person.observations.ray_sd[:, 9] > 2 * person.observations.ray_sd[:, 10]).all()
    assert (person.weight[:, 9] < person.weight[:, 10]).all()


def test_a_keypoint_below_the_least_confidence_is_unobserved() -> None:
    doubtful = track()
    doubtful.confidence[3:5, 9] = LEAST_CONFIDENCE - 0.01
    person = observed(doubtful)
    assert not person.observations.weight[3:5, 9].any()
    assert (person.observations.ray_sd[3:5, 9] == UNOBSERVED_SD).all()
    assert not person.weight[3:5, 9].any()
    doubtful.keypoints_px[3:5, 9] += 300.0
    torch.testing.assert_close(
        observed(doubtful).observations.lifted_m, person.observations.lifted_m, atol=1e-5, rtol=0
    )


def test_what_is_lifted_grows_with_the_persons_height() -> None:
    small, tall = (observed(track(), height_m=h).observations for h in (1.5, 1.8))
    torch.testing.assert_close(1.2 * small.lifted_m, tall.lifted_m)
    torch.testing.assert_close(1.2 * small.lifted_sd_m, tall.lifted_sd_m)


def test_the_errors_expected_do_not_depend_on_how_large_the_picture_is() -> None:
    one = track()
    larger = replace(one, keypoints_px=2 * one.keypoints_px + 0.5, boxes_px=2 * one.boxes_px + 0.5)
    twice = replace(CAMERA, width_px=2560, height_px=1440, focal_px=(2200.0, 2200.0), centre_px=(1279.5, 719.5))
    found = observe(larger, twice, lifter(), height_m=HEIGHT_M).observations
    torch.testing.assert_close(found.rays, observed(one).observations.rays, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.ray_sd, observed(one).observations.ray_sd, atol=1e-6, rtol=1e-4)


def test_frames_without_the_person_hold_no_nan_and_weigh_nothing() -> None:
    person = observed(not_found(track(), slice(4, 9)))
    assert_finite(person)
    assert not person.observations.weight[4:9].any()
    assert not person.weight[4:9].any()


@pytest.mark.parametrize("frames", [1, 2])
def test_a_track_of_few_frames_is_taken_in(frames: int) -> None:
    person = observed(track(frames))
    assert_finite(person)
    assert len(person.observations.interval_s) == frames - 1


def test_a_person_of_whom_nothing_is_sure_still_has_an_up() -> None:
    nobody = track()
    nobody.confidence[:] = 0.05
    person = observed(nobody)
    assert_finite(person)
    assert float(person.up_camera.norm()) == pytest.approx(1.0, abs=1e-5)


def test_before_a_moving_camera_no_contact_is_stated() -> None:
    still = track_of(np.repeat(swinging(frame_times(1)), FRAMES, axis=0), frame_times(FRAMES))
    assert (observed(still).observations.contact > 0.9).all()
    assert not observe(still, CAMERA, lifter(), height_m=HEIGHT_M, camera_stands=False).observations.contact.any()


def test_up_is_level_for_a_level_camera() -> None:
    up = observed(track()).up_camera
    assert float(up.norm()) == pytest.approx(1.0, abs=1e-5)
    assert np.degrees(np.arccos(-float(up[1]))) < 15


@pytest.mark.parametrize(
    "up", [(0, -1, 0), (0.1, -0.9, 0.3), (0, 0, 1), (0, 0, -1), (0.05, 0.02, -0.99), (1, 0, 0), (0, 1, 0)]
)
def test_the_fits_world_is_a_rotation_with_y_up(up: tuple[float, ...]) -> None:
    up_camera = torch.nn.functional.normalize(torch.tensor(up, dtype=torch.float32), dim=-1)
    R = R_camera_world_of(up_camera)
    torch.testing.assert_close(R.T @ R, torch.eye(3), atol=1e-6, rtol=0)
    assert float(torch.linalg.det(R)) == pytest.approx(1.0, abs=1e-5)
    torch.testing.assert_close(R[:, 1], up_camera)


def test_x_points_away_from_the_camera() -> None:
    R = R_camera_world_of(torch.nn.functional.normalize(torch.tensor([0.1, -0.9, -0.2]), dim=-1))
    assert float(R[2, 0]) > 0.9
