"""The overlay's size is the video's, within bounds, and always even."""

import pytest

from biopose.camera.pinhole import Camera
from biopose.rendering.overlay_layout import MAX_WIDTH_PX, overlay_layout


def camera(width_px: int, height_px: int) -> Camera:
    return Camera(width_px, height_px, (height_px * 1.5,) * 2, (width_px / 2, height_px / 2))


@pytest.mark.parametrize(
    ("size", "height_px"),
    [((1920, 1080), 512), ((1080, 1920), 720), ((640, 500), 500), ((320, 240), 480), ((4000, 400), 480)],
    ids=["landscape", "portrait", "small", "very small", "very wide"],
)
def test_the_height_is_the_videos_within_bounds(size: tuple[int, int], height_px: int) -> None:
    layout = overlay_layout(camera(*size))
    assert layout.height_px == height_px
    assert layout.width_px <= MAX_WIDTH_PX or height_px == 480
    assert abs(layout.video_width_px / height_px - size[0] / size[1]) < 2 / height_px


@pytest.mark.parametrize("asked_px", [300, 721, 1080])
def test_a_height_that_is_asked_for_is_kept(asked_px: int) -> None:
    layout = overlay_layout(camera(1768, 994), height_px=asked_px)
    assert layout.height_px == asked_px - asked_px % 2
    for length in (layout.height_px, layout.width_px, layout.video_width_px, layout.column_px):
        assert length % 2 == 0
