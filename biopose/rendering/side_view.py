"""The measured bodies on a ground grid from a virtual camera, whose view differs from the video's.

The virtual camera is to the first person's right. Where the video's camera already is on that line, it is in front of
them: an error in depth then shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS
from biopose.camera.pinhole import Camera
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.drawing import Colour, draw_text
from biopose.rendering.ground import GroundGrid
from biopose.rendering.look_at import UP
from biopose.rendering.mesh_renderer import MeshRenderer
from biopose.rendering.posed_mesh import PosedMesh

SAME_VIEW = 0.8  # cosine between two directions above which both views show the same
ELEVATION_RAD = np.radians(8.0)
DISTANCE_M, DISTANCE_PER_WIDTH = 6.0, 2.0
MIN_HEIGHT_M, MARGIN_M = 2.1, 0.35
SMOOTHING_SD_S = 0.5  # of the Gaussian that smooths the camera's path
LABEL_PX = 13
WORLD_UP = np.array(UP)


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """The virtual camera of the view: it keeps its orientation and moves over the ground beside the people.

    Attributes:
        name: of the view, shown on it.
        camera: intrinsics.
        R_camera_world: (3, 3).
        first_frame: of the video that `positions_m` starts at.
        positions_m: (N, 3) of the camera in the world, at each frame.
    """

    name: str
    camera: Camera
    R_camera_world: NDArray[np.float64]
    first_frame: int
    positions_m: NDArray[np.float64]

    def at(self, frame_index: int) -> NDArray[np.float64]:
        """(3,) position of the camera at a frame of the video; of the nearest one where nobody is measured."""
        row = np.clip(frame_index - self.first_frame, 0, len(self.positions_m) - 1)
        position_m: NDArray[np.float64] = self.positions_m[row]
        return position_m


class SideView:
    """Draws the panel; the world is that of the first person."""

    def __init__(
        self, people: Sequence[PersonMeasurement], triangles: NDArray[np.int64], *, width_px: int, height_px: int
    ) -> None:
        self.viewpoint = viewpoint_beside(people, width_px=width_px, height_px=height_px)
        camera, R = self.viewpoint.camera, self.viewpoint.R_camera_world
        self._renderer = MeshRenderer(camera, triangles, n_people=len(people), back_faces=False)
        self._ground = GroundGrid(camera, R, height_m=float(self.viewpoint.positions_m[0, 1]))

    def draw(self, frame_index: int, meshes: Sequence[PosedMesh], colours: Sequence[Colour]) -> NDArray[np.uint8]:
        """The panel (height_px, width_px, 3) at a frame of the video; the meshes are in the first person's world."""
        position = self.viewpoint.at(frame_index)
        T_camera_world = np.eye(4)
        T_camera_world[:3, :3] = self.viewpoint.R_camera_world
        T_camera_world[:3, 3] = -self.viewpoint.R_camera_world @ position
        pixels = self._ground.draw(position.astype(np.float32), [mesh.vertices_m for mesh in meshes])
        in_camera = [mesh.moved(T_camera_world) for mesh in meshes]
        self._renderer.draw_onto(
            pixels,
            [mesh.vertices_m for mesh in in_camera],
            colours=colours,
            normals=[mesh.normals for mesh in in_camera],
        )
        draw_text(pixels, self.viewpoint.name, 8, 8, (255, 255, 255), size_px=LABEL_PX)
        return pixels


def viewpoint_beside(people: Sequence[PersonMeasurement], *, width_px: int, height_px: int) -> Viewpoint:
    """Choose the direction, the scale at which everybody is inside, and the path of the camera.

    Args:
        people: the world is that of the first.
        width_px: of the view.
        height_px: of the view.
    """
    first_frame, middle_m, half_width_m, top_m = _extent(people)
    name, towards_camera = _direction(people[0])
    right = np.cross(WORLD_UP, towards_camera)
    height_m = max(top_m, MIN_HEIGHT_M) + 2 * MARGIN_M
    px_per_m = min(height_px / height_m, width_px / (2 * (half_width_m + 2 * MARGIN_M)))
    distance_m = max(DISTANCE_M, DISTANCE_PER_WIDTH * width_px / px_per_m)
    back = np.cos(ELEVATION_RAD) * towards_camera + np.sin(ELEVATION_RAD) * WORLD_UP
    R_camera_world = np.stack([right, -np.cross(back, right), -back])
    centre = ((width_px - 1) / 2, (height_px - 1) / 2)
    camera = Camera(width_px, height_px, (px_per_m * distance_m,) * 2, centre)
    target_m = middle_m * [1, 0, 1] + WORLD_UP * (height_m / 2 - MARGIN_M)
    return Viewpoint(name, camera, R_camera_world, first_frame, target_m + distance_m * back)


def _direction(one: PersonMeasurement) -> tuple[str, NDArray[np.float64]]:
    """The view's name, and the horizontal direction from the person to the virtual camera."""
    hips = one.keypoints_m[:, [KEYPOINTS.index("right_hip"), KEYPOINTS.index("left_hip")]]
    right = _horizontal(np.nanmean(hips[:, 0] - hips[:, 1], axis=0))
    camera_m = -one.T_camera_world[:3, :3].T @ one.T_camera_world[:3, 3]
    to_camera = _horizontal(camera_m - np.nanmean(hips, axis=(0, 1)))
    if abs(right @ to_camera) > SAME_VIEW:
        return "seen from the front", np.cross(WORLD_UP, right)
    return "seen from the right", right


def _horizontal(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """The direction's horizontal part, of length 1; along z where it has none."""
    horizontal = np.nan_to_num(direction) * [1, 0, 1]
    length = np.linalg.norm(horizontal)
    return horizontal / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])


def _extent(people: Sequence[PersonMeasurement]) -> tuple[int, NDArray[np.float64], float, float]:
    """First frame, smoothed middle (N, 3) of everybody at each frame, horizontal reach from it, height of the top."""
    first = min(int(one.track.frame_indices[0]) for one in people)
    last = max(int(one.track.frame_indices[-1]) for one in people)
    low, high = np.full((last - first + 1, 3), np.inf), np.full((last - first + 1, 3), -np.inf)
    for one in people:
        points = to_first_world(one.keypoints_m, one, people[0])
        rows = one.track.frame_indices - first
        low[rows] = np.fmin(low[rows], np.nanmin(points, axis=1, initial=np.inf))
        high[rows] = np.fmax(high[rows], np.nanmax(points, axis=1, initial=-np.inf))
    known = np.isfinite(low).all(axis=1)
    rows = np.arange(len(low))
    middle = np.stack([np.interp(rows, rows[known], (low + high)[known, axis] / 2) for axis in range(3)], axis=1)
    middle = _smoothed(middle, SMOOTHING_SD_S * people[0].track.rate_hz)
    reach = np.maximum(high - middle, middle - low)[known][:, [0, 2]].max(axis=1)
    return first, middle, float(np.percentile(reach, 98)), float(np.percentile(high[known, 1], 99))


def _smoothed(path: NDArray[np.float64], sd_frames: float) -> NDArray[np.float64]:
    """Each column of (N, 3) smoothed by a Gaussian window; beyond the ends the values are those of the ends."""
    if not np.isfinite(sd_frames):
        return path
    reach = int(np.ceil(3 * sd_frames))
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sd_frames, 1e-3)) ** 2)
    padded = np.pad(path, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, axis], window / window.sum(), mode="valid") for axis in range(3)], axis=1)


def T_first_world(one: PersonMeasurement, first: PersonMeasurement) -> NDArray[np.float64]:
    """(4, 4) from one person's world to that of the first person; both share the camera."""
    T: NDArray[np.float64] = np.linalg.solve(first.T_camera_world, one.T_camera_world).astype(np.float64)
    return T


def to_first_world(points_m: NDArray[np.floating], one: PersonMeasurement, first: PersonMeasurement) -> NDArray:
    """Points (..., 3) of one person's world in that of the first person."""
    T = T_first_world(one, first)
    moved: NDArray[np.floating] = (points_m @ T[:3, :3].T + T[:3, 3]).astype(points_m.dtype)
    return moved
