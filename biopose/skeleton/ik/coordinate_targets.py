"""Values that coordinates should have besides what markers show: OpenSim's coordinate tasks, for both solvers.

OpenSim's solver minimises sum_m w_m |x_m - y_m|^2 / sum_m w_m + sum_c w_c (q_c - t_c)^2: Simbody's Markers goal divides
by the weights of the frame's markers, its QValue goal does not. So a coordinate's weight is relative to all markers
together: with a weight of 1, a radian counts as much as a metre of RMS marker error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.errors import ModelError
from biopose.skeleton.angles import Representation, wrap
from biopose.skeleton.ik.normal_equations import NormalEquations
from biopose.skeleton.model import Skeleton


@dataclass(frozen=True, eq=False)
class CoordinateTargets:
    """What a recording's coordinates should be.

    Attributes:
        names: C coordinates.
        values: (F, C) radians or metres.
        weights: (C,) above 0, of the squared differences; see the module.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class TargetTerms:
    """The targets of a batch of frames, as terms of a least-squares problem.

    Attributes:
        values: (F, n) by unknown; 0 where there is none.
        weights: (F, n) of the squared differences, as those of the markers; 0 where there is none.
    """

    values: Tensor
    weights: Tensor

    def __getitem__(self, keep: Tensor) -> TargetTerms:
        """The frames that a mask keeps."""
        return TargetTerms(self.values[keep], self.weights[keep])

    def cost(self, x: Tensor) -> Tensor:
        """(F,) of unknowns (F, n)."""
        return (self.weights * (self.values - x).square()).sum(-1)

    def added_to(self, equations: NormalEquations, x: Tensor) -> NormalEquations:
        """The normal equations of markers and targets together, at unknowns (F, n)."""
        return NormalEquations(
            equations.cost + self.cost(x),
            equations.gradient + self.weights * (self.values - x),
            equations.matrix + torch.diag_embed(self.weights),
            equations.scale + self.weights,
        )


class RecordingTargets:
    """The targets of a whole recording, by coordinate."""

    def __init__(self, targets: CoordinateTargets, skeleton: Skeleton, *, like: Tensor) -> None:
        """Lays the targets out by coordinate.

        Args:
            targets: of the recording.
            skeleton: that is solved for.
            like: a tensor on the device and of the type to compute with.

        Raises:
            ModelError: a coordinate is not free: locked, or determined by others.
        """
        self.columns = [skeleton.coordinate_names.index(name) for name in targets.names]
        free = set(skeleton.free_coordinates)
        if fixed := [name for name, c in zip(targets.names, self.columns, strict=True) if c not in free]:
            raise ModelError(
                f"{', '.join(fixed)}: locked or coupled to other coordinates, so a target cannot move them; give the "
                "target to the coordinate that they are coupled to"
            )
        self._values = like.new_zeros(len(targets.values), len(skeleton.coordinates))
        self._values[:, self.columns] = torch.from_numpy(targets.values).to(like)
        self._weights = like.new_zeros(len(skeleton.coordinates))
        self._weights[self.columns] = torch.from_numpy(targets.weights).to(like)

    def terms(self, frames: Tensor, columns: list[int], marker_weight: Tensor) -> TargetTerms:
        """The terms of some frames and unknowns.

        Args:
            frames: (F,) indices.
            columns: n coordinates.
            marker_weight: (F,) sum of the weights of the frame's markers.
        """
        return TargetTerms(self._values[frames][:, columns], marker_weight[:, None] * self._weights[columns])

    def representation_without(self, representation: Representation) -> Representation:
        """The freedom that is left to write a pose otherwise: a target distinguishes equivalent angles."""
        mine = set(self.columns)
        return Representation(
            [c for c in representation.periodic if c not in mine],
            [triple for triple in representation.triples if not mine & set(triple)],
            representation.lower,
            representation.upper,
        )

    def nearest(self, q: Tensor, frames: Tensor, representation: Representation) -> Tensor:
        """The same poses (F, Q), each written as near to the targets as the representation's freedom allows."""
        q, target = q.clone(), self._values[frames]
        periodic = set(representation.periodic)
        for triple in representation.triples:
            if set(self.columns) & set(triple) and set(triple) <= periodic:
                angles, weights = q[:, triple], self._weights[triple]
                other = angles * angles.new_tensor([1.0, -1.0, 1.0]) + torch.pi
                costs = [(weights * wrap(a - target[:, triple]).square()).sum(-1) for a in (angles, other)]
                q[:, triple] = torch.where((costs[1] < costs[0])[:, None], other, angles)
        turned = [c for c in self.columns if c in periodic]
        q[:, turned] = target[:, turned] + wrap(q[:, turned] - target[:, turned])
        return q

    def set_unobserved(
        self, q: Tensor, frames: Tensor, *, variables: list[int], bounds: dict[int, tuple[float, float]]
    ) -> None:
        """Give the coordinates that no marker observes their target, within their limits, in place."""
        for column in set(self.columns) - set(variables):
            low, high = bounds.get(column, (-torch.inf, torch.inf))
            q[frames, column] = self._values[frames, column].clamp(low, high)
