"""Backdrops, things in the way, and what the camera makes of the light."""

import numpy as np
import pytest
import torch

from biopose.perception.crops import HEIGHT_PX, WIDTH_PX
from biopose.training.synthetic import occluders, sensor_noise
from biopose.training.synthetic.background import draw_backdrop
from biopose.training.synthetic.crops import SAMPLES, Crop
from biopose.training.synthetic.occluders import draw_occluders
from biopose.training.synthetic.rasterizer import Rasterizer
from biopose.training.synthetic.sensor_noise import capture

SHAPE = (HEIGHT_PX, WIDTH_PX)
LEVEL = np.diag([1.0, -1.0, -1.0])  # R_world_camera of a camera that looks along -z
RAYS = Crop(np.array([-0.2, -0.3], np.float32), 0.002, np.array([-np.inf, -np.inf, np.inf, np.inf])).rays()
SIZE = {"width_px": SAMPLES * WIDTH_PX, "height_px": SAMPLES * HEIGHT_PX}
NOWHERE = np.zeros(SHAPE, dtype=bool)


def test_backdrops_are_light_of_the_crops_size() -> None:
    for seed in range(30):
        picture = draw_backdrop(np.random.default_rng(seed), RAYS, LEVEL, camera_height_m=1.5)
        assert picture.shape == (*SHAPE, 3)
        assert picture.dtype == np.float32
        assert np.isfinite(picture).all()
        assert picture.min() >= 0.0
        assert picture.max() < 2.0


def test_backdrops_hang_on_the_seed() -> None:
    first, again, other = (
        draw_backdrop(np.random.default_rng(seed), RAYS, LEVEL, camera_height_m=1.5) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


def test_mostly_nothing_stands_in_the_way() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([len(draw_occluders(rng, depth_m=4.0).points) // occluders.CORNERS for _ in range(300)])
    assert np.mean(counts == 0) > 0.5
    assert counts.mean() == pytest.approx(occluders.MEAN_COUNT, abs=0.15)


def test_what_stands_in_the_way_is_drawn_whole_and_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occluders, "MEAN_COUNT", 4.0)
    for seed in range(20):
        shapes = draw_occluders(np.random.default_rng(seed), depth_m=4.0)
        assert (1 / shapes.points[:, 2] <= 4.0 + 1e-4).all()
        assert (1 / shapes.points[:, 2] >= 3.5 - 1e-4).all()
        _, drawn = Rasterizer().draw(shapes.points, shapes.triangles, shapes.colours, **SIZE)
        np.testing.assert_array_equal(drawn, Rasterizer().nearness(shapes.points, shapes.triangles, **SIZE))
        assert drawn.any() or not len(shapes.points)


def test_photographs_are_bytes_and_hang_on_the_seed() -> None:
    light = np.random.default_rng(0).random((*SHAPE, 3)).astype(np.float32)
    for seed in range(20):
        pixels = capture(np.random.default_rng(seed), light, black=NOWHERE)
        assert pixels.shape == (*SHAPE, 3)
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, capture(np.random.default_rng(seed), light, black=NOWHERE))


def test_outside_stays_black_however_it_is_compressed() -> None:
    light, black = np.full((*SHAPE, 3), 0.7, np.float32), NOWHERE.copy()
    black[:, : WIDTH_PX // 2] = True
    for seed in range(40):
        pixels = capture(np.random.default_rng(seed), light, black=black)
        assert pixels[:, : WIDTH_PX // 8].mean() < 5
        assert pixels[:, -WIDTH_PX // 8 :].mean() > 60


def test_more_light_is_brighter_and_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OUT_OF_FOCUS_SHARE", "GREY_SHARE"):
        monkeypatch.setattr(sensor_noise, name, 0.0)
    light = np.full((*SHAPE, 3), 0.05, np.float32)
    light[100:140, 60:100] = 0.8
    for seed in range(20):
        pixels = capture(np.random.default_rng(seed), light, black=NOWHERE).astype(float).mean(axis=-1)
        inside = torch.from_numpy(pixels > (pixels[105:135, 65:95].mean() + pixels[:80].mean()) / 2)
        rows, columns = torch.nonzero(inside, as_tuple=True)
        assert abs(rows.float().mean() - 119.5) < 2.0
        assert abs(columns.float().mean() - 79.5) < 2.0
