"""Building small OpenSim models through its Python binding, whose pitfalls are dealt with here."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from biopose.skeleton.quiet_opensim import opensim

# The Python sides of objects that an OpenSim model takes over: freed early, they crash it.
KEPT: list[object] = []


def spline(*points: tuple[float, float]) -> opensim.SimmSpline:
    return _with_points(opensim.SimmSpline(), points)


def piecewise_linear(*points: tuple[float, float]) -> opensim.PiecewiseLinearFunction:
    return _with_points(opensim.PiecewiseLinearFunction(), points)


def _with_points(function: opensim.Function, points: Sequence[tuple[float, float]]) -> opensim.Function:
    for x, y in points:
        function.addPoint(x, y)
    return function


def polynomial(*highest_first: float) -> opensim.PolynomialFunction:
    coefficients = opensim.Vector(len(highest_first), 0.0)
    for i, value in enumerate(highest_first):
        coefficients[i] = value
    return opensim.PolynomialFunction(coefficients)


def linear(slope: float, intercept: float) -> opensim.LinearFunction:
    return opensim.LinearFunction(slope, intercept)


def times(factor: float, function: opensim.Function) -> opensim.MultiplierFunction:
    function.thisown = False  # the multiplier frees it
    return opensim.MultiplierFunction(function, factor)


def vec3(values: Iterable[float]) -> opensim.Vec3:
    return opensim.Vec3(*(float(v) for v in values))


Axis = tuple[Sequence[float], Sequence[str], opensim.Function]


class ModelBuilder:
    """Bodies strung together by joints whose frames are shifted and turned at random on both sides."""

    def __init__(self, name: str, *, seed: int = 0) -> None:
        self.model = opensim.Model()
        self.model.setName(name)
        self.rng = np.random.default_rng(seed)
        self.bodies: dict[str, opensim.Body] = {}
        self.ranges: dict[str, tuple[float, float]] = {}

    def frames(self, parent: str, child: str) -> tuple[object, ...]:
        """Arguments that place a joint: parent, location and orientation in it, then the same of the new child."""
        body = opensim.Body(child, self.rng.uniform(0.5, 3), vec3(self.rng.uniform(-0.1, 0.1, 3)), opensim.Inertia(1))
        self.model.addBody(body)
        self.bodies[child] = body
        place = [vec3(values) for values in self.rng.uniform(-0.4, 0.4, (4, 3))]
        KEPT.extend([body, place])
        on = self.bodies[parent] if parent != "ground" else self.model.getGround()
        return on, place[0], place[1], body, place[2], place[3]

    def joint(
        self, kind: type, parent: str, child: str, *coordinates: tuple[str, float, float], extra: tuple = ()
    ) -> opensim.Joint:
        """A joint between a body and a new one; coordinates are (name, range_min, range_max)."""
        joint = kind(f"{parent}_{child}", *self.frames(parent, child), *extra)
        if kind is not opensim.CustomJoint:  # makes its coordinates, named by its axes, later
            for i, (name, _, _) in enumerate(coordinates):
                joint.upd_coordinates(i).setName(name)
        self.ranges.update({name: (low, high) for name, low, high in coordinates})
        self.model.addJoint(joint)
        KEPT.append(joint)
        return joint

    def custom_joint(
        self, parent: str, child: str, axes: Sequence[Axis], *coordinates: tuple[str, float, float]
    ) -> opensim.Joint:
        """A custom joint; the axes are (direction, coordinate names, function), three rotations first."""
        transform = opensim.SpatialTransform()
        for i, (direction, names, function) in enumerate(axes):
            axis = transform.updTransformAxis(i)
            axis.setAxis(vec3(direction))
            if names:
                axis.setCoordinateNames(opensim.ArrayStr(names[0], 1))
            axis.set_function(function)  # setFunction would take ownership and crash
            KEPT.append(function)
        KEPT.append(transform)
        return self.joint(opensim.CustomJoint, parent, child, *coordinates, extra=(transform,))

    def couple(
        self, dependent: str, independent: str, function: opensim.Function, *, scale: float = 1.0
    ) -> opensim.CoordinateCouplerConstraint:
        """q[dependent] = scale * function(q[independent])."""
        coupler = opensim.CoordinateCouplerConstraint()
        coupler.setName(f"{dependent}_of_{independent}")
        coupler.setIndependentCoordinateNames(opensim.ArrayStr(independent, 1))
        coupler.setDependentCoordinateName(dependent)
        coupler.setFunction(function)
        opensim.PropertyHelper.setValueDouble(scale, coupler.updPropertyByName("scale_factor"))
        self.model.addConstraint(coupler)
        KEPT.extend([coupler, function])
        return coupler

    def mark(self, *, each: int = 3, sides: float = 0.2) -> None:
        """Markers anywhere on every body."""
        for name, body in self.bodies.items():
            for i in range(each):
                self.marker(f"{name}_{i}", body, self.rng.uniform(-sides, sides, 3))

    def marker(self, name: str, frame: opensim.PhysicalFrame, location_m: Iterable[float]) -> None:
        marker = opensim.Marker(name, frame, vec3(location_m))
        self.model.addMarker(marker)
        KEPT.append(marker)

    def coordinate(self, name: str) -> opensim.Coordinate:
        """A coordinate; to be called after all joints were added."""
        self.model.finalizeConnections()
        return self.model.updCoordinateSet().get(name)

    def write(self, path: Path) -> Path:
        for name, (low, high) in self.ranges.items():
            coordinate = self.coordinate(name)
            coordinate.setRangeMin(low)
            coordinate.setRangeMax(high)
            coordinate.setDefaultValue(0.6 * low + 0.4 * high)
        self.model.finalizeConnections()
        self.model.printToXML(str(path))
        return path
