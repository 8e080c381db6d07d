"""Bodies are drawn where the camera sees them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from biopose.camera.pinhole import Camera
from biopose.rendering.mesh_renderer import MeshRenderer

ODD = Camera(321, 243, focal_px=(300.0, 270.0), centre_px=(140.3, 133.9))
BARREL = Camera(321, 243, (300.0, 270.0), (140.3, 133.9), distortion=(-0.25, 0.08, 0.002, -0.001, 0.0))
SQUARE = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
TWO_TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])
WHITE = (255, 255, 255)


def square_at(x: float, y: float, z: float, *, half_m: float) -> NDArray[np.float64]:
    """(4, 3) corners of a square that faces the camera."""
    square: NDArray[np.float64] = SQUARE * half_m + [x, y, z]
    return square


@pytest.mark.parametrize("camera", [ODD, BARREL], ids=["pinhole", "distorting"])
def test_every_vertex_is_drawn_where_the_camera_projects_it(camera: Camera) -> None:
    renderer = MeshRenderer(camera, TWO_TRIANGLES)
    rng = np.random.default_rng(3)
    for u, v, z in rng.uniform([20, 20, 1.0], [300, 220, 9.0], (25, 3)):
        ray = camera.rays(torch.tensor([u, v])).numpy()
        pixels = renderer.draw([square_at(*(ray * z), z, half_m=0.03 * z)], colours=[WHITE])
        rows, columns = np.nonzero(pixels.any(axis=-1))
        assert abs(columns.mean() - u) < 0.5
        assert abs(rows.mean() - v) < 0.5


@pytest.mark.parametrize("own", [ODD, BARREL], ids=["pinhole", "distorting"])
def test_a_person_with_own_intrinsics_is_drawn_where_these_project_them(own: Camera) -> None:
    own = replace(own, focal_px=(410.0, 420.0), centre_px=(170.0, 110.0))
    square = square_at(0.3, -0.2, 3.0, half_m=0.4)
    alone = MeshRenderer(own, TWO_TRIANGLES).draw([square], colours=[WHITE])
    together = np.zeros_like(alone)
    MeshRenderer(ODD, TWO_TRIANGLES).draw_onto(together, [square], colours=[WHITE], cameras=[own])
    differing = (alone > 0) != (together > 0)
    assert alone.any()
    assert differing.sum() <= 3 * 4  # a pixel at the edge


def test_edges_lie_within_half_a_pixel() -> None:
    corners = torch.tensor([[-0.41, -0.33, 2.0], [0.52, -0.33, 2.0], [0.52, 0.47, 2.0], [-0.41, 0.47, 2.0]])
    pixels = MeshRenderer(ODD, TWO_TRIANGLES).draw([corners.numpy()], colours=[WHITE])
    rows, columns = np.nonzero(pixels.any(axis=-1))
    left, top = ODD.project(corners[0]).tolist()
    right, bottom = ODD.project(corners[2]).tolist()
    for found, expected in ((columns.min() - 0.5, left), (columns.max() + 0.5, right)):
        assert abs(found - expected) <= 0.5 + 1e-3
    for found, expected in ((rows.min() - 0.5, top), (rows.max() + 0.5, bottom)):
        assert abs(found - expected) <= 0.5 + 1e-3


def test_the_nearer_body_hides_the_farther() -> None:
    renderer = MeshRenderer(ODD, TWO_TRIANGLES, n_people=2)
    squares = [square_at(0, 0, 3.0, half_m=0.5), square_at(0, 0, 2.0, half_m=0.2)]
    colours = [(255, 0, 0), (0, 0, 255)]
    for order in (1, -1):
        pixels = renderer.draw(squares[::order], colours=colours[::order])
        red, _, blue = pixels[134, 140]
        assert blue > 100 > red
        assert (pixels[..., 0] > 100).any()


def test_colours_may_differ_between_vertices() -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 255, 0], [255, 0, 0]])
    pixels = MeshRenderer(ODD, TWO_TRIANGLES).draw([square_at(0, 0, 2.0, half_m=0.5)], colours=[colours])
    left, right = pixels[134, 75], pixels[134, 205]
    assert left[0] > 3 * left[1]
    assert right[1] > 3 * right[0]


def test_opacity_mixes_with_the_background_and_leaves_the_rest() -> None:
    background = np.full((243, 321, 3), 100, dtype=np.uint8)
    renderer = MeshRenderer(ODD, TWO_TRIANGLES)
    square = square_at(0, 0, 2.0, half_m=0.3)
    alone = renderer.draw([square], colours=[WHITE])
    mixed = renderer.draw([square], colours=[WHITE], background=background, opacity=0.4)
    covered = alone.any(axis=-1)
    np.testing.assert_allclose(mixed[covered], 0.4 * alone[covered] + 60, atol=1)
    assert (mixed[~covered] == 100).all()
    assert (background == 100).all()


@pytest.mark.parametrize("samples", [0, 4])
def test_depth_is_that_of_the_nearest_surface_and_infinite_where_there_is_none(samples: int) -> None:
    far = square_at(0, 0, 5.0, half_m=1.5)
    slanted = square_at(0, 0, 2.0, half_m=0.5)
    slanted[:, 2] += slanted[:, 0]  # the plane z = 2 + x
    depth_m = MeshRenderer(ODD, TWO_TRIANGLES, n_people=2, samples=samples).depth_m([far, slanted])
    for column in range(90, 200, 10):
        slope = (column - ODD.centre_px[0]) / ODD.focal_px[0]
        assert depth_m[134, column] == pytest.approx(2 / (1 - slope), rel=1e-3)
    assert depth_m[134, 140 + 80] == pytest.approx(5.0, rel=1e-3)
    assert np.isinf(depth_m[5, 5])


def test_a_body_behind_the_camera_or_without_position_is_not_drawn() -> None:
    renderer = MeshRenderer(ODD, TWO_TRIANGLES)
    for gone in (square_at(0, 0, -2.0, half_m=0.3), np.full((4, 3), np.nan)):
        assert not renderer.draw([gone], colours=[WHITE]).any()
    assert renderer.draw([square_at(0, 0, 2.0, half_m=0.3)], colours=[WHITE]).any()


def test_a_frame_does_not_depend_on_the_frames_before() -> None:
    renderer = MeshRenderer(ODD, TWO_TRIANGLES, n_people=2)
    first, second = square_at(0, 0, 2.0, half_m=0.3), square_at(0.3, 0.1, 4.0, half_m=0.5)
    before = renderer.draw([first], colours=[WHITE])
    renderer.draw([second, first], colours=[WHITE, (200, 0, 0)])
    np.testing.assert_array_equal(renderer.draw([first], colours=[WHITE]), before)


def test_bad_arguments_are_refused() -> None:
    renderer = MeshRenderer(ODD, TWO_TRIANGLES)
    square = square_at(0, 0, 2.0, half_m=0.3)
    with pytest.raises(ValueError, match="2 people, 2 colours; made for 1"):
        renderer.draw([square, square], colours=[WHITE, WHITE])
    with pytest.raises(ValueError, match=r"background \(10, 10, 3\)"):
        renderer.draw([square], colours=[WHITE], background=np.zeros((10, 10, 3), np.uint8))
