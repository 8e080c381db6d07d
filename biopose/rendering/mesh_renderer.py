"""Bodies drawn over an image as a camera projects them, without a screen.

    renderer = MeshRenderer(camera, body.triangles.numpy())
    pixels = renderer.draw([vertices_m], colours=[(230, 140, 60)], background=frame, opacity=0.6)

A vertex is drawn where `Camera.project` puts it, lens distortion included; between vertices edges stay straight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from biopose.camera.pinhole import NEAREST_M, Camera
from biopose.rendering.vtk_window import Light, Mesh, OffscreenWindow

WINDOW_STEP_PX = 64
DEPTH_MARGIN = 0.05  # distance of the clipping planes from the vertices, as a share of these vertices' depth

Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True, eq=False)
class _Crop:
    """A part of the image outside which nothing is drawn.

    Attributes:
        region: its rows and columns.
        rgba: (h, w, 4).
        near_m: depth of the near clipping plane.
        far_m: of the far one.
    """

    region: tuple[slice, slice]
    rgba: NDArray[np.uint8]
    near_m: float = 0.0
    far_m: float = 0.0


EMPTY = _Crop((slice(0), slice(0)), np.zeros((0, 0, 4), dtype=np.uint8))


class MeshRenderer:
    """Draws up to `n_people` bodies of one mesh as a camera projects them; made once, used for many frames.

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
        back_faces: bool = True,
    ) -> None:
        """Prepare the scene.

        Args:
            camera: gives the image its size and its projection.
            triangles: (F, 3) of every body.
            n_people: the most that are drawn at once.
            light: None for the default one.
            samples: per pixel; 4 for smooth edges, which takes five times as long.
            back_faces: whether triangles are drawn whose corners run clockwise in the image; of a closed body they are
                hidden by others, and without them drawing takes three quarters of the time.
        """
        self.camera = camera
        triangles = np.asarray(triangles, dtype=np.int64)
        self._corners = torch.from_numpy(triangles)
        light = light or Light()
        self._meshes = [Mesh(triangles, light, back_faces=back_faces) for _ in range(n_people)]
        self._window = OffscreenWindow(self._meshes, light, samples=samples)

    def draw(
        self,
        vertices_m: Sequence[NDArray[np.floating]],
        *,
        colours: Sequence[ArrayLike],
        background: NDArray[np.uint8] | None = None,
        opacity: float = 1.0,
        normals: Sequence[NDArray[np.floating]] | None = None,
    ) -> NDArray[np.uint8]:
        """Draw one frame: as `draw_onto`, onto a copy of a background.

        Args:
            vertices_m: (V, 3) of each person in the camera's frame, metres.
            colours: of each person one RGB (3,) or one for each vertex (V, 3), 0 to 255.
            background: (H, W, 3) what the bodies are drawn over; black if None.
            opacity: of the bodies over the background; a body's own far side never shines through.
            normals: (V, 3) of each person, where they are known; else they are computed from the vertices.

        Returns:
            (H, W, 3) RGB.

        Raises:
            ValueError: more people than the renderer was made for, or a background of another size.
        """
        shape = (self.camera.height_px, self.camera.width_px, 3)
        pixels = np.zeros(shape, dtype=np.uint8) if background is None else background.copy()
        self.draw_onto(pixels, vertices_m, colours=colours, opacity=opacity, normals=normals)
        return pixels

    def draw_onto(
        self,
        pixels: NDArray[np.uint8],
        vertices_m: Sequence[NDArray[np.floating]],
        *,
        colours: Sequence[ArrayLike],
        opacity: float = 1.0,
        normals: Sequence[NDArray[np.floating]] | None = None,
        cameras: Sequence[Camera] | None = None,
    ) -> None:
        """Draw one frame onto an image, in place.

        Args:
            pixels: (H, W, 3) RGB.
            vertices_m: as `draw` takes them; so are the next three.
            colours: of the people.
            opacity: of the bodies.
            normals: of the vertices.
            cameras: intrinsics for each person's vertices, of images as large as the renderer's; None: its own.

        Raises:
            ValueError: more people than the renderer was made for, or an image of another size.
        """
        if pixels.shape != (shape := (self.camera.height_px, self.camera.width_px, 3)):
            raise ValueError(f"background {pixels.shape}; the camera's image is {shape}")
        crop = self._render(vertices_m, colours, normals, cameras)
        _composite(pixels[crop.region], crop.rgba, opacity)

    def draw_alpha(
        self, vertices_m: Sequence[NDArray[np.floating]], *, colours: Sequence[ArrayLike]
    ) -> NDArray[np.uint8]:
        """As `draw`, over nothing: (H, W, 4) RGB multiplied by coverage, and the coverage."""
        pixels = np.zeros((self.camera.height_px, self.camera.width_px, 4), dtype=np.uint8)
        crop = self._render(vertices_m, colours)
        pixels[crop.region] = crop.rgba
        return pixels

    def depth_m(self, vertices_m: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
        """(H, W) depth of the nearest surface at each pixel; infinite where there is none."""
        depth_m = np.full((self.camera.height_px, self.camera.width_px), np.inf)
        crop = self._render(vertices_m, [(255, 255, 255)] * len(vertices_m))
        if crop is not EMPTY:
            near, far = crop.near_m, crop.far_m
            buffer = self._window.depth_buffer().astype(np.float64)
            depth_m[crop.region] = np.where(buffer < 1.0, far * near / (far - buffer * (far - near)), np.inf)
        return depth_m

    def _render(
        self,
        vertices_m: Sequence[NDArray[np.floating]],
        colours: Sequence[ArrayLike],
        normals: Sequence[NDArray[np.floating]] | None = None,
        cameras: Sequence[Camera] | None = None,
    ) -> _Crop:
        if len(vertices_m) > len(self._meshes) or len(vertices_m) != len(colours):
            raise ValueError(f"{len(vertices_m)} people, {len(colours)} colours; made for {len(self._meshes)} people")
        shown = []
        for index, mesh in enumerate(self._meshes):
            vertices = np.asarray(vertices_m[index], dtype=np.float32) if index < len(vertices_m) else None
            if vertices is None or not np.isfinite(vertices).all() or not (vertices[:, 2] > NEAREST_M).any():
                mesh.hide()
                continue
            own = self.camera if cameras is None else cameras[index]
            shown.append(self._as_projected_by(own, _distorted(vertices, own)))
            known = vertex_normals(vertices, self._corners) if normals is None else normals[index]
            mesh.show(shown[-1], np.asarray(known, dtype=np.float32), colours[index])
        return self._render_around(shown) if shown else EMPTY

    def _render_around(self, vertices_m: list[NDArray[np.float32]]) -> _Crop:
        """The pixels around all vertices (V, 3): a window as small as that takes half the time of the whole image."""
        depths = np.concatenate([vertices[:, 2] for vertices in vertices_m])
        left, top, right, bottom = self._bounding_box(vertices_m, depths)
        if right <= left or bottom <= top:
            return EMPTY
        self._grow_window(right - left, bottom - top)
        width, height = self._window.size_px
        left, top = min(left, self.camera.width_px - width), min(top, self.camera.height_px - height)
        far_m = float(depths.max()) * (1 + DEPTH_MARGIN) + NEAREST_M
        near_m = max(float(depths.min()) * (1 - DEPTH_MARGIN), NEAREST_M)
        box = left, top, left + width, top + height
        rgba = self._window.render(_projection(self.camera, box, near_m, far_m), near_m=near_m, far_m=far_m)
        return _Crop((slice(top, top + height), slice(left, left + width)), rgba, near_m, far_m)

    def _bounding_box(self, vertices_m: list[NDArray[np.float32]], depths: NDArray[np.float32]) -> Box:
        """What may be drawn on; the whole image where a vertex is not in front of the camera."""
        size = self.camera.width_px, self.camera.height_px
        if (depths < NEAREST_M).any():
            return 0, 0, *size
        edges = []
        for axis, (focal, centre, length) in enumerate(
            zip(self.camera.focal_px, self.camera.centre_px, size, strict=True)
        ):
            slopes = np.concatenate([vertices[:, axis] for vertices in vertices_m]) / depths
            low, high = float(slopes.min()) * focal + centre, float(slopes.max()) * focal + centre
            edges.append((min(max(math.floor(low) - 1, 0), length), min(max(math.ceil(high) + 2, 0), length)))
        (left, right), (top, bottom) = edges
        return left, top, right, bottom

    def _grow_window(self, width: int, height: int) -> None:
        """Make the window large enough, by whole steps and never smaller: a new size costs as much as an image."""
        needed = [-(-length // WINDOW_STEP_PX) * WINDOW_STEP_PX for length in (width, height)]
        whole = self.camera.width_px, self.camera.height_px
        sizes = zip(self._window.size_px, needed, whole, strict=True)
        self._window.resize(*(min(max(now, more), most) for now, more, most in sizes))

    def _as_projected_by(self, camera: Camera, vertices_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vertices moved, at their depth, to where the renderer's intrinsics project them as another's do."""
        if camera == self.camera:
            return vertices_m
        own, focal = np.array(camera.focal_px), np.array(self.camera.focal_px)
        shift = np.array(camera.centre_px) - self.camera.centre_px
        moved = vertices_m.copy()
        moved[:, :2] = vertices_m[:, :2] * (own / focal) + vertices_m[:, 2:] * (shift / focal)
        return moved


def _distorted(vertices_m: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """The vertices moved, at their depth, to where a lens without distortion would project them to the same pixel.

    Those that lie far outside the image stay: there Brown's polynomial may turn back and fold them into it.
    """
    if not any(camera.distortion):
        return vertices_m
    vertices = torch.from_numpy(vertices_m)
    size = vertices.new_tensor([camera.width_px, camera.height_px])
    focal, centre = vertices.new_tensor(camera.focal_px), vertices.new_tensor(camera.centre_px)
    depth = vertices[:, 2:].clamp(min=NEAREST_M)
    straight = vertices[:, :2] / depth * focal + centre
    outside = ((straight - size / 2).abs() > size).any(dim=1, keepdim=True) | (vertices[:, 2:] < NEAREST_M)
    distorted = (camera.project(vertices) - centre) / focal * depth
    moved = torch.cat([distorted.where(~outside, vertices[:, :2]), vertices[:, 2:]], dim=1)
    array: NDArray[np.float32] = moved.numpy()
    return array


def vertex_normals(vertices_m: NDArray[np.float32], corners: torch.Tensor) -> NDArray[np.float32]:
    """(..., V, 3) mean of the normals of the triangles (F, 3) around each vertex, weighted by their areas."""
    vertices = torch.from_numpy(vertices_m)
    a, b, c = (vertices[..., corner, :] for corner in corners.unbind(1))
    crossed = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices)
    for corner in corners.unbind(1):
        normals.index_add_(-2, corner, crossed)
    unit: NDArray[np.float32] = torch.nn.functional.normalize(normals, dim=-1).numpy()
    return unit


def _projection(camera: Camera, box: Box, near_m: float, far_m: float) -> NDArray[np.float64]:
    """(4, 4) OpenGL's projection of a part of the camera's image; VTK's camera has y up and looks along -z."""
    left, top, right, bottom = box
    (fx, fy), (width, height) = camera.focal_px, (right - left, bottom - top)
    cx, cy = camera.centre_px[0] - left, camera.centre_px[1] - top
    # The centre of the first pixel is 0, 0: the image's edge lies half a pixel before it.
    rows = (
        (2 * fx / width, 0.0, 1 - (2 * cx + 1) / width, 0.0),
        (0.0, 2 * fy / height, (2 * cy + 1) / height - 1, 0.0),
        (0.0, 0.0, -(far_m + near_m) / (far_m - near_m), -2 * far_m * near_m / (far_m - near_m)),
        (0.0, 0.0, -1.0, 0.0),
    )
    return np.array(rows)


def _composite(pixels: NDArray[np.uint8], rgba: NDArray[np.uint8], opacity: float) -> None:
    """Draw over an image (H, W, 3), in place; most of it is left alone, so only the rest is computed."""
    rows, columns = np.nonzero(rgba.view(np.uint32)[:, :, 0] != 0)  # multiplied by opacity: 0 where that is 0
    drawn = rgba[rows, columns] * np.float32(opacity)
    pixels[rows, columns] = pixels[rows, columns] * (1 - drawn[:, 3:] / 255) + drawn[:, :3] + np.float32(0.5)
