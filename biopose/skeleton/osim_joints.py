"""OpenSim's joints as ours: six axes each, and for those that move by several steps a chain of such links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.functions import PiecewisePolynomial
from biopose.skeleton.model import JointAxis
from biopose.skeleton.multivariate import MOST_BENT_RAD, CurvedRod, EllipsoidSurface
from biopose.skeleton.osim_functions import UnknownFunctionError, function_of
from biopose.skeleton.quiet_opensim import opensim

_X, _Y, _Z = np.eye(3)
_ZERO = PiecewisePolynomial.polynomial([0.0])
_IDENTITY = PiecewisePolynomial.polynomial([0.0, 1.0])
_STILL = tuple(JointAxis(direction, _ZERO, None) for direction in (_X, _Y, _Z))

# Axes of the joints that are not custom: directions driven by the joint's coordinates in order, rotations then
# translations (Simbody's definition of each mobilizer).
_SIMPLE_JOINTS: dict[str, tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]] = {
    "WeldJoint": ([], []),
    "PinJoint": ([_Z], []),
    "SliderJoint": ([], [_X]),
    "UniversalJoint": ([_X, _Y], []),
    "GimbalJoint": ([_X, _Y, _Z], []),
    "BallJoint": ([_X, _Y, _Z], []),
    "PlanarJoint": ([_Z], [_X, _Y]),
    "FreeJoint": ([_X, _Y, _Z], [_X, _Y, _Z]),
}

Axes = tuple[JointAxis, ...]
Indices = Callable[[str], int]


@dataclass(frozen=True, eq=False)
class Link:
    """One step of a joint: from its frame on the nearer side by six axes to its frame on the further side.

    Attributes:
        T_near: (4, 4) the link's frame on the body (or the link before) that is nearer to ground.
        axes: three rotations, then three translations.
        T_far: (4, 4) the link's frame on what it moves.
    """

    T_near: NDArray[np.float64]
    axes: Axes
    T_far: NDArray[np.float64]


def links_of(joint: opensim.Joint, index_of: Indices, *, is_reversed: bool) -> list[Link]:
    """A joint's links from the side of ground outwards.

    Args:
        joint: of an OpenSim model.
        index_of: a coordinate's index by its name in the joint.
        is_reversed: whether the joint's child is nearer to ground than its parent.

    Raises:
        UnknownFunctionError: naming the axis and function that cannot be represented, or if it cannot be reversed.
    """
    T_parent = transform(joint.getParentFrame().findTransformInBaseFrame())
    T_child = transform(joint.getChildFrame().findTransformInBaseFrame())
    kind = str(joint.getConcreteClassName())
    if kind == "ScapulothoracicJoint":
        if is_reversed:
            raise UnknownFunctionError("OpenSim cannot build it with its child nearer to ground; exchange the two")
        return _scapulothoracic(joint, index_of, T_parent, T_child)
    axes = _axes(kind, joint, index_of)
    return _reversed(axes, T_parent, T_child) if is_reversed else [Link(T_parent, axes, T_child)]


def _axes(kind: str, joint: opensim.Joint, index_of: Indices) -> Axes:
    coordinates = [index_of(joint.get_coordinates(i).getName()) for i in range(joint.numCoordinates())]
    if kind == "CustomJoint":
        spatial = opensim.CustomJoint.safeDownCast(joint).getSpatialTransform()
        return tuple(_custom_axis(spatial.getTransformAxis(i), index_of, is_translation=i >= 3) for i in range(6))
    if kind == "EllipsoidJoint":
        radii = vec3(opensim.EllipsoidJoint.safeDownCast(joint).get_radii_x_y_z())
        return _ellipsoid(coordinates, radii, shares=(_X, _Y, _Z))
    if kind == "ConstantCurvatureJoint":
        return _curved(joint, coordinates)
    rotations, translations = _SIMPLE_JOINTS[kind]
    moving = [
        JointAxis(direction, _IDENTITY, c)
        for direction, c in zip([*rotations, *translations], coordinates, strict=True)
    ]
    turn, shift = moving[: len(rotations)], moving[len(rotations) :]
    return (*turn, *_STILL[len(turn) :], *shift, *_STILL[len(shift) :])


def _custom_axis(axis: opensim.TransformAxis, index_of: Indices, *, is_translation: bool) -> JointAxis:
    direction = np.array(vec3(axis.getAxis()))
    length = np.linalg.norm(direction)
    if not length > 0:
        raise UnknownFunctionError(f"{axis.getName()}: the axis {direction.tolist()} has no direction")
    direction = direction / length
    names = [axis.getCoordinateNamesInArray().get(i) for i in range(axis.getCoordinateNamesInArray().getSize())]
    if not axis.hasFunction():
        return JointAxis(direction, _ZERO, None)
    try:
        function = function_of(axis.getFunction(), n_inputs=max(1, len(names)))
    except UnknownFunctionError as error:
        raise UnknownFunctionError(f"{axis.getName()}: {error}") from error
    drivers = [index_of(name) for name in names] if not function.is_constant else []
    # SpatialTransform::scale leaves a plain degree of freedom alone and multiplies every other displacement.
    is_plain = function.is_identity and axis.getFunction().getConcreteClassName() == "LinearFunction"
    return JointAxis(
        direction,
        function,
        drivers[0] if drivers else None,
        scales_with_parent=is_translation and not is_plain,
        further_coordinates=tuple(drivers[1:]),
    )


def _ellipsoid(coordinates: Sequence[int], radii_m: Sequence[float], *, shares: Sequence[NDArray[np.float64]]) -> Axes:
    """Body-fixed x-y-z rotations on the surface of an ellipsoid, the child's z axis being its normal on a sphere."""
    first, second, third = coordinates
    turns = [JointAxis(d, _IDENTITY, c) for d, c in zip((_X, _Y, _Z), (first, second, third), strict=True)]
    slides = [
        JointAxis(
            direction,
            EllipsoidSurface(axis=axis, radius_m=radius),
            first,
            further_coordinates=(second,),
            shares=shares[axis],
        )
        for axis, (direction, radius) in enumerate(zip((_X, _Y, _Z), radii_m, strict=True))
    ]
    return (*turns, *slides)


def _curved(joint: opensim.Joint, coordinates: Sequence[int]) -> Axes:
    """Body-fixed x-z-y rotations, added to the neutral ones, at the end of a rod of constant curvature."""
    curved = opensim.ConstantCurvatureJoint.safeDownCast(joint)
    length, neutral = curved.get_length(), vec3(curved.get_neutral_angle_x_z_y())
    turns = [
        JointAxis(direction, _limited(angle), c)
        for direction, angle, c in zip((_X, _Z, _Y), neutral, coordinates, strict=True)
    ]
    slides = [
        JointAxis(
            direction,
            CurvedRod(axis=axis, length_m=length, neutral_rad=(neutral[0], neutral[1])),
            coordinates[0],
            further_coordinates=(coordinates[1],),
            shares=_Y,
            grows_with_child=True,
        )
        for axis, direction in enumerate((_X, _Y, _Z))
    ]
    return (*turns, *slides)


def _limited(neutral_rad: float) -> PiecewisePolynomial:
    """Neutral + x within OpenSim's limits."""
    breaks = np.array([-MOST_BENT_RAD - neutral_rad, MOST_BENT_RAD - neutral_rad])
    pieces = np.array([[-MOST_BENT_RAD, 0.0], [neutral_rad, 1.0], [MOST_BENT_RAD, 0.0]])
    return PiecewisePolynomial(breaks, np.zeros(3), pieces)


def _scapulothoracic(
    joint: opensim.Joint, index_of: Indices, T_parent: NDArray[np.float64], T_child: NDArray[np.float64]
) -> list[Link]:
    """The scapula on the thorax's ellipsoid, then winging about an axis in its plane, through two massless links.

    Seth et al. 2016, PLoS ONE 11:e0141028; the ellipsoid's frames are turned by a quarter about z, so that abduction
    and elevation are positive.
    """
    coordinates = [index_of(joint.get_coordinates(i).getName()) for i in range(joint.numCoordinates())]
    scapulothoracic = opensim.ScapulothoracicJoint.safeDownCast(joint)
    x, y, z = vec3(scapulothoracic.get_thoracic_ellipsoid_radii_x_y_z())
    direction = scapulothoracic.get_scapula_winging_axis_direction()
    quarter, winging = np.eye(4), np.eye(4)
    quarter[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    winging[:2, 3] = [scapulothoracic.get_scapula_winging_axis_origin(i) for i in range(2)]
    about = np.array([-np.sin(direction), np.cos(direction), 0.0])
    # The radii along the ellipsoid's x and y axes are the thorax's along y and x.
    surface = _ellipsoid(coordinates[:3], (y, x, z), shares=(_Y, _X, _Z))
    pin = (JointAxis(about, _IDENTITY, coordinates[3]), *_STILL[1:], *_STILL)
    return [
        Link(T_parent @ quarter, surface, quarter),
        Link(winging, pin, winging),
        Link(np.eye(4), (*_STILL, *_STILL), T_child),
    ]


def _reversed(axes: Axes, T_parent: NDArray[np.float64], T_child: NDArray[np.float64]) -> list[Link]:
    """From child to parent: the rotations undone in the other order, then the displacements (if any)."""
    undone = [replace(a, function=a.function.times(-1.0)) for a in axes]
    turns = tuple(undone[2::-1])
    if all(a.is_fixed for a in undone[3:]):
        return [Link(T_child, (*turns, *_STILL), T_parent)]
    # What grew with the joint's parent now grows with what the link moves.
    shifts = tuple(
        replace(a, shares=a.gains, grows_with_child=not a.grows_with_child) if a.gains.any() else a for a in undone[3:]
    )
    return [Link(T_child, (*turns, *_STILL), np.eye(4)), Link(np.eye(4), (*_STILL, *shifts), T_parent)]


def vec3(v: opensim.Vec3) -> tuple[float, float, float]:
    """An OpenSim vector's numbers."""
    return v[0], v[1], v[2]


def transform(X: opensim.Transform) -> NDArray[np.float64]:
    """(4, 4) of an OpenSim transform."""
    T = np.eye(4)
    for i in range(3):
        T[i, 3] = X.p()[i]
        for j in range(3):
            T[i, j] = X.R().asMat33().get(i, j)
    return T
