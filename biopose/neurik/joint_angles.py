"""Joint angles of a skeleton in closed form, from the orientations of its segments: what the network corrects.

The angles of three orthogonal axes are exact; of other joints the rotation vector is shared among the axes, which is
exact for a hinge and near enough for ankle and wrist.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from biopose.neurik.marker_segments import FittedSegments, SegmentFit, reference_posture
from biopose.skeleton.angles import orthogonal_triples, wrap
from biopose.skeleton.ik.least_squares import root_coordinates
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.rotations import body_fixed_angles, other_angles, rotation_vector


def limited_coordinates(skeleton: Skeleton) -> list[int]:
    """The C coordinates that have a range: all free ones but those of the root."""
    return [c for c in skeleton.free_coordinates if c not in root_coordinates(skeleton)]


class JointAngles(nn.Module):
    """Computes the limited coordinates of a skeleton.

    Args:
        skeleton: the default one.
        fit: of its segments.
    """

    middle: Tensor
    low: Tensor
    high: Tensor
    shares: Tensor
    reference: Tensor
    triples: Tensor
    R_parent_child: Tensor
    axes: Tensor

    def __init__(self, skeleton: Skeleton, fit: SegmentFit) -> None:
        super().__init__()
        limited = limited_coordinates(skeleton)
        self.parents = fit.parents
        ranges = torch.tensor([[skeleton.coordinates[c].range_min, skeleton.coordinates[c].range_max] for c in limited])
        reference = reference_posture(skeleton)[limited].float()
        moved_by, axes = _axes(skeleton, fit)
        self.moved = [moved_by[c] for c in limited]  # the segment that each coordinate moves relative to its parent
        triples = [t for t in orthogonal_triples(skeleton) if set(t) <= set(limited)]
        self.triple_segments = [moved_by[triple[0]] for triple in triples]
        shares = torch.zeros(len(fit.bodies), 3, len(limited))
        for segment in set(self.moved):
            columns = [k for k, s in enumerate(self.moved) if s == segment]
            observed = _observable(skeleton, fit, segment) @ torch.stack([axes[limited[k]] for k in columns], 1)
            shares[segment][:, columns] = torch.linalg.pinv(observed).T
        tables = {"low": ranges[:, 0], "high": ranges[:, 1], "reference": reference, "shares": shares.flatten(0, 1)}
        tables["triples"] = torch.tensor([[limited.index(c) for c in triple] for triple in triples])
        tables["R_parent_child"] = fit.R_parent_child
        tables["axes"] = torch.stack([torch.stack([axes[c] for c in triple]) for triple in triples])
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    def forward(self, fitted: FittedSegments) -> tuple[Tensor, Tensor, Tensor]:
        """Compute angles.

        Returns:
            angles (..., C) radians, perhaps beyond the ranges; their observability (..., C), 0 to 1; and the rotation
            of each segment relative to its parent, from the reference posture (..., S, 3, 3).
        """
        angles, rotation = self.between(fitted.R_world_segment)
        return angles, fitted.observability[..., self.moved, 0], rotation

    def between(self, R_world_segment: Tensor) -> tuple[Tensor, Tensor]:
        """Of segments (..., S, 3, 3): angles (..., C) and rotations (..., S, 3, 3) as `forward` has them."""
        rotation = R_world_segment[..., self.parents, :, :].mT @ R_world_segment @ self.R_parent_child.mT
        angles = self.reference + rotation_vector(rotation).flatten(-2) @ self.shares
        three = self._in_range(body_fixed_angles(rotation[..., self.triple_segments, :, :], self.axes))
        return angles.index_copy(-1, self.triples.flatten(), three.flatten(-2)), rotation

    def _in_range(self, angles: Tensor) -> Tensor:
        """The representation of triples (..., J, 3) that lies in their ranges, or nearest to them."""
        low, high = self.low[self.triples], self.high[self.triples]
        middle = (low + high) / 2
        candidates = torch.stack([angles, other_angles(angles)])
        candidates = middle + wrap(candidates - middle)
        beyond = ((low - candidates).clamp(min=0) + (candidates - high).clamp(min=0)).sum(-1, keepdim=True)
        return torch.where(beyond[1] < beyond[0], candidates[1], candidates[0])


def _observable(skeleton: Skeleton, fit: SegmentFit, segment: int) -> Tensor:
    """(3, 3) projection of a small rotation in the parent's frame onto what the markers observe.

    A single marker does not observe the rotation about the line through it. The toes' axis lies at 39 degrees to that
    line, so their marker moves little with them.
    """
    own = [marker for marker in skeleton.markers if marker.body == fit.bodies[segment]]
    if int(fit.filled[segment].sum()) != 1 or not own:
        return torch.eye(3)
    line = fit.R_parent_child[segment] @ (torch.from_numpy(own[0].location_m).float() - fit.p_child_joint[segment])
    line = torch.nn.functional.normalize(line, dim=0)
    return torch.eye(3) - torch.outer(line, line)


def _axes(skeleton: Skeleton, fit: SegmentFit) -> tuple[dict[int, int], dict[int, Tensor]]:
    """For each coordinate that is the angle of an axis: the segment that it moves, and the axis in its parent."""
    kinematics = Kinematics(skeleton)
    pose = kinematics.with_coordinates(reference_posture(skeleton))
    twists, moved, axes = pose.twists()[:, :3], {}, {}
    for row, (joint, number, axis) in enumerate(kinematics.axes):
        if axis.coordinate is None or number > 2 or not axis.is_plain:
            continue
        for segment, (body, parent) in enumerate(zip(fit.bodies, fit.parents, strict=True)):
            before = skeleton.ancestors[fit.bodies[parent]] if segment else frozenset()
            if joint + 1 in skeleton.ancestors[body] - before:
                moved[axis.coordinate] = segment
                axes[axis.coordinate] = (pose.R_ground_body[fit.bodies[parent]].mT @ twists[row]).float()
    return moved, axes
