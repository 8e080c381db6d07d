"""The overlay shows each body where the video has the person, at every frame, at its time."""

import io
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from biopose.camera.pinhole import Camera
from biopose.rendering.bystanders import BLURRED
from biopose.rendering.overlay import PALETTE, Canvas, resized, write_overlay
from biopose.rendering.person_labels import person_labels
from biopose.rendering.side_view import to_first_world, viewpoint_beside
from biopose.video.encoding import has_comment
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import look_from, measured, two_people, video_of

pytestmark = needs_body_asset


def is_orange(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 0].astype(int) - pixels[..., 2] > 40


def test_the_body_covers_the_box_of_the_person() -> None:
    one = measured(frames=4)
    frame = next(video_of([one], frames=1))
    canvas = Canvas([one])
    pixels = canvas.draw(frame)
    width = round(640 * canvas.layout.height_px / 360)
    rows, columns = np.nonzero(is_orange(pixels[30:, :width]))
    scale = canvas.layout.height_px / 360
    box = np.array([columns.min(), rows.min() + 30, columns.max(), rows.max() + 30]) / scale
    np.testing.assert_allclose(box, one.track.boxes_px[0], atol=16)


def test_a_frame_without_the_person_is_the_video_alone() -> None:
    one = measured(first_frame=2, frames=4)
    pixels = Canvas([one]).draw(next(video_of([one], frames=1)))
    video = pixels[30:, :640]
    assert (video == video[0, 0]).all()


def test_an_untrusted_frame_is_drawn_grey() -> None:
    one = measured(frames=4)
    frame = next(video_of([one], frames=1))
    doubtful = replace(one, quality=one.quality | {"quality": np.full(4, 0.2)})
    trusted, grey = (is_orange(Canvas([person]).draw(frame)).sum() for person in (one, doubtful))
    assert trusted > 1000
    assert grey < trusted / 3  # the dots of the right side are red


def test_people_have_their_own_colours() -> None:
    people = two_people()
    pixels = Canvas(people).draw(list(video_of(people, frames=16))[15])
    green = pixels[..., 1].astype(int) - pixels[..., 0] > 25
    assert is_orange(pixels).sum() > 1000
    assert green.sum() > 1000
    assert PALETTE[0] != PALETTE[1]


def test_people_are_labelled_with_their_number_and_height() -> None:
    people = two_people()
    assert person_labels(people, [1.834, 1.71]) == ["person 0: 1.83 m", "person 1: 1.71 m"]
    assert person_labels(people, None) == ["person 0", "person 1"]
    frame = next(video_of(people, frames=1))
    without, given = (Canvas(people, heights_m=heights_m).draw(frame) for heights_m in (None, [1.83, 1.71]))
    left, top = (people[0].track.boxes_px[0] * Canvas(people).layout.height_px / 360)[:2].astype(int)
    behind_number = np.s_[top - 20 : top - 4, left + 55 : left + 110]
    assert (without[behind_number] != given[behind_number]).any()


def test_all_but_the_measured_people_is_blurred_if_asked() -> None:
    one = measured(frames=4)
    frame = next(video_of([one], frames=1))
    rng = np.random.default_rng(0)
    noisy = replace(frame, image=rng.integers(0, 256, frame.image.shape, dtype=np.uint8))
    sharp, blurred = (Canvas([one], blur_bystanders=blur).draw(noisy) for blur in (False, True))
    layout = Canvas([one]).layout
    scale = layout.height_px / 360
    left, top, right, bottom = (one.track.boxes_px[0] * scale).round().astype(int)
    np.testing.assert_array_equal(blurred[max(top, 30) : bottom, left:right], sharp[max(top, 30) : bottom, left:right])
    reach = round(0.1 * max(right - left, bottom - top)) + 2
    outside = np.ones(sharp.shape[:2], bool)
    outside[max(top - reach, 0) : bottom + reach, max(left - reach, 0) : right + reach] = False
    outside[:, round(640 * scale) :] = outside[:30] = False
    assert sharp[outside].std() > 35
    assert blurred[outside].std() < 15


def test_where_the_person_is_not_seen_the_whole_picture_is_blurred() -> None:
    one = measured(first_frame=2, frames=4)
    frame = next(video_of([one], frames=1))
    noisy = replace(frame, image=np.random.default_rng(0).integers(0, 256, frame.image.shape, dtype=np.uint8))
    canvas = Canvas([one], blur_bystanders=True)
    assert canvas.draw(noisy)[30:, : canvas.layout.video_px[0]].std() < 15


def test_the_file_has_every_frame_at_its_time(tmp_path: Path) -> None:
    one = measured(frames=12)
    frames = [replace(f, time_s=f.time_s + 0.01 * (f.index % 3)) for f in video_of([one], frames=14)]
    done: list[int] = []
    kept = write_overlay([one], frames, tmp_path / "o.mp4", rate_hz=25.0, keep=[(0, 3), (0, 6)], progress=done.append)
    with av.open(str(tmp_path / "o.mp4")) as container:
        decoded = [(frame.time, frame.width, frame.height) for frame in container.decode(video=0)]
    np.testing.assert_allclose([time for time, *_ in decoded], [f.time_s for f in frames], atol=1e-3)
    assert sum(done) == len(frames)
    assert not has_comment(tmp_path / "o.mp4", BLURRED)
    assert [cut.frame_index for cut in kept] == [3, 6]
    for cut in kept:
        assert 30 < min(Image.open(io.BytesIO(cut.jpeg)).size) <= 300
    assert list(tmp_path.iterdir()) == [tmp_path / "o.mp4"]
    write_overlay([one], frames[:1], tmp_path / "blurred.mp4", rate_hz=25.0, blur_bystanders=True)
    assert has_comment(tmp_path / "blurred.mp4", BLURRED)


@pytest.mark.parametrize("size", [(1768, 994), (321, 243), (720, 1280), (202, 100)])
def test_any_size_of_video_fits(size: tuple[int, int]) -> None:
    width, height = size
    one = measured(frames=2, camera=Camera(width, height, (height * 1.5,) * 2, (width / 2, height / 2)))
    canvas = Canvas([one])
    pixels = canvas.draw(next(video_of([one], frames=1)))
    assert pixels.shape == (canvas.layout.height_px, canvas.layout.width_px, 3)
    assert 480 <= canvas.layout.height_px <= 720
    assert canvas.layout.height_px % 2 == canvas.layout.width_px % 2 == 0


def test_a_resized_camera_projects_alike() -> None:
    camera = Camera(640, 360, (520.0, 500.0), (330.0, 170.0))
    points = torch.tensor([[0.3, -0.2, 4.0], [-0.5, 0.4, 3.0]])
    expected = (camera.project(points) + 0.5) * torch.tensor([0.5, 2.0]) - 0.5
    torch.testing.assert_close(resized(camera, 320, 720).project(points), expected)


def test_the_view_from_the_side_is_across_the_videos() -> None:
    seen_from_right = viewpoint_beside([measured(frames=4, from_degrees=10.0)], width_px=300, height_px=200)
    seen_from_front = viewpoint_beside([measured(frames=4, from_degrees=95.0)], width_px=300, height_px=200)
    assert (seen_from_right.name, seen_from_front.name) == ("seen from the right", "seen from the front")
    towards_right, towards_front = -seen_from_right.R_camera_world[2], -seen_from_front.R_camera_world[2]
    assert towards_right[2] > 0.95
    assert towards_front[0] > 0.95


def test_everybody_is_inside_the_side_view() -> None:
    people = two_people()
    view = viewpoint_beside(people, width_px=345, height_px=240)
    for one in people:
        for row, index in enumerate(one.track.frame_indices.tolist()):
            seen = (one.keypoints_m[row] - view.at(index)) @ view.R_camera_world.T
            pixels = view.camera.project(torch.from_numpy(seen)).numpy()
            assert ((pixels > 0) & (pixels < [345, 240])).all()


def test_people_of_different_worlds_meet_in_the_first_ones() -> None:
    first, second = measured(frames=2), measured(frames=2)
    turned = replace(second, T_camera_world=look_from(150.0))
    point = np.array([[0.2, 1.0, 0.3]])
    moved = to_first_world(point, turned, first)
    in_camera = [
        T[:3, :3] @ p[0] + T[:3, 3] for T, p in ((turned.T_camera_world, point), (first.T_camera_world, moved))
    ]
    np.testing.assert_allclose(in_camera[0], in_camera[1], atol=1e-12)


def test_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nobody was measured"):
        write_overlay([], [], tmp_path / "o.mp4", rate_hz=25.0)
