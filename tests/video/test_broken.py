"""What is wrong with a file, and at which second; what lies before a break is still used where asked for."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from biopose.errors import VideoError
from biopose.video.frames import probe_video, read_frames
from tests.video.filming import cut, film, number_in, scratched

FASTSTART = {"movflags": "faststart"}  # the index lies at the beginning


def complaint(path: Path) -> str:
    """What reading says, which names the file first."""
    with pytest.raises(VideoError) as error:
        list(read_frames(path))
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


def song(path: Path) -> Path:
    """A tone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        tone = np.sin(np.arange(8000) / 8).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_no_file_a_folder_and_nothing_in_it(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.mp4") == "no such file"
    assert complaint(tmp_path) == "is a folder; give a video file"
    (tmp_path / "empty.mp4").touch()
    assert complaint(tmp_path / "empty.mp4") == "is empty (0 bytes); copy it from the camera again"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Kniebeuge, dritter Versuch\n" * 100, "is a text, not a video"),
        ("Übung".encode() * 999, "is a text, not a video"),
        (b"#EXTM3U\n#EXTINF:5,\n/etc/hostname\n#EXT-X-ENDLIST\n", "is a text, not a video"),
        (b"ffconcat version 1.0\nfile clip.mp4\n", "is a text, not a video"),
        (np.random.default_rng(0).bytes(5000), "is not a video, or not in a container that is read"),
        (b"\x00" * 5000, "is not a video, or not in a container that is read"),
    ],
)
def test_a_file_that_is_named_like_a_video(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert complaint(path).startswith(message)
    with pytest.raises(VideoError):
        probe_video(path)


@pytest.mark.parametrize("name", ["walk.trc", "walk.C3D"])
def test_a_recording_of_markers_is_told_what_takes_it(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PathFileType\t4\n")
    assert complaint(tmp_path / name).startswith("is a recording of markers, not a video; `biopose ik` takes it")


@pytest.mark.parametrize(("codec", "pixels", "kind"), [("png", "rgb24", "PNG"), ("mjpeg", "yuvj420p", "JPEG")])
def test_a_image_that_is_named_like_a_video(codec: str, pixels: str, kind: str, tmp_path: Path) -> None:
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = 64, 48, pixels
    context.time_base = Fraction(1, 1)
    packets = context.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8)).reformat(format=pixels))
    (tmp_path / "clip.mp4").write_bytes(b"".join(map(bytes, [*packets, *context.encode(None)])))
    assert complaint(tmp_path / "clip.mp4") == f"is a {kind} image, not a video"


def test_sound_alone(tmp_path: Path) -> None:
    assert complaint(song(tmp_path / "song.mp4")) == "has no video stream, only audio"


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_an_mp4_whose_recording_stopped_before_its_index(share: float, tmp_path: Path) -> None:
    said = complaint(cut(film(tmp_path / "x.mp4"), share))
    assert "index (moov) is missing or broken, so that no second of it can be read" in said
    assert "copy it from the camera again" in said


@pytest.mark.parametrize(
    ("name", "codec", "options", "reason"),
    [
        ("x.mp4", "libx264", FASTSTART, "the data stop in the middle of a frame"),
        ("h.mp4", "libx265", FASTSTART, "the data stop in the middle of a frame"),
        ("x.mkv", "libx264", {}, "the file ends before its header says"),
        ("x.avi", "mpeg4", {}, "the data stop in the middle of a frame"),
    ],
)
def test_a_file_that_was_cut(
    name: str,
    codec: str,
    options: dict[str, str],
    reason: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    codec_options = {"x265-params": "log-level=0"} if codec == "libx265" else {}
    whole = film(tmp_path / name, 90, codec=codec, options=codec_options, container_options=options, noisy=True)
    path = cut(whole, 0.6)
    with pytest.raises(VideoError, match=rf"cut_{name}: broken at \d\.\d\d s, after frame \d+: {reason}"):
        list(read_frames(path))
    kept = list(read_frames(path, keep_readable=True))
    assert [number_in(f.image) for f in kept] == [f.index for f in kept] == list(range(len(kept)))
    assert 20 < len(kept) < 70
    warning = caplog.records[-1]
    assert warning.levelno == logging.WARNING
    assert f"broken at {len(kept) / 30:.2f} s" in warning.message
    assert f"the {len(kept)} frames before it are used" in warning.message


@pytest.mark.parametrize(
    ("name", "codec"),
    [("x.mp4", "libx264"), ("h.mp4", "libx265"), ("m.mp4", "mjpeg"), ("x.avi", "mpeg4"), ("x.ts", "libx264")],
)
def test_data_that_were_lost_in_the_middle(name: str, codec: str, tmp_path: Path) -> None:
    path = film(
        tmp_path / name,
        90,
        noisy=True,
        codec=codec,
        pixels="yuvj420p" if codec == "mjpeg" else "yuv420p",
        options={"x265-params": "log-level=0"} if codec == "libx265" else {},
    )
    worse = scratched(path, 0.5, 0.55)
    with pytest.raises(VideoError, match=r"broken at [0-2]\.\d\d s, after frame \d+: "):
        list(read_frames(worse))
    kept = list(read_frames(worse, keep_readable=True))
    assert [number_in(f.image) for f in kept] == list(range(len(kept)))
    assert len(kept) > 20


def test_what_is_broken_before_the_part_begins_cannot_be_kept(tmp_path: Path) -> None:
    path = cut(film(tmp_path / "x.mp4", 90, container_options=FASTSTART), 0.5)
    with pytest.raises(VideoError, match="broken at"):
        list(read_frames(path, start_s=2.5, keep_readable=True))


def test_images_without_a_frame(tmp_path: Path) -> None:
    whole = film(tmp_path / "x.mp4", 20, container_options=FASTSTART)
    data = whole.read_bytes()
    first = data.find(b"mdat")
    whole.write_bytes(data[: first + 4] + bytes(len(data) - first - 4))
    assert "without one whole frame in it" in complaint(whole)


@pytest.mark.parametrize("size", [0, 1 << 30])
def test_a_size_that_cannot_be(size: int, tmp_path: Path) -> None:
    path = film(tmp_path / "x.avi", 5, codec="rawvideo", pixels="bgr24", size=(32, 24))
    data = bytearray(path.read_bytes())
    header = data.find(b"strf") + 8
    data[header + 4 : header + 12] = size.to_bytes(4, "little") * 2
    path.write_bytes(data)
    complaint(path)


def test_a_image_that_changes_its_size(tmp_path: Path) -> None:
    small, large = film(tmp_path / "a.h264", 30), film(tmp_path / "b.h264", 30, size=(256, 192))
    joined = tmp_path / "joined.h264"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    said = complaint(joined)
    assert "after frame 29: the image changes its size from 128 x 96 to 256 x 192 pixels" in said


def test_joined_files_whose_timestamps_begin_anew_go_on(tmp_path: Path) -> None:
    path = film(tmp_path / "a.ts", 60)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(path.read_bytes() * 2)
    frames = list(read_frames(joined))
    assert len(frames) == 120
    np.testing.assert_allclose(np.diff([f.time_s for f in frames]), 1 / 30, atol=1e-3)


def test_a_clip_that_was_cut_out_of_a_broadcast_begins_with_its_first_whole_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "a.ts", 60, options={"g": "20", "bf": "2"})
    data = path.read_bytes()
    late = tmp_path / "late.ts"
    late.write_bytes(data[188 * (len(data) // 188 // 4) :])
    frames = list(read_frames(late))
    assert frames[0].index == 0
    assert frames[0].time_s == 0.0
    shown = [number_in(f.image) for f in frames]
    assert shown == list(range(shown[0], 60))
    assert shown[0] > 0
