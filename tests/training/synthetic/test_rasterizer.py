"""Triangles land on the pixels that geometry says, the nearest of them, in the colours that perspective says."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from biopose.body.segment_body import SegmentBody
from biopose.camera.pinhole import Camera
from biopose.training.synthetic.rasterizer import Rasterizer, projected

WIDTH, HEIGHT = 48, 36
SIZE = {"width_px": WIDTH, "height_px": HEIGHT}
BORDER = 1e-3  # share of a triangle: a pixel that close to an edge may fall on either side
CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float32)
CUBE_FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ],
    dtype=np.int32,
)
Floats = NDArray[np.float32]


def random_triangles(n: int, seed: int) -> tuple[Floats, NDArray[np.int32], Floats]:
    """Points (3 n, 3) as the rasterizer expects them, some off the picture, their triangles and colours."""
    rng = np.random.default_rng(seed)
    middle = rng.uniform(-5, [WIDTH + 5, HEIGHT + 5], (n, 1, 2))
    xy = middle + rng.normal(0, 9, (n, 3, 2))
    near = 1 / rng.uniform(0.5, 6.0, (n, 3, 1))
    points = np.concatenate([xy, near], axis=-1).reshape(-1, 3).astype(np.float32)
    return points, np.arange(3 * n, dtype=np.int32).reshape(n, 3), rng.random((3 * n, 3)).astype(np.float32)


def by_pixel(points: Floats, triangles: NDArray[np.int32], colours: Floats, *, both_sides: bool) -> tuple[Floats, ...]:
    """Picture (H, W, 3), nearness (H, W), and whether an edge or a rival of the same depth leaves each pixel open."""
    picture, nearest = np.zeros((HEIGHT, WIDTH, 3)), np.zeros((HEIGHT, WIDTH))
    is_open = np.zeros((HEIGHT, WIDTH), dtype=bool)
    pixels = np.stack([*np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), np.ones((HEIGHT, WIDTH))], axis=-1)
    for corners in triangles:
        a_b_c = points[corners].astype(np.float64)
        matrix = np.concatenate([a_b_c[:, :2], np.ones((3, 1))], axis=1)
        if (a_b_c[:, 2] <= 0).any() or (np.linalg.det(matrix) >= 0 and not both_sides):
            continue
        w = pixels @ np.linalg.inv(matrix)
        is_open |= (w.min(axis=-1) > -BORDER) & (w.min(axis=-1) < BORDER)
        near = w @ a_b_c[:, 2]
        inside = w.min(axis=-1) >= 0
        is_open |= inside & (np.abs(near - nearest) < 1e-5)
        wins = inside & (near > nearest)
        mixed = (w * a_b_c[:, 2]) @ colours[corners] / near[..., None]  # linear in space, not in the picture
        picture[wins], nearest[wins] = mixed[wins], near[wins]
    return picture, nearest, is_open


@pytest.mark.parametrize("seed", range(4))
def test_pictures_agree_with_a_slow_reference(seed: int) -> None:
    mesh = random_triangles(25, seed)
    picture, near = Rasterizer().draw(*mesh, **SIZE)
    expected, expected_near, is_open = by_pixel(*mesh, both_sides=False)
    assert is_open.mean() < 0.1
    assert (near > 0).mean() > 0.1
    np.testing.assert_allclose(near[~is_open], expected_near[~is_open], atol=1e-4)
    np.testing.assert_allclose(picture[~is_open], expected[~is_open], atol=2e-3)


@pytest.mark.parametrize("seed", range(2))
def test_nearness_shows_both_sides(seed: int) -> None:
    points, triangles, colours = random_triangles(25, seed)
    near = Rasterizer().nearness(points, triangles, **SIZE)
    turned = Rasterizer().nearness(points, triangles[:, ::-1], **SIZE)
    _, expected, is_open = by_pixel(points, triangles, colours, both_sides=True)
    np.testing.assert_allclose(near[~is_open], expected[~is_open], atol=1e-4)
    np.testing.assert_allclose(turned[~is_open], expected[~is_open], atol=1e-4)


def test_the_back_of_a_triangle_is_not_drawn() -> None:
    points = np.array([[5, 5, 1], [40, 5, 1], [5, 30, 1]], dtype=np.float32)
    clockwise, white = np.array([[0, 1, 2]], dtype=np.int32), np.ones((3, 3), dtype=np.float32)
    front, _ = Rasterizer().draw(points, clockwise[:, ::-1], white, **SIZE)
    back, near = Rasterizer().draw(points, clockwise, white, **SIZE)
    assert front.max() == pytest.approx(1.0)
    assert not back.any()
    assert not near.any()


def test_nothing_behind_the_camera_is_drawn() -> None:
    points_m = np.array([[-1, -1, -2], [1, -1, -2], [-1, 1, -2], [-1, -1, 2], [1, -1, 2], [-1, 1, -0.1]])
    points = projected(points_m, focal_px=(20.0, 20.0), centre_px=(24.0, 18.0))
    triangles = np.array([[0, 1, 2], [0, 2, 1], [3, 4, 5]], dtype=np.int32)
    picture, near = Rasterizer().draw(points, triangles, np.ones((6, 3), np.float32), **SIZE)
    assert not picture.any()
    assert not near.any()


def test_a_shared_edge_leaves_no_gap() -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        quad = np.array([[3, 3], [44, 4], [43, 33], [4, 32]]) + rng.uniform(-3, 3, (4, 2))
        points = np.concatenate([quad, np.ones((4, 1))], axis=1).astype(np.float32)
        whole = Rasterizer().nearness(points, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32), **SIZE)
        for row in whole > 0:
            covered = np.flatnonzero(row)
            assert len(covered) == 0 or np.ptp(covered) == len(covered) - 1


def test_points_are_projected_as_the_camera_projects_them() -> None:
    points_m = np.random.default_rng(0).uniform([-1, -1, 0.5], [1, 1, 4], (30, 3))
    focal_px, centre_px = (300.0, 270.0), (140.3, 133.9)
    points = projected(points_m, focal_px=focal_px, centre_px=centre_px)
    expected = Camera(321, 243, focal_px, centre_px).project(torch.from_numpy(points_m)).numpy()
    np.testing.assert_allclose(points[:, :2], expected, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(points[:, 2], 1 / points_m[:, 2], rtol=1e-6)


def test_normals_are_unit_vectors_that_point_outwards() -> None:
    normals = Rasterizer().normals(CUBE, CUBE_FACES)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, rtol=1e-5)
    assert (np.sign(normals) == np.sign(CUBE)).all()


def test_normals_of_the_body_point_out_of_it() -> None:
    rig = SegmentBody.load().rig
    vertices, triangles = rig.template_vertices.numpy(), rig.triangles.numpy().astype(np.int32)
    normals = Rasterizer().normals(vertices, triangles)
    grown = vertices + 0.001 * normals
    assert _volume(grown, triangles) > _volume(vertices, triangles) > 0


def test_of_a_closed_body_the_nearest_side_is_drawn() -> None:
    rig = SegmentBody.load().rig
    triangles = rig.triangles.numpy().astype(np.int32)
    seen_m = before_the_camera(rig.template_vertices.numpy(), turn_rad=1.1)
    points = projected(seen_m, focal_px=(420.0, 420.0), centre_px=(95.5, 127.5))
    _, near = Rasterizer().draw(points, triangles, np.ones_like(points), width_px=192, height_px=256)
    nearest = Rasterizer().nearness(points, triangles, width_px=192, height_px=256)
    assert (near == nearest).mean() > 0.999


def test_a_body_covers_the_pixels_that_vtk_covers() -> None:
    mesh_renderer = pytest.importorskip("biopose.rendering.mesh_renderer")
    camera = Camera(192, 256, (420.0, 420.0), (95.5, 127.5))
    rig = SegmentBody.load().rig
    triangles = rig.triangles.numpy()
    drawer = mesh_renderer.MeshRenderer(camera, triangles)
    for turn in (0.0, 1.1, 2.9):
        seen_m = before_the_camera(rig.template_vertices.numpy(), turn_rad=turn)
        points = projected(seen_m, focal_px=camera.focal_px, centre_px=camera.centre_px)
        white = np.ones_like(points)
        _, near = Rasterizer().draw(points, triangles.astype(np.int32), white, width_px=192, height_px=256)
        theirs = drawer.draw_alpha([seen_m], colours=[(255, 255, 255)])[..., 3] > 127
        ours = near > 0
        assert (ours & theirs).sum() > 0.98 * (ours | theirs).sum()


def before_the_camera(vertices: Floats, *, turn_rad: float) -> Floats:
    """The body of height 1, upright and turned, 2 m before a level camera whose y is down."""
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    turned = vertices @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    upright = (turned - (turned.max(axis=0) + turned.min(axis=0)) / 2) * [1, -1, -1]
    seen: Floats = (upright + np.array([0, 0, 2.0])).astype(np.float32)
    return seen


def _volume(vertices: Floats, triangles: NDArray[np.int32]) -> float:
    a, b, c = vertices[triangles].astype(np.float64).transpose(1, 0, 2)
    return float(np.einsum("fd,fd->", a, np.cross(b, c)) / 6)
