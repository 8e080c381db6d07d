"""From a video to joint angles: a short piece of a real clip, and what cannot be measured."""

from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS, skeleton_with_keypoints
from biopose.body.keypoint_names import KEYPOINTS
from biopose.errors import TrackingError, VideoError
from biopose.pipeline import Measurement, MeasureOptions, Models, Stage, measure_video
from biopose.reconstruction.fitted_person import Athlete
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.method_names import METHODS
from biopose.skeleton.kinematics import Kinematics
from tests.body.bodies import needs_body_asset
from tests.perception.real_people import CLIP, needs_networks
from tests.reconstruction.test_people_fit import assert_sound
from tests.swinging_person import CAMERA
from tests.video.filming import film

pytestmark = [needs_networks, needs_body_asset]

HEIGHT_M = 1.78
END_S = 0.7


class Told:
    """What was said of the progress."""

    def __init__(self) -> None:
        self.calls: list[tuple[Stage, int, int]] = []

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        self.calls.append((stage, done, total))


@pytest.fixture(scope="module", params=METHODS)
def models(request: pytest.FixtureRequest) -> Models:
    return Models.load(threads=1, method=request.param)


@pytest.fixture(scope="module")
def told(models: Models) -> Told:  # one for each method
    return Told()


@pytest.fixture(scope="module")
def measurement(models: Models, told: Told) -> Measurement:
    options = MeasureOptions(start_s=0.0, end_s=END_S)
    return measure_video(CLIP, [Athlete(HEIGHT_M)], options=options, models=models, progress=told)


@pytest.fixture(scope="module")
def one(measurement: Measurement) -> PersonMeasurement:
    (one,) = measurement.people
    return one


# A real clip


@pytest.mark.slow
def test_a_real_person_is_measured_in_every_frame(measurement: Measurement, one: PersonMeasurement) -> None:
    assert measurement.frame_count == 21
    assert len(one.track) == 21
    assert_sound(one)
    assert (one.quality["quality"] > 0.3).mean() > 0.8


@pytest.mark.slow
def test_the_world_is_upright_and_the_feet_are_on_the_ground_or_above_it(one: PersonMeasurement) -> None:
    assert np.linalg.det(one.T_camera_world[:3, :3]) == pytest.approx(1.0)
    up_camera = one.T_camera_world[:3, 1]
    assert up_camera[1] < -0.9  # the clip's camera is held level
    height = one.keypoints_m[..., 1]
    assert height[:, FOOT_KEYPOINTS].min() > -0.15
    assert (height[:, KEYPOINTS.index("head_top")] > height[:, list(FOOT_KEYPOINTS)].max(1)).all()


@pytest.mark.slow
def test_the_measured_body_projects_to_where_it_was_seen(one: PersonMeasurement) -> None:
    box_px = np.nanmedian(one.track.boxes_px[:, 3] - one.track.boxes_px[:, 1])
    assert np.nanmedian(one.quality["reprojection_px"]) < 0.04 * box_px


@pytest.mark.slow
def test_markers_and_keypoints_are_those_of_the_coordinates(one: PersonMeasurement, models: Models) -> None:
    q = torch.from_numpy(one.coordinates.values)
    markers = Kinematics(one.person.skeleton).with_coordinates(q).markers.numpy()
    np.testing.assert_allclose(one.markers.positions_m, markers, atol=1e-9)
    scaled = Kinematics(skeleton_with_keypoints(models.fit.skeleton)).with_scales(
        torch.from_numpy(one.person.body_scales)
    )
    np.testing.assert_allclose(one.keypoints_m, scaled.with_coordinates(q).markers.numpy(), atol=1e-9)


@pytest.mark.slow
def test_the_person_has_about_the_height_that_was_given(one: PersonMeasurement) -> None:
    vertices = one.person.shaped.vertices
    assert float(vertices[:, 1].max() - vertices[:, 1].min()) == pytest.approx(HEIGHT_M, rel=0.08)


@pytest.mark.slow
def test_an_unknown_focal_length_is_noted(one: PersonMeasurement) -> None:
    assert one.camera.source == "estimate"
    assert any("focal length was not known" in note for note in one.notes)


@pytest.mark.slow
def test_what_the_refinement_gained_is_known_where_there_was_one(one: PersonMeasurement, models: Models) -> None:
    if models.fit.mesh is None:
        assert one.refinement is None
    else:
        assert one.refinement is not None
        assert one.refinement.reprojection_after_px <= one.refinement.reprojection_before_px


@pytest.mark.slow
@pytest.mark.usefixtures("measurement")
def test_progress_is_told_for_each_stage_to_its_end(told: Told) -> None:
    stages = [stage for stage, _, _ in told.calls]
    assert list(dict.fromkeys(stages)) == ["keypoints", "fit"]
    for stage in ("keypoints", "fit"):
        done = [d for s, d, _ in told.calls if s == stage]
        assert done == sorted(done)
        assert done[-1] == 21


# What cannot be measured


def test_a_clip_without_a_person_tells_the_remedy(models: Models, tmp_path: Path) -> None:
    empty = film(tmp_path / "empty.mp4", frames=5, size=(320, 240))
    with pytest.raises(TrackingError, match=r"nobody was found in the clip of 5 frames.*where the athlete is in view"):
        measure_video(empty, [Athlete(HEIGHT_M)], models=models)


def test_a_file_that_is_no_video_is_named(models: Models, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(VideoError, match=r"broken\.mp4"):
        measure_video(tmp_path / "broken.mp4", [Athlete(HEIGHT_M)], models=models)


def test_a_camera_for_other_pictures_is_refused(models: Models, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", frames=2, size=(320, 240))
    with pytest.raises(ValueError, match=r"1280 x 720.*clip\.mp4 has 320 x 240"):
        measure_video(clip, [Athlete(HEIGHT_M)], options=MeasureOptions(camera=CAMERA), models=models)
