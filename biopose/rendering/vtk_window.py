"""Meshes in a lit scene, rendered by VTK without a screen; nothing else in the project renders with VTK.

The scene's frame is the camera's (OpenCV's: x right, y down, z forward), in metres; the camera is at its origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401 - registers the implementation of the classes below
from numpy.typing import ArrayLike, NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkFloatArray, vtkLogger, vtkPoints, vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkRenderingCore import (
    vtkActor,
    vtkCamera,
    vtkLight,
    vtkPolyDataMapper,
    vtkRenderer,
    vtkRenderWindow,
)

# VTK tries to connect to an X server, warns, and then renders without one.
vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)

SPECULAR, SPECULAR_POWER = 0.08, 20.0


@dataclass(frozen=True)
class Light:
    """A directional light, and a weaker one from the camera which fills the shadows.

    Attributes:
        towards: direction from the scene to the light, in the camera's frame.
        strength: of the light, 0 to 1.
        fill: strength of the one from the camera.
        ambient: share of the colour that remains in full shadow.
    """

    towards: tuple[float, float, float] = (-0.5, -1.0, -0.8)
    strength: float = 0.75
    fill: float = 0.45
    ambient: float = 0.2


class Mesh:
    """A triangle mesh whose points, normals and colours are replaced in place."""

    def __init__(self, triangles: NDArray[np.int64], light: Light, *, back_faces: bool = True) -> None:
        corners = np.concatenate([np.full((len(triangles), 1), 3), triangles], axis=1).astype(np.int64)
        cells = vtkCellArray()
        cells.ImportLegacyFormat(numpy_to_vtkIdTypeArray(corners.ravel(), deep=True))
        self._data = vtkPolyData()
        self._data.SetPoints(vtkPoints())
        self._data.SetPolys(cells)
        mapper = vtkPolyDataMapper()
        mapper.SetInputData(self._data)
        self.actor = vtkActor()
        self.actor.SetMapper(mapper)
        material = self.actor.GetProperty()
        material.SetAmbient(light.ambient)
        material.SetDiffuse(1.0 - light.ambient)
        material.SetSpecular(SPECULAR)
        material.SetSpecularPower(SPECULAR_POWER)
        material.SetBackfaceCulling(not back_faces)
        self._make_room(0)

    def hide(self) -> None:
        """Leave the mesh out until it is shown again."""
        self.actor.SetVisibility(False)

    def show(self, vertices_m: NDArray[np.float32], normals: NDArray[np.float32], colour: ArrayLike) -> None:
        """Show the mesh.

        Args:
            vertices_m: (V, 3).
            normals: (V, 3), of length 1.
            colour: RGB (3,), or (V, 3) of each vertex, 0 to 255.
        """
        self.actor.SetVisibility(True)
        if len(self._vertices) != len(vertices_m):
            self._make_room(len(vertices_m))
        self._vertices[:], self._normals[:], self._colours[:] = vertices_m, normals, colour
        for array in self._vtk_arrays:
            array.Modified()
        self._data.GetPoints().Modified()
        self._data.Modified()

    def _make_room(self, count: int) -> None:
        """Arrays for so many vertices, which VTK reads without a copy."""
        self._vertices, self._normals = np.empty((count, 3), dtype=np.float32), np.empty((count, 3), dtype=np.float32)
        self._colours = np.empty((count, 3), dtype=np.uint8)
        points, directions, scalars = (numpy_to_vtk(a) for a in (self._vertices, self._normals, self._colours))
        self._data.GetPoints().SetData(points)
        self._data.GetPointData().SetNormals(directions)
        self._data.GetPointData().SetScalars(scalars)
        self._vtk_arrays = points, directions, scalars


class OffscreenWindow:
    """Meshes under lights, rendered over a transparent background. It belongs to the thread that made it."""

    def __init__(self, meshes: list[Mesh], light: Light, *, samples: int) -> None:
        """Prepare the scene.

        Args:
            meshes: that are in it.
            light: that falls on them.
            samples: per pixel; 0 or 1 for hard edges.
        """
        self.size_px = 0, 0
        renderer = vtkRenderer()
        renderer.SetBackground(0.0, 0.0, 0.0)
        renderer.SetBackgroundAlpha(0.0)
        renderer.AutomaticLightCreationOff()
        for towards, strength in ((light.towards, light.strength), ((0.0, 0.0, -1.0), light.fill)):
            renderer.AddLight(_directional_light(towards, strength))
        for mesh in meshes:
            renderer.AddActor(mesh.actor)
        self._camera = vtkCamera()
        self._camera.SetPosition(0.0, 0.0, 0.0)
        self._camera.SetFocalPoint(0.0, 0.0, 1.0)
        self._camera.SetViewUp(0.0, -1.0, 0.0)
        self._camera.UseExplicitProjectionTransformMatrixOn()
        renderer.SetActiveCamera(self._camera)
        self._window = vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetAlphaBitPlanes(1)
        self._window.SetMultiSamples(samples)
        self._window.AddRenderer(renderer)

    def resize(self, width_px: int, height_px: int) -> None:
        """Set the size of what is rendered; a new size takes as long as rendering an image."""
        if (width_px, height_px) != self.size_px:
            self.size_px = width_px, height_px
            self._window.SetSize(width_px, height_px)

    def render(self, projection: NDArray[np.float64], *, near_m: float, far_m: float) -> NDArray[np.uint8]:
        """Render the scene.

        Args:
            projection: (4, 4) OpenGL's, from VTK's camera (x right, y up, z backward) to clip coordinates.
            near_m: depth of the near clipping plane.
            far_m: of the far one.

        Returns:
            (h, w, 4) RGB multiplied by opacity, and opacity.
        """
        matrix = vtkMatrix4x4()
        matrix.DeepCopy(projection.ravel().tolist())
        self._camera.SetExplicitProjectionTransformMatrix(matrix)
        self._camera.SetClippingRange(near_m, far_m)
        self._window.Render()
        width, height = self.size_px
        values = vtkUnsignedCharArray()
        self._window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, values, 0)
        rgba: NDArray[np.uint8] = vtk_to_numpy(values).reshape(height, width, 4)[::-1]
        return rgba

    def depth_buffer(self) -> NDArray[np.float32]:
        """(h, w) of what was rendered last: 0 at the near clipping plane, 1 at the far one and where nothing is."""
        width, height = self.size_px
        values = vtkFloatArray()
        self._window.GetZbufferData(0, 0, width - 1, height - 1, values)
        depth: NDArray[np.float32] = vtk_to_numpy(values).reshape(height, width)[::-1]
        return depth


def _directional_light(towards: tuple[float, float, float], strength: float) -> vtkLight:
    light = vtkLight()
    light.SetLightTypeToSceneLight()
    light.SetPosition(*towards)
    light.SetFocalPoint(0.0, 0.0, 0.0)
    light.SetIntensity(strength)
    return light
