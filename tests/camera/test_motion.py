"""A moving camera is told from a still one, whatever people, light and codec do in front of it."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from biopose.assets import assets_folder
from biopose.camera.image_registration import image_pyramid
from biopose.camera.motion import CameraMotion, background_of
from biopose.camera.motion_summary import CameraMotionResult
from tests.camera.synthetic_views import HEIGHT, WIDTH, View, WatchedCamera, frame, seen, wall, watch

CLIPS = assets_folder() / "clips"


def still(_: float) -> tuple[float, float, float, float]:
    return 0, 0, 0, 1


def walker(time_s: float) -> NDArray[np.float64]:
    return np.array([[20 + 40 * time_s, 30, 60 + 40 * time_s, 130]])


def close_up(time_s: float) -> NDArray[np.float64]:
    sway = 15 * np.sin(3 * time_s)
    return np.array([[60 + sway, 5, 180 + sway, 136]])


@pytest.mark.parametrize(
    "scene",
    [
        {},
        {"people": walker},
        {"people": walker, "boxes_known": False},
        {"people": close_up},
        {"noise": 8.0},
        {"light": lambda t: 1 + 0.15 * np.sin(40 * t)},
        {"light": lambda t: 0.4 + 0.15 * t},
        {"light": lambda t: 8.0 if abs(t - 2) < 0.04 else 1.0},
    ],
    ids=["empty", "walker", "walker-missed", "close-up", "noise", "flicker", "dawn", "flash"],
)
def test_a_camera_on_a_tripod_stands_still(scene: dict[str, object]) -> None:
    result = watch(still, **scene)  # type: ignore[arg-type]
    assert (result.moves, result.reliable, result.first_moving_s) == (False, True, None)
    assert result.max_shift_px < 0.2
    assert "stands still" in result.sentence


@pytest.mark.parametrize(("light", "noise"), [(0.02, 8.0), (0.05, 8.0), (0.1, 5.0), (0.1, 8.0), (0.2, 8.0)])
def test_the_noise_of_a_dark_background_is_neither_a_motion_nor_a_cut(light: float, noise: float) -> None:
    result = watch(still, light=lambda _: light, noise=noise, people=walker)
    assert (result.moves, result.reliable, result.cuts_s) == (False, False, ())
    assert "Too little textured background" in result.sentence


def test_a_pan_is_measured_in_a_noisy_image() -> None:
    result = watch(lambda t: (-20 * np.clip(t - 1.2, 0, 2.2), 0, 0, 1), people=walker, light=lambda _: 0.5, noise=8.0)
    assert result.moves
    assert result.max_shift_px == pytest.approx(44, abs=1.0)


def test_a_pan_is_measured_from_its_beginning_to_its_end() -> None:
    result = watch(lambda t: (-20 * np.clip(t - 1.2, 0, 2.2), 0, 0, 1), people=walker)
    assert result.moves
    assert result.reliable
    assert result.max_shift_px == pytest.approx(44, abs=0.5)
    assert result.first_moving_s == pytest.approx(1.3, abs=0.11)
    assert "pans 44 px between 1.3 s and 3.4 s" in result.sentence
    assert "root motion and ground are not to be trusted" in result.sentence


def test_a_slow_drift_adds_up() -> None:
    result = watch(lambda t: (0.5 * t, 0, 0, 1))  # a fifth of a percent of the width in a second
    assert result.moves
    assert result.max_shift_px == pytest.approx(1.95, abs=0.2)
    assert result.first_moving_s == pytest.approx(0.4, abs=0.2)


def test_a_pan_far_out_of_the_first_view_is_registered() -> None:
    result = watch(lambda t: (150 * np.clip(t - 1, 0, 2), 0, 0, 1))
    assert result.max_shift_px == pytest.approx(300, abs=1.5)
    assert result.cuts_s == ()


def test_a_tilt_a_zoom_and_a_roll_are_called_so() -> None:
    tilt = watch(lambda t: (0, 8 * t, 0, 1))
    assert "tilts 31 px" in tilt.sentence
    zoom = watch(lambda t: (0, 0, 0, 1 + 0.1 * np.clip(t - 1, 0, 2)))
    assert zoom.max_zoom == pytest.approx(1.2, abs=0.01)
    assert "zooms 1.20 times between 1.1 s and" in zoom.sentence
    out = watch(lambda t: (0, 0, 0, 1 - 0.05 * t))
    assert out.max_zoom == pytest.approx(1 - 0.05 * 3.9, abs=0.01)
    roll = watch(lambda t: (0, 0, 0.03 * t, 1))
    assert roll.max_rotation_deg == pytest.approx(np.rad2deg(0.03 * 3.9), abs=0.1)
    assert "rolls by 6.7 degrees" in roll.sentence


def test_a_hand_held_camera_trembles() -> None:
    result = watch(lambda t: (2 * np.sin(5 * t) + np.sin(11 * t), 1.5 * np.sin(7 * t), 0.004 * np.sin(4 * t), 1))
    assert result.moves
    assert "as if held in the hand" in result.sentence


def test_trembling_below_what_matters_is_still() -> None:
    assert not watch(lambda t: (0.3 * np.sin(5 * t), 0.3 * np.sin(7 * t), 0, 1)).moves


def test_a_cut_is_reported_with_its_time() -> None:
    before, after = wall(1), wall(2)
    result = watch(still, texture=lambda t: before if t < 2.25 else after, people=walker)
    assert result.moves
    assert result.reliable
    assert result.cuts_s == pytest.approx((2.3,))
    assert result.first_moving_s == pytest.approx(2.3)
    assert "cuts to another shot at 2.3 s" in result.sentence


def test_a_whip_pan_is_too_fast_to_follow() -> None:
    result = watch(lambda t: (1800 * np.clip(t - 1, 0, 0.3), 0, 0, 1), texture=lambda _: wall(1, size=1500))
    assert result.moves
    assert result.cuts_s == ()
    assert "too fast" in result.sentence


@pytest.mark.parametrize("people", [None, walker], ids=["empty", "person-missed"])
def test_a_bare_wall_is_not_reliable(people: Callable[[float], NDArray[np.float64]] | None) -> None:
    plain = np.full((700, 700), 120.0)
    result = watch(still, texture=lambda _: plain, people=people, boxes_known=False)
    assert not result.reliable
    assert not result.moves
    assert "Too little" in result.sentence


def test_a_person_over_the_whole_view_is_not_reliable() -> None:
    result = watch(still, people=lambda _: np.array([[-5.0, -5.0, WIDTH + 5.0, HEIGHT + 5.0]]))
    assert not result.reliable


def test_no_frame_and_one_frame_are_not_reliable() -> None:
    motion = WatchedCamera()
    assert not motion.result().reliable
    motion.watch(frame(seen(wall(1), (0, 0, 0, 1))), time_s=0.0, boxes_px=np.zeros((0, 4)))
    result = motion.result()
    assert (result.moves, result.reliable) == (False, False)


def test_shifts_are_in_the_given_images_pixels_and_most_frames_are_passed_over() -> None:
    texture, motion = wall(1, size=1500), WatchedCamera()
    for index in range(0, 60):
        left = 100 + min(index, 30)  # the view moves to the right, the background to the left
        image = texture[100:820, left : left + 1280, None].repeat(3, -1).astype(np.uint8)
        motion.watch(image, time_s=index / 30, boxes_px=np.full((1, 4), np.nan))
    assert motion.result().max_shift_px == pytest.approx(30, abs=0.5)


def test_backgrounds_that_do_not_belong_together_are_refused() -> None:
    image, nobody = frame(seen(wall(1), (0, 0, 0, 1))), np.zeros((0, 4))
    motion = CameraMotion()
    motion.add(background_of(image, time_s=1.0, boxes_px=nobody))
    with pytest.raises(ValueError, match="time does not increase"):
        motion.add(background_of(image, time_s=1.0, boxes_px=nobody))
    with pytest.raises(ValueError, match=f"size changed to {WIDTH} x 100"):
        motion.add(background_of(image[:100], time_s=1.1, boxes_px=nobody))
    with pytest.raises(ValueError, match="expected an image"):
        background_of(image[..., 0], time_s=1.1, boxes_px=nobody)


def test_a_background_that_comes_too_soon_is_left_out() -> None:
    """The first of a shard may come right after the last of the shard before."""
    image, nobody = frame(seen(wall(1), (0, 0, 0, 1))), np.zeros((0, 4))
    motion = CameraMotion()
    motion.add(background_of(image, time_s=1.0, boxes_px=nobody))
    motion.add(background_of(image, time_s=1.05, boxes_px=nobody))
    assert "too short to tell whether the camera moves" in motion.result().sentence


def test_nobody_is_left_in_what_is_kept_and_what_is_compared_is_the_same_to_the_bit() -> None:
    """A file of detections keeps these images for weeks."""
    image = np.random.default_rng(0).integers(20, 255, (600, 800, 3), dtype=np.uint8)
    boxes = np.array([[100.3, 80.0, 260.7, 590.0], [700.0, -5.0, 830.0, 300.0], np.full(4, np.nan)])
    seen_alone = background_of(image, time_s=0.0, boxes_px=np.empty((0, 4)))
    kept = background_of(image, time_s=0.0, boxes_px=boxes)
    for left, top, right, bottom in np.clip(boxes[:2] / kept.scale, 0, None).astype(int):
        assert not kept.grey[top : bottom + 1, left : right + 1].any()
    assert (kept.grey > 0).mean() > 0.5
    whole, without = (image_pyramid(one.grey, boxes / kept.scale) for one in (seen_alone, kept))
    for level, same in zip(whole.levels, without.levels, strict=True):
        np.testing.assert_array_equal(level.texture, same.texture)
        assert level.least_contrast == same.least_contrast


def compressed(view: View, *, kilobit_s: int) -> CameraMotionResult:
    """What is said of a walker's video after an encoder has thrown most of it away."""
    av = pytest.importorskip("av")
    file, texture = io.BytesIO(), wall(1)
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", kilobit_s * 1000
        for index in range(40):
            image = frame(seen(texture, view(index / 10)), seed=index, noise=3.0, boxes=walker(index / 10))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    motion = WatchedCamera()
    file.seek(0)
    with av.open(file) as container:
        for index, decoded in enumerate(container.decode(video=0)):
            image = decoded.to_ndarray(format="rgb24")
            motion.watch(image, time_s=index / 10, boxes_px=walker(index / 10))
    return motion.result()


def test_a_strong_codec_neither_moves_a_still_image_nor_holds_a_moving_one() -> None:
    standing = compressed(still, kilobit_s=60)
    assert (standing.moves, standing.reliable) == (False, True)
    drifting = compressed(lambda t: (2 * t, 0, 0, 1), kilobit_s=60)
    assert drifting.moves
    assert drifting.max_shift_px == pytest.approx(7.8, abs=0.5)


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the sample clips are not here: run `biopose assets pull`")
@pytest.mark.parametrize("name", ["sports2d_demo.mp4", "balance_cam01.mp4", "balance_cam04.mp4"])
def test_the_real_clips_cameras_stand_still(name: str) -> None:
    av = pytest.importorskip("av")
    motion = WatchedCamera()
    with av.open(str(CLIPS / name)) as container:
        for index, decoded in enumerate(container.decode(video=0)):
            if index % 6 == 0:
                image = decoded.to_ndarray(format="rgb24")
                motion.watch(image, time_s=decoded.time, boxes_px=np.zeros((0, 4)))
            if index > 150:
                break
    result = motion.result()
    assert (result.moves, result.reliable) == (False, True)


def test_a_clip_with_one_image_to_compare_is_called_too_short_not_bare() -> None:
    motion = WatchedCamera()
    motion.watch(np.zeros((96, 128, 3), np.uint8), time_s=0.0, boxes_px=np.empty((0, 4)))
    assert "too short to tell whether the camera moves" in motion.result().sentence
