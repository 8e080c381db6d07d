"""A mesh with fewer triangles that looks the same at the size at which people are drawn.

VTK's quadric decimation (Garland and Heckbert 1997, "Surface simplification using quadric error metrics") collapses the
edges that matter least; each vertex that it leaves is replaced by the nearest one of the mesh itself, so that the
smaller mesh is posed as a part of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkQuadricDecimation


@dataclass(frozen=True, eq=False)
class Decimated:
    """A part of a mesh's vertices, connected anew.

    Attributes:
        vertices: (v,) indices of the vertices that are kept.
        triangles: (f, 3) indices into `vertices`.
    """

    vertices: NDArray[np.int64]
    triangles: NDArray[np.int64]


def decimated(vertices_m: NDArray[np.floating], triangles: NDArray[np.int64], *, kept_share: float) -> Decimated:
    """Leave out triangles where the surface is flattest; the same mesh always gives the same result.

    Args:
        vertices_m: (V, 3) of the mesh at rest.
        triangles: (F, 3).
        kept_share: of the triangles, 0 to 1.
    """
    filter_ = vtkQuadricDecimation()
    filter_.SetInputData(_poly_data(np.asarray(vertices_m, dtype=np.float64), triangles))
    filter_.SetTargetReduction(1.0 - kept_share)
    filter_.Update()
    mesh = filter_.GetOutput()
    _, nearest = cKDTree(vertices_m).query(vtk_to_numpy(mesh.GetPoints().GetData()))
    corners = nearest[vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)]
    a, b, c = corners.T
    kept, connected = np.unique(corners[(a != b) & (b != c) & (c != a)], return_inverse=True)
    return Decimated(kept.astype(np.int64), connected.reshape(-1, 3).astype(np.int64))


def _poly_data(vertices_m: NDArray[np.float64], triangles: NDArray[np.int64]) -> vtkPolyData:
    points, cells, mesh = vtkPoints(), vtkCellArray(), vtkPolyData()
    points.SetData(numpy_to_vtk(vertices_m, deep=True))
    corners = np.concatenate([np.full((len(triangles), 1), 3), triangles], axis=1).astype(np.int64)
    cells.ImportLegacyFormat(numpy_to_vtkIdTypeArray(corners.ravel(), deep=True))
    mesh.SetPoints(points)
    mesh.SetPolys(cells)
    return mesh
