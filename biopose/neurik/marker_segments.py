"""The pose of each segment from its own markers: in closed form, from the pelvis outwards.

A segment's marker locations, and the joint with its parent, are fitted to the markers by a rigid transformation
(Kabsch). What they do not determine (a segment with one marker, the rotation about the line of two) stays as in the
reference posture. So every segment has a rotation, and `observability` is how far its markers determine it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from biopose.body.markers import MARKERS
from biopose.skeleton.angles import orthogonal_triples
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.rotations import best_rotation

SEGMENTS = (
    *("pelvis", "torso", "femur_r", "femur_l", "head", "humerus_r", "humerus_l", "tibia_r", "tibia_l"),
    *("calcn_r", "calcn_l", "ulna_r", "ulna_l", "toes_r", "toes_l", "radius_r", "radius_l", "hand_r", "hand_l"),
)
LEVELS = ((1, 2, 3), (4, 5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18))  # by the distance from the pelvis
# With a segment's own markers, the middle of these: the wrist lies on the forearm's axis however that rotates.
MIDDLES = {"ulna_r": ("ROWR", "RIWR"), "ulna_l": ("LOWR", "LIWR")}
OTHERS_WEIGHT = 2e-5  # of all other markers beside the pelvis's own: they determine it where it has none
PRIOR_M2 = 2e-5  # weight of a segment's rotation in the reference posture, against the spread of its points
HALF_OBSERVED_M2 = 5e-4  # spread of its locations at which a segment's rotation counts as half observed
SIZES = (0.5, 1.6)  # of people, over the default skeleton


@dataclass(frozen=True, eq=False)
class FittedSegments:
    """Segments fitted to markers; (...) are any batch axes, S the SEGMENTS, K slots for each one's markers.

    Attributes:
        R_world_segment: (..., S, 3, 3).
        p_world_segment: (..., S, 3) their origins, metres.
        observability: (..., S, 2) of a segment's direction, and of the rotation about it: 0 not determined, to 1.
        size: (...) of the person, over that of the default skeleton.
        stretch: (..., S) the spread of a segment's points over that of their locations at that size; 1 if missing.
        residual: (..., S, K, 3) each marker from its location, in the segment's axes, metres at the default size.
        weight: (..., S, K) of the markers, 0 in empty slots.
    """

    R_world_segment: Tensor
    p_world_segment: Tensor
    observability: Tensor
    size: Tensor
    stretch: Tensor
    residual: Tensor
    weight: Tensor


@dataclass(frozen=True, eq=False)
class _Geometry:
    """Of one skeleton, or of one for each subject (..., S, 3); metres, at default size.

    Attributes:
        p_parent_joint, p_child_joint: (S, 3) the joint of each segment with its parent, in the parent and in itself.
        p_reference: (S, 3) the segments' origins in the reference posture, from the pelvis's.
    """

    p_parent_joint: Tensor
    p_child_joint: Tensor
    p_reference: Tensor


class SegmentFit(nn.Module):
    """Fits the segments of a skeleton to named markers.

    Args:
        skeleton: the default one, unscaled.
    """

    slots: Tensor
    filled: Tensor
    middles: Tensor
    has_middle: Tensor
    owner: Tensor
    root_weight: Tensor
    p_parent_joint: Tensor
    p_child_joint: Tensor
    R_reference: Tensor
    p_reference: Tensor
    R_parent_child: Tensor

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.bodies = [skeleton.body_names.index(name) for name in SEGMENTS]
        self.parents = [self._parent(skeleton, body) for body in self.bodies]
        for name, table in (_slots() | self._reference(skeleton)).items():
            self.register_buffer(name, table, persistent=False)

    def _parent(self, skeleton: Skeleton, body: int) -> int:
        """The segment before a body on the way to the ground; the pelvis's is itself."""
        before = [s for s, other in enumerate(self.bodies) if other != body and other in skeleton.ancestors[body]]
        return max(before, key=lambda s: len(skeleton.ancestors[self.bodies[s]]), default=0)

    def _reference(self, skeleton: Skeleton) -> dict[str, Tensor]:
        """Segments, and their joints with their parents, in the reference posture."""
        pose = Kinematics(skeleton).with_coordinates(reference_posture(skeleton))
        R, p = pose.R_ground_body[self.bodies], pose.p_ground_body[self.bodies]
        centers = pose.joint_centers[self._joints(skeleton)]
        R_before, p_before = R[self.parents], p[self.parents]
        tables = {
            "R_reference": R,
            "p_reference": p - p[0],
            "R_parent_child": R_before.mT @ R,
            "p_parent_joint": ((centers - p_before)[:, None] @ R_before)[:, 0],
            "p_child_joint": ((centers - p)[:, None] @ R)[:, 0],
        }
        return {name: table.float() for name, table in tables.items()}

    def _joints(self, skeleton: Skeleton) -> list[int]:
        """The joint of each segment with its parent; any one for the pelvis."""
        found = []
        for body, parent in zip(self.bodies, self.parents, strict=True):
            between = skeleton.ancestors[body] - skeleton.ancestors[self.bodies[parent]]
            found.append(min(between, key=lambda b: len(skeleton.ancestors[b]), default=1) - 1)
        return found

    def forward(
        self, markers_m: Tensor, weight: Tensor, locations_m: Tensor, proportions: Tensor | None = None
    ) -> FittedSegments:
        """Fit all segments.

        Args:
            markers_m: (..., M, 3) by MARKERS, world; finite also where the weight is 0.
            weight: (..., M) from 0, missing, to 1.
            locations_m: (M, 3), or with batch axes, of the markers in their segments of a skeleton of default size.
            proportions: (..., S, 3) factors of that skeleton's segments; None for the unscaled one's.
        """
        y, x, w = markers_m[..., self.slots, :], locations_m[..., self.slots, :], weight[..., self.slots] * self.filled
        size = _size(y, x, w)
        geometry = self._geometry(proportions)
        R, p = self._root(markers_m, weight, locations_m, size, geometry)
        rotations, positions = [R], [p]
        stretch, observability = [torch.ones_like(size)], [_observability(x[..., 0, :, :], w[..., 0, :])]
        y_all, x_all, w_all = self._with_middles(markers_m, weight, locations_m, geometry)
        for level in LEVELS:
            before = [self.parents[s] for s in level]
            R_before = torch.stack([rotations[b] for b in before], dim=-3)
            p_before = torch.stack([positions[b] for b in before], dim=-2)
            at, c = list(level), size[..., None, None]
            joint = p_before + c * (R_before @ geometry.p_parent_joint[..., at, :, None])[..., 0]
            fit = _Alignment(
                torch.cat([x_all[..., at, :, :], geometry.p_child_joint[..., at, None, :]], dim=-2),
                torch.cat([y_all[..., at, :, :], joint[..., None, :]], dim=-2) / c[..., None],
                torch.cat([w_all[..., at, :], torch.ones_like(w_all[..., at, :1])], dim=-1),
                R_before @ self.R_parent_child[at],
            )
            rotations += fit.R.unbind(-3)
            positions += (fit.p * c).unbind(-2)
            stretch += fit.stretch.unbind(-1)
            observability += _observability(fit.x, fit.w).unbind(-2)
        R, p = torch.stack(rotations, dim=-3), torch.stack(positions, dim=-2)
        residual = ((y - p[..., None, :]) @ R) / size[..., None, None, None] - x
        return FittedSegments(
            R,
            p,
            torch.stack(observability, dim=-2),
            size,
            torch.stack(stretch, dim=-1),
            residual * (w > 0)[..., None],
            w,
        )

    def _geometry(self, proportions: Tensor | None) -> _Geometry:
        """Where the joints are, and the segments in the reference posture."""
        if proportions is None:
            return _Geometry(self.p_parent_joint, self.p_child_joint, self.p_reference)
        at_parent = self.p_parent_joint * proportions[..., self.parents, :]
        at_child = self.p_child_joint * proportions
        p = [torch.zeros_like(at_child[..., 0, :])]
        for s in range(1, len(SEGMENTS)):
            joint = p[self.parents[s]] + (self.R_reference[self.parents[s]] @ at_parent[..., s, :, None])[..., 0]
            p.append(joint - (self.R_reference[s] @ at_child[..., s, :, None])[..., 0])
        return _Geometry(at_parent, at_child, torch.stack(p, dim=-2))

    def _with_middles(
        self, markers_m: Tensor, weight: Tensor, locations_m: Tensor, geometry: _Geometry
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Points (..., S, K + 1, 3), their locations (S, K + 1, 3), weights (..., S, K + 1): the middles last."""
        middle = markers_m[..., self.middles, :].mean(-2)
        middle_weight = weight[..., self.middles].amin(-1) * self.has_middle
        owner = self.owner[self.middles]
        expected = (self.R_reference[owner] @ locations_m[..., self.middles, :, None])[..., 0]
        expected = expected + geometry.p_reference[..., owner, :]
        local = (expected.mean(-2) - geometry.p_reference)[..., None, :] @ self.R_reference
        y = torch.cat([markers_m[..., self.slots, :], middle[..., None, :]], dim=-2)
        w = torch.cat([weight[..., self.slots] * self.filled, middle_weight[..., None]], dim=-1)
        return y, torch.cat([locations_m[..., self.slots, :], local], dim=-2), w

    def _root(
        self, markers_m: Tensor, weight: Tensor, locations_m: Tensor, size: Tensor, geometry: _Geometry
    ) -> tuple[Tensor, Tensor]:
        """The pelvis by its own markers, or else by all of them in the reference posture."""
        expected = (self.R_reference[self.owner] @ locations_m[..., None])[..., 0]
        expected = expected + geometry.p_reference[..., self.owner, :]
        w = weight * self.root_weight
        x_mean, y_mean, x, y, share = _centred(expected, markers_m, w)
        R = best_rotation((x * share[..., None]).mT @ y)
        return R, y_mean - size[..., None] * (R @ x_mean[..., None])[..., 0]


class _Alignment:
    """Rigid alignment of locations x to points y (..., S, K, 3) by weights w (..., S, K), all at the default size."""

    def __init__(self, x: Tensor, y: Tensor, w: Tensor, R_prior: Tensor) -> None:
        self.x, self.w = x, w
        x_mean, y_mean, dx, dy, share = _centred(x, y, w)
        products = (dx * w[..., None]).mT @ dy
        self.R = best_rotation(products + PRIOR_M2 * R_prior.mT)
        self.p = y_mean - (self.R @ x_mean[..., None])[..., 0]
        spread = [(d.square().sum(-1) * share).sum(-1) + PRIOR_M2 for d in (dy, dx)]
        self.stretch = (spread[0] / spread[1]).sqrt()


def marker_owners(skeleton: Skeleton) -> list[int]:
    """The body that carries each marker."""
    return [skeleton.body_names.index(marker.segment) for marker in MARKERS.values()]


def reference_posture(skeleton: Skeleton) -> Tensor:
    """(Q,) arms hanging and legs straight, double; angles of joints with one or two axes in mid-range.

    So no such angle within its range is further than 180 degrees from here, where a rotation vector is ambiguous.
    """
    q = torch.zeros(len(skeleton.coordinates), dtype=torch.float64)
    triples = {c for triple in orthogonal_triples(skeleton) for c in triple}
    for i, coordinate in enumerate(skeleton.coordinates):
        if i not in triples and coordinate.motion == "rotational":
            q[i] = (coordinate.range_min + coordinate.range_max) / 2
    return torch.from_numpy(skeleton.satisfy_couplings(q.numpy()))


def _slots() -> dict[str, Tensor]:
    """The markers of each segment, padded to the most that a segment has."""
    names = list(MARKERS)
    owner = [SEGMENTS.index(marker.segment) for marker in MARKERS.values()]
    own = [[m for m, s in enumerate(owner) if s == segment] for segment in range(len(SEGMENTS))]
    most = max(map(len, own))
    middles = [[names.index(name) for name in MIDDLES.get(segment, names[:2])] for segment in SEGMENTS]
    return {
        "slots": torch.tensor([markers + [0] * (most - len(markers)) for markers in own]),
        "filled": torch.tensor([[1.0] * len(markers) + [0.0] * (most - len(markers)) for markers in own]),
        "middles": torch.tensor(middles),
        "has_middle": torch.tensor([float(segment in MIDDLES) for segment in SEGMENTS]),
        "owner": torch.tensor(owner),
        "root_weight": torch.tensor([1.0 if segment == 0 else OTHERS_WEIGHT for segment in owner]),
    }


def _centred(x: Tensor, y: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Means of points (..., K, 3) by weights (..., K), the points about them, and the weights' shares of their sum."""
    share = w / w.sum(-1, keepdim=True).clamp(min=1e-6)
    x_mean, y_mean = ((share[..., None] * points).sum(-2) for points in (x, y))
    return x_mean, y_mean, x - x_mean[..., None, :], y - y_mean[..., None, :], share


def _size(y: Tensor, x: Tensor, w: Tensor) -> Tensor:
    """(...) from the distances between markers (..., S, K, 3) of the same segment."""
    _, _, dx, dy, _ = _centred(x, y, w)
    measured, expected = ((d.square().sum(-1) * w).sum((-1, -2)) for d in (dy, dx))
    return torch.where(expected > PRIOR_M2, measured / expected.clamp(min=PRIOR_M2), 1.0).sqrt().clamp(*SIZES)


def _observability(x: Tensor, w: Tensor) -> Tensor:
    """(..., 2) from the spread of locations (..., K, 3) along their longest axis and across it."""
    _, _, dx, _, _ = _centred(x, x, w)
    scatter = (dx * w[..., None]).mT @ dx
    total = scatter.diagonal(dim1=-2, dim2=-1).sum(-1)
    across = (total.square() - scatter.square().sum((-1, -2))).clamp(min=0) / (2 * total).clamp(min=1e-9)
    spread = torch.stack([total, across], dim=-1)
    return spread / (spread + HALF_OBSERVED_M2)
