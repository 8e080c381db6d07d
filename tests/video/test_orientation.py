"""However an image is stored, it comes out upright, in red, green and blue."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from biopose.video.frames import probe_video, read_frame, read_frames
from tests.video.filming import film, number_in, numbered


def first_image(path: Path) -> np.ndarray:
    return next(read_frames(path)).image


@pytest.mark.parametrize("counter_clockwise_deg", [0, 90, 180, -90])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_image_is_turned_as_its_file_says(counter_clockwise_deg: int, mirrored: bool, tmp_path: Path) -> None:
    path = film(tmp_path / "turned.mp4", 3, rotation_deg=counter_clockwise_deg, hflip=mirrored)
    shown = np.rot90(numbered(0), counter_clockwise_deg // 90)
    shown = shown[:, ::-1] if mirrored else shown
    image = first_image(path)
    assert image.shape == shown.shape
    np.testing.assert_allclose(image[4::16, 4::16], shown[4::16, 4::16], atol=60)
    info = probe_video(path)
    assert (info.height_px, info.width_px) == shown.shape[:2]
    assert info.rotation_deg == (-counter_clockwise_deg) % 360


def test_a_phone_held_upright(tmp_path: Path) -> None:
    """The matrix in the file is the one that phones write: 0 1 0, -1 0 0."""
    path = film(tmp_path / "phone.mp4", 3, rotation_deg=-90)
    data = path.read_bytes()
    matrix = np.frombuffer(data, dtype=">i4", count=6, offset=data.find(b"tkhd") + 44)
    np.testing.assert_array_equal(matrix / 65536, [0, 1, 0, -1, 0, 0])
    image = read_frame(path, index=1).image
    assert number_in(np.rot90(image)) == 1
    assert probe_video(path).rotation_deg == 90


@pytest.mark.parametrize(
    ("codec", "pixels", "size", "suffix"),
    [
        ("libx264", "yuv444p", (641, 361), "mp4"),
        ("ffv1", "yuv420p", (641, 361), "mkv"),
        ("ffv1", "yuv420p10le", (130, 98), "mkv"),
        ("libx265", "yuv420p10le", (130, 98), "mp4"),
        ("ffv1", "yuva420p", (130, 98), "mkv"),
        ("png", "rgba", (33, 17), "mov"),
        ("mjpeg", "yuvj422p", (131, 97), "avi"),
        ("rawvideo", "bgr24", (33, 25), "avi"),
        ("prores_ks", "yuv422p10le", (130, 98), "mov"),
    ],
)
def test_sizes_and_pixels_of_every_kind(
    codec: str, pixels: str, size: tuple[int, int], suffix: str, tmp_path: Path
) -> None:
    options = {"x265-params": "log-level=0"} if codec == "libx265" else {}
    path = film(tmp_path / f"x.{suffix}", 3, codec=codec, pixels=pixels, size=size, options=options)
    image = read_frame(path, index=2).image
    assert image.shape == (size[1], size[0], 3)
    assert number_in(image) == 2
    height = size[1]
    assert image[5 * height // 8, size[0] // 2, 0] > 180  # red
    assert image[7 * height // 8, size[0] // 2, 2] > 180  # over blue
    assert image[7 * height // 8, size[0] // 2, 0] < 80


@pytest.mark.parametrize("pixels", ["gray", "gray10le"])
def test_grey_has_three_equal_channels(pixels: str, tmp_path: Path) -> None:
    image = first_image(film(tmp_path / "grey.mkv", 2, codec="ffv1", pixels=pixels))
    assert image.shape == (96, 128, 3)
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    path = film(tmp_path / "wide.mp4", 3, pixel_aspect=Fraction(4, 3))
    info = probe_video(path)
    assert (info.width_px, info.height_px) == (171, 96)
    image = read_frame(path, index=2).image
    assert image.shape == (96, 171, 3)
    assert number_in(image) == 2


def test_an_interlaced_frame_shows_one_moment(tmp_path: Path) -> None:
    """The even rows were filmed when a bar was on the left, the odd ones when it was on the right."""
    comb = np.zeros((96, 128, 3), dtype=np.uint8)
    comb[::2, 16:32] = 255
    comb[1::2, 96:112] = 255
    with av.open(str(tmp_path / "comb.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "tff=1", "qp": "1"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv444p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(comb)))
        container.mux(stream.encode(None))
    image = first_image(tmp_path / "comb.mp4")
    assert image[:, 18:30].min() > 225
    assert image[:, 98:110].max() < 30


def test_a_frame_is_the_readers_own(tmp_path: Path) -> None:
    frames = list(read_frames(film(tmp_path / "x.mp4", 5)))
    frames[0].image[:] = 7
    assert [number_in(f.image) for f in frames[1:]] == [1, 2, 3, 4]
