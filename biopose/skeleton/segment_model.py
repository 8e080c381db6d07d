"""A model's segments: the bodies that recorded segments move, and the joint centres at which these begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import GROUND, Joint, Marker, Skeleton
from biopose.skeleton.segment_names import standard_name

FloatArray = NDArray[np.float64]
CHUNK = 500  # frames at a time
GRID = {1: 361, 2: 61}  # values of each coordinate, by their number
Ends = tuple[tuple[str, ...], tuple[str, ...]]
HIPS, SHOULDERS = ("l_thigh", "r_thigh"), ("l_uarm", "r_uarm")
CHAINS = (("thigh", "shank"), ("shank", "foot"), ("foot", "toes"), ("uarm", "larm"), ("larm", "hand"))
# The two ends of the line between joint centres by which a segment's direction is known: each the mean of the origins
# of these segments; for pelvis and torso from left to right, for the others from the proximal joint to the distal.
LINES: dict[str, Ends] = {
    "pelvis": (HIPS[:1], HIPS[1:]),
    "torso": (SHOULDERS[:1], SHOULDERS[1:]),
    **{f"{side}_{name}": ((f"{side}_{name}",), (f"{side}_{next_}",)) for side in "lr" for name, next_ in CHAINS},
}


@dataclass(frozen=True, eq=False)
class SegmentModel:
    """A skeleton's segments in its default pose.

    Attributes:
        skeleton: of the model.
        bodies: index of the body by the segment's name (`standard_name`).
    """

    skeleton: Skeleton
    bodies: Mapping[str, int]

    @classmethod
    def of(cls, skeleton: Skeleton) -> SegmentModel:
        """The segments that the skeleton's names of bodies state."""
        names = [standard_name(body.name) for body in skeleton.bodies]
        return cls(skeleton, {name: index for index, name in enumerate(names) if name is not None})

    @cached_property
    def T_ground_body(self) -> FloatArray:
        """(B, 4, 4) in the default pose."""
        posed = Kinematics(self.skeleton).with_coordinates(torch.from_numpy(self.skeleton.default_pose))
        return posed.T_ground_body.numpy()

    @cached_property
    def parents(self) -> dict[str, str | None]:
        """The next segment towards the ground; None for the root."""
        names = {index: name for name, index in self.bodies.items()}
        return {name: names.get(self.joint(name).parent) for name in self.bodies}

    @cached_property
    def centres_m(self) -> dict[str, FloatArray]:
        """(3,) in ground: of the joint that connects a segment to its parent, as the ankle for the foot."""
        joints = {name: self.joint(name) for name in self.bodies}
        return {n: (self.T_ground_body[joint.child] @ joint.T_child_joint)[:3, 3] for n, joint in joints.items()}

    def joint(self, segment: str) -> Joint:
        """The joint that connects a segment, or the bodies before it, to its parent."""
        return self._joints(segment)[-1]

    def _joints(self, segment: str) -> list[Joint]:
        """From the segment's own towards its parent."""
        joints, segments = [self.skeleton.joints[self.bodies[segment] - 1]], {GROUND, *self.bodies.values()}
        while joints[-1].parent not in segments:
            joints.append(self.skeleton.joints[joints[-1].parent - 1])
        return joints

    def origin_in_parent_m(self, segment: str, R_parent_body: FloatArray) -> FloatArray:
        """Where the joints hold a body whose orientation is known.

        Joints of one or two coordinates may move the body's origin, as those of knee, forearm and foot do: the
        orientation nearest to the known one is looked up among `GRID` values of each. Others are taken as balls.

        Args:
            segment: that has a parent.
            R_parent_body: (F, 3, 3) of the body in its parent segment's.

        Returns:
            (F, 3) the body's origin in the parent segment's body.
        """
        parent = str(self.parents[segment])
        driving = {c for joint in self._joints(segment) for axis in joint.axes for c in axis.coordinates}
        free = sorted(driving & set(self.skeleton.free_coordinates))
        if len(free) not in GRID:
            in_parent, in_body = (self.in_body(name, self.centres_m[segment]) for name in (parent, segment))
            return np.asarray(in_parent - R_parent_body @ in_body)
        limits = [self._turn_about_default(c) for c in free]
        values = np.meshgrid(*(np.linspace(low, high, GRID[len(free)]) for low, high in limits))
        q = np.tile(self.skeleton.default_pose, (values[0].size, 1))
        q[:, free] = np.stack([value.ravel() for value in values], axis=1)
        at_end = Marker(segment, self.bodies[segment], np.zeros(3))
        chain = self.skeleton.with_markers((at_end,)).without_bare_branches()
        T = Kinematics(chain).with_coordinates(torch.from_numpy(chain.satisfy_couplings(q))).T_ground_body.numpy()
        names = [self.skeleton.body_names[self.bodies[name]] for name in (parent, segment)]
        above, body = (T[:, chain.body_names.index(name)] for name in names)
        known = np.linalg.inv(above) @ body
        table, rows = known[:, :3, :3].reshape(-1, 9).T, np.nan_to_num(R_parent_body).reshape(-1, 9)
        nearest = [(rows[i : i + CHUNK] @ table).argmax(axis=1) for i in range(0, len(rows), CHUNK)]  # largest trace
        return np.asarray(known[np.concatenate(nearest), :3, 3])

    def _turn_about_default(self, coordinate: int) -> tuple[float, float]:
        """The coordinate's range, at most half a turn to either side of its default: models leave ranges open."""
        own, default = self.skeleton.coordinates[coordinate], float(self.skeleton.default_pose[coordinate])
        return max(own.range_min, default - np.pi), min(own.range_max, default + np.pi)

    def in_body(self, segment: str, point_m: FloatArray) -> FloatArray:
        """A point of ground (3,), in the body's frame in the default pose."""
        T = self.T_ground_body[self.bodies[segment]]
        return np.asarray(T[:3, :3].T @ (point_m - T[:3, 3]))

    def line_m(self, ends: Ends) -> FloatArray | None:
        """(3,) from one end to the other, in ground; None if the model lacks a segment there."""
        if not {*ends[0], *ends[1]} <= self.centres_m.keys():
            return None
        start, end = (np.mean([self.centres_m[name] for name in names], axis=0) for names in ends)
        return np.asarray(end - start)
