"""Where a video's focal length comes from, and what is refused."""

import math
from pathlib import Path

import pytest

from biopose.camera.intrinsics import ESTIMATE_SD, FOCAL_35MM_KEY, camera_of, intrinsics
from biopose.video.probe import probe_video
from tests.video.filming import phone_film


def test_a_given_focal_length_is_taken_as_it_is() -> None:
    camera = intrinsics(width_px=1920, height_px=1080, focal_px=1600, metadata={FOCAL_35MM_KEY: "26"})
    assert (camera.focal_px, camera.source) == ((1600, 1600), "given")
    assert 0 < camera.focal_sd < 0.05
    assert camera.centre_px == (959.5, 539.5)


def test_a_given_field_of_view_spans_the_upright_width() -> None:
    camera = intrinsics(width_px=1920, height_px=1080, horizontal_fov_deg=60)
    assert camera.field_of_view_deg[0] == pytest.approx(60)
    upright = intrinsics(width_px=1080, height_px=1920, horizontal_fov_deg=40)
    assert upright.field_of_view_deg[0] == pytest.approx(40)


def test_distortion_of_four_or_five_coefficients() -> None:
    def distortion(*given: float) -> tuple[float, ...]:
        return intrinsics(width_px=1920, height_px=1080, focal_px=1600, distortion=given).distortion

    assert distortion(0.1, -0.2, 0.001, 0.002) == (0.1, -0.2, 0.001, 0.002, 0.0)
    assert distortion(0.1, -0.2, 0.001, 0.002, 0.05) == (0.1, -0.2, 0.001, 0.002, 0.05)


@pytest.mark.parametrize("said", ["27", "27.00mm", " 27.0 mm", "27.000000"])
def test_a_phones_equivalent_is_its_lenss_and_the_video_is_a_stabilised_part_of_its_sensor(said: str) -> None:
    camera = intrinsics(width_px=1920, height_px=1080, metadata={FOCAL_35MM_KEY: said})
    # Self-calibration of such clips (27 mm in the file) found 32 mm by the video's own diagonal.
    measured = 32 / math.hypot(36, 24) * math.hypot(1920, 1080)
    assert camera.source == "metadata"
    assert abs(math.log(camera.focal_px[0] / measured)) < 0.5 * camera.focal_sd


def test_portrait_and_landscape_of_one_phone_have_one_focal_length() -> None:
    tags = {FOCAL_35MM_KEY: "24"}
    landscape = intrinsics(width_px=3840, height_px=2160, metadata=tags)
    portrait = intrinsics(width_px=2160, height_px=3840, metadata=tags)
    assert portrait.focal_px == landscape.focal_px


def test_a_square_video_is_cut_from_the_sensors_height() -> None:
    wide = intrinsics(width_px=1440, height_px=1080, metadata={FOCAL_35MM_KEY: "26"})
    square = intrinsics(width_px=1080, height_px=1080, metadata={FOCAL_35MM_KEY: "26"})
    assert square.focal_px == pytest.approx(wide.focal_px)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"com.apple.quicktime.make": "Apple", "com.apple.quicktime.model": "iPhone 13"},
        {"com.android.manufacturer": "Google", "com.android.model": "Pixel 9"},
        {FOCAL_35MM_KEY: "-13"},
        {FOCAL_35MM_KEY: "0"},
        {FOCAL_35MM_KEY: "unknown"},
    ],
)
def test_without_a_usable_focal_length_a_phones_main_camera_is_assumed(metadata: dict[str, str]) -> None:
    camera = intrinsics(width_px=1080, height_px=1920, metadata=metadata)
    assert camera.source == "estimate"
    assert camera.focal_sd == ESTIMATE_SD
    assert camera.focal_px[0] / 1920 == pytest.approx(0.82, abs=0.02)


def test_an_action_camera_sees_more() -> None:
    gopro = intrinsics(width_px=1920, height_px=1080, metadata={"handler_name": "GoPro AVC"})
    assert gopro.source == "estimate"
    assert 80 < gopro.field_of_view_deg[0] < 95


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"focal_px": 0}, "focal_px"),
        ({"focal_px": math.inf}, "focal_px"),
        ({"horizontal_fov_deg": 180}, "horizontal_fov_deg"),
        ({"horizontal_fov_deg": math.nan}, "horizontal_fov_deg"),
        ({"focal_px": 1600, "horizontal_fov_deg": 90}, "contradict"),
        ({"width_px": 0}, "positive"),
        ({"distortion": (0.1, 0.2)}, "coefficients"),
        ({"focal_px": 900, "distortion": (-0.5, 0, 0, 0)}, "lens distortion"),
    ],
)
def test_impossible_and_contradictory_values_are_refused(change: dict[str, object], message: str) -> None:
    right: dict[str, object] = {"width_px": 1920, "height_px": 1080}
    with pytest.raises(ValueError, match=message):
        intrinsics(**(right | change))  # type: ignore[arg-type]


def test_a_focal_length_and_a_field_of_view_that_agree_are_both_welcome() -> None:
    camera = intrinsics(width_px=1920, height_px=1080, focal_px=1663, horizontal_fov_deg=60)
    assert camera.focal_px[0] == 1663


def test_a_phones_tag_in_a_videos_track_gives_its_focal_length_with_and_without_a_distortion(tmp_path: Path) -> None:
    info = probe_video(phone_film(tmp_path / "clip.mov", tags={FOCAL_35MM_KEY: "26.00mm"}))
    assert FOCAL_35MM_KEY not in info.metadata  # FFmpeg does not read it there
    camera, distorted = camera_of(info), camera_of(info, distortion=(-0.05, 0.01, 0.0, 0.0))
    assert (camera.source, distorted.source) == ("metadata", "metadata")
    assert camera.focal_px == distorted.focal_px
    assert camera.focal_px == intrinsics(width_px=128, height_px=96, metadata={FOCAL_35MM_KEY: "26"}).focal_px
    assert distorted.distortion == (-0.05, 0.01, 0.0, 0.0, 0.0)


def test_what_is_given_of_a_camera_comes_before_a_phones_tag(tmp_path: Path) -> None:
    info = probe_video(phone_film(tmp_path / "clip.mov", tags={FOCAL_35MM_KEY: "26.00mm"}))
    assert camera_of(info, focal_px=150.0).focal_px == (150.0, 150.0)
    assert camera_of(info, horizontal_fov_deg=60.0).source == "given"
