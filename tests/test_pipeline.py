"""From a video to joint angles: a short piece of a real clip, and what cannot be measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS, skeleton_with_keypoints
from biopose.body.keypoint_names import KEYPOINTS
from biopose.camera.motion_summary import CameraMotionResult
from biopose.errors import TrackingError, VideoError
from biopose.pipeline import METHODS, Clip, Measurement, Models, Subject, Trial, measure, reconstruct, solve
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.method_names import METHODS as MEASURING_METHODS
from biopose.reconstruction.motion_file import read_motion, write_motion
from biopose.skeleton.kinematics import Kinematics
from biopose.tracking.frame_detections import FrameDetections, ShardDetections
from biopose.tracking.people import People, join_shards
from biopose.tracking.shard import ShardFiles
from biopose.tracking.shard_file import read_shard
from biopose.tracking.shards import perceive_shards
from biopose.video.probe import probe_video
from tests.body.bodies import needs_body_asset
from tests.perception.real_people import CLIP, needs_networks
from tests.reconstruction.test_people_fit import assert_sound
from tests.swinging_person import CAMERA, frame_times, swinging, track_of
from tests.video.filming import film

pytestmark = [needs_networks, needs_body_asset]

HEIGHT_M = 1.78
END_S = 0.7


def trial(video: Path, **clip: Any) -> Trial:
    return Trial(Clip(video, **clip), (Subject(HEIGHT_M),))


class Progress:
    """The calls of a progress callback."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.calls.append((stage, done, total))


@pytest.fixture(scope="module", params=MEASURING_METHODS)
def models(request: pytest.FixtureRequest) -> Models:
    return Models.load(METHODS[request.param], threads=1)


@pytest.fixture(scope="module")
def progress(models: Models) -> Progress:  # one for each method
    return Progress()


@pytest.fixture(scope="module")
def measurement(models: Models, progress: Progress) -> Measurement:
    return measure(trial(CLIP, start_s=0.0, end_s=END_S), models=models, progress=progress)


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
def test_the_measured_body_projects_onto_its_box(one: PersonMeasurement) -> None:
    box_px = np.nanmedian(one.track.boxes_px[:, 3] - one.track.boxes_px[:, 1])
    assert np.nanmedian(one.quality["reprojection_px"]) < 0.04 * box_px


@pytest.mark.slow
def test_markers_and_keypoints_are_those_of_the_coordinates(one: PersonMeasurement, models: Models) -> None:
    q = torch.from_numpy(one.coordinates.values)
    markers = Kinematics(one.person.skeleton).with_coordinates(q).markers.numpy()
    np.testing.assert_allclose(one.markers.positions_m, markers, atol=1e-9)
    scaled = Kinematics(skeleton_with_keypoints(models.solve.skeleton)).with_scales(
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
def test_progress_is_reported_for_each_stage_to_its_end(progress: Progress) -> None:
    stages = [stage for stage, _, _ in progress.calls]
    assert list(dict.fromkeys(stages)) == ["perceive", "reconstruct"]
    for stage in ("perceive", "reconstruct"):
        done = [d for s, d, _ in progress.calls if s == stage]
        assert done == sorted(done)
        assert done[-1] == 21


@pytest.mark.slow
def test_files_between_the_stages_give_what_memory_gives(
    one: PersonMeasurement, models: Models, tmp_path: Path
) -> None:
    asked, networks = trial(CLIP, start_s=0.0, end_s=END_S), models.perception
    (shard,) = asked.clip.shards(probe_video(CLIP))
    files = ShardFiles(tmp_path / "0.parquet", tmp_path / "0-tokens.parquet" if models.method.mesh else None)
    perceive_shards([shard], [files], detector=networks.detector, network=networks.keypoints)
    tracked = join_shards([read_shard(files)])
    (person,) = reconstruct(tracked, asked, models=models.fit).people
    write_motion(person, tmp_path / "motion.safetensors")
    (again,) = solve([read_motion(tmp_path / "motion.safetensors")], activity="other", models=models.solve)
    (unwritten,) = solve([person], activity="other", models=models.solve)
    np.testing.assert_allclose(again.coordinates.values, unwritten.coordinates.values, atol=1e-6)
    # Another place in memory may round float32 products in another way, and the fit amplifies that.
    np.testing.assert_allclose(again.coordinates.values, one.coordinates.values, atol=2e-3)
    np.testing.assert_allclose(again.T_camera_world, one.T_camera_world, atol=1e-2)


# What cannot be measured


def test_a_clip_without_a_person_names_the_remedy(models: Models, tmp_path: Path) -> None:
    empty = film(tmp_path / "empty.mp4", frames=5, size=(320, 240))
    with pytest.raises(TrackingError, match=r"nobody was found in the clip of 5 frames.*where the athlete is in view"):
        measure(trial(empty), models=models)


def test_notes_about_a_video_go_with_the_reason_why_nobody_is_measured() -> None:
    frames = [FrameDetections(i, i / 30, [], None) for i in range(3)]
    nobody = join_shards([ShardDetections(frames, 640, 480, ("It is slow motion.",))])
    with pytest.raises(TrackingError, match=r"x\.mp4: nobody was found .*Noted about the video: It is slow motion\."):
        reconstruct(nobody, trial(Path("x.mp4")), models=None)  # type: ignore[arg-type]


def test_a_file_that_is_no_video_is_named(models: Models, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(VideoError, match=r"broken\.mp4"):
        measure(trial(tmp_path / "broken.mp4"), models=models)


def test_a_camera_for_other_images_is_refused(models: Models, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", frames=2, size=(320, 240))
    with pytest.raises(ValueError, match=r"1280 x 720.*clip\.mp4 has 320 x 240"):
        measure(trial(clip, calibrated=CAMERA), models=models)


def test_several_subjects_of_one_clip_are_different_people_or_everybody_in_it() -> None:
    with pytest.raises(ValueError, match='are different people, or have person "all" each'):
        Trial(Clip(CLIP), (Subject(1.8), Subject(1.7)))
    assert Trial(Clip(CLIP), (Subject(1.8, person="all"), Subject(1.7, person="all"))).subjects[0].person == "all"
    with pytest.raises(ValueError, match="at least a height"):
        Trial(Clip(CLIP), ())


def test_an_activity_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"activity 'swim'; expected one of .*walk"):
        Trial(Clip(CLIP), (Subject(1.8),), activity="swim")


def test_more_heights_than_people_are_refused() -> None:
    """Each person takes the height of their place in the order, which is not known where somebody was not found."""
    time_s = frame_times(20)
    people = People([track_of(swinging(time_s), time_s)], 20, CAMERA.width_px, CAMERA.height_px, time_s)
    stands = CameraMotionResult(False, 0.0, 0.0, 1.0, None, (), True, "It stands.")
    three = Trial(Clip(CLIP), tuple(Subject(height_m, person="all") for height_m in (1.8, 1.7, 1.6)))
    with pytest.raises(TrackingError, match=r"demo\.mp4: 3 heights are given, but 1 person was found"):
        reconstruct((people, stands, ()), three, models=None)  # type: ignore[arg-type]
    assert [three.height_m_of(person) for person in range(4)] == [1.8, 1.7, 1.6, 1.6]
