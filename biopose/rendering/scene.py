"""Synthetic videos of a clothed body in a room, for the accuracy protocol.

    camera, T_camera_world = Camera(...), look_at(position_m=..., at_m=...)
    scene = Scene(camera, T_camera_world, body.triangles.numpy(), clothing_colours(shaped), boxes=[Box(...)])
    write_video(path, (scene.draw(vertices) for vertices in motion), camera, rate_hz=50)

The room is a textured floor at y = 0, four walls and boxes. Camera and room are static: the room is ray-cast once. The
body is drawn over the boxes: place them where they never occlude it. It casts a shadow on the floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn.functional import interpolate

from biopose.body.rig import ShapedBody
from biopose.body.segments import SEGMENT_BONES
from biopose.camera.pinhole import Camera
from biopose.rendering.ground import distance_to_ground, distance_to_line, world_rays
from biopose.rendering.mesh_renderer import MeshRenderer
from biopose.rendering.vtk_window import Light

FloatArray = NDArray[np.float64]
TOWARDS_LIGHT = np.array([0.25, 1.0, 0.35])  # in the world
WALL_DISTANCE_M = 7.0
SHADOW_DARKNESS, SHADOW_BLUR_PX = 0.45, 5.0
SHADOW_PIXEL = 4  # width of a pixel of the shadow map, in pixels of the image
SAMPLES = 4  # per pixel, of the body
TILE_M, TILE_JOINT = 0.6, 0.012  # size of the floor's tiles; half the width of their joints, as a share of it
CRF = 18  # of x264: visually lossless

SKIN, HAIR, EYES = (205, 160, 135), (70, 48, 36), (40, 30, 28)
SHIRT, SHORTS, SHOES = (58, 104, 150), (46, 48, 56), (205, 205, 198)
FLOOR, WALL, BOX = (142, 122, 100), (190, 188, 178), (120, 92, 62)


@dataclass(frozen=True)
class Box:
    """A block on the floor: the centre of its base (x, z), its dimensions, and its rotation about the vertical."""

    x_m: float
    z_m: float
    length_m: float
    height_m: float
    width_m: float
    yaw_rad: float


def clothing_colours(shaped: ShapedBody, *, seed: int = 0) -> NDArray[np.uint8]:
    """Colours (V, 3) of the default body's vertices: skin, hair, a striped shirt, shorts, shoes, and noise."""
    rest = shaped.vertices.double().numpy()
    labels = np.array(shaped.body.bone_labels)[shaped.body.skin_matrix.argmax(dim=1).numpy()]
    colours = np.tile(np.array(SKIN, dtype=np.float64), (len(rest), 1))
    stem = np.array([label.split(".")[0] for label in labels])
    colours[np.isin(stem, ("spine04", "spine03", "spine02", "spine01", "clavicle", "shoulder01", "upperarm01"))] = SHIRT
    colours[np.isin(stem, ("root", "pelvis", "spine05", "upperleg01"))] = SHORTS
    colours[np.isin(labels, [bone for side in "rl" for bone in SEGMENT_BONES[f"calcn_{side}"]])] = SHOES
    colours[np.char.startswith(stem, "toe")] = SHOES
    colours[_hair(rest, stem == "head")] = HAIR
    colours[stem == "eye"] = EYES
    stripes = 1 + 0.12 * np.sign(np.sin(2 * np.pi * rest[:, 1] / 0.07)) * (colours == SHIRT).all(axis=1)
    texture = 1 + 0.10 * _noise(rest, smallest_m=0.03, largest_m=0.4, seed=seed)
    return np.clip(colours * (stripes * texture)[:, None], 0, 255).astype(np.uint8)


def _hair(rest: FloatArray, head: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(V,) the vertices at the top and the back of the head."""
    low, high = rest[head].min(axis=0), rest[head].max(axis=0)
    forward, upward, _ = ((rest - low) / (high - low)).T
    return head & ((upward > 0.82) | ((forward < 0.55) & (upward > 0.35)))


def _noise(points: FloatArray, *, smallest_m: float, largest_m: float, seed: int) -> FloatArray:
    """Smooth noise (...) at points (..., 3), of about -1 to 1: a sum of waves of random directions."""
    rng = np.random.default_rng(seed)
    waves = 8
    lengths = np.geomspace(smallest_m, largest_m, waves)
    directions = rng.normal(size=(waves, 3))
    directions *= (2 * np.pi / lengths / np.linalg.norm(directions, axis=1))[:, None]
    phases = rng.uniform(0, 2 * np.pi, waves)
    coarse = points.astype(np.float32)  # half the time, and colours need no more
    total = np.zeros(points.shape[:-1])
    for direction, phase in zip(directions.astype(np.float32), phases.astype(np.float32), strict=True):
        total += np.sin(coarse @ direction + phase)
    return total / np.sqrt(waves)


class Scene:
    """A room with one clothed body, filmed by a static camera."""

    def __init__(
        self,
        camera: Camera,
        T_camera_world: FloatArray,
        triangles: NDArray[np.int64],
        colours: NDArray[np.uint8],
        *,
        boxes: Sequence[Box] = (),
        seed: int = 0,
    ) -> None:
        """Render the empty room.

        Args:
            camera: intrinsics.
            T_camera_world: (4, 4).
            triangles: (F, 3) of the body.
            colours: (V, 3) of its vertices.
            boxes: on the floor.
            seed: of the texture noise.
        """
        self.camera, self.T_camera_world, self._colours = camera, T_camera_world, colours
        x, y, z = T_camera_world[:3, :3] @ (TOWARDS_LIGHT / np.linalg.norm(TOWARDS_LIGHT))
        self._renderer = MeshRenderer(camera, triangles, light=Light(towards=(x, y, z)), samples=SAMPLES)
        self._shadow_renderer = MeshRenderer(_with_pixels(camera, 1 / SHADOW_PIXEL), triangles)
        self.background, self._is_floor = _room(camera, T_camera_world, boxes, seed=seed)

    def draw(self, vertices_m: FloatArray) -> NDArray[np.uint8]:
        """The image (H, W, 3) of the body with these vertices (V, 3) in the world, metres."""
        background = self._with_shadow(vertices_m)
        return self._renderer.draw([self._in_camera(vertices_m)], colours=[self._colours], background=background)

    def _in_camera(self, p_world: FloatArray) -> FloatArray:
        moved: FloatArray = p_world @ self.T_camera_world[:3, :3].T + self.T_camera_world[:3, 3]
        return moved

    def _with_shadow(self, vertices_m: FloatArray) -> NDArray[np.uint8]:
        """The room with the body's shadow: its projection on the floor along the light, blurred."""
        height = np.maximum(vertices_m[:, 1:2], 0.0)
        flat = vertices_m - height * TOWARDS_LIGHT / TOWARDS_LIGHT[1]
        covered = self._shadow_renderer.draw_alpha([self._in_camera(flat)], colours=[(0, 0, 0)])[:, :, 3]
        soft = gaussian_filter(covered.astype(np.float32) / 255, SHADOW_BLUR_PX / SHADOW_PIXEL)
        size = (self.camera.height_px, self.camera.width_px)
        smooth = interpolate(torch.from_numpy(soft)[None, None], size=size, mode="bilinear")[0, 0].numpy()
        dark = SHADOW_DARKNESS * smooth * self._is_floor
        rows = np.flatnonzero(dark.any(axis=1))
        dimmed = self.background.copy()
        dimmed[rows] = self.background[rows] * (1 - dark[rows])[:, :, None]
        return dimmed


def _room(
    camera: Camera, T_camera_world: FloatArray, boxes: Sequence[Box], *, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The empty room (H, W, 3), and the mask of its floor (H, W)."""
    R = T_camera_world[:3, :3]
    origin = -R.T @ T_camera_world[:3, 3]
    directions = world_rays(camera, R)
    colour, distance, floor = _walls_and_floor(origin, directions, seed=seed)
    for box in boxes:
        hit, shade = _box_hit(box, origin, directions)
        nearer = hit < distance
        points = origin + hit[nearer][:, None] * directions[nearer]
        grain = 1 + 0.08 * _noise(points, smallest_m=0.02, largest_m=0.5, seed=seed + 2)
        colour[nearer] = np.array(BOX) * (shade[nearer] * grain)[:, None]
        distance, floor = np.minimum(distance, hit), floor & ~nearer
    return np.clip(colour, 0, 255).astype(np.uint8), floor


def _with_pixels(camera: Camera, n: float) -> Camera:
    """The same camera with n times as many pixels in each direction."""
    (fx, fy), (cx, cy) = camera.focal_px, camera.centre_px
    return replace(
        camera,
        width_px=round(n * camera.width_px),
        height_px=round(n * camera.height_px),
        focal_px=(n * fx, n * fy),
        centre_px=(n * cx + (n - 1) / 2, n * cy + (n - 1) / 2),
    )


def _walls_and_floor(
    origin: FloatArray, directions: FloatArray, *, seed: int
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Colour (H, W, 3) and distance (H, W) of what each ray meets in the empty room, and the mask of the floor."""
    to_floor = distance_to_ground(directions, height_m=origin[1])
    with np.errstate(divide="ignore"):
        ends = np.sign(directions[..., (0, 2)]) * WALL_DISTANCE_M
        to_wall = ((ends - origin[[0, 2]]) / directions[..., (0, 2)]).min(axis=-1)
    floor = to_floor < to_wall
    distance = np.where(floor, to_floor, to_wall)
    points = origin + distance[..., None] * directions
    grain = 1 + 0.07 * _noise(points, smallest_m=0.05, largest_m=3.0, seed=seed)
    joints = (distance_to_line(points[..., (0, 2)] / TILE_M) < TILE_JOINT).any(axis=-1)
    skirting = ~floor & (points[..., 1] < 0.12)
    panels = ~floor & (np.floor(points[..., (0, 2)].sum(axis=-1) / 1.7) % 3 == 0) & (np.abs(points[..., 1] - 1.5) < 0.6)
    shade = grain * np.where(floor & joints, 0.7, 1) * np.where(skirting, 0.5, 1) * np.where(panels, 0.75, 1)
    colour = np.where(floor[..., None], np.array(FLOOR), np.array(WALL)) * shade[..., None]
    return colour, distance, floor


def _box_hit(box: Box, origin: FloatArray, directions: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distance (...) at which each ray meets a box, inf where it misses, and the brightness of that face."""
    c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    R_box_world = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
    half = np.array([box.length_m, box.height_m, box.width_m]) / 2
    start = R_box_world @ (origin - np.array([box.x_m, half[1], box.z_m]))
    step = directions @ R_box_world.T
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (-half - start) / step, (half - start) / step
    entry = np.minimum(one, other)
    enter, leave = entry.max(axis=-1), np.maximum(one, other).min(axis=-1)
    hit = np.where((enter < leave) & (enter > 0), enter, np.inf)
    return hit, np.array([0.85, 1.2, 0.65])[entry.argmax(axis=-1)]


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], camera: Camera, *, rate_hz: int) -> None:
    """Write a camera's images (H, W, 3) as an H.264 video; width and height are even."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate_hz), options={"crf": str(CRF)})
        stream.width, stream.height, stream.pix_fmt = camera.width_px, camera.height_px, "yuv420p"
        stream.thread_count = 1
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
