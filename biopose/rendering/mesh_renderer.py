"""Bodies drawn over a picture as a camera sees them, without a screen.

    picture = Picture(camera, body.triangles.numpy())
    pixels = picture.draw([vertices_m], colours=[(230, 140, 60)], background=frame, opacity=0.6)

A vertex is drawn where `Camera.project` puts it, lens distortion included; between vertices edges stay straight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import vtk
from numpy.typing import ArrayLike, NDArray
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy

from biopose.camera.pinhole import NEAREST_M, Camera

# VTK looks for an X server, warns, and then draws without one.
vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_ERROR)

Part = tuple[tuple[slice, slice], NDArray[np.uint8]]  # rows and columns of a picture, and the pixels (h, w, 4) there

NOTHING: Part = ((slice(0), slice(0)), np.zeros((0, 0, 4), dtype=np.uint8))
WINDOW_STEP_PX = 64
DEPTH_MARGIN = 0.05  # the clipping planes' distance from the vertices, as a share of their depth


@dataclass(frozen=True)
class Light:
    """A lamp far away, and a weaker one beside the camera which keeps shadows readable.

    Attributes:
        towards: direction from the scene to the lamp, in the camera's frame (x right, y down, z forward).
        strength: of the lamp, 0 to 1.
        fill: of the one beside the camera.
        ambient: share of the colour that is seen in full shadow.
    """

    towards: tuple[float, float, float] = (-0.5, -1.0, -0.8)
    strength: float = 0.75
    fill: float = 0.45
    ambient: float = 0.2


class Picture:
    """A camera's picture of up to `n_people` bodies of one mesh; made once, drawn for many frames.

    Bodies whose vertices all lie behind the camera are not drawn. It belongs to the thread that made it.
    """

    def __init__(
        self,
        camera: Camera,
        triangles: NDArray[np.int64],
        *,
        n_people: int = 1,
        light: Light | None = None,
        samples: int = 0,
    ) -> None:
        """Prepare the drawing.

        Args:
            camera: whose picture it is.
            triangles: (F, 3) of every body.
            n_people: the most that are drawn at once.
            light: None for the default one.
            samples: per pixel; 4 for smooth edges, which takes five times as long.
        """
        self.camera = camera
        self._triangles = np.asarray(triangles, dtype=np.int64)
        self._corners = torch.from_numpy(self._triangles)
        light = light or Light()
        self._window = _Window(camera, light, samples)
        self._bodies = [_Mesh(self._triangles, light) for _ in range(n_people)]
        for body in self._bodies:
            self._window.renderer.AddActor(body.actor)

    def draw(
        self,
        vertices_m: Sequence[NDArray[np.floating]],
        *,
        colours: Sequence[ArrayLike],
        background: NDArray[np.uint8] | None = None,
        opacity: float = 1.0,
    ) -> NDArray[np.uint8]:
        """Draw one frame.

        Args:
            vertices_m: (V, 3) of each person in the camera's frame, metres.
            colours: of each person one RGB (3,) or one for each vertex (V, 3), 0 to 255.
            background: (H, W, 3) what the bodies are drawn over; black if None.
            opacity: of the bodies over the background; a body's own far side never shines through.

        Returns:
            (H, W, 3) RGB.

        Raises:
            ValueError: more people than the picture was made for, or a background of another size.
        """
        shape = (self.camera.height_px, self.camera.width_px, 3)
        pixels = np.zeros(shape, dtype=np.uint8) if background is None else background.copy()
        if pixels.shape != shape:
            raise ValueError(f"background {pixels.shape}; the camera's picture is {shape}")
        region, rgba = self._drawn(vertices_m, colours)
        pixels[region] = _over(pixels[region], rgba, opacity)
        return pixels

    def draw_alpha(
        self, vertices_m: Sequence[NDArray[np.floating]], *, colours: Sequence[ArrayLike]
    ) -> NDArray[np.uint8]:
        """As `draw`, over nothing: (H, W, 4) RGB multiplied by coverage, and the coverage."""
        pixels = np.zeros((self.camera.height_px, self.camera.width_px, 4), dtype=np.uint8)
        region, rgba = self._drawn(vertices_m, colours)
        pixels[region] = rgba
        return pixels

    def _drawn(self, vertices_m: Sequence[NDArray[np.floating]], colours: Sequence[ArrayLike]) -> Part:
        """The part of the picture outside which nothing is drawn."""
        if len(vertices_m) > len(self._bodies) or len(vertices_m) != len(colours):
            raise ValueError(f"{len(vertices_m)} people, {len(colours)} colours; made for {len(self._bodies)} people")
        shown = []
        for index, body in enumerate(self._bodies):
            given = np.asarray(vertices_m[index], dtype=np.float32) if index < len(vertices_m) else None
            visible = given is not None and bool(np.isfinite(given).all()) and bool((given[:, 2] > NEAREST_M).any())
            body.actor.SetVisibility(visible)
            if visible:
                assert given is not None
                shown.append(self._through_lens(given))
                body.put(shown[-1], self._normals(given), colours[index])
        if not shown:
            return NOTHING
        return self._window.photograph(np.concatenate(shown))

    def _through_lens(self, vertices_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vertices moved, at their depth, to where a lens without distortion would show them at the same pixel.

        Those that lie far off the picture stay: there Brown's polynomial may turn back and fold them into it.
        """
        if not any(self.camera.distortion):
            return vertices_m
        vertices = torch.from_numpy(vertices_m)
        size = vertices.new_tensor([self.camera.width_px, self.camera.height_px])
        focal, centre = vertices.new_tensor(self.camera.focal_px), vertices.new_tensor(self.camera.centre_px)
        depth = vertices[:, 2:].clamp(min=NEAREST_M)
        straight = vertices[:, :2] / depth * focal + centre
        beside = ((straight - size / 2).abs() > size).any(dim=1, keepdim=True) | (vertices[:, 2:] < NEAREST_M)
        seen = (self.camera.project(vertices) - centre) / focal * depth
        moved: NDArray[np.float32] = torch.cat([seen.where(~beside, vertices[:, :2]), vertices[:, 2:]], dim=1).numpy()
        return moved

    def _normals(self, vertices_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """(V, 3) mean of the normals of the triangles around each vertex, weighted by their areas."""
        vertices = torch.from_numpy(vertices_m)
        a, b, c = (vertices[corner] for corner in self._corners.unbind(1))
        crossed = torch.linalg.cross(b - a, c - a)
        normals = torch.zeros_like(vertices)
        for corner in self._corners.unbind(1):
            normals.index_add_(0, corner, crossed)
        unit: NDArray[np.float32] = torch.nn.functional.normalize(normals, dim=1).numpy()
        return unit


class _Mesh:
    """One body in VTK's pipeline, whose points, normals and colours are replaced in place."""

    def __init__(self, triangles: NDArray[np.int64], light: Light) -> None:
        corners = np.concatenate([np.full((len(triangles), 1), 3), triangles], axis=1).astype(np.int64)
        cells = vtk.vtkCellArray()
        cells.ImportLegacyFormat(numpy_to_vtkIdTypeArray(corners.ravel(), deep=True))
        self._mesh = vtk.vtkPolyData()
        self._mesh.SetPoints(vtk.vtkPoints())
        self._mesh.SetPolys(cells)
        mapper = vtk.vtkPolyDataMapper()
        mapper.SetInputData(self._mesh)
        self.actor = vtk.vtkActor()
        self.actor.SetMapper(mapper)
        look = self.actor.GetProperty()
        look.SetAmbient(light.ambient)
        look.SetDiffuse(1.0 - light.ambient)
        look.SetSpecular(0.08)
        look.SetSpecularPower(20.0)
        self._kept: list[NDArray[Any]] = []  # VTK reads these arrays without a copy

    def put(self, vertices_m: NDArray[np.float32], normals: NDArray[np.float32], colour: ArrayLike) -> None:
        colours = np.ascontiguousarray(np.broadcast_to(np.asarray(colour, dtype=np.uint8), vertices_m.shape))
        self._kept = [np.ascontiguousarray(vertices_m), np.ascontiguousarray(normals), colours]
        points, directions, scalars = (numpy_to_vtk(array) for array in self._kept)
        self._mesh.GetPoints().SetData(points)
        self._mesh.GetPointData().SetNormals(directions)
        self._mesh.GetPointData().SetScalars(scalars)
        self._mesh.Modified()


class _Window:
    """VTK's window: a lit scene, seen through the part of the camera's picture that holds something."""

    def __init__(self, camera: Camera, light: Light, samples: int) -> None:
        self._camera = camera
        self._size_px = 0, 0
        self.renderer = vtk.vtkRenderer()
        self.renderer.SetBackground(0.0, 0.0, 0.0)
        self.renderer.SetBackgroundAlpha(0.0)
        self.renderer.AutomaticLightCreationOff()
        for towards, strength in ((light.towards, light.strength), ((0.0, 0.0, -1.0), light.fill)):
            self.renderer.AddLight(_lamp(towards, strength))
        self._eye = vtk.vtkCamera()
        self._eye.SetPosition(0.0, 0.0, 0.0)
        self._eye.SetFocalPoint(0.0, 0.0, 1.0)
        self._eye.SetViewUp(0.0, -1.0, 0.0)
        self._eye.UseExplicitProjectionTransformMatrixOn()
        self.renderer.SetActiveCamera(self._eye)
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetAlphaBitPlanes(1)
        self._window.SetMultiSamples(samples)
        self._window.AddRenderer(self.renderer)

    def photograph(self, vertices_m: NDArray[np.float32]) -> Part:
        """The pixels around all vertices (N, 3); a window as small as that takes half the time of the whole picture."""
        left, top, right, bottom = self._box_px(vertices_m)
        if right <= left or bottom <= top:
            return NOTHING
        self._grow_to(right - left, bottom - top)
        width, height = self._size_px
        left, top = min(left, self._camera.width_px - width), min(top, self._camera.height_px - height)
        self._aim(left, top, vertices_m[:, 2])
        self._window.Render()
        values = vtk.vtkUnsignedCharArray()
        self._window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, values)
        rgba: NDArray[np.uint8] = vtk_to_numpy(values).reshape(height, width, 4)[::-1]
        return (slice(top, top + height), slice(left, left + width)), rgba

    def _box_px(self, vertices_m: NDArray[np.float32]) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of what may be drawn on; all of the picture where something passes the lens."""
        size = np.array([self._camera.width_px, self._camera.height_px])
        depth = vertices_m[:, 2:]
        if (depth < NEAREST_M).any():
            return 0, 0, *size.tolist()
        pixels = vertices_m[:, :2] / depth * np.array(self._camera.focal_px) + np.array(self._camera.centre_px)
        low = np.clip(np.floor(pixels.min(axis=0)) - 1, 0, size).astype(int)
        high = np.clip(np.ceil(pixels.max(axis=0)) + 2, 0, size).astype(int)
        return *low.tolist(), *high.tolist()

    def _grow_to(self, width: int, height: int) -> None:
        """Make the window large enough, by whole steps and never smaller: a new size costs as much as a picture."""
        needed = [-(-length // WINDOW_STEP_PX) * WINDOW_STEP_PX for length in (width, height)]
        whole = self._camera.width_px, self._camera.height_px
        grown = tuple(min(max(now, more), most) for now, more, most in zip(self._size_px, needed, whole, strict=True))
        if grown != self._size_px:
            self._size_px = grown[0], grown[1]
            self._window.SetSize(*grown)

    def _aim(self, left: int, top: int, depth_m: NDArray[np.float32]) -> None:
        """Make VTK's eye project as the camera does; VTK's own camera has y up and looks along -z."""
        far = float(depth_m.max()) * (1 + DEPTH_MARGIN) + NEAREST_M
        near = max(float(depth_m.min()) * (1 - DEPTH_MARGIN), NEAREST_M)
        (fx, fy), (width, height) = self._camera.focal_px, self._size_px
        cx, cy = self._camera.centre_px[0] - left, self._camera.centre_px[1] - top
        # The centre of the first pixel is 0, 0: the picture's edge lies half a pixel before it.
        rows = (
            (2 * fx / width, 0.0, 1 - (2 * cx + 1) / width, 0.0),
            (0.0, 2 * fy / height, (2 * cy + 1) / height - 1, 0.0),
            (0.0, 0.0, -(far + near) / (far - near), -2 * far * near / (far - near)),
            (0.0, 0.0, -1.0, 0.0),
        )
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy([number for row in rows for number in row])
        self._eye.SetExplicitProjectionTransformMatrix(matrix)
        self._eye.SetClippingRange(near, far)


def _lamp(towards: tuple[float, float, float], strength: float) -> Any:
    lamp = vtk.vtkLight()
    lamp.SetLightTypeToSceneLight()
    lamp.SetPosition(*towards)
    lamp.SetFocalPoint(0.0, 0.0, 0.0)
    lamp.SetIntensity(strength)
    return lamp


def _over(background: NDArray[np.uint8], rgba: NDArray[np.uint8], opacity: float) -> NDArray[np.uint8]:
    """The background (H, W, 3) with what is drawn over it; most of it is left alone, so only the rest is computed."""
    covered = rgba[:, :, 3] > 0
    drawn = rgba[covered] * np.float32(opacity)
    over = background.copy()
    over[covered] = background[covered] * (1 - drawn[:, 3:] / 255) + drawn[:, :3] + 0.5
    return over
