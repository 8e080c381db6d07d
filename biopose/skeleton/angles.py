"""Equivalent angles of a pose: multiples of 2 pi, and the two triples of rotations about orthogonal axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.skeleton.model import JointAxis, Skeleton

Angles = TypeVar("Angles", Tensor, NDArray[np.float64])


def periodic_coordinates(skeleton: Skeleton, *, limited: frozenset[int]) -> list[int]:
    """Unlimited coordinates that are the angle of just one axis, so that 2 pi more is the same pose."""
    drives: dict[int, list[bool]] = {}
    for joint in skeleton.joints:
        for number, axis in enumerate(joint.axes):
            for coordinate in axis.coordinates:
                drives.setdefault(coordinate, []).append(axis.is_plain and number < 3)
    coupled = {c for coupling in skeleton.couplings for c in (coupling.independent, coupling.dependent)}
    return [c for c, plain in sorted(drives.items()) if plain == [True] and c not in limited and c not in coupled]


def orthogonal_triples(skeleton: Skeleton) -> list[list[int]]:
    """The coordinates of each joint with three rotations about orthogonal axes, in their order."""
    plain = set(periodic_coordinates(skeleton, limited=frozenset()))
    triples = []
    for joint in skeleton.joints:
        axes: list[JointAxis] = [axis for axis in joint.axes[:3] if axis.coordinate in plain]
        directions = np.array([axis.direction for axis in axes])
        if len(axes) == 3 and np.allclose(directions @ directions.T, np.eye(3), atol=1e-9):
            triples.append([axis.coordinate for axis in axes if axis.coordinate is not None])
    return triples


def wrap(angle: Angles) -> Angles:
    """Into [-pi, pi), radians; a tensor or an array."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def unwrap(angles: Tensor) -> Tensor:
    """(F, n) made continuous along F by multiples of 2 pi."""
    return torch.cat([angles[:1], angles[:1] + wrap(angles.diff(dim=0)).cumsum(0)])


def nearest_representation(
    skeleton: Skeleton, names: list[str], values: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The same poses, each in the representation nearest the reference.

    Args:
        skeleton: whose joints determine which angles are equivalent.
        names: of the columns.
        values: (F, n) radians.
        reference: (F, n) radians.
    """
    periodic = periodic_coordinates(skeleton, limited=frozenset())
    column = {skeleton.coordinate_names.index(name): i for i, name in enumerate(names)}
    values = values.copy()
    for triple in orthogonal_triples(skeleton):
        if not all(c in column for c in triple):
            continue
        columns = [column[c] for c in triple]
        truth = reference[:, columns]
        same = truth + wrap(values[:, columns] - truth)
        other = truth + wrap(np.pi + np.array([1.0, -1.0, 1.0]) * values[:, columns] - truth)
        nearer = np.abs(other - truth).sum(axis=1) < np.abs(same - truth).sum(axis=1)
        values[:, columns] = np.where(nearer[:, None], other, same)
    alone = [column[c] for c in periodic if c in column]
    values[:, alone] = reference[:, alone] + wrap(values[:, alone] - reference[:, alone])
    return values


@dataclass(frozen=True)
class Representation:
    """Which angles of a skeleton can be written otherwise without changing the pose.

    R(a) R(b) R(c) = R(a + pi) R(pi - b) R(c + pi) about orthogonal axes; and 2 pi more is the same.

    Attributes:
        periodic: see `periodic_coordinates`.
        triples: see `orthogonal_triples`.
        lower, upper: (Q,) limits, infinite where there are none; nothing is written beyond them.
    """

    periodic: list[int]
    triples: list[list[int]]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @classmethod
    def of(cls, skeleton: Skeleton, bounds: dict[int, tuple[float, float]]) -> Representation:
        """The freedom that a skeleton has within limits, given by coordinate index."""
        limits = np.array([bounds.get(c, (-np.inf, np.inf)) for c in range(len(skeleton.coordinates))])
        periodic = periodic_coordinates(skeleton, limited=frozenset(bounds))
        return cls(periodic, orthogonal_triples(skeleton), limits[:, 0], limits[:, 1])

    def continuous(self, q: Tensor, *, after: Tensor) -> Tensor:
        """The same poses (F, Q), in order of time, each written near the one before; the first near `after`."""
        rows, before = q.cpu().numpy().copy(), after.cpu().numpy()
        for row in rows:
            for triple in self.triples:
                row[triple] = self._nearest(row[triple], before[triple], triple)
            row[self.periodic] = before[self.periodic] + wrap(row[self.periodic] - before[self.periodic])
            before = row
        return torch.from_numpy(rows).to(q)

    def continuous_in_time(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same, for the unlimited angles alone and all frames (F, Q) at once; NaN are passed over.

        Writing two neighbours otherwise leaves their distance as it is, so whether a frame is written otherwise is the
        parity of the changes before it.
        """
        q = q.copy()
        for triple in self.triples:
            if not set(triple) <= set(self.periodic):
                continue
            known = ~np.isnan(q[:, triple]).any(axis=1)
            angles = q[known][:, triple]
            other = angles * (1, -1, 1) + np.pi
            same_step = np.abs(wrap(angles[1:] - angles[:-1])).sum(axis=1)
            other_step = np.abs(wrap(other[1:] - angles[:-1])).sum(axis=1)
            flipped = np.concatenate([[False], np.cumsum(other_step < same_step) % 2 == 1])[: len(angles)]
            # A frame with an unknown angle is written as the one before it.
            otherwise = np.concatenate([[False], flipped])[np.cumsum(known)]
            q[:, triple] = np.where(otherwise[:, None], q[:, triple] * (1, -1, 1) + np.pi, q[:, triple])
        for column in self.periodic:
            known = ~np.isnan(q[:, column])
            q[known, column] = np.unwrap(q[known, column])
        return q

    def away_from_limits(self, q: Tensor) -> Tensor:
        """The same poses (F, Q), the triples that touch a limit being written otherwise where that is within limits."""
        rows = q.cpu().numpy().copy()
        for triple in self.triples:
            lower, upper, angles = self.lower[triple], self.upper[triple], rows[:, triple]
            other = wrap(angles * (1, -1, 1) + np.pi)
            other += 2 * np.pi * np.where(other < lower, 1, np.where(other > upper, -1, 0))
            touches = ((angles <= lower) | (angles >= upper)).any(axis=1)
            fits = ((other >= lower) & (other <= upper)).all(axis=1)
            rewritten = np.flatnonzero(touches & fits)
            rows[rewritten[:, None], triple] = other[rewritten]
        return torch.from_numpy(rows).to(q)

    def _nearest(
        self, angles: NDArray[np.float64], before: NDArray[np.float64], triple: list[int]
    ) -> NDArray[np.float64]:
        lower, upper = self.lower[triple], self.upper[triple]
        # What a limit holds would be free to move on if it were written otherwise, and no longer the best pose.
        if ((angles <= lower) | (angles >= upper)).any():
            return angles
        other = angles * (1, -1, 1) + np.pi
        candidates = []
        for written in (angles, other):
            near = before + wrap(written - before)
            inside = near + 2 * np.pi * np.where(near < lower, 1, np.where(near > upper, -1, 0))
            if ((inside >= lower) & (inside <= upper)).all():
                candidates.append(inside)
        return min(candidates, key=lambda c: np.abs(c - before).sum(), default=angles)
