"""The parallel planes on which contacts lie: the most probable slopes and heights, and how many levels there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]

CONTACT_SD_M = 0.04  # of a contact's height above the ground: the point on the foot, and depth from one camera
OUTLIER_M = 3 * CONTACT_SD_M
LEAST_STEP_M = OUTLIER_M
OFF_COST = OUTLIER_M**2 / (6 * CONTACT_SD_M**2)  # of a contact that lies on no level: Tukey's loss of an outlier
LEVEL_COST = OFF_COST  # of each level beyond the first
# By which levels must be more probable than one plane on which all feet rest: floors are commoner than stairs. Of
# six films of stairs along the view it was 1.6 to 14, of walks away from cameras 2.6 and 2.8 m high 0.5 and 1.9.
STAIRS_COST = 2.0
OFF_SHARE = 0.05  # of the evidence, that may lie off a plane on which all rest
MOST_LEVELS = 4
TILTS = np.linspace(-2.0, 2.0, 5)  # standard deviations of the prior, in two directions: where the search begins
STEPS = 20


@dataclass(frozen=True, eq=False)
class Levels:
    """Parallel planes: two slopes, and the height of each at 0."""

    slopes: Floats
    heights: Floats

    @property
    def are_apart(self) -> bool:
        """Whether no two are nearer than a step."""
        return len(self.heights) == 1 or bool(np.diff(np.sort(self.heights)).min() >= LEAST_STEP_M - 1e-9)

    def off(self, points: Floats) -> Floats:
        """(N, L) heights of points above each level."""
        return np.asarray((points[:, 2] - points[:, :2] @ self.slopes)[:, None] - self.heights)

    def nearest(self, points: Floats) -> tuple[NDArray[np.intp], Floats]:
        """(N,) each point's level, and its height above it."""
        off = self.off(points)
        level = np.abs(off).argmin(axis=1)
        return level, off[np.arange(len(points)), level]

    def cost(self, points: Floats, evidence: Floats, slope_sd: Floats) -> float:
        """Negative logarithm of their probability, up to a constant; infinite where two are nearer than a step."""
        if not self.are_apart:
            return float("inf")
        of_slopes = 0.5 * float(np.sum((self.slopes / slope_sd) ** 2))
        of_points = float(evidence @ _tukey_loss(self.nearest(points)[1]))
        return of_points + of_slopes + LEVEL_COST * (len(self.heights) - 1)

    def refined(self, points: Floats, evidence: Floats, slope_sd: Floats) -> Levels:
        """The most probable near these, by reweighted least squares; each point keeps to its nearest level.

        Levels that would come nearer to one another than a step are kept so far apart.
        """
        at = self
        for _ in range(STEPS):
            basis, weighted = at._basis(points, evidence)
            information = weighted.T @ basis + _prior(slope_sd, len(at.heights))
            solved = np.asarray(np.linalg.solve(information, weighted.T @ points[:, 2]), dtype=np.float64)
            at = Levels(solved[:2], _kept_apart(solved[2:], np.diag(information)[2:]))
        return at

    def covariance(self, points: Floats, evidence: Floats, slope_sd: Floats) -> Floats:
        """(2 + L, 2 + L) of the slopes and heights, given the slopes' prior and points."""
        basis, weighted = self._basis(points, evidence)
        return np.asarray(np.linalg.inv(weighted.T @ basis + _prior(slope_sd, len(self.heights))))

    def slope_precision(self, points: Floats, evidence: Floats, slope_sd: Floats) -> Floats:
        """(2, 2) inverse covariance of the slopes, given their prior and points whose levels' heights are unknown."""
        return np.asarray(np.linalg.inv(self.covariance(points, evidence, slope_sd)[:2, :2]))

    def _basis(self, points: Floats, evidence: Floats) -> tuple[Floats, Floats]:
        """(N, 2 + L) of the linear model of heights, and the same times each point's precision."""
        level, off = self.nearest(points)
        basis = np.column_stack([points[:, :2], np.eye(len(self.heights))[level]])
        return basis, basis * (evidence * _votes(off) / CONTACT_SD_M**2)[:, None]


def most_probable_levels(points: Floats, evidence: Floats, slope_sd: Floats) -> Levels:
    """Of those found from a grid of tilts; the most probable single level is always among those refined.

    That is preferred, by STAIRS_COST, if all feet rest on it: a floor may be as much tilted as stairs are steep.
    """
    found = []
    for tilt_x in TILTS * slope_sd[0]:
        for tilt_y in TILTS * slope_sd[1]:
            found += _with_more_levels(np.array([tilt_x, tilt_y]), points, evidence, slope_sd)
    likely = sorted(found, key=lambda levels: levels.cost(points, evidence, slope_sd))
    single = next(levels for levels in likely if len(levels.heights) == 1)
    refined = [levels.refined(points, evidence, slope_sd) for levels in (*likely[:5], single)]
    best = min(refined, key=lambda levels: levels.cost(points, evidence, slope_sd))
    floor = refined[-1]
    off = evidence @ (np.abs(floor.off(points)[:, 0]) > OUTLIER_M)
    costs = [levels.cost(points, evidence, slope_sd) for levels in (floor, best)]
    return floor if off <= OFF_SHARE * evidence.sum() and costs[0] - costs[1] < STAIRS_COST else best


def _with_more_levels(slopes: Floats, points: Floats, evidence: Floats, slope_sd: Floats) -> list[Levels]:
    """The best single level of a tilt, the best two with this one, and so on while each gains more than it costs."""
    heights = _candidates(points[:, 2] - points[:, :2] @ slopes)
    found: list[Levels] = []
    while len(found) < MOST_LEVELS:
        kept = found[-1].heights if found else np.empty(0)
        further = [Levels(slopes, np.append(kept, height)) for height in heights]
        best = min(further, key=lambda levels: levels.cost(points, evidence, slope_sd))
        if found and best.cost(points, evidence, slope_sd) >= found[-1].cost(points, evidence, slope_sd):
            break
        found.append(best)
    return found


def _candidates(heights_m: Floats) -> Floats:
    """The mean of each LEAST_STEP_M of height in which there are points, however few."""
    number = np.floor((heights_m - heights_m.min()) / LEAST_STEP_M).astype(np.intp)
    count = np.bincount(number)
    return np.asarray(np.bincount(number, weights=heights_m)[count > 0] / count[count > 0])


def _kept_apart(heights: Floats, weights: Floats) -> Floats:
    """The nearest heights, by the weight of each, of which no two are nearer than a step."""
    order, steps_m = np.argsort(heights), LEAST_STEP_M * np.arange(len(heights))
    kept = heights.copy()
    kept[order] = isotonic_regression(heights[order] - steps_m, weights=weights[order]).x + steps_m
    return kept


def _prior(slope_sd: Floats, levels: int) -> Floats:
    """(2 + L, 2 + L) information of slopes and heights before any contact."""
    return np.diag([*slope_sd**-2, *[1e-6] * levels])


def _votes(off: Floats) -> Floats:
    """Tukey's biweight (N,) of heights above a level."""
    return np.asarray(np.clip(1 - (off / OUTLIER_M) ** 2, 0, None) ** 2)


def _tukey_loss(off: Floats) -> Floats:
    """Tukey's loss (N,) of heights above a level, up to OFF_COST."""
    return np.asarray(OFF_COST * (1 - np.clip(1 - (off / OUTLIER_M) ** 2, 0, None) ** 3))
