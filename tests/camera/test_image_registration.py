"""Comparing two images finds the similarity between them, in spite of light, noise and strangers."""

import numpy as np
import pytest

from biopose.camera.image_registration import (
    ImagePyramid,
    coarse_shift,
    compose,
    image_pyramid,
    inverse_compose,
    match,
    moved,
)
from tests.camera.synthetic_views import HEIGHT, WIDTH, frame, seen, wall

NOBODY = np.zeros((0, 4))
STILL = np.zeros(4)
TEXTURE = wall(1)


def imaged(motion: tuple[float, float, float, float], *, seed: int = 1, light: float = 1.0) -> ImagePyramid:
    view = (*motion[:3], float(np.exp(motion[3])))
    return image_pyramid(frame(light * seen(TEXTURE, view), seed=seed)[..., 1].astype(np.float32), NOBODY)


@pytest.mark.parametrize(
    "motion",
    [
        (0.0, 0.0, 0.0, 0.0),
        (0.3, -0.2, 0.0, 0.0),
        (2.6, -1.3, 0.0, 0.0),
        (-9.0, 4.0, 0.0, 0.0),
        (3.0, 2.0, 0.03, -0.04),
        (0.0, 0.0, -0.1, 0.0),
        (0.0, 0.0, 0.0, 0.08),
    ],
)
def test_a_similarity_is_found_to_a_quarter_of_a_pixel(motion: tuple[float, float, float, float]) -> None:
    found = match(imaged(STILL, seed=0), imaged(motion), STILL)
    assert found.good
    assert found.shift_sd_px < 0.1
    corners = np.array([[0, 0], [WIDTH, 0], [0, HEIGHT], [WIDTH, HEIGHT], [WIDTH / 2, HEIGHT / 2]], float)
    apart = moved(found.motion, corners, (HEIGHT, WIDTH)) - moved(np.array(motion), corners, (HEIGHT, WIDTH))
    assert np.linalg.norm(apart, axis=1).max() < 0.25


def test_a_far_shift_is_proposed_by_phase_correlation() -> None:
    first, second = imaged(STILL, seed=0), imaged((60.0, -12.0, 0.0, 0.0))
    proposed = coarse_shift(first, second)
    assert np.abs(proposed[:2] - [60, -12]).max() <= 2
    assert np.abs(match(first, second, proposed).motion[:2] - [60, -12]).max() < 0.1


def test_another_place_is_not_found() -> None:
    elsewhere = image_pyramid(seen(wall(7), (0, 0, 0, 1)).astype(np.float32), NOBODY)
    first = imaged(STILL)
    for guess in (STILL, coarse_shift(first, elsewhere)):
        found = match(first, elsewhere, guess)
        assert not found.good
        assert not found.blind


def test_half_the_light_changes_nothing() -> None:
    found = match(imaged(STILL, seed=0), imaged((1.5, 0.5, 0.0, 0.0), light=0.5), STILL)
    assert found.good
    assert np.abs(found.motion[:2] - [1.5, 0.5]).max() < 0.1


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_bare_wall_and_one_with_soft_shading_tell_nothing(noise: float) -> None:
    shaded = 60 + np.linspace(0, 120, WIDTH)[None] + np.linspace(0, 30, HEIGHT)[:, None]
    for plain in (np.full((HEIGHT, WIDTH), 128.0), shaded):
        images = [image_pyramid(frame(plain, noise=noise, seed=s)[..., 1].astype(np.float32), NOBODY) for s in (0, 1)]
        assert match(*images, STILL).blind


def test_composing_and_undoing_are_inverse_and_agree_with_moving_points() -> None:
    rng = np.random.default_rng(0)
    first, then = rng.normal(0, [5, 5, 0.1, 0.1], (2, 4))
    points = rng.uniform(0, 100, (6, 2))
    both = compose(then, first)
    np.testing.assert_allclose(inverse_compose(both, first), then)
    one_by_one = moved(then, moved(first, points, (HEIGHT, WIDTH)), (HEIGHT, WIDTH))
    np.testing.assert_allclose(moved(both, points, (HEIGHT, WIDTH)), one_by_one)
