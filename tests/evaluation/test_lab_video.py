"""Part (b): the clips show the skeleton's motion, and measurements with known errors get those errors."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from biopose.analysis.motion import FRAME_QUALITY
from biopose.body.keypoints import anny_keypoints
from biopose.camera.pinhole import Camera
from biopose.errors import BioposeError, TrackingError
from biopose.evaluation.lab_rendering import (
    CLIP_S,
    RATE_HZ,
    VIEWS,
    ExpertMotion,
    camera_pose,
    person_like,
    read_expert_motion,
    render,
)
from biopose.evaluation.lab_video import ClipErrors, evaluate_lab_b, lab_b_lines
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.look_at import look_at
from biopose.rendering.scene import Box, Scene, clothing_colours, write_video
from biopose.skeleton.reader import read_osim
from biopose.tracking.tracks import PersonTrack
from tests.body.bodies import needs_body_asset
from tests.evaluation.laboratory import DURATIONS_S, write_laboratory
from tests.reference_data import SHARED_DATA, needs_shared_data

pytestmark = needs_body_asset
SMALL = Camera(320, 180, (250.0, 250.0), (159.5, 89.5))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_laboratory(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def walk(lab: Path) -> ExpertMotion:
    expert = read_osim(lab / "hand_scaled.osim")
    person, _ = person_like(expert)
    return read_expert_motion(lab, "walking1", expert, person)


def first_frames(clip: ExpertMotion, count: int) -> ExpertMotion:
    truth = clip.truth
    some = CoordinateTrajectories(truth.time_s[:count], truth.names, truth.values[:count])
    return replace(clip, q=clip.q[:count], truth=some)


def measured(clip: ExpertMotion, T_camera_world: np.ndarray, *, q: np.ndarray | None = None) -> PersonMeasurement:
    """A measurement of a clip whose angles are q, or the true ones, and whose joints are the body's own."""
    q = clip.q if q is None else q
    keypoints = anny_keypoints(clip.person.shaped.body)  # type: ignore[arg-type]
    posed = clip.person.with_coordinates(torch.from_numpy(clip.q))
    frames, time_s = np.arange(len(q)), np.arange(len(q)) / RATE_HZ
    return PersonMeasurement(
        track=PersonTrack(0, frames, time_s, np.zeros((len(q), 4)), np.zeros((len(q), 26, 2)), np.ones((len(q), 26))),
        camera=SMALL,
        T_camera_world=T_camera_world,
        person=clip.person,
        coordinates=CoordinateTrajectories(time_s, clip.person.skeleton.coordinate_names, q),
        markers=MarkerTrajectories(
            time_s, clip.person.markers.names, clip.person.markers.positions(posed).double().numpy()
        ),
        keypoints_m=keypoints.positions(posed).double().numpy(),
        contact=np.zeros((len(q), 4)),
        quality={name: np.ones(len(q)) for name in FRAME_QUALITY},
    )


def test_the_body_is_drawn_where_its_points_project(walk: ExpertMotion) -> None:
    mesh = next(walk.meshes())
    T = look_at(position_m=np.array([4.0, 1.2, 0.5]), at_m=np.array([0.0, 0.95, 0.0]))
    body = walk.person.shaped
    scene = Scene(SMALL, T, body.body.triangles.numpy(), np.tile(np.array([0, 0, 255], dtype=np.uint8), (len(mesh), 1)))
    drawn = scene.draw(mesh).astype(int)
    covered = drawn[..., 2] > drawn[..., 0] + 20  # nothing else in the room is blue
    within_a_pixel = binary_dilation(covered)
    pixels = SMALL.project(torch.from_numpy(mesh @ T[:3, :3].T + T[:3, 3])).round().long().numpy()
    assert within_a_pixel[pixels[:, 1], pixels[:, 0]].mean() > 0.99
    rows = np.flatnonzero(covered.any(axis=1))
    assert abs(rows[0] - pixels[:, 1].min()) <= 1
    assert covered[: pixels[:, 1].min() - 2].sum() == 0


def test_a_camera_that_looks_at_a_point_sees_it_in_the_middle_and_stands_upright() -> None:
    T = look_at(position_m=np.array([3.0, 1.5, -2.0]), at_m=np.array([0.2, 0.9, 0.1]))
    np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1)
    seen = T @ np.array([0.2, 0.9, 0.1, 1.0])
    np.testing.assert_allclose(seen[:2], 0, atol=1e-12)
    assert seen[2] > 0
    higher = T @ np.array([0.2, 1.9, 0.1, 1.0])
    assert higher[1] < 0
    assert higher[0] == pytest.approx(0)


def test_the_floor_and_a_box_are_where_they_should_be(walk: ExpertMotion) -> None:
    T = look_at(position_m=np.array([4.0, 1.2, 0.0]), at_m=np.array([0.0, 0.5, 0.0]))
    triangles, colours = walk.person.shaped.body.triangles.numpy(), clothing_colours(walk.person.shaped)
    empty = Scene(SMALL, T, triangles, colours).background.astype(int)
    box = Box(x_m=0.0, z_m=0.3, length_m=0.4, height_m=0.5, width_m=0.2, yaw_rad=0.0)
    with_box = Scene(SMALL, T, triangles, colours, boxes=[box]).background.astype(int)
    changed = np.abs(with_box - empty).sum(axis=-1) > 0
    corners = np.array([[x, y, z] for x in (-0.2, 0.2) for y in (0.0, 0.5) for z in (0.2, 0.4)])
    pixels = SMALL.project(torch.from_numpy(corners @ T[:3, :3].T + T[:3, 3])).numpy()
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    np.testing.assert_allclose([columns[0], columns[-1]], [pixels[:, 0].min(), pixels[:, 0].max()], atol=1.0)
    np.testing.assert_allclose([rows[0], rows[-1]], [pixels[:, 1].min(), pixels[:, 1].max()], atol=1.0)


def test_clothes_differ_by_region_and_are_uneven(walk: ExpertMotion) -> None:
    colours, labels = clothing_colours(walk.person.shaped), np.array(walk.person.shaped.body.bone_labels)
    dominant = labels[walk.person.shaped.body.skin_matrix.argmax(dim=1).numpy()]
    shirt, shorts, skin = (
        colours[dominant == bone].astype(float) for bone in ("spine02", "upperleg01.R", "lowerarm01.R")
    )
    assert shirt[:, 2].mean() > shirt[:, 0].mean() + 30
    assert skin[:, 0].mean() > skin[:, 2].mean() + 30
    assert shorts.mean() < 80
    assert shirt.std(axis=0).min() > 2


def test_the_clip_is_the_experts_motion_on_the_floor(walk: ExpertMotion) -> None:
    names = walk.person.skeleton.coordinate_names
    for name in ("knee_angle_r", "hip_flexion_l", "pelvis_tilt", "arm_rot_r"):
        column = walk.truth.values[:, walk.truth.names.index(name)]
        np.testing.assert_array_equal(walk.q[:, names.index(name)], column)
    assert (walk.q[:, names.index("neck_flexion")] == 0).all()
    np.testing.assert_allclose(np.diff(walk.truth.time_s), 1 / RATE_HZ, atol=1e-9)
    lowest = [mesh[:, 1].min() for mesh in walk.meshes()]
    assert min(lowest) == pytest.approx(0, abs=1e-7)
    assert max(lowest) < 0.05


def test_a_long_trial_is_cut_to_its_middle(lab: Path, walk: ExpertMotion) -> None:
    clip = read_expert_motion(lab, "squats1", read_osim(lab / "hand_scaled.osim"), walk.person)
    assert len(clip.q) == CLIP_S * RATE_HZ
    assert clip.truth.time_s.mean() == pytest.approx(DURATIONS_S["squats1"] / 2, abs=0.05)


@pytest.mark.parametrize("view", VIEWS)
def test_cameras_stand_where_they_are_named(walk: ExpertMotion, view: str) -> None:
    joints = walk.limb_joints_m()
    T = camera_pose(walk, view, joints)
    in_camera = joints @ T[:3, :3].T + T[:3, 3]
    right_minus_left = (in_camera[:, 0] - in_camera[:, 6]).mean(axis=0)  # of the hips
    azimuth = np.degrees(np.arctan2(-right_minus_left[2], -right_minus_left[0]))
    assert azimuth == pytest.approx(VIEWS[view], abs=3)


def test_a_motion_too_large_for_the_room_is_refused(walk: ExpertMotion) -> None:
    with pytest.raises(BioposeError, match="walking1: the motion does not fit"):
        camera_pose(walk, "front", np.array([[[0.0, 30.0, 0.0]]]))


def test_a_perfect_measurement_has_no_error_whatever_its_world(walk: ExpertMotion) -> None:
    T = camera_pose(walk, "side", walk.limb_joints_m())
    errors = ClipErrors()
    errors.add(walk, T, measured(walk, T))
    result = errors.as_dict()
    np.testing.assert_allclose(list(result["mae_deg"].values()), 0, atol=1e-9)
    assert result["mpjpe_mm"] < 1e-6
    assert result["pa_mpjpe_mm"] < 1e-6
    assert result["frames_measured"] == result["frames_rendered"] == len(walk.q)
    compared = set(result["mae_by_coordinate_deg"])
    assert {"knee_angle_r", "lumbar_bending", "pro_sup_l", "mtp_angle_r"} <= compared
    assert not any(name.startswith(("pelvis_", "wrist_", "neck_")) or name.endswith("beta") for name in compared)


def test_an_angle_off_by_a_known_amount_is_off_by_that_amount(walk: ExpertMotion) -> None:
    T = camera_pose(walk, "front", walk.limb_joints_m())
    q = walk.q.copy()
    names = walk.person.skeleton.coordinate_names
    q[:, names.index("knee_angle_r")] += np.radians(7)
    q[:, names.index("arm_rot_l")] += 2 * np.pi
    q[:, names.index("pelvis_tilt")] += 1.0
    errors = ClipErrors()
    errors.add(walk, T, measured(walk, T, q=q))
    by_coordinate = errors.as_dict()["mae_by_coordinate_deg"]
    assert by_coordinate.pop("knee_angle_r") == pytest.approx(7)
    np.testing.assert_allclose(list(by_coordinate.values()), 0, atol=1e-9)


def test_the_coverage_of_intervals_that_are_too_narrow_is_reported(walk: ExpertMotion) -> None:
    T = camera_pose(walk, "front", walk.limb_joints_m())
    q = walk.q.copy()
    knee = walk.person.skeleton.coordinate_names.index("knee_angle_r")
    q[::2, knee] += np.radians(10)
    one = replace(measured(walk, T, q=q), coordinate_sd=np.full(q.shape, np.radians(2)))
    errors = ClipErrors()
    errors.add(walk, T, one)
    result = errors.as_dict()
    held = result["coverage95_by_coordinate"]
    assert held.pop("knee_angle_r") == pytest.approx(0.5, abs=0.01)
    assert set(held.values()) == {1.0}
    assert result["coverage95"] == pytest.approx((len(held) + 0.5) / (len(held) + 1), abs=1e-3)
    assert result["acceleration_deg_s2"]["measured"] >= result["acceleration_deg_s2"]["expert"] > 0


def test_a_method_without_intervals_is_not_judged_by_them(walk: ExpertMotion) -> None:
    T = camera_pose(walk, "front", walk.limb_joints_m())
    errors = ClipErrors()
    errors.add(walk, T, measured(walk, T))
    result = errors.as_dict()
    assert "coverage95" not in result
    assert result["acceleration_deg_s2"]["measured"] == pytest.approx(result["acceleration_deg_s2"]["expert"])


def test_a_film_has_every_frame_at_its_rate(walk: ExpertMotion, tmp_path: Path) -> None:
    render(first_frames(walk, 3), "oblique", tmp_path / "walk.mp4")
    with av.open(str(tmp_path / "walk.mp4")) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].average_rate == RATE_HZ
    assert len(frames) == 3
    assert (frames[0].width, frames[0].height) == (1280, 720)


def test_pictures_come_back_from_the_video_nearly_as_they_were(tmp_path: Path) -> None:
    shade = np.linspace(20, 230, SMALL.height_px * SMALL.width_px).reshape(SMALL.height_px, SMALL.width_px, 1)
    smooth = shade.astype(np.uint8).repeat(3, axis=2)
    write_video(tmp_path / "a.mp4", [smooth, smooth[::-1]], SMALL, rate_hz=50)
    with av.open(str(tmp_path / "a.mp4")) as container:
        decoded = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert np.abs(decoded[0] - smooth).mean() < 6
    assert np.abs(decoded[1] - smooth[::-1]).mean() < 6


def test_the_whole_part_b_with_a_method_that_knows(
    lab: Path, walk: ExpertMotion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biopose.evaluation.lab_rendering.CLIP_S", 0.06)  # three frames
    monkeypatch.setattr("biopose.evaluation.lab_rendering.LENS", SMALL)
    given: list[dict[str, Any]] = []

    def measure(video: Path, **options: Any) -> PersonMeasurement:
        assert video.stat().st_size > 1000
        given.append(options)
        expert = read_osim(lab / "hand_scaled.osim")
        clip = read_expert_motion(lab, "walking1", expert, walk.person)
        view = video.stem.split("_")[1]
        q = clip.q.copy()
        q[:, walk.person.skeleton.coordinate_names.index("ankle_angle_l")] += np.radians(3.0 if view == "side" else 0.0)
        return measured(clip, camera_pose(clip, view, clip.limb_joints_m()), q=q)

    result = evaluate_lab_b(
        lab.parents[1], trials=["walking1"], cameras=["front", "side"], keep=tmp_path / "clips", measure=measure
    )
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == ["walking1_front.mp4", "walking1_side.mp4"]
    assert given == [{"height_m": result["height_m"], "camera": None}] * 2
    assert set(result["mae_deg"]) == {"lower", "upper", "trunk", "all"}
    cameras = result["cameras"]
    assert cameras["front"]["mae_by_coordinate_deg"]["ankle_angle_l"] == pytest.approx(0, abs=1e-9)
    assert cameras["side"]["mae_by_coordinate_deg"]["ankle_angle_l"] == pytest.approx(3)
    assert result["mae_by_coordinate_deg"]["ankle_angle_l"] == pytest.approx(1.5)
    assert result["clips"]["walking1_side"]["frames_rendered"] == 3
    assert result["pa_mpjpe_mm"] < 1e-6
    assert result["metrics"]["knee_flexion_peak"]["n"] == 4  # two clips, two sides
    assert result["metrics"]["knee_flexion_peak"]["mae"] == pytest.approx(0, abs=1e-4)
    assert result["refused"] == []
    assert json.loads(json.dumps(result)) == result
    assert {line.split()[0] for line in lab_b_lines(result)} >= {"lower", "all", "knee_angle_r", "walking1_side"}


def test_a_clip_in_which_nobody_is_found_is_named_and_the_others_are_compared(
    lab: Path, walk: ExpertMotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biopose.evaluation.lab_rendering.CLIP_S", 0.06)
    monkeypatch.setattr("biopose.evaluation.lab_rendering.LENS", SMALL)

    def measure(video: Path, **_: Any) -> PersonMeasurement:
        if video.stem == "walking1_front":
            raise TrackingError("nobody is there")
        clip = first_frames(walk, 3)
        return measured(clip, camera_pose(clip, "side", clip.limb_joints_m()))

    result = evaluate_lab_b(lab.parents[1], trials=["walking1"], cameras=["front", "side"], measure=measure)
    assert (result["refused"], list(result["cameras"])) == (["walking1_front"], ["side"])
    assert result["frames_rendered"] == 2 * result["clips"]["walking1_side"]["frames_rendered"]
    lines = lab_b_lines(result)
    assert "somebody was found in 1 of 2 clips" in lines[0]
    assert lines[-1] == "Nobody was found in walking1_front"
    with pytest.raises(BioposeError, match="nobody was found in any of 1 clips"):
        evaluate_lab_b(lab.parents[1], trials=["walking1"], cameras=["front"], measure=measure)


@needs_shared_data
def test_strikes_of_the_clips_are_compared_with_the_force_plates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keypoints without error, whose events are those of the expert's motion: near the plates'."""
    monkeypatch.setattr("biopose.evaluation.lab_rendering.LENS", SMALL)
    filmed: list[tuple[ExpertMotion, np.ndarray]] = []

    def film(motion: ExpertMotion, view: str, _: Path) -> np.ndarray:
        filmed.append((motion, camera_pose(motion, view, motion.limb_joints_m())))
        return filmed[-1][1]

    def measure(*_: Any, **__: Any) -> PersonMeasurement:
        one, T = measured(*filmed[-1]), filmed[-1][1]
        pixels = SMALL.project(torch.from_numpy(one.keypoints_m @ T[:3, :3].T + T[:3, 3])).numpy()
        return replace(one, track=replace(one.track, keypoints_px=pixels))

    monkeypatch.setattr("biopose.evaluation.lab_video.render", film)
    result = evaluate_lab_b(SHARED_DATA, trials=["walking1"], cameras=["side"], measure=measure)
    assert (result["events"]["n"], result["events"]["missed"]) == (3, 0)
    assert result["events"]["mae_ms"] < 25
    assert result["jump"] == {"n": 0, "missed": 0}


def test_a_trial_that_is_not_there_is_named(lab: Path) -> None:
    def never(video: Path, **_: Any) -> PersonMeasurement:
        raise AssertionError(video)

    with pytest.raises(BioposeError, match="no expert's solution of DJ99"):
        evaluate_lab_b(lab.parents[1], trials=["DJ99"], measure=never)
