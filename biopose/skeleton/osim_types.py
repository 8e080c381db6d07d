"""Which elements of an .osim file hold numbers, and how many, by OpenSim's own declaration of its classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from biopose.io.opensim_xml import Element
from biopose.skeleton.quiet_opensim import opensim

ANY_NUMBER = 2**31 - 1

# Classes whose numbers determine the kinematics, and parts of a model that do not move it.
_MOVING = re.compile(
    r"(?!CMC_|SMC_).*(Joint|Body|Ground|Coordinate|Marker|Frame|SpatialTransform|Axis|Constraint|Function|Spline)"
)
_MOVING_TOO = frozenset({"Constant", "Sine"})
_APART = frozenset(
    [
        "ForceSet",
        "ControllerSet",
        "ProbeSet",
        "ContactGeometrySet",
        "WrapObjectSet",
        "VisibleObject",
        "GeometrySet",
        "DisplayGeometry",
        "attached_geometry",
        "frame_geometry",
        "FrameGeometry",
        "geometry",
        "Appearance",
        "ModelVisualPreferences",
        "ControlSet",
        "ActuatorSet",
    ]
)


@dataclass(frozen=True)
class Numbers:
    """How many numbers an element holds, or truth values."""

    least: int
    most: int
    truth: bool = False


_VECTORS = {"double": 1, "int": 1, "bool": 1, "Vec2": 2, "Vec3": 3, "Vec6": 6}
# Elements of earlier file versions that OpenSim converts; those of today's are in its own declarations.
EARLIER: Mapping[str, Numbers] = {
    **dict.fromkeys(
        ("location_in_parent", "orientation_in_parent", "location_in_child", "orientation_in_child"), Numbers(3, 3)
    ),
    **dict.fromkeys(("location", "orientation", "mass_center", "axis"), Numbers(3, 3)),
    **dict.fromkeys((f"inertia_{axes}" for axes in ("xx", "yy", "zz", "xy", "xz", "yz")), Numbers(1, 1)),
    **dict.fromkeys(("mass", "initial_value", "default_value"), Numbers(1, 1)),
    **dict.fromkeys(("isDisabled", "reverse"), Numbers(1, 1, truth=True)),
    "range": Numbers(2, 2),
}


def is_apart(element: Element) -> bool:
    """Whether an element is no part of what determines the kinematics: by its class and by where it is."""
    owner = next((e.tag for e in (element, *element.ancestors()) if class_of(e)), "")
    moving = _MOVING.fullmatch(owner) or owner in _MOVING_TOO
    return not moving or element.tag in _APART or any(holder.tag in _APART for holder in element.ancestors())


@cache
def registered() -> frozenset[str]:
    """Names of the classes that OpenSim can make, those of earlier versions included."""
    names = opensim.ArrayStr()
    opensim.OpenSimObject.getRegisteredTypenames(names)
    return frozenset(names.get(i) for i in range(names.getSize()))


@cache
def _declared(cls: str) -> tuple[tuple[str, str, int, int], ...]:
    """Name, type, least and greatest count of a class's properties, as OpenSim declares them."""
    prototype = opensim.OpenSimObject.newInstanceOfType(cls)
    properties = (prototype.getPropertyByIndex(i) for i in range(prototype.getNumProperties()))
    return tuple((p.getName(), p.getTypeName(), p.getMinListSize(), p.getMaxListSize()) for p in properties)


@cache
def property_names(cls: str) -> tuple[str, ...]:
    """The elements that a class reads."""
    return tuple(name for name, _, _, _ in _declared(cls))


@cache
def number_properties(cls: str) -> Mapping[str, Numbers]:
    """The properties of a class that hold numbers or truth values."""
    found = {}
    for name, kind, least, most in _declared(cls):
        if kind == "Vector":
            found[name] = Numbers(0, ANY_NUMBER)
        elif kind in _VECTORS:
            found[name] = Numbers(least * _VECTORS[kind], min(ANY_NUMBER, most * _VECTORS[kind]), kind == "bool")
    return found


def class_of(element: Element) -> str | None:
    """The registered class that an element describes: its tag, or the type of its holder's property of that name."""
    if element.tag in registered():
        return element.tag
    return None
