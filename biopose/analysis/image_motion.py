"""Where feet and centre of mass of a filmed person move, as the image shows it: up, and across the view.

One camera tells the motion in the image to millimetres and depth to decimetres; an error of depth moves a foot that
rests by its share of the foot's distance below the camera. So for events each point's displacement is taken from the
image, at the depth of the whole body, which changes slowly; motion along the view is left out. By how much it moves a
foot in the image, below the camera the lower the nearer somebody comes, is given separately: only with it a level of
the ground that is higher by a box can be distinguished from one that is nearer. A level view is used: the camera's,
turned about its centre until its image is vertical.

Of somebody who walks along the view, the feet's way is nearly all along it. A foot that rests does so on the ground,
where its ray meets it: while that point stands, so may the foot, and a foot that swings moves it by metres a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.measured_trial import FloatArray, MeasuredTrial
from biopose.camera.pinhole import Camera
from biopose.io.parquet import POSITION_SUFFIXES
from biopose.perception.flip_augmentation import is_mirrored
from biopose.reconstruction.observations import LEAST_CONFIDENCE
from biopose.skeleton.gap_filling import fill_gaps

POINTS = ("heel", "small_toe", "big_toe")  # from the heel to the toes
DEPTH_WINDOW_S = 0.5  # half of the time in which the depth's line is fitted
MIRROR_WINDOW_S = 0.15  # half of the time over which the difference of mirrored frames is averaged
LEAST_LEVEL = 0.3  # of the optical axis's horizontal part: below, the view is from above and shows no heights
ALONG_VIEW_DEG, LEAST_TRAVEL_M = 30.0, 0.3
NEAREST = 0.1  # of a ray's part along the level view
GROUND_WINDOW_S = 0.06  # half of the time in which the line is fitted of where a ray meets the ground
# Of a ray that meets the ground, up to eight times as far away as the camera is high: a pixel of a flatter one is
# centimetres there. The constants of `along_view` are of rays between 0.14 and 0.3.
LEAST_DOWN = 0.125
FLAT_SHARE = 0.05  # of the frames may be flatter, as of a foot that is raised; more, and the ground is too far away


@dataclass(frozen=True, eq=False)
class ImageMotion:
    """Displacements since the first frame: x to the right in the image, y up, z 0 but for feet; metres.

    Attributes:
        foot_points_m: by side, (T, 3, 3) of POINTS; along the view z is the way of where the rays meet the ground.
        center_of_mass_m: (T, 3).
        foot_rise_along_view_m: by side, (T,) how far the way along the view raises it, beyond its points' heights.
        along_view: whether the centre of mass travels along the view, within ALONG_VIEW_DEG, there or there and back.
    """

    foot_points_m: dict[Side, FloatArray]
    center_of_mass_m: FloatArray
    foot_rise_along_view_m: dict[Side, FloatArray]
    along_view: bool


@dataclass(frozen=True, eq=False)
class View:
    """In which direction a trial is filmed.

    Attributes:
        along: (2,) x and z in the world of the horizontal direction in which the camera looks; of unit length.
        focal_sd: standard deviation of the logarithm of its focal length.
    """

    along: FloatArray
    focal_sd: float

    @classmethod
    def of(cls, T_camera_world: FloatArray, *, focal_sd: float) -> View | None:
        """None of a view from above."""
        along = T_camera_world[2, [0, 2]]
        length = float(np.linalg.norm(along))
        return None if length < LEAST_LEVEL else cls(along / length, focal_sd)


def image_motion(trial: MeasuredTrial, center_of_mass_m: FloatArray) -> ImageMotion | None:
    """The motion in the image; None where the view is from above, or where the camera is not known.

    Args:
        trial: the table, with the keypoints in pixels.
        center_of_mass_m: (T, 3) in the world, of coordinates that are not filtered.
    """
    view = None if trial.camera is None else _LevelView.of(*trial.camera)
    if view is None:
        return None
    body = view.seen(center_of_mass_m)
    depth_m = _slowly(body[:, 2], trial.time_s)
    feet = {side: np.stack([_keypoint(trial, view, f"{side}_{name}") for name in POINTS], axis=1) for side in SIDES}
    moved_m = _displaced(body[:, None, :2], depth_m)[:, 0]
    # The extents of the ways, since who turns and comes back ends where they began; the ways' lengths would add up the
    # errors of depth of somebody who stays where they are.
    across_m, along_m = np.ptp(_slowly(moved_m[:, 0], trial.time_s)), np.ptp(depth_m)
    along_view = along_m > LEAST_TRAVEL_M and along_m * np.tan(np.radians(ALONG_VIEW_DEG)) > across_m
    feet_m = {side: _displaced(rays, depth_m) for side, rays in feet.items()}
    if along_view:
        for side, rays in feet.items():
            feet_m[side][..., 2] = _way_on_ground_m(rays[..., 1], view.height_m, trial.time_s)
    rise_m = {side: _rise_along_view_m(rays[..., 1].mean(axis=1), depth_m) for side, rays in feet.items()}
    return ImageMotion(feet_m, moved_m, rise_m, bool(along_view))


@dataclass(frozen=True, eq=False)
class _LevelView:
    """The camera, turned until its image is vertical."""

    camera: Camera
    T_camera_world: FloatArray
    R_view_camera: FloatArray

    @classmethod
    def of(cls, camera: Camera, T_camera_world: FloatArray) -> _LevelView | None:
        up = T_camera_world[:3, 1]
        forward = np.array([0.0, 0.0, 1.0]) - up[2] * up
        length = float(np.linalg.norm(forward))
        if length < LEAST_LEVEL:
            return None
        forward = forward / length
        return cls(camera, T_camera_world, np.stack([np.cross(forward, up), up, forward]))

    @property
    def height_m(self) -> float:
        """Of the camera over the ground."""
        T = self.T_camera_world
        return float(-(T[:3, :3].T @ T[:3, 3])[1])

    def seen(self, p_world: FloatArray) -> FloatArray:
        """(T, 3) of points in the world: rays across and up, and the depth in metres."""
        T = self.T_camera_world
        p_view = (p_world @ T[:3, :3].T + T[:3, 3]) @ self.R_view_camera.T
        depth_m = p_view[:, 2:].clip(min=NEAREST)
        return np.concatenate([p_view[:, :2] / depth_m, depth_m], axis=1)

    def rays(self, pixels: FloatArray) -> FloatArray:
        """(T, 2) across and up, of pixels (T, 2)."""
        rays = self.camera.rays(torch.from_numpy(pixels)).numpy()
        directions = np.concatenate([rays, np.ones_like(rays[:, :1])], axis=1) @ self.R_view_camera.T
        return np.asarray(directions[:, :2] / directions[:, 2:].clip(min=NEAREST))


def _keypoint(trial: MeasuredTrial, view: _LevelView, name: str) -> FloatArray:
    """(T, 2) rays of a keypoint: as observed; in between those of the fitted person, shifted to the observed."""
    fitted = view.seen(np.stack([trial.column(name + suffix) for suffix in POSITION_SUFFIXES], axis=1))[:, :2]
    pixels = np.stack([trial.column(f"{name}_x_px"), trial.column(f"{name}_y_px")], axis=1)
    known = (trial.column(f"{name}_confidence") >= LEAST_CONFIDENCE) & np.isfinite(pixels).all(axis=1)
    if not known.any():
        return fitted
    shift = view.rays(np.nan_to_num(pixels)) - fitted
    shift[known] -= _of_mirrored(fitted[known] + shift[known], trial.frame_index[known], trial.time_s[known])
    return np.asarray(fitted + fill_gaps(shift, known, trial.time_s))


def _of_mirrored(rays: FloatArray, frame_index: NDArray[np.int32], time_s: FloatArray) -> FloatArray:
    """(T, 2) what of the rays changes its sign with every mirrored frame: the median about each frame."""
    if len(rays) < 3:
        return np.zeros_like(rays)
    sign = np.array([-1.0 if is_mirrored(int(index)) else 1.0 for index in frame_index])[:, None]
    beside = np.concatenate([2 * rays[:1] - rays[1:2], rays, 2 * rays[-1:] - rays[-2:-1]])
    bias = sign * (rays - (beside[:-2] + beside[2:]) / 2) / 2
    first = np.searchsorted(time_s, time_s - MIRROR_WINDOW_S)
    last = np.searchsorted(time_s, time_s + MIRROR_WINDOW_S, side="right")
    return sign * np.stack([np.median(bias[a:b], axis=0) for a, b in zip(first, last, strict=True)])


def _way_on_ground_m(up: FloatArray, height_m: float, time_s: FloatArray) -> FloatArray:
    """(T, N) how far the points move, since the first frame, in which rays that rise by `up` (T, N) meet the ground.

    Zeros of a point whose rays are too flat in more than FLAT_SHARE of the frames: where they are, it seems to rest.
    """
    depth_m = height_m / (-up).clip(min=LEAST_DOWN)
    ways = [_slowly(one, time_s, half_window_s=GROUND_WINDOW_S) for one in depth_m.T]
    flat = (np.quantile(-up, FLAT_SHARE, axis=0) < LEAST_DOWN) | (height_m <= 0)
    return np.where(flat, 0.0, np.stack([way - way[0] for way in ways], axis=1))


def _rise_along_view_m(up: FloatArray, depth_m: FloatArray) -> FloatArray:
    """(T,) how far a point on rays that rise by `up` (T,) rises, since the first frame, because its depth changes."""
    rises_m = np.diff(depth_m) * (up[1:] + up[:-1]) / 2
    return np.concatenate([[0.0], np.cumsum(rises_m)])


def _slowly(values: FloatArray, time_s: FloatArray, *, half_window_s: float = DEPTH_WINDOW_S) -> FloatArray:
    """(T,) the lines through the values about each frame, nearer ones weighted more."""
    found = np.empty_like(values)
    edges = (np.searchsorted(time_s, time_s - half_window_s), np.searchsorted(time_s, time_s + half_window_s))
    for frame, (begin, end) in enumerate(zip(*edges, strict=True)):
        near = slice(begin, end)
        since_s = time_s[near] - time_s[frame]
        weight = 1 - np.abs(since_s) / half_window_s
        total, first, second = weight.sum(), weight @ since_s, weight @ since_s**2
        level, slope = weight @ values[near], (weight * since_s) @ values[near]
        determinant = total * second - first**2
        found[frame] = (second * level - first * slope) / determinant if determinant > 1e-9 else level / total
    return found


def _displaced(rays: FloatArray, depth_m: FloatArray) -> FloatArray:
    """(T, N, 3) the sum of all shifts of rays (T, N, 2) from frame to frame, each at the depth there."""
    between_m = (depth_m[1:] + depth_m[:-1]) / 2
    shifts = np.diff(rays, axis=0) * between_m[:, None, None]
    level = np.concatenate([np.zeros_like(rays[:1]), np.cumsum(shifts, axis=0)])
    return np.concatenate([level, np.zeros_like(level[..., :1])], axis=-1)
