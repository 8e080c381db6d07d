"""Frames come one by one, upright, with their number and the time at which they were shown."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from biopose.errors import VideoError
from biopose.video.frames import Frame, probe_video, read_frame, read_frames
from biopose.video.probe import look_at
from tests.video.filming import cut, film, number_in, scratched

GOP = {"g": "10", "bf": "2"}  # a key frame every ten, others that refer forwards


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4", 45, options=GOP)


def numbers(frames: Iterator[Frame]) -> list[tuple[int, int]]:
    return [(frame.index, number_in(frame.image)) for frame in frames]


def times(frames: Iterator[Frame]) -> list[float]:
    return [frame.time_s for frame in frames]


def test_a_header_is_read(clip: Path) -> None:
    info = probe_video(str(clip))
    assert (info.path, info.width_px, info.height_px, info.rotation_deg) == (clip, 128, 96, 0)
    assert (info.nominal_rate_hz, info.frame_count, info.codec) == (30.0, 45, "h264")
    assert info.duration_s == pytest.approx(1.5)
    assert info.metadata["encoder"]


def test_a_file_is_examined_once_as_long_as_it_stays_the_same(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 3)
    first = look_at(path)
    assert look_at(path) is first
    film(path, 5)
    assert (first.info.frame_count, look_at(path).info.frame_count) == (3, 5)
    path.unlink()
    with pytest.raises(VideoError, match="no such file"):
        look_at(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.ts", "a.avi", "a.webm"])
def test_every_frame_comes_in_order_from_time_zero(name: str, tmp_path: Path) -> None:
    codec = {"avi": "mpeg4", "webm": "libvpx"}.get(name[2:], "libx264")
    path = film(tmp_path / name, 30, codec=codec)
    frames = list(read_frames(path))
    assert [(f.index, number_in(f.image)) for f in frames] == [(i, i) for i in range(30)]
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(30) / 30, atol=1e-3)
    assert all(f.image.shape == (96, 128, 3) and f.image.dtype == np.uint8 for f in frames)


@pytest.mark.parametrize(
    ("start_s", "end_s", "first", "last"),
    [(None, 0.5, 0, 14), (0.5, None, 15, 44), (0.31, 0.72, 10, 21), (1.4, 9.0, 42, 44), (0, 0.01, 0, 0)],
)
def test_a_part_keeps_the_numbers_and_times_of_the_file(
    clip: Path, start_s: float | None, end_s: float | None, first: int, last: int
) -> None:
    frames = list(read_frames(clip, start_s=start_s, end_s=end_s))
    assert [(f.index, number_in(f.image)) for f in frames] == [(i, i) for i in range(first, last + 1)]
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(first, last + 1) / 30, atol=1e-9)


def test_parts_that_meet_share_no_frame_and_leave_none_out(clip: Path) -> None:
    parts = [(0.0, 0.4), (0.4, 0.8), (0.8, None)]
    assert [i for a, b in parts for i, _ in numbers(read_frames(clip, start_s=a, end_s=b))] == list(range(45))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("x.mp4", "libx264", GOP),
        ("open_gop.mp4", "libx264", {**GOP, "x264-params": "open-gop=1:keyint=10:scenecut=0"}),
        ("x.mkv", "libx264", GOP),
        ("h.mp4", "libx265", {"x265-params": "keyint=10:open-gop=1:log-level=0"}),
        ("v.webm", "libvpx-vp9", {"g": "10", "deadline": "realtime"}),
        ("v8.webm", "libvpx", {"g": "10", "auto-alt-ref": "1", "lag-in-frames": "10"}),
        ("m.avi", "mpeg4", {"g": "10", "bf": "2"}),
        ("x.ts", "libx264", GOP),
    ],
)
def test_a_sought_frame_is_the_very_one_that_reading_gives(
    name: str, codec: str, options: dict[str, str], tmp_path: Path
) -> None:
    path = film(tmp_path / name, 36, codec=codec, options=options)
    read = list(read_frames(path))
    for index in (0, 1, 9, 10, 11, 19, 20, 29, 31, 35):
        sought = read_frame(path, index=index)
        assert (sought.index, sought.time_s) == (index, read[index].time_s)
        np.testing.assert_array_equal(sought.image, read[index].image)
    later = list(read_frames(path, start_s=read[23].time_s))
    assert [f.index for f in later] == list(range(23, 36))
    np.testing.assert_array_equal(later[0].image, read[23].image)


@pytest.mark.parametrize("rotation_deg", [0, 90])
def test_a_smaller_image_shows_the_same_upright(rotation_deg: int, tmp_path: Path) -> None:
    path = film(tmp_path / "turned.mp4", 5, rotation_deg=rotation_deg)
    for whole, small in zip(read_frames(path), read_frames(path, size_px=(48, 48)), strict=True):
        assert small.image.shape == (48, 48, 3)
        rows, columns = (np.linspace(0, side - 1, 48).round().astype(int) for side in whole.image.shape[:2])
        difference = np.abs(small.image.astype(int) - whole.image[np.ix_(rows, columns)])
        assert np.median(difference) <= 2
        assert difference.mean() < 12  # edges are smoothed


def test_a_smaller_image_of_a_palette_is_converted_directly(tmp_path: Path) -> None:
    """FFmpeg's scaler reads palettes and does not write them."""
    path = tmp_path / "palette.mov"
    palette = np.zeros((256, 4), dtype=np.uint8)
    palette[:, 0] = 255  # opaque; then red, green and blue
    palette[7, 1:] = (200, 40, 90)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray((np.full((48, 64), 7, dtype=np.uint8), palette), format="pal8")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for frame in read_frames(path, size_px=(32, 24)):
        assert frame.image.shape == (24, 32, 3)
        assert np.abs(frame.image.astype(int) - [200, 40, 90]).max() <= 2


def test_a_variable_rate_is_kept(tmp_path: Path) -> None:
    pts = [0, 1, 2, 5, 6, 7, 12, 13]
    path = film(tmp_path / "vfr.mp4", pts=pts)
    np.testing.assert_allclose(times(read_frames(path)), np.array(pts) / 30, atol=1e-6)
    assert read_frame(path, index=6).time_s == pytest.approx(12 / 30)
    assert numbers(read_frames(path, start_s=0.15)) == [(i, i) for i in range(3, 8)]


def test_slow_motion_is_undone_in_the_times_only(clip: Path) -> None:
    slow = list(read_frames(clip, recorded_rate_hz=240, start_s=0.5, end_s=1.0))
    assert [f.index for f in slow] == list(range(15, 30))
    np.testing.assert_allclose([f.time_s for f in slow], np.arange(15, 30) / 240)


def test_a_file_whose_first_frame_is_late_begins_at_zero(tmp_path: Path) -> None:
    path = film(tmp_path / "late.mkv", pts=range(60, 90))
    np.testing.assert_allclose(times(read_frames(path)), np.arange(30) / 30, atol=1e-3)
    assert numbers(read_frames(path, start_s=0.5)) == [(i, i) for i in range(15, 30)]


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    path = film(tmp_path / "one.mp4", 1)
    assert numbers(read_frames(path)) == [(0, 0)]
    assert probe_video(path).nominal_rate_hz > 0
    assert read_frame(path, index=0).time_s == 0.0


def test_spaces_and_letters_of_any_alphabet_in_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "Schnellkraft тест 跳躍"
    folder.mkdir()
    path = film(folder / "Łukasz – süß 1%d.mp4", 5, options=GOP)
    assert len(numbers(read_frames(path, start_s=0.05))) == 3
    with pytest.raises(VideoError, match="跳躍"):
        probe_video(folder / "none.mp4")


def test_a_name_that_reads_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "a.mp4", 2).rename(tmp_path / "concat:x.mp4")
    assert len(numbers(read_frames("concat:x.mp4"))) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start_s": -1.0}, "start_s is -1.0"),
        ({"start_s": float("nan")}, "start_s is nan"),
        ({"start_s": 2.0, "end_s": 1.0}, "end_s is 1.0; expected more than start_s, 2.0"),
        ({"end_s": 0.0}, "end_s is 0.0"),
        ({"recorded_rate_hz": 0.0}, "recorded_rate_hz is 0.0"),
    ],
)
def test_seconds_and_rates_that_cannot_be_are_refused_at_once(
    clip: Path, arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_frames(clip, **arguments)  # type: ignore[arg-type]


def test_beyond_the_end_there_is_nothing(clip: Path) -> None:
    with pytest.raises(VideoError, match=r"clip\.mp4: has no frame at or after 5 s; its last is at 1\.47 s"):
        list(read_frames(clip, start_s=5.0))
    with pytest.raises(VideoError, match=r"has no frame from 0\.11 s to 0\.12 s; the next is at 0\.13 s"):
        list(read_frames(clip, start_s=0.11, end_s=0.12))
    with pytest.raises(VideoError, match=r"has no frame 45; its last is 44"):
        read_frame(clip, index=45)
    with pytest.raises(ValueError, match="index is -1"):
        read_frame(clip, index=-1)


def test_a_part_before_the_break_is_read_without_meeting_it(tmp_path: Path) -> None:
    whole = film(tmp_path / "x.mp4", 60, options=GOP, container_options={"movflags": "faststart"})
    path = scratched(whole, 0.8, 0.85)
    assert numbers(read_frames(path, start_s=0.2, end_s=0.5)) == [(i, i) for i in range(6, 15)]
    assert number_in(read_frame(cut(whole, 0.7), index=12).image) == 12


def test_a_header_that_lost_its_rate_is_read_with_a_warning(tmp_path: Path) -> None:
    path = film(tmp_path / "x.avi", 30, codec="mpeg4", rate_hz=30)
    warnings: list[str] = []
    assert len(times(read_frames(path, warn=warnings.append))) == 30
    assert warnings == []
    data = bytearray(path.read_bytes())
    header = data.find(b"strh")
    data[header + 8 + 24 : header + 8 + 28] = bytes(4)  # dwRate
    path.write_bytes(data)
    assert probe_video(path).nominal_rate_hz == pytest.approx(30, rel=1e-3)  # the file's header still says it
    whole = data.find(b"avih") + 8  # dwMicroSecPerFrame
    data[whole : whole + 4] = bytes(4)
    path.write_bytes(data)
    assert probe_video(path).nominal_rate_hz > 0
    assert len(set(times(read_frames(path, warn=warnings.append)))) == 30
    assert len(warnings) == 1
    assert "frame rate is missing or wrong: 25 frames/s are taken, its images were coded as 30" in warnings[0]


def test_frames_without_timestamps_come_at_the_nominal_rate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = film(tmp_path / "x.h264", 20)
    frames = list(read_frames(path))
    assert [number_in(f.image) for f in frames] == list(range(20))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(20) / 30)
    assert "x.h264: It has no usable timestamps; taken as 30 frames/s" in caplog.text
    assert numbers(read_frames(path, start_s=0.5)) == [(i, i) for i in range(15, 20)]


def test_an_index_of_frames_that_last_no_time_gives_increasing_times(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", 20, codec="mjpeg", pixels="yuvj420p")
    data = bytearray(path.read_bytes())
    stts = data.find(b"stts")
    data[stts + 16 : stts + 20] = bytes(4)
    path.write_bytes(data)
    frames = list(read_frames(path))
    assert [number_in(f.image) for f in frames] == list(range(20))
    assert np.diff([f.time_s for f in frames]).min() > 0
