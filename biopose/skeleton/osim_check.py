"""What OpenSim passes over in silence in an .osim file is found here, by the file's own account.

OpenSim reads a location of two numbers or with a decimal comma as 0 0 0, a mass 2,5 as 2, an element twice as its first
and a misspelt one not at all. So every element that holds numbers by OpenSim's own declaration of its class is counted
and parsed again. In what determines the kinematics a fault is an error; in the rest (muscles, contact, display) a note.
"""

from __future__ import annotations

import math
import re
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from biopose.errors import ModelError
from biopose.io.opensim_properties import DECIMAL_COMMA, FLAGS, NUMBER
from biopose.io.opensim_xml import Element
from biopose.skeleton.osim_types import (
    ANY_NUMBER,
    EARLIER,
    Numbers,
    class_of,
    is_apart,
    number_properties,
    property_names,
    registered,
)
from biopose.skeleton.osim_xml import UNREADABLE, parse_osim
from biopose.skeleton.quiet_opensim import opensim

NEWEST_DOCUMENT = 40600  # the version that OpenSim 4.6 writes
_SETS_OF_JOINTS = 30500  # before, each body held the joint to its parent
UNLIMITED = 99999.9  # OpenSim's own range of a coordinate without limits

_NUMBER = re.compile(rf"{NUMBER.pattern}|[+-]?(inf|nan)(inity)?", re.IGNORECASE | re.ASCII)

# SUPPORTED_JOINTS lists what `osim_joints` can represent; CustomJoint's functions are checked where they are read.
SUPPORTED_JOINTS = frozenset(
    [
        "WeldJoint",
        "PinJoint",
        "SliderJoint",
        "UniversalJoint",
        "GimbalJoint",
        "BallJoint",
        "PlanarJoint",
        "FreeJoint",
        "CustomJoint",
        "EllipsoidJoint",
        "ScapulothoracicJoint",
        "ConstantCurvatureJoint",
    ]
)
_THROUGH_POINTS = {"SimmSpline": 2, "PiecewiseLinearFunction": 2, "PiecewiseConstantFunction": 1, "GCVSpline": 2}
# Elements of earlier versions whose names resemble others of today.
_EARLIER_NAMES = frozenset({"parent_body", "body", "body_1", "body_2", "motion_type", "time", "coordinate"})


# How a reference names a body, in a socket of OpenSim 4 and in earlier versions.
_BODY_REFERENCE = re.compile(r"/bodyset/([^/\s]+)")
_BODY_NAMES = frozenset({"parent_body", "body", "body_1", "body_2"})
_OBJECTS_OF = {"BodySet": "Body", "JointSet": "Joint", "MarkerSet": "Marker", "ConstraintSet": "Constraint"}


def check_osim(path: Path) -> tuple[str, ...]:
    """Check a model file before OpenSim loads it.

    Returns:
        Notes on what is odd but does no harm to the kinematics.

    Raises:
        ModelError: naming the file, line, element, what was found and what to write.
    """
    return _Check(path, parse_osim(path)).notes()


class _Check:
    """One document's check."""

    def __init__(self, path: Path, root: Element, *, version: int = 0) -> None:
        self.path = path
        self.root = root
        self.version = version
        self.bodies = {"ground", *(e.label for e in root.elements() if e.tag == "Body")}
        self.found: list[str] = []
        self.apart: list[str] = []

    def notes(self) -> tuple[str, ...]:
        self._document()
        self._elements(self.bodies)
        if self.apart:
            more = f" and {len(self.apart) - 1} more such places" if len(self.apart) > 1 else ""
            self.found.append(f"{self.apart[0]}{more}; this is no part of the kinematics")
        return tuple(self.found)

    def _elements(self, bodies: set[str]) -> None:
        for element in self.root.elements():
            self._readable(element)
            self._known(element)
            self._children(element)
            self._spline(element)
            self._axis(element)
            self._range(element)
            self._body(element, bodies)
            self._repeated(element)
            self._elsewhere(element)

    def _fail(self, element: Element, what: str) -> ModelError:
        return ModelError(f"{self.path}:{element.line}: {element.path}: {what}")

    def _note(self, element: Element, what: str) -> None:
        self.found.append(f"{element.path} (line {element.line}): {what}")

    def _fault(self, element: Element, what: str) -> None:
        """An error in what determines the kinematics, else a note."""
        if is_apart(element):
            self.apart.append(f"{element.path} (line {element.line}): {what}")
        else:
            raise self._fail(element, what)

    def _document(self) -> None:
        root = self.root
        if root.tag != "OpenSimDocument":
            raise ModelError(f"{self.path}:{root.line}: not an OpenSim model: the document is a <{root.tag}>")
        models = [child for child in root.children if child.tag == "Model"]
        others = [child.tag for child in root.children if child.tag != "Model"]
        if len(models) != 1 or others:
            held = ", ".join(child.tag for child in root.children) or "nothing"
            raise ModelError(f"{self.path}: not an OpenSim model: the document holds a {held}; expected one Model")
        version = root.attributes.get("Version", "")
        if not re.fullmatch(r"\d{5,6}", version):
            raise ModelError(
                f"{self.path}:{root.line}: not an OpenSim model: <OpenSimDocument> has Version={version!r}; expected "
                f'that of the OpenSim that wrote it, as Version="{NEWEST_DOCUMENT}" for 4.6'
            )
        self.version = int(version)
        joints = models[0].child("JointSet")
        if self.version < _SETS_OF_JOINTS and joints and joints.children:
            raise self._fail(
                joints,
                f"a JointSet is of OpenSim 4, but the document's Version is {version}, of an earlier one; the Version "
                f"must be that of the OpenSim that wrote the file, as {NEWEST_DOCUMENT} for 4.6",
            )
        if self.version > NEWEST_DOCUMENT:
            self.found.append(
                f"the file was written by a newer OpenSim (document version {version}; this one knows up to "
                f"{NEWEST_DOCUMENT}): what it does not know is passed over"
            )

    def _readable(self, element: Element) -> None:
        if any(UNREADABLE in value for value in element.attributes.values()):
            raise self._fail(
                element,
                f"the attribute of <{element.tag}> {next(v for v in element.attributes.values() if UNREADABLE in v)!r} "
                "holds a character that is not UTF-8, or a bare &; save the file as UTF-8 and write & as &amp;",
            )
        if UNREADABLE in element.text:
            what = "holds a character that is not UTF-8, or a bare &"
            if not is_apart(element):
                raise self._fail(element, f"{what}; save the file as UTF-8 and write & as &amp;")
            self._note(element, f"{what}; it is passed over")

    def _known(self, element: Element) -> None:
        """OpenSim cannot make an object of a type that it has not registered."""
        holder = element.parent
        if holder is None or holder.parent is None or class_of(element) or element.tag in {"Model", "defaults"}:
            return
        kind = _kind_of_object(element)
        if kind == "Joint":
            raise ModelError(
                f"{self.path}:{element.line}: joint type {element.tag} is not supported; known are "
                f"{', '.join(sorted(SUPPORTED_JOINTS))}. Types of an OpenSim plug-in cannot be loaded here: replace "
                f"joint {element.label} by one of these"
            )
        if kind and element.tag[0].isupper():
            raise self._fail(
                element,
                f"OpenSim {opensim.__version__} does not know the type {element.tag}; if it comes from a plug-in, "
                "remove this element from a copy of the model",
            )

    def _children(self, element: Element) -> None:
        cls = class_of(element)
        first: dict[str, Element] = {}
        for child in element.children:
            numbers = number_properties(cls).get(child.tag) if cls else None
            if numbers is None and not (cls and child.tag in property_names(cls)):
                numbers = EARLIER.get(child.tag)
                if cls and numbers is None and not child.children:
                    self._misspelt(child, cls)
            if numbers:
                self._numbers(child, numbers)
            if (numbers or (cls and child.tag in property_names(cls))) and child.tag in first:
                self._twice(child, first[child.tag])
            first.setdefault(child.tag, child)

    def _misspelt(self, child: Element, cls: str) -> None:
        near = [n for n in property_names(cls) if n.lower() == child.tag.lower()]
        near = near or get_close_matches(child.tag, property_names(cls), n=1, cutoff=0.85)
        if near and child.text and child.tag not in _EARLIER_NAMES:
            self._fault(child, f"{cls} has no <{child.tag}>, and OpenSim passes over it; write <{near[0]}>")

    def _twice(self, child: Element, first: Element) -> None:
        if child.text == first.text and not child.children and not first.children:
            return
        self._fault(
            child, f"<{child.tag}> is there twice, in line {first.line} and here; OpenSim reads the first. Keep one"
        )

    def _numbers(self, element: Element, numbers: Numbers) -> None:
        if element.children:
            self._fault(element, f"holds <{element.children[0].tag}> where {_expected(numbers)} expected")
            return
        words = element.text.split()
        if numbers.truth:
            if (len(words) != 1 or words[0].lower() not in FLAGS) and not is_apart(element):
                self._fault(element, f"found {_quoted(element.text)}; expected true or false")
            return
        tokens = _tokens(element.text)
        wrong = next((t for t in tokens if not _NUMBER.fullmatch(t)), None)
        if wrong is not None:
            how = "a decimal comma; write a point" if DECIMAL_COMMA.fullmatch(wrong) else f"{wrong!r} is no number"
            self._fault(element, f"found {_quoted(element.text)}: {how}; {_expected(numbers)} expected")
        elif not numbers.least <= len(tokens) <= numbers.most:
            self._fault(element, f"found {_quoted(element.text)}; {_expected(numbers)} expected")
        elif element.tag != "range" and not all(map(math.isfinite, map(float, tokens))) and not is_apart(element):
            self._fault(element, f"found {_quoted(element.text)}; finite numbers expected")

    def _spline(self, element: Element) -> None:
        if class_of(element) not in _THROUGH_POINTS or is_apart(element):
            return
        x, y = element.child("x"), element.child("y")
        knots, values = ([] if child is None else _tokens(child.text) for child in (x, y))
        if len(knots) != len(values):
            raise self._fail(element, f"<x> holds {len(knots)} numbers and <y> {len(values)}; as many are needed")
        if len(knots) < (least := _THROUGH_POINTS[element.tag]):
            raise self._fail(element, f"{len(knots)} points; a {element.tag} needs at least {least}")
        for before, after in pairwise(knots):
            if float(after) <= float(before):
                raise self._fail(x or element, f"{after} comes after {before}; <x> must ascend")

    def _axis(self, element: Element) -> None:
        """OpenSim evaluates a function without its coordinate at what happens to be in memory."""
        coordinates, function = element.child("coordinates"), element.child("function")
        if element.tag != "TransformAxis" or (coordinates is not None and coordinates.text):
            return
        # Up to OpenSim 4.6 a function stands within <function>, or in its place under its own tag.
        held = [e for child in element.children if child is not coordinates for e in child.elements()]
        moving = next((e for e in held if class_of(e) not in {None, "Constant", "MultiplierFunction"}), function)
        if moving is not None and moving is not function:
            raise self._fail(
                element,
                f"<{moving.tag}> (line {moving.line}) needs a coordinate; write its name between "
                "<coordinates> and </coordinates>",
            )

    def _range(self, element: Element) -> None:
        if element.tag != "Coordinate" or (limits := element.child("range")) is None:
            return
        low, high = map(float, _tokens(limits.text))
        if math.isnan(low) or math.isnan(high) or low > high:
            raise self._fail(limits, f"found {limits.text!r}; expected the least value, then the greatest")
        if math.isinf(low) or math.isinf(high):
            self._note(limits, f"infinite, taken as {UNLIMITED}")

    def _body(self, element: Element, bodies: set[str]) -> None:
        """A reference to a body that is not there; other references are left to OpenSim."""
        if element.tag == "Body" and element.label == "ground" and self.version >= _SETS_OF_JOINTS:
            raise self._fail(element, "a body cannot be named ground, which is the laboratory; rename it")
        if element.children or is_apart(element):
            return
        is_socket = element.tag.startswith("socket_")
        if is_socket and not element.text:
            raise self._fail(element, "names no frame; expected one as /ground or /bodyset/pelvis")
        reference = _BODY_REFERENCE.fullmatch(element.text) if is_socket else None
        name = reference[1] if reference else element.text if element.tag in _BODY_NAMES else None
        if name and name not in bodies:
            raise self._fail(element, f"the model has no body {name}; it has {', '.join(sorted(bodies))}")

    def _repeated(self, element: Element) -> None:
        holder = element.parent
        if element.tag != "objects" or holder is None or holder.tag not in _OBJECTS_OF:
            return
        lines: dict[str, list[int]] = {}
        for child in element.children:
            lines.setdefault(child.label, []).append(child.line)
        for name, where in lines.items():
            if len(where) > 1:
                self.found.append(
                    f"{holder.tag}: {name} is there {len(where)} times (lines {', '.join(map(str, where))}); OpenSim "
                    f"names the later ones {name}_0 and so on, and a reference to {name} means the first"
                )

    def _elsewhere(self, element: Element) -> None:
        """An object may be in another file, and then OpenSim does not look at what is here."""
        if not (name := element.file) or element.tag not in registered():
            return
        other = self.path.parent / name
        if not other.is_file():
            raise self._fail(element, f"is to be read from {name}, which is not there; put it beside the model")
        check = _Check(other, parse_osim(other), version=self.version)
        check._elements(self.bodies)
        self._note(element, f"is read from {name}, not from here")
        self.found += check.found
        self.apart += check.apart


def _tokens(text: str) -> list[str]:
    """Numbers between blanks; as in OpenSim a comma may follow each."""
    return [word.removesuffix(",") for word in text.split()]


def _quoted(text: str) -> str:
    return "nothing" if not text else repr(text if len(text) <= 60 else f"{text[:57]}...")


def _expected(numbers: Numbers) -> str:
    if numbers.truth:
        return "true or false is"
    if numbers.most == ANY_NUMBER:
        return "numbers like 0.01 with blanks between them are"
    if numbers.most == 1:
        return "a number like 0.01 is"
    example = " ".join(f"0.0{i}" for i in range(1, numbers.most + 1))
    return f"{numbers.most} numbers like {example} are"


def _kind_of_object(element: Element) -> str | None:
    """What an element must be by the place where it is: a Joint, a Function and so on; None where it is no object."""
    holder = element.parent
    assert holder is not None
    if holder.tag == "objects" and holder.parent is not None:
        return _OBJECTS_OF.get(holder.parent.tag)
    if holder.tag == "Joint":
        return "Joint"
    return "Function" if holder.tag == "function" else None
