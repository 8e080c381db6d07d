"""OpenSim's XML files, whose damaged copies are read as OpenSim itself reads them, or refused: .osim and IK set-ups."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biopose.io.ik_setup import read_ik_setup
from biopose.skeleton.model import Skeleton
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.reader import coordinate_names, read_osim
from tests.fuzzing.outcomes import Format, Outcome
from tests.fuzzing.text_mutations import TEXT_MUTATIONS
from tests.fuzzing.xml_mutations import XML_MUTATIONS
from tests.skeleton.models import OpenSimPoser, every_part, markers_at, random_poses
from tests.skeleton.test_osim_check import MODEL
from tests.skeleton.test_reader import OLD_FORMAT

XML = (*TEXT_MUTATIONS, *XML_MUTATIONS, *XML_MUTATIONS)
SETUP = """<?xml version="1.0" encoding="UTF-8" ?>
<OpenSimDocument Version="40600">
  <InverseKinematicsTool name="walk">
    <model_file>model.osim</model_file>
    <constraint_weight>20</constraint_weight>
    <accuracy>1e-05</accuracy>
    <time_range>0.5 1.25</time_range>
    <report_errors>true</report_errors>
    <output_motion_file>ik.mot</output_motion_file>
    <marker_file>walk.trc</marker_file>
    <IKTaskSet>
      <objects>
        <IKMarkerTask name="R.ASIS">
          <apply>true</apply>
          <weight>10</weight>
        </IKMarkerTask>
        <IKMarkerTask name="L.ASIS">
          <apply>true</apply>
          <weight>2.5</weight>
        </IKMarkerTask>
        <IKMarkerTask name="C7">
          <apply>false</apply>
          <weight>1</weight>
        </IKMarkerTask>
        <IKCoordinateTask name="subtalar_angle_r">
          <apply>true</apply>
          <weight>1000</weight>
          <value_type>manual_value</value_type>
          <value>0.1</value>
        </IKCoordinateTask>
        <IKCoordinateTask name="subtalar_angle_l">
          <apply>true</apply>
          <weight>5</weight>
          <value_type>default_value</value_type>
          <value>0</value>
        </IKCoordinateTask>
      </objects>
    </IKTaskSet>
  </InverseKinematicsTool>
</OpenSimDocument>
"""


@dataclass(frozen=True)
class Model:
    """A model as it was read, and its file, which OpenSim reads again."""

    skeleton: Skeleton
    path: Path


def _model(path: Path) -> tuple[Model, tuple[str, ...]]:
    skeleton = read_osim(path)
    return Model(skeleton, path), skeleton.notes


def _models_compared(sound: Model, found: Model) -> Outcome:
    """Unknowable where OpenSim has the same kinematics and markers of a model that is not the sound one."""
    poser, skeleton = OpenSimPoser(found.path), found.skeleton
    names = tuple(str(marker.getName()) for marker in poser.markers)
    if names != skeleton.marker_names or coordinate_names(poser.model) != skeleton.coordinate_names:
        return Outcome("silent", "OpenSim has other names of markers or coordinates")
    for q in random_poses(skeleton, count=2):
        poser.pose(q)
        if not np.allclose(markers_at(skeleton, q), poser.marker_positions(), atol=1e-9):
            return Outcome("silent", "OpenSim has other kinematics")
    same = names == sound.skeleton.marker_names and skeleton.coordinate_names == sound.skeleton.coordinate_names
    if same and all(
        np.allclose(markers_at(skeleton, q), markers_at(sound.skeleton, q), atol=1e-3)
        for q in random_poses(sound.skeleton, count=2)
    ):
        return Outcome("equal")
    return Outcome("unknowable", "another model, of which OpenSim has the same kinematics")


def _model_files() -> list[bytes]:
    """Of today's format and OpenSim 3's; with every kind of joint and function."""
    with tempfile.TemporaryDirectory() as folder:
        parts = every_part(Path(folder) / "m.osim").read_bytes()
    return [MODEL.encode(), OLD_FORMAT.replace("KIND", "PinJoint").encode(), parts]


@dataclass(frozen=True)
class Request:
    """What a set-up asks for, here and by OpenSim's account of the same file; None where OpenSim refuses it."""

    ours: object
    opensims: object


def _request(path: Path) -> tuple[Request, tuple[str, ...]]:
    setup = read_ik_setup(path)
    markers = {name: weight for name, weight in (setup.marker_weights or {}).items() if weight > 0}
    coordinates = {
        task.name: (task.weight, task.value_type, task.value if task.value_type == "manual_value" else None)
        for task in setup.coordinate_tasks
    }
    ours = (setup.time_range_s, setup.constraint_weight, setup.accuracy or 1e-5, markers, coordinates)
    return Request(ours, _opensims_request(path)), setup.notes


def _opensims_request(path: Path) -> object:
    try:
        tool = opensim.InverseKinematicsTool(str(path), False)
    except (RuntimeError, UnicodeDecodeError):  # the latter of its message
        return None
    tasks = tool.getIKTaskSet()
    markers, coordinates = {}, {}
    for task in (tasks.get(index) for index in range(tasks.getSize())):
        if not task.getApply() or task.getWeight() <= 0:
            continue
        if task.getConcreteClassName() == "IKMarkerTask":
            markers[" ".join(task.getName().split())] = task.getWeight()
            continue
        coordinate = opensim.IKCoordinateTask.safeDownCast(task)
        value_type = ("default_value", "manual_value", "from_file")[coordinate.getValueType()]
        value = coordinate.getValue() if value_type == "manual_value" else None
        coordinates[" ".join(task.getName().split())] = (task.getWeight(), value_type, value)
    is_default = tool.getPropertyByName("time_range").getValueIsDefault()  # -inf to 2 s in OpenSim 4.6
    times = (-math.inf, math.inf) if is_default else (tool.getStartTime(), tool.getEndTime())
    return times, tool.get_constraint_weight(), tool.get_accuracy(), markers, coordinates


def _requests_compared(sound: Request, found: Request) -> Outcome:
    if found.ours == sound.ours and found.opensims in (sound.opensims, None):
        return Outcome("equal")
    if found.opensims is not None and found.ours != found.opensims:
        return Outcome("silent", f"here {found.ours}; OpenSim {found.opensims}")
    return Outcome("unknowable", f"another request, of OpenSim, too, unless it refuses the file: {found.ours}")


NO_NUMBERS = frozenset({"no_number", "no_number_in_an_element"})
OSIM = Format("damaged.osim", _model_files, XML, _model, _models_compared, NO_NUMBERS)
IK_SETUP = Format("damaged.xml", lambda: [SETUP.encode()], XML, _request, _requests_compared, NO_NUMBERS)
