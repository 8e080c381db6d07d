"""A skeleton as plain arrays: bodies, joints, coordinates with their ranges and couplings, markers.

Every joint type becomes six axes (three rotations, then three translations, each with a function of a coordinate),
which is how OpenSim's CustomJoint describes motion; `reader` fills it from an .osim file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.functions import PiecewisePolynomial
from biopose.skeleton.multivariate import CoordinateFunction, Partial

GROUND = 0

Motion = Literal["rotational", "translational", "coupled"]


@dataclass(frozen=True, eq=False)
class Body:
    """A segment.

    Attributes:
        name: as in the model file.
        mass_kg: its mass.
        mass_center_m: (3,) in the body's frame.
        inertia_kg_m2: (3, 3) about the mass centre, in the body's frame.
        segment: None for a segment. A joint that moves by several steps has massless links, which are in no file;
            theirs is the index of the segment that the joint moves, with which they are scaled.
    """

    name: str
    mass_kg: float
    mass_center_m: NDArray[np.float64]
    inertia_kg_m2: NDArray[np.float64]
    segment: int | None = None

    @property
    def within_joint(self) -> bool:
        """Whether it is a link within a joint, no segment."""
        return self.segment is not None


@dataclass(frozen=True, eq=False)
class JointAxis:
    """One of a joint's six axes.

    Attributes:
        direction: (3,) unit vector in the joint's parent frame (before the rotations for axes 2 and 3: body-fixed).
        function: the angle (radians) or displacement (metres).
        coordinate: index of the coordinate that drives it; None where the function is constant.
        scales_with_parent: whether a displacement grows with the parent body (OpenSim's SpatialTransform::scale).
        further_coordinates: indices of those that drive it, too, where it is a function of several.
        shares: (3,) shares of the body's x, y and z factors by which a displacement grows, where these are not given by
            its direction.
        grows_with_child: whether the shares are of the child's factors, not the parent's.
    """

    direction: NDArray[np.float64]
    function: PiecewisePolynomial | CoordinateFunction | Partial
    coordinate: int | None
    scales_with_parent: bool = False
    further_coordinates: tuple[int, ...] = ()
    shares: NDArray[np.float64] | None = None
    grows_with_child: bool = False

    @property
    def coordinates(self) -> tuple[int, ...]:
        """Indices of all coordinates that drive it."""
        return () if self.coordinate is None else (self.coordinate, *self.further_coordinates)

    @property
    def is_fixed(self) -> bool:
        """Whether it contributes nothing at any coordinate value."""
        f = self.function
        return isinstance(f, PiecewisePolynomial) and f.is_constant and not f.coefficients[0, 0]

    @property
    def is_plain(self) -> bool:
        """Whether it is the value of its coordinate."""
        return isinstance(self.function, PiecewisePolynomial) and self.function.is_identity

    @property
    def gains(self) -> NDArray[np.float64]:
        """(3,) shares of the scaling body's factors; zeros where it does not scale.

        A displacement grows whichever way its axis points (OpenSim's SpatialTransform::scale).
        """
        if self.shares is not None:
            return self.shares
        return np.asarray(np.abs(self.direction) * self.scales_with_parent)


@dataclass(frozen=True, eq=False)
class Joint:
    """How a child body moves in its parent.

    Attributes:
        name: as in the model file.
        parent: index of the parent body.
        child: index of the child body.
        T_parent_joint: (4, 4) the joint's frame on the parent.
        T_child_joint: (4, 4) the joint's frame on the child.
        axes: three rotations in body-fixed order, then three translations in the parent's joint frame.
    """

    name: str
    parent: int
    child: int
    T_parent_joint: NDArray[np.float64]
    T_child_joint: NDArray[np.float64]
    axes: tuple[JointAxis, ...]


@dataclass(frozen=True)
class Coordinate:
    """A generalised coordinate, in radians or metres."""

    name: str
    motion: Motion
    default: float
    range_min: float
    range_max: float
    locked: bool
    clamped: bool


@dataclass(frozen=True, eq=False)
class Coupling:
    """q[dependent] = function(q[independent]), as a CoordinateCouplerConstraint demands."""

    dependent: int
    independent: int
    function: PiecewisePolynomial


@dataclass(frozen=True, eq=False)
class Marker:
    """A point on a body.

    Attributes:
        name: as in the model file.
        body: index of the body that carries it.
        location_m: (3,) in the body's frame.
        fixed: whether it is on an anatomical landmark; otherwise a static trial determines its location.
    """

    name: str
    body: int
    location_m: NDArray[np.float64]
    fixed: bool = False


@dataclass(frozen=True, eq=False)
class Skeleton:
    """An OpenSim model without its muscles.

    Attributes:
        name: the model's name.
        bodies: ground first, then every body after its parent.
        joints: joints[i] moves bodies[i + 1].
        coordinates: in the model's order, which is the order of columns everywhere.
        couplings: each after the couplings that it builds on.
        markers: in the model's order.
        notes: what is odd in its file, and what of the file these kinematics do not hold.
    """

    name: str
    bodies: tuple[Body, ...]
    joints: tuple[Joint, ...]
    coordinates: tuple[Coordinate, ...]
    couplings: tuple[Coupling, ...]
    markers: tuple[Marker, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def body_names(self) -> tuple[str, ...]:
        """Names of all bodies, ground included."""
        return tuple(body.name for body in self.bodies)

    @cached_property
    def scaled_like(self) -> tuple[int, ...]:
        """For each body, the index of the body whose scale factors it has: itself, but for links within joints."""
        return tuple(index if body.segment is None else body.segment for index, body in enumerate(self.bodies))

    @cached_property
    def coordinate_names(self) -> tuple[str, ...]:
        """Names of all coordinates."""
        return tuple(coordinate.name for coordinate in self.coordinates)

    @cached_property
    def marker_names(self) -> tuple[str, ...]:
        """Names of all markers."""
        return tuple(marker.name for marker in self.markers)

    @cached_property
    def rotational_names(self) -> frozenset[str]:
        """Coordinates that a .mot file gives in degrees; coupled ones stay in radians there, as OpenSim writes them."""
        return frozenset(c.name for c in self.coordinates if c.motion == "rotational")

    @property
    def is_rotational(self) -> NDArray[np.bool_]:
        """(Q,) which coordinates those are."""
        return np.array([c.motion == "rotational" for c in self.coordinates])

    @cached_property
    def free_coordinates(self) -> tuple[int, ...]:
        """Indices of the coordinates that are neither locked nor the dependent of a coupling."""
        dependent = {coupling.dependent for coupling in self.couplings}
        return tuple(i for i, c in enumerate(self.coordinates) if not c.locked and i not in dependent)

    @cached_property
    def default_pose(self) -> NDArray[np.float64]:
        """(Q,) default coordinate values, couplings satisfied."""
        return self.satisfy_couplings(np.array([c.default for c in self.coordinates], dtype=np.float64))

    @cached_property
    def ancestors(self) -> tuple[frozenset[int], ...]:
        """For each body, itself and every body between it and ground, ground included."""
        found = [frozenset({GROUND})]
        for joint in self.joints:
            found.append(found[joint.parent] | {joint.child})
        return tuple(found)

    @property
    def mass_kg(self) -> float:
        """Sum over the bodies."""
        return float(sum(body.mass_kg for body in self.bodies))

    def satisfy_couplings(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., Q) coordinates with each dependent one computed from its independent one."""
        q = np.array(q, dtype=np.float64)
        for coupling in self.couplings:
            x = q[..., coupling.independent]
            f = coupling.function
            piece = np.searchsorted(f.breaks, x, side="right")
            powers = (x - f.origins[piece])[..., None] ** np.arange(f.coefficients.shape[1])
            q[..., coupling.dependent] = (f.coefficients[piece] * powers).sum(-1)
        return q

    def with_markers(self, markers: tuple[Marker, ...]) -> Skeleton:
        """The same skeleton with other markers."""
        return replace(self, markers=markers)

    def select_markers(self, names: Sequence[str]) -> Skeleton:
        """The same skeleton with just these markers, in this order.

        Raises:
            ValueError: if it lacks one of them.
        """
        by_name = {marker.name: marker for marker in self.markers}
        if missing := [name for name in names if name not in by_name]:
            raise ValueError(f"the skeleton {self.name} has no marker {', '.join(missing)}")
        return self.with_markers(tuple(by_name[name] for name in names))

    def without_bare_branches(self) -> Skeleton:
        """The same skeleton without the bodies beyond which no marker lies; coordinates and markers stay in order."""
        kept = sorted(set().union({GROUND}, *(self.ancestors[marker.body] for marker in self.markers)))
        index = {old: new for new, old in enumerate(kept)}
        joints = [self.joints[old - 1] for old in kept[1:]]
        return replace(
            self,
            bodies=tuple(
                body if body.segment is None else replace(body, segment=index[body.segment])
                for body in (self.bodies[old] for old in kept)
            ),
            joints=tuple(replace(j, parent=index[j.parent], child=index[j.child]) for j in joints),
            markers=tuple(replace(m, body=index[m.body]) for m in self.markers),
        )
