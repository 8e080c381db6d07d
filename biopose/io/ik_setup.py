"""OpenSim inverse kinematics set-up files (InverseKinematicsTool, or an IKTaskSet alone; .xml)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from biopose.errors import FileFormatError
from biopose.io.files import malformed, quoted
from biopose.io.ik_tasks import CoordinateTask, MarkerTask, read_tasks
from biopose.io.opensim_properties import Properties
from biopose.io.opensim_xml import Element, read_opensim_xml

DOCUMENT, TOOL, TASK_SET = "OpenSimDocument", "InverseKinematicsTool", "IKTaskSet"
TASKS = ("IKMarkerTask", "IKCoordinateTask")
FILES = ("model_file", "marker_file", "coordinate_file", "output_motion_file", "results_directory")
KNOWN = (
    *FILES,
    "constraint_weight",
    "accuracy",
    "time_range",
    "report_errors",
    "report_marker_locations",
    TASK_SET,
)
NO_FILE = ("", "unassigned")  # OpenSim's spellings of a file that is not given
# Set-up files that hold marker tasks too, or that are mistaken for those of inverse kinematics.
OTHER_DOCUMENTS = {
    "ScaleTool": "its marker tasks place markers; to scale, use `biopose scale --markers STATIC --model GENERIC`",
    "InverseDynamicsTool": "it is of inverse dynamics",
    "AnalyzeTool": "it is of an analysis",
    "CMCTool": "it is of computed muscle control",
    "RRATool": "it is of residual reduction",
    "ForwardTool": "it is of a forward simulation",
    "IMUInverseKinematicsTool": "it is of inertial sensors, which BioPose does not read",
    "IKTool": "it is of OpenSim 2 or older; open it in OpenSim 4 and save it",
    "Model": "a model is given as --model",
    "MarkerSet": "marker sets belong into the model",
}


@dataclass(frozen=True)
class IKSetup:
    """What an inverse kinematics set-up file asks for; what it leaves to OpenSim's default is None.

    Attributes:
        path: of the file.
        marker_tasks: by marker name, those that are applied; None where the file has no marker task, and OpenSim
            gives every marker the weight 1.
        coordinate_tasks: those that are applied with a weight above 0.
        time_range_s: first and last time to be solved; infinite where it is open.
        accuracy: of the solution, relative (radians, metres).
        constraint_weight: of the model's constraints; infinite where they are to hold exactly.
        report_errors: whether the errors of each frame are to be written.
        files: by property, what the file names; relative names are within the set-up file's folder, as in OpenSim.
        lines: where each property begins that the file holds.
        notes: what was odd in the file or cannot be applied, a sentence each.
    """

    path: Path
    marker_tasks: dict[str, MarkerTask] | None
    coordinate_tasks: tuple[CoordinateTask, ...]
    time_range_s: tuple[float, float] = (-math.inf, math.inf)
    accuracy: float | None = None
    constraint_weight: float = math.inf
    report_errors: bool = False
    files: tuple[tuple[str, Path], ...] = ()
    lines: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def marker_weights(self) -> dict[str, float] | None:
        """Weights by marker name; None where every marker weighs 1."""
        return None if self.marker_tasks is None else {name: task.weight for name, task in self.marker_tasks.items()}

    def file(self, tag: str) -> Path | None:
        """The file that a property names; None where it names none."""
        return dict(self.files).get(tag)

    def where(self, tag: str) -> str:
        """``path:line`` of a property, as messages name it."""
        line = dict(self.lines).get(tag)
        return f"{self.path}:{line}" if line else f"{self.path}"


def read_ik_setup(path: Path | str) -> IKSetup:
    """Read a set-up file.

    Raises:
        FileFormatError: there is no such file, it is not XML, it is the set-up of another tool, it asks for nothing,
            or a value has another form than OpenSim's: OpenSim itself goes on with 0 or with its default then.
    """
    path = Path(path)
    root, notes = read_opensim_xml(path)
    _refuse_other_documents(root, path)
    tools = list(root.iter(TOOL))
    if len(tools) > 1:
        raise malformed(path, line=tools[1].line, found=f"a second {TOOL}", expected="one; split the file")
    notes = (*notes, *_outside(path, root))
    if not tools:
        holder, source, more = _task_holder(root, path)
        tasks = read_tasks(source, holder)
        if tasks.markers is None and not tasks.coordinates:
            raise malformed(path, found="no IKMarkerTask", expected=f"an {TOOL} or {TASK_SET} with tasks")
        return IKSetup(path, tasks.markers, tasks.coordinates, notes=(*notes, *more, *tasks.notes))
    return _tool(path, tools[0], notes)


def _tool(path: Path, tool: Element, notes: tuple[str, ...]) -> IKSetup:
    properties = Properties(path, tool, known=(*KNOWN, *TASKS), of="")
    holder, source, more = _task_holder(tool, path)
    tasks = read_tasks(source, holder)
    files = _files(path, properties)
    not_applied = _not_applied(path, properties, tasks.coordinates, files)
    return IKSetup(
        path,
        tasks.markers,
        tasks.coordinates,
        time_range_s=_time_range(properties),
        accuracy=_accuracy(properties),
        constraint_weight=_constraint_weight(properties),
        report_errors=properties.flag("report_errors") is True,
        files=files,
        lines=tuple((child.tag, child.line) for child in tool.children),
        notes=(
            *notes,
            *more,
            *properties.notes,
            *tasks.notes,
            *not_applied,
        ),
    )


def _refuse_other_documents(root: Element, path: Path) -> None:
    for element in (root, *root.children):
        if element.tag not in OTHER_DOCUMENTS:
            continue
        found = f"{element.tag}"
        expected = f"the set-up of inverse kinematics, an {TOOL}: {OTHER_DOCUMENTS[element.tag]}"
        raise malformed(path, line=element.line, found=found, expected=expected)


def _outside(path: Path, root: Element) -> list[str]:
    """Notes on what a document holds beside the tool or the task set."""
    if root.tag != DOCUMENT:
        return []
    return [
        f"{path}:{child.line}: <{child.tag}> is outside {TOOL} and has no effect; move it inside"
        for child in root.children
        if child.tag not in (TOOL, TASK_SET, *TASKS)
    ]


def _task_holder(element: Element, path: Path) -> tuple[Element, Path, tuple[str, ...]]:
    """The element that holds the tasks, the file in which it is, and notes; OpenSim 3 had task sets in files."""
    task_set = next(element.iter(TASK_SET), None)
    if task_set is None:
        return element, path, ()
    if not task_set.file:
        return task_set, path, ()
    source = path.parent / task_set.file
    if not source.is_file():
        found = f"the {TASK_SET} file {quoted(task_set.file)}, which is not there"
        raise malformed(path, line=task_set.line, found=found, expected="the file beside the set-up file")
    root, notes = read_opensim_xml(source)
    return next(root.iter(TASK_SET), root), source, notes


def _files(path: Path, properties: Properties) -> tuple[tuple[str, Path], ...]:
    named = {tag: properties.text(tag) for tag in FILES}
    # Windows's separators, as OpenSim's graphical interface writes them there.
    return tuple((t, path.parent / n.replace("\\", "/")) for t, n in named.items() if n.lower() not in NO_FILE)


def _time_range(properties: Properties) -> tuple[float, float]:
    expected = "two times in seconds, the first and the last to be solved, such as 0.5 1.2"
    start_end = properties.pair("time_range", expected=expected)
    if start_end is None:
        return -math.inf, math.inf
    if start_end[1] < start_end[0]:
        raise properties.malformed("time_range", expected=f"{expected}; the last is before the first")
    return start_end


def _accuracy(properties: Properties) -> float | None:
    value = properties.number("accuracy")
    if value is not None and not 0 < value < 1:
        raise properties.malformed("accuracy", expected="a number above 0 and below 1, such as 1e-5")
    return value


def _constraint_weight(properties: Properties) -> float:
    value = properties.number("constraint_weight", infinite=True)
    if value is not None and value < 0:
        raise properties.malformed("constraint_weight", expected="a number of 0 or more, or Infinity")
    return math.inf if value is None else value


def _not_applied(
    path: Path, properties: Properties, tasks: tuple[CoordinateTask, ...], files: tuple[tuple[str, Path], ...]
) -> list[str]:
    """What the file asks for and is not done; raises where a task needs a file that is not named."""
    notes = []
    if properties.flag("report_marker_locations"):
        where = f"{path}:{properties.line('report_marker_locations')}"
        notes.append(f"{where}: report_marker_locations is not supported: no file of marker locations is written")
    coordinate_file = dict(files).get("coordinate_file")
    from_file = [task for task in tasks if task.value_type == "from_file"]
    if from_file and coordinate_file is None:
        raise _no_coordinate_file(path, from_file[0])
    if coordinate_file is not None and not from_file:
        where = f"{path}:{properties.line('coordinate_file')}"
        notes.append(f"{where}: coordinate_file {coordinate_file} is not used: no task has value_type from_file")
    return notes


def _no_coordinate_file(path: Path, task: CoordinateTask) -> FileFormatError:
    found = f"value_type from_file of coordinate {task.name}, and no coordinate_file"
    return malformed(path, line=task.line, found=found, expected="<coordinate_file> with a .mot or .sto of its values")
