"""The tasks of an OpenSim inverse kinematics set-up: how much a marker counts, what value a coordinate should have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from biopose.errors import FileFormatError
from biopose.io.files import malformed, quoted
from biopose.io.opensim_properties import Properties, unknown_element
from biopose.io.opensim_xml import Element

ValueType = Literal["default_value", "manual_value", "from_file"]
MARKER, COORDINATE = "IKMarkerTask", "IKCoordinateTask"
TASK_SET, TASK_SET_KNOWN = "IKTaskSet", ("objects", "groups", "defaults", MARKER, COORDINATE)
TASK_KNOWN = {MARKER: ("apply", "weight"), COORDINATE: ("apply", "weight", "value_type", "value")}
WEIGHT = "a number of 0 or more"


@dataclass(frozen=True)
class MarkerTask:
    """A marker's weight, and the line of its task."""

    weight: float
    line: int


@dataclass(frozen=True)
class CoordinateTask:
    """A value that a coordinate should have.

    Attributes:
        name: of the coordinate.
        weight: of the squared difference, relative to the sum of the markers' weights.
        value_type: where the value comes from: the model's default, `value`, or the set-up's coordinate file.
        value: radians or metres; None unless value_type is manual_value.
        line: of the task.
    """

    name: str
    weight: float
    value_type: ValueType
    value: float | None
    line: int


@dataclass(frozen=True)
class Tasks:
    """The applied tasks of a set, and what was odd, a sentence each; no markers where no marker task is there."""

    markers: dict[str, MarkerTask] | None
    coordinates: tuple[CoordinateTask, ...]
    notes: tuple[str, ...]


def read_tasks(path: Path, holder: Element) -> Tasks:
    """The tasks within an element.

    Raises:
        FileFormatError: a value of a task has another form than OpenSim's, two tasks of one object disagree, or a task
            is of another kind.
    """
    _refuse_other_tasks(path, holder)
    reader = _TaskReader(path)
    for element in holder.iter(MARKER, COORDINATE):
        reader.read(element)
    notes = [*reader.notes, *_without_effect(path, holder)]
    if reader.unweighted:
        notes.append(
            f"{path}: {len(reader.unweighted)} marker tasks have no <weight> and weigh 1 here, 0 in OpenSim: "
            f"{', '.join(reader.unweighted)}"
        )
    return Tasks(reader.markers if reader.has_marker_tasks else None, tuple(reader.coordinates.values()), tuple(notes))


class _TaskReader:
    """Reads task after task."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.has_marker_tasks = False
        self.markers: dict[str, MarkerTask] = {}
        self.coordinates: dict[str, CoordinateTask] = {}
        self.notes: list[str] = []
        self.unweighted: list[str] = []

    def read(self, element: Element) -> None:
        """Read one task."""
        kind = "marker" if element.tag == MARKER else "coordinate"
        self.has_marker_tasks |= element.tag == MARKER
        if not element.name:
            found, expected = f"an {element.tag} without a name", f"the {kind}'s name: <{element.tag} name=...>"
            raise malformed(self.path, line=element.line, found=found, expected=expected)
        of = f"of {kind} {element.name}"
        properties = Properties(self.path, element, known=TASK_KNOWN[element.tag], of=of)
        self.notes += properties.notes
        if properties.flag("apply") is False:
            return
        weight = properties.number("weight", expected=WEIGHT)
        if weight is not None and weight < 0:
            raise properties.malformed("weight", expected=WEIGHT)
        if element.tag == MARKER:
            self._add_marker(element, weight)
        else:
            self._add_coordinate(element, properties, weight)

    def _add_marker(self, element: Element, weight: float | None) -> None:
        if weight is None:
            self.unweighted.append(element.name)
        task, before = MarkerTask(1.0 if weight is None else weight, element.line), self.markers.get(element.name)
        if before is not None and before.weight != task.weight:
            raise self._twice(element, f"marker {element.name}", before.line)
        self.markers[element.name] = task

    def _add_coordinate(self, element: Element, properties: Properties, weight: float | None) -> None:
        if not weight:
            self.notes.append(
                f"{self.path}:{element.line}: the task of coordinate {element.name} has the weight 0 and no effect"
            )
            return
        value_type = _value_type(properties)
        value = None
        if value_type == "manual_value":
            value = properties.number("value")
        if value_type == "manual_value" and value is None:
            value = 0.0
            self.notes.append(
                f"{self.path}:{element.line}: the task of coordinate {element.name} has no <value>; 0 is taken, as in "
                "OpenSim"
            )
        if element.name in self.coordinates:
            raise self._twice(element, f"coordinate {element.name}", self.coordinates[element.name].line)
        self.coordinates[element.name] = CoordinateTask(element.name, weight, value_type, value, element.line)

    def _twice(self, element: Element, what: str, before: int) -> FileFormatError:
        found = f"another task of {what}, after line {before}"
        return malformed(self.path, line=element.line, found=found, expected="one task; remove the other")


def _value_type(properties: Properties) -> ValueType:
    text = properties.text("value_type").lower() or "default_value"
    for known in get_args(ValueType):
        if text == known:
            return known
    raise properties.malformed("value_type", expected="default_value, manual_value or from_file")


def _refuse_other_tasks(path: Path, holder: Element) -> None:
    for objects in holder.iter("objects"):
        for element in objects.children:
            if element.tag not in TASK_KNOWN:
                found = f"a task {quoted(element.tag)}"
                raise malformed(path, line=element.line, found=found, expected=f"{MARKER} or {COORDINATE}; remove it")


def _without_effect(path: Path, holder: Element) -> list[str]:
    """What a task set holds beside tasks; in OpenSim too its tasks do not take values from its default objects."""
    if holder.tag != TASK_SET:
        return []
    notes = [unknown_element(path, e, TASK_SET, TASK_SET_KNOWN) for e in holder.children if e.tag not in TASK_SET_KNOWN]
    return notes + [
        f"{path}:{defaults.line}: <defaults> has no effect on the tasks, as in OpenSim"
        for defaults in holder.children
        if defaults.tag == "defaults" and any(e.tag in TASK_KNOWN and e.children for e in defaults.children)
    ]
