"""The measured bodies seen from the side on a ground grid: what the video itself cannot show.

They are seen from the first person's right. Where the video already looks along that line, from their front: that is
where an error in depth shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS
from biopose.camera.pinhole import Camera
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.lettering import Colour, put_text
from biopose.rendering.mesh_renderer import Picture

SAME_VIEW = 0.8  # cosine between two directions above which a view shows nothing that the other does not
ELEVATION = np.radians(8.0)
DISTANCE_M, DISTANCE_PER_WIDTH = 6.0, 2.0
LEAST_HEIGHT_M, MARGIN_M = 2.1, 0.35
FOLLOWING_S = 0.5  # standard deviation of the smoothing of the eye's path
GRID_M = 0.5
LINE_PX = 0.8
SKY, GROUND, LINES = (246, 248, 250), (226, 230, 233), (176, 184, 190)
SHADOW = 0.5  # how dark the ground is under the middle of a body
SHADOW_STEP = 8  # every eighth vertex tells how a body is spread
UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """Where the eye is: it looks along one direction and moves over the ground beside the people.

    Attributes:
        name: of the view, for a person.
        camera: intrinsics.
        R_eye_world: (3, 3).
        first_frame: of the video that `eye_m` starts at.
        eye_m: (N, 3) the eye's place in the world for each frame.
    """

    name: str
    camera: Camera
    R_eye_world: NDArray[np.float64]
    first_frame: int
    eye_m: NDArray[np.float64]

    def at(self, frame_index: int) -> NDArray[np.float64]:
        """(3,) the eye's place, that of the nearest frame where nobody is measured."""
        place: NDArray[np.float64] = self.eye_m[np.clip(frame_index - self.first_frame, 0, len(self.eye_m) - 1)]
        return place


class SideView:
    """Draws the panel; the world is that of the first person."""

    def __init__(
        self, people: Sequence[PersonMeasurement], triangles: NDArray[np.int64], *, width_px: int, height_px: int
    ) -> None:
        self.viewpoint = viewpoint_beside(people, width_px=width_px, height_px=height_px)
        self._picture = Picture(self.viewpoint.camera, triangles, n_people=len(people))
        self._ground = _Ground(self.viewpoint)

    def draw(
        self, frame_index: int, vertices_m: Sequence[NDArray[np.float32]], colours: Sequence[Colour]
    ) -> NDArray[np.uint8]:
        """The panel (height_px, width_px, 3) at a frame of the video; vertices (V, 3) in the first person's world."""
        eye = self.viewpoint.at(frame_index).astype(np.float32)
        R = self.viewpoint.R_eye_world.astype(np.float32)
        pixels = self._ground.draw(eye, vertices_m)
        pixels = self._picture.draw([(v - eye) @ R.T for v in vertices_m], colours=colours, background=pixels)
        put_text(pixels, self.viewpoint.name, 8, 8, (255, 255, 255), size_px=13)
        return pixels


def viewpoint_beside(people: Sequence[PersonMeasurement], *, width_px: int, height_px: int) -> Viewpoint:
    """Choose the direction, the scale that shows everybody, and the eye's path."""
    first_frame, middle_m, half_width_m, top_m = _occupied(people)
    name, towards_eye = _direction(people[0])
    right = np.cross(UP, towards_eye)
    height_m = max(top_m, LEAST_HEIGHT_M) + 2 * MARGIN_M
    px_per_m = min(height_px / height_m, width_px / (2 * (half_width_m + 2 * MARGIN_M)))
    distance_m = max(DISTANCE_M, DISTANCE_PER_WIDTH * width_px / px_per_m)
    back = np.cos(ELEVATION) * towards_eye + np.sin(ELEVATION) * UP
    R_eye_world = np.stack([right, -np.cross(back, right), -back])
    centre = ((width_px - 1) / 2, (height_px - 1) / 2)
    camera = Camera(width_px, height_px, (px_per_m * distance_m,) * 2, centre)
    looked_at = middle_m * [1, 0, 1] + UP * (height_m / 2 - MARGIN_M)
    return Viewpoint(name, camera, R_eye_world, first_frame, looked_at + distance_m * back)


def _direction(one: PersonMeasurement) -> tuple[str, NDArray[np.float64]]:
    """The view's name, and the level direction from the person to the eye."""
    hips = one.keypoints_m[:, [KEYPOINTS.index("right_hip"), KEYPOINTS.index("left_hip")]]
    right = _level(np.nanmean(hips[:, 0] - hips[:, 1], axis=0))
    camera_m = -one.T_camera_world[:3, :3].T @ one.T_camera_world[:3, 3]
    to_camera = _level(camera_m - np.nanmean(hips, axis=(0, 1)))
    if abs(right @ to_camera) > SAME_VIEW:
        return "seen from the front", np.cross(UP, right)
    return "seen from the right", right


def _level(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """The direction's part along the ground, of length 1; some direction where it has none."""
    level = np.nan_to_num(direction) * [1, 0, 1]
    length = np.linalg.norm(level)
    return level / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])


def _occupied(people: Sequence[PersonMeasurement]) -> tuple[int, NDArray[np.float64], float, float]:
    """First frame, smoothed middle (N, 3) of those who are there at each frame, how far they reach from it, top."""
    first = min(int(one.track.frame_indices[0]) for one in people)
    last = max(int(one.track.frame_indices[-1]) for one in people)
    low, high = np.full((last - first + 1, 3), np.inf), np.full((last - first + 1, 3), -np.inf)
    for one in people:
        points = to_first_world(one.keypoints_m, one, people[0])
        rows = one.track.frame_indices - first
        low[rows] = np.fmin(low[rows], np.nanmin(points, axis=1, initial=np.inf))
        high[rows] = np.fmax(high[rows], np.nanmax(points, axis=1, initial=-np.inf))
    there = np.isfinite(low).all(axis=1)
    rows = np.arange(len(low))
    middle = np.stack([np.interp(rows, rows[there], (low + high)[there, axis] / 2) for axis in range(3)], axis=1)
    middle = _smoothed(middle, FOLLOWING_S * people[0].track.rate_hz)
    reach = np.maximum(high - middle, middle - low)[there][:, [0, 2]].max(axis=1)
    return first, middle, float(np.percentile(reach, 98)), float(np.percentile(high[there, 1], 99))


def _smoothed(path: NDArray[np.float64], sd_frames: float) -> NDArray[np.float64]:
    """Each column of (N, 3) under a Gaussian window; the ends are held."""
    if not np.isfinite(sd_frames):
        return path
    reach = int(np.ceil(3 * sd_frames))
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sd_frames, 1e-3)) ** 2)
    held = np.pad(path, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(held[:, axis], window / window.sum(), mode="valid") for axis in range(3)], axis=1)


def to_first_world(points_m: NDArray[np.floating], one: PersonMeasurement, first: PersonMeasurement) -> NDArray:
    """Points (..., 3) of one person's world in that of the first: they share the camera."""
    T = np.linalg.solve(first.T_camera_world, one.T_camera_world).astype(points_m.dtype)
    moved: NDArray[np.floating] = points_m @ T[:3, :3].T + T[:3, 3]
    return moved


class _Ground:
    """The plane y = 0 with its grid; the eye only moves along, so where each pixel meets the ground is kept."""

    def __init__(self, viewpoint: Viewpoint) -> None:
        camera = viewpoint.camera
        x, y = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
        level = [(x - camera.centre_px[0]) / camera.focal_px[0], (y - camera.centre_px[1]) / camera.focal_px[1]]
        rays = np.stack([*level, np.ones(x.shape)], axis=-1) @ viewpoint.R_eye_world
        self._rows = np.flatnonzero((rays[..., 1] < -1e-3).all(axis=1))
        rays = rays[self._rows]
        reach = -viewpoint.eye_m[0, 1] / rays[..., 1]
        hit = rays[..., [0, 2]] * reach[..., None]
        self._hit = (hit / GRID_M).astype(np.float32)
        across, along = np.gradient(self._hit, axis=1), np.gradient(self._hit, axis=0)
        self._pixel = np.maximum(np.hypot(across, along), 1e-6)
        self._strength = np.clip(0.35 / self._pixel, 0.0, 1.0)
        self._empty = np.full((camera.height_px, camera.width_px, 3), SKY, dtype=np.uint8)

    def draw(self, eye_m: NDArray[np.float32], vertices_m: Sequence[NDArray[np.float32]]) -> NDArray[np.uint8]:
        """Sky, ground and grid, darker under each body: as wide as it is spread over the ground."""
        place = self._hit + eye_m[[0, 2]] / np.float32(GRID_M)
        from_line = np.abs(place - np.rint(place)) / self._pixel
        ink = (np.clip(LINE_PX + 0.5 - from_line, 0.0, 1.0) * self._strength).max(axis=-1)
        light = np.ones_like(ink)
        for vertices in vertices_m:
            level = vertices[::SHADOW_STEP, [0, 2]] / np.float32(GRID_M)
            offset = (place - level.mean(axis=0)) / (level.std(axis=0) + np.float32(1e-3))
            light *= 1 - np.float32(SHADOW) * np.exp(-0.5 * np.einsum("hwi,hwi->hw", offset, offset))
        pixels = self._empty.copy()
        ground, lines = np.array(GROUND, dtype=np.float32), np.array(LINES, dtype=np.float32)
        pixels[self._rows] = ((ground + ink[..., None] * (lines - ground)) * light[..., None]).astype(np.uint8)
        return pixels
