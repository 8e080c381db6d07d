"""A decimated mesh is a part of the whole, of the same surface."""

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from biopose.rendering.decimation import decimated


def sphere(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of a sphere of 1 m; the triangles run counterclockwise from outside."""
    rng = np.random.default_rng(0)
    vertices = rng.normal(size=(points, 3))
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    triangles = ConvexHull(vertices).simplices.astype(np.int64)
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    inwards = (np.cross(b - a, c - a) * a).sum(axis=1) < 0
    triangles[inwards] = triangles[inwards][:, ::-1]
    return vertices, triangles


def test_the_kept_share_of_the_triangles_stays_and_describes_the_surface() -> None:
    vertices, triangles = sphere(2000)
    mesh = decimated(vertices, triangles, kept_share=0.2)
    assert abs(len(mesh.triangles) / len(triangles) - 0.2) < 0.03
    a, b, c = vertices[mesh.vertices][mesh.triangles].transpose(1, 0, 2)
    outwards = np.cross(b - a, c - a)
    assert ((outwards * a).sum(axis=1) > 0).mean() > 0.99
    area_m2 = np.linalg.norm(outwards, axis=1).sum() / 2
    assert abs(area_m2 / (4 * np.pi) - 1) < 0.05
    distance_m, _ = cKDTree(vertices[mesh.vertices]).query(vertices)
    assert distance_m.max() < 0.3


def test_the_vertices_are_those_of_the_mesh_each_used() -> None:
    vertices, triangles = sphere(500)
    mesh = decimated(vertices, triangles, kept_share=0.3)
    assert len(np.unique(mesh.vertices)) == len(mesh.vertices)
    np.testing.assert_array_equal(np.unique(mesh.triangles), np.arange(len(mesh.vertices)))


def test_the_same_mesh_gives_the_same_result() -> None:
    one, other = (decimated(*sphere(500), kept_share=0.3) for _ in range(2))
    np.testing.assert_array_equal(one.vertices, other.vertices)
    np.testing.assert_array_equal(one.triangles, other.triangles)
