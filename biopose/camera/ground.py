"""Ground plane, gravity and the world's frame, from where people's feet rest, in the camera's frame.

The plane is the most probable one given a prior for the direction of up (from how the camera is held, from the people)
and the contact points. A contact lasts many frames and all of them share its errors, so points within one cell of
CELL_M count as one observation at most. Contacts along a line determine the slope along it; across it only the prior
does.

When feet rest at two levels (a box, a kerb, a landing mat), the plane that explains most contacts is found first. Then
the ground is the lowest level parallel to it on which at least LEVEL_SHARE of the contacts lie; few points below it are
feet that were misplaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONTACT_SD_M = 0.04  # of a contact's height above the ground: the point on the foot, and depth from one camera
OUTLIER_M = 3 * CONTACT_SD_M
CELL_M = 0.2
LEVEL_SHARE = 0.25
TILTS = np.linspace(-2.0, 2.0, 5)  # standard deviations of the prior, in two directions: where the search begins
HEIGHTS = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)  # quantiles of the points' heights: likewise
STEPS = 20


@dataclass(frozen=True, eq=False)
class Ground:
    """A plane in the camera's frame: up_camera @ p_camera = height_m.

    Attributes:
        up_camera: (3,) unit normal, against gravity.
        height_m: of the ground along up, from the camera's centre: negative where the camera is above the ground.
        residual_m: root mean square distance from the plane of the contacts that lie on it.
        up_sd_deg: standard deviation of up's direction, in the worse known of its two directions.
    """

    up_camera: Floats
    height_m: float
    residual_m: float
    up_sd_deg: float


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
    plane, votes, information = _dominant(heights - centre, evidence, slope_sd)
    plane, votes, information = _lowest(heights - centre, evidence, slope_sd, plane, votes, information)
    normal = np.array([-plane[0], -plane[1], 1.0])
    length = float(np.linalg.norm(normal))
    off = (heights - centre) @ normal / length - plane[2] / length
    return Ground(
        up_camera=frame.T @ normal / length,
        height_m=float((plane[2] + normal @ centre) / length),
        residual_m=float(np.sqrt(np.average(off**2, weights=votes))),
        up_sd_deg=float(np.rad2deg(np.arctan(np.sqrt(np.linalg.eigvalsh(np.linalg.inv(information)[:2, :2])[-1])))),
    )


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


def _dominant(points: Floats, evidence: Floats, slope_sd: float) -> tuple[Floats, Floats, Floats]:
    """The most probable of the planes found from a grid of tilts and heights."""
    found = []
    for tilt_x in TILTS * slope_sd:
        for tilt_y in TILTS * slope_sd:
            level = points[:, 2] - points[:, :2] @ [tilt_x, tilt_y]
            found += [np.array([tilt_x, tilt_y, height]) for height in np.quantile(level, HEIGHTS)]
    costs = [_cost(points, evidence, slope_sd, plane) for plane in found]
    best = [_refined(points, evidence, slope_sd, found[index]) for index in np.argsort(costs)[:5]]
    return min(best, key=lambda result: _cost(points, evidence, slope_sd, result[0]))


def _lowest(
    points: Floats, evidence: Floats, slope_sd: float, plane: Floats, votes: Floats, information: Floats
) -> tuple[Floats, Floats, Floats]:
    """A lower level than the plane's, if enough contacts lie on one."""
    below = points[:, 2] - points[:, :2] @ plane[:2] - plane[2]
    for height in np.quantile(below, HEIGHTS):
        on = np.abs(below - height) < CONTACT_SD_M * 2
        if height < -OUTLIER_M and evidence[on].sum() >= LEVEL_SHARE * evidence.sum():
            return _refined(points, evidence, slope_sd, plane + np.array([0.0, 0.0, height]))
    return plane, votes, information


def _refined(points: Floats, evidence: Floats, slope_sd: float, plane: Floats) -> tuple[Floats, Floats, Floats]:
    """Plane (3,): two slopes and the height at 0, by reweighted least squares; votes (N,); information (3, 3)."""
    basis = np.column_stack([points[:, :2], np.ones(len(points))])
    prior = np.diag([slope_sd**-2, slope_sd**-2, 1e-6])
    for _ in range(STEPS):
        votes = _votes(points, evidence, plane)
        weighted = basis * votes[:, None] / CONTACT_SD_M**2
        information = weighted.T @ basis + prior
        plane = np.asarray(np.linalg.solve(information, weighted.T @ points[:, 2]), dtype=np.float64)
    return plane, votes, information


def _votes(points: Floats, evidence: Floats, plane: Floats) -> Floats:
    """Tukey's biweight of each point's height above a plane; never all zero."""
    off = points[:, 2] - points[:, :2] @ plane[:2] - plane[2]
    return evidence * (np.clip(1 - (off / OUTLIER_M) ** 2, 0, None) ** 2 + 1e-9)


def _cost(points: Floats, evidence: Floats, slope_sd: float, plane: Floats) -> float:
    """Negative logarithm of a plane's probability, up to a constant."""
    off = points[:, 2] - points[:, :2] @ plane[:2] - plane[2]
    tukey = 1 - np.clip(1 - (off / OUTLIER_M) ** 2, 0, None) ** 3
    return float(OUTLIER_M**2 / (6 * CONTACT_SD_M**2) * (evidence @ tukey) + 0.5 * np.sum((plane[:2] / slope_sd) ** 2))
