"""Read any .osim file into a `Skeleton`.

OpenSim itself loads the file (so every file version it knows is read); what it would pass over in silence is found
before, by the file's own account (`osim_check`). What the kinematics do not hold, such as an enforced weld constraint,
is in the skeleton's notes.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from biopose.errors import ModelError
from biopose.skeleton.functions import PiecewisePolynomial
from biopose.skeleton.model import Body, Coordinate, Coupling, Joint, Marker, Motion, Skeleton
from biopose.skeleton.osim_check import UNLIMITED, check_osim
from biopose.skeleton.osim_coordinates import coordinate_names, items_of
from biopose.skeleton.osim_functions import UnknownFunctionError, function_of
from biopose.skeleton.osim_joints import links_of, transform, vec3
from biopose.skeleton.quiet_opensim import opensim

_MOTIONS: dict[int, Motion] = {1: "rotational", 2: "translational", 3: "coupled"}


def read_osim(path: Path | str) -> Skeleton:
    """Read a model file.

    Args:
        path: an .osim file.

    Returns:
        The skeleton, in metres, kilograms and radians. Its notes name what is odd in the file, and the constraints
        that the kinematics do not hold.

    Raises:
        ModelError: if there is no such file, it is not an OpenSim model, a number in it is malformed, or it holds a
            joint or function type that the kinematics cannot represent exactly.
    """
    path = Path(path)
    notes = check_osim(path)
    try:
        model = opensim.Model(str(path))
        model.initSystem()
    except RuntimeError as error:
        raise ModelError(f"{path}: OpenSim cannot build this model: {_reason(error)}") from error
    except UnicodeDecodeError as error:  # of OpenSim's message
        raise ModelError(f"{path}: OpenSim cannot build this model: a name is not UTF-8; save it as UTF-8") from error
    return _Reader(path, model, notes).skeleton()


def _reason(error: RuntimeError) -> str:
    """What OpenSim reports, in one line without the name of the C++ function."""
    lines = [line.strip() for line in str(error).strip().splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith(("Thrown at", "(Required condition")))
    return text.split("': ", 1)[1] if text.startswith("std::exception in '") and "': " in text else text


class _Reader:
    """Walks one OpenSim model; bodies and coordinates get their index here."""

    def __init__(self, path: Path, model: opensim.Model, notes: tuple[str, ...]) -> None:
        self.path = path
        self.model = model
        self.notes = list(notes)
        self.coordinate_set = items_of(model.getCoordinateSet())
        self.names = coordinate_names(model)
        paths = [c.getAbsolutePathString() for c in self.coordinate_set]
        self.coordinate_index = {path: i for i, path in enumerate(paths)}
        self._note_repeated_names()
        self.bodies = [Body("ground", 0.0, np.zeros(3), np.zeros((3, 3)))]
        self.body_index = {"ground": 0}
        self.joints: list[Joint] = []
        for joint, is_reversed in self._tree_order():
            self._add_joint(joint, is_reversed=is_reversed)

    def skeleton(self) -> Skeleton:
        couplings = self._couplings()
        return Skeleton(
            name=self.model.getName(),
            bodies=tuple(self.bodies),
            joints=tuple(self.joints),
            coordinates=tuple(
                self._coordinate(c, name) for c, name in zip(self.coordinate_set, self.names, strict=True)
            ),
            couplings=couplings,
            markers=tuple(self._marker(m) for m in items_of(self.model.getMarkerSet())),
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def _fail(self, what: str) -> ModelError:
        return ModelError(f"{self.path}: {what}")

    def _note_repeated_names(self) -> None:
        repeated = [name for name in self.names if "/" in name]
        if repeated:
            self.notes.append(
                f"coordinates of one name in several joints are named by their joint: {', '.join(repeated)}"
            )

    @staticmethod
    def _base_name(frame: opensim.PhysicalFrame) -> str:
        return str(frame.findBaseFrame().getName())

    def _tree_order(self) -> list[tuple[opensim.Joint, bool]]:
        """The joints outwards from ground, and whether each has its child nearer to ground than its parent."""
        waiting = items_of(self.model.getJointSet())
        reached, ordered = {"ground"}, []
        while waiting:
            ready = [j for j in waiting if self._base_name(j.getParentFrame()) in reached]
            backwards = not ready
            if backwards:
                ready = [j for j in waiting if self._base_name(j.getChildFrame()) in reached][:1]
            if not ready:
                raise self._fail(f"joint {waiting[0].getName()} is not connected to ground")
            for joint in ready:
                further = self._base_name(joint.getParentFrame() if backwards else joint.getChildFrame())
                if further in reached:
                    self.notes.append(
                        f"joint {joint.getName()} closes a loop at body {further}; the loop is not held: the joint's "
                        "coordinates move nothing"
                    )
                else:
                    reached.add(further)
                    ordered.append((joint, backwards))
            done = {j.getName() for j in ready}
            waiting = [j for j in waiting if j.getName() not in done]
        return ordered

    def _add_joint(self, joint: opensim.Joint, *, is_reversed: bool) -> None:
        """A joint's links, each with the body that it moves: the last one's is a body of the model."""
        name, near, far = joint.getName(), joint.getParentFrame(), joint.getChildFrame()
        if is_reversed:
            near, far = far, near
        index = {c.getName(): self.coordinate_index[c.getAbsolutePathString()] for c in _coordinates_of(joint)}
        try:
            links = links_of(joint, index.__getitem__, is_reversed=is_reversed)
        except UnknownFunctionError as error:
            raise self._fail(f"joint {name}, {error}") from error
        parent, segment = self.body_index[self._base_name(near)], len(self.bodies) + len(links) - 1
        for number, link in enumerate(links, start=1):
            is_last, child = number == len(links), len(self.bodies)
            within = Body(f"{name}/link_{number}", 0.0, np.zeros(3), np.zeros((3, 3)), segment)
            self.bodies.append(self._body(self._base_name(far)) if is_last else within)
            self.joints.append(
                Joint(
                    name=name if is_last else within.name,
                    parent=parent,
                    child=child,
                    T_parent_joint=link.T_near,
                    T_child_joint=link.T_far,
                    axes=link.axes,
                )
            )
            parent = child
        self.body_index[self._base_name(far)] = parent

    def _body(self, name: str) -> Body:
        body = self.model.getBodySet().get(name)
        inertia = body.getInertia()
        (xx, yy, zz), (xy, xz, yz) = vec3(inertia.getMoments()), vec3(inertia.getProducts())
        tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        return Body(name, body.getMass(), np.array(vec3(body.getMassCenter())), tensor)

    def _coordinate(self, coordinate: opensim.Coordinate, name: str) -> Coordinate:
        return Coordinate(
            name=name,
            motion=_MOTIONS[coordinate.getMotionType()],
            default=coordinate.getDefaultValue(),
            range_min=_finite(coordinate.getRangeMin()),
            range_max=_finite(coordinate.getRangeMax()),
            locked=coordinate.getDefaultLocked(),
            clamped=coordinate.getDefaultClamped(),
        )

    def _couplings(self) -> tuple[Coupling, ...]:
        for coordinate, name in zip(self.coordinate_set, self.names, strict=True):
            if coordinate.getDefaultIsPrescribed():
                self.notes.append(f"coordinate {name} is prescribed as a function of time; this is not held")
        waiting = []
        for constraint in items_of(self.model.getConstraintSet()):
            if not constraint.get_isEnforced():
                continue
            coupler = opensim.CoordinateCouplerConstraint.safeDownCast(constraint)
            if coupler is None:
                kind = constraint.getConcreteClassName()
                self.notes.append(
                    f"constraint {constraint.getName()} ({kind}) is not held: nothing ties its bodies together"
                )
            elif coupling := self._coupling(coupler):
                waiting.append(coupling)
        return self._ordered(waiting)

    def _ordered(self, waiting: list[Coupling]) -> tuple[Coupling, ...]:
        """Each coupling after those that it builds on."""
        dependents = Counter(c.dependent for c in waiting)
        if twice := [self.names[c] for c, count in dependents.items() if count > 1]:
            raise self._fail(
                f"coordinate {twice[0]} depends on others by {dependents.most_common(1)[0][1]} couplers; keep one"
            )
        ordered: list[Coupling] = []
        while waiting:
            pending = {c.dependent for c in waiting}
            ready = [c for c in waiting if c.independent not in pending]
            if not ready:
                raise self._fail("coordinate couplers depend on each other in a circle")
            ordered += ready
            waiting = [c for c in waiting if c not in ready]
        return tuple(ordered)

    def _coupling(self, coupler: opensim.CoordinateCouplerConstraint) -> Coupling | None:
        """A coupler of two coordinates; of others a note that it is not held."""
        independent = coupler.getIndependentCoordinateNames()
        held = f"coupler {coupler.getName()} is not held"
        if independent.getSize() != 1:
            self.notes.append(f"{held}: it has {independent.getSize()} independent coordinates; one is supported")
            return None
        scale = float(coupler.getPropertyByName("scale_factor").toString())
        try:
            function = function_of(coupler.getFunction(), n_inputs=1)
        except UnknownFunctionError as error:
            self.notes.append(f"{held}: {error}")
            return None
        if not isinstance(function, PiecewisePolynomial):
            self.notes.append(f"{held}: function type {coupler.getFunction().getConcreteClassName()} is not supported")
            return None
        dependent, driver = (
            self._coupled(coupler, name) for name in (coupler.getDependentCoordinateName(), independent.get(0))
        )
        return Coupling(dependent, driver, function.times(scale))

    def _coupled(self, coupler: opensim.CoordinateCouplerConstraint, name: str) -> int:
        """Index of the coordinate that OpenSim takes: the first of that name in the model's order."""
        found = [i for i, c in enumerate(self.coordinate_set) if c.getName() == name]
        if len(found) > 1:
            self.notes.append(
                f"coupler {coupler.getName()} names coordinate {name}, which several joints have; that of joint "
                f"{self.coordinate_set[found[0]].getJoint().getName()} is taken, as OpenSim does"
            )
        return found[0]

    def _marker(self, marker: opensim.Marker) -> Marker:
        frame = marker.getParentFrame()
        T_body_frame = transform(frame.findTransformInBaseFrame())
        location = T_body_frame[:3, :3] @ np.array(vec3(marker.get_location())) + T_body_frame[:3, 3]
        return Marker(marker.getName(), self.body_index[self._base_name(frame)], location, fixed=marker.get_fixed())


def _finite(limit: float) -> float:
    return float(np.copysign(UNLIMITED, limit)) if np.isinf(limit) else limit


def _coordinates_of(joint: opensim.Joint) -> list[opensim.Coordinate]:
    return [joint.get_coordinates(i) for i in range(joint.numCoordinates())]
