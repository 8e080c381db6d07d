"""Crops project as cameras do, and show what a detector's box would have shown."""

import numpy as np
import pytest
import torch

from biopose.perception.crops import BOX_MARGIN, HEIGHT_PX, WIDTH_PX
from biopose.training.synthetic import crops
from biopose.training.synthetic.crops import SAMPLES, Crop, box_of, draw_crop, mean_of_samples

ENDLESS = np.array([-np.inf, -np.inf, np.inf, np.inf])
CROP = Crop(np.array([-0.1, -0.25], dtype=np.float32), 0.002, ENDLESS)


def cloud(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform([-0.4, -0.9, 4.0], [0.4, 0.9, 5.0], (500, 3)).astype(np.float32)


def test_the_ray_of_a_pixel_passes_through_what_is_drawn_there() -> None:
    rays = CROP.rays()
    for row, column in ((0, 0), (255, 191), (100, 30)):
        points = CROP.points(3.0 * rays[row, column][None])
        pixel = (points[0, :2] + 0.5) / SAMPLES - 0.5
        np.testing.assert_allclose(pixel, [column, row], atol=1e-3)
        assert points[0, 2] == pytest.approx(1 / 3)


def test_corner_and_scale_are_those_of_the_first_pixels_edge() -> None:
    x, y = CROP.rays()[0, 0, :2]
    assert x == pytest.approx(CROP.corner[0] + 0.5 * CROP.ray_per_px, abs=1e-6)
    assert y == pytest.approx(CROP.corner[1] + 0.5 * CROP.ray_per_px, abs=1e-6)


def test_a_box_without_errors_is_centred_and_enlarged(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOX_SHIFT_SD", "BOX_SIZE_SD", "CUT_SHARE"):
        monkeypatch.setattr(crops, name, 0.0)
    left, top, right, bottom = box_of(cloud())
    crop = draw_crop(np.random.default_rng(0), cloud())
    size = crop.ray_per_px * np.array([WIDTH_PX, HEIGHT_PX])
    np.testing.assert_allclose(crop.corner + size / 2, [(left + right) / 2, (top + bottom) / 2], atol=1e-6)
    assert max((right - left) / size[0], (bottom - top) / size[1]) == pytest.approx(1 / BOX_MARGIN, rel=1e-5)
    assert not crop.is_outside().any()


def test_points_behind_the_camera_say_nothing_about_the_box() -> None:
    behind = np.array([[5.0, 5.0, -1.0], [5.0, 5.0, 0.1]], dtype=np.float32)
    np.testing.assert_array_equal(box_of(np.concatenate([cloud(), behind])), box_of(cloud()))


def test_an_edge_keeps_some_of_the_person_and_leaves_the_rest_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "CUT_SHARE", 1.0)
    whole = box_of(cloud())
    for seed in range(20):
        edges = draw_crop(np.random.default_rng(seed), cloud()).edges
        (side,) = np.flatnonzero(np.isfinite(edges))
        low, high = whole[side % 2], whole[side % 2 + 2]
        kept = (high - edges[side]) / (high - low) if side < 2 else (edges[side] - low) / (high - low)
        assert crops.KEPT[0] - 1e-6 < kept < crops.KEPT[1] + 1e-6


def test_pixels_are_means_of_their_samples() -> None:
    picture = torch.rand(8, 6, 4, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.avg_pool2d(picture.permute(2, 0, 1)[None], SAMPLES)[0].permute(1, 2, 0)
    np.testing.assert_allclose(mean_of_samples(picture.numpy()), expected.numpy(), rtol=1e-6)
