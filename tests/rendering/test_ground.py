"""Pixels meet the ground at the point that projects to them, and the grid's lines are there."""

import numpy as np
import torch

from biopose.camera.pinhole import Camera
from biopose.rendering.ground import GRID_M, GROUND, SKY, GroundGrid, distance_to_ground, world_rays
from biopose.rendering.look_at import look_at

CAMERA = Camera(64, 48, (60.0, 50.0), (30.0, 20.0))
POSITION_M = np.array([2.0, 1.5, 1.0])


def test_a_camera_looks_at_its_target_upright() -> None:
    T = look_at(position_m=POSITION_M, at_m=[0.5, 0.3, -1.0])
    np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-12)
    target, above = (T[:3, :3] @ np.array(p) + T[:3, 3] for p in ([0.5, 0.3, -1.0], [0.5, 0.8, -1.0]))
    np.testing.assert_allclose(target[:2], 0.0, atol=1e-12)
    assert target[2] > 0
    assert above[1] < 0  # y is down in the image
    np.testing.assert_allclose(above[0], 0.0, atol=1e-12)


def test_each_pixel_meets_the_ground_at_a_point_that_projects_back_to_it() -> None:
    T = look_at(position_m=POSITION_M, at_m=[0.0, 1.2, 0.0])
    rays = world_rays(CAMERA, T[:3, :3])
    distance = distance_to_ground(rays, height_m=POSITION_M[1])
    rows, columns = np.nonzero(np.isfinite(distance))
    points = POSITION_M + distance[rows, columns][:, None] * rays[rows, columns]
    np.testing.assert_allclose(points[:, 1], 0.0, atol=1e-9)
    pixels = CAMERA.project(torch.from_numpy(points @ T[:3, :3].T + T[:3, 3])).numpy()
    np.testing.assert_allclose(pixels, np.stack([columns, rows], axis=1), atol=1e-6)
    assert np.isinf(distance[0]).all()
    assert len(rows) > 1000


def test_the_grid_has_its_lines_at_multiples_of_its_spacing() -> None:
    T = look_at(position_m=POSITION_M, at_m=[0.0, 0.0, 1.0])
    pixels = GroundGrid(CAMERA, T[:3, :3], height_m=POSITION_M[1]).draw(POSITION_M.astype(np.float32), [])

    def at(x_m: float, z_m: float) -> np.ndarray:
        point = torch.from_numpy(T[:3, :3] @ np.array([x_m, 0.0, z_m]) + T[:3, 3])
        column, row = CAMERA.project(point).round().int().tolist()
        return pixels[row, column].astype(int)

    on_line, off_line = at(0.75, 2 * GRID_M), at(0.75, 2.5 * GRID_M)
    np.testing.assert_allclose(off_line, GROUND, atol=2)
    assert (on_line < off_line - 10).all()


def test_the_ground_is_darker_under_a_body_and_the_sky_is_not() -> None:
    T = look_at(position_m=POSITION_M, at_m=[0.0, 1.2, 0.0])
    ground = GroundGrid(CAMERA, T[:3, :3], height_m=POSITION_M[1])
    body = np.random.default_rng(0).normal(scale=0.2, size=(800, 3)).astype(np.float32)
    alone, with_body = (ground.draw(POSITION_M.astype(np.float32), bodies).astype(int) for bodies in ([], [body]))
    assert (with_body <= alone).all()
    assert (alone - with_body).max() > 80
    assert (with_body[0] == SKY).all()
