"""Ground plane, gravity and the world's frame, from where people's feet rest, in the camera's frame.

The plane is the most probable one given a prior for the direction of up (from how the camera is held, from the people)
and the contact points. A contact lasts many frames and all of them share its errors, so points within one cell of
CELL_M count as one observation at most. Contacts along a line determine the slope along it; across it only the prior
does.

Feet may rest at several levels (a box, stairs, a landing mat), which are parallel, so that somebody who steps off a box
does not make a ramp of box and floor. Each further level must explain more than one contact that lies on no other, and
levels lie at least LEAST_STEP_M apart: less is within the error of a contact, so a low kerb is part of one plane. The
ground is the lowest level with at least LEVEL_SHARE of the contacts; few points below it are feet that were
misplaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONTACT_SD_M = 0.04  # of a contact's height above the ground: the point on the foot, and depth from one camera
OUTLIER_M = 3 * CONTACT_SD_M
LEAST_STEP_M = OUTLIER_M
CELL_M = 0.2
LEVEL_SHARE = 0.2
OFF_COST = OUTLIER_M**2 / (6 * CONTACT_SD_M**2)  # of a contact that lies on no level: Tukey's loss of an outlier
LEVEL_COST = OFF_COST  # of each level beyond the first
MOST_LEVELS = 4
TILTS = np.linspace(-2.0, 2.0, 5)  # standard deviations of the prior, in two directions: where the search begins
HEIGHTS = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)  # quantiles of the points' heights: likewise
STEPS = 20


@dataclass(frozen=True, eq=False)
class Ground:
    """A plane in the camera's frame: up_camera @ p_camera = height_m.

    Attributes:
        up_camera: (3,) unit normal, against gravity.
        height_m: of the ground along up, from the camera's centre: negative where the camera is above the ground.
    """

    up_camera: Floats
    height_m: float


def ground_from_contacts(contact_points_m: Floats, weights: Floats, *, up_camera: Floats, up_sd_deg: float) -> Ground:
    """The most probable ground under contact points.

    Args:
        contact_points_m: (N, 3) where feet rest, in the camera's frame.
        weights: (N,) probability of each contact, from 0 to 1.
        up_camera: (3,) expected direction of up; it need not have unit length.
        up_sd_deg: standard deviation of that expectation about each of the two horizontal axes.

    Raises:
        ValueError: arrays that do not fit together, no contact at all, or a direction or deviation that is none.
    """
    points, weights = _checked(contact_points_m, weights)
    if not (np.isfinite(up_camera).all() and np.linalg.norm(up_camera) > 0 and 0 < up_sd_deg < 90):
        raise ValueError(f"expected direction {up_camera} of up with {up_sd_deg} degrees; give a direction and 0 to 90")
    up = np.asarray(up_camera, float) / np.linalg.norm(up_camera)
    frame = np.stack([*_horizontal(up), up])  # rows: two horizontal axes and up, in the camera's frame
    heights = points @ frame.T
    centre = np.average(heights, axis=0, weights=weights)
    evidence = _independent(points, weights)
    slope_sd = np.tan(np.deg2rad(up_sd_deg))
    found = _most_probable(heights - centre, evidence, slope_sd)
    height = found.lowest(heights - centre, evidence)
    normal = np.array([*-found.slopes, 1.0])
    length = float(np.linalg.norm(normal))
    return Ground(up_camera=frame.T @ normal / length, height_m=float((height + normal @ centre) / length))


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


def _checked(points: Floats, weights: Floats) -> tuple[Floats, Floats]:
    points, weights = np.asarray(points, float), np.asarray(weights, float)
    if points.ndim != 2 or points.shape[1] != 3 or weights.shape != points.shape[:1]:
        raise ValueError(f"expected points (N, 3) and weights (N,), got {points.shape} and {weights.shape}")
    if not (np.isfinite(points).all() and np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("contact points and weights must be finite, and weights not negative")
    if not (weights > 0).any():
        raise ValueError("no contact with the ground: at least one point with a weight above 0 is needed")
    return points[weights > 0], weights[weights > 0]


def _horizontal(up: Floats) -> tuple[Floats, Floats]:
    across = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    across /= np.linalg.norm(across)
    return across, np.cross(up, across)


def _independent(points: Floats, weights: Floats) -> Floats:
    """Weights (N,) with which the points of a cell together count as one contact at most."""
    _, cell = np.unique(np.floor(points / CELL_M), axis=0, return_inverse=True)
    return weights / np.maximum(np.bincount(cell.ravel(), weights=weights), 1.0)[cell.ravel()]


@dataclass(frozen=True, eq=False)
class _Levels:
    """Parallel planes: two slopes, and the height of each at 0."""

    slopes: Floats
    heights: Floats

    def off(self, points: Floats) -> Floats:
        """(N, L) heights of points above each level."""
        return np.asarray((points[:, 2] - points[:, :2] @ self.slopes)[:, None] - self.heights)

    def nearest(self, points: Floats) -> tuple[NDArray[np.intp], Floats]:
        """(N,) each point's level, and its height above it."""
        off = self.off(points)
        level = np.abs(off).argmin(axis=1)
        return level, off[np.arange(len(points)), level]

    def cost(self, points: Floats, evidence: Floats, slope_sd: float) -> float:
        """Negative logarithm of their probability, up to a constant; infinite where two are nearer than a step."""
        if len(self.heights) > 1 and np.diff(np.sort(self.heights)).min() < LEAST_STEP_M:
            return float("inf")
        of_slopes = 0.5 * float(np.sum((self.slopes / slope_sd) ** 2))
        of_points = float(evidence @ _tukey_loss(self.nearest(points)[1]))
        return of_points + of_slopes + LEVEL_COST * (len(self.heights) - 1)

    def refined(self, points: Floats, evidence: Floats, slope_sd: float) -> _Levels:
        """The most probable near these, by reweighted least squares; each point keeps to its nearest level."""
        at = self
        for _ in range(STEPS):
            basis, weighted = at._basis(points, evidence)
            information = weighted.T @ basis + _prior(slope_sd, len(at.heights))
            solved = np.asarray(np.linalg.solve(information, weighted.T @ points[:, 2]), dtype=np.float64)
            at = _Levels(solved[:2], solved[2:])
        return at

    def _basis(self, points: Floats, evidence: Floats) -> tuple[Floats, Floats]:
        """(N, 2 + L) of the linear model of heights, and the same times each point's precision."""
        level, off = self.nearest(points)
        basis = np.column_stack([points[:, :2], np.eye(len(self.heights))[level]])
        return basis, basis * (evidence * _votes(off) / CONTACT_SD_M**2)[:, None]

    def lowest(self, points: Floats, evidence: Floats) -> float:
        """Height of the lowest level with enough of the contacts."""
        level, off = self.nearest(points)
        votes = evidence * (_votes(off) + 1e-9)
        shares = np.bincount(level, weights=votes, minlength=len(self.heights)) / votes.sum()
        enough = np.flatnonzero(shares >= min(LEVEL_SHARE, shares.max()))
        return float(self.heights[enough].min())


def _most_probable(points: Floats, evidence: Floats, slope_sd: float) -> _Levels:
    """Of those found from a grid of tilts; the most probable single level is always among those refined."""
    found = []
    for tilt_x in TILTS * slope_sd:
        for tilt_y in TILTS * slope_sd:
            found += _with_more_levels(np.array([tilt_x, tilt_y]), points, evidence, slope_sd)
    likely = sorted(found, key=lambda levels: levels.cost(points, evidence, slope_sd))
    single = next(levels for levels in likely if len(levels.heights) == 1)
    refined = [levels.refined(points, evidence, slope_sd) for levels in (*likely[:5], single)]
    return min(refined, key=lambda levels: levels.cost(points, evidence, slope_sd))


def _with_more_levels(slopes: Floats, points: Floats, evidence: Floats, slope_sd: float) -> list[_Levels]:
    """The best single level of a tilt, the best two with this one, and so on while each gains more than it costs."""
    heights = np.quantile(points[:, 2] - points[:, :2] @ slopes, HEIGHTS)
    found: list[_Levels] = []
    while len(found) < MOST_LEVELS:
        kept = found[-1].heights if found else np.empty(0)
        further = [_Levels(slopes, np.append(kept, height)) for height in heights]
        best = min(further, key=lambda levels: levels.cost(points, evidence, slope_sd))
        if found and best.cost(points, evidence, slope_sd) >= found[-1].cost(points, evidence, slope_sd):
            break
        found.append(best)
    return found


def _prior(slope_sd: float, levels: int) -> Floats:
    """(2 + L, 2 + L) information of slopes and heights before any contact."""
    return np.diag([slope_sd**-2, slope_sd**-2, *[1e-6] * levels])


def _votes(off: Floats) -> Floats:
    """Tukey's biweight (N,) of heights above a level."""
    return np.asarray(np.clip(1 - (off / OUTLIER_M) ** 2, 0, None) ** 2)


def _tukey_loss(off: Floats) -> Floats:
    """Tukey's loss (N,) of heights above a level, up to OFF_COST."""
    return np.asarray(OFF_COST * (1 - np.clip(1 - (off / OUTLIER_M) ** 2, 0, None) ** 3))
