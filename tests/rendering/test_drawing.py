"""Dots and text are drawn where they are asked for, and stay inside the image."""

import numpy as np

from biopose.rendering.drawing import draw_dot, draw_text


def black() -> np.ndarray:
    return np.zeros((40, 60, 3), dtype=np.uint8)


def test_a_dot_is_centred_to_a_fraction_of_a_pixel() -> None:
    pixels = black()
    draw_dot(pixels, 20.3, 15.8, (255, 255, 255), radius_px=4.0)
    weight = pixels[..., 0].astype(float)
    rows, columns = np.indices(weight.shape)
    assert abs((weight * columns).sum() / weight.sum() - 20.3) < 0.05
    assert abs((weight * rows).sum() / weight.sum() - 15.8) < 0.05


def test_marks_beyond_the_edge_are_cut_and_nowhere_is_nothing() -> None:
    for x, y in ((0.0, 0.0), (59.0, 39.0)):
        pixels = black()
        draw_dot(pixels, x, y, (255, 0, 0), radius_px=5.0)
        draw_text(pixels, "text", x, y, (255, 0, 0), size_px=12)
        assert pixels.any()
    pixels = black()
    for x, y in ((-100.0, 5.0), (5.0, 1e4), (np.nan, 5.0), (5.0, np.inf)):
        draw_dot(pixels, x, y, (255, 0, 0), radius_px=5.0)
        draw_text(pixels, "text", x, y, (255, 0, 0), size_px=12)
    assert not pixels.any()
