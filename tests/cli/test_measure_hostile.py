"""What `biopose measure` is given by mistake: one line that says what, where and what to do, and nothing written."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import Result

from biopose.io.mot import read_mot
from biopose.io.trc import read_trc
from biopose.skeleton.reader import read_osim
from biopose.video.probe import probe_video
from tests.body.bodies import needs_body_asset
from tests.commands import assert_refused, run
from tests.perception.real_people import frames_of_two_people, needs_networks
from tests.video.filming import cut, film


def measure(video: Path, *options: object, height_m: object = 1.7) -> Result:
    """Run it, into a folder `out` beside the video unless the options name one."""
    out = () if "--out" in options else ("--out", video.parent / "out")
    return run("measure", video, "--height-m", height_m, *out, "--threads", 1, *options)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4", 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--athlete", "bigest"), "--athlete 'bigest' is not largest, central, all, a number"),
        (("--athlete", "1,2"), "is not largest, central, all, a number"),
        (("--athlete", "100,100,50,150"), "--athlete 100,100,50,150: a box is left,top,right,bottom with left < right"),
        (("--athlete", "nan,0,10,10"), "left < right"),
        (("--distortion", "a,b"), "--distortion 'a,b': expected numbers k1,k2,p1,p2,k3"),
        (("--distortion", ""), "--distortion '': expected numbers"),
        (("--distortion", "0.1,0,0"), "3 distortion coefficients; expected k1, k2, p1, p2 and perhaps k3"),
        (("--distortion", "nan,0,0,0"), "finite"),
        (("--focal-px", "26e-1"), "in pixels, not in millimetres"),
        (("--focal-px", "nan"), "--focal-px nan: expected a number"),
        (("--focal-px", 100, "--horizontal-fov-deg", 100), "contradict each other"),
        (("--start-s", 2, "--end-s", 1), "--end-s 1 is not after --start-s 2"),
        (("--start-s", "nan"), "--start-s nan: expected a number"),
        (("--recorded-hz", "inf"), "--recorded-hz inf: expected a number"),
        (("--sex", "x"), "'x' is not one of 'male', 'female'"),
        (("--mass-kg", 5), "5.0 is not in the range"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_an_option_that_cannot_be(clip: Path, options: tuple[object, ...], message: str) -> None:
    assert_refused(measure(clip, *options), message, exit_code=2)
    assert not (clip.parent / "out").exists()


@pytest.mark.parametrize(
    ("height_m", "message"),
    [
        (178, "'--height-m': 178: expected metres, 0.5 to 2.6; centimetres? then it is 1.78"),
        (0, "'--height-m': 0: expected metres"),
        ("nan", "'--height-m': nan: expected metres"),
        (5.9, "'--height-m': 5.9: expected metres, 0.5 to 2.6"),
        ("1,78", "'--height-m': '1,78' is no number of metres, such as 1.78, with a point"),
    ],
)
def test_a_height_that_cannot_be(clip: Path, height_m: object, message: str) -> None:
    assert_refused(measure(clip, height_m=height_m), message, exit_code=2)


@needs_body_asset
@pytest.mark.parametrize(
    ("height_m", "options", "message"),
    [
        (1.7, ("--mass-kg", 300), "--height-m 1.7 with --mass-kg 300: "),
        (1.7, ("--mass-kg", 10), "correct it, or omit --mass-kg"),
        (1.0, (), "nobody of that height can be measured"),
        (2.6, (), "--height-m 2.6: "),
    ],
)
def test_a_body_that_nobody_has_is_refused_before_the_video_is_looked_at(
    clip: Path, height_m: float, options: tuple[object, ...], message: str
) -> None:
    assert_refused(measure(clip, *options, height_m=height_m), message, exit_code=2)


def test_a_folder_that_cannot_be_written_to(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert_refused(measure(clip, "--out", tmp_path / "file"), "is a file", exit_code=2)
    assert_refused(measure(clip, "--out", tmp_path / "file" / "in"), "file is a file; give a folder", exit_code=2)
    assert (tmp_path / "file").read_text() == "x"


def test_the_video_is_not_overwritten_by_its_overlay(tmp_path: Path) -> None:
    video = film(tmp_path / "overlay.mp4", 3)
    before = video.read_bytes()
    assert_refused(measure(video, "--out", tmp_path), "is the video to measure and would be lost", exit_code=2)
    assert video.read_bytes() == before


@needs_networks
def test_files_that_are_no_video_leave_no_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("third squat\n" * 30)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    broken = cut(film(tmp_path / "x.mp4"), 0.5)
    for video, message in (
        (tmp_path / "empty.mp4", "is empty (0 bytes); copy it from the camera again"),
        (tmp_path / "text.mp4", "is a text, not a video"),
        (tmp_path / "noise.mp4", "is not a video, or not in a container that is read"),
        (broken, "index (moov) is missing or broken"),
    ):
        result = measure(video)
        assert_refused(result, message)
        assert f"{video}: " in result.stderr
        assert result.stderr.count(str(video)) == 1
    assert not (tmp_path / "out").exists()


def test_a_picture_too_small_for_anybody(tmp_path: Path) -> None:
    video = film(tmp_path / "small.mp4", 3, size=(64, 24))
    assert_refused(measure(video), "its images are 64 x 24 pixels; at least 32 each way are needed")


@needs_networks
def test_a_clip_with_nobody_names_the_file_and_leaves_no_folder(tmp_path: Path) -> None:
    video = film(tmp_path / "nobody.mp4", 3)
    result = measure(video)
    assert_refused(result, "nobody was found in the clip of 3 frames")
    assert str(video) in result.stderr
    assert not (tmp_path / "out").exists()


@needs_networks
def test_the_error_of_a_cut_file_says_how_its_beginning_is_measured(tmp_path: Path) -> None:
    whole = film(tmp_path / "x.mp4", 60, noisy=True, container_options={"movflags": "faststart"})
    result = measure(cut(whole, 0.5))
    assert_refused(result, "the data stop in the middle of a frame; copy it from the camera again, or have the")
    assert "frames before the break measured (keep_readable)" in result.stderr


@pytest.mark.slow
@needs_networks
@needs_body_asset
def test_one_frame_of_a_strange_size_and_name_becomes_a_whole_result(tmp_path: Path) -> None:
    image = np.ascontiguousarray(frames_of_two_people()[1][::2, ::2][:361, :641])
    video = one_frame(tmp_path / "Läufer 走 (1).mkv", image)
    out = tmp_path / "né w 結果"
    result = measure(video, "--out", out, "--recorded-hz", 240)
    assert result.exit_code == 0, result.stderr
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert (summary["video"]["width_px"], summary["video"]["height_px"]) == (641, 361)
    skeleton = read_osim(out / "scaled.osim")
    coordinates = read_mot(out / "coordinates.mot", rotational=skeleton.rotational_names)
    assert np.isfinite(coordinates.values).all()
    assert np.isfinite(read_trc(out / "markers.trc").positions_m).all()
    assert probe_video(out / "overlay.mp4").frame_count == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([video.name, out.name])


def one_frame(path: Path, image: np.ndarray) -> Path:
    """A video of one picture, of any size."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv444p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path
