"""Ground plane, gravity and the world's frame, from where people's feet rest, in the camera's frame.

The plane is the most probable one given a prior for the direction of up (from how the camera is held, from the people)
and the contact points. An image shows how the camera is rolled far better than how far it looks up or down. A contact
lasts many frames and all of them share its errors, so points within one cell of CELL_M count as one observation at
most. Contacts along a line determine the slope along it; across it only the prior does.

Feet may rest at several levels (a box, stairs, a landing mat), which are parallel, so that somebody who steps off a box
does not make a ramp of box and floor. Each further level must explain more than one contact that lies on no other, and
levels lie at least LEAST_STEP_M apart: less is within the error of a contact, so a low kerb is part of one plane. One
plane on which all feet rest is preferred to stairs, which along the view look alike.

The ground is the lowest level on which somebody stands, however briefly: for STANDS_S all feet that rest do so on it.
That alone may be an error of depth, which puts a whole body too low. But such an error changes slowly, and who steps or
falls from one level to another is on the other at once. So a person stands on the level of most of their time, and on
those that they come to, or leave, by most of the difference from one rest to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from biopose.camera.ground_levels import OUTLIER_M, Levels, most_probable_levels

Floats = NDArray[np.float64]

CELL_M = 0.2
LEAST_LEVEL = 1e-3  # of the optical axis's horizontal part
STANDS_S = 0.1
REACH_S = 0.3  # of the rests before and after a change of level, whose heights are compared
STEP_SHARE = 0.5  # of the levels' difference


@dataclass(frozen=True, eq=False)
class Ground:
    """A plane in the camera's frame: up_camera @ p_camera = height_m.

    Attributes:
        up_camera: (3,) unit normal, against gravity.
        height_m: of the ground along up, from the camera's centre: negative where the camera is above the ground.
        levels_m: likewise of every level on which feet rest, its own among them.
        tilt_sds: of up from what was expected of it, in standard deviations of that.
        height_covariance: (4, 4) whose quadratic form of (p_camera, 1) is the variance of the height of p over it.
    """

    up_camera: Floats
    height_m: float
    levels_m: tuple[float, ...]
    tilt_sds: float
    height_covariance: Floats

    def height_sd_m(self, p_camera: Floats) -> Floats:
        """(N,) standard deviations that the plane's give to heights of points (N, 3) over it."""
        at = np.insert(p_camera, 3, 1.0, axis=1)
        return np.asarray(np.sqrt(np.einsum("ni,ij,nj->n", at, self.height_covariance, at)))


@dataclass(frozen=True, eq=False)
class Contacts:
    """Where one person's feet rest.

    Attributes:
        points_m: (T, P, 3) of the feet's points in the camera's frame.
        weights: (T, P) probability that each rests, from 0 to 1.
        time_s: (T,) increasing.
    """

    points_m: Floats
    weights: Floats
    time_s: Floats

    def __post_init__(self) -> None:
        shape = np.shape(self.weights)
        if len(shape) != 2 or np.shape(self.points_m) != (*shape, 3) or np.shape(self.time_s) != shape[:1]:
            raise ValueError(
                f"expected points (T, P, 3), weights (T, P) and times (T,), got {np.shape(self.points_m)}, {shape} and "
                f"{np.shape(self.time_s)}"
            )
        if not (np.isfinite(self.points_m).all() and np.isfinite(self.weights).all() and np.all(self.weights >= 0)):
            raise ValueError("contact points and weights must be finite, and weights not negative")

    @property
    def there(self) -> NDArray[np.bool_]:
        """(T, P) those of a probability above 0."""
        return np.asarray(self.weights > 0)


def ground_from_contacts(
    people: Sequence[Contacts], *, up_camera: Floats, pitch_sd_deg: float, roll_sd_deg: float
) -> Ground:
    """The most probable ground under people's feet.

    Args:
        people: where their feet rest.
        up_camera: (3,) expected direction of up; it need not have unit length.
        pitch_sd_deg: standard deviation of that expectation about the image's horizontal.
        roll_sd_deg: likewise about the optical axis.

    Raises:
        ValueError: no contact at all, or a direction or deviation that is none.
    """
    if not any(one.there.any() for one in people):
        raise ValueError("no contact with the ground: at least one point with a weight above 0 is needed")
    frame, slope_sd = _prior(up_camera, pitch_sd_deg=pitch_sd_deg, roll_sd_deg=roll_sd_deg)
    heights, centre, evidence = _heights(people, frame)
    levels = most_probable_levels(heights, evidence, slope_sd)
    number = _ground_level([_rests(one, levels, one.points_m @ frame.T - centre) for one in people], levels)
    up = _up(frame, levels.slopes)
    at = centre + np.outer(levels.heights, [0.0, 0.0, 1.0])
    heights_m = tuple(float(height_m) for height_m in at @ frame @ up)
    of_plane = [0, 1, 2 + number]
    covariance = levels.covariance(heights, evidence, slope_sd)[np.ix_(of_plane, of_plane)]
    in_plane = np.eye(4)[:, [0, 1, 3]]  # (4, 3) from (p_camera, 1) to the place in the frame's axes, and 1
    in_plane[:3, :2], in_plane[3, :2] = frame[:2].T, -centre[:2]
    return Ground(
        up,
        height_m=heights_m[number],
        levels_m=heights_m,
        tilt_sds=float(np.linalg.norm(levels.slopes / slope_sd)),
        height_covariance=in_plane @ covariance @ in_plane.T,
    )


@dataclass(frozen=True, eq=False)
class Vertical:
    """Up, and how well it is known.

    Attributes:
        up_camera: (3,) unit vector against gravity, in the camera's frame.
        level_axes: (2, 3) horizontal unit vectors.
        slope_covariance: (2, 2) of up's slopes along them.
    """

    up_camera: Floats
    level_axes: Floats
    slope_covariance: Floats

    def height_sd_m(self, way_m: Floats) -> float:
        """Standard deviation that up's gives to the height between the ends of a way (3,) in the camera's frame."""
        level_m = self.level_axes @ way_m
        return float(np.sqrt(level_m @ self.slope_covariance @ level_m))


def vertical_of_each_alone(
    people: Sequence[Contacts], *, up_camera: Floats, pitch_sd_deg: float, roll_sd_deg: float
) -> Vertical:
    """Up as it follows from the expectation and from how each person's own contacts lie to one another.

    How those of one person lie to those of another, which wrong heights of them falsify, does not count.

    Args:
        people: where their feet rest.
        up_camera: (3,) expected direction of up, as of `ground_from_contacts`.
        pitch_sd_deg: likewise.
        roll_sd_deg: likewise.
    """
    frame, slope_sd = _prior(up_camera, pitch_sd_deg=pitch_sd_deg, roll_sd_deg=roll_sd_deg)
    expected = np.diag(slope_sd**-2)
    precision, weighted = expected.copy(), np.zeros(2)
    for one in people:
        if one.there.any():
            heights, _, evidence = _heights([one], frame)
            levels = most_probable_levels(heights, evidence, slope_sd)
            own = levels.slope_precision(heights, evidence, slope_sd)
            precision += own - expected
            weighted += own @ levels.slopes
    covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
    return Vertical(_up(frame, covariance @ weighted), frame[:2], covariance)


def _prior(up_camera: Floats, *, pitch_sd_deg: float, roll_sd_deg: float) -> tuple[Floats, Floats]:
    """Rows across the view, along it and up in the camera's frame (3, 3), and deviations (2,) of up's slopes."""
    if not (np.isfinite(up_camera).all() and np.linalg.norm(up_camera) > 0):
        raise ValueError(f"expected direction of up {up_camera}; it must be finite and not 0")
    if not all(0 < sd < 90 for sd in (pitch_sd_deg, roll_sd_deg)):
        raise ValueError(f"deviations {pitch_sd_deg} and {roll_sd_deg} of up; give degrees between 0 and 90")
    up = np.asarray(up_camera, float) / np.linalg.norm(up_camera)
    sine = abs(float(up[2]))  # of how far the camera looks up or down, by which its pitch's error turns about the view
    across_sd_deg = np.hypot(roll_sd_deg * np.sqrt(1 - sine**2), pitch_sd_deg * sine)
    return np.stack([*_horizontal(up), up]), np.tan(np.deg2rad([across_sd_deg, pitch_sd_deg]))


def _heights(people: Sequence[Contacts], frame: Floats) -> tuple[Floats, Floats, Floats]:
    """Contacts (N, 3) in a frame's axes from their mean, that mean (3,), and what each counts (N,)."""
    points = np.concatenate([one.points_m[one.there] for one in people])
    weights = np.concatenate([one.weights[one.there] for one in people])
    centre = np.average(points @ frame.T, axis=0, weights=weights)
    return points @ frame.T - centre, centre, _independent(points, weights)


def _up(frame: Floats, slopes: Floats) -> Floats:
    """(3,) unit normal in the camera's frame of planes of these slopes in a frame's axes."""
    normal = np.array([*-slopes, 1.0])
    return np.asarray(frame.T @ normal / np.linalg.norm(normal))


def T_camera_world(ground: Ground, *, origin_m: Floats, forward: Floats) -> Floats:
    """The transform (4, 4), p_camera = T_camera_world @ p_world, into a world whose ground is y = 0.

    Args:
        ground: gives y, up.
        origin_m: (3,) a point in the camera's frame, on the ground below or above which the world's origin lies.
        forward: (3,) direction in the camera's frame, of travel or facing; its horizontal part is the world's x.

    Raises:
        ValueError: forward has no horizontal part.
    """
    up = ground.up_camera
    horizontal = forward - (forward @ up) * up
    if not np.linalg.norm(horizontal) > 1e-6 * max(float(np.linalg.norm(forward)), 1e-12):
        raise ValueError(f"forward {forward} points along up {up}; it must have a horizontal part")
    x = horizontal / np.linalg.norm(horizontal)
    T = np.eye(4)
    T[:3, :3] = np.stack([x, up, np.cross(x, up)], axis=1)
    T[:3, 3] = origin_m + (ground.height_m - origin_m @ up) * up
    return T


def _horizontal(up: Floats) -> tuple[Floats, Floats]:
    """Two horizontal axes, across the view and along it; any of a view straight up or down."""
    along = np.array([0.0, 0.0, 1.0]) - up[2] * up
    if np.linalg.norm(along) < LEAST_LEVEL:
        along = np.cross(up, [1.0, 0.0, 0.0])
    along /= np.linalg.norm(along)
    return np.cross(along, up), along


def _independent(points: Floats, weights: Floats) -> Floats:
    """Weights (N,) with which the points of a cell together count as one contact at most."""
    _, cell = np.unique(np.floor(points / CELL_M), axis=0, return_inverse=True)
    return weights / np.maximum(np.bincount(cell.ravel(), weights=weights), 1.0)[cell.ravel()]


@dataclass(frozen=True, eq=False)
class _Rest:
    """A time in which all feet of a person that rest do so on one level.

    Attributes:
        level: its number.
        duration_s: of the frames in which they do.
        first_m: their mean height in its first REACH_S.
        last_m: likewise in its last.
    """

    level: int
    duration_s: float
    first_m: float
    last_m: float


def _ground_level(people: Sequence[Sequence[_Rest]], levels: Levels) -> int:
    """The lowest level on which somebody stands; where nobody does for STANDS_S, the lowest of all."""
    stood = {level for rests in people for level in _stood_on(rests, levels)}
    return min(stood or range(len(levels.heights)), key=lambda level: levels.heights[level])


def _stood_on(rests: Sequence[_Rest], levels: Levels) -> set[int]:
    """The level of most of a person's time, and those to or from which they step."""
    if not rests:
        return set()
    duration_s = np.bincount([rest.level for rest in rests], weights=[rest.duration_s for rest in rests])
    found = {int(duration_s.argmax())}
    for before, after in pairwise(rests):
        step_m = levels.heights[after.level] - levels.heights[before.level]
        if step_m and (after.first_m - before.last_m) / step_m >= STEP_SHARE:
            found |= {before.level, after.level}
    return found


def _rests(person: Contacts, levels: Levels, points: Floats) -> list[_Rest]:
    """A person's rests in order, those of STANDS_S and more.

    Args:
        person: where their feet rest.
        levels: on which they may.
        points: (T, P, 3) the same points in the axes of the levels.
    """
    level, off = (array.reshape(person.weights.shape) for array in levels.nearest(points.reshape(-1, 3)))
    resting = person.there & (np.abs(off) < OUTLIER_M)
    frames = np.flatnonzero(resting.any(axis=1))
    lowest, highest = (
        pick(np.where(resting, level, none), axis=1)[frames]
        for pick, none in ((np.min, len(levels.heights)), (np.max, -1))
    )
    at = np.where(lowest == highest, lowest, -1)
    height_m = np.where(resting, levels.heights[level] + off, 0.0).sum(axis=1)[frames] / resting.sum(axis=1)[frames]
    duration_s, time_s = _durations_s(person.time_s)[frames], person.time_s[frames]
    found = []
    for part in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(at)) + 1):
        if len(part) and at[part[0]] >= 0 and duration_s[part].sum() >= STANDS_S - 1e-9:
            early, late = time_s[part] <= time_s[part[0]] + REACH_S, time_s[part] >= time_s[part[-1]] - REACH_S
            means = (float(height_m[part][which].mean()) for which in (early, late))
            found.append(_Rest(int(at[part[0]]), float(duration_s[part].sum()), *means))
    return found


def _durations_s(time_s: Floats) -> Floats:
    """(T,) for which each frame stands: to the next one, at most the median interval."""
    if len(time_s) < 2:
        return np.zeros(len(time_s))
    steps_s = np.diff(time_s)
    return np.minimum(np.append(steps_s, steps_s[-1]), np.median(steps_s))
