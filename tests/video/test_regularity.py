"""Images that repeat and times that are uneven are named, with how many and where; ordinary video is not."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from biopose.video.frames import probe_video, read_frames
from biopose.video.regularity import ImageChange, frozen_stretches, regularity_notes
from tests.video.filming import film, phone_film


def moving(
    count: int, *, noise: float = 2.0, size: tuple[int, int] = (160, 120), places_px: NDArray[np.float64] | None = None
) -> list[NDArray[np.uint8]]:
    """Images of a square that moves over a noisy background, by three pixels a frame or as given."""
    width, height = size
    random = np.random.default_rng(0)
    columns = np.arange(width)
    images = []
    for left in 10 + 3.0 * np.arange(count) % (width - 40) if places_px is None else places_px:
        image = 100 + noise * random.standard_normal((height, width, 1)) * np.ones(3)
        image[40:80] += 120 * np.clip(np.minimum(columns - left, left + 20 - columns), 0, 1)[:, None]
        images.append(np.clip(image, 0, 255).astype(np.uint8))
    return images


def notes_of(images: list[NDArray[np.uint8]], *, rate_hz: float = 60.0) -> tuple[str, ...]:
    changes = ImageChange()
    change = np.array([changes.of(image) for image in images])
    count = len(images)
    return regularity_notes(np.arange(count) / rate_hz, timed=np.ones(count, dtype=bool), change=change)


def timing(time_s: NDArray[np.float64], *, untimed: tuple[int, ...] = ()) -> tuple[str, ...]:
    timed = np.ones(len(time_s), dtype=bool)
    timed[list(untimed)] = False
    return regularity_notes(time_s, timed=timed, change=np.full(len(time_s), np.nan))


def test_new_images_at_even_times_are_not_named() -> None:
    assert notes_of(moving(60)) == ()
    assert notes_of(moving(60, noise=0.0)) == ()


def test_someone_who_stands_still_for_a_moment_repeats_no_image() -> None:
    speeds = np.concatenate([np.full(20, 3.0), np.linspace(3, 0, 15), np.zeros(20), np.linspace(0, 3, 15)])
    assert notes_of(moving(70, places_px=10 + np.cumsum(speeds))) == ()


@pytest.mark.parametrize(
    ("pattern", "new", "period", "filmed_hz"),
    [((0, 0), 1, 2, 30), ((0, 0, 0), 1, 3, 20), ((0, 1, 2, 3, 3), 4, 5, 48), ((0, 0, 1, 1, 1), 2, 5, 24)],
)
@pytest.mark.parametrize("recoded", [False, True])
def test_images_that_all_repeat_give_the_real_rate(
    pattern: tuple[int, ...], new: int, period: int, filmed_hz: int, recoded: bool
) -> None:
    images = moving(60)
    order = [block + place for block in range(0, 60 - new, new) for place in pattern]
    stored = [images[i].copy() for i in order]
    if recoded:
        random = np.random.default_rng(1)
        stored = [np.clip(i + random.integers(-1, 2, i.shape), 0, 255).astype(np.uint8) for i in stored]
    (note,) = notes_of(stored)
    assert note.startswith(f"Only {new} of every {period} frames show")
    assert f"{filmed_hz} images/s were filmed, stored at 60 frames/s" in note


def test_a_frozen_stretch_and_single_repeats_are_counted_and_placed() -> None:
    images = moving(60)
    images[20:32] = [images[19]] * 12
    images[45] = images[44]
    changes = ImageChange()
    change = np.array([changes.of(image) for image in images])
    assert frozen_stretches(np.arange(60) / 60, change) == [(20, 31)]
    (note,) = notes_of(images)
    assert note == "1 of 60 frames repeats the image before (at 0.75 s): speeds are 0 there and too large behind."
    images[20:32] = moving(60)[20:32]
    images[25:29] = [images[24]] * 4  # for less than a tenth of a second
    (note,) = notes_of(images)
    assert note.startswith("5 of 60 frames repeat the image before (at 0.42 s, 0.43 s, 0.45 s and 2 more times; ")
    assert "the longest stretch, 4 frames, begins at 0.42 s" in note


@pytest.mark.parametrize(("rate_hz", "frames"), [(15, 2), (20, 2), (24, 3), (30, 3), (50, 5), (240, 24)])
def test_a_picture_is_frozen_from_a_tenth_of_a_second_on_at_any_frame_rate(rate_hz: int, frames: int) -> None:
    for repeats, found in ((frames, [(20, 19 + frames)]), (frames - 1, [])):
        change = np.full(60, 30.0)
        change[20 : 20 + repeats] = 0.02
        assert frozen_stretches(np.arange(60) / rate_hz, change) == found


def test_who_stands_still_between_cuts_is_not_frozen() -> None:
    still, time_s = np.full(40, 0.02), np.arange(40) / 30
    still[[0, 10, 30]] = np.nan, 90.0, 80.0
    assert frozen_stretches(time_s, still) == []
    still[1:11], still[30:] = 30.0, 25.0
    assert frozen_stretches(time_s, still) == [(11, 29)]


def test_a_picture_that_is_repeated_throughout_is_named() -> None:
    images = [moving(1)[0] + np.uint8(levels) for levels in np.random.default_rng(0).integers(0, 2, 30)]
    assert notes_of(images) == (
        "No image differs from the one before: nothing moves, or one picture is repeated throughout.",
    )


@pytest.mark.parametrize("levels", [0, 1])
def test_a_frame_that_repeats_is_found_where_it_was_coded_anew(levels: int) -> None:
    images = moving(30)
    images[12] = images[11] + np.uint8(levels)
    assert notes_of(images) == (
        "1 of 30 frames repeats the image before (at 0.20 s): speeds are 0 there and too large behind.",
    )


def test_doubled_images_are_found_behind_a_codec(tmp_path: Path) -> None:
    time_s, timed, change = coded([image for image in moving(30) for _ in range(2)], tmp_path / "x.mp4", rate_hz=60)
    notes = regularity_notes(time_s, timed=timed, change=change)
    assert "30 images/s were filmed, stored at 60 frames/s" in notes[0]


@pytest.mark.parametrize("rate_hz", [30, 60, 120, 240])
def test_a_picture_that_freezes_behind_the_top_of_a_jump_is_found_at_any_frame_rate(
    rate_hz: int, tmp_path: Path
) -> None:
    """In slow motion neighbouring images of it differ by less than those that a codec draws again."""
    time_s = np.arange(-0.13, 0.06, 1 / rate_hz)
    images = moving(len(time_s), noise=1.0, places_px=20 + 80 * 9.81 * time_s**2 / 2)
    frozen = images + [images[-1]] * round(0.2 * rate_hz)
    time_s, _, change = coded(frozen, tmp_path / "x.mp4", rate_hz=rate_hz)
    ((first, last),) = frozen_stretches(time_s, change)
    assert abs(time_s[first] - time_s[len(images)]) < 1 / 60
    assert last == len(frozen) - 1


@pytest.mark.parametrize(("rate_hz", "noise"), [(30, 1.0), (60, 1.0), (240, 4.0)])
def test_who_comes_to_rest_and_stands_is_not_frozen_at_any_frame_rate(
    rate_hz: int, noise: float, tmp_path: Path
) -> None:
    """Within 0.2 s, for 0.2 s, then they move on, with the least jerk; what a fast camera sees has noise."""
    time_s = np.arange(0, 0.6, 1 / rate_hz)
    reached, way = np.divmod(np.interp(time_s, [0, 0.2, 0.4, 0.6], [0.5, 1.0, 1.0, 1.5]), 1)
    places_px = 20 + 40 * (reached + 10 * way**3 - 15 * way**4 + 6 * way**5)
    time_s, _, change = coded(
        moving(len(time_s), noise=noise, places_px=places_px), tmp_path / "x.mp4", rate_hz=rate_hz
    )
    assert frozen_stretches(time_s, change) == []


def coded(
    images: list[NDArray[np.uint8]], path: Path, *, rate_hz: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Times, whether they are the file's, and changes of images (120, 160, 3) that a codec has drawn."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate_hz, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    frames = list(read_frames(path))
    return (
        np.array([f.time_s for f in frames]),
        np.array([f.timed for f in frames]),
        np.array([f.change for f in frames]),
    )


@pytest.mark.parametrize("ticks", [600, 1000, 2400, 15360])
@pytest.mark.parametrize("rate_hz", [24, 29.97, 60, 120, 240])
def test_times_that_are_rounded_are_even(rate_hz: float, ticks: int) -> None:
    assert timing(np.round(np.arange(100) / rate_hz * ticks) / ticks) == ()


def test_missing_frames_are_counted_and_placed() -> None:
    time_s = np.delete(np.arange(120) / 60, [30, 70, 71, 72])
    assert timing(time_s) == (
        "4 frames are missing in 2 gaps between the timestamps (after 0.48 s, 1.15 s; the longest is 67 ms): the "
        "motion in between is interpolated at best.",
    )


def test_a_long_gap_in_a_short_clip_is_a_gap() -> None:
    (note,) = timing(np.delete(np.arange(40) / 30, range(10, 16)))
    assert note.startswith("6 frames are missing in 1 gap between the timestamps (after 0.30 s; the longest is 233 ms)")


def test_times_of_a_screen_have_no_usual_rate() -> None:
    intervals = np.random.default_rng(0).choice([1 / 60, 2 / 60, 5 / 60], 200)
    (note,) = timing(np.cumsum(intervals))
    assert note.startswith("The frame rate varies from ")


def test_a_rate_that_varies_is_named_with_its_range() -> None:
    intervals = np.concatenate([np.full(60, 1 / 30), np.full(60, 1 / 18)])
    (note,) = timing(np.cumsum(intervals))
    assert note.startswith("The frame rate varies from 18.0 to 30.0 frames/s, the longest interval is 56 ms")
    assert note.endswith("each frame's own time is used.")


def test_a_change_of_speed_as_editors_export_it_is_named() -> None:
    intervals = np.concatenate([np.full(60, 1 / 240), np.full(60, 1 / 30)])
    assert "as in slow motion that was exported with a change of speed" in timing(np.cumsum(intervals))[0]


def test_times_that_are_estimates_are_counted_and_placed() -> None:
    (note,) = timing(np.arange(60) / 60, untimed=(6, 12))
    assert note.startswith("The timestamps of 2 of 60 frames are missing, repeat or go back (at 0.10 s, 0.20 s)")


def test_a_file_whose_timestamps_repeat_marks_those_frames(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", codec="mjpeg", pixels="yuvj420p", pts=[0, 1, 2, 5, 6, 7, 8])
    data = bytearray(path.read_bytes())
    at = data.find(b"stts") + 12  # behind version, flags and count: pairs of a number of frames and their duration
    durations = np.frombuffer(data, ">u4", int.from_bytes(data[at - 4 : at]) * 2, at).reshape(-1, 2)
    assert durations[:, 0].tolist() == [2, 1, 4]
    data[at + 12 : at + 16] = bytes(4)
    path.write_bytes(data)
    frames = list(read_frames(path))
    assert [f.timed for f in frames] == [True] * 3 + [False] + [True] * 3
    assert np.diff([f.time_s for f in frames]).min() > 0


def test_times_out_of_order_of_decoding_are_not_estimates(tmp_path: Path) -> None:
    assert all(f.timed for f in read_frames(film(tmp_path / "x.mp4", 20, options={"bf": "2"})))
    assert all(f.timed for f in read_frames(film(tmp_path / "x.h264", 5)))  # without any: a note of the whole file


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_clips_of_few_frames_have_no_notes(count: int) -> None:
    assert notes_of(moving(count)) == ()


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 3, 3), (33, 2001, 3)])
def test_images_of_any_size_are_compared(shape: tuple[int, int, int]) -> None:
    changes = ImageChange()
    assert np.isnan(changes.of(np.zeros(shape, np.uint8)))
    assert changes.of(np.zeros(shape, np.uint8)) == 0.0
    assert changes.of(np.full(shape, 9, np.uint8)) == 9.0


def test_a_screen_recording_is_named_by_its_tag_or_its_name(tmp_path: Path) -> None:
    path = film(tmp_path / "RPReplay_Final1699.mp4", 3)
    assert "is a recording of a screen, as its name suggests" in probe_video(path).notes[0]
    assert probe_video(path.rename(tmp_path / "sprint.mp4")).notes == ()
    tags = {"com.apple.quicktime.author": "ReplayKitRecording"}
    tagged = phone_film(tmp_path / "jump.mov", tags=tags)
    assert "as its tag com.apple.quicktime.author states" in probe_video(tagged).notes[0]


def test_an_edit_list_of_several_parts_or_speeds_is_named(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", 20, options={"bf": "0"})
    data = bytearray(path.read_bytes())
    rate = data.find(b"elst") + 20
    data[rate : rate + 4] = (0x2000).to_bytes(4)
    path.write_bytes(data)
    assert "asks for another speed than 1 (0.125), which is not applied" in probe_video(path).notes[0]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation_deg", [0, 90, 180])
def test_an_image_that_is_shown_mirrored_is_named(mirrored: bool, rotation_deg: int, tmp_path: Path) -> None:
    notes = probe_video(film(tmp_path / "x.mp4", 3, rotation_deg=rotation_deg, hflip=mirrored)).notes
    assert ["left and right are exchanged" in note for note in notes] == [True] * mirrored
