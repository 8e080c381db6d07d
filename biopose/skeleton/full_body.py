"""The default full-body skeleton: 24 segments, 42 coordinates, no muscles, built through the OpenSim API.

Joints, axes and signs are Rajagopal's (2016), so a motion file of that family opens unchanged. Three things are ours:
the trunk is cut at T12/L1 into an abdomen and a torso that are welded together, so that they scale separately while
they move as Rajagopal's single trunk does; a neck joint carries a head; and no coordinate is locked. Figures and their
sources are in ``full_body_parameters`` (joints, ranges, markers) and ``full_body_inertia`` (de Leva's masses).
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from math import radians
from pathlib import Path
from typing import TypeVar

from biopose.skeleton import full_body_parameters as figures
from biopose.skeleton.full_body_inertia import MassProperties, mass_properties
from biopose.skeleton.full_body_parameters import Ellipsoid, JointParameters, Motion, Station, Vector
from biopose.skeleton.model import Skeleton
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.reader import read_osim

_PUBLICATIONS = "Rajagopal et al. 2016, IEEE TBME 63(10):2068; de Leva 1996, J Biomech 29:1223"
_COLOUR: Vector = (0.85, 0.78, 0.70)
_OPACITY = 0.5
T = TypeVar("T")


def build_full_body(path: Path) -> Path:
    """Builds the default skeleton and writes it as an OpenSim 4 model.

    The file is written whole or not at all, and is the same to the byte every time.

    Args:
        path: the .osim to write; an existing file is replaced.

    Returns:
        ``path``.

    Raises:
        FileNotFoundError: the folder of ``path`` does not exist.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        unfinished = Path(folder) / path.name
        unfinished.write_bytes(_full_body_xml())
        unfinished.replace(path)
    return path


@cache
def _full_body_xml() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "full_body.osim"
        _full_body().printToXML(str(path))
        return path.read_bytes()


@cache
def full_body_skeleton() -> Skeleton:
    """The default skeleton, unscaled, as `read_osim` gives it."""
    with tempfile.TemporaryDirectory() as folder:
        return read_osim(build_full_body(Path(folder) / "full_body.osim"))


def _full_body() -> opensim.Model:
    model = opensim.Model()
    model.setName("biopose_full_body")
    model.set_credits("BioPose: built from published figures")
    model.set_publications(_PUBLICATIONS)
    model.set_gravity(_vec3(figures.GRAVITY_M_S2))
    masses = _both_sides(mass_properties(), _left_mass)
    for joint in _joints():
        _add_body_and_joint(model, joint, masses[joint.child])
    model.finalizeConnections()
    _set_ranges(model.updCoordinateSet())
    for side in "rl":
        model.addConstraint(_patella_coupler(side))
    for name, station in _both_sides(figures.MIDLINE_MARKERS | figures.RIGHT_MARKERS, _left_station).items():
        body = model.getBodySet().get(station.body)
        model.addMarker(opensim.Marker(name, body, _vec3(_in_body(station.body, station.position_m))))
    for name, ellipsoid in _both_sides(figures.MIDLINE_ELLIPSOIDS | figures.RIGHT_ELLIPSOIDS, _left_ellipsoid).items():
        _attach_ellipsoid(model.getBodySet().get(name), ellipsoid)
    model.finalizeConnections()
    return model


def _joints() -> Iterator[JointParameters]:
    """All joints, parents first; this order makes the coordinates' order Rajagopal's, with the neck after the rest."""
    yield from figures.PELVIS_JOINTS
    yield from figures.RIGHT_LEG_JOINTS
    yield from map(_left_joint, figures.RIGHT_LEG_JOINTS)
    yield from figures.TRUNK_JOINTS
    yield from figures.RIGHT_ARM_JOINTS
    yield from map(_left_joint, figures.RIGHT_ARM_JOINTS)
    yield from figures.NECK_JOINTS


def _add_body_and_joint(model: opensim.Model, joint: JointParameters, mass: MassProperties) -> None:
    centre_m = _vec3(_in_body(joint.child, mass.centre_m))
    child = opensim.Body(joint.child, mass.mass_kg, centre_m, opensim.Inertia(*mass.moments_kg_m2, 0.0, 0.0, 0.0))
    model.addBody(child)
    parent = model.getGround() if joint.parent == "ground" else model.getBodySet().get(joint.parent)
    orientation = _vec3(joint.orientation_rad)
    on_parent = (parent, _vec3(_in_body(joint.parent, joint.location_in_parent_m)), orientation)
    on_child = (child, _vec3(joint.location_in_child_m), orientation)
    if joint.kind == "custom":
        model.addJoint(opensim.CustomJoint(joint.name, *on_parent, *on_child, _spatial_transform(joint)))
    elif joint.kind == "pin":
        pin = opensim.PinJoint(joint.name, *on_parent, *on_child)
        pin.updCoordinate().setName(joint.coordinate)
        model.addJoint(pin)
    else:
        model.addJoint(opensim.WeldJoint(joint.name, *on_parent, *on_child))


def _spatial_transform(joint: JointParameters) -> opensim.SpatialTransform:
    transform = opensim.SpatialTransform()
    for index, motion in enumerate((*joint.rotations, *joint.translations)):
        axis = transform.updTransformAxis(index)
        axis.setAxis(_vec3(motion.axis))
        if motion.coordinate:
            axis.setCoordinateNames(opensim.ArrayStr(motion.coordinate, 1))
        axis.set_function(_function(motion))  # copies; setFunction would keep a pointer to what Python frees
    return transform


def _function(motion: Motion) -> opensim.Function:
    if motion.spline:
        spline = opensim.SimmSpline()
        for knot, value in zip(figures.SPLINE_KNOTS_RAD, motion.spline, strict=True):
            spline.addPoint(knot, value)
        return spline
    if motion.coordinate:
        return opensim.LinearFunction(1.0, 0.0)
    return opensim.Constant(motion.constant)


def _set_ranges(coordinates: opensim.CoordinateSet) -> None:
    for name, limits in _both_sides(figures.RANGES, lambda right: right).items():
        coordinate = coordinates.get(name)
        is_length = coordinate.getMotionType() == opensim.Coordinate.Translational
        low, high, default = limits.low, limits.high, limits.default
        if not is_length:
            low, high, default = radians(low), radians(high), radians(default)
        coordinate.setRangeMin(low)
        coordinate.setRangeMax(high)
        coordinate.setDefaultValue(default)
        coordinate.setDefaultClamped(limits.clamped)
        coordinate.set_is_free_to_satisfy_constraints(name.endswith("_beta"))


def _patella_coupler(side: str) -> opensim.CoordinateCouplerConstraint:
    """The kneecap follows the knee: its coordinate equals the knee's angle."""
    coupler = opensim.CoordinateCouplerConstraint()
    coupler.setName(f"patellofemoral_knee_angle_{side}_con")
    coupler.setIndependentCoordinateNames(opensim.ArrayStr(f"knee_angle_{side}", 1))
    coupler.setDependentCoordinateName(f"knee_angle_{side}_beta")
    coupler.setFunction(opensim.LinearFunction(1.0, 0.0))
    return coupler


def _attach_ellipsoid(body: opensim.Body, ellipsoid: Ellipsoid) -> None:
    shape = opensim.Ellipsoid(*ellipsoid.half_axes_m)
    shape.setColor(_vec3(_COLOUR))
    shape.setOpacity(_OPACITY)
    centre = opensim.Transform(_vec3(_in_body(body.getName(), ellipsoid.centre_m)))
    frame = opensim.PhysicalOffsetFrame(f"{body.getName()}_shape", body, centre)
    frame.attachGeometry(shape)
    body.addComponent(frame)


def _both_sides(right_and_midline: Mapping[str, T], mirrored: Callable[[T], T]) -> dict[str, T]:
    """Every entry, and for each of the right side the left one after it."""
    both: dict[str, T] = {}
    for name, entry in right_and_midline.items():
        both[name] = entry
        if _left(name) != name:
            both[_left(name)] = mirrored(entry)
    return both


def _left(name: str) -> str:
    """The left side's name: hip_r, knee_angle_r_beta, RASI give hip_l, knee_angle_l_beta, LASI."""
    return re.sub(r"^R(?=[A-Z])", "L", re.sub(r"_r(?=_|$)", "_l", name))


def _left_joint(joint: JointParameters) -> JointParameters:
    """In a mirror across z, translations along z and rotations about x and y turn over."""
    return JointParameters(
        name=_left(joint.name),
        kind=joint.kind,
        parent=_left(joint.parent),
        child=_left(joint.child),
        location_in_parent_m=_mirrored(joint.location_in_parent_m),
        location_in_child_m=_mirrored(joint.location_in_child_m),
        orientation_rad=_mirrored_axis(joint.orientation_rad),
        rotations=tuple(_left_motion(m, _mirrored_axis(m.axis)) for m in joint.rotations),
        translations=tuple(_left_motion(m, _mirrored(m.axis)) for m in joint.translations),
        coordinate=_left(joint.coordinate),
    )


def _left_motion(motion: Motion, axis: Vector) -> Motion:
    return motion._replace(axis=axis, coordinate=_left(motion.coordinate))


def _left_mass(right: MassProperties) -> MassProperties:
    return right._replace(centre_m=_mirrored(right.centre_m))


def _left_station(right: Station) -> Station:
    return Station(_left(right.body), _mirrored(right.position_m))


def _left_ellipsoid(right: Ellipsoid) -> Ellipsoid:
    return right._replace(centre_m=_mirrored(right.centre_m))


def _mirrored(position: Vector) -> Vector:
    x, y, z = position
    return x, y, 0.0 - z


def _mirrored_axis(axis: Vector) -> Vector:
    """An axis of rotation, or an x-y-z sequence of angles, in the mirror."""
    x, y, z = axis
    return 0.0 - x, 0.0 - y, z


def _in_body(body: str, position_m: Vector) -> Vector:
    """From the frame in which the figures are given to the body's own."""
    x, y, z = figures.FRAME_ORIGINS_M.get(body, figures.ORIGIN)
    return position_m[0] - x, position_m[1] - y, position_m[2] - z


def _vec3(vector: Vector) -> opensim.Vec3:
    return opensim.Vec3(*vector)
