"""Read any .osim file into a `Skeleton`.

OpenSim itself parses the file (so every file version it knows is read); what it would pass over in silence, such as an
unknown joint type, is refused here.
"""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from biopose.errors import ModelError
from biopose.skeleton.functions import PiecewisePolynomial
from biopose.skeleton.model import Body, Coordinate, Coupling, Joint, JointAxis, Marker, Motion, Skeleton
from biopose.skeleton.quiet_opensim import opensim

_MOTIONS: dict[int, Motion] = {1: "rotational", 2: "translational", 3: "coupled"}
_X, _Y, _Z = np.eye(3)
_ZERO = PiecewisePolynomial.polynomial([0.0])
_IDENTITY = PiecewisePolynomial.polynomial([0.0, 1.0])

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
SUPPORTED_JOINTS = frozenset(_SIMPLE_JOINTS) | {"CustomJoint"}


def read_osim(path: Path | str) -> Skeleton:
    """Read a model file.

    Args:
        path: an .osim file.

    Returns:
        The skeleton, in metres, kilograms and radians.

    Raises:
        ModelError: if there is no such file, it is not an OpenSim model, or it holds something that the kinematics
            cannot represent exactly: another joint or function type, a loop, a prescribed coordinate, or an enforced
            constraint other than a coordinate coupler.
    """
    path = Path(path)
    _refuse_unknown_joints(path)
    try:
        model = opensim.Model(str(path))
        model.initSystem()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path}: OpenSim cannot build this model: {reason}") from error
    return _Reader(path, model).skeleton()


def _refuse_unknown_joints(path: Path) -> None:
    """OpenSim drops an object of unknown type and goes on without it; find such joints before it does."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    parents: list[str] = []
    parser = expat.ParserCreate()

    def start(tag: str, _: dict[str, str]) -> None:
        if parents == ["OpenSimDocument"] and tag != "Model":
            raise ModelError(f"{path}: not an OpenSim model: the document holds a {tag}")
        holder = parents[-2:]
        if (holder == ["JointSet", "objects"] or holder == ["Body", "Joint"]) and tag not in SUPPORTED_JOINTS:
            raise ModelError(
                f"{path}:{parser.CurrentLineNumber}: joint type {tag} is not supported; "
                f"known are {', '.join(sorted(SUPPORTED_JOINTS))}"
            )
        parents.append(tag)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: parents.pop()
    try:
        parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as error:
        raise ModelError(f"{path}:{error.lineno}: not an OpenSim model: {expat.errors.messages[error.code]}") from error


class _Reader:
    """Walks one OpenSim model; bodies and coordinates get their index here."""

    def __init__(self, path: Path, model: opensim.Model) -> None:
        self.path = path
        self.model = model
        self.joint_order = self._tree_order()
        self.body_index = {"ground": 0}
        for joint in self.joint_order:
            self.body_index[self._base_name(joint.getChildFrame())] = len(self.body_index)
        self.coordinate_set = [model.getCoordinateSet().get(i) for i in range(model.getCoordinateSet().getSize())]
        self.coordinate_index = {c.getName(): i for i, c in enumerate(self.coordinate_set)}

    def skeleton(self) -> Skeleton:
        names = list(self.body_index)
        ground = Body("ground", 0.0, np.zeros(3), np.zeros((3, 3)))
        return Skeleton(
            name=self.model.getName(),
            bodies=(ground, *(self._body(name) for name in names[1:])),
            joints=tuple(self._joint(joint) for joint in self.joint_order),
            coordinates=tuple(self._coordinate(c) for c in self.coordinate_set),
            couplings=self._couplings(),
            markers=tuple(self._marker(m) for m in _items(self.model.getMarkerSet())),
        )

    def _fail(self, what: str) -> ModelError:
        return ModelError(f"{self.path}: {what}")

    @staticmethod
    def _base_name(frame: opensim.PhysicalFrame) -> str:
        return str(frame.findBaseFrame().getName())

    def _tree_order(self) -> list[opensim.Joint]:
        waiting = _items(self.model.getJointSet())
        reached, ordered = {"ground"}, []
        while waiting:
            ready = [j for j in waiting if self._base_name(j.getParentFrame()) in reached]
            if not ready:
                raise self._fail(f"joint {waiting[0].getName()} is not connected to ground from parent to child")
            for joint in ready:
                child = self._base_name(joint.getChildFrame())
                if child in reached:
                    raise self._fail(f"joint {joint.getName()} closes a loop at body {child}; only trees are supported")
                reached.add(child)
            ordered += ready
            waiting = [j for j in waiting if j.getName() not in {r.getName() for r in ready}]
        return ordered

    def _body(self, name: str) -> Body:
        body = self.model.getBodySet().get(name)
        inertia = body.getInertia()
        (xx, yy, zz), (xy, xz, yz) = _vec3(inertia.getMoments()), _vec3(inertia.getProducts())
        tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        return Body(name, body.getMass(), np.array(_vec3(body.getMassCenter())), tensor)

    def _joint(self, joint: opensim.Joint) -> Joint:
        parent, child = joint.getParentFrame(), joint.getChildFrame()
        return Joint(
            name=joint.getName(),
            parent=self.body_index[self._base_name(parent)],
            child=self.body_index[self._base_name(child)],
            T_parent_joint=_transform(parent.findTransformInBaseFrame()),
            T_child_joint=_transform(child.findTransformInBaseFrame()),
            axes=self._custom_axes(joint) if joint.getConcreteClassName() == "CustomJoint" else self._axes(joint),
        )

    def _axes(self, joint: opensim.Joint) -> tuple[JointAxis, ...]:
        rotations, translations = _SIMPLE_JOINTS[joint.getConcreteClassName()]
        order = [self.coordinate_index[joint.get_coordinates(i).getName()] for i in range(joint.numCoordinates())]
        moving = [JointAxis(direction, _IDENTITY, order.pop(0)) for direction in [*rotations, *translations]]
        turn, shift = moving[: len(rotations)], moving[len(rotations) :]
        still = [JointAxis(direction, _ZERO, None) for direction in (_X, _Y, _Z)]
        return (*turn, *still[len(turn) :], *shift, *still[len(shift) :])

    def _custom_axes(self, joint: opensim.Joint) -> tuple[JointAxis, ...]:
        transform = opensim.CustomJoint.safeDownCast(joint).getSpatialTransform()
        return tuple(self._custom_axis(joint, transform.getTransformAxis(i), is_translation=i >= 3) for i in range(6))

    def _custom_axis(self, joint: opensim.Joint, axis: opensim.TransformAxis, *, is_translation: bool) -> JointAxis:
        direction = np.array(_vec3(axis.getAxis()))
        direction = direction / np.linalg.norm(direction)
        names = [axis.getCoordinateNamesInArray().get(i) for i in range(axis.getCoordinateNamesInArray().getSize())]
        if len(names) > 1:
            raise self._fail(f"joint {joint.getName()}, {axis.getName()}: functions of several coordinates ({names})")
        if not axis.hasFunction():
            return JointAxis(direction, _ZERO, None)
        function = self._function(axis.getFunction(), where=f"joint {joint.getName()}, {axis.getName()}")
        coordinate = self.coordinate_index[names[0]] if names and not function.is_constant else None
        # SpatialTransform::scale leaves a plain degree of freedom alone and multiplies every other displacement.
        is_plain = function.is_identity and axis.getFunction().getConcreteClassName() == "LinearFunction"
        return JointAxis(direction, function, coordinate, scales_with_parent=is_translation and not is_plain)

    def _function(self, function: opensim.Function, *, where: str) -> PiecewisePolynomial:
        match function.getConcreteClassName():
            case "Constant":
                return PiecewisePolynomial.polynomial([_value(function, 0.0)])
            case "LinearFunction":
                coefficients = opensim.LinearFunction.safeDownCast(function).getCoefficients()
                if coefficients.getSize() != 2:
                    raise self._fail(f"{where}: a linear function of {coefficients.getSize() - 1} coordinates")
                return PiecewisePolynomial.polynomial([coefficients.get(1), coefficients.get(0)])
            case "PolynomialFunction":
                coefficients = opensim.PolynomialFunction.safeDownCast(function).getCoefficients()
                return PiecewisePolynomial.polynomial([coefficients[i] for i in range(coefficients.size())][::-1])
            case "MultiplierFunction":
                multiplier = opensim.MultiplierFunction.safeDownCast(function)
                return self._function(multiplier.getFunction(), where=where).times(multiplier.getScale())
            case "SimmSpline":
                knots = _knots(opensim.SimmSpline.safeDownCast(function))
                values = np.array([_value(function, x) for x in knots])
                return PiecewisePolynomial.hermite(knots, values, _slopes_of_cubics(function, knots))
            case "PiecewiseLinearFunction":
                knots = _knots(opensim.PiecewiseLinearFunction.safeDownCast(function))
                return PiecewisePolynomial.linear_pieces(knots, np.array([_value(function, x) for x in knots]))
            case other:
                raise self._fail(
                    f"{where}: function type {other} is not supported; known are Constant, LinearFunction, "
                    "PolynomialFunction, SimmSpline, PiecewiseLinearFunction, MultiplierFunction"
                )

    def _coordinate(self, coordinate: opensim.Coordinate) -> Coordinate:
        name = coordinate.getName()
        if coordinate.getDefaultIsPrescribed():
            raise self._fail(f"coordinate {name} is prescribed; lock it or set <prescribed> to false")
        return Coordinate(
            name=name,
            motion=_MOTIONS[coordinate.getMotionType()],
            default=coordinate.getDefaultValue(),
            range_min=coordinate.getRangeMin(),
            range_max=coordinate.getRangeMax(),
            locked=coordinate.getDefaultLocked(),
            clamped=coordinate.getDefaultClamped(),
        )

    def _couplings(self) -> tuple[Coupling, ...]:
        waiting = []
        for constraint in _items(self.model.getConstraintSet()):
            if not constraint.get_isEnforced():
                continue
            coupler = opensim.CoordinateCouplerConstraint.safeDownCast(constraint)
            if coupler is None:
                kind = constraint.getConcreteClassName()
                raise self._fail(
                    f"constraint {constraint.getName()} ({kind}) is enforced; only coordinate couplers are supported"
                )
            waiting.append(self._coupling(coupler))
        ordered: list[Coupling] = []
        while waiting:
            pending = {c.dependent for c in waiting}
            ready = [c for c in waiting if c.independent not in pending]
            if not ready:
                raise self._fail("coordinate couplers depend on each other in a circle")
            ordered += ready
            waiting = [c for c in waiting if c not in ready]
        return tuple(ordered)

    def _coupling(self, coupler: opensim.CoordinateCouplerConstraint) -> Coupling:
        names = coupler.getIndependentCoordinateNames()
        if names.getSize() != 1:
            raise self._fail(f"coupler {coupler.getName()} has {names.getSize()} independent coordinates; one is known")
        function = self._function(coupler.getFunction(), where=f"coupler {coupler.getName()}")
        scale = float(coupler.getPropertyByName("scale_factor").toString())
        dependent = self.coordinate_index[coupler.getDependentCoordinateName()]
        return Coupling(dependent, self.coordinate_index[names.get(0)], function.times(scale))

    def _marker(self, marker: opensim.Marker) -> Marker:
        frame = marker.getParentFrame()
        T_body_frame = _transform(frame.findTransformInBaseFrame())
        location = T_body_frame[:3, :3] @ np.array(_vec3(marker.get_location())) + T_body_frame[:3, 3]
        return Marker(marker.getName(), self.body_index[self._base_name(frame)], location, fixed=marker.get_fixed())


def _items(objects: opensim.ModelComponentSetMarker) -> list:
    return [objects.get(i) for i in range(objects.getSize())]


def _vec3(v: opensim.Vec3) -> tuple[float, float, float]:
    return v[0], v[1], v[2]


def _transform(transform: opensim.Transform) -> NDArray[np.float64]:
    T = np.eye(4)
    for i in range(3):
        T[i, 3] = transform.p()[i]
        for j in range(3):
            T[i, j] = transform.R().asMat33().get(i, j)
    return T


def _knots(function: opensim.SimmSpline | opensim.PiecewiseLinearFunction) -> NDArray[np.float64]:
    return np.array([function.getX(i) for i in range(function.getSize())])


def _value(function: opensim.Function, x: float) -> float:
    return float(function.calcValue(opensim.Vector(1, x)))


def _slopes_of_cubics(function: opensim.Function, knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slopes at the knots of a function that is a cubic between each two, from its values.

    Four values determine a cubic exactly. OpenSim's own derivative takes a std::vector<int>, and once that type has
    been used from Python, ezc3d's of the same name is broken in the process (and the other way round).
    """
    order = np.array([-11.0, 18.0, -9.0, 2.0]) / 6  # derivative at the first of four points at unit distance
    steps = np.append(np.diff(knots), knots[-2] - knots[-1]) / 3  # the last knot looks back
    values = [[_value(function, x + i * step) for i in range(4)] for x, step in zip(knots, steps, strict=True)]
    return np.asarray(np.array(values) @ order / steps)
