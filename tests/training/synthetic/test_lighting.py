"""Light comes from where the lamp is, and not through what stands before it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from biopose.training.synthetic.lighting import Light, draw_light, shaded
from biopose.training.synthetic.rasterizer import Rasterizer
from tests.training.synthetic.test_rasterizer import CUBE, CUBE_FACES

NONE, WHITE = np.zeros(3, np.float32), np.ones(3, np.float32)


def lamp(*towards: float, sky: NDArray[np.float32] = NONE) -> Light:
    unit = np.array(towards, dtype=np.float32)
    return Light(unit / np.linalg.norm(unit), WHITE, sky, NONE)


def level_plate(*, half_m: float, height_m: float, cells: int = 16) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A square grid whose outside is up."""
    along = np.linspace(-half_m, half_m, cells + 1)
    x, z = (axis.ravel() for axis in np.meshgrid(along, along, indexing="ij"))
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    a, b, c, d = corner, corner + 1, corner + cells + 2, corner + cells + 1
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]).astype(np.int32)
    return np.stack([x, np.full_like(x, height_m), z], axis=1).astype(np.float32), faces


def light_on(vertices: NDArray[np.float32], triangles: NDArray[np.int32], light: Light) -> NDArray[np.float32]:
    """(V,) of a white surface."""
    back = shaded(Rasterizer(), vertices, triangles, colours=np.ones_like(vertices), light=light)
    np.testing.assert_allclose(back, back[:, :1].repeat(3, axis=1), atol=1e-6)
    return back[:, 0]


@pytest.mark.parametrize("towards", [(1, 0.3, 0), (-1, 0.3, 0.2), (0, 1, 0), (0.2, 0.4, -1)])
def test_the_side_that_faces_the_lamp_is_lit(towards: tuple[float, float, float]) -> None:
    light = lamp(*towards)
    faces_lamp = CUBE @ light.towards > 0.3
    turned_away = CUBE @ light.towards < -0.3
    back = light_on(CUBE, CUBE_FACES, light)
    assert back[faces_lamp].min() > 0.1
    assert back[turned_away].max() == 0.0


@pytest.mark.parametrize("towards", [(0, 1, 0), (0.5, 1, 0), (0, 1, -0.7)])
def test_what_stands_before_the_lamp_casts_a_shadow(towards: tuple[float, float, float]) -> None:
    ground, ground_faces = level_plate(half_m=2.0, height_m=0.0, cells=32)
    roof, roof_faces = level_plate(half_m=0.5, height_m=1.0)
    light = lamp(*towards)
    together = light_on(np.concatenate([ground, roof]), np.concatenate([ground_faces, roof_faces + len(ground)]), light)
    x, _, z = (ground + light.towards / light.towards[1]).T  # where the way to the lamp passes the roof's height
    off_the_roof = np.maximum(np.abs(x), np.abs(z)) - 0.5
    assert together[: len(ground)][off_the_roof < -0.1].max() == 0.0
    np.testing.assert_allclose(together[: len(ground)][off_the_roof > 0.1], light.towards[1], rtol=1e-4)
    np.testing.assert_allclose(together[len(ground) :], light.towards[1], rtol=1e-4)


def test_a_surface_in_full_light_casts_no_shadow_on_itself() -> None:
    vertices, triangles = level_plate(half_m=1.0, height_m=0.0)
    for slope in (0.3, 1.0, 4.0):
        light = lamp(1.0, slope, 0.3)
        back = light_on(vertices, triangles, light) / light.towards[1]
        assert back.mean() > 0.9
        assert back.min() > (0.99 if slope >= 1.0 else 0.79)  # grazing light, one of five samples may miss


def test_the_sky_lights_what_looks_up() -> None:
    back = light_on(CUBE, CUBE_FACES, lamp(0, -1, 0, sky=WHITE))
    up = CUBE[:, 1] > 0
    assert back[up].min() > 0.5
    assert back[up].min() > back[~up].max() - 1.0 + 1e-3  # the lamp below lights those


def test_drawn_lights_are_above_and_within_bounds() -> None:
    rng = np.random.default_rng(0)
    for light in (draw_light(rng) for _ in range(200)):
        np.testing.assert_allclose(np.linalg.norm(light.towards), 1.0, rtol=1e-5)
        assert light.towards[1] > 0.25
        assert 0.0 <= light.share_of_lamp <= 1.0
        for part in (light.lamp, light.sky, light.ground):
            assert part.shape == (3,)
            assert part.dtype == np.float32
            assert part.min() >= 0.0
            assert part.max() < 5.0
        assert (light.ground <= light.sky).all()
