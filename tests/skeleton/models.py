"""Models that the skeleton's tests share: the default one, and a small one that holds every supported kind of part."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.full_body import build_full_body
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import GROUND, Marker, Skeleton
from biopose.skeleton.quiet_opensim import opensim
from tests.reference_data import LAB

ASSET_MODELS = Path(os.environ.get("BIOPOSE_ASSETS", Path.home() / ".cache" / "biopose")) / "models"

FloatArray = NDArray[np.float64]

# The Python sides of objects that an OpenSim model takes over: freed early, they crash it.
_KEPT: list[object] = []


def full_body_path(folder: Path) -> Path:
    """The default model's file, in a folder."""
    return build_full_body(folder / "full_body.osim")


def asset_models() -> list[Path]:
    """Other people's models, as far as they lie in the cache."""
    return sorted(ASSET_MODELS.glob("*.osim"))


def lab_models() -> list[Path]:
    """The laboratory's models, as far as the reference recordings are here."""
    return [path for path in (LAB / "generic.osim", LAB / "hand_scaled.osim") if path.exists()]


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


def vec3(values: Sequence[float]) -> opensim.Vec3:
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
        _KEPT.extend([body, place])
        on = self.bodies[parent] if parent != "ground" else self.model.getGround()
        return on, place[0], place[1], body, place[2], place[3]

    def joint(
        self, kind: type, parent: str, child: str, *coordinates: tuple[str, float, float], extra: tuple = ()
    ) -> opensim.Joint:
        """A joint between a body and a new one; coordinates are (name, range_min, range_max)."""
        joint = kind(f"{parent}_{child}", *self.frames(parent, child), *extra)
        if not extra:  # a custom joint makes its coordinates, named by its axes, when it joins the model
            for i, (name, _, _) in enumerate(coordinates):
                joint.upd_coordinates(i).setName(name)
        self.ranges.update({name: (low, high) for name, low, high in coordinates})
        self.model.addJoint(joint)
        _KEPT.append(joint)
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
            _KEPT.append(function)
        _KEPT.append(transform)
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
        _KEPT.extend([coupler, function])
        return coupler

    def mark(self, *, each: int = 3, sides: float = 0.2) -> None:
        """Markers anywhere on every body."""
        for name, body in self.bodies.items():
            for i in range(each):
                self.marker(f"{name}_{i}", body, self.rng.uniform(-sides, sides, 3))

    def marker(self, name: str, frame: opensim.PhysicalFrame, location_m: Sequence[float]) -> None:
        marker = opensim.Marker(name, frame, vec3(location_m))
        self.model.addMarker(marker)
        _KEPT.append(marker)

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


EYE = tuple(map(tuple, np.eye(3).tolist()))


def every_part(path: Path, *, plate: bool = True) -> Path:
    """Every joint type and function, turned offset frames, a coupler over a coupler, a locked coordinate.

    With a plate, a marker lies on a frame that is turned against its body.
    """
    b = ModelBuilder("every_part")
    angles = (("rx", -0.7, 0.9), ("ry", -0.6, 0.8), ("rz", -0.5, 1.2))
    b.joint(opensim.FreeJoint, "ground", "base", *angles, ("tx", -1, 1), ("ty", -1, 1.5), ("tz", -2, 1))
    b.joint(opensim.PinJoint, "base", "pin", ("pin", -1.0, 2.0))
    b.joint(opensim.SliderJoint, "pin", "slider", ("slide", -0.3, 0.4))
    b.joint(opensim.UniversalJoint, "base", "universal", ("universal_x", -0.9, 1.1), ("universal_y", -0.8, 1))
    b.joint(opensim.GimbalJoint, "universal", "gimbal", *((f"gimbal_{n}", lo, hi) for n, lo, hi in angles))
    b.joint(opensim.BallJoint, "gimbal", "ball", *((f"ball_{n}", lo, hi) for n, lo, hi in angles))
    b.joint(opensim.PlanarJoint, "base", "planar", ("turn", -1, 1), ("plane_x", -0.3, 0.2), ("plane_y", -0.2, 0.4))
    b.joint(opensim.WeldJoint, "planar", "weld")
    _add_custom_joints(b)
    b.coordinate("universal_y").setDefaultLocked(True)
    b.coordinate("pin").setDefaultClamped(True)
    b.mark()
    if plate:
        _add_plate(b)
    b.marker("on_ground", b.model.getGround(), (0.5, 0.1, -0.2))
    return b.write(path)


def _add_plate(b: ModelBuilder) -> None:
    offset = opensim.PhysicalOffsetFrame()
    offset.setName("plate")
    offset.setParentFrame(b.bodies["weld"])
    offset.set_translation(vec3((0.1, -0.05, 0.02)))
    offset.set_orientation(vec3((0.4, -0.2, 1.0)))
    b.bodies["weld"].addComponent(offset)
    b.marker("on_plate", offset, (0.03, 0.06, -0.02))
    _KEPT.append(offset)


def _add_custom_joints(b: ModelBuilder) -> None:
    curve = spline((-1.0, 0.02), (-0.4, -0.03), (0.1, 0.05), (0.7, 0.01), (1.2, 0.08))
    turning = spline((-1.2, -0.3), (0.0, 0.1), (1.3, 0.5))
    b.custom_joint(
        "weld",
        "rolling",
        [
            ((0.1, 0.2, 1.0), ["roll"], linear(-1.3, 0.1)),
            ((1.0, 0.1, 0.0), ["roll"], turning),
            ((0.0, 1.0, 0.3), ["twist"], polynomial(0.2, -0.5, 0.8, 0.05)),
            ((0.8, 0.0, 0.6), ["roll"], curve),
            ((0.0, -1.0, 0.0), ["twist"], piecewise_linear((-0.8, 0.1), (0.0, -0.02), (0.5, 0.0), (0.9, 0.1))),
            ((0.0, 0.0, 1.0), ["roll"], times(0.7, curve.clone())),
        ],
        ("roll", -0.9, 1.1),
        ("twist", -0.7, 0.8),
    )
    b.custom_joint(
        "rolling",
        "following",
        [
            (EYE[2], ["follow"], linear(1.0, 0.0)),
            (EYE[1], [], opensim.Constant(0.4)),
            (EYE[0], [], opensim.Constant(0.0)),
            (EYE[0], [], opensim.Constant(0.15)),
            (EYE[1], ["shift"], linear(1.0, 0.0)),
            (EYE[2], ["shift"], linear(2.0, 0.01)),
        ],
        ("follow", -2.0, 2.0),
        ("shift", -0.1, 0.2),
    )
    b.joint(opensim.PinJoint, "following", "last", ("last", -2.0, 2.0))
    b.couple("follow", "roll", spline((-1.0, -0.6), (0.0, 0.0), (0.6, 0.5), (1.2, 0.6)), scale=1.5)
    b.couple("last", "follow", linear(0.5, 0.1))


def arm(path: Path, *, parts: int = 3) -> Path:
    """A trunk that moves freely and a limb of pins: joints without nonlinear functions and without couplings."""
    b = ModelBuilder("arm", seed=1)
    turns = (("rx", -0.7, 0.9), ("ry", -0.6, 0.8), ("rz", -0.5, 1.2))
    b.joint(opensim.FreeJoint, "ground", "trunk", *turns, ("tx", -1, 1), ("ty", -1, 1.5), ("tz", -2, 1))
    b.joint(opensim.GimbalJoint, "trunk", "part_0", *((f"shoulder_{n}", lo, hi) for n, lo, hi in turns))
    for i in range(1, parts):
        b.joint(opensim.PinJoint, f"part_{i - 1}", f"part_{i}", (f"elbow_{i}", -0.5, 1.5))
    b.joint(opensim.SliderJoint, f"part_{parts - 1}", "tip", ("slide", -0.1, 0.2))
    b.mark(each=4)
    return b.write(path)


def coupled_spine(path: Path) -> Path:
    """Vertebrae that share one bending, as lumbar models have it: columns of several joints merge."""
    b = ModelBuilder("coupled_spine", seed=2)
    turns = (("rx", -0.7, 0.9), ("ry", -0.6, 0.8), ("rz", -0.5, 1.2))
    b.joint(opensim.FreeJoint, "ground", "v0", *turns, ("tx", -1, 1), ("ty", -1, 1.5), ("tz", -2, 1))
    for i in range(1, 5):
        b.joint(opensim.PinJoint, f"v{i - 1}", f"v{i}", (f"bend_{i}", -0.6, 0.6))
    b.joint(opensim.PinJoint, "v4", "head", ("nod", -0.6, 0.6))
    b.couple("bend_2", "bend_1", linear(0.8, 0.0))
    b.couple("bend_3", "bend_1", linear(0.6, 0.05))
    b.couple("bend_4", "bend_3", linear(0.5, 0.0), scale=1.2)
    b.mark()
    return b.write(path)


def random_poses(skeleton: Skeleton, *, count: int, seed: int = 0, share: float = 1.0) -> FloatArray:
    """(count, Q) coordinates in the ranges' inner share, couplings satisfied, locked ones at their default."""
    rng = np.random.default_rng(seed)
    low = np.array([c.range_min for c in skeleton.coordinates])
    high = np.array([c.range_max for c in skeleton.coordinates])
    q = (low + high) / 2 + share * (high - low) / 2 * rng.uniform(-1, 1, (count, len(low)))
    locked = [i for i, c in enumerate(skeleton.coordinates) if c.locked]
    q[:, locked] = skeleton.default_pose[locked]
    return skeleton.satisfy_couplings(q)


def motion(skeleton: Skeleton, *, frames: int, seed: int = 0, share: float = 0.5) -> FloatArray:
    """(F, Q) every coordinate swinging smoothly in its range's inner share, the root's turns by half a radian."""
    rng = np.random.default_rng(seed)
    low = np.array([c.range_min for c in skeleton.coordinates])
    high = np.array([c.range_max for c in skeleton.coordinates])
    reach = share * (high - low) / 2
    reach[:6] = np.minimum(reach[:6], 0.5)
    turns_per_frame = rng.uniform(0.002, 0.008, len(low))
    phase = rng.uniform(0, 2 * np.pi, len(low))
    q = (low + high) / 2 + reach * np.sin(2 * np.pi * turns_per_frame * np.arange(frames)[:, None] + phase)
    locked = [i for i, c in enumerate(skeleton.coordinates) if c.locked]
    q[:, locked] = skeleton.default_pose[locked]
    return skeleton.satisfy_couplings(q)


def with_random_markers(skeleton: Skeleton, *, each: int = 3, seed: int = 0, sides: float = 0.1) -> Skeleton:
    """The skeleton with so many more markers on every body, loosely attached."""
    rng = np.random.default_rng(seed)
    more = [
        Marker(f"{body.name}_extra_{i}", index, rng.uniform(-sides, sides, 3))
        for index, body in enumerate(skeleton.bodies)
        for i in range(each)
        if index != GROUND
    ]
    return skeleton.with_markers((*skeleton.markers, *more))


def markers_at(skeleton: Skeleton, q: FloatArray) -> FloatArray:
    """(..., M, 3) where the skeleton's markers are."""
    return Kinematics(skeleton).with_coordinates(torch.from_numpy(np.asarray(q))).markers.numpy()


def recording_of(
    skeleton: Skeleton, q: FloatArray, *, rate_hz: float = 100.0, noise_m: float = 0.0, seed: int = 0
) -> MarkerTrajectories:
    """The skeleton's markers over a motion (F, Q), with noise."""
    positions = markers_at(skeleton, q)
    positions = positions + np.random.default_rng(seed).normal(0, 1, positions.shape) * noise_m
    return MarkerTrajectories(np.arange(len(q)) / rate_hz, skeleton.marker_names, positions)


def without_ground_markers(skeleton: Skeleton) -> Skeleton:
    return skeleton.with_markers(tuple(m for m in skeleton.markers if m.body != GROUND))


def renamed(skeleton: Skeleton, name: str, new_name: str) -> Skeleton:
    """The skeleton with one marker under another name."""
    return skeleton.with_markers(tuple(replace(m, name=new_name) if m.name == name else m for m in skeleton.markers))


class OpenSimPoser:
    """OpenSim's own forward kinematics of a model file."""

    def __init__(self, path: Path, body_scales: dict[str, FloatArray] | None = None) -> None:
        self.model = opensim.Model(str(path))
        self.state = self.model.initSystem()
        if body_scales is not None:
            self._scale(body_scales)
        self.coordinates = [self.model.getCoordinateSet().get(i) for i in range(self.model.getNumCoordinates())]
        self.markers = [self.model.getMarkerSet().get(i) for i in range(self.model.getNumMarkers())]
        self.joints = {
            str(joint.getName()): joint
            for joint in (self.model.getJointSet().get(i) for i in range(self.model.getJointSet().getSize()))
        }

    def _scale(self, body_scales: dict[str, FloatArray]) -> None:
        self.scales = opensim.ScaleSet()
        for name, factors in body_scales.items():
            scale = opensim.Scale()
            scale.setSegmentName(name)
            scale.setScaleFactors(vec3(factors))
            scale.setApply(True)
            self.scales.cloneAndAppend(scale)
        assert self.model.scale(self.state, self.scales, True, -1.0)
        self.state = self.model.initSystem()

    def pose(self, q: FloatArray) -> None:
        for coordinate, value in zip(self.coordinates, q, strict=True):
            coordinate.setLocked(self.state, False)
            coordinate.setClamped(self.state, False)
            coordinate.setValue(self.state, float(value), False)
        self.model.realizePosition(self.state)

    def transform(self, body: str) -> FloatArray:
        X = self.model.getBodySet().get(body).getTransformInGround(self.state)
        T = np.eye(4)
        T[:3, :3] = [[X.R().asMat33().get(i, j) for j in range(3)] for i in range(3)]
        T[:3, 3] = X.p().to_numpy()
        return T

    def marker_positions(self) -> FloatArray:
        return np.array([m.getLocationInGround(self.state).to_numpy() for m in self.markers]).reshape(-1, 3)

    def joint_center(self, joint: str) -> FloatArray:
        return self.joints[joint].getChildFrame().getPositionInGround(self.state).to_numpy()
